"""Where a mapping puts each weight: which crossbar, row, column and turn.

A mapping's loops number the instances of every level. The index of a rank at one place is put
together from the loops over that rank, the inner level's index counting single steps, the next
level's counting what is inside it, and so on (Timeloop's perfect factors).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from red_timeloop.designs.lanes import Place
from red_timeloop.designs.plan import Part, TargetLoops
from red_timeloop.spec.types import Loop

__all__ = ["Placement"]

# Innermost first; loops above the modes run over time.
_TARGETS = (
    "row",
    "column",
    "block",
    "joined",
    "adder",
    "sub_crossbar",
    "column_tile",
    "mode",
)


@dataclass(frozen=True)
class Placement:
    """The crossbars of one part of a plan."""

    part: Part

    @cached_property
    def _strides(self) -> Mapping[tuple[str, str], int]:
        inside: dict[str, int] = {}
        strides = {}
        for target in _TARGETS:
            for rank, count in self._loops(target):
                strides[target, rank] = inside.get(rank, 1)
                inside[rank] = inside.get(rank, 1) * count
        return strides

    def _loops(self, target: str) -> tuple[Loop, ...]:
        loops = (self.part.loops or {}).get(target, TargetLoops())
        return (*loops.temporal, *loops.x, *loops.y)

    def count(self, target: str) -> int:
        """Return the number of places at `target`."""
        return prod(count for _, count in self._loops(target))

    def places(self, target: str) -> Place:
        """Return what each place at `target` adds to the index of each rank."""
        flat = np.arange(self.count(target))
        found = {}
        for rank, count in self._loops(target):
            found[rank] = flat % count * self._strides[target, rank]
            flat = flat // count
        return found

    def each(self, target: str) -> Iterator[Place]:
        """Yield the places at `target` one by one, as arrays of one element."""
        places = self.places(target)
        for index in range(self.count(target)):
            yield {rank: values[index : index + 1] for rank, values in places.items()}

    @cached_property
    def rows(self) -> Place:
        """The rows of one crossbar that a turn uses, blocks one after the other."""
        return _crossed(self.places("row"), self.count("row"), self.places("block"))

    @cached_property
    def columns(self) -> Place:
        """The logical columns of one crossbar, blocks one after the other."""
        return _crossed(self.places("column"), self.count("column"), self.places("block"))

    @property
    def blocks(self) -> int:
        """Blocks on the diagonal of a crossbar."""
        return self.count("block")

    @cached_property
    def turns(self) -> tuple[Place, ...]:
        """The turns that kernel pixels take on a sub-crossbar."""
        return tuple(self.each("adder"))

    @cached_property
    def joints(self) -> tuple[tuple[Place, ...], ...]:
        """The crossbars whose sums meet in one output, those with joined bit lines together."""
        joined = tuple(self.each("joined"))
        return tuple(
            tuple(moved(one, outer) for one in joined) for outer in self.each("sub_crossbar")
        )


def moved(place: Place, *outer: Place) -> Place:
    """Return the indices at `place` inside the places `outer`."""
    total = dict(place)
    for other in outer:
        for rank, values in other.items():
            total[rank] = total[rank] + values if rank in total else values
    return total


def tiled(place: Place, count: int, tiles: Place) -> Place:
    """Return `place`, which has `count` elements, once for each of `tiles`, tile after tile."""
    return _crossed(place, count, tiles)


def _crossed(inner: Place, count: int, outer: Place) -> Place:
    size = max((len(values) for values in outer.values()), default=1)
    total = {rank: np.tile(values, size) for rank, values in inner.items()}
    for rank, values in outer.items():
        repeated = np.repeat(values, count)
        total[rank] = total[rank] + repeated if rank in total else repeated
    return total
