"""Layers off the beaten track on all four ReRAM designs and both merges, counted by hand."""

from __future__ import annotations

import math
from itertools import product

import pytest
from close import near

from red_timeloop import Conv, TransposedConv, compare, designs
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.workload import Workload, WorkloadLayer

ADC_8_BIT_J = 1.5628e-12  # ISAAC's 2 mW at 1.28 GS/s; the leakage of its converters adds below 1 %
LAYERS: dict[str, Layer] = {
    "output_padding": TransposedConv(24, 32, (5, 7), 4, 2, 1, 1),
    "asymmetric": TransposedConv(24, 32, (5, 7), (4, 3), (2, 3), ((0, 1), (2, 1)), (1, 2)),
    "kernel_below_stride": TransposedConv(16, 8, (6, 6), 2, 3),
    "kernel_below_stride_padded": TransposedConv(16, 8, (6, 6), 2, 3, 0, 2),
    "one_axis": TransposedConv(32, 16, (50,), 16, 8, 4),
    "one_axis_long_kernel": TransposedConv(1, 1, (3,), 1024, 256),
    "three_axes": TransposedConv(8, 8, (3, 4, 5), (2, 3, 4), (1, 2, 3)),
    "depthwise": TransposedConv(32, 32, (4, 4), 4, 2, 1, groups=32),
    "grouped": TransposedConv(32, 64, (4, 4), 4, 2, 1, groups=4),
    "batch": TransposedConv(24, 32, (4, 4), 4, 2, 1, batch=3),
    "wide_weights": TransposedConv(24, 32, (4, 4), 4, 2, 1, weight_bits=16),
    "binary_inputs": TransposedConv(24, 32, (4, 4), 4, 2, 1, input_bits=1),
    "binary_weights": TransposedConv(24, 32, (4, 4), 4, 2, 1, input_bits=16, weight_bits=1),
    "dilated": TransposedConv(24, 32, (5, 7), 3, 2, 1, 1, dilation=3),
    "one_value": TransposedConv(1, 1, (1, 1), 1),
    "one_value_far_apart": TransposedConv(1, 1, (1, 1), 1, 5, 0, 4),
    "cropped_away": TransposedConv(8, 4, (8, 8), 4, 2, 6),
    "convolution": Conv(3, 64, (32, 32), 7, 2, 3),
    "depthwise_convolution": Conv(64, 64, (8, 8), 3, 1, 2, dilation=2, groups=64),
}


def axis_modes(layer: Layer, axis: int) -> list[tuple[int, int]]:
    """(taps, outputs) of each phase that has both, by looking at every tap and output pixel."""
    stride, dilation = layer.stride[axis], layer.dilation[axis]
    before = layer.padding[axis][0]
    found = []
    for phase in range(stride):
        outputs = len(range(phase, layer.output_size[axis], stride))
        taps = sum(
            (phase + before - k * dilation) % stride == 0 for k in range(layer.kernel_size[axis])
        )
        if outputs and taps:
            found.append((taps, outputs))
    return found


def modes(layer: Layer) -> list[tuple[int, int]]:
    axes = [axis_modes(layer, axis) for axis in range(layer.ndim)]
    return [
        (math.prod(taps for taps, _ in mode), math.prod(outputs for _, outputs in mode))
        for mode in product(*axes)
    ]


def steps(layer: Layer, design: str) -> int:
    if design == "zero_padding" or not layer.transposed:
        return math.prod(layer.output_size)
    if design == "padding_free":
        return math.prod(layer.input_size)
    return max(outputs for _, outputs in modes(layer))


def partial_sums(layer: Layer, design: str) -> int:
    """Sums of one output channel and image that leave crossbars, where 128 rows hold C inputs."""
    if design == "padding_free" and layer.transposed:
        return math.prod(layer.input_size) * math.prod(layer.kernel_size)
    if design == "red" and layer.transposed:
        return sum(taps * outputs for taps, outputs in modes(layer))
    channels = layer.in_channels // layer.groups
    if design == "zero_padding" or not layer.transposed:
        crossbars = math.ceil(channels * math.prod(layer.kernel_size) / 128)
        return math.prod(layer.output_size) * crossbars
    return sum(math.ceil(taps * channels / 128) * outputs for taps, outputs in modes(layer))


def conversions(layer: Layer, design: str) -> int:
    """Conversions with 2-bit cells and one-bit pulses."""
    slices = math.ceil(layer.weight_bits / 2) * layer.input_bits
    return layer.batch * layer.out_channels * partial_sums(layer, design) * slices


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("merge", ["digital", "current"])
def test_steps_and_energies_are_sane(name: str, merge: str) -> None:
    layer = LAYERS[name]
    workload = Workload("unusual", "", (WorkloadLayer(layer, "made up"),))
    hardware = Hardware.load().replace(merge=merge)
    for result in compare(workload, engine="embedded", hardware=hardware).results:
        told = result.as_dict()
        assert told["steps"] == steps(layer, result.design), result.design
        assert told["cycles"] == told["steps"] * layer.batch
        assert told["latency_s"] == near(told["cycles"] * told["cycle_time_s"])
        energies = told["energy_breakdown_J"]
        assert min(energies.values()) > 0
        if merge == "digital":
            expected = conversions(layer, result.design) * ADC_8_BIT_J
            assert energies["adc"] == near(expected, rel=0.01), result.design
            converted = result.design_result.conversions
            assert converted == near(conversions(layer, result.design)), result.design


@pytest.mark.parametrize("name", [name for name in LAYERS if "convolution" not in name])
def test_padding_free_sends_out_each_output_that_it_makes_once(name: str) -> None:
    layer = LAYERS[name]
    workload = Workload("unusual", "", (WorkloadLayer(layer, "made up"),))
    (result,) = compare(workload, ["padding_free"], "embedded").results
    (part,) = result.design_result.plan.parts
    made = 1
    for axis in range(layer.ndim):
        places = {
            pixel * layer.stride[axis] + tap * layer.dilation[axis] - layer.padding[axis][0]
            for pixel in range(layer.input_size[axis])
            for tap in range(layer.kernel_size[axis])
        }
        made *= len(places & set(range(layer.output_size[axis])))
    counted = result.design_result.levels["edram"].data_spaces["Outputs"].updates
    sent = counted * float(part.sizes.edram_output_share)
    assert sent == near(made * layer.out_channels * layer.batch)


def test_an_axis_of_billions_of_pixels_is_counted_without_looking_at_each() -> None:
    layer = TransposedConv(3, 3, (2**30,), 4, 2, 1)
    workload = Workload("long", "", (WorkloadLayer(layer, "made up"),))
    for result in compare(workload, engine="embedded").results:
        assert result.design_result.cycles == steps(layer, result.design)


def test_a_layer_whose_pixels_reach_no_output_needs_nothing_and_loses_nothing() -> None:
    layer = TransposedConv(2, 2, (1,), 1, stride=3, padding=[(1, 0)], output_padding=2)
    for design in designs.choose(["red", "split_kernel"]):
        plan = design.plan(layer, Hardware.load())
        assert plan.parts == ()
        assert (plan.lost_bits, plan.crossbars, plan.sub_crossbars) == (0, 0, 0)
