"""Wires and the drivers that are sized to them.

Arguments and results broadcast.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from red_timeloop.circuit import Circuit
from red_timeloop.components.technology import fo4_delay, inverter_capacitance

__all__ = [
    "buffer_chain_delay",
    "buffer_chain_energy",
    "driver_resistance",
    "elmore_delay",
    "resistance_per_metre",
    "resistivity",
    "tree_length",
]


def resistivity(width: Any, circuit: Circuit) -> Any:
    """Return the resistivity [ohm m] of a copper wire `width` [m] wide, one feature or more.

    Bulk resistivity plus the first-order terms of scattering at the surfaces (Fuchs 1938,
    Sondheimer 1952, diffuse surfaces) and at grain boundaries as far apart as the wire's smaller
    side (Mayadas and Shatzkes 1970), as in Steinhoegl et al., "Size-dependent resistivity of
    metallic wires in the mesoscopic range", Phys. Rev. B 2002.
    """
    thickness = circuit.wire_aspect_ratio * circuit.technology_node_m
    surface = 0.375 * circuit.electron_mean_free_path_m * (1 / width + 1 / thickness)
    ratio = circuit.electron_mean_free_path_m / np.minimum(width, thickness)
    grain = 1.5 * ratio * circuit.grain_reflection / (1 - circuit.grain_reflection)
    return circuit.copper_resistivity_ohm_m * (1 + surface + grain)


def resistance_per_metre(pitch: Any, circuit: Circuit) -> Any:
    """Return the resistance [ohm/m] of a wire in a layer of the node's smallest metal.

    Lines that stand `pitch` [m] apart are half of it wide; their thickness is the aspect ratio
    times the smallest width, one feature, since it is that of the layer.
    """
    width = pitch / 2
    thickness = circuit.wire_aspect_ratio * circuit.technology_node_m
    return resistivity(width, circuit) / (width * thickness)


def driver_resistance(input_capacitance: Any, circuit: Circuit) -> Any:
    """Return the output resistance [ohm] of an inverter with that input capacitance [F].

    From the definition of the FO4 delay: five gate loads (four and its own drain) through the
    inverter's resistance, to half the swing.
    """
    return fo4_delay(circuit) / (np.log(2) * 5 * input_capacitance)


def buffer_chain_delay(load: Any, circuit: Circuit) -> Any:
    """Return the delay [s] of a tapered chain from the smallest inverter to a load [F].

    Each of `log(load / smallest) / log(effort)` stages takes `(effort + 1) / 5` FO4 delays
    (logical effort: Sutherland, Sproull and Harris, 1999). At least one stage.
    """
    effort = circuit.stage_effort
    stages = np.log(np.maximum(load / inverter_capacitance(circuit), effort)) / np.log(effort)
    return stages * fo4_delay(circuit) * (effort + 1) / 5


def buffer_chain_energy(load: Any, circuit: Circuit) -> Any:
    """Return the energy [J] that a chain and its load [F] take for one pulse up and down.

    The inputs of the stages add `1/effort + 1/effort^2 + ...` of the load.
    """
    chain = load / (circuit.stage_effort - 1)
    return (load + chain) * circuit.supply_voltage_v**2


def elmore_delay(
    resistance: Any, wire_resistance: Any, wire_capacitance: Any, end_capacitance: Any = 0.0
) -> Any:
    """Return the Elmore time constant [s] of a distributed line.

    A source of `resistance` [ohm] drives a line of `wire_resistance` [ohm] and
    `wire_capacitance` [F] in total, with `end_capacitance` [F] at its far end
    (Elmore 1948; Rubinstein, Penfield and Horowitz 1983).
    """
    near = resistance * (wire_capacitance + end_capacitance)
    return near + wire_resistance * (wire_capacitance / 2 + end_capacitance)


def tree_length(leaves: Any, reached: Any, pitch: Any) -> Any:
    """Return the wire [m] that one transfer switches in an H-tree over square leaves.

    Args:
        leaves: Number of leaves; the tree has `ceil(log2(leaves))` levels of branches.
        reached: Leaves that the transfer goes to, spread evenly; branches that lead to none of
            them stay quiet. 1 gives the path to one leaf, `leaves` the whole tree.
        pitch: Side of one leaf [m].

    A branch at depth k (1 is next to the root) is a quarter of the side that the tree spans in
    its direction: side / 2^ceil(k/2) / 2.
    """
    leaves, reached, pitch = np.broadcast_arrays(
        np.asarray(leaves, float), np.asarray(reached, float), np.asarray(pitch, float)
    )
    levels = np.ceil(np.log2(np.maximum(leaves, 1)))
    side = pitch * 2 ** (levels / 2)
    depth = np.arange(int(levels.max(initial=0)) + 1).reshape(-1, *[1] * leaves.ndim)
    branch = side / 2 ** np.ceil(depth / 2) / 2
    used = np.minimum(np.minimum(2.0**depth, leaves), np.maximum(reached, 1))
    lengths = np.where((depth > 0) & (depth <= levels), branch * used, 0.0)
    return np.cumsum(lengths, axis=0)[-1]  # from the root on: an order, so that digits stay
