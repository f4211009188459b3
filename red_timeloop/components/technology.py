"""CMOS quantities of a technology node: scaling, switching energy, gate delay, leakage.

Scaling from an anchor's node is the classical one: capacitance with the feature size, energy with
capacitance and supply squared, area with the feature size squared (Dennard et al., "Design of
ion-implanted MOSFET's with very small physical dimensions", JSSC 1974, with the supply as given
instead of scaled). Arguments and results broadcast when the circuit holds arrays.
"""

from __future__ import annotations

from typing import Any

from red_timeloop.circuit import Circuit

__all__ = [
    "area_from_anchor",
    "area_from_arithmetic",
    "energy_from_anchor",
    "energy_from_arithmetic",
    "fo4_delay",
    "gate_area",
    "gate_energy",
    "inverter_capacitance",
    "leakage_power",
    "register_energy",
    "transistor_capacitance",
]

# A two-input NAND of a standard-cell library covers about 350 squares of the feature size: 394 in
# the open 45 nm library of Nangate (0.798 um^2), about 340 in foundry libraries of 65 nm (1.44
# um^2; from memory, not confirmed). It has four transistors, three features wide.
_GATE_AREA_FEATURES2 = 350.0
_TRANSISTOR_WIDTH_FEATURES = 3.0
_GATE_TRANSISTORS = 4.0
# A master-slave flip-flop with its clock inverters has 24 transistors (Rabaey, Chandrakasan and
# Nikolic, "Digital Integrated Circuits", 2nd edition, chapter 7).
_REGISTER_TRANSISTORS = 24.0


def energy_from_anchor(energy: Any, circuit: Circuit) -> Any:
    """Scale an energy [J] from the accelerator anchors' node and supply to the circuit's."""
    supply = circuit.supply_voltage_v / circuit.anchor_supply_voltage_v
    return energy * (circuit.technology_node_m / circuit.anchor_node_m) * supply**2


def area_from_anchor(area: Any, circuit: Circuit) -> Any:
    """Scale an area [m^2] from the accelerator anchors' node to the circuit's."""
    return area * (circuit.technology_node_m / circuit.anchor_node_m) ** 2


def energy_from_arithmetic(energy: Any, circuit: Circuit) -> Any:
    """Scale an energy [J] from the arithmetic anchors' node and supply to the circuit's."""
    supply = circuit.supply_voltage_v / circuit.arithmetic_supply_voltage_v
    return energy * (circuit.technology_node_m / circuit.arithmetic_node_m) * supply**2


def area_from_arithmetic(area: Any, circuit: Circuit) -> Any:
    """Scale an area [m^2] from the arithmetic anchors' node to the circuit's."""
    return area * (circuit.technology_node_m / circuit.arithmetic_node_m) ** 2


def fo4_delay(circuit: Circuit) -> Any:
    """Return the delay [s] of an inverter that drives four of its size.

    Proportional to the drawn gate length (Ho, Mai and Horowitz, "The future of wires",
    Proc. IEEE 2001: 360 ps per um of gate length at typical conditions).
    """
    return circuit.fo4_delay_s_per_m * circuit.technology_node_m


def transistor_capacitance(circuit: Circuit) -> Any:
    """Return the gate capacitance [F] of the smallest transistor, three features wide."""
    width = _TRANSISTOR_WIDTH_FEATURES * circuit.technology_node_m
    return circuit.gate_capacitance_f_per_m * width


def inverter_capacitance(circuit: Circuit) -> Any:
    """Return the input capacitance [F] of the smallest inverter: a 3-feature and a 6-feature gate,
    the wider one for the slower holes."""
    return 3 * transistor_capacitance(circuit)


def gate_energy(circuit: Circuit) -> Any:
    """Return the energy [J] of one logic gate that toggles up and down once."""
    width = _GATE_TRANSISTORS * _TRANSISTOR_WIDTH_FEATURES * circuit.technology_node_m
    return circuit.gate_capacitance_f_per_m * width * circuit.supply_voltage_v**2


def gate_area(circuit: Circuit) -> Any:
    """Return the area [m^2] of one logic gate."""
    return _GATE_AREA_FEATURES2 * circuit.technology_node_m**2


def register_energy(bits: Any, circuit: Circuit) -> Any:
    """Return the energy [J] of clocking `bits` flip-flops of which the toggling share changes.

    A quarter of the transistors belongs to the clock and switches whether or not the data do.
    """
    per_bit = register_energy_per_bit(circuit)
    return bits * per_bit * (0.25 + 0.75 * circuit.bit_toggle_share)


def register_energy_per_bit(circuit: Circuit) -> Any:
    """Return the energy [J] of one flip-flop, all of whose transistors switch."""
    width = _REGISTER_TRANSISTORS * _TRANSISTOR_WIDTH_FEATURES * circuit.technology_node_m
    return circuit.gate_capacitance_f_per_m * width * circuit.supply_voltage_v**2


def register_area(bits: Any, circuit: Circuit) -> Any:
    """Return the area [m^2] of `bits` flip-flops, at the transistor density of a gate."""
    return bits * gate_area(circuit) * (_REGISTER_TRANSISTORS / _GATE_TRANSISTORS)


def leakage_power(area: Any, circuit: Circuit) -> Any:
    """Return the leakage [W] of `area` [m^2] of logic, half of whose transistors leak."""
    gates = area / gate_area(circuit)
    width = gates * _GATE_TRANSISTORS * _TRANSISTOR_WIDTH_FEATURES * circuit.technology_node_m / 2
    return width * circuit.off_current_a_per_m * circuit.supply_voltage_v
