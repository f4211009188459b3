"""How many computes happen, are gated or are skipped, from the states of their two operands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from red_timeloop.errors import InputError

__all__ = ["Computes", "Operand", "count_computes"]


@dataclass(frozen=True)
class Computes:
    """Computes of all instances; those whose operands both do not exist are in none."""

    actual: int
    gated: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class Operand:
    """An operand of the computes.

    Attributes:
        density: Probability that a value is not zero.
        metadata: Whether the innermost level that keeps it leaves its zeros out.
        saved: Share of computes that savings on it do without, None without such savings.
    """

    density: float
    metadata: bool
    saved: float | None


def count_computes(
    computes: float, operands: Sequence[Operand], optimizations: Sequence[str]
) -> Computes:
    """Return what becomes of the dense `computes`.

    Raises:
        InputError: There are not two operands, or an operand's savings leave it fewer values than
            it has.
    """
    if len(operands) != 2:
        raise InputError(f"{len(operands)} tensors are read", key="sparse_optimizations", legal="2")
    for operand in operands:
        if operand.saved is not None:
            computes -= math.floor(computes * operand.saved)
    total = float(int(computes))
    first, second = (
        _states(operand, other) for operand, other in (operands, tuple(reversed(operands)))
    )

    def both(one: int, two: int) -> float:
        return first[one] * second[two]

    value, zero, absent = range(3)
    actual = total * both(value, value)
    one_zero = total * (both(value, zero) + both(zero, value))
    one_absent = total * (both(value, absent) + both(absent, value))
    both_zero = total * both(zero, zero)
    zero_absent = total * (both(zero, absent) + both(absent, zero))
    neither = total * both(absent, absent)
    gating, skipping = "gating" in optimizations, "skipping" in optimizations
    gated = skipped = 0.0
    for share, alone in (
        (one_zero, False),
        (one_absent, True),
        (both_zero, False),
        (zero_absent, True),
    ):
        if alone and skipping:
            skipped += share
        elif gating:
            gated += share
        else:
            actual += share
    gone = math.floor(skipped) + math.floor(gated) + math.floor(neither)
    return Computes(int(total - gone), math.floor(gated), math.floor(skipped))


def _states(operand: Operand, other: Operand) -> tuple[float, float, float]:
    """Return the probabilities that a value is not zero, zero, or not there at all."""
    density = _six_decimals(operand.density)
    if other.saved is not None:  # what is left is where the operand has values
        density = density / (1 - _six_decimals(other.saved)) if other.saved < 1 else math.inf
    rest = 1 - density
    if rest < -1e-5:
        raise InputError(
            f"an operand of density {operand.density:g} is condition of a saving of"
            f" {other.saved:.6g} of the computes",
            key="sparse_optimizations",
            legal="a saving of at most 1 minus the density",
        )
    density, rest = min(max(density, 0.0), 1.0), min(max(rest, 0.0), 1.0)
    return (density, 0.0, rest) if operand.metadata else (density, rest, 0.0)


def _six_decimals(value: float) -> float:
    return math.floor(value * 1000000 + 0.5) / 1000000
