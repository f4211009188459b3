"""How much is held at a time, and in which numbers: results are the same, memory is not."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from math import prod
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from close import near

from red_timeloop import Conv, TransposedConv, designs, simulate
from red_timeloop.dataflow import bank, buffers, events, execution, machine
from red_timeloop.dataflow.converter import converter
from red_timeloop.dataflow.direct import convolve
from red_timeloop.dataflow.encoding import narrow
from red_timeloop.dataflow.execution import execute
from red_timeloop.dataflow.mapped import Mapped, map_layer
from red_timeloop.dataflow.nonideal import IDEAL, Nonidealities
from red_timeloop.dataflow.quality import (
    layer_sqnr,
    sample_layer,
    sample_tensors,
    workload_sqnr,
)
from red_timeloop.dataflow.trace import deviation
from red_timeloop.dataflow.verification import random_tensors, verify
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.workload import Workload, WorkloadLayer

OWN = Hardware.load()
SMALL = OWN.replace(rows=8, columns=16)
LAYER = TransposedConv(16, 10, (3, 5), 4, stride=(1, 2), padding=1, batch=3)


def mapped(design: str, hardware: Hardware = SMALL) -> Mapped:
    return map_layer(LAYER, design, *random_tensors(LAYER), hardware, IDEAL)


@pytest.mark.parametrize(
    ("cells", "crossbars"), [(1024, 4), (1023, 3), (512, 2), (511, 1), (1, 1), (10**9, 40)]
)
def test_as_many_crossbars_are_programmed_as_cells_may_be_held(
    cells: int, crossbars: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """16 channels on two crossbars of 8 rows and 16 columns: 256 cells; 16 x 10 sums on four."""
    monkeypatch.setattr(bank, "_MOST_CELLS", cells)
    own = mapped("padding_free")
    (lane,) = own.lanes
    found = [each.crossbars for each in own.programmer.banks(lane)]
    whole, rest = divmod(sum(found), crossbars)
    assert found == [crossbars] * whole + [rest] * (rest > 0)
    assert sum(found) == 40
    for each in own.programmer.banks(lane):
        assert each.rows == 8
        assert len(each.columns) == 4 * each.crossbars


@pytest.mark.parametrize(
    ("most", "block"),
    [
        (1, (1, 1, 1)),
        (59, (1, 1, 4)),
        (60, (1, 1, 5)),
        (239, (1, 3, 5)),
        (240, (1, 4, 5)),
        (479, (1, 4, 5)),
        (480, (2, 4, 5)),
        (10**6, (3, 4, 5)),
    ],
)
def test_steps_are_taken_in_blocks_of_so_many_sums(
    most: int, block: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 3 images of 4 x 10 outputs every second along a line, in blocks of 12 columns."""
    monkeypatch.setattr(execution, "_MOST_SUMS", most)
    (lane,) = mapped("zero_padding").lanes
    found = list(execution._chunks(LAYER.batch, lane, 12))
    assert found[0].shape == block
    assert max(each.count for each in found) == prod(block)
    assert all([axis.step for axis in each.axes] == [1, 2] for each in found)
    steps = [place for each in found for place in product(each.images, *each.axes)]
    assert sorted(steps) == sorted(product(range(3), range(4), range(10)))


@pytest.mark.parametrize(
    ("sums", "inputs", "size"),
    [(480, 10**6, 12), (479, 10**6, 11), (10**6, 96, 12), (10**6, 95, 11), (1, 1, 1)],
)
def test_a_machine_takes_so_many_steps_at_a_time(
    sums: int, inputs: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On 10 columns of four cells and 8 rows: the 60 steps that see zeros alike."""
    monkeypatch.setattr(machine, "_MOST_SUMS", sums)
    monkeypatch.setattr(machine, "_MOST_INPUTS", inputs)
    own = mapped("zero_padding", SMALL.replace(columns=40))
    made = machine.Machine(
        own.hardware, own.padded, own.input_code, own.programmer.code, exact_cells=True
    )
    (lane,) = own.lanes
    (held,) = own.programmer.banks(lane)
    assert (held.rows, len(held.columns)) == (8, 10)
    lengths = [len(steps) for steps in made.chunks(lane, held)]
    whole, rest = divmod(60, size)
    assert lengths == 2 * ([size] * whole + [rest] * (rest > 0))


def test_rows_that_read_a_tap_are_taken_as_they_lie_or_one_by_one() -> None:
    channels, taps = (
        np.array([2, 3, 0, 4, 1, 7]),
        np.array([[1, 1, 0, 1, 0, 0], [5, 5, 6, 5, 6, 6]]),
    )
    (first, second), order = execution._tap_rows(channels, taps)
    assert order.tolist() == [2, 4, 5, 0, 1, 3]
    assert (first.taps, first.rows, second.taps, second.rows) == (
        (0, 6), range(3), (1, 5), range(3, 6)
    )  # fmt: skip
    assert second.channels == slice(2, 5)
    assert np.asarray(first.channels).tolist() == [0, 1, 7]


@pytest.mark.parametrize("run", [simulate, execute])
@pytest.mark.parametrize("cell_bits", [24, 25])
def test_levels_above_what_single_precision_holds_are_exact(run: Any, cell_bits: int) -> None:
    layer = Conv(1, 1, (1,), 1, input_bits=1, weight_bits=cell_bits)
    hardware = OWN.replace(adc_bits=None, cell_bits=cell_bits)
    weights = np.ones(layer.weight_shape, int)
    made = run(layer, "red", np.ones(layer.input_shape, int), weights, hardware)
    assert made.outputs.item() == 1


@pytest.mark.parametrize(
    ("bits", "kind"),
    [(1, np.int16), (14, np.int16), (15, np.int32), (30, np.int32), (31, np.int64)],
)
def test_integers_are_held_in_the_narrowest_type_with_room_for_a_bias(bits: int, kind: Any) -> None:
    assert narrow(np.array([1]), bits).dtype == kind


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((8, 255), (1, 256, True)),
        ((8, 256), (1, 256, False)),
        ((8, 511), (1, 256, False)),
        ((8, 512), (2, 256, False)),  # of 1023 half
        ((4, 1024), (64, 16, False)),
        ((None, 0), (1, 2, True)),
        ((None, 255), (1, 256, True)),
        ((None, 256), (1, 512, True)),
        ((None, 5, 3), (3, 8, False)),
        ((None, 5, 1), (1, 8, True)),
        ((4, 15, 1), (1, 16, True)),
        ((4, 16, 1), (1, 16, False)),
        ((4, 7, 2), (2, 16, False)),
    ],
)
def test_converters_by_hand(arguments: Any, expected: tuple[int, int, bool]) -> None:
    found = converter(*arguments)
    assert (found.step, found.levels, found.lossless) == expected


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (5.0000009, 5),
        (1e-9 + 1e-6, 0),
        (1.0012e-6, 1.0012e-6),
        (5.0000012, 5.0000012),
        (4.9999991, 5),
        (3.4, 3.4),
        (8e8 + 0.45, 800_000_000),
        (4e8 + 0.45, 4e8 + 0.45),
        (-2.0, -2),
    ],
)
def test_an_event_is_a_whole_number_but_for_rounding(count: float, said: float) -> None:
    found = events._whole(count)
    assert found == said
    assert isinstance(found, int) == (said == round(said))


def counted(**attributes: Any) -> Any:
    level = SimpleNamespace(attributes=attributes, name="own")
    spaces = {"Outputs": SimpleNamespace(total={"reads": 3, "updates": 5}.__getitem__)}
    result: Any = SimpleNamespace(levels={"own": SimpleNamespace(data_spaces=spaces)})
    return events._Counted({"adc": level}, result)  # type: ignore[dict-item]


def test_accesses_happen_as_often_as_the_level_says() -> None:
    assert counted(update_share=0.5).count("adc", "Outputs", "updates") == 2.5
    assert counted(update_share=0.5).count("adc", "Outputs", "reads") == 3.0  # all of them
    with pytest.raises(InputError, match=r"architecture: .*no level 'cell'.*\(legal: adc\)"):
        counted().count("cell", "Outputs", "reads")
    with pytest.raises(InputError, match=r"adc\.weight_slices: the attribute is missing"):
        counted().attribute("adc", "weight_slices")
    assert counted(weight_slices=4).attribute("adc", "weight_slices") == 4


def test_a_workload_is_as_exact_as_its_worst_layer() -> None:
    """What is left of the signal on the sample, computed here; the set's name decides nothing."""
    red, hardware = designs.find("red"), OWN.replace(adc_bits=5)
    layers = [TransposedConv(96, 4, (4, 4), 4, stride=2), TransposedConv(8, 4, (4, 4), 3, stride=2)]
    ratios = []
    for layer in layers:
        small = sample_layer(layer)
        tensors = sample_tensors(small)
        made = execute(small, red, *tensors, hardware).outputs
        ratios.append(deviation(made, convolve(small, *tensors)).sqnr_db)
    assert [layer_sqnr(layer, red, hardware) for layer in layers] == near(ratios)
    assert workload_sqnr(layers, red, hardware) == near(min(ratios)) != near(max(ratios))
    assert workload_sqnr(layers, red, hardware.replace(fold=9)) is None
    assert layer_sqnr(layers[0], designs.find("eyeriss"), hardware) == math.inf


def test_cells_are_programmed_in_grains_of_a_millionth_of_a_level() -> None:
    """Of 2^-20, so that sums are exact in any order; no coarser."""
    cells = Nonidealities(variation=0.1)
    held = cells.conductances(np.full((20, 20), 2), 3, np.random.default_rng(0)) * 2**20
    assert (held == np.rint(held)).all()
    assert 0.4 < (held % 2).mean() < 0.6


@pytest.mark.parametrize("bits", [2, 8, 16])
def test_weights_of_a_sample_are_normal_with_a_third_of_their_range(bits: int) -> None:
    """Those beyond three sigmas, one in 370, are cut to the largest."""
    _, weights = sample_tensors(Conv(64, 64, (8, 8), 5, weight_bits=bits))
    largest = 2 ** (bits - 1) - 1
    assert weights.max() == -weights.min() == largest
    if bits > 2:
        assert weights.std() == near(largest / 3, rel=0.02)
        assert (np.abs(weights) == largest).mean() == near(1 / 370, rel=0.3 if bits > 8 else 1)


def test_a_bank_has_the_rows_of_its_fullest_tile() -> None:
    """13 channels on crossbars of 8 rows: seven, and six with one of padding."""
    layer = TransposedConv(13, 10, (3, 5), 4, stride=2, padding=1)
    own = map_layer(layer, "padding_free", *random_tensors(layer), SMALL, IDEAL)
    banks = [each for lane in own.lanes for each in own.programmer.banks(lane)]
    tiles = [tile for each in banks for turn in each.tiles for joint in turn for tile in joint]
    assert {len(tile.channels) for tile in tiles} == {6, 7}
    assert {each.rows for each in banks} == {7}


def test_chances_decide_which_cells_are_stuck() -> None:
    """Below the one share off, from the other on, the rest as it is."""
    drawn: Any = SimpleNamespace(random=lambda shape: np.array([[0.0, 0.19, 0.2, 0.74, 0.75, 1.0]]))
    cells = Nonidealities(stuck_off=0.2, stuck_on=0.25)
    held = cells.conductances(np.full((1, 6), 2), 3, drawn)
    assert held.tolist() == [[0.0, 0.0, 2.0, 2.0, 3.0, 3.0]]


@pytest.mark.parametrize("draw", [random_tensors, sample_tensors])
@pytest.mark.parametrize("bits", [62, 63, 64])
def test_tensors_of_more_bits_than_are_drawn_have_62(draw: Any, bits: int) -> None:
    inputs, weights = draw(Conv(64, 64, (8,), 3, input_bits=bits, weight_bits=bits))
    assert 2**61 < inputs.max() < 2**62
    most = 2 ** min(bits - 1, 62)
    assert most / 2 < weights.max() <= most
    assert -most / 2 > weights.min() >= -most


def test_cells_are_ideal_until_something_is_said() -> None:
    assert Nonidealities() == IDEAL
    assert (IDEAL.ideal, IDEAL.seed, IDEAL.on_off_ratio) == (True, 0, math.inf)
    assert not Nonidealities(on_off_ratio=1 + 1.01e-9).ideal  # the least that is told from 1
    with pytest.raises(InputError, match=r"on_off_ratio: got .* .legal: above 1"):
        Nonidealities(on_off_ratio=1 + 0.99e-9)


@pytest.mark.parametrize("name", designs.names())
def test_a_design_of_one_s_own_says_nothing_of_groups_that_are_not_there(name: str) -> None:
    shipped: Any = designs.find(name)

    def plan(layer: Any, hardware: Hardware) -> Any:
        def without(loops: Any) -> Any:
            return tuple(loop for loop in loops if loop[0] != "G")

        made = shipped.transposed(layer, hardware)
        parts = tuple(
            replace(
                part,
                loops={
                    target: replace(own, x=without(own.x), y=without(own.y))
                    for target, own in part.loops.items()
                },
            )
            for part in made.parts
        )
        return replace(made, parts=parts)

    own = replace(shipped, name="own", transposed=plan)
    tensors = random_tensors(LAYER)
    hardware = SMALL.replace(adc_bits=None)
    trace = simulate(LAYER, own, *tensors, hardware)
    assert trace.error.exact
    assert trace.counts == simulate(LAYER, shipped, *tensors, hardware).counts


def test_every_lane_s_lines_are_looked_for_in_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Along the first axis, whose lines the buffer holds."""
    looked: list[Any] = []
    monkeypatch.setattr(buffers.Window, "check", lambda _, reads: looked.append(reads))
    lanes = mapped("red").lanes
    buffers.slide(lanes, 16, zeros_stored=False)
    assert looked == [lane.reads[0] for lane in lanes]
    assert looked != [lane.reads[1] for lane in lanes]


def test_a_check_is_of_the_hardware_that_is_asked_for() -> None:
    """Nine turns are more than a mode has; the other design is checked all the same."""
    workload = Workload("w", "one", (WorkloadLayer(LAYER, "here"),))
    found = verify(workload, ["red", "zero_padding"], SMALL.replace(fold=9))
    assert [each.subject for each in found] == ["decomposition", "red", "zero_padding"]
    assert "no computation mode has 9 kernel pixels" in (found[1].not_run or "")
    assert (found[1].events, found[1].error) == (0, None)
    assert all(each.passed for each in found)
    assert found[2].events > 10
    assert {each.layer for each in found} == {""}
