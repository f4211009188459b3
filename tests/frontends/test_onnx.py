"""ONNX models: layers that compute what onnxruntime computes, and an account of every operator."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from close import near
from frontends.onnx_models import (
    helper,
    make_info,
    make_model,
    make_network,
    make_open_model,
    make_tensor,
    onnx,
)
from oracle import configurations

from red_timeloop import Conv, TransposedConv, decompose
from red_timeloop.errors import InputError
from red_timeloop.frontends import onnx as frontend
from red_timeloop.workload import dump_workload, load_workload


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
        model = make_model(
            [node], [make_info("x", inputs.shape)], [make_tensor("w", weights)], opset=17
        )
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
    model = make_model(
        [node], [make_info("x", [1, 4, 8, 8])], [make_tensor("w", np.ones((4, 2, 5, 5)))]
    )
    (entry,) = frontend.load(model).workload.layers
    assert entry.layer.padding == ((1, 2), (1, 2))
    assert entry.layer.output_size == (16, 16)


def test_every_operator_is_accounted_for():
    imported = frontend.load(make_network())
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
    workload = frontend.load(make_network()).workload
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
    model = make_model(
        [node], [make_info("x", given.shape)], [make_tensor("w", stored.astype("float32"))]
    )
    (entry,) = frontend.load(model).workload.layers
    outputs = decompose(entry.layer).apply(x.T[None], w.T[..., None])
    np.testing.assert_array_equal(outputs[0].T, x @ w)


def test_a_constant_first_factor_is_the_weight():
    node = helper.make_node("MatMul", ["w", "x"], ["y"], "n")
    model = make_model(
        [node], [make_info("x", [7, 4, 6])], [make_tensor("w", np.ones((5, 4), "float32"))]
    )
    (entry,) = frontend.load(model).workload.layers
    assert (entry.layer.in_channels, entry.layer.out_channels) == (4, 5)
    assert entry.layer.macs == 7 * 5 * 4 * 6


def test_weights_that_depend_on_the_inputs_are_not_modelled():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "plain"),
        helper.make_node("ConvTranspose", ["x", "k"], ["y"], "dynamic"),
    ]
    inputs = [make_info("x", [1, 2, 6]), make_info("k", [2, 3, 4])]
    imported = frontend.load(make_model(nodes, inputs, [make_tensor("w", np.ones((2, 2, 3)))]))
    (left,) = imported.not_modelled
    assert (left.name, left.macs) == ("dynamic", 6 * 4 * 2 * 3)


def test_shared_weights_repeat_the_layer():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1]),
        helper.make_node("Conv", ["a", "w"], ["y"], pads=[1, 1]),
    ]
    model = make_model(
        nodes, [make_info("x", [1, 2, 6])], [make_tensor("w", np.ones((2, 2, 3), "float32"))]
    )
    (entry,) = frontend.load(model).workload.layers
    assert entry.repeat == 2


def test_quantised_models_give_the_bits():
    scale, zero = make_tensor("s", np.float32(0.1)), make_tensor("z", np.uint8(0))
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
    constants = [scale, zero, four, make_tensor("k", np.ones((2, 3, 3), "uint8"))]
    imported = frontend.load(make_model(nodes, [make_info("x", [1, 2, 6])], constants))
    bits = [(e.layer.input_bits, e.layer.weight_bits) for e in imported.workload.layers]
    assert bits == [(8, 4), (8, 8)]
    assert imported.workload.unconfirmed == ()
    forced = frontend.load(make_model(nodes, [make_info("x", [1, 2, 6])], constants), weight_bits=2)
    assert [e.layer.weight_bits for e in forced.workload.layers] == [2, 2]


def test_local_functions_are_inlined():
    body = [helper.make_node("ConvTranspose", ["p", "q"], ["r"], strides=[2])]
    opsets = [helper.make_opsetid("", 21)]
    function = helper.make_function("mine", "Up", ["p", "q"], ["r"], body, opsets)
    node = helper.make_node("Up", ["x", "w"], ["y"], "n", domain="mine")
    constants = [make_tensor("w", np.ones((2, 3, 4), "float32"))]
    model = make_model(
        [node],
        [make_info("x", [1, 2, 6])],
        constants,
        functions=[function],
        opsets=[helper.make_opsetid("mine", 1)],
    )
    (entry,) = frontend.load(model).workload.layers
    assert entry.layer.output_size == (14,)


def test_open_sizes_are_asked_for_by_name():
    with pytest.raises(
        InputError, match=r"shape: .*open: x \[batch, 3, height, \?\].*--shape x=1x3x64x64"
    ):
        frontend.load(make_open_model())
    (entry,) = frontend.load(make_open_model(), shapes={"x": (2, 3, 8, 9)}).workload.layers
    assert (entry.layer.batch, entry.layer.output_size) == (2, (6, 7))
    with pytest.raises(InputError, match=r"no input 'z' \(legal: x\)"):
        frontend.load(make_open_model(), shapes={"x": (2, 3, 8, 9), "z": (1,)})
    with pytest.raises(InputError, match="x has 4 axes, not 2"):
        frontend.load(make_open_model(), shapes={"x": (2, 3)})
    with pytest.raises(InputError, match="x has the size 3 there, not 4"):
        frontend.load(make_open_model(), shapes={"x": (2, 4, 8, 8)})


def test_shapes_behind_unknown_operators_are_asked_for():
    nodes = [
        helper.make_node("Magic", ["x"], ["a"], "m", domain="example.org"),
        helper.make_node("Conv", ["a", "w"], ["y"], "n"),
    ]
    model = make_model(
        nodes,
        [make_info("x", [1, 3, 8])],
        [make_tensor("w", np.ones((2, 3, 3), "float32"))],
        opsets=[helper.make_opsetid("example.org", 1)],
    )
    with pytest.raises(InputError, match=r"'a', which n reads, cannot be inferred.*--shape a="):
        frontend.load(model)
    (entry,) = frontend.load(model, shapes={"a": (1, 3, 20)}).workload.layers
    assert entry.layer.output_size == (18,)
