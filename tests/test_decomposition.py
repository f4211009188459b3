"""The decomposition against convolutions written straight from their definitions."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import scatter
from oracle.layers import ordinary_layers, transposed_layers

from red_timeloop import Conv, TransposedConv, decompose
from red_timeloop.errors import InputError

MANY = settings(max_examples=2500, deadline=None, suppress_health_check=list(HealthCheck))
SOME = settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
INTEGERS = ["int8", "uint8", "int16", "int32", "int64", "uint64"]


def _operands(layer, seed, dtype="int64"):
    random = np.random.default_rng(seed)
    first, second = layer.in_channels, layer.out_channels
    if not layer.transposed:
        first, second = second, first
    low = 0 if dtype.startswith("u") else -9
    inputs = random.integers(low, 9, (layer.batch, layer.in_channels, *layer.input_size))
    weights = random.integers(low, 9, (first, second // layer.groups, *layer.kernel_size))
    return inputs.astype(dtype), weights.astype(dtype)


@given(transposed_layers(), st.integers(0, 2**32), st.sampled_from(INTEGERS))
@MANY
def test_apply_and_macs_equal_the_scatter_loops(layer, seed, dtype):
    inputs, weights = _operands(layer, seed, dtype)
    expected, landed = scatter.transposed(layer, inputs.astype("int64"), weights.astype("int64"))
    outputs = decompose(layer).apply(inputs, weights)
    assert outputs.dtype == np.int64
    assert outputs.shape == (layer.batch, layer.out_channels, *layer.output_size)
    np.testing.assert_array_equal(outputs, expected)
    per_tap = layer.in_channels * layer.out_channels // layer.groups
    assert layer.macs == landed * per_tap * layer.batch


@given(ordinary_layers(), st.integers(0, 2**32))
@SOME
def test_apply_and_macs_equal_the_gather_loops(layer, seed):
    inputs, weights = _operands(layer, seed)
    expected, landed = scatter.ordinary(layer, inputs, weights)
    np.testing.assert_array_equal(decompose(layer).apply(inputs, weights), expected)
    assert layer.macs == landed * layer.in_channels * layer.out_channels // layer.groups * (
        layer.batch
    )
    real = np.pad(np.ones(layer.input_size), layer.padding)
    passed = real[
        tuple(
            slice((out - 1) * s + d * (k - 1) + 1)
            for out, s, d, k in zip(
                layer.output_size, layer.stride, layer.dilation, layer.kernel_size, strict=True
            )
        )
    ]
    assert layer.zero_redundancy == pytest.approx(1 - passed.mean(), abs=1e-12)


@given(transposed_layers())
@SOME
def test_zero_inserted_numbers_equal_those_of_the_map(layer):
    real = scatter.zero_inserted_map(layer)
    span = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
    positions = prod(size - cut for size, cut in zip(real.shape, span, strict=True))
    per_tap = layer.in_channels * layer.out_channels // layer.groups * layer.batch
    assert layer.zero_inserted_macs == positions * prod(layer.kernel_size) * per_tap
    assert layer.zero_redundancy == pytest.approx(1 - real.sum() / real.size, abs=1e-12)


@given(transposed_layers())
@SOME
def test_modes_partition_outputs_and_taps_partition_the_kernel(layer):
    parts = decompose(layer)
    made = [pixel for mode in parts.modes for pixel in product(*mode.outputs)]
    assert sorted(made) == list(product(*map(range, layer.output_size)))
    taps = [tap for mode in parts.modes for tap in product(*mode.taps)]
    assert sorted(taps) == list(product(*map(range, layer.kernel_size)))
    assert len(parts.modes) == prod(layer.stride)
    used = [mode for mode in parts.modes if not mode.empty]
    assert parts.sub_crossbars == sum(prod(mode.sub_kernel_shape) for mode in used)
    assert parts.steps == max((prod(m.output_count) for m in used), default=0)


@given(transposed_layers())
@SOME
def test_window_holds_what_a_step_reads(layer):
    """Collect, per axis, every input pixel that any mode asks for in step j (border included)."""
    parts = decompose(layer)
    for axis, width in enumerate(parts.window):
        for step in (0, 1):
            asked = set()
            for mode in parts.modes:
                for k in mode.taps[axis]:
                    pixel = layer.stride[axis] * step + mode.phase[axis]
                    distance = pixel + layer.padding[axis][0] - k * layer.dilation[axis]
                    assert distance % layer.stride[axis] == 0
                    if mode.outputs[axis]:
                        asked.add(distance // layer.stride[axis])
            assert len(asked) == width


@given(transposed_layers())
@SOME
def test_groups_hold_every_working_mode_once_and_are_alike(layer):
    parts = decompose(layer)
    grouped = [mode for group in parts.groups for mode in group.modes]
    assert sorted(m.phase for m in grouped) == sorted(m.phase for m in parts.modes if not m.empty)
    for group in parts.groups:
        assert len(group.modes) == prod(group.modes_per_axis)
        phases = [sorted({m.phase[axis] for m in group.modes}) for axis in range(layer.ndim)]
        assert sorted(m.phase for m in group.modes) == list(product(*phases))
        for mode in group.modes:
            assert mode.sub_kernel_shape == group.taps_per_axis
            assert mode.output_count == group.output_count_per_axis
            for axis, offsets in enumerate(mode.offsets):
                first = group.offsets_per_axis[axis][0]
                stride = group.tap_stride_per_axis[axis]
                spaced = tuple(first + stride * r for r in range(len(offsets)))
                assert tuple(sorted(offsets)) == spaced == group.offsets_per_axis[axis]


BENCHMARK = [
    # in, out, input, kernel, stride, padding, output padding; sub-crossbars, window, steps, modes
    ((1024, 512, (8, 8), 5, 2, 2, 1), 25, 3, 64, [9, 6, 6, 4]),
    ((512, 256, (4, 4), 5, 2, 2, 1), 25, 3, 16, [9, 6, 6, 4]),
    ((512, 256, (4, 4), 4, 2, 1, 0), 16, 3, 16, [4] * 4),
    ((512, 256, (6, 6), 4, 2, 1, 0), 16, 3, 36, [4] * 4),
    ((21, 21, (16, 16), 4, 2, 0, 0), 16, 2, 289, [4] * 4),
    ((21, 21, (70, 70), 16, 8, 0, 0), 256, 2, 5041, [4] * 64),
]


@pytest.mark.parametrize(("arguments", "sub_crossbars", "window", "steps", "taps"), BENCHMARK)
def test_the_benchmark_layers(arguments, sub_crossbars, window, steps, taps):
    parts = decompose(TransposedConv(*arguments))
    assert parts.sub_crossbars == sub_crossbars
    assert parts.window == (window, window)
    assert parts.steps == steps
    assert [prod(mode.sub_kernel_shape) for mode in parts.modes] == taps


def test_kernel_smaller_than_stride_leaves_empty_modes():
    parts = decompose(TransposedConv(1, 1, (3,), 2, stride=4))
    assert [mode.empty for mode in parts.modes] == [False, False, True, True]
    assert parts.sub_crossbars == 2
    outputs = parts.apply(np.ones((1, 1, 3), int), np.array([[[1, 2]]]))
    assert outputs.tolist() == [[[1, 2, 0, 0, 1, 2, 0, 0, 1, 2]]]


def test_a_layer_whose_outputs_are_all_border_has_no_steps():
    layer = TransposedConv(1, 1, (1,), 1, stride=3, padding=((1, 0),), output_padding=1)
    parts = decompose(layer)
    assert (parts.steps, parts.sub_crossbars, parts.groups, layer.macs) == (0, 0, (), 0)
    assert parts.apply(np.ones((1, 1, 1), int), np.ones((1, 1, 1), int)).tolist() == [[[0]]]


@pytest.mark.parametrize(("value", "dtype"), [(2**20, np.int64), (2**30, np.int64), (2**40, "O")])
def test_integers_are_exact_at_every_magnitude(value, dtype):
    layer = TransposedConv(2, 1, (2,), 2, stride=1)
    inputs = np.full((1, 2, 2), value + 1)
    outputs = decompose(layer).apply(inputs, np.full((2, 1, 2), -value - 3))
    one = 2 * (value + 1) * (-value - 3)
    assert outputs.dtype == dtype
    assert outputs.tolist() == [[[one, 2 * one, one]]]


@pytest.mark.parametrize("kind", [TransposedConv, Conv])
@pytest.mark.parametrize(
    ("value", "groups", "dtype"),
    [
        (2**31, 1, object),  # two products of 2**62 are one more than int64 holds
        (2**31 - 1, 1, np.int64),
        (2**31, 2, np.int64),  # a sum of one product
        (2**27 - 1, 1, np.int64),  # a sum that float64 would round
        (2**26 + 1, 1, np.int64),  # the sum is odd and 2**53 + 2**27 + 2**26 + 1
    ],
)
@pytest.mark.parametrize("signs", [(1, 1), (-1, 1), (1, -1), (-1, -1)])
def test_integers_are_exact_where_the_number_of_products_decides(kind, value, groups, dtype, signs):
    layer = kind(2, 2, (2,), 1, groups=groups)
    large, other = signs[0] * value, signs[1] * value
    inputs = np.array([[[0, large], [0, large - signs[0]]]])  # the smallest magnitude is 0
    weights = np.zeros(layer.weight_shape, int)
    weights[0] = weights[-1] = other
    outputs = decompose(layer).apply(inputs, weights)
    assert outputs.dtype == dtype
    sums = [large * other, (large - signs[0]) * other]
    made = sums if groups == 2 else [sum(sums)] * 2
    assert outputs.tolist() == [[[0, made[0]], [0, made[1]]]]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "bool"])
def test_other_numeric_dtypes(dtype):
    layer = TransposedConv(2, 3, (3, 3), 3, stride=2, padding=1)
    inputs, weights = _operands(layer, 1)
    inputs, weights = inputs.astype(dtype), weights.astype(dtype)
    outputs = decompose(layer).apply(inputs, weights)
    assert outputs.dtype == (np.int64 if dtype == "bool" else dtype)
    whole = "int64" if dtype == "bool" else dtype
    expected, _ = scatter.transposed(layer, inputs.astype(whole), weights.astype(whole))
    np.testing.assert_allclose(outputs, expected, rtol=1e-2 if dtype == "float16" else 1e-5)


@pytest.mark.parametrize("images", [0, 1, 5])
@pytest.mark.parametrize("dtype", ["int64", "float32", "O"])
def test_any_number_of_images(images, dtype):
    layer = TransposedConv(2, 3, (3, 4), 3, stride=2, padding=1)
    inputs, weights = (each.astype(dtype) for each in _operands(layer, 1))
    many = np.repeat(inputs, images, axis=0)
    outputs = decompose(layer).apply(many, weights)
    assert outputs.dtype == dtype
    assert outputs.shape == (images, 3, *layer.output_size)
    one, _ = scatter.transposed(layer, *_operands(layer, 1))
    np.testing.assert_array_equal(outputs, np.repeat(one, images, axis=0))


def test_of_no_images_nothing_can_overflow():
    layer = Conv(2, 2, (2,), 1)
    outputs = decompose(layer).apply(np.zeros((0, 2, 2), int), np.full((2, 2, 1), 2**62))
    assert (outputs.dtype, outputs.shape) == (np.int64, (0, 2, 2))


def test_apply_names_the_shape_it_wants():
    parts = decompose(TransposedConv(4, 6, (3, 3), 3, groups=2))
    inputs, weights = np.ones((1, 4, 3, 3)), np.ones((4, 3, 3, 3))
    with pytest.raises(InputError, match=r"inputs: shape \(4, 3, 3\).*legal: \[N, 4, 3, 3\]"):
        parts.apply(inputs[0], weights)
    for wrong in (inputs[..., None], np.ones(()), inputs[:, :3]):
        with pytest.raises(InputError, match=r"inputs: shape .*legal: \[N, 4, 3, 3\]"):
            parts.apply(wrong, weights)
    with pytest.raises(InputError, match="inputs: not an array"):
        parts.apply([[1, 2], [3]], weights)
    with pytest.raises(InputError, match="weights: dtype <U1 is not numeric"):
        parts.apply(inputs, np.full((4, 3, 3, 3), "x"))
    with pytest.raises(InputError, match=r"weights: shape .*legal: \(4, 3, 3, 3\)"):
        parts.apply(inputs, weights[:2])
    with pytest.raises(InputError, match="inputs: dtype <U1 is not numeric"):
        parts.apply(np.full((1, 4, 3, 3), "x"), weights)


def test_decompose_takes_layers_only():
    with pytest.raises(InputError, match="layer: 3 is not a layer"):
        decompose(3)


def test_an_ordinary_convolution_is_one_mode():
    parts = decompose(Conv(3, 8, (8, 8), 3, stride=2, padding=1, dilation=2))
    (mode,) = parts.modes
    assert mode.offsets == ((-1, 1, 3), (-1, 1, 3))
    assert (mode.phase, mode.taps, mode.outputs) == ((0, 0), ((0, 1, 2),) * 2, (range(3),) * 2)
    assert mode.input_stride == (2, 2)
    assert (parts.steps, parts.window, len(parts.groups)) == (9, (3, 3), 1)
