"""The crossbar's equations: limits, units, and lines solved numerically."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from close import near
from hypothesis import given
from hypothesis import strategies as st

from red_timeloop.circuit import Circuit
from red_timeloop.components import array, build, names, wires
from red_timeloop.components.adc import conversion_area, conversion_energy
from red_timeloop.components.timing import PIPELINES, StepTime, step_time
from red_timeloop.errors import InputError

ISAAC = Circuit.load("isaac_32nm")


def settle(rows: object, circuit: Circuit = ISAAC, resolution: object = 8) -> np.ndarray:
    return np.asarray(array.settle_seconds(rows, rows, resolution, circuit))


def test_one_row_and_one_column() -> None:
    """A line over one cell is that cell: pitch times wire, and one gate or junction."""
    pitch, width = 4 * 32e-9, 2 * 32e-9
    assert array.word_line_capacitance(1, ISAAC) == near(pitch * 2e-10 + width * 1e-9)
    assert array.bit_line_capacitance(1, ISAAC) == near(pitch * 2e-10 + width * 0.8e-9)
    # Alone on its line, a cell charges it through its own mean resistance, 1 / 11 uS, and the
    # wire and multiplexer hardly matter.
    alone = settle(1) / (9 * math.log(2) * array.bit_line_capacitance(1, ISAAC))
    assert alone == near(1 / 11e-6, rel=0.2)
    # One column needs no sharing and its driver is a single smallest stage.
    assert array.converters(1, ISAAC) == 1
    assert array.drive_seconds(1, ISAAC) == near(360e-6 * 32e-9, rel=0.01)


def test_infinite_on_off_ratio() -> None:
    """Cells that are off conduct nothing: what is left is the share that is on."""
    ideal = dataclasses.replace(ISAAC, off_resistance_ohm=math.inf)
    assert array.mean_conductance(ideal) == near(0.5 / 50e3)
    nothing = dataclasses.replace(ideal, mean_conductance_share=0.0)
    assert array.cell_energy(1e-8, nothing) == 0
    # And with a ratio of one the weights do not matter.
    same = dataclasses.replace(ISAAC, off_resistance_ohm=50e3, mean_conductance_share=0.1)
    assert array.mean_conductance(same) == near(1 / 50e3)


def test_thick_wires_have_bulk_resistivity() -> None:
    thick = dataclasses.replace(ISAAC, technology_node_m=1e-3)
    assert wires.resistivity(1e-3, thick) == near(1.72e-8, rel=1e-3)
    assert wires.resistivity(32e-9, ISAAC) > 2 * 1.72e-8


@pytest.mark.parametrize(
    ("width", "published"), [(105e-9, 2.21e-8), (56e-9, 2.63e-8), (40e-9, 3.31e-8)]
)
def test_thin_wires(width: float, published: float) -> None:
    """Resistivities that array simulators tabulate for these widths after the ITRS."""
    node = dataclasses.replace(ISAAC, technology_node_m=width)
    assert wires.resistivity(width, node) == near(published, rel=0.25)


def test_wider_pitch_less_resistance() -> None:
    pitches = np.linspace(64e-9, 1e-6, 20)
    assert np.all(np.diff(wires.resistance_per_metre(pitches, ISAAC)) < 0)


def _ladder_response(source: float, resistance: float, capacitance: float, level: float) -> float:
    """Solve when the far end of an RC line, stepped through `source`, first reaches `level`.

    The line in 200 sections; the linear system of its nodes is solved through its eigenvalues.
    """
    sections = 200
    between = 1 / (resistance / sections)
    conductance = np.zeros((sections, sections))
    for node in range(sections):
        left = 1 / (source + resistance / sections) if node == 0 else between
        conductance[node, node] += left
        if node:
            conductance[node, node - 1] -= left
            conductance[node - 1, node] -= left
            conductance[node - 1, node - 1] += left
    rates, modes = np.linalg.eigh(conductance / (capacitance / sections))
    weights = modes[-1] * (modes.T @ np.ones(sections))
    times = np.linspace(0, 12 / rates[0], 40001)
    rest = (weights[:20] * np.exp(-np.outer(times, rates[:20]))).sum(axis=1)
    return float(times[np.argmax(rest < 1 - level)])


def test_elmore_delay_of_a_word_line() -> None:
    resistance, capacitance = 2e4, 3e-13
    solved = _ladder_response(1.0, resistance, capacitance, 0.5)
    modelled = math.log(2) * wires.elmore_delay(0.0, resistance, capacitance)
    assert solved == near(0.377 * resistance * capacitance, rel=0.02)  # textbook value
    assert modelled == near(solved, rel=0.10)


@pytest.mark.parametrize("source", [1e2, 1e4, 1e6])
@pytest.mark.parametrize("resolution", [4, 8])
def test_settling_of_a_bit_line(source: float, resolution: int) -> None:
    """Elmore's constant is the whole response's first moment; a line settles as or before it."""
    resistance, capacitance = 1e4, 1e-13
    solved = _ladder_response(source, resistance, capacitance, 1 - 2.0 ** -(resolution + 1))
    constant = wires.elmore_delay(source, resistance, capacitance)
    modelled = (resolution + 1) * math.log(2) * constant
    assert solved * 0.98 <= modelled <= solved * 1.3


def test_tree() -> None:
    """An H over four leaves of unit side: a bar and two uprights, each of one side."""
    assert wires.tree_length(4, 4, 1.0) == near(3.0)
    assert wires.tree_length(4, 1, 1.0) == near(1.0)
    assert wires.tree_length(1, 1, 1.0) == 0
    # Large H-trees have about 3/2 of a side of wire for each leaf.
    assert wires.tree_length(4**6, 4**6, 1.0) == near(1.5 * 4**6, rel=0.05)
    reach = wires.tree_length(1024, np.arange(1, 1025), 1.0)
    assert np.all(np.diff(reach) >= 0)


def test_bus_of_a_tile() -> None:
    """ISAAC's bus takes 7 mW of a tile for its 12 units: 0.054 pJ a bit at full traffic.

    A tile has 96 arrays. The publication's figure holds clocking and repeaters as well.
    """
    shape = {"rows": 128, "columns": 128, "width": 256, "depth": 2048}
    wired = build("edram", {**shape, "served_arrays": 96}, ISAAC)
    per_bit = (wired.energy("read") - build("edram", shape, ISAAC).energy("read")) / 256
    assert 0.054e-12 / 4 < per_bit < 0.054e-12 * 2


def test_converter_limits() -> None:
    """Slow converters reach the published bound k1 * bits + k2 * 4^bits; areas stay positive."""
    slow = ISAAC.replace(adc_rate_hz=1e5, adc_capacitor_energy_j=0.0)
    bits = np.arange(4, 15)
    assert conversion_energy(bits, slow) == near(1e-13 * bits + 1e-18 * 4.0**bits, rel=1e-3)
    assert np.all(np.diff(conversion_energy(bits, ISAAC)) > 0)
    assert np.all(np.diff(conversion_area(bits, ISAAC)) > 0)


UNITS = {  # exponents of m, kg, s, A
    "m": (1, 0, 0, 0),
    "s": (0, 0, 1, 0),
    "a": (0, 0, 0, 1),
    "hz": (0, 0, -1, 0),
    "j": (2, 1, -2, 0),
    "w": (2, 1, -3, 0),
    "v": (2, 1, -3, -1),
    "ohm": (2, 1, -3, -2),
    "f": (-2, -1, 4, 2),
    "m2": (2, 0, 0, 0),
    "1": (0, 0, 0, 0),
}
SUFFIXES = ["_f_per_m", "_a_per_m", "_s_per_m", "_ohm_m", "_ohm", "_m2", "_hz"]
SUFFIXES += ["_m", "_s", "_v", "_a", "_j", "_w"]


def _factor(unit: str, scales: tuple[float, ...]) -> float:
    return math.prod(s**e for s, e in zip(scales, UNITS[unit], strict=True))


def _unit_factor(name: str, scales: tuple[float, ...]) -> float:
    """Return the change of the number `name`, by the unit in its name, with the base units."""
    suffix = next((s for s in SUFFIXES if name.endswith(s)), None)
    if suffix is None:
        return 1.0
    if "_per_" in suffix:
        return _factor(suffix[1:].split("_per_")[0], scales) / _factor("m", scales)
    return math.prod(_factor(unit, scales) for unit in suffix[1:].split("_"))


@given(st.tuples(*[st.floats(0.1, 10.0)] * 4))
def test_dimensions(scales: tuple[float, ...]) -> None:
    """Measured in other units of length, mass, time and current, the physics is the same.

    Adding a power to an energy, or forgetting a factor with a unit, fails this.
    """
    changed = dataclasses.replace(
        ISAAC,
        **{name: getattr(ISAAC, name) * _unit_factor(name, scales) for name in Circuit.names()},
    )
    shape = {
        "rows": 300,
        "columns": 500,
        "rows_used": 200,
        "columns_used": 100,
        "weight_slices": 4,
        "input_slices": 8,
        "resolution": 7,
        "width": 64,
        "depth": 512,
        "inputs": 4,
        "served_arrays": 10,
    }
    second = _factor("s", scales)
    # A table in joules, and a regression over logarithms of nm, Hz and pJ.
    for subclass in sorted(set(names()) - {"dram", "survey_adc"}):
        bits = {"resolution": 1} if subclass == "sense_amplifier" else {}
        here = build(subclass, shape | bits, ISAAC)
        there = build(subclass, shape | bits | {"global_cycle_seconds": 1e-9}, changed)
        for action in (a for a in here.actions if a != "leak"):
            expected = here.energy(action) * _factor("j", scales)
            assert there.energy(action) == near(expected), (subclass, action)
        assert there.area == near(here.area * _factor("m2", scales)), subclass
        expected = here.leakage_power * _factor("w", scales)
        assert there.leakage_power == near(expected), subclass
        assert there.latency == near(here.latency * second), subclass
    steps = [step(circuit, pipeline="none") for circuit in (ISAAC, changed)]
    for part in ("drive", "settle", "convert", "accumulate", "cycle"):
        expected = getattr(steps[0], part) * second
        assert getattr(steps[1], part) == near(expected), part


def step(circuit: Circuit, *, pipeline: str = "two_stage", **changes: object) -> StepTime:
    shape = {
        "rows": 128,
        "columns": 128,
        "rows_used": 128,
        "columns_used": 32,
        "weight_slices": 4,
        "input_slices": 8,
        "resolution": 8,
        "width": 24,
        "inputs": 1,
    }
    names = ("row_driver", "reram_array", "adc", "shift_add", "adder")
    parts = [build(name, {**shape, **changes}, circuit) for name in names]
    return step_time(parts, 8, pipeline)


def test_isaac_step() -> None:
    """ISAAC: 100 ns a read, hidden behind 128 conversions at 1.28 GS/s, 8 reads an input."""
    time = step(ISAAC)
    assert time.convert == near(100e-9)
    assert time.cycle == near(800e-9, rel=0.02)
    assert time.shares()["convert"] == near(800e-9)
    assert time.shares()["settle"] == 0


@pytest.mark.parametrize("pipeline", PIPELINES)
@pytest.mark.parametrize("rows", [16, 128, 4096, 50000])
def test_shares_sum_to_the_step(pipeline: str, rows: int) -> None:
    time = step(ISAAC, rows=rows, rows_used=rows, pipeline=pipeline, inputs=9)
    assert sum(time.shares().values()) == near(time.cycle)
    parts = (time.drive, time.settle, time.convert, time.accumulate)
    assert 8 * max(parts) <= time.cycle * (1 + 1e-12)
    assert time.cycle <= 8 * sum(parts) * (1 + 1e-12)


def test_more_overlap_is_never_slower() -> None:
    times = [step(ISAAC, pipeline=pipeline, rows=9000).cycle for pipeline in PIPELINES]
    assert times == sorted(times, reverse=True)
    with pytest.raises(InputError, match=r"unknown pipeline 'deep'.*two_stage"):
        step(ISAAC, pipeline="deep")


def test_timing_of_unused_columns_and_merging() -> None:
    assert step(ISAAC, columns_used=8).convert == near(25e-9)
    single, merged = (step(ISAAC, inputs=n).accumulate for n in (1, 16))
    assert merged == near(5 * single)  # four levels of adders behind the shift-add
    assert step(ISAAC, joined_arrays=64).settle > step(ISAAC).settle


def test_numbers_may_be_arrays() -> None:
    """A sweep passes whole axes; each point is what it is by itself."""
    resistances = np.array([25e3, 50e3, 1e5])
    voltages = np.array([[0.1], [0.2]])
    swept = ISAAC.replace(on_resistance_ohm=resistances, read_voltage_v=voltages)
    energy = array.cell_energy(1e-8, swept)
    assert energy.shape == (2, 3)
    one = ISAAC.replace(on_resistance_ohm=1e5, read_voltage_v=0.1)
    assert energy[0, 2] == near(array.cell_energy(1e-8, one))
    cycles = step(swept, rows=9000, rows_used=9000).cycle
    assert cycles[2] == near(step(one, rows=9000, rows_used=9000).cycle)
