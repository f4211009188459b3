"""Components whose circuit holds arrays price every element as one with its numbers would."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from close import near

from red_timeloop.circuit import Circuit
from red_timeloop.components import build, names
from red_timeloop.components.base import Component

ATTRIBUTES = {
    "rows": 256,
    "columns": 64,
    "rows_used": 200,
    "columns_used": 16,
    "weight_slices": 4,
    "input_slices": 8,
    "cell_bits": 2,
    "resolution": 7,
    "width": 28,
    "depth": 64,
    "served_arrays": 50,
    "reached_arrays": 6,
    "inputs": 3,
    "joined_arrays": 2,
    "read_share": 0.5,
}
# Numbers whose range leaves no room, or that move the set to another node.
_FIXED = ("technology_node_m",)
COUNT = 4


def _attributes(subclass: str) -> dict[str, object]:
    return {**ATTRIBUTES, "resolution": 1} if subclass == "sense_amplifier" else dict(ATTRIBUTES)


def _circuits() -> list[Circuit]:
    """Circuits in which every number differs a little from set to set."""
    base = Circuit.load("isaac_32nm")
    names = [name for name in Circuit.names() if name not in _FIXED]
    rng = np.random.default_rng(7)
    scales = rng.uniform(0.97, 1.03, (COUNT, len(names)))
    return [
        replace(base, **{n: getattr(base, n) * s for n, s in zip(names, row, strict=True)})
        for row in scales.tolist()
    ]


def _stacked(circuits: list[Circuit]) -> Circuit:
    names = [name for name in Circuit.names() if name not in _FIXED]
    return replace(
        circuits[0], **{n: np.array([getattr(circuit, n) for circuit in circuits]) for n in names}
    )


@pytest.mark.parametrize("subclass", names())
def test_arrays_price_like_numbers(subclass: str) -> None:
    circuits, attributes = _circuits(), _attributes(subclass)
    seconds = [1e-7 * (1 + index) for index in range(COUNT)]
    many = replace(
        build(subclass, attributes, _stacked(circuits)), global_cycle_seconds=np.array(seconds)
    )
    single = [
        replace(build(subclass, attributes, circuit), global_cycle_seconds=second)
        for circuit, second in zip(circuits, seconds, strict=True)
    ]
    for action in many.actions:
        energies = np.broadcast_to(many.energy(action), COUNT)
        # A last digit of a power or a logarithm may differ between NumPy's loops.
        assert energies == near([one.energy(action) for one in single], rel=1e-12)
    for quantity in ("area", "leakage_power", "latency"):
        values = np.broadcast_to(getattr(many, quantity), COUNT)
        assert values == near([getattr(one, quantity) for one in single], rel=1e-12)


def test_numbers_give_plain_floats() -> None:
    for subclass in names():
        one: Component = build(subclass, _attributes(subclass), Circuit.load())
        assert all(type(one.energy(action)) is float for action in one.actions)
