"""A batch of mappings as arrays, and one of its rows as the exact engine wants it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from red_timeloop.engines.embedded.arithmetic import Integers
from red_timeloop.engines.embedded.machine import Machine, Tensor
from red_timeloop.engines.embedded.moves import Block
from red_timeloop.engines.embedded.nest import LevelNest, Nest, NestLoop
from red_timeloop.engines.embedded.spatial import SpatialLoops

__all__ = ["MappingBatch", "Row"]


@dataclass(frozen=True)
class MappingBatch:
    """Mappings as arrays; levels innermost first, B mappings, L levels, D dimensions.

    Attributes:
        levels: What each level keeps and its switches (the loops in it are ignored).
        temporal: Iterations over time of every dimension, `[B, L, D]`.
        spatial_x, spatial_y: Iterations across the instances, `[B, L, D]`.
        order: Dimensions of the loops over time, innermost first, `[B or 1, L, D]`.
        spatial_order: The same for the loops across the instances.
    """

    levels: tuple[LevelNest, ...]
    temporal: Integers
    spatial_x: Integers
    spatial_y: Integers
    order: Integers
    spatial_order: Integers

    def __len__(self) -> int:
        return len(self.temporal)

    def nest(self, row: int) -> Nest:
        """Return one of the mappings in the exact engine's form."""
        levels = []
        for position, level in enumerate(self.levels):
            order = self.order[min(row, len(self.order) - 1), position].tolist()
            across = self.spatial_order[min(row, len(self.spatial_order) - 1), position].tolist()
            levels.append(
                replace(
                    level,
                    temporal=_loops(order, self.temporal[row, position]),
                    spatial_x=_loops(across, self.spatial_x[row, position]),
                    spatial_y=_loops(across, self.spatial_y[row, position]),
                )
            )
        return Nest(tuple(levels))


def _loops(order: list[int], factors: Integers) -> tuple[NestLoop, ...]:
    return tuple((each, int(factors[each])) for each in order if factors[each] > 1)


@dataclass(frozen=True)
class Row:
    """One mapping of a batch: the extents of its tiles and the loops around them.

    Attributes:
        batch, row: Which mapping.
        inner, middle: Extent of every dimension below each level, and with the level's loops across
            the instances, `[L, D]`.
        copies: Instances in use of every level.
    """

    batch: MappingBatch
    row: int
    inner: Integers
    middle: Integers
    copies: Integers

    def time(self, position: int) -> list[tuple[int, int, int]]:
        """Return the loops over time from a level out: (dimension, iterations, stride)."""
        loops = []
        for level in range(position, len(self.batch.levels)):
            order = self.batch.order[min(self.row, len(self.batch.order) - 1), level].tolist()
            for dimension, factor in _loops(order, self.batch.temporal[self.row, level]):
                loops.append((dimension, factor, int(self.middle[level, dimension])))
        return loops

    def across(self, position: int) -> tuple[tuple[int, int, int], ...]:
        """Return the loops across the instances below a level: (dimension, iterations, stride)."""
        batch = self.batch
        order = batch.spatial_order[min(self.row, len(batch.spatial_order) - 1), position].tolist()
        stride = self.inner[position].tolist()
        loops = []
        for factors in (batch.spatial_x, batch.spatial_y):
            for dimension, factor in _loops(order, factors[self.row, position]):
                loops.append((dimension, factor, stride[dimension]))
                stride[dimension] *= factor
        return tuple(loops)

    def spatial(self, tensor: Tensor, position: int) -> SpatialLoops:
        """Return how the loops across the instances move the tiles of a data space."""
        return tensor.vectors(self.across(position))

    def block(self, position: int, machine: Machine) -> Block:
        """Return the level's block of loops."""
        storage = machine.levels[position]
        columns = int(self.batch.spatial_x[self.row, position].prod())
        rows = int(self.batch.spatial_y[self.row, position].prod())
        return Block(
            spatial=self.across(position),
            columns=max(columns, storage.fan_out_x),
            rows=max(rows, storage.fan_out_y),
            children=columns * rows,
            copies=int(self.copies[position]),
            inner=tuple(self.inner[position].tolist()),
            middle=tuple(self.middle[position].tolist()),
            outer=(),
        )
