"""Numbers at other nodes, which nodes there are, and what all components have in common."""

from __future__ import annotations

from math import log2
from typing import Any

import pytest
from close import near

from red_timeloop.circuit import Circuit
from red_timeloop.components import build, technology, wires
from red_timeloop.components.registry import parse_technology
from red_timeloop.errors import InputError

ISAAC = Circuit.load("isaac_32nm")
F, V, GATE_F = 32e-9, 0.9, 1e-9  # feature, supply, a metre of gate
GATE_AREA = 350 * F**2


def test_numbers_move_to_another_node_and_supply() -> None:
    """Of twice the node and twice the supply: energy eight times, area four times, as Dennard."""
    for node, supply, energy, area in (
        (2 * 32e-9, 2 * 0.9, technology.energy_from_anchor, technology.area_from_anchor),
        (2 * 45e-9, 2 * 0.9, technology.energy_from_arithmetic, technology.area_from_arithmetic),
    ):
        there = ISAAC.replace(technology_node_m=node, supply_voltage_v=supply)
        assert energy(3.0, there) == near(24.0)
        assert area(3.0, there) == near(12.0)
        half = there.replace(supply_voltage_v=supply / 4)
        assert energy(3.0, half) == near(1.5)
    twice = ISAAC.replace(technology_node_m=2 * F)
    assert technology.fo4_delay(twice) == near(2 * 3.6e-4 * F)
    assert technology.gate_area(twice) == near(4 * GATE_AREA)
    assert technology.gate_energy(twice) == near(2 * 4 * 3 * F * GATE_F * V**2)
    flip_flop = 24 * 3 * 2 * F * GATE_F * V**2  # a quarter of it for the clock, half of the rest
    assert technology.register_energy(3, twice) == near(3 * flip_flop * 5 / 8)
    assert technology.register_area(3, twice) == near(3 * 6 * 4 * GATE_AREA)
    assert technology.inverter_capacitance(twice) == near(3 * 3 * 2 * F * GATE_F)
    assert technology.leakage_power(GATE_AREA * 4, twice) == near(4 * 3 * 2 * F / 2 * 5e-3 * V)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("22nm", 22e-9),
        (" 130 NM", 130e-9),
        (45, 45e-9),
        ("21.9999801", 21.9999801e-9),
        ("130.00012", 130.00012e-9),
    ],
)
def test_nodes_from_22_to_130_nm_are_known(text: Any, node: float) -> None:
    assert parse_technology(text) == near(node)


@pytest.mark.parametrize(
    "text", ["21.9nm", "21.999973nm", "130.00016nm", "131", "nm", None, "4.5um"]
)
def test_other_nodes_are_refused(text: Any) -> None:
    with pytest.raises(InputError, match=r"technology: unknown .* \(legal: 22nm \.\. 130nm\)"):
        parse_technology(text)


@pytest.mark.parametrize("name", ["host", "reram_mac"])
def test_what_costs_nothing(name: str) -> None:
    free = build(name, {}, ISAAC)
    assert not any(free.energy(action) for action in free.actions)
    assert (free.area, free.latency, free.leakage_power, free.parts) == (0, 0, 0, {})


def test_shares_are_of_what_is_counted() -> None:
    shape = {"width": 256, "depth": 64, "global_cycle_seconds": 3e-9}
    shares = {"read_share": 0.5, "write_share": 0.25, "update_share": 3.0}
    whole, part = build("edram", shape, ISAAC), build("edram", {**shape, **shares}, ISAAC)
    for action, share in (("read", 0.5), ("write", 0.25), ("update", 3.0), ("leak", 1.0)):
        assert part.energy(action) == near(share * whole.energy(action))
    assert whole.energy("leak") == near(whole.leakage_power * 3e-9)
    with pytest.raises(ValueError, match="Edram has no action 'compute'"):
        whole.energy("compute")
    gated = build("mac", {"width": 8, "compute_share": 0.5}, ISAAC)
    assert gated.energy("compute_gated") == 0.0


@pytest.mark.parametrize(
    ("leaves", "reached", "length"),
    [
        (1, 1, 0.0),
        (2, 1, 2**0.5 / 4),  # of a tree 2^(1/2) wide and deep a quarter to each side
        (2, 2, 2 * 2**0.5 / 4),
        (4, 1, 1 / 2 + 1 / 2),
        (4, 2, 2 * (1 / 2 + 1 / 2)),
        (4, 3, 2 / 2 + 3 / 2),
        (4, 4, 2 / 2 + 4 / 2),
        (4, 0, 1 / 2 + 1 / 2),  # one at least
        (3, 4, 2 / 2 + 3 / 2),  # and no more than there are
        (16, 1, 1 + 1 + 1 / 2 + 1 / 2),
    ],
)
def test_an_h_tree_by_hand(leaves: int, reached: float, length: float) -> None:
    """Of leaves one wide: branches of half the square that they halve, in turn across and along."""
    assert wires.tree_length(leaves, reached, 3.0) == pytest.approx(3 * length, rel=1e-9, abs=0)


@pytest.mark.parametrize(("bits", "levels"), [(1, 0), (2, 1), (16, 4), (24, log2(24))])
def test_adders_have_a_level_for_each_doubling(bits: int, levels: float) -> None:
    adder = build("adder", {"width": bits}, ISAAC)
    assert adder.latency == near(2 * (levels + 1) * 3.6e-4 * F)
