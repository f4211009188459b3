"""The whole loop nest, with the loops of one iteration, and the boxes of data under every loop."""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from red_timeloop.engines.embedded.arithmetic import axis_widths
from red_timeloop.engines.embedded.machine import Machine, Shape, Tensor
from red_timeloop.spec.types import Mapping

__all__ = ["Box", "FullLoop", "FullNest", "box", "build_full_nest"]

Box: TypeAlias = tuple[int, ...]  # width on every axis of a data space
Extents: TypeAlias = tuple[int, ...]  # iterations of every dimension


@dataclass(frozen=True)
class FullLoop:
    """A loop; `bound` may be 1."""

    dimension: int
    bound: int
    spatial: bool
    along_y: bool = False

    @property
    def trivial(self) -> bool:
        """Whether there is one iteration only."""
        return self.bound == 1


@dataclass(frozen=True)
class FullNest:
    """All loops of every level, innermost first: those across instances, then those over time.

    Attributes:
        levels: `levels[level][position]`, every dimension in either part.
        extents: Iterations of every dimension up to and with that loop.
    """

    levels: tuple[tuple[FullLoop, ...], ...]
    extents: tuple[tuple[Extents, ...], ...]

    @property
    def whole(self) -> Extents:
        """Iterations of every dimension in the whole problem."""
        return self.extents[-1][-1]

    def below(self, level: int, position: int) -> Extents:
        """Return the iterations of every dimension inside a loop."""
        if position:
            return self.extents[level][position - 1]
        return self.extents[level - 1][-1] if level else (1,) * len(self.whole)


def box(tensor: Tensor, extents: Sequence[int]) -> Box:
    """Return the widths of the data that `extents` iterations of each dimension touch."""
    return tuple(axis_widths(tensor, extents))


def build_full_nest(mapping: Mapping, machine: Machine, shape: Shape) -> FullNest:
    """Return all loops of `mapping`; orders that it does not give are completed as Timeloop does.

    Imperfect loops count with all iterations of a full pass, as in Timeloop.
    """
    extents = [1] * len(shape.dimensions)
    levels, reached = [], []
    for storage in machine.levels:
        given = mapping.levels[storage.name]
        loops: list[FullLoop] = []
        if storage.spatial:
            factors = dict((*given.spatial_x, *given.spatial_y))
            along_y = {name for name, _ in given.spatial_y}
            order = _order(given.spatial_order, factors, shape.dimensions)
            loops += (
                FullLoop(shape.index(name), factors.get(name, 1), True, name in along_y)
                for name in order
            )
        factors = dict(given.temporal)
        order = _order(given.temporal_order, factors, shape.dimensions)
        loops += (FullLoop(shape.index(name), factors.get(name, 1), False) for name in order)
        passed = []
        for loop in loops:
            extents[loop.dimension] *= loop.bound
            passed.append(tuple(extents))
        levels.append(tuple(loops))
        reached.append(tuple(passed))
    return FullNest(tuple(levels), tuple(reached))


def _order(
    order: Sequence[str], factors: AbstractMapping[str, int], dimensions: Sequence[str]
) -> list[str]:
    return list(order) or [*factors, *(each for each in dimensions if each not in factors)]
