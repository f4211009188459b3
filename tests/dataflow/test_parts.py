"""Encodings, converters, cells and buffers, each against something worked out otherwise."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from close import near
from hypothesis import given
from hypothesis import strategies as st

from red_timeloop import TransposedConv, designs, simulate
from red_timeloop.dataflow.buffers import OverlapBuffer, Window, slide
from red_timeloop.dataflow.converter import converter
from red_timeloop.dataflow.encoding import InputCode, WeightCode, input_code
from red_timeloop.dataflow.nonideal import Nonidealities, wire_loss
from red_timeloop.dataflow.verification import random_tensors
from red_timeloop.designs.lanes import plan_lanes
from red_timeloop.designs.reads import AxisReads
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware

EXACT = Hardware.load().replace(adc_bits=None)


@given(
    st.integers(1, 20), st.integers(1, 8), st.sampled_from(["offset", "twos_complement"]), st.data()
)
def test_cells_hold_the_weight(bits: int, cell_bits: int, encoding: str, data) -> None:
    half = 1 << (bits - 1)
    weights = np.array(data.draw(st.lists(st.integers(-half, half - 1), min_size=1)))
    code = WeightCode(bits, cell_bits, encoding)
    cells = code.cells(weights)
    assert cells.min() >= 0
    assert cells.max() < 1 << cell_bits
    hardware = EXACT.replace(weight_encoding=encoding, cell_bits=cell_bits)
    assert cells.shape[1] == len(code.places) == hardware.weight_slices(bits)
    np.testing.assert_array_equal(cells @ code.places - code.bias, weights)


@given(st.integers(1, 16), st.integers(1, 8), st.booleans(), st.data())
def test_pulses_add_up_to_the_input(bits: int, dac_bits: int, signed: bool, data) -> None:
    if signed and (bits - 1) % dac_bits:
        return
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    inputs = np.array(data.draw(st.lists(st.integers(low, high), min_size=1)))
    code = InputCode(bits, dac_bits, signed)
    digits = [code.digits(inputs, pulse) for pulse in range(len(code.places))]
    assert len(digits) == EXACT.replace(dac_bits=dac_bits).input_slices(bits)
    assert all(d.min() >= 0 and d.max() < 1 << dac_bits for d in digits)
    total = sum(place * d for place, d in zip(code.places, digits, strict=True))
    np.testing.assert_array_equal(total, inputs)


def test_inputs_are_signed_when_one_is_negative() -> None:
    assert not input_code(np.array([0, 255]), 8, 1).signed
    assert input_code(np.array([-1, 127]), 8, 1).signed
    with pytest.raises(InputError, match=r"values from -1 to 128 do not fit .* -128 to 127"):
        input_code(np.array([-1, 128]), 8, 1)
    with pytest.raises(InputError, match=r"the sign bit needs a pulse of its own .*divides 7"):
        input_code(np.array([-1, 3]), 8, 2)


@pytest.mark.parametrize("design", designs.names())
def test_signed_inputs_are_executed_exactly(design: str) -> None:
    layer = TransposedConv(5, 4, (3, 4), 4, stride=2, padding=1)
    inputs, weights = random_tensors(layer)
    for encoding in ("offset", "twos_complement"):
        hardware = EXACT.replace(rows=8, columns=16, weight_encoding=encoding)
        assert simulate(layer, design, inputs - 128, weights, hardware).error.exact


@given(st.integers(1, 12), st.integers(1, 5000))
def test_a_converter_is_monotonic_and_never_off_by_more_than_half_a_step(bits, largest) -> None:
    adc = converter(bits, largest)
    sums = np.arange(largest + 1, dtype=float)
    codes = sums.copy()
    adc.convert(codes)
    assert (np.diff(codes) >= 0).all()
    reach = (adc.levels - 1) * adc.step
    # Codes reach to half of the largest sum's power of two, or to the sum itself.
    assert reach >= min(largest, (1 << (largest.bit_length() - 1)) - adc.step)
    inside = sums <= reach
    assert np.abs(codes - sums)[inside].max() <= adc.step / 2
    assert (codes[~inside] == reach).all()
    assert adc.lossless == bool((codes == sums).all() and adc.step == 1)


def test_whole_number_sums_are_rounded_without_a_bias() -> None:
    sums = np.arange(64.0)
    codes = sums.copy()
    converter(5, 127).convert(codes)
    assert abs((codes - sums)[:60].mean()) < 0.1


def test_an_execution_converts_every_column_of_every_pulse() -> None:
    """A crossbar of 12 rows, spelled out with Python integers."""
    layer = TransposedConv(12, 2, (1,), 1)
    inputs, weights = random_tensors(layer, 3)
    hardware = Hardware.load().replace(adc_bits=3, columns=16)
    expected = []
    for column in range(2):
        total = 0
        for pulse in range(8):
            for cell in range(4):
                current = sum(
                    (int(inputs[0, row, 0]) >> pulse & 1)
                    * ((int(weights[row, column, 0]) + 128) >> (2 * cell) & 3)
                    for row in range(12)
                )
                code = min(7, round(current / 4))  # 36 units need 6 bits: half of them, in 8 codes
                total += code * 4 << (pulse + 2 * cell)
        total -= 128 * int(inputs.sum())
        expected.append(total)
    assert simulate(layer, "red", inputs, weights, hardware).outputs.ravel().tolist() == expected


def test_more_bits_convert_better() -> None:
    layer = TransposedConv(96, 8, (3, 3), 4, stride=2, padding=1)
    tensors = random_tensors(layer)
    ratios = [
        simulate(layer, "red", *tensors, EXACT.replace(adc_bits=bits)).error.sqnr_db
        for bits in (3, 5, 7, 9)
    ]
    assert ratios == sorted(ratios)
    assert ratios[-1] == math.inf
    coarse = simulate(layer, "red", *tensors, EXACT.replace(adc_bits=9), adc_step=16)
    assert 0 < coarse.error.sqnr_db < ratios[2]


@pytest.mark.parametrize(
    "cells",
    [
        {"variation": 0.05},
        {"stuck_off": 0.01},
        {"stuck_on": 0.01},
        {"on_off_ratio": 50.0},
        {"wire_resistance": 3e-4},
    ],
)
def test_cells_that_are_not_ideal_cost_precision(cells: dict[str, float]) -> None:
    layer = TransposedConv(24, 6, (3, 3), 4, stride=2, padding=1)
    tensors = random_tensors(layer)
    key, value = next(iter(cells.items()))
    worse = {key: 1 + (value - 1) / 4} if key == "on_off_ratio" else {key: value * 8}
    first, second, other, bad = (
        simulate(layer, "red", *tensors, EXACT, nonidealities=Nonidealities(**chosen))
        for chosen in (cells, cells, {**cells, "seed": 1}, worse)
    )
    np.testing.assert_array_equal(first.outputs, second.outputs)
    assert -40 < bad.error.sqnr_db < first.error.sqnr_db < 80
    seeded = key in ("variation", "stuck_off", "stuck_on")
    assert (first.outputs != other.outputs).any() == seeded
    ideal = simulate(layer, "red", *tensors, EXACT)
    assert {**first.counts, "adc_saturations": 0} == ideal.counts


def test_conductances_are_distributed_as_asked() -> None:
    """Moments of the lognormal distribution, and shares, within four standard errors."""
    random = np.random.default_rng(0)
    levels, sigma = np.full((400, 400), 2), 0.2
    varied = Nonidealities(variation=sigma).conductances(levels, 3, random) / 2
    logs, count = np.log(varied), varied.size
    assert abs(logs.mean()) < 4 * sigma / math.sqrt(count)
    assert abs(logs.var() / sigma**2 - 1) < 4 * math.sqrt(2 / count)
    assert abs(np.mean(logs**4) / sigma**4 - 3) < 4 * math.sqrt(96 / count)  # as a normal one has
    mean, variance = math.exp(sigma**2 / 2), (math.exp(sigma**2) - 1) * math.exp(sigma**2)
    assert abs(varied.mean() - mean) < 4 * math.sqrt(variance / count)
    assert varied.var() == near(variance, rel=2e-2)
    neighbours = np.corrcoef(logs[:, :-1].ravel(), logs[:, 1:].ravel())[0, 1]
    assert abs(neighbours) < 4 / math.sqrt(count)  # cells know nothing of each other
    stuck = Nonidealities(stuck_off=0.1, stuck_on=0.2).conductances(levels, 3, random)
    for level, share in ((0, 0.1), (3, 0.2), (2, 0.7)):
        error = math.sqrt(share * (1 - share) / count)
        assert abs((stuck == level).mean() - share) < 4 * error
    held = Nonidealities(on_off_ratio=10).conductances(np.array([[0, 3]]), 3, random)
    assert held[0, 1] / held[0, 0] == near(10, rel=1e-5)
    assert held[0, 1] - held[0, 0] == near(3, rel=1e-5)


FAULTY = """
import hashlib, sys
import numpy as np
from red_timeloop import TransposedConv, simulate
from red_timeloop.dataflow.nonideal import Nonidealities
from red_timeloop.dataflow.verification import random_tensors

layer = TransposedConv(24, 6, (3, 3), 4, stride=2, padding=1)
cells = Nonidealities(variation=0.1, stuck_off=0.02, stuck_on=0.01, seed=7)
made = simulate(layer, "red", *random_tensors(layer, 7), nonidealities=cells).outputs
print(hashlib.sha256(np.ascontiguousarray(made).tobytes()).hexdigest())
"""


def test_a_seed_gives_the_same_cells_in_every_process() -> None:
    """Whatever a process hashes strings with, and however many threads multiply there."""
    found = set()
    for seed, threads in (("0", "1"), ("77", "2")):
        settings = {"PYTHONHASHSEED": seed, "OPENBLAS_NUM_THREADS": threads}
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **settings}
        command = [sys.executable, "-c", FAULTY]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found.add(done.stdout)
    assert len(found) == 1
    # On every machine: the first cells of a seed, as they were drawn once.
    cells = Nonidealities(variation=0.1, stuck_off=0.2, seed=7)
    drawn = cells.conductances(np.full((1, 4), 2), 3, np.random.default_rng(cells.seed))
    assert drawn.ravel().tolist() == pytest.approx(
        [1.911102, 1.811187, 2.012065, 2.286835], rel=0, abs=2e-6
    )


def network_currents(conductances: np.ndarray, resistance: float) -> np.ndarray:
    """Currents out of the bit lines of a crossbar, all rows at 1 V: Kirchhoff's laws, solved."""
    rows, columns = conductances.shape
    wire = 1 / resistance
    system, source = np.zeros((2 * rows * columns,) * 2), np.zeros(2 * rows * columns)

    def node(row: int, column: int, bit_line: bool) -> int:
        return (row * columns + column) * 2 + bit_line

    def connect(a: int, b: int | None, conductance: float, volts: float = 0.0) -> None:
        system[a, a] += conductance
        if b is None:  # to a terminal
            source[a] += conductance * volts
            return
        system[b, b] += conductance
        system[a, b] -= conductance
        system[b, a] -= conductance

    for r in range(rows):
        for c in range(columns):
            connect(node(r, c, False), node(r, c, True), conductances[r, c])
            before = node(r, c - 1, False) if c else None
            connect(node(r, c, False), before, wire, volts=1.0)
            below = node(r + 1, c, True) if r + 1 < rows else None
            connect(node(r, c, True), below, wire)
    volts = np.linalg.solve(system, source)
    return wire * np.array([volts[node(rows - 1, c, True)] for c in range(columns)])


def test_the_wire_model_is_the_first_order_of_the_network() -> None:
    conductances = np.random.default_rng(0).uniform(0.1, 1, (5, 4))
    ideal = conductances.sum(axis=0)
    errors = []
    for resistance in (1e-4, 5e-5):
        lost = wire_loss(conductances, resistance)
        first_order = (conductances * (1 - lost)).sum(axis=0)
        solved = network_currents(conductances, resistance)
        assert np.abs(solved - ideal).max() > 50 * np.abs(solved - first_order).max()
        errors.append(np.abs(solved - first_order).max())
    assert errors[0] / errors[1] == near(4, rel=0.05)  # what is left is of second order


def test_the_window_of_a_benchmark_layer() -> None:
    """4x4 pixels under a 3x3 window in 4x4 steps: 10 real pixels an axis, counted by hand."""
    layer = TransposedConv(512, 256, (4, 4), 4, stride=2, padding=1, name="GAN_Deconv3")
    trace = simulate(layer, "red", *random_tensors(layer))
    assert trace.error.exact
    assert trace.counts["steps"] == 16
    assert trace.counts["input_buffer_reads"] == 10 * 10 * 512
    assert trace.counts["input_buffer_writes"] == 4 * 4 * 512
    assert trace.counts["input_buffer_words"] == 3 * 4 * 512  # three lines
    assert trace.counts["cell_reads"] == 25_690_112 * 4 * 8


def test_a_line_that_is_not_in_the_buffer_is_noticed() -> None:
    layer = TransposedConv(1, 1, (4, 4), 4, stride=2, padding=1)
    (first, *_) = own = plan_lanes(designs.find("red").plan(layer, EXACT))
    window = slide(own, 1, False)
    window.check(first.reads[0])
    with pytest.raises(AssertionError, match=r"line -?[0-9]+ is not in the buffer in step 0"):
        Window().check(first.reads[0])
    late = Window({**window.arrival, 1: 3}, window.departure)
    with pytest.raises(AssertionError, match=r"line 1 is not in the buffer"):
        late.check(AxisReads(steps=4, offsets=(0,), pixels=4))
    gone = Window(window.arrival, {**window.departure, 2: 2})
    with pytest.raises(AssertionError, match=r"line 2 is not in the buffer in step 2"):
        gone.check(AxisReads(steps=4, offsets=(0,), pixels=4))


def test_the_overlap_buffer_adds_and_crops() -> None:
    buffer = OverlapBuffer.empty(1, 2, (5,))
    image, channels = np.zeros(2, int), np.array([0, 1])
    buffer.add(image, channels, [np.array([0, 2])], np.array([[1, 2], [3, 4]]))
    buffer.add(image, channels, [np.array([2, 4])], np.array([[10, 20], [30, 40]]))
    outputs, written, cropped = buffer.crop([1], [5])
    assert outputs.tolist() == [[[0, 13, 0, 30, 0], [0, 24, 0, 40, 0]]]
    assert (buffer.updates, buffer.additions, written, cropped) == (8, 2, 4, 2)


LAYER = TransposedConv(2, 3, (4, 4), 4, stride=2, padding=1)
INPUTS, WEIGHTS = random_tensors(LAYER)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"inputs": INPUTS[:, :1]}, r"inputs: shape \[1, 1, 4, 4\] .*\[1, 2, 4, 4\]"),
        ({"weights": WEIGHTS[..., :3]}, r"weights: shape \[2, 3, 4, 3\] .*\[2, 3, 4, 4\]"),
        ({"inputs": INPUTS * 2}, r"inputs: values from 0 to \d+ do not fit .*input_bits = 8.*255"),
        ({"weights": WEIGHTS * 2}, r"weights: values from -\d+ to \d+ .*weight_bits = 8.*-128 to"),
        ({"inputs": INPUTS * 1.0}, "inputs: dtype float64 is not an integer's"),
        ({"inputs": np.full(INPUTS.shape, 2**63, np.uint64)}, "inputs: the value 9223.* too large"),
        ({"design": "eyeriss"}, "design: eyeriss has no crossbars to execute .*padding_free"),
        ({"design": "rde"}, "design: unknown design 'rde'"),
        ({"layer": "GAN_Deconv3"}, "layer: 'GAN_Deconv3' is not a layer"),
        ({"adc_step": 0}, "adc_step: got 0 .*whole number from 1"),
    ],
)
def test_bad_input_is_refused(arguments: dict, message: str) -> None:
    legal = {"layer": LAYER, "design": "red", "inputs": INPUTS, "weights": WEIGHTS}
    with pytest.raises(InputError, match=message):
        simulate(**{**legal, **arguments})


def test_sums_too_wide_to_be_exact_are_refused() -> None:
    layer = TransposedConv(2, 3, (4, 4), 4, stride=2, input_bits=32, weight_bits=32)
    with pytest.raises(InputError, match=r"32 by 32 bits take 70 bits .*at most 52 bits"):
        simulate(layer, "red", *random_tensors(layer))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"variation": -0.1}, "variation: got -0.1 .*sigma of 0 to 10"),
        ({"stuck_off": 0.7, "stuck_on": 0.4}, "stuck_on: got 0.4 .*at most 1"),
        ({"on_off_ratio": 1.0}, "on_off_ratio: got 1.0 .*above 1"),
        ({"wire_resistance": math.nan}, "wire_resistance: got nan"),
        ({"seed": -1}, "seed: got -1 .*0 or more"),
    ],
)
def test_cells_that_cannot_be_are_refused(values: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Nonidealities(**values)
