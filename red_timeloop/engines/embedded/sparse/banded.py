"""A square matrix whose values lie in a band around the diagonal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from red_timeloop.engines.embedded.arithmetic import volume
from red_timeloop.engines.embedded.sparse.loops import Box
from red_timeloop.errors import InputError

__all__ = ["Banded"]


@dataclass(frozen=True)
class Banded:
    """Values at most `width` columns from the diagonal of an `edge` x `edge` matrix are not zero.

    Tiles lie on the grid that a tile's size makes. Timeloop looks at the first rows of tiles and at
    one row of those after them, and counts the first ones twice for the other end; that is kept
    here, although the probabilities of small matrices then add up to more than 1. So is that
    occupancy 0 is always listed.
    """

    edge: int
    width: int

    @property
    def scalar(self) -> float:
        """Expected number of values that are not zero in a tile of one."""
        values = self.edge + sum(2 * (self.edge - off) for off in range(1, self.width + 1))
        return values / self.edge**2

    def maximum(self, tile: Box, confidence: float = 1.0) -> int:
        """Return the occupancy that a tile does not exceed, at some confidence."""
        found = sorted(self._table(tile).items(), reverse=True)
        left = 1.0
        for (occupancy, _), (_, chance) in pairwise(found):
            if left <= confidence:
                return occupancy
            left -= chance
        return found[-1][0]

    def minimum(self, tile: Box, words: int) -> int:
        """Return the least occupancy that is listed, always 0."""
        return 0

    def probability(self, tile: Box, occupancy: int) -> float:
        """Return the probability of an occupancy."""
        return self._table(tile).get(occupancy, 0.0)

    def probabilities(self, tile: Box) -> Sequence[tuple[int, float]]:
        """Return all occupancies that are possible with their probabilities, ascending."""
        return [(each, chance) for each, chance in sorted(self._table(tile).items()) if chance]

    def empty_given(self, part: Box, whole: tuple[Box, int, int]) -> float:
        """Return the share of empty parts in the first tile that has `occupancy` values.

        The tile's offset is added twice to that of its parts, as Timeloop does.
        """
        tile, _, occupancy = whole
        row, column = self._representative(tile, occupancy)
        if any(self.edge % each for each in part):
            raise InputError(
                f"tiles of {part[0]} x {part[1]} in a banded matrix of {self.edge} rows",
                key="densities",
                legal="tiles that divide the matrix",
            )
        rows, columns = tile[0] // part[0], tile[1] // part[1]
        empty = 0
        for i in range(rows):
            for j in range(columns):
                top, left = row + i * part[0], column + j * part[1]
                empty += not self._values(row + top, column + left, part[0] + top, part[1] + left)
        return empty / (rows * columns)

    def most_parts(self, tile: Box, part: Box) -> int:
        """Return how many parts of a tile have values, at most (Timeloop counts the empty ones)."""
        empty = self.empty_given(part, (tile, volume(tile), self.maximum(tile)))
        return math.ceil(volume(tile) // volume(part) * empty)

    def _values(self, top: int, left: int, bottom: int, right: int) -> int:
        """Return the values of a box (bottom and right exclusive)."""
        return sum(
            max(0, min(right, row + self.width + 1) - max(left, row - self.width, 0))
            for row in range(top, bottom)
        )

    def _table(self, tile: Box) -> dict[int, float]:
        """Return the probability of every occupancy that Timeloop lists.

        A tile larger than the matrix is the matrix (Timeloop divides 0 by 0).
        """
        tile = tuple(min(width, self.edge) for width in tile)
        rows, columns = self.edge // tile[0], self.edge // tile[1]
        first = math.ceil(self.width / tile[0])
        steady = max(rows - 2 * first, 0)
        counts = {0: 0}
        for group in range(min(first + 1, rows)):
            weight = steady if group >= first else 2 if first != rows else 1
            for position in range(columns):
                if self._outside(tile, group, position):  # and all that follow: most of a row
                    counts[0] += (columns - position) * weight
                    break
                values = self._at(tile, group, position)
                counts[values] = counts.get(values, 0) + weight
        return {values: count / (rows * columns) for values, count in counts.items()}

    def _representative(self, tile: Box, occupancy: int) -> tuple[int, int]:
        """Return the corner of the first tile with `occupancy` values."""
        rows, columns = self.edge // tile[0], self.edge // tile[1]
        first = math.ceil(self.width / tile[0])
        for group in range(min(first + 1, rows)):
            for position in range(columns):
                outside = self._outside(tile, group, position)
                if outside and occupancy:
                    break
                if outside or self._at(tile, group, position) == occupancy:
                    return group * tile[0], position * tile[1]
        raise InputError(
            f"no tile of {tile[0]} x {tile[1]} in a banded matrix of {self.edge} rows holds"
            f" {occupancy} values",
            key="densities",
        )

    def _outside(self, tile: Box, group: int, position: int) -> bool:
        return position * tile[1] > group * tile[0] + tile[0] - 1 + self.width

    def _at(self, tile: Box, group: int, position: int) -> int:
        top, left = group * tile[0], position * tile[1]
        return self._values(top, left, top + tile[0], left + tile[1])
