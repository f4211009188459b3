"""How an array's row, column and cell grow with its size, for four kinds of cells."""

from __future__ import annotations

import numpy as np
import pytest
from close import near

from red_timeloop.circuit import Circuit
from red_timeloop.components import array, build, technology, wires

ISAAC = Circuit.load("isaac_32nm").replace(columns_per_adc=8)
CELLS = {
    "1.33 kOhm": {"on_resistance_ohm": 1333, "off_resistance_ohm": 20e3},
    "6 kOhm + 195 kOhm": {
        "on_resistance_ohm": 6e3,
        "off_resistance_ohm": 102e3,
        "access_resistance_ohm": 195e3,
        "read_voltage_v": 0.5,
        "cell_width_features": 12,
        "access_width_features": 10,
    },
    "50 kOhm": {},
    "200 kOhm": {"on_resistance_ohm": 200e3, "off_resistance_ohm": 2e6},
}
SIZES = np.array([64, 128, 256, 512, 1024])
cells = pytest.mark.parametrize("cell", [ISAAC.replace(**x) for x in CELLS.values()], ids=CELLS)


def parts(circuit: Circuit, name: str, rows: int, columns: int) -> dict[str, float]:
    shape = {"rows": rows, "columns": columns, "rows_used": rows, "columns_used": columns}
    return dict(build(name, shape, circuit).parts)


def ladder(circuit: Circuit, rows: int) -> float:
    """Share of the read voltage that the mean cell of a full column lacks: Kirchhoff's equations.

    Every cell draws through its own mean conductance from its node of the line; the line's end is
    held behind the pass gate. Cells are held at the read voltage on their other side.
    """
    driven = circuit.mean_input_share * array.mean_conductance(circuit)
    wire = rows / array.bit_line_resistance(rows, circuit)
    matrix = np.zeros((rows, rows))
    for node in range(rows):
        matrix[node, node] += driven
        if node:
            matrix[node, node] += wire
            matrix[node - 1, node - 1] += wire
            matrix[node, node - 1] -= wire
            matrix[node - 1, node] -= wire
    matrix[0, 0] += 1 / (array.pass_gate_resistance(rows, circuit) + 1 / wire)
    return float(np.linalg.solve(matrix, np.full(rows, driven)).mean())


@cells
@pytest.mark.parametrize("rows", [16, 64, 128, 1024])
def test_first_order_drop_is_that_of_the_network(cell: Circuit, rows: int) -> None:
    solved = ladder(cell, rows)
    modelled = array.line_drop(rows, rows, cell)
    if solved < cell.line_drop_limit:
        assert modelled == near(solved, rel=0.1)
    else:  # beyond first order: still large, and never the whole voltage
        assert cell.line_drop_limit < modelled < 1


@cells
def test_a_row_grows_with_its_columns_alone(cell: Circuit) -> None:
    lines = [parts(cell, "row_driver", 128, n)["row line"] for n in SIZES]
    assert np.diff(lines) / np.diff(SIZES) == near(lines[0] / SIZES[0])  # in proportion
    tall, low = (parts(cell, "row_driver", rows, 128) for rows in (1024, 64))
    assert tall == low
    for key in ("row latch", "row converter"):
        assert len({parts(cell, "row_driver", 128, n)[key] for n in SIZES}) == 1


@cells
def test_a_column_grows_with_its_rows(cell: Circuit) -> None:
    for key in ("column line", "column multiplexer"):
        energies = [parts(cell, "reram_array", n, 128)[key] for n in SIZES]
        growth = energies[-1] / energies[0]
        assert 10 < growth <= 16 * (1 + 1e-9), key
    columns = [parts(cell, "reram_array", 128, n)["column multiplexer"] for n in SIZES]
    assert max(columns) < 1.05 * min(columns)


def test_a_low_resistance_is_what_makes_the_column_grow() -> None:
    """With the smallest transistor wide enough the multiplexer is a wire; else it dominates."""
    grown = {}
    for name, numbers in CELLS.items():
        circuit = ISAAC.replace(**numbers)
        first, last = (parts(circuit, "reram_array", n, 128)["column"] for n in (64, 1024))
        grown[name] = last / first
    assert grown["1.33 kOhm"] > grown["50 kOhm"] > grown["200 kOhm"] > 1


@cells
def test_the_pass_gate_takes_its_share_of_the_fullest_column(cell: Circuit) -> None:
    column = cell.on_resistance_ohm / SIZES
    resistances = array.pass_gate_resistance(SIZES, cell)
    assert np.all(resistances <= cell.pass_gate_share * column * (1 + 1e-12))
    one = array.pass_gate_capacitance(
        1, cell.replace(on_resistance_ohm=1e8, off_resistance_ohm=1e9)
    )
    assert one == near(technology.transistor_capacitance(cell))
    # A transistor of an inverter's pull-down width conducts better at a small voltage than while
    # it switches.
    inverter = technology.inverter_capacitance(cell)
    pull_down = wires.driver_resistance(inverter, cell)
    small = array.pass_gate_resistance(1e-9, cell)
    assert small == near(cell.linear_resistance_share * pull_down)


@cells
def test_a_pulse_is_driven_and_then_read(cell: Circuit) -> None:
    for columns in (8, 128, 8192):
        shape = {"rows": 128, "columns": columns, "rows_used": 128, "columns_used": 8}
        read = max(cell.read_pulse_s, array.settle_seconds(128, 128, 8, cell))
        one = build("reram_array", shape, cell)
        assert one.latency == near(read)
        assert one.conduction_seconds == near(array.drive_seconds(columns, cell) + read)
        both = build("reram_cell", {**shape, "resolution": 8}, cell)
        assert both.conduction_seconds == near(one.conduction_seconds)


def test_a_word_line_may_run_on_through_further_arrays() -> None:
    shape = {"rows": 128, "columns": 128, "rows_used": 128, "columns_used": 32}
    for name in ("row_driver", "reram_array", "reram_cell"):
        short, long, wide = (
            build(name, {**shape, **more}, ISAAC)
            for more in ({}, {"line_columns": 4096}, {"columns": 4096})
        )
        if name == "row_driver":
            assert long.latency == wide.latency > short.latency
            assert long.energy("read") == wide.energy("read") > short.energy("read")
            assert long.area == wide.area > short.area
        else:
            assert long.conduction_seconds == wide.conduction_seconds > short.conduction_seconds
            assert long.latency == short.latency


def test_an_access_transistor_is_in_series() -> None:
    circuit = ISAAC.replace(**CELLS["6 kOhm + 195 kOhm"])
    mean = (1 / 201e3 + 1 / 297e3) / 2
    assert array.mean_conductance(circuit) == near(mean)
    # The cell's own power at half of the inputs, over the pulse.
    assert array.cell_energy(1e-8, circuit) == near(0.5 * 0.5**2 * mean * 1e-8)


def test_the_row_converter_is_on_for_the_read_pulse() -> None:
    short, long = (
        parts(ISAAC.replace(read_pulse_s=pulse), "row_driver", 128, 128) for pulse in (5e-9, 50e-9)
    )
    assert long["row converter"] == near(10 * short["row converter"])
    assert long["row line"] == short["row line"]
    nothing = parts(ISAAC.replace(mean_input_share=0.0), "row_driver", 128, 128)
    assert nothing["row"] == nothing["row latch"] > 0


@cells
def test_columns_bring_their_periphery(cell: Circuit) -> None:
    """What is left of the area without cells, decoder and control is in proportion to columns."""
    pitch2 = cell.cell_width_features * cell.cell_height_features * cell.technology_node_m**2
    empty = array.array_area(128, 0, cell)
    own = array.array_area(128, SIZES, cell) - empty - 128 * SIZES * pitch2
    assert own / SIZES == near(own[0] / SIZES[0])
    assert own[0] / SIZES[0] > 1e-13


def test_columns_with_converters_of_their_own_need_no_multiplexer() -> None:
    own = ISAAC.replace(columns_per_adc=1)
    assert array.multiplexer_energy(128, 128, own) == 0
    assert array.multiplexer_energy(128, 128, ISAAC.replace(columns_per_adc=2)) > 0
    many = ISAAC.replace(columns_per_adc=np.array([1.0, 8.0]))
    energies = array.multiplexer_energy(128, 128, many)
    assert energies[0] == 0
    assert energies[1] == near(array.multiplexer_energy(128, 128, ISAAC))


def test_an_array_is_not_cheap_for_not_computing() -> None:
    """The energy of a cell counts the drop up to the limit, the result the whole."""
    circuit = ISAAC.replace(on_resistance_ohm=1333, off_resistance_ohm=20e3)
    whole = array.cell_energy(1e-8, circuit)
    assert array.cell_energy(1e-8, circuit, 0.1) == near(0.9 * whole)
    assert array.cell_energy(1e-8, circuit, 0.99) == near(0.75 * whole)
    shape = {"rows": 1024, "columns": 128, "rows_used": 1024, "columns_used": 32}
    assert build("reram_array", shape, circuit).line_drop > 0.9  # type: ignore[attr-defined]
