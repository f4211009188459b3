"""Designs against what is published or can be counted by hand."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pytest
from close import near
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from red_timeloop import Conv, TransposedConv, designs
from red_timeloop.dataflow import simulate
from red_timeloop.designs.evaluate import evaluate
from red_timeloop.designs.result import DesignResult
from red_timeloop.designs.specification import assemble
from red_timeloop.engines.base import engine
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.workload import load_workload

RUN = engine("embedded").evaluate_specification
LAYERS = [entry.layer for entry in load_workload("red_date2019").layers]
STEPS = {  # per image, on the six layers
    "zero_padding": [256, 64, 64, 144, 1156, 322624],
    "red": [64, 16, 16, 36, 289, 5041],
    "split_kernel": [64, 16, 16, 36, 289, 5041],
    "padding_free": [64, 16, 16, 36, 256, 4900],
}


@lru_cache(maxsize=256)
def result(design: str, layer: Layer, hardware: Hardware) -> DesignResult:
    return evaluate(designs.find(design), layer, hardware, RUN)


@pytest.mark.parametrize("design", STEPS)
def test_steps_and_cycles_of_the_benchmark(design: str) -> None:
    for layer, steps in zip(LAYERS, STEPS[design], strict=True):
        evaluated = result(design, layer, Hardware.load())
        assert evaluated.plan.steps == steps
        assert evaluated.cycles == steps


def test_sub_crossbars_of_the_benchmark() -> None:
    counts = [result("red", layer, Hardware.load()).plan.sub_crossbars for layer in LAYERS]
    assert counts == [25, 25, 16, 16, 16, 256]


def test_fold_two_takes_two_turns_on_half_the_sub_crossbars() -> None:
    folded = result("red", LAYERS[5], Hardware.load().replace(fold=2))
    assert (folded.cycles, folded.plan.steps) == (10082, 10082)
    assert folded.plan.sub_crossbars == 128


def test_a_fold_that_does_not_divide_the_kernel_pixels_still_counts_each_once() -> None:
    for fold in (2, 3, 4):
        for merge in ("digital", "current"):
            hardware = Hardware.load().replace(fold=fold, merge=merge)
            folded = result("red", LAYERS[1], hardware)
            assert folded.cycles == 16 * fold
            conducting = sum(
                part.problem.operations * float(part.sizes.cell_real_share)
                for part in folded.plan.parts
                if part.crossbars
            )
            assert conducting == near(LAYERS[1].macs)
            assert folded.levels["input_buffer"].data_spaces["Inputs"].reads == 73_728


def test_a_fold_converts_each_partial_sum_all_the_same() -> None:
    hardware = Hardware.load().replace(off_current_a_per_m=0)  # crossbars would leak for longer
    once = result("red", LAYERS[1], hardware)
    for fold in (2, 3, 4):
        folded = result("red", LAYERS[1], hardware.replace(fold=fold))
        for name in ("adc", "shift_add", "row_driver", "cell"):
            pulses = once.levels[name].energy
            # The drop along bit lines is that of the rows of a turn.
            assert folded.levels[name].energy == near(pulses, rel=1e-2), name


def happened(evaluated: DesignResult, level: str, share: str) -> float:
    """Updates of a level that happen in hardware: counted ones times their part's share."""
    (part,) = [part for part in evaluated.plan.parts if part.crossbars]
    counted = evaluated.levels[level].data_spaces["Outputs"].updates
    return counted * float(getattr(part.sizes, share))


def test_padding_free_converts_and_adds_all_partial_sums_of_a_step() -> None:
    layer = TransposedConv(8, 6, (4, 4), 4, stride=2, padding=1)
    partial_sums = 16 * 6 * 16  # steps, output channels, kernel pixels
    for rows in (128, None):
        evaluated = result("padding_free", layer, Hardware.load().replace(rows=rows, columns=rows))
        assert happened(evaluated, "adc", "adc_share") == partial_sums
        assert happened(evaluated, "output_buffer", "output_buffer_share") == partial_sums
        assert happened(evaluated, "edram", "edram_output_share") == near(8 * 8 * 6)


def test_joined_bit_lines_are_converted_in_every_turn_of_a_fold() -> None:
    layer = TransposedConv(8, 6, (4, 4), 4, stride=2)  # one group of modes with 2x2 kernel pixels
    outputs = 4 * 5 * 5 * 6
    for merge, crossbars in (("digital", 2), ("current", 1)):
        folded = result("red", layer, Hardware.load().replace(fold=2, merge=merge))
        assert happened(folded, "adc", "adc_share") == 2 * outputs * crossbars
        assert happened(folded, "shift_add", "conversion_share") == 2 * outputs * crossbars
        assert happened(folded, "output_register", "register_share") == outputs


def test_a_group_of_modes_that_sees_only_the_border_is_evaluated() -> None:
    layer = TransposedConv(1, 1, (1, 1), (1, 3), (1, 3), ((0, 0), (0, 1)), 0, (1, 2))
    assert result("red", layer, Hardware.load()).cycles == 2


def test_outputs_that_no_kernel_pixel_reaches_are_evaluated_where_they_are_computed() -> None:
    layer = TransposedConv(1, 1, (2,), 1, stride=2, padding=1)  # its one output is an inserted zero
    assert layer.macs == 0
    assert result("zero_padding", layer, Hardware.load()).cycles == 1
    assert result("padding_free", layer, Hardware.load()).cycles == 2


def test_programming_is_reported_apart() -> None:
    evaluated = result("red", LAYERS[1], Hardware.load())
    circuit = Hardware.load().circuit
    one_cell = circuit.write_voltage_v * circuit.write_current_a * circuit.write_pulse_s
    cells = 512 * 256 * 25 * 4
    assert evaluated.programming_energy == near(cells * one_cell * circuit.write_pulses)
    assert evaluated.programming_time == 128 * circuit.write_pulse_s * circuit.write_pulses


def test_a_fold_of_more_pixels_than_a_mode_has_is_refused() -> None:
    with pytest.raises(InputError, match=r"fold: no computation mode has 5 .* \(legal: 1 to 4\)"):
        designs.find("red").plan(LAYERS[2], Hardware.load().replace(fold=5))


def test_red_reads_the_window_once_a_step() -> None:
    third = result("red", LAYERS[2], Hardware.load())
    assert third.computes == 33_554_432
    # 16 steps x a 3x3 window x 512 channels (design notes, section 4)
    assert third.levels["input_buffer"].data_spaces["Inputs"].reads == 73_728


def test_every_crossbar_design_stores_each_weight_once() -> None:
    for layer in LAYERS[:5]:
        weights = layer.in_channels * layer.out_channels * math.prod(layer.kernel_size)
        for name in ("red", "zero_padding", "split_kernel"):
            plan = designs.find(name).plan(layer, Hardware.load())
            filled = result(name, layer, Hardware.load()).levels["cell"].data_spaces["Weights"]
            assert filled.fills == weights, name
            assert plan.crossbars * 128 * 32 >= weights


layers = st.builds(
    lambda c, m, size, k, s, p, d, g: (c, m, size, k, s, p, d, g),
    st.integers(1, 9),
    st.integers(1, 9),
    st.lists(st.integers(1, 5), min_size=1, max_size=3),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(0, 3),
    st.integers(1, 2),
    st.integers(1, 3),
)


def build(values: tuple[int, int, list[int], int, int, int, int, int]) -> Layer | None:
    c, m, size, k, s, p, d, g = values
    try:
        return TransposedConv(c * g, m * g, size, k, s, p, dilation=d, groups=g)
    except InputError:
        return None


@settings(max_examples=120, deadline=None)
@given(
    layers,
    st.sampled_from(designs.names()),
    st.sampled_from(["digital", "current"]),
    st.sampled_from([None, 8, 16, 128]),
)
def test_counts_that_are_known_without_an_engine(
    values: tuple[int, int, list[int], int, int, int, int, int],
    design: str,
    merge: str,
    rows: int | None,
) -> None:
    layer = build(values)
    assume(layer is not None and layer.macs)
    hardware = Hardware.load().replace(merge=merge, rows=rows, columns=rows)
    evaluated = result(design, layer, hardware)
    plan = evaluated.plan
    assert evaluated.cycles == plan.steps
    # Cells that conduct: the layer's own multiply-accumulates, for every design that computes
    # only what is kept. Padding-free also computes what the crop throws away.
    conducting = sum(
        part.problem.operations * float(part.sizes.cell_real_share)
        for part in plan.parts
        if part.crossbars
    )
    if design == "padding_free":
        channels = layer.in_channels * layer.out_channels // layer.groups
        pixels = math.prod(layer.input_size) * math.prod(layer.kernel_size)
        assert conducting == near(pixels * channels)
    else:
        assert conducting == near(layer.macs)


@settings(max_examples=60, deadline=None)
@given(layers, st.sampled_from(["red", "zero_padding", "split_kernel"]))
def test_shares_divide_by_what_the_engine_counts(
    values: tuple[int, int, list[int], int, int, int, int, int], design: str
) -> None:
    """The share of real pixels is stated against Timeloop's count, so real pixels come out whole.

    Each real pixel that any box covers is fetched into the input buffer once; the eDRAM's own
    inputs are all of those.
    """
    layer = build(values)
    assume(layer is not None and layer.macs)
    plan = designs.find(design).plan(layer, Hardware.load())
    part = plan.parts[-1]
    levels = RUN(assemble(plan, part, 1e-6)).levels
    counted = levels["input_buffer"].data_spaces["Inputs"].as_dict()
    for count, share in (("fills", "write"), ("reads", "read")):
        real = counted[count] * float(getattr(part.sizes, f"input_buffer_{share}_share"))
        assert real == pytest.approx(round(real), abs=1e-6 * max(1.0, real))
        assert real <= counted[count]


def test_convolutions_are_mapped_alike_on_all_designs() -> None:
    layer = Conv(64, 48, (9, 9), 3, stride=2, padding=1)
    energies = {result(name, layer, Hardware.load()).energy for name in designs.names()}
    assert len(energies) == 1


def test_zeros_that_are_stored_are_paid_for() -> None:
    layer = LAYERS[2]
    made = result("zero_padding", layer, Hardware.load())
    stored = result("zero_padding", layer, Hardware.load().replace(zeros_stored=True))
    assert stored.levels["input_buffer"].energy > 3 * made.levels["input_buffer"].energy
    assert stored.cycles == made.cycles


def test_monolithic_arrays_are_as_large_as_the_matrix() -> None:
    hardware = Hardware.load("monolithic_65nm")
    for name, count in (("zero_padding", 1), ("padding_free", 1), ("split_kernel", 4), ("red", 25)):
        assert result(name, LAYERS[1], hardware).plan.crossbars == count


def test_grouped_layers_share_crossbars_on_the_diagonal() -> None:
    layer = TransposedConv(64, 64, (8, 8), 4, stride=2, padding=1, groups=64)
    plan = designs.find("red").plan(layer, Hardware.load())
    assert plan.crossbars == 16 * 2  # 32 channels of 4 cells on the 128 columns of a crossbar


def test_a_weight_wider_than_a_crossbar_is_refused() -> None:
    hardware = Hardware.load().replace(columns=3)
    with pytest.raises(InputError, match=r"columns: a weight of 8 bits takes 4 cells .* 3 columns"):
        designs.find("red").plan(LAYERS[0], hardware)


NOTHING = TransposedConv(4, 3, (2, 2), 1, stride=3, padding=1)  # pixels 0 and 3 of 4 are cropped


@pytest.mark.parametrize("design", ["red", "red_serial", "split_kernel", "eyeriss_split"])
def test_a_layer_whose_kernel_pixels_reach_no_output_costs_nothing(design: str) -> None:
    nothing = result(design, NOTHING, Hardware.load())
    assert (nothing.cycles, nothing.computes, nothing.plan.crossbars) == (0, 0, 0)
    assert (nothing.latency, nothing.energy, nothing.area, nothing.programming_time) == (0, 0, 0, 0)
    assert nothing.energy_by_stage() == {}
    inputs, weights = np.ones(NOTHING.input_shape, int), np.ones(NOTHING.weight_shape, int)
    assert simulate(NOTHING, design, inputs, weights).outputs.tolist() == [[[[0, 0], [0, 0]]] * 3]


@pytest.mark.parametrize("design", ["zero_padding", "padding_free"])
def test_designs_that_do_not_skip_take_their_steps_for_nothing(design: str) -> None:
    taken = result(design, NOTHING, Hardware.load())
    assert taken.cycles == 4  # output pixels; input pixels
    assert taken.energy > 0


def test_unknown_design_lists_the_designs() -> None:
    with pytest.raises(
        InputError, match=r"unknown design 'rde'; did you mean 'red'\? \(legal: red, zero_"
    ):
        designs.find("rde")
