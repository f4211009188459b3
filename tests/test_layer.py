"""Arguments of the layers: what they become, and what is said of the bad ones."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from red_timeloop import Conv, TransposedConv
from red_timeloop.errors import InputError
from red_timeloop.layer import Layer

GOOD = {"in_channels": 4, "out_channels": 6, "input_size": (5, 5), "kernel_size": 3}


def test_integers_spread_over_the_axes():
    layer = TransposedConv(**GOOD, stride=2, padding=1, output_padding=1, dilation=2)
    assert (layer.kernel_size, layer.stride, layer.dilation) == ((3, 3), (2, 2), (2, 2))
    assert (layer.padding, layer.output_padding) == (((1, 1), (1, 1)), (1, 1))


def test_padding_takes_pairs_and_single_values():
    layer = TransposedConv(**GOOD, stride=2, padding=[(1, 2), 0])
    assert layer.padding == ((1, 2), (0, 0))
    assert layer.output_size == (8, 11)


def test_an_integer_input_size_has_the_axes_of_another_argument():
    assert TransposedConv(1, 1, 8, [4], stride=2).output_size == (18,)
    assert TransposedConv(1, 1, 8, 4, stride=(2, 1)).output_size == (18, 11)
    assert Conv(1, 1, 8, (3, 3, 3)).output_size == (6, 6, 6)
    with pytest.raises(InputError, match=r"stride: \(1, 1\) has 2 values, but input_size has 3"):
        Conv(1, 1, 8, (3, 3, 3), stride=(1, 1))
    with pytest.raises(InputError, match=r"input_size: 8\.5 is not an integer"):
        Conv(1, 1, 8.5, (3, 3))


@pytest.mark.parametrize("kind", [TransposedConv, Conv])
@pytest.mark.parametrize("more", [{}, {"stride": 2, "padding": (1, 1), "dilation": 2}])
def test_an_integer_input_size_alone_does_not_say_how_many_axes_there_are(kind, more):
    with pytest.raises(InputError) as refused:
        kind(1, 1, 16, 4, **more)
    assert str(refused.value) == (
        "input_size: 16 does not say how many axes there are (legal: one integer an axis: [16], "
        "[16, 16], ...; a bare one only where kernel_size, stride or dilation has one value an "
        "axis)"
    )


def test_a_bare_padding_pair_with_one_axis():
    assert TransposedConv(1, 1, (8,), 4, padding=(1, 2)).padding == ((1, 2),)
    assert TransposedConv(1, 1, (8,), 4, padding=[(1, 2)]).padding == ((1, 2),)
    with pytest.raises(InputError, match=r"padding: \(1, 2\) has 2 values, but input_size has 3"):
        TransposedConv(1, 1, (8, 8, 8), 4, padding=(1, 2))


def test_numpy_values_become_python_integers():
    layer = TransposedConv(np.int64(4), 6, np.array([5, 5]), np.int32(3))
    assert layer == TransposedConv(**GOOD)
    assert all(type(value) is int for value in (layer.in_channels, *layer.input_size))


def test_layers_are_frozen_hashable_and_replaceable():
    layer = TransposedConv(**GOOD)
    with pytest.raises(FrozenInstanceError):
        layer.groups = 2
    assert hash(layer) == hash(replace(layer))
    assert replace(layer, stride=2).stride == (2, 2)
    assert layer != Conv(**GOOD)
    with pytest.raises(TypeError, match="abstract"):
        Layer()


@pytest.mark.parametrize("kind", [TransposedConv, Conv])
def test_a_layer_comes_back_from_a_pickle_and_shows_itself(kind):
    layer = kind(**GOOD, stride=2, padding=1, groups=2, name="up")
    assert pickle.loads(pickle.dumps(layer)) == layer
    assert "stride=(2, 2)" in repr(layer)
    assert layer != replace(layer, name="down")


# The shapes that PyTorch's ConvTranspose2d(4, 6, (3, 2), groups=2) and Conv2d take.
@pytest.mark.parametrize(("kind", "weights"), [(TransposedConv, (4, 3)), (Conv, (6, 2))])
def test_shapes_of_the_tensors(kind, weights):
    layer = kind(4, 6, (5, 7), (3, 2), groups=2, batch=3)
    assert layer.input_shape == (3, 4, 5, 7)
    assert layer.weight_shape == (*weights, 3, 2)


def test_huge_layers_need_no_memory():
    layer = TransposedConv(10**6, 10**6, (10**9,) * 3, 4, stride=2, padding=1)
    assert layer.zero_inserted_macs == 10**12 * (2 * 10**9) ** 3 * 64
    assert layer.macs == 10**12 * (4 * 10**9 - 2) ** 3


BAD = [
    ({"in_channels": 0}, "in_channels: 0 is too small (legal: an integer of at least 1)"),
    ({"out_channels": 2.0}, "out_channels: 2.0 is not an integer"),
    ({"out_channels": True}, "out_channels: True is not an integer"),
    ({"in_channels": "4"}, "in_channels: '4' is not an integer"),
    ({"input_size": ()}, "input_size: () has 0 values (legal: 1 to 3 spatial axes)"),
    ({"input_size": (1, 1, 1, 1)}, "has 4 values (legal: 1 to 3 spatial axes)"),
    ({"input_size": (5, -5)}, "input_size: -5 is too small"),
    ({"kernel_size": (3, 3, 3)}, "kernel_size: (3, 3, 3) has 3 values, but input_size has 2"),
    ({"kernel_size": 0}, "kernel_size: 0 is too small"),
    ({"kernel_size": None}, "kernel_size: None is not an integer"),
    ({"stride": 0}, "stride: 0 is too small (legal: an integer of at least 1)"),
    ({"stride": (2, False)}, "stride: False is not an integer"),
    ({"stride": "22"}, "stride: '22' is not an integer"),
    ({"dilation": -1}, "dilation: -1 is too small"),
    ({"padding": -1}, "padding: -1 is too small (legal: an integer of at least 0)"),
    ({"padding": (1, (1, 2, 3))}, "padding: (1, 2, 3) has 3 values"),
    ({"padding": (1, (1, 0.5))}, "padding: 0.5 is not an integer"),
    ({"padding": 4}, "padding: 4 + 4 on axis 0 crops the output to -1 pixels"),
    ({"padding": 4}, "(legal: before + after at most 6 there)"),
    (
        {"padding": ((0, 0), (3, 4))},
        "padding: 3 + 4 on axis 1 crops the output to 0 pixels (legal: before + after at most 6",
    ),
    (
        {"output_padding": 1},
        "output_padding: 1 on axis 0 is not less than max(stride, dilation) = 1 (legal: 0 to 0)",
    ),
    ({"output_padding": (1, 3), "stride": 3}, "3 on axis 1 is not less than max"),
    ({"groups": 3}, "in_channels: 4 is not divisible by groups = 3"),
    ({"groups": 4}, "out_channels: 6 is not divisible by groups = 4"),
    ({"groups": 0}, "groups: 0 is too small"),
    ({"batch": 0}, "batch: 0 is too small"),
    ({"input_bits": 65}, "input_bits: 65 bits are too many (legal: 1 to 64)"),
    ({"weight_bits": 0}, "weight_bits: 0 is too small"),
    ({"name": 7}, "name: 7 is not text"),
    ({"stride": np.array([[1], [2]])}, "is not an integer"),
]


@pytest.mark.parametrize(
    ("key", "most"), [("batch", 2**31 - 1), ("input_bits", 64), ("weight_bits", 64)]
)
def test_the_largest_that_is_legal_is_legal(key, most):
    assert getattr(TransposedConv(**{**GOOD, key: most}), key) == most
    with pytest.raises(InputError, match=rf"^{key}: {most + 1} .*\(legal: 1 to {most}\)"):
        TransposedConv(**{**GOOD, key: most + 1})


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_arguments_are_named(change, message):
    with pytest.raises(InputError) as caught:
        TransposedConv(**{**GOOD, **change})
    assert message in str(caught.value)
    assert caught.value.legal


def test_a_kernel_wider_than_the_padded_input_is_named():
    with pytest.raises(InputError, match=r"kernel_size: .* spans 9 pixels .* has 7.*size is -1"):
        Conv(1, 1, (5,), 5, dilation=2, padding=1)


def test_a_kernel_as_wide_as_the_padded_input_has_one_output():
    assert Conv(1, 1, (3,), 6, padding=(1, 2)).output_size == (1,)
    message = r"spans 7 pixels on axis 0, but the padded input has 6: the output size is 0"
    with pytest.raises(InputError, match=message):
        Conv(1, 1, (3,), 7, padding=(1, 2))


def test_equal_layers_are_found_without_their_names():
    layer = TransposedConv(**GOOD, name="up")
    assert layer.unnamed == TransposedConv(**GOOD) != layer
    assert layer.unnamed.unnamed is layer.unnamed


def test_a_convolution_has_no_output_padding():
    with pytest.raises(TypeError, match="output_padding"):
        Conv(**GOOD, output_padding=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"in_channels": 2**22 + 1}, "in_channels: 4194305 is too large (legal: 1 to 4194304)"),
        ({"out_channels": 2**31}, "out_channels: 2147483648 is too large (legal: 1 to 4194304)"),
        (
            {"kernel_size": (4000, 4000)},
            "kernel_size: (4000, 4000) are 16000000 in all (legal: a product of at most 1048576)",
        ),
        (
            {"stride": (257, 256)},
            "stride: (257, 256) are 65792 in all (legal: a product of at most",
        ),
    ],
)
def test_sizes_that_would_take_minutes_are_refused_by_their_limit(change, message):
    with pytest.raises(InputError) as refused:
        TransposedConv(**{**GOOD, **change})
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize("kind", [Conv, TransposedConv])
def test_what_is_not_given_changes_nothing(kind: type[Layer]) -> None:
    layer = kind(4, 6, (5, 7), (3, 2))
    assert (layer.stride, layer.dilation, layer.groups, layer.batch) == ((1, 1), (1, 1), 1, 1)
    assert (layer.input_bits, layer.weight_bits, layer.name) == (8, 8, None)
    assert layer.output_size == ((7, 8) if kind is TransposedConv else (3, 6))
