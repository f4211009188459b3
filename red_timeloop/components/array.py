"""One physical ReRAM crossbar: capacitances, time constants and energies from its shape.

A cell is a ReRAM element with an access transistor (1T1R). The input bit of a row switches the
gates along its word line; a conducting cell passes `read_voltage / resistance` into its bit line,
which sums the column. The distributed-line model of both lines, drivers sized to their load and
the column multiplexer in front of shared converters follow the published macro model of
Chen, Peng and Yu, "NeuroSim: a circuit-level macro model for benchmarking neuro-inspired
architectures in online learning", IEEE TCAD 2018, sections III and IV.

Everything is in SI units; arguments and the circuit's numbers may be arrays that broadcast.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from red_timeloop._remembered import remembered
from red_timeloop.circuit import Circuit
from red_timeloop.components import technology, wires

__all__ = [
    "activation_energy",
    "array_area",
    "bit_line_capacitance",
    "cell_energy",
    "cell_write_energy",
    "column_parts",
    "converters",
    "drive_seconds",
    "line_drop",
    "mean_conductance",
    "multiplexer_energy",
    "pass_gate_resistance",
    "read_seconds",
    "row_area",
    "row_parts",
    "row_select_energy",
    "settle_seconds",
    "word_line_capacitance",
]

# Gates with contacts between them repeat about every four features: 160 nm at 45 nm, 112.5 nm at
# 32 nm (Intel's IEDM papers of 2007 and 2008; from memory, not confirmed).
_CONTACTED_PITCH_FEATURES = 4.0
_DECODER_GATE_INPUTS = 2  # a decoder of n address bits takes about n / 2 + 1 two-input gates a row


def word_line_capacitance(columns: Any, circuit: Circuit) -> Any:
    """Return the capacitance [F] of a word line over `columns` cells: wire and access gates."""
    feature = circuit.technology_node_m
    wire = circuit.cell_width_features * feature * circuit.wire_capacitance_f_per_m
    gate = circuit.access_width_features * feature * circuit.gate_capacitance_f_per_m
    return columns * (wire + gate)


def word_line_resistance(columns: Any, circuit: Circuit) -> Any:
    """Return the resistance [ohm] of a word line over `columns` cells."""
    length = columns * circuit.cell_width_features * circuit.technology_node_m
    pitch = circuit.cell_height_features * circuit.technology_node_m
    return length * wires.resistance_per_metre(pitch, circuit)


def bit_line_capacitance(rows: Any, circuit: Circuit) -> Any:
    """Return the capacitance [F] of a bit line over `rows` cells: wire and junctions."""
    feature = circuit.technology_node_m
    wire = circuit.cell_height_features * feature * circuit.wire_capacitance_f_per_m
    drain = circuit.access_width_features * feature * circuit.junction_capacitance_f_per_m
    return rows * (wire + drain)


def bit_line_resistance(rows: Any, circuit: Circuit) -> Any:
    """Return the resistance [ohm] of a bit line over `rows` cells."""
    length = rows * circuit.cell_height_features * circuit.technology_node_m
    pitch = circuit.cell_width_features * circuit.technology_node_m
    return length * wires.resistance_per_metre(pitch, circuit)


@remembered
def mean_conductance(circuit: Circuit) -> Any:
    """Return the mean conductance [S] of a cell, between off and on by the mean share.

    The access transistor stands in series with the element, on or off.
    """
    access = circuit.access_resistance_ohm
    off = 1 / (np.asarray(circuit.off_resistance_ohm) + access)
    on = 1 / (np.asarray(circuit.on_resistance_ohm) + access)
    return (off + (on - off) * circuit.mean_conductance_share)[()]


def line_drop(rows: Any, rows_used: Any, circuit: Circuit) -> Any:
    """Return the share of the read voltage that the path of a column's current loses, mean input.

    To first order: cells that draw alike share a line of resistance R that is held at one end, so
    the mean cell is R / 3 away from there, and the pass gate carries the whole current. With
    `n` driven cells of conductance `g` they see `1 / (1 + n g (R / 3 + R_gate))` of the voltage.
    """
    conductance = rows_used * circuit.mean_input_share * mean_conductance(circuit)
    path = bit_line_resistance(rows, circuit) / 3 + pass_gate_resistance(rows, circuit)
    return 1 - 1 / (1 + conductance * path)


def drive_seconds(columns: Any, circuit: Circuit) -> Any:
    """Return the time [s] until the last of `columns` gates of a word line has switched."""
    load = word_line_capacitance(columns, circuit)
    line = wires.elmore_delay(0.0, word_line_resistance(columns, circuit), load)
    return wires.buffer_chain_delay(load, circuit) + np.log(2) * line


@remembered
def pass_gate_resistance(rows: Any, circuit: Circuit) -> Any:
    """Return the resistance [ohm] of the pass gate between a bit line and its converter.

    At most a share of all cells of the column in parallel, every one of them on: the gate then
    takes no more than that share of the voltage off the fullest column. Never more than that of
    the smallest transistor.
    """
    sized = circuit.pass_gate_share * circuit.on_resistance_ohm / rows
    smallest = technology.transistor_capacitance(circuit)
    return np.minimum(sized, _linear_resistance(circuit) / smallest)


def pass_gate_capacitance(rows: Any, circuit: Circuit) -> Any:
    """Return the gate capacitance [F] of that pass gate."""
    return _linear_resistance(circuit) / pass_gate_resistance(rows, circuit)


@remembered
def _linear_resistance(circuit: Circuit) -> Any:
    """Return the resistance times the gate capacitance [ohm F] of an n-channel pass transistor.

    At the read voltage it works in its linear region, where it conducts better than while it
    switches; the n-channel part of an inverter is a third of its input.
    """
    inverter = technology.inverter_capacitance(circuit)
    switching = wires.driver_resistance(inverter, circuit) * inverter / 3
    return circuit.linear_resistance_share * switching


def settle_seconds(rows: Any, rows_used: Any, resolution: Any, circuit: Circuit) -> Any:
    """Return the time [s] until a bit line's current sum is within half a step of the converter.

    The line charges through the driven cells in parallel, its own resistance and one pass gate
    of the multiplexer: `ln(2^(resolution + 1))` Elmore time constants.

    Args:
        rows: Cells on the line (of all joined arrays).
        rows_used: Cells that hold weights.
        resolution: Bits of the converter.
        circuit: The circuit numbers.
    """
    conductance = rows_used * circuit.mean_input_share * mean_conductance(circuit)
    # An input that is all zeros leaves nothing to settle: at least one cell conducts.
    conductance = np.maximum(conductance, mean_conductance(circuit))
    constant = wires.elmore_delay(
        1 / conductance + pass_gate_resistance(rows, circuit),
        bit_line_resistance(rows, circuit),
        bit_line_capacitance(rows, circuit),
    )
    return (resolution + 1) * np.log(2) * constant


def read_seconds(rows: Any, rows_used: Any, resolution: Any, circuit: Circuit) -> Any:
    """Return how long [s] driven rows are read in one pulse: the pulse, or longer to settle."""
    settle = settle_seconds(rows, rows_used, resolution, circuit)
    return np.maximum(circuit.read_pulse_s, settle)


def cell_energy(seconds: Any, circuit: Circuit, drop: Any = 0.0) -> Any:
    """Return the mean energy [J] of one cell over one pulse of `seconds`, mean input and weight.

    Args:
        seconds: How long the cell conducts.
        circuit: The circuit numbers.
        drop: Share of the read voltage that the path of the current loses; it lessens the current,
            and what the path takes of the energy is part of it. Counted up to `line_drop_limit`:
            an array that loses more does not compute, and must not look cheap for it.
    """
    kept = 1 - np.minimum(drop, circuit.line_drop_limit)
    current = circuit.read_voltage_v * mean_conductance(circuit) * kept
    return circuit.mean_input_share * current * circuit.read_voltage_v * seconds


def cell_write_energy(circuit: Circuit) -> Any:
    """Return the energy [J] of programming one cell with its pulses of write and verify."""
    power = circuit.write_voltage_v * circuit.write_current_a
    return power * circuit.write_pulse_s * circuit.write_pulses


@remembered
def row_select_energy(circuit: Circuit) -> Any:
    """Return the energy [J] of latching one row's input bit for one pulse, be it zero or one."""
    return technology.register_energy(1, circuit)


def row_parts(columns: Any, dac_bits: Any, circuit: Circuit) -> dict[str, Any]:
    """Return the energies [J] of one pulse on a word line over `columns` cells, mean input.

    While it drives a pulse, the converter of `dac_bits` takes the one-bit power once for each step
    of its range, `2^dac_bits - 1` times (Saberi et al., "Analysis of power consumption and
    linearity in capacitive digital-to-analog converters", TCAS-I 2011: exponential in the bits).
    An input that is zero raises no pulse.
    """
    line = wires.buffer_chain_energy(word_line_capacitance(columns, circuit), circuit)
    dac = circuit.dac_power_w * circuit.read_pulse_s * (2.0**dac_bits - 1)
    share = circuit.mean_input_share
    return {"converter": share * dac_scale(circuit) * dac, "line": share * line}


def dac_scale(circuit: Circuit) -> Any:
    """Return the factor from the accelerator anchors' node to the circuit's, for energies."""
    return technology.energy_from_anchor(1.0, circuit)


def column_parts(rows: Any, seconds: Any, circuit: Circuit) -> dict[str, Any]:
    """Return the energies [J] of one physical column in one pulse of `seconds`.

    The line is charged to the read voltage from the supply through its clamp; the clamp's bias
    flows for as long as cells conduct; the sampled value is held while it waits for a converter.
    """
    charge = bit_line_capacitance(rows, circuit) * circuit.read_voltage_v * circuit.supply_voltage_v
    bias = circuit.clamp_current_a * circuit.supply_voltage_v * seconds
    hold = circuit.sample_hold_power_w * circuit.columns_per_adc / circuit.adc_rate_hz
    return {"line": charge, "clamp": bias, "hold": hold}


@remembered
def activation_energy(rows: Any, columns: Any, joined: Any, circuit: Circuit) -> Any:
    """Return the energy [J] of one pulse that does not depend on how much of the array is used.

    Control logic, one enable line along the rows, and the multiplexer.

    Args:
        rows: Physical rows.
        columns: Physical columns.
        joined: Arrays on one bit line; its pass gates are sized to them all, and shared by them.
        circuit: The circuit numbers.
    """
    control = circuit.control_gates * circuit.bit_toggle_share * technology.gate_energy(circuit)
    enable = _line(rows, circuit.cell_height_features, circuit)
    enable = enable + rows * technology.transistor_capacitance(circuit)
    multiplexer = multiplexer_energy(rows * joined, columns, circuit) / joined
    return control + wires.buffer_chain_energy(enable, circuit) + multiplexer


@remembered
def multiplexer_energy(rows: Any, columns: Any, circuit: Circuit) -> Any:
    """Return the energy [J] of connecting each of `columns` to its converter once.

    A select line runs along all columns and opens the pass gates of one column to a converter;
    there are as many lines as columns share a converter. Columns with a converter each need none.
    """
    shared = np.minimum(circuit.columns_per_adc, columns)
    gates = columns / shared * pass_gate_capacitance(rows, circuit)
    line = _line(columns, circuit.cell_width_features, circuit)
    energy = shared * wires.buffer_chain_energy(line + gates, circuit)
    return np.where(shared > 1, energy, 0.0)[()]


def decode_energy(rows: Any, circuit: Circuit) -> Any:
    """Return the energy [J] of choosing the rows of a step: the predecoded address lines."""
    address = np.log2(np.maximum(rows, 2))
    gates = rows / 2 * technology.transistor_capacitance(circuit)
    line = _line(rows, circuit.cell_height_features, circuit) + gates
    return address * circuit.bit_toggle_share * wires.buffer_chain_energy(line, circuit)


def converters(columns: Any, circuit: Circuit, given: Any = None) -> Any:
    """Return the number of converters of an array of `columns`.

    One to every `columns_per_adc` of them, or as many as are given; one where neither is known.
    """
    if given is not None:
        return given
    columns = circuit.columns_per_adc if columns is None else columns
    return np.ceil(columns / np.minimum(circuit.columns_per_adc, columns))


@remembered
def array_area(rows: Any, columns: Any, circuit: Circuit) -> Any:
    """Return the area [m^2] of cells, row decoder, multiplexer, sampling and control."""
    feature = circuit.technology_node_m
    cell = circuit.cell_width_features * circuit.cell_height_features * feature**2
    gate = technology.gate_area(circuit)
    decoder = rows * (np.log2(np.maximum(rows, 2)) / _DECODER_GATE_INPUTS + 1) * gate
    multiplexer = columns * _transistor_area(pass_gate_capacitance(rows, circuit), circuit)
    sampling = columns * technology.area_from_anchor(circuit.sample_hold_area_m2, circuit)
    return rows * columns * cell + decoder + multiplexer + sampling + circuit.control_gates * gate


@remembered
def row_area(columns: Any, dac_bits: Any, circuit: Circuit) -> Any:
    """Return the area [m^2] of one row's latch, converter and driver chain over `columns`."""
    load = word_line_capacitance(columns, circuit)
    chain = _transistor_area(load / (circuit.stage_effort - 1), circuit)
    dac = technology.area_from_anchor(circuit.dac_area_m2, circuit) * (2.0**dac_bits - 1)
    return chain + dac + technology.register_area(1, circuit)


def _line(cells: Any, pitch_features: Any, circuit: Circuit) -> Any:
    """Return the wire capacitance [F] of a control line along `cells`."""
    return cells * pitch_features * circuit.technology_node_m * circuit.wire_capacitance_f_per_m


def _transistor_area(capacitance: Any, circuit: Circuit) -> Any:
    """Return the area [m^2] of a wide transistor, or a chain, of that gate capacitance [F].

    Fingers side by side at the contacted pitch, and what the smallest transistor takes in a gate.
    """
    pitch = _CONTACTED_PITCH_FEATURES * circuit.technology_node_m
    width = capacitance / circuit.gate_capacitance_f_per_m
    return width * pitch + technology.gate_area(circuit) / 4
