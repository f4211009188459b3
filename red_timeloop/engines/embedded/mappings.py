"""A batch of mappings as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from red_timeloop.engines.embedded.arithmetic import Integers
from red_timeloop.engines.embedded.machine import Shape
from red_timeloop.engines.embedded.nest import LevelNest, Nest, NestLoop, completed

__all__ = ["MappingBatch", "batch_of"]


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

    def take(self, rows: Integers) -> MappingBatch:
        """Return some of the mappings."""
        return replace(
            self,
            temporal=self.temporal[rows],
            spatial_x=self.spatial_x[rows],
            spatial_y=self.spatial_y[rows],
            order=self.order if len(self.order) == 1 else self.order[rows],
            spatial_order=(
                self.spatial_order if len(self.spatial_order) == 1 else self.spatial_order[rows]
            ),
        )

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


def batch_of(nests: Sequence[Nest], shape: Shape) -> MappingBatch:
    """Return the batch of `nests`, which must keep the same data spaces everywhere."""
    levels, dimensions = len(nests[0].levels), len(shape.sizes)
    size = (len(nests), levels, dimensions)
    temporal, along_x, along_y = (np.ones(size, dtype=np.int64) for _ in range(3))
    order = np.broadcast_to(np.arange(dimensions), size).copy()
    spatial_order = order.copy()
    for row, nest in enumerate(nests):
        for position, level in enumerate(nest.levels):
            for target, loops in (
                (temporal, level.temporal),
                (along_x, level.spatial_x),
                (along_y, level.spatial_y),
            ):
                for dimension, factor in loops:
                    target[row, position, dimension] = factor
            order[row, position] = completed([each for each, _ in level.temporal], dimensions)
            spatial_order[row, position] = completed(
                [each for each, _ in (*level.spatial_x, *level.spatial_y)], dimensions
            )
    return MappingBatch(nests[0].levels, temporal, along_x, along_y, order, spatial_order)
