"""ONNX models: layers that compute what onnxruntime computes, and an account of every operator."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import numpy as np
import pytest
from close import near
from oracle import configurations

from red_timeloop import Conv, TransposedConv, decompose
from red_timeloop.errors import InputError
from red_timeloop.frontends import onnx as frontend
from red_timeloop.workload import dump_workload, load_workload

onnx = pytest.importorskip("onnx")
helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT


def _info(name, shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def _tensor(name, array):
    return onnx.numpy_helper.from_array(np.asarray(array), name)


def _model(nodes, inputs, constants=(), outputs=("y",), opset=21, **more):
    graph = helper.make_graph(nodes, "g", inputs, [_info(o, None) for o in outputs], constants)
    opsets = [helper.make_opsetid("", opset), *more.pop("opsets", [])]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10, **more)


def _attributes(random, c):
    """ONNX's attributes for a configuration, in one of the ways to say the padding."""
    attributes = {"strides": c["stride"], "dilations": c["dilation"], "group": c["groups"]}
    if random.random() < 0.5:
        attributes["kernel_shape"] = c["kernel"]
    way = random.choice(["pads", "SAME_UPPER", "SAME_LOWER", "VALID", "shape"])
    if way == "pads":
        attributes["pads"] = [random.randint(0, 3) for _ in range(2 * c["ndim"])]
    elif way != "shape":
        attributes["auto_pad"] = way
    elif c["transposed"]:
        sizes = zip(c["input"], c["kernel"], c["stride"], c["dilation"], strict=True)
        attributes["output_shape"] = [
            max(1, (i - 1) * s + d * (k - 1) + 1 + random.randint(-4, min(1, s - 1)))
            for i, k, s, d in sizes
        ]
        attributes["auto_pad"] = random.choice(["NOTSET", "SAME_UPPER", "SAME_LOWER"])
    if c["transposed"] and random.random() < 0.4:
        # less than the stride: beyond it, onnxruntime either refuses or reads outside its buffer
        limits = zip(c["output_padding"], c["stride"], strict=True)
        attributes["output_padding"] = [min(extra, s - 1) for extra, s in limits]
    return attributes


def _skips_pixels_in_front(c, attributes):
    """SAME on a convolution that leaves two pixels or more unread: onnxruntime skips the first.

    The specification pads by max(0, ...), so that the first pixel is always read.
    """
    if c["transposed"] or not attributes.get("auto_pad", "").startswith("SAME"):
        return False
    sizes = zip(c["input"], c["kernel"], c["stride"], c["dilation"], strict=True)
    return any(((i - 1) // s) * s + d * (k - 1) + 1 - i <= -2 for i, k, s, d in sizes)


def test_layers_compute_what_onnxruntime_computes():
    runtime = pytest.importorskip("onnxruntime")
    runtime.set_default_logger_severity(4)
    random, values = Random(7), np.random.default_rng(7)
    agreed, crops = 0, set()
    for _ in range(700):
        c = configurations.draw(random)
        attributes = _attributes(random, c)
        if _skips_pixels_in_front(c, attributes):
            continue
        channels = (c["in_channels"], c["out_channels"] // c["groups"])
        if not c["transposed"]:
            channels = (c["out_channels"], c["in_channels"] // c["groups"])
        weights = values.integers(-8, 8, (*channels, *c["kernel"])).astype("float32")
        inputs = values.integers(-8, 8, (2, c["in_channels"], *c["input"])).astype("float32")
        kind = "ConvTranspose" if c["transposed"] else "Conv"
        node = helper.make_node(kind, ["x", "w"], ["y"], "n", **attributes)
        model = _model([node], [_info("x", inputs.shape)], [_tensor("w", weights)], opset=17)
        try:
            session = runtime.InferenceSession(
                model.SerializeToString(), providers=["CPUExecutionProvider"]
            )
            (expected,) = session.run(None, {"x": inputs})
        except Exception:  # onnxruntime refuses what it has no kernel for, and empty outputs
            continue
        (entry,) = frontend.load(model).workload.layers
        outputs = decompose(entry.layer).apply(inputs.astype(int), weights.astype(int))
        np.testing.assert_array_equal(outputs, expected, err_msg=f"{kind} {attributes} {c}")
        agreed += 1
        crops |= {before - after for before, after in entry.layer.padding}
    assert agreed > 450
    assert {-1, 0, 1} <= crops  # SAME_UPPER and SAME_LOWER both left their odd pixel


def test_same_upper_crops_the_odd_pixel_at_the_end():
    node = helper.make_node(
        "ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], auto_pad="SAME_UPPER"
    )
    model = _model([node], [_info("x", [1, 4, 8, 8])], [_tensor("w", np.ones((4, 2, 5, 5)))])
    (entry,) = frontend.load(model).workload.layers
    assert entry.layer.padding == ((1, 2), (1, 2))
    assert entry.layer.output_size == (16, 16)


def _network():
    """One operator of every kind: imported, free, not modelled."""
    constants = [
        _tensor("w1", np.ones((8, 3, 3, 3), "float32")),
        _tensor("w2", np.ones((8, 4, 4, 4), "float32")),
        _tensor("w3", np.ones((10, 4 * 16 * 16), "float32")),
        _tensor("w4", np.ones((10, 6), "float32")),
        _tensor("flat", np.array([2, -1])),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("ConvTranspose", ["b", "w2"], ["c"], "up", strides=[2, 2], pads=[1] * 4),
        helper.make_node("Reshape", ["c", "flat"], ["d"], "reshape"),
        helper.make_node("Gemm", ["d", "w3"], ["e"], "fc", transB=1),
        helper.make_node("MatMul", ["e", "w4"], ["f"], "mm"),
        helper.make_node("Transpose", ["f"], ["g"], "t", perm=[1, 0]),
        helper.make_node("MatMul", ["f", "g"], ["h"], "attention"),
        helper.make_node("Magic", ["h"], ["y"], "magic", domain="example.org"),
    ]
    return _model(
        nodes,
        [_info("x", [2, 3, 8, 8])],
        constants,
        opsets=[helper.make_opsetid("example.org", 1)],
    )


def test_every_operator_is_accounted_for():
    imported = frontend.load(_network())
    status = {operator.name: operator.status for operator in imported.operators}
    assert status == {
        "conv": "imported",
        "relu": "free",
        "up": "imported",
        "reshape": "free",
        "fc": "imported",
        "mm": "imported",
        "t": "free",
        "attention": "not_modelled",
        "magic": "not_modelled",
    }
    attention, magic = imported.not_modelled
    assert attention.macs == 2 * 6 * 2
    assert magic.type == "example.org.Magic"
    assert magic.macs is None
    assert imported.share(magic) is None
    total = imported.workload.macs + attention.macs
    assert imported.share(attention) == near(attention.macs / total)
    layers = [entry.layer for entry in imported.workload.layers]
    assert [type(layer) for layer in layers] == [Conv, TransposedConv, Conv, Conv]
    assert [layer.macs for layer in layers[2:]] == [2 * 1024 * 10, 2 * 10 * 6]
    with pytest.raises(InputError, match=r"2 operators are not modelled: MatMul 'attention': both"):
        imported.require_complete()


def test_the_workload_is_written_and_read_back(tmp_path):
    workload = frontend.load(_network()).workload
    path = tmp_path / "w.yaml"
    path.write_text(dump_workload(workload))
    assert load_workload(path) == workload
    assert "not quantised" in workload.unconfirmed[0]


@pytest.mark.parametrize("gemm", [True, False])
def test_products_compute_what_numpy_computes(gemm):
    values = np.random.default_rng(1)
    x, w = values.integers(-9, 9, (3, 4)), values.integers(-9, 9, (4, 5))
    if gemm:
        node = helper.make_node("Gemm", ["x", "w"], ["y"], transA=1, transB=1)
        given, stored = x.T, w.T
    else:
        node, given, stored = helper.make_node("MatMul", ["x", "w"], ["y"]), x, w
    model = _model([node], [_info("x", given.shape)], [_tensor("w", stored.astype("float32"))])
    (entry,) = frontend.load(model).workload.layers
    outputs = decompose(entry.layer).apply(x.T[None], w.T[..., None])
    np.testing.assert_array_equal(outputs[0].T, x @ w)


def test_a_constant_first_factor_is_the_weight():
    node = helper.make_node("MatMul", ["w", "x"], ["y"], "n")
    model = _model([node], [_info("x", [7, 4, 6])], [_tensor("w", np.ones((5, 4), "float32"))])
    (entry,) = frontend.load(model).workload.layers
    assert (entry.layer.in_channels, entry.layer.out_channels) == (4, 5)
    assert entry.layer.macs == 7 * 5 * 4 * 6


def test_weights_that_depend_on_the_inputs_are_not_modelled():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "plain"),
        helper.make_node("ConvTranspose", ["x", "k"], ["y"], "dynamic"),
    ]
    inputs = [_info("x", [1, 2, 6]), _info("k", [2, 3, 4])]
    imported = frontend.load(_model(nodes, inputs, [_tensor("w", np.ones((2, 2, 3)))]))
    (left,) = imported.not_modelled
    assert (left.name, left.macs) == ("dynamic", 6 * 4 * 2 * 3)


def test_shared_weights_repeat_the_layer():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1]),
        helper.make_node("Conv", ["a", "w"], ["y"], pads=[1, 1]),
    ]
    model = _model(nodes, [_info("x", [1, 2, 6])], [_tensor("w", np.ones((2, 2, 3), "float32"))])
    (entry,) = frontend.load(model).workload.layers
    assert entry.repeat == 2


def test_quantised_models_give_the_bits():
    scale, zero = _tensor("s", np.float32(0.1)), _tensor("z", np.uint8(0))
    four = helper.make_tensor("w", onnx.TensorProto.INT4, [2, 3, 4], [1] * 24)
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("Relu", ["d"], ["r"]),
        helper.make_node("DequantizeLinear", ["w", "s"], ["v"]),
        helper.make_node("ConvTranspose", ["r", "v"], ["a"], "up", strides=[2]),
        helper.make_node("QuantizeLinear", ["a", "s", "z"], ["b"]),
        helper.make_node("QLinearConv", ["b", "s", "z", "k", "s", "z", "s", "z"], ["y"], "conv"),
    ]
    constants = [scale, zero, four, _tensor("k", np.ones((2, 3, 3), "uint8"))]
    imported = frontend.load(_model(nodes, [_info("x", [1, 2, 6])], constants))
    bits = [(e.layer.input_bits, e.layer.weight_bits) for e in imported.workload.layers]
    assert bits == [(8, 4), (8, 8)]
    assert imported.workload.unconfirmed == ()
    forced = frontend.load(_model(nodes, [_info("x", [1, 2, 6])], constants), weight_bits=2)
    assert [e.layer.weight_bits for e in forced.workload.layers] == [2, 2]


def test_local_functions_are_inlined():
    body = [helper.make_node("ConvTranspose", ["p", "q"], ["r"], strides=[2])]
    opsets = [helper.make_opsetid("", 21)]
    function = helper.make_function("mine", "Up", ["p", "q"], ["r"], body, opsets)
    node = helper.make_node("Up", ["x", "w"], ["y"], "n", domain="mine")
    constants = [_tensor("w", np.ones((2, 3, 4), "float32"))]
    model = _model(
        [node],
        [_info("x", [1, 2, 6])],
        constants,
        functions=[function],
        opsets=[helper.make_opsetid("mine", 1)],
    )
    (entry,) = frontend.load(model).workload.layers
    assert entry.layer.output_size == (14,)


def _open_model():
    node = helper.make_node("Conv", ["x", "w"], ["y"], "n")
    weights = [_tensor("w", np.ones((2, 3, 3, 3), "float32"))]
    return _model([node], [_info("x", ["batch", 3, "height", None])], weights)


def test_open_sizes_are_asked_for_by_name():
    with pytest.raises(
        InputError, match=r"shape: .*open: x \[batch, 3, height, \?\].*--shape x=1x3x64x64"
    ):
        frontend.load(_open_model())
    (entry,) = frontend.load(_open_model(), shapes={"x": (2, 3, 8, 9)}).workload.layers
    assert (entry.layer.batch, entry.layer.output_size) == (2, (6, 7))
    with pytest.raises(InputError, match=r"no input 'z' \(legal: x\)"):
        frontend.load(_open_model(), shapes={"x": (2, 3, 8, 9), "z": (1,)})
    with pytest.raises(InputError, match="x has 4 axes, not 2"):
        frontend.load(_open_model(), shapes={"x": (2, 3)})
    with pytest.raises(InputError, match="x has the size 3 there, not 4"):
        frontend.load(_open_model(), shapes={"x": (2, 4, 8, 8)})


def test_shapes_behind_unknown_operators_are_asked_for():
    nodes = [
        helper.make_node("Magic", ["x"], ["a"], "m", domain="example.org"),
        helper.make_node("Conv", ["a", "w"], ["y"], "n"),
    ]
    model = _model(
        nodes,
        [_info("x", [1, 3, 8])],
        [_tensor("w", np.ones((2, 3, 3), "float32"))],
        opsets=[helper.make_opsetid("example.org", 1)],
    )
    with pytest.raises(InputError, match=r"'a', which n reads, cannot be inferred.*--shape a="):
        frontend.load(model)
    (entry,) = frontend.load(model, shapes={"a": (1, 3, 20)}).workload.layers
    assert entry.layer.output_size == (18,)


@pytest.mark.parametrize(
    "location", ["../w.bin", "/etc/passwd", "a/../../w", "C:\\w.bin", "..\\w", "", "link/w.bin"]
)
def test_external_data_outside_the_folder_is_refused(tmp_path, location):
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path)
    model = _open_model()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    path = inside / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match=r"m.onnx: external_data: tensor 'w' has its data in"):
        frontend.load(path, shapes={"x": (1, 3, 8, 8)})


def test_external_data_inside_the_folder_need_not_be_there(tmp_path):
    path = tmp_path / "m.onnx"
    onnx.save(_open_model(), path, save_as_external_data=True, size_threshold=0, location="w.bin")
    (tmp_path / "w.bin").unlink()
    (entry,) = frontend.load(path, shapes={"x": (1, 3, 8, 8)}).workload.layers
    assert entry.layer.out_channels == 2


def test_truncated_and_damaged_files_end_in_a_clear_error(tmp_path):
    whole = _network().SerializeToString()
    path, random, messages = tmp_path / "m.onnx", Random(3), []
    damaged = [whole[:cut] for cut in range(0, len(whole) - 1, 37 * 50)]
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(5):
            data[random.randrange(200) - random.choice([0, 300])] = random.randrange(256)
        damaged.append(bytes(data))
    for data in damaged:
        path.write_bytes(data)
        try:
            frontend.load(path)
        except InputError as error:
            messages.append(str(error))
    assert len(messages) > len(damaged) // 2
    assert all(message.startswith(f"{path}: ") for message in messages)


@pytest.mark.parametrize("content", [b"", b"hello world\n" * 9, b"\x00" * 999, b"PK\x03\x04"])
def test_files_that_are_no_models(tmp_path, content):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"m\.onnx: not an ONNX model"):
        frontend.load(path)
    with pytest.raises(InputError, match=r"none\.onnx: cannot read: No such file"):
        frontend.load(tmp_path / "none.onnx")


def test_huge_files_are_refused_at_once(tmp_path):
    path = Path(tmp_path / "m.onnx")
    with path.open("wb") as stream:
        stream.truncate(3 * 2**30)  # a hole: no disk is used
    start = time.monotonic()
    with pytest.raises(InputError, match="3221225472 bytes are too many for one ONNX file"):
        frontend.load(path)
    assert time.monotonic() - start < 5


def test_illegal_geometry_names_the_operator():
    for attributes, message in (
        ({"strides": [0]}, "stride"),
        ({"group": 2}, "not divisible by groups = 2"),
        (
            {"pads": [-1, 0]},
            r"pads: ConvTranspose 'up': \[-1, 0\] is out of range \(legal: integers from 0",
        ),
        ({"kernel_shape": [4]}, r"kernel_shape: ConvTranspose 'up': \[4\] is not the weights'"),
    ):
        node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], "up", **attributes)
        channels = 3 if "group" in attributes else 2
        weights = [_tensor("w", np.ones((channels, 3, 3), "float32"))]
        model = _model([node], [_info("x", [1, channels, 5])], weights)
        with pytest.raises(InputError, match=message):
            frontend.load(model)


@pytest.mark.parametrize(("kind", "taken"), [("ConvTranspose", 4), ("Conv", 6)])
def test_channels_that_the_weights_do_not_take_are_refused(kind, taken):
    node = helper.make_node(kind, ["x", "w"], ["y"], "up", group=2)
    weights = [_tensor("w", np.ones((4, 3, 3), "float32"))]
    model = _model([node], [_info("x", [1, 8, 5])], weights)
    message = rf"'up': the input has 8 channels, the weights \[4, 3, 3\] take {taken}"
    with pytest.raises(InputError, match=message):
        frontend.load(model)


AttributeType = onnx.AttributeProto


def _attribute(name, kind, **fields):
    return AttributeType(name=name, type=kind, **fields)


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        (_attribute("strides", AttributeType.INT, i=2), "is an integer, 2 (legal: 2 integers"),
        (_attribute("strides", AttributeType.STRING, s=b"ab"), "is text, 'ab' (legal: 2 integers"),
        (_attribute("strides", AttributeType.INTS, ints=[2]), "[2] has 1 values (legal: 2 integ"),
        (_attribute("strides", AttributeType.INTS, ref_attr_name="s"), "refers to the attribute"),
        (_attribute("dilations", AttributeType.FLOATS, floats=[1, 2]), "is a list of floats, [1."),
        (_attribute("pads", AttributeType.INT, i=1), "is an integer, 1 (legal: 4 integers from 0"),
        (_attribute("pads", AttributeType.INTS, ints=[2**40] * 4), f"{[2**40] * 4} is out of"),
        (_attribute("group", AttributeType.INTS, ints=[1]), "is a list of integers, [1] (legal: "),
        (_attribute("group", AttributeType.INT, i=0), "0 is out of range (legal: integers from 1"),
        (_attribute("kernel_shape", AttributeType.TENSOR), "is of the type TENSOR (legal: 2 int"),
        (_attribute("output_shape", AttributeType.STRINGS), "is a list of texts, [] (legal: 2 o"),
        (_attribute("output_padding", AttributeType.FLOAT, f=1), "is a float, 1.0 (legal: 2 int"),
        (_attribute("auto_pad", AttributeType.INT, i=1), "is an integer, 1 (legal: NOTSET, SAME"),
    ],
)
def test_every_attribute_has_its_type_its_number_and_its_range(attribute, message):
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], "up")
    node.attribute.append(attribute)
    model = _model([node], [_info("x", [1, 2, 5, 5])], [_tensor("w", np.ones((2, 3, 4, 4)))])
    with pytest.raises(InputError) as refused:
        frontend.load(model)
    assert str(refused.value).startswith(f"{attribute.name}: ConvTranspose 'up': {message}")
    node.attribute.append(attribute)
    model = _model([node], [_info("x", [1, 2, 5, 5])], [_tensor("w", np.ones((2, 3, 4, 4)))])
    with pytest.raises(InputError, match="is given twice"):
        frontend.load(model)


@pytest.mark.parametrize("kind", ["Conv", "ConvTranspose"])
@pytest.mark.parametrize("shape", [(), (3,), (3, 3), (3, 3, 2), (3, 3, 2, 2, 2)])
def test_weights_of_another_rank_are_refused(kind, shape):
    node = helper.make_node(kind, ["x", "w"], ["y"], "up")
    model = _model([node], [_info("x", [1, 3, 8, 8])], [_tensor("w", np.zeros(shape, "f4"))])
    with pytest.raises(InputError, match=r"do not have the same axes|shape inference failed"):
        frontend.load(model)


def _functions(*bodies):
    """Models of local functions f0, f1, ...: each a list of the functions that it calls."""
    made = []
    for index, calls in enumerate(bodies):
        names = ["a", *(f"t{i}" for i in range(len(calls)))]
        nodes = [
            helper.make_node(
                call, [names[i]], [names[i + 1]], domain="own" if call[0] == "f" else ""
            )
            for i, call in enumerate(calls)
        ]
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid("own", 1)]
        made.append(helper.make_function("own", f"f{index}", ["a"], [names[-1]], nodes, opsets))
    up = helper.make_node("ConvTranspose", ["m", "w"], ["y"])
    return _model(
        [helper.make_node("f0", ["x"], ["m"], domain="own"), up],
        [_info("x", [1, 2, 5])],
        [_tensor("w", np.ones((2, 3, 4), "f4"))],
        functions=made,
        opsets=[helper.make_opsetid("own", 1)],
    )


def test_functions_are_counted_before_they_are_inlined():
    # 2**2 calls of Relu, and the transposed convolution
    small = frontend.load(_functions(["f1", "f1"], ["f2", "f2"], ["Relu"]))
    assert len(small.operators) == 5
    bomb = [[f"f{i + 1}"] * 2 for i in range(30)] + [["Relu"]]
    with pytest.raises(InputError, match=f"has {2**30 + 1} nodes with .* at most 200000"):
        frontend.load(_functions(*bomb))
    with pytest.raises(InputError, match=r"the function 'own\.f0' calls itself"):
        frontend.load(_functions(["f1"], ["f0"]))
    deep = [[f"f{i + 1}"] for i in range(150)] + [["Relu"]]
    with pytest.raises(InputError, match=r"'own\.f100' is nested 101 deep"):
        frontend.load(_functions(*deep))


def test_functions_called_with_more_than_they_take_are_refused():
    model = _functions(["Relu"])
    model.graph.node[0].input.append("w")
    with pytest.raises(InputError, match=r"has 2 inputs and 1 outputs \(legal: at most 1 and 1"):
        frontend.load(model)


def test_a_scalar_input_is_a_complete_shape():
    nodes = [
        helper.make_node("ConvTranspose", ["x", "w"], ["u"], strides=[2, 2]),
        helper.make_node("Mul", ["u", "gain"], ["y"]),
    ]
    weights = [_tensor("w", np.ones((2, 3, 4, 4), "f4"))]
    imported = frontend.load(_model(nodes, [_info("x", [1, 2, 5, 5]), _info("gain", [])], weights))
    assert imported.workload.layers[0].layer.output_size == (12, 12)


@pytest.mark.parametrize("start", [0, 1, -2])
def test_sizes_are_followed_through_padding_and_partial_shapes(start):
    """The pads are made of zeros of a computed number, and of a part of a shape."""
    sizes = {0: [1, 2, 7], 1: [2, 7], -2: [2, 7]}[start]
    pads = len(sizes) - 1  # as many zeros as there are sizes but one, then the size of the rest
    nodes = [
        helper.make_node("Shape", ["x"], ["s"], start=start),
        helper.make_node("Shape", ["s"], ["n"]),
        helper.make_node("Sub", ["n", "one"], ["zeros"]),
        helper.make_node("ConstantOfShape", ["zeros"], ["z"], value=_tensor("v", np.array([0]))),
        helper.make_node("Slice", ["s", "last", "end"], ["tail"]),
        helper.make_node("Concat", ["z", "tail", "more"], ["pads"], axis=0),
        helper.make_node("Slice", ["pads", "minus6", "end"], ["six"]),
        helper.make_node("Pad", ["x", "six"], ["p"]),
        helper.make_node("Conv", ["p", "w"], ["y"]),
    ]
    more = np.zeros(6 - pads - 1, "i8")
    constants = [
        _tensor("one", np.array([1])),
        _tensor("last", np.array([-1])),
        _tensor("end", np.array([2**31])),
        _tensor("minus6", np.array([-6])),
        _tensor("more", more),
        _tensor("w", np.ones((3, 2, 3), "f4")),
    ]
    # position of the 7 among the six pads: (before: N, C, L, after: N, C, L)
    place = pads
    if place % 3 != 2:
        constants[4] = _tensor("more", np.zeros(6 - 3, "i8"))
        constants.append(_tensor("front", np.zeros(2 - pads, "i8")))
        nodes[5] = helper.make_node("Concat", ["front", "z", "tail", "more"], ["pads"], axis=0)
    imported = frontend.load(_model(nodes, [_info("x", [1, 2, 7])], constants))
    assert imported.workload.layers[0].layer.input_size == (14,)


def test_a_computed_value_that_would_be_large_is_not_made():
    nodes = [
        helper.make_node("ConstantOfShape", ["huge"], ["z"]),
        helper.make_node("Conv", ["z", "w"], ["y"]),
    ]
    constants = [
        _tensor("huge", np.array([2**20, 3, 2**20])),
        _tensor("w", np.ones((3, 3, 3), "f4")),
    ]
    with pytest.raises(InputError, match="nothing to import: its operators are"):
        frontend.load(_model(nodes, [_info("x", [1])], constants))


def test_what_is_left_out_gives_its_reason_where_nothing_is_left():
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], "up")
    model = _model([node], [_info("x", [1, 1, 3, 3]), _info("w", [1, 2, 3, 3])])
    with pytest.raises(InputError, match="import: ConvTranspose 'up': its weights depend on the i"):
        frontend.load(model)


@pytest.mark.parametrize("size", [0, -1, 2**31, 2**70])
def test_sizes_that_no_tensor_has_are_refused(size):
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    model = _model([node], [_info("x", [1, 3, None])], [_tensor("w", np.ones((3, 3, 3), "f4"))])
    with pytest.raises(InputError, match=r"'x' cannot be .* \(legal: sizes from 1 to 2147483647"):
        frontend.load(model, shapes={"x": (1, 3, size)})


def test_a_model_without_layers_is_refused():
    model = _model([helper.make_node("Relu", ["x"], ["y"])], [_info("x", [1])])
    with pytest.raises(InputError, match="nothing to import: its operators are Relu"):
        frontend.load(model)
