"""Limits of the arithmetic, from both sides, and blocks of any size: none may change a number."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from close import near

from red_timeloop import Conv, TransposedConv, designs, simulate
from red_timeloop.dataflow import bank, machine, verification
from red_timeloop.dataflow.encoding import require_width
from red_timeloop.dataflow.events import UNSEEN
from red_timeloop.dataflow.execution import execute
from red_timeloop.dataflow.nonideal import Nonidealities, wire_loss
from red_timeloop.dataflow.quality import SAMPLE, sample_layer, sample_tensors
from red_timeloop.dataflow.trace import deviation
from red_timeloop.dataflow.verification import Check, differing, random_tensors, verify
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.workload import Workload, WorkloadLayer

OWN = Hardware.load()
WIDE = OWN.replace(adc_bits=None, rows=None, columns=None, cell_bits=8, dac_bits=8)


@pytest.mark.parametrize("channels", [511, 601])
def test_odd_sums_above_what_single_precision_holds_are_exact(channels: int) -> None:
    """511 x 255 x 255 is odd and above 2^24, as is 601 x 255 x 127: single precision drops a unit.

    Both stay below 2^25, from which on no fault of a factor of two could be told.
    """
    layer = Conv(channels, 1, (1,), 1)
    inputs = np.full(layer.input_shape, 255)
    weights = np.full(layer.weight_shape, 127)
    expected = channels * 255 * 127
    assert simulate(layer, "red", inputs, weights, WIDE).outputs.item() == expected
    assert execute(layer, "red", inputs, weights, WIDE).outputs.item() == expected


@pytest.mark.parametrize("design", [*designs.names(), "red_serial"])
def test_what_is_held_at_a_time_changes_no_count(
    design: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few sums, few inputs, and the cells of one crossbar, in place of all at once."""
    layer = TransposedConv(9, 6, (2, 3), 4, stride=2, padding=1, batch=2)
    hardware = OWN.replace(rows=8, columns=16, adc_bits=3)
    tensors = random_tensors(layer)
    whole = simulate(layer, design, *tensors, hardware)
    for module, limit in (
        (machine, "_MOST_SUMS"),
        (machine, "_MOST_INPUTS"),
        (bank, "_MOST_CELLS"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(module, limit, 400)
            parts = simulate(layer, design, *tensors, hardware)
        np.testing.assert_array_equal(parts.outputs, whole.outputs)
        assert parts.counts == whole.counts


@pytest.mark.parametrize(
    ("cells", "bits", "products", "sum_bits"),
    [
        (2, (20, 20), 4095, 52),  # 12 bits of products
        (2, (20, 20), 4096, 53),
        (8, (1, 1), 2**43 - 1, 52),  # 8 bits of a cell, one of a pulse
        (8, (1, 1), 2**43, 53),
        (None, (30, 21), 0, 52),  # of one product
        (None, (30, 22), 0, 53),
    ],
)
def test_sums_of_52_bits_are_the_widest(
    cells: int | None, bits: tuple[int, int], products: int, sum_bits: int
) -> None:
    hardware = OWN.replace(cell_bits=cells) if cells else OWN
    if sum_bits <= 52:
        require_width(hardware, *bits, products)
        return
    message = f"sums of {products} products of {bits[0]} by {bits[1]} bits take {sum_bits} bits"
    with pytest.raises(InputError, match=message):
        require_width(hardware, *bits, products)


@pytest.mark.parametrize("draw", [random_tensors, sample_tensors])
def test_random_tensors_use_every_value_of_their_bits(draw: Any) -> None:
    """Normal weights are cut to both sides alike: -4 of three bits is none of them."""
    inputs, weights = draw(Conv(64, 64, (3, 3), 3, input_bits=3, weight_bits=3), 5)
    least = -4 if draw is random_tensors else -3
    assert np.unique(inputs).tolist() == list(range(8))
    assert np.unique(weights).tolist() == list(range(least, 4))
    assert (draw(Conv(64, 64, (3, 3), 3, input_bits=3, weight_bits=3), 6)[0] != inputs).any()


def test_how_far_outputs_are_off_by_hand() -> None:
    found = deviation(np.array([3, -4, 5, 0]), np.array([3, 0, 2, 0]))
    assert (found.max, found.rms, found.exact) == (4, near(2.5), False)  # 25 over 4 values
    assert found.sqnr_db == near(10 * math.log10(13 / 25))
    assert deviation(np.array([1]), np.array([0])).sqnr_db == -math.inf
    none = deviation(np.zeros(0, int), np.zeros(0, int))
    assert (none.max, none.rms, none.exact, none.sqnr_db) == (0, 0.0, True, math.inf)


@pytest.mark.parametrize(
    ("key", "low", "high"),
    [
        ("variation", 0.0, 10.0),
        ("stuck_off", 0.0, 1.0),
        ("stuck_on", 0.0, 1.0),
        ("on_off_ratio", 1.00001, math.inf),
        ("wire_resistance", 0.0, 1.0),
        ("seed", 0, 10**9),
    ],
)
def test_cells_may_be_as_bad_as_the_limits_say(key: str, low: float, high: float) -> None:
    for value in (low, high):
        assert getattr(Nonidealities(**{key: value}), key) == value
    for value in (low - 0.0001, *([high * 1.0001] if high in (1.0, 10.0) else [])):
        with pytest.raises(InputError, match=f"{key}: got {value}"):
            Nonidealities(**{key: value})


def test_stuck_cells_and_wires_at_their_worst() -> None:
    levels = np.full((20, 30), 2)
    draw = np.random.default_rng
    assert (Nonidealities(stuck_off=1.0).conductances(levels, 3, draw(0)) == 0).all()
    assert (Nonidealities(stuck_on=1.0).conductances(levels, 3, draw(0)) == 3).all()
    # Ratio 4 over 3 levels: from 1 to 4 units.
    assert (Nonidealities(on_off_ratio=4.0).conductances(levels, 3, draw(0)) == 3.0).all()
    # Two cells each way: the corner away from driver and sense sees 1 + 2 columns, 1 + 2 rows.
    lost = wire_loss(np.ones((2, 2)), 0.1)
    assert lost.tolist() == [near([0.2 + 0.3, 0.3 + 0.3]), near([0.2 + 0.2, 0.3 + 0.2])]
    assert wire_loss(np.ones((2, 2)), 1.0).tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_events_that_an_engine_does_not_see_are_not_compared() -> None:
    executed = {"steps": 3, "adc_conversions": 5, UNSEEN[0]: 7}
    counted = {"steps": 3, "adc_conversions": 6, "more": 1}
    assert differing(executed, counted) == {"adc_conversions": (5, 6), "more": (None, 1)}


def test_a_check_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two alike layers the last is checked, on the tensors of seed 0 unless told."""
    seeds: list[int] = []

    def drawn(layer: Layer, seed: int) -> Any:
        seeds.append(seed)
        return random_tensors(layer, seed)

    monkeypatch.setattr(verification, "random_tensors", drawn)
    layer = TransposedConv(2, 2, (2, 2), 2, stride=2, name="one")
    both = tuple(WorkloadLayer(each, "here") for each in (layer, replace(layer, name="two")))
    told: list[tuple[int, int, str]] = []

    def progress(done: int, total: int, text: str) -> None:
        told.append((done, total, text))

    checks = verify(Workload("w", "two alike", both), ["red"], progress=progress)
    assert told == [(0, 2, "two: decomposition"), (1, 2, "two: red"), (2, 2, "")]
    assert seeds == [0]
    first, again = random_tensors(layer), random_tensors(layer, 0)
    assert all((one == other).all() for one, other in zip(first, again, strict=True))
    assert [(each.layer, each.subject, each.outputs) for each in checks] == [
        ("two", "decomposition", 32),
        ("two", "red", 32),
    ]
    assert all(each.passed for each in checks)
    assert not replace(checks[1], differences={"steps": (1, 2)}).passed
    assert not replace(checks[0], error=deviation(np.array([1]), np.array([2]))).passed
    assert Check("one", "red", not_run="why").passed


@pytest.mark.parametrize("kind", [TransposedConv, Conv])
def test_a_sample_has_every_tap_of_every_phase_once(kind: type[Layer]) -> None:
    """Of outputs of one stride away from the border: each kernel pixel lands on one of them.

    A kernel that reaches less far than a stride makes as many outputs as it reaches.
    """
    for kernel, stride, dilation in product(range(1, 6), range(1, 5), range(1, 4)):
        layer = kind(6, 80, (20,), (kernel,), stride=stride, dilation=dilation, groups=2, batch=9)
        found = sample_layer(layer)
        phases = min(stride, dilation * (kernel - 1) + 1) if kind is TransposedConv else 1
        assert found.output_size == (phases,)
        assert (found.in_channels, found.out_channels, found.groups) == (3, 32, 1)
        assert found.macs == 4 * 3 * 32 * kernel
    assert "at most 32 output channels" in SAMPLE
    assert SAMPLE.endswith("4 images")
    assert sample_layer(kind(6, 62, (20,), (3,), groups=2)).out_channels == 31


def test_samples_are_those_of_seed_2019() -> None:
    layer = Conv(2, 2, (4,), 3)
    first, again, other = (sample_tensors(layer, *seed) for seed in ((), (2019,), (2018,)))
    assert all((one == two).all() for one, two in zip(first, again, strict=True))
    assert (first[0] != other[0]).any()
