"""ONNX files that are no models, damaged, hostile or malformed: each is refused in one line."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import numpy as np
import pytest
from frontends.onnx_models import (
    helper,
    make_info,
    make_model,
    make_network,
    make_open_model,
    make_tensor,
    onnx,
)

from red_timeloop.errors import InputError
from red_timeloop.frontends import onnx as frontend


@pytest.mark.parametrize(
    "location", ["../w.bin", "/etc/passwd", "a/../../w", "C:\\w.bin", "..\\w", "", "link/w.bin"]
)
def test_external_data_outside_the_folder_is_refused(tmp_path, location):
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path)
    model = make_open_model()
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
    onnx.save(
        make_open_model(), path, save_as_external_data=True, size_threshold=0, location="w.bin"
    )
    (tmp_path / "w.bin").unlink()
    (entry,) = frontend.load(path, shapes={"x": (1, 3, 8, 8)}).workload.layers
    assert entry.layer.out_channels == 2


def test_truncated_and_damaged_files_end_in_a_clear_error(tmp_path):
    whole = make_network().SerializeToString()
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
        weights = [make_tensor("w", np.ones((channels, 3, 3), "float32"))]
        model = make_model([node], [make_info("x", [1, channels, 5])], weights)
        with pytest.raises(InputError, match=message):
            frontend.load(model)


@pytest.mark.parametrize(("kind", "taken"), [("ConvTranspose", 4), ("Conv", 6)])
def test_channels_that_the_weights_do_not_take_are_refused(kind, taken):
    node = helper.make_node(kind, ["x", "w"], ["y"], "up", group=2)
    weights = [make_tensor("w", np.ones((4, 3, 3), "float32"))]
    model = make_model([node], [make_info("x", [1, 8, 5])], weights)
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
    model = make_model(
        [node], [make_info("x", [1, 2, 5, 5])], [make_tensor("w", np.ones((2, 3, 4, 4)))]
    )
    with pytest.raises(InputError) as refused:
        frontend.load(model)
    assert str(refused.value).startswith(f"{attribute.name}: ConvTranspose 'up': {message}")
    node.attribute.append(attribute)
    model = make_model(
        [node], [make_info("x", [1, 2, 5, 5])], [make_tensor("w", np.ones((2, 3, 4, 4)))]
    )
    with pytest.raises(InputError, match="is given twice"):
        frontend.load(model)


@pytest.mark.parametrize("kind", ["Conv", "ConvTranspose"])
@pytest.mark.parametrize("shape", [(), (3,), (3, 3), (3, 3, 2), (3, 3, 2, 2, 2)])
def test_weights_of_another_rank_are_refused(kind, shape):
    node = helper.make_node(kind, ["x", "w"], ["y"], "up")
    model = make_model(
        [node], [make_info("x", [1, 3, 8, 8])], [make_tensor("w", np.zeros(shape, "f4"))]
    )
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
    return make_model(
        [helper.make_node("f0", ["x"], ["m"], domain="own"), up],
        [make_info("x", [1, 2, 5])],
        [make_tensor("w", np.ones((2, 3, 4), "f4"))],
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
    weights = [make_tensor("w", np.ones((2, 3, 4, 4), "f4"))]
    imported = frontend.load(
        make_model(nodes, [make_info("x", [1, 2, 5, 5]), make_info("gain", [])], weights)
    )
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
        helper.make_node(
            "ConstantOfShape", ["zeros"], ["z"], value=make_tensor("v", np.array([0]))
        ),
        helper.make_node("Slice", ["s", "last", "end"], ["tail"]),
        helper.make_node("Concat", ["z", "tail", "more"], ["pads"], axis=0),
        helper.make_node("Slice", ["pads", "minus6", "end"], ["six"]),
        helper.make_node("Pad", ["x", "six"], ["p"]),
        helper.make_node("Conv", ["p", "w"], ["y"]),
    ]
    more = np.zeros(6 - pads - 1, "i8")
    constants = [
        make_tensor("one", np.array([1])),
        make_tensor("last", np.array([-1])),
        make_tensor("end", np.array([2**31])),
        make_tensor("minus6", np.array([-6])),
        make_tensor("more", more),
        make_tensor("w", np.ones((3, 2, 3), "f4")),
    ]
    # position of the 7 among the six pads: (before: N, C, L, after: N, C, L)
    place = pads
    if place % 3 != 2:
        constants[4] = make_tensor("more", np.zeros(6 - 3, "i8"))
        constants.append(make_tensor("front", np.zeros(2 - pads, "i8")))
        nodes[5] = helper.make_node("Concat", ["front", "z", "tail", "more"], ["pads"], axis=0)
    imported = frontend.load(make_model(nodes, [make_info("x", [1, 2, 7])], constants))
    assert imported.workload.layers[0].layer.input_size == (14,)


def test_a_computed_value_that_would_be_large_is_not_made():
    nodes = [
        helper.make_node("ConstantOfShape", ["huge"], ["z"]),
        helper.make_node("Conv", ["z", "w"], ["y"]),
    ]
    constants = [
        make_tensor("huge", np.array([2**20, 3, 2**20])),
        make_tensor("w", np.ones((3, 3, 3), "f4")),
    ]
    with pytest.raises(InputError, match="nothing to import: its operators are"):
        frontend.load(make_model(nodes, [make_info("x", [1])], constants))


def test_what_is_left_out_gives_its_reason_where_nothing_is_left():
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], "up")
    model = make_model([node], [make_info("x", [1, 1, 3, 3]), make_info("w", [1, 2, 3, 3])])
    with pytest.raises(InputError, match="import: ConvTranspose 'up': its weights depend on the i"):
        frontend.load(model)


@pytest.mark.parametrize("size", [0, -1, 2**31, 2**70])
def test_sizes_that_no_tensor_has_are_refused(size):
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    model = make_model(
        [node], [make_info("x", [1, 3, None])], [make_tensor("w", np.ones((3, 3, 3), "f4"))]
    )
    with pytest.raises(InputError, match=r"'x' cannot be .* \(legal: sizes from 1 to 2147483647"):
        frontend.load(model, shapes={"x": (1, 3, size)})


def test_a_model_without_layers_is_refused():
    model = make_model([helper.make_node("Relu", ["x"], ["y"])], [make_info("x", [1])])
    with pytest.raises(InputError, match="nothing to import: its operators are Relu"):
        frontend.load(model)
