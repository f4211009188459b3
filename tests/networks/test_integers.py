"""Whole networks on lossless crossbars against an integer execution that shares no code."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the dependency group frontends")
pytest.importorskip("onnxruntime", reason="needs the dependency group frontends")
pytest.importorskip("skimage", reason="needs the dependency group frontends")

from networks.models import computed, model, quantized  # noqa: E402

from red_timeloop import designs  # noqa: E402
from red_timeloop.hardware import Hardware  # noqa: E402
from red_timeloop.networks.result import IDEAL  # noqa: E402
from red_timeloop.networks.run import run  # noqa: E402
from red_timeloop.workload import load_workload, workload_names  # noqa: E402

LOSSLESS = Hardware.load().replace(adc_bits=None, rows=16, columns=24)
_MOST_TAPS = 400  # FCN-16s's and FCN-32s's kernels of 32 and 64 pixels square take half a minute
BETWEEN = ["Relu", "LeakyRelu", "Tanh", "Sigmoid", "HardSwish", "Softplus"]


def patterns():
    """The geometries that the zoo's (transposed) convolutions have: all but their sizes."""
    found = {}
    for name in workload_names():
        for entry in load_workload(name).layers:
            layer = entry.layer
            depthwise = layer.groups > 1 and layer.groups == layer.in_channels
            geometry = (
                layer.transposed,
                layer.kernel_size,
                layer.stride,
                layer.padding,
                layer.dilation,
                getattr(layer, "output_padding", None),
                "depthwise" if depthwise else "grouped" if layer.groups > 1 else "dense",
            )
            if prod(layer.kernel_size) <= _MOST_TAPS:
                found.setdefault(geometry, f"{name}:{entry.name}")
    return found


PATTERNS = patterns()


def attributes(geometry):
    transposed, kernel, stride, padding, dilation, extra, groups = geometry
    found = {
        "kernel_shape": list(kernel),
        "strides": list(stride),
        "pads": [before for before, _ in padding] + [after for _, after in padding],
        "dilations": list(dilation),
        "group": {"depthwise": 4, "grouped": 2, "dense": 1}[groups],
    }
    if transposed:
        found["output_padding"] = list(extra)
    return found


def scaled(values, random):
    """Weights whose channels differ in size, so that scales by channel matter."""
    return (
        values * np.exp(random.normal(0, 1, (1, values.shape[1], *[1] * (values.ndim - 2))))
    ).astype(np.float32)


@pytest.mark.parametrize("geometry", PATTERNS, ids=PATTERNS.values())
def test_every_operator_of_the_zoo_is_exact_in_a_network(geometry) -> None:
    """Operator, activation, another operator: what the first makes becomes integers again."""
    random = np.random.default_rng(len(str(geometry)))
    transposed, kernel, *_ = geometry
    chosen = attributes(geometry)
    groups, ndim = chosen["group"], len(kernel)
    kind = "ConvTranspose" if transposed else "Conv"
    size = [
        max(3, k * d - 2 * (not transposed) * before) if not transposed else 3
        for k, d, (before, _) in zip(kernel, geometry[4], geometry[3], strict=True)
    ]
    first = scaled(random.normal(0, 1, (4, 4 // groups, *kernel)), random)
    bias = random.normal(0, 1, 4).astype(np.float32)
    second = scaled(random.normal(0, 1, (3, 4, *[1] * ndim)), random)
    activation = BETWEEN[len(str(geometry)) % len(BETWEEN)]
    opset = 17
    network = model(
        [
            (kind, ["x", "w", "b"], ["h"], chosen),
            (activation, ["h"], ["a"], {}),
            ("Conv", ["a", "v"], ["y"], {}),
        ],
        {"w": first, "b": bias, "v": second},
        {"x": [None, 4, *size]},
    )
    x = random.normal(0, 1, (2, 4, *size)).astype(np.float32)
    floats = computed(activation, [computed(kind, [x, first, bias], chosen)], {}, opset)
    hidden = quantized(kind, x, first, bias, chosen, x)
    hidden = computed(activation, [hidden], {}, opset)
    wanted = quantized("Conv", hidden, second, None, {}, floats)
    # All designs run a Conv alike; of the others that transpose, one after the other has its turn.
    other = designs.names()[1 + len(str(geometry)) % 3]
    chosen_designs = ("red", other) if transposed else ("red",)
    result = run(network, x, designs=chosen_designs, hardware=LOSSLESS)
    assert np.abs(wanted).max() > 0
    for name in (IDEAL, *chosen_designs):
        np.testing.assert_array_equal(result.outputs[name]["y"], wanted, err_msg=name)


@pytest.mark.parametrize("cells", [1, 2, 4])
@pytest.mark.parametrize("bits", [4, 8])
def test_products_and_joins_are_exact(cells: int, bits: int) -> None:
    """Gemm, MatMul over three axes, and a residual branch, as in decoders with a dense start."""
    random = np.random.default_rng(bits)
    dense = random.normal(0, 1, (6, 32)).astype(np.float32)
    bias = random.normal(0, 1, 32).astype(np.float32)
    up = scaled(random.normal(0, 1, (8, 5, 4, 4)), random)
    matrix = random.normal(0, 1, (4, 4)).astype(np.float32)
    chosen = {"strides": [2, 2], "pads": [1, 1, 1, 1]}
    network = model(
        [
            ("Gemm", ["x", "dense", "bias"], ["d"], {}),
            ("Reshape", ["d", "shape"], ["r"], {}),
            ("ConvTranspose", ["r", "up"], ["u"], chosen),
            ("MatMul", ["u", "matrix"], ["m"], {}),
            ("Add", ["u", "m"], ["y"], {}),
        ],
        {
            "dense": dense,
            "bias": bias,
            "up": up,
            "matrix": matrix,
            "shape": np.array([-1, 8, 2, 2]),
        },
        {"x": [None, 6]},
    )
    x = random.uniform(0, 1, (3, 6)).astype(np.float32)
    folded = (x @ dense + bias).reshape(-1, 8, 2, 2)
    seen = {"r": folded, "u": computed("ConvTranspose", [folded, up], chosen)}
    hidden = quantized("Gemm", x, dense, bias, {}, x, bits).reshape(-1, 8, 2, 2)
    upper = quantized("ConvTranspose", hidden, up, None, chosen, seen["r"], bits)
    wanted = upper + quantized("MatMul", upper, matrix, None, {}, seen["u"], bits)
    hardware = LOSSLESS.replace(cell_bits=cells)
    options = {"input_bits": bits, "weight_bits": bits}
    result = run(network, x, designs=["red", "padding_free"], hardware=hardware, **options)
    # calibration sees floats in an order of additions of its own; scales may differ in the last bit
    for name in (IDEAL, "red", "padding_free"):
        np.testing.assert_allclose(result.outputs[name]["y"], wanted, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(result.outputs[name]["y"], result.outputs[IDEAL]["y"])


@pytest.mark.parametrize("kind", ["Conv", "ConvTranspose"])
@pytest.mark.parametrize(("dtype", "zero"), [(np.uint8, 0), (np.uint8, 77), (np.int8, -5)])
def test_the_integers_of_a_model_are_its_own(kind: str, dtype, zero: int) -> None:
    """QDQ with a zero point, which a border sees as zero, and scales by channel."""
    random = np.random.default_rng(zero & 7)
    weights = random.integers(-128, 128, (4, 3, 3, 3) if kind == "Conv" else (3, 4, 3, 3))
    scales = random.uniform(0.01, 0.1, 4).astype(np.float32)
    bias = random.normal(0, 1, 4).astype(np.float32)
    step = np.float32(0.03)
    chosen = {"strides": [2, 2], "pads": [1, 1, 1, 1]}
    network = model(
        [
            ("QuantizeLinear", ["x", "step", "zero"], ["q"], {}),
            ("DequantizeLinear", ["q", "step", "zero"], ["d"], {}),
            ("DequantizeLinear", ["w", "scales"], ["v"], {"axis": int(kind == "ConvTranspose")}),
            (kind, ["d", "v", "b"], ["y"], chosen),
        ],
        {
            "step": step,
            "zero": np.array(zero, dtype),
            "w": weights.astype(np.int8),
            "scales": scales,
            "b": bias,
        },
        {"x": [None, 3, 5, 5]},
    )
    x = random.normal(0, 1.5, (2, 3, 5, 5)).astype(np.float32)
    limits = np.iinfo(dtype)
    held = np.clip(np.rint(x / step) + zero, limits.min, limits.max) - zero
    pair = [held.astype(np.float32), weights.astype(np.float32)]
    sums = computed(kind, pair, chosen)
    shape = (-1, 1, 1)
    wanted = sums * (step * scales).reshape(shape) + bias.reshape(shape)
    result = run(network, x, designs=designs.names(), hardware=LOSSLESS)
    for name in (IDEAL, *designs.names()):
        np.testing.assert_array_equal(result.outputs[name]["y"], wanted, err_msg=name)
    assert {each.integers for each in result.layers} == {"model"}
    assert result.qualities[1].float_db > 90  # the float model's values are on the same grid


def test_the_zoo_has_the_patterns() -> None:
    kinds = {(g[0], len(g[1]), g[-1]) for g in PATTERNS}
    assert {(True, 1, "dense"), (True, 2, "dense"), (True, 3, "dense")} <= kinds
    assert len(PATTERNS) > 20
