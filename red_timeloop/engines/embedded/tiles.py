"""The tiles of many mappings, and which of them fit the machine, before any words are followed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from red_timeloop.engines.embedded.arithmetic import Booleans, Integers, axis_widths
from red_timeloop.engines.embedded.machine import Machine, Shape, Storage
from red_timeloop.engines.embedded.mappings import MappingBatch
from red_timeloop.engines.embedded.moves import Block

__all__ = ["Tiles"]


@dataclass(frozen=True)
class Tiles:
    """Iterations across instances and tiles of B mappings; levels innermost first.

    Where a level has no loops, `one` (or `ones`) itself stands for its iterations.

    Attributes:
        one, ones: A one of each mapping, `[B]`, and of each dimension, `[D, B]`.
        along_x, along_y: Iterations across the instances of each level, each `[D, B]`.
        across: The dimensions with such iterations in any mapping.
        columns, rows, children: Their products, each `[B]`.
        extents: Of tiles, each larger than the one before, `[D, T, B]`.
        inner, middle, outer: Which tiles lie below each level, with its loops across the instances,
            and with all its loops.
    """

    one: Integers
    ones: Integers
    along_x: list[Integers]
    along_y: list[Integers]
    across: list[tuple[int, ...]]
    columns: list[Integers]
    rows: list[Integers]
    children: list[Integers]
    extents: Integers
    inner: list[int]
    middle: list[int]
    outer: list[int]

    @staticmethod
    def of(batch: MappingBatch) -> Tiles:
        """Return the tiles of all mappings of a batch."""
        count, levels, dimensions = batch.temporal.shape
        ones = np.ones((dimensions, count), dtype=np.int64)
        one = ones[0]

        def by_level(factors: Integers) -> tuple[list[Integers], Booleans]:
            looped: Booleans = (factors != 1).any(axis=0)
            turned = factors.transpose(1, 2, 0)
            return [
                np.ascontiguousarray(turned[level]) if own.any() else ones
                for level, own in enumerate(looped)
            ], looped

        def product(factors: Integers) -> Integers:
            found: Integers = one if factors is ones else factors.prod(axis=0)
            return found

        (along_x, in_x), (along_y, in_y) = by_level(batch.spatial_x), by_level(batch.spatial_y)
        over_time, _ = by_level(batch.temporal)
        across = [tuple(np.flatnonzero(own).tolist()) for own in in_x | in_y]
        tiles = [ones]
        where: tuple[list[int], list[int], list[int]] = ([], [], [])
        for position in range(levels):
            loops = (), (along_x[position], along_y[position]), (over_time[position],)
            for numbers, factors in zip(where, loops, strict=True):
                real = [each for each in factors if each is not ones]
                if real:
                    tiles.append(math.prod(real, start=tiles[-1]))
                numbers.append(len(tiles) - 1)
        columns, rows = ([product(each) for each in factors] for factors in (along_x, along_y))
        children = [x if y is one else x * y for x, y in zip(columns, rows, strict=True)]
        extents = np.stack(tiles, axis=1)
        return Tiles(one, ones, along_x, along_y, across, columns, rows, children, extents, *where)

    def widths(self, shape: Shape) -> list[list[Integers]]:
        """Return the widths of every data space's tiles, axis by axis, each `[T, B]`."""
        return [axis_widths(tensor, list(self.extents)) for tensor in shape.tensors]

    def legal(self, batch: MappingBatch, machine: Machine, sizes: list[Integers]) -> Booleans:
        """Return which mappings fit every fan-out, and every level that is kept in.

        Args:
            batch: The mappings.
            machine: The levels.
            sizes: Words of every data space's tiles, each `[T, B]`.
        """
        legal: Booleans = np.ones(len(self.one), dtype=bool)
        for position, storage in enumerate(machine.levels):
            for used, most in (
                (self.columns[position], storage.fan_out_x),
                (self.rows[position], storage.fan_out_y),
            ):
                if used is not self.one:
                    legal &= used <= most
            keep = batch.levels[position].keep
            if storage.capacity is not None:
                outer = self.outer[position]
                words = sum(size[outer] for size, here in zip(sizes, keep, strict=True) if here)
                legal &= (words <= storage.capacity) & (words >= storage.least_words)
        return legal

    def blocks(
        self, batch: MappingBatch, storage: Storage, position: int, rows: Integers
    ) -> Iterator[Block]:
        """Return a level's loops across the instances, row by row, as the exact engine has them."""
        order = batch.spatial_order[:, position]
        inner = self.extents[:, self.inner[position]]
        for across, x, y, extents, columns, high in zip(
            order[rows if len(order) > 1 else np.zeros_like(rows)].tolist(),
            *(
                each[:, rows].T.tolist()
                for each in (self.along_x[position], self.along_y[position])
            ),
            inner[:, rows].T.tolist(),
            self.columns[position][rows].tolist(),
            self.rows[position][rows].tolist(),
            strict=True,
        ):
            loops = [(each, x[each], extents[each]) for each in across]
            loops += [(each, y[each], extents[each] * x[each]) for each in across]
            yield Block(
                spatial=tuple(loop for loop in loops if loop[1] > 1),
                columns=max(columns, storage.fan_out_x),
                children=columns * high,
            )
