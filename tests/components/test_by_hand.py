"""What components cost, worked out a second time from the sources that their docstrings name.

The numbers are those of ISAAC's set, written out; formulas are plain arithmetic over one shape.
"""

from __future__ import annotations

from math import ceil, log, log2, sqrt
from typing import Any

import numpy as np
import pytest
from close import near

from red_timeloop.circuit import Circuit
from red_timeloop.components import build, wires

ISAAC = Circuit.load("isaac_32nm")
F, V = 32e-9, 0.9  # feature, supply
GATE_F, JUNCTION_F, WIRE_F = 1e-9, 0.8e-9, 2e-10  # a metre
TOGGLING = INPUTS = 0.5
FO4 = 3.6e-4 * F
GATE, GATE_AREA = 4 * 3 * F * GATE_F * V**2, 350 * F**2
FLIP_FLOP, FLIP_FLOP_AREA = 24 * 3 * F * GATE_F * V**2 * (1 / 4 + 3 / 4 * TOGGLING), 6 * GATE_AREA
SMALLEST = 3 * F * GATE_F  # a transistor's gate; an inverter has three of them
LINEAR = 0.35 * FO4 / (log(2) * 5) / 3  # ohm farad
CONDUCTANCE = (1 / 50e3 + 1 / 500e3) / 2
READ = 10e-9


def chain(load: float) -> float:
    """Energy of a load and the stages before it, each a quarter of the next: 1 + 1/3."""
    return load * 4 / 3 * V**2


def line(cells: float) -> float:
    return cells * 4 * F * WIRE_F


def word_line(columns: float) -> float:
    return line(columns) + columns * 2 * F * GATE_F


def bit_line(rows: float) -> float:
    return line(rows) + rows * 2 * F * JUNCTION_F


def line_resistance(cells: float) -> float:
    """Copper two features wide, 1.8 thick, with its surfaces and grains."""
    width, thickness, path, reflected = 2 * F, 1.8 * F, 3.9e-8, 0.3
    surface = 3 / 8 * path * (1 / width + 1 / thickness)
    grain = 3 / 2 * path / thickness * reflected / (1 - reflected)
    return cells * 4 * F * 1.72e-8 * (1 + surface + grain) / (width * thickness)


def pass_gate(rows: float) -> float:
    return min(0.25 * 50e3 / rows, LINEAR / SMALLEST)


def drive(columns: int) -> float:
    load = word_line(columns)
    stages = max(log(load / (3 * SMALLEST)) / log(4), 1)
    return stages * FO4 + log(2) * line_resistance(columns) * load / 2  # (4 + 1) / 5 FO4 a stage


def settle(rows: int, used: int, bits: int) -> float:
    source = 1 / max(used * INPUTS * CONDUCTANCE, CONDUCTANCE) + pass_gate(rows)
    constant = bit_line(rows) * (source + line_resistance(rows) / 2)
    return max(READ, (bits + 1) * log(2) * constant)


def finger_area(capacitance: float) -> float:
    return capacitance / GATE_F * 4 * F + GATE_AREA / 4


def multiplexer(rows: int, columns: int, shared: float) -> float:
    if shared == 1:
        return 0.0
    return shared * chain(line(columns) + columns / shared * LINEAR / pass_gate(rows))


SHAPES = [  # rows, columns, rows used, columns used, slices, pulses, joined, to a converter
    (128, 128, 128, 32, 4, 8, 1, 128),
    (4096, 256, 3000, 20, 3, 4, 2, 16),
    (64, 8, 10, 1, 8, 1, 3, 1),
    (2, 6, 1, 2, 3, 2, 1, 4),
    (1, 1, 1, 1, 1, 1, 1, 8),
]


@pytest.mark.parametrize("shape", SHAPES)
def test_an_array(shape: tuple[int, ...]) -> None:
    rows, columns, used, logical, slices, pulses, joined, shared = shape
    circuit = ISAAC.replace(columns_per_adc=float(shared))
    made: Any = build(
        "reram_array",
        {"rows": rows, "columns": columns, "rows_used": used, "columns_used": logical}
        | {"weight_slices": slices, "input_slices": pulses, "joined_arrays": joined},
        circuit,
    )
    seconds = settle(rows * joined, used * joined, 8)
    conducts = drive(columns) + seconds
    assert made.latency == near(seconds)
    column = bit_line(rows) * 0.2 * V + 1e-6 * V * conducts + 1e-8 * shared / 1.28e9
    control = 500 * TOGGLING * GATE + chain(line(rows) + rows * SMALLEST)
    chosen = multiplexer(rows * joined, columns, min(shared, columns)) / joined
    pulse, address = control + chosen, log2(max(rows, 2))
    decode = address * TOGGLING * chain(line(rows) + rows / 2 * SMALLEST)
    assert made.parts == {
        "column": near(column + chosen / columns),
        "column line": near(bit_line(rows) * 0.2 * V),
        "column clamp": near(1e-6 * V * conducts),
        "column hold": near(1e-8 * shared / 1.28e9),
        "column multiplexer": near(chosen / columns),
        "control": near(control),
    }
    whole = pulses * pulse + decode
    assert made.energy("update") == near(whole / logical + slices * pulses * column)
    cells = rows * columns * 16 * F**2
    decoder = rows * (address / 2 + 1) * GATE_AREA
    gates = columns * finger_area(LINEAR / pass_gate(rows))
    rest = decoder + gates + columns * 3.9e-14 + 500 * GATE_AREA
    assert made.area == near(cells + rest)
    # Half of the transistors of a gate leak, four of three features each.
    assert made.leakage_power == near(rest / GATE_AREA * 4 * 3 * F / 2 * 5e-3 * V)
    drawn = used * joined * INPUTS * CONDUCTANCE
    path = line_resistance(rows * joined) / 3 + pass_gate(rows * joined)
    lost = 1 - 1 / (1 + drawn * path)
    assert made.line_drop == near(lost)
    weight: Any = build(
        "reram_cell",
        {"rows": rows, "columns": columns, "rows_used": used, "joined_arrays": joined}
        | {"weight_slices": slices, "input_slices": pulses, "real_share": 0.5},
        circuit,
    )
    one = INPUTS * 0.2**2 * CONDUCTANCE * (1 - min(lost, 0.25)) * conducts
    assert weight.energy("read") == near(slices * pulses * 0.5 * one)
    assert (weight.parts, weight.line_drop) == ({"cell": near(one)}, near(lost))
    assert weight.energy("write") == near(slices * 2.0 * 1e-4 * 5e-8 * 10)


@pytest.mark.parametrize("bits", [1, 3, 4])
@pytest.mark.parametrize("columns", [128, 300])
def test_drivers_of_several_bits(bits: int, columns: int) -> None:
    """A converter of n bits has 2^n - 1 steps, each with the power of ISAAC's one-bit one."""
    shape = {"rows": 64, "columns": columns, "dac_bits": bits}
    driver = build("row_driver", {**shape, "input_slices": 3, "real_share": 0.4}, ISAAC)
    steps = 2**bits - 1
    pulse = INPUTS * (3.9e-6 * READ * steps + chain(word_line(columns)))
    assert driver.energy("read") == near(3 * (FLIP_FLOP + 0.4 * pulse))
    assert driver.parts == {
        "row": near(FLIP_FLOP + pulse),
        "row latch": near(FLIP_FLOP),
        "row converter": near(INPUTS * 3.9e-6 * READ * steps),
        "row line": near(INPUTS * chain(word_line(columns))),
    }
    row = finger_area(word_line(columns) / 3) + 1.66e-13 * steps + FLIP_FLOP_AREA
    assert driver.area == near(64 * row)
    assert driver.latency == near(drive(columns))


def add(bits: int) -> float:
    return (6.67e-15 + 2.917e-15 * bits) * 32 / 45


def add_area(bits: int) -> float:
    return (2.33e-12 + 4.208e-12 * bits) * (32 / 45) ** 2


def sram(bits: int, capacity: float) -> float:
    """64 bits of 8 KB take 10 pJ at 45 nm; with the root of the capacity; flip-flops at least."""
    return max(10e-12 * bits / 64 * sqrt(capacity / 65536) * 32 / 45, bits * FLIP_FLOP)


def edram(bits: int, capacity: float) -> float:
    return 20.45e-12 * bits / 256 * sqrt(capacity / (64 * 1024 * 8))


def test_digital_parts() -> None:
    tree = build("adder", {"width": 24, "inputs": 5, "lanes": 3}, ISAAC)
    assert tree.energy("update") == near(4 / 5 * add(24))
    assert tree.area == near(3 * 4 / 5 * add_area(24))
    assert tree.latency == near(3 * 2 * (log2(24) + 1) * FO4)
    register = build("output_register", {"width": 20, "depth": 7}, ISAAC)
    flips = 20 * FLIP_FLOP
    assert register.energy("update") == near(20 * TOGGLING * GATE + add(20) + flips)
    assert register.energy("write") == near(flips)
    assert register.area == near(7 * 20 * FLIP_FLOP_AREA + add_area(20))
    shape = {"width": 24, "weight_slices": 4, "input_slices": 8, "columns": 300}
    shift = build("shift_add", shape, ISAAC)
    assert shift.energy("update") == near(32 * 2.1e-14 * 24 / 16)
    assert shift.area == near(ceil(300 / 128) * 6e-11 * 24 / 16)
    mac = build("mac", {"width": 16, "compute_share": 0.25}, ISAAC)
    power, grown = 2 ** (log(3.1 / 0.2) / log(4)), 2 ** (log(3495 / 282) / log(4))
    work = 2e-13 * power * 32 / 45 + add(40) + 40 * FLIP_FLOP
    assert mac.energy("compute") == near(work / 4)
    area = 2.82e-10 * grown * (32 / 45) ** 2 + add_area(40) + 40 * FLIP_FLOP_AREA
    assert mac.area == near(area)
    lone = build("mac", {"width": 8, "accumulator_bits": 10}, ISAAC)
    assert lone.energy("compute") == near(2e-13 * 32 / 45 + add(10) + 10 * FLIP_FLOP)


def test_converters() -> None:
    rate = 1.28e9
    adc = build("adc", {"resolution": 6, "weight_slices": 3, "input_slices": 5}, ISAAC)
    one = 1e-13 * 6 * (1 + rate / 1.744e9) + 4.3e-16 * 2**6 + 1e-18 * 4**6
    assert adc.energy("update") == near(15 * one)
    logic = 8.175e-11 * 6
    assert adc.area == near(logic + 2.133e-12 * 2**6)
    assert adc.leakage_power == near(logic / GATE_AREA * 4 * 3 * F / 2 * 5e-3 * V)


def test_memories() -> None:
    shape = {"width": 64, "depth": 512, "n_banks": 4, "stored_share": 0.75}
    bank = 64 * 512 * 0.75 / 4
    small = build("sram_buffer", shape, ISAAC)
    for action in ("read", "write", "update"):
        assert small.energy(action) == near(sram(64, bank))
    assert small.area == near(4 * bank * 1.28e-13)
    tiny = build("sram_buffer", {"width": 4, "depth": 1}, ISAAC)
    assert tiny.energy("read") == near(4 * FLIP_FLOP)
    large = build("edram", shape, ISAAC)
    assert large.energy("read") == near(edram(64, bank))
    assert large.area == near(4 * bank / (64 * 1024 * 8) * 8.3e-8)
    assert large.leakage_power == near(512 * 0.75 * edram(64, bank) / 4e-5)
    overlap = build("overlap_adder", {**shape, "datawidth": 16}, ISAAC)
    assert overlap.energy("update") == near(2 * sram(64, bank) + 4 * add(16))
    assert overlap.energy("read") == 0
    assert overlap.area == near(4 * bank * 1.28e-13 + 4 * add_area(16))
    file = build("regfile", {"width": 12, "depth": 6}, ISAAC)
    assert file.energy("write") == near(12 * FLIP_FLOP)
    assert file.energy("read") == near(12 * TOGGLING * GATE * 6)
    assert file.area == near(72 * (FLIP_FLOP_AREA + GATE_AREA))
    lone = build("regfile", {"width": 12}, ISAAC)
    assert lone.energy("read") == near(12 * TOGGLING * GATE)


@pytest.mark.parametrize(
    ("kind", "picojoules"),
    [("LPDDR4", 8), ("LPDDR2", 40), ("DDR3", 70), ("DDR4", 20), ("HBM2", 3.92)],
)
def test_memories_outside_the_chip(kind: str, picojoules: float) -> None:
    dram = build("dram", {"width": 64, "type": kind}, ISAAC)
    for action in ("read", "write", "update"):
        assert dram.energy(action) == near(64 * picojoules * 1e-12)
    assert build("dram", {"width": 64}, ISAAC).energy("read") == near(64 * 8e-12)


def test_wires_to_the_crossbars() -> None:
    """Two arrays: one branch to each, a quarter of the two sides that the tree spans."""
    shape = {"width": 32, "depth": 64}
    to = {"rows": 128, "columns": 128, "served_arrays": 2, "resolution": 8}
    side = sqrt(
        128 * 128 * 16 * F**2
        + 128 * (log2(128) / 2 + 1) * GATE_AREA
        + 128 * finger_area(LINEAR / pass_gate(128))
        + 128 * 3.9e-14
        + 500 * GATE_AREA
        + 128 * (finger_area(word_line(128) / 3) + 1.66e-13 + FLIP_FLOP_AREA)
        + 8.175e-11 * 8
        + 2.133e-12 * 2**8
    )
    bare = build("sram_buffer", shape, ISAAC).energy("read")
    for reached in (1, 2):
        wired: Any = build("sram_buffer", {**shape, **to, "reached_arrays": reached}, ISAAC)
        length = reached * side * sqrt(2) / 4
        assert wired.tree_length == near(length)
        rising = 32 * TOGGLING / 2
        assert wired.energy("read") - bare == near(rising * chain(length * WIRE_F), rel=1e-6)
    for missing in ("rows", "columns", "served_arrays"):
        without = {name: value for name, value in to.items() if name != missing}
        assert build("sram_buffer", {**shape, **without}, ISAAC).energy("read") == bare


def test_trees_of_several_sizes_are_those_of_each() -> None:
    leaves, reached = [1, 2, 5, 64, 300], [1, 2, 2, 64, 7]
    alone = [wires.tree_length(n, m, 1e-3) for n, m in zip(leaves, reached, strict=True)]
    assert wires.tree_length(leaves, reached, 1e-3) == near(np.array(alone))


def test_what_is_left_out_is_one_of_each() -> None:
    """One cell of one bit, one pulse of one bit, one array; nothing shared and nothing padded."""
    shape = {"rows": 64, "columns": 32, "rows_used": 60, "columns_used": 8}
    ones = {"weight_slices": 1, "input_slices": 1, "cell_bits": 1, "joined_arrays": 1}
    driver = {"input_slices": 1, "dac_bits": 1, "real_share": 1.0}
    memory = {"n_banks": 1, "stored_share": 1.0, "served_arrays": 0}
    for name, needed, told in (
        ("reram_array", shape, {**ones, "resolution": 8, "line_columns": 32}),
        ("row_driver", {"rows": 64, "columns": 32}, {**driver, "line_columns": 32}),
        ("reram_cell", {}, {**ones, **driver}),
        ("reram_cell", {"rows": 64}, {"columns": 1, "rows_used": 64, "resolution": 8}),
        ("integrate_and_fire", {"resolution": 8}, {"rows_used": 128, "joined_arrays": 1}),
        ("overlap_adder", {"width": 256, "depth": 64}, {"datawidth": 16, "resolution": 8}),
        ("regfile", {"width": 8}, {"depth": 1}),
        ("adc", {"resolution": 8}, {"weight_slices": 1, "input_slices": 1, "converters": 1}),
        ("shift_add", {"width": 24}, {"weight_slices": 1, "input_slices": 1, "converters": 1}),
        ("adder", {"width": 24}, {"inputs": 2, "lanes": 1}),
        ("output_register", {"width": 24}, {"depth": 1}),
        ("edram", {"width": 256, "depth": 64}, memory),
        ("sram_buffer", {"width": 256, "depth": 64}, memory),
        ("mac", {}, {"width": 8, "accumulator_bits": 24, "compute_share": 1.0}),
    ):
        short, long = build(name, needed, ISAAC), build(name, {**needed, **told}, ISAAC)
        for action in short.actions:
            assert short.energy(action) == long.energy(action), (name, action)
        assert (short.area, short.latency) == (long.area, long.latency), name


SHARED = {"columns": 100, "columns_used": 30, "weight_slices": 3}  # 90 columns on 7 converters
SPIKE, SIXTEEN = 4 * FO4, ISAAC.replace(columns_per_adc=16.0)


@pytest.mark.parametrize(
    ("bits", "used", "joined"), [(5, 20, 2), (10, 128, 1), (3, 1, 1), (9, 4096, 3)]
)
def test_integrate_and_fire(bits: int, used: int, joined: int) -> None:
    """As many spikes as the counter holds from the fullest column, each of half the supply."""
    spikes = 2**bits - 1
    seconds = max(READ, spikes * SPIKE)
    capacitor = max(used * joined * 0.2 / 50e3 * seconds / spikes / (V / 2), 3 * SMALLEST)
    shape = {"resolution": bits, "rows_used": used, "joined_arrays": joined, **SHARED}
    one: Any = build("integrate_and_fire", {**shape, "input_slices": 2}, SIXTEEN)
    fired = spikes * INPUTS * CONDUCTANCE * 50e3
    flip = FLIP_FLOP / (1 / 4 + 3 / 4 * TOGGLING)
    conversion = fired * (capacitor * V**2 / 2 + 8 * GATE + 2 * flip) + bits * FLIP_FLOP
    assert one.energy("update") == near(2 * 3 * conversion)
    logic = 8 * GATE_AREA + bits * FLIP_FLOP_AREA
    assert one.area == near(7 * (logic + capacitor / (GATE_F / F)))
    assert one.leakage_power == near(7 * logic / GATE_AREA * 4 * 3 * F / 2 * 5e-3 * V)
    last = seconds - READ + SPIKE
    assert one.latency == near(last + (ceil(90 / 7) - 1) * (last + READ))


def test_sense_amplifiers() -> None:
    """A latch of eight gates decides in ten FO4, while two clamps draw a microampere each."""
    one = build("sense_amplifier", {"resolution": 1, **SHARED, "input_slices": 2}, SIXTEEN)
    assert one.energy("update") == near(2 * 3 * (2 * 1e-6 * V * 10 * FO4 + 8 * GATE))
    assert one.area == near(7 * 8 * GATE_AREA)
    assert one.latency == near(ceil(90 / 7) * 10 * FO4)


@pytest.mark.parametrize(
    ("shape", "count", "conversions"),
    [
        (SHARED, 7, 13),
        ({**SHARED, "converters": 5}, 5, 18),
        ({**SHARED, "columns": 96}, 6, 15),
        ({**SHARED, "columns": 9, "columns_used": 3}, 1, 9),
        ({"columns": 100}, 7, 1),
        ({"columns_used": 30}, 1, 30),
        ({}, 1, 1),
    ],
)
def test_columns_share_converters(shape: Any, count: int, conversions: int) -> None:
    """One to sixteen columns, or as many as are given; each takes its share in turn."""
    adc = build("adc", {"resolution": 8, **shape}, SIXTEEN)
    assert adc.latency == near(conversions / 1.28e9)
    assert adc.area == near(count * (8.175e-11 * 8 + 2.133e-12 * 2**8))
    shift = {key: value for key, value in shape.items() if key != "columns_used"}
    assert build("shift_add", {"width": 16, **shift}, SIXTEEN).area == near(count * 6e-11)


def test_a_word_line_that_runs_on_through_other_crossbars() -> None:
    """It loads and slows the whole line; a crossbar pays its share of driver and line."""
    shape = {"rows": 64, "columns": 128, "line_columns": 600}
    driver: Any = build("row_driver", {**shape, "line_share": 0.2, "input_slices": 3}, ISAAC)
    assert driver.latency == near(drive(600))
    pulse = FLIP_FLOP + INPUTS * (3.9e-6 * READ + chain(word_line(600)))
    assert driver.energy("read") == near(3 * pulse * 0.2)
    row = finger_area(word_line(600) / 3) + 1.66e-13 + FLIP_FLOP_AREA
    assert driver.area == near(64 * row * 0.2)
    assert driver.parts["row"] == near(pulse)
    used = {"rows_used": 40, "columns_used": 32}
    array: Any = build("reram_array", {**shape, **used}, ISAAC)
    seconds = drive(600) + settle(64, 40, 8)
    assert array.conduction_seconds == near(seconds)
    assert array.parts["column clamp"] == near(1e-6 * V * seconds)
    cell: Any = build("reram_cell", {**shape, "rows_used": 40}, ISAAC)
    assert cell.conduction_seconds == near(seconds)
    whole: Any = build("reram_cell", shape, ISAAC)  # all rows hold weights
    assert whole.conduction_seconds == near(drive(600) + settle(64, 64, 8))
    assert whole.line_drop > cell.line_drop > 0
    alone: Any = build("reram_cell", {"columns": 128, "rows_used": 40}, ISAAC)
    assert (alone.conduction_seconds, alone.line_drop) == (READ, 0.0)
