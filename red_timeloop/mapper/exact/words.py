"""How many words a tile takes in over the whole run, at least, when its run of loops ends.

Going outwards from a tile, loops turn without moving it, until one does. From then on every step
moves the tile: by the new part alone if it repeats the stride, by nothing in the rare case that two
loops of one axis cancel each other, else by the whole tile.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd

import numpy as np

from red_timeloop.mapper.exact.frame import Floats, Form, Integers
from red_timeloop.mapper.exact.part import Boundary, Part
from red_timeloop.mapper.space import divisors

__all__ = ["Tile", "Turn", "closing_words", "edge", "gapless", "may_meet", "tile_of", "union_of"]


@dataclass(frozen=True)
class Tile:
    """Extents that the groups add to a tile, `[D]`, and the next group out."""

    within: Floats
    group: int


@dataclass(frozen=True)
class Turn:
    """One storage's loops over time, for many pairs of inner and outer tile shape.

    Attributes:
        part: Of which part.
        level: The storage.
        points: The inner tile shapes, points of the grid, `[P]`.
        inner: Iterations over time inside, `[P, D]`.
        outside: Steps over time around the inner tile, `[P]`.
        ratio: Iterations of the loops, `[P, D]`.
    """

    part: Part
    level: int
    points: Integers
    inner: Floats
    outside: Floats
    ratio: Floats

    def take(self, rows: Integers) -> Turn:
        """Return some of the pairs."""
        return Turn(
            self.part,
            self.level,
            self.points[rows],
            self.inner[rows],
            self.outside[rows],
            self.ratio[rows],
        )


def tile_of(part: Part, boundary: Boundary) -> Tile:
    """Return the inner tile of a boundary."""
    return Tile(part.within[max(boundary.inner, 0)], boundary.inner + 1)


def union_of(part: Part, boundary: Boundary) -> Tile:
    """Return the box that all inner tiles which one group spreads make up."""
    return Tile(part.within[boundary.inner + 1], boundary.inner + 2)


def gapless(part: Part, boundary: Boundary, inner: Floats) -> np.ndarray:
    """Whether the tiles of the group around a boundary's inner tile leave no gaps, `[P]`."""
    form = part.frame.forms[boundary.tensor]
    extents = inner * tile_of(part, boundary).within
    good = np.ones(len(inner), dtype=bool)
    if not form.plain:
        return ~good
    for axis, width in zip(form.axes, form.widths(extents), strict=True):
        for dimension, step in axis:
            if part.spread[boundary.inner + 1, dimension] > 1:
                good &= step * extents[:, dimension] <= width
    return good


def closing_words(
    turn: Turn,
    tensor: int,
    tile: Tile,
    plan: tuple[tuple[int, ...], ...],
    child: Tile | None = None,
) -> Floats:
    """Return the words of a tile whose run of loops ends in `turn`, at least, `[P]`.

    Args:
        turn: The loops, at least one of which moves the tile.
        tensor: The data space.
        tile: The tile.
        plan: Dimensions in the order of the loops, in blocks within which any order will do.
        child: Where `tile` is the box that several tiles make up: one of them. Where it does not
            overlap the one before, a neighbour may help in any step, which moves the box a little.
            Infinite where neighbours surely cannot help.
    """
    form = turn.part.frame.forms[tensor]
    whole = form.size(turn.inner * tile.within)
    if not form.plain:
        return np.ones(len(whole))
    words = np.zeros(len(whole))
    open_ = np.ones(len(whole), dtype=bool)
    outside = turn.outside.copy()
    for block in plan:
        movers = [each for each in block if form.relevant[each]]
        for each in block:
            if not form.relevant[each]:
                outside = np.where(open_, outside / turn.ratio[:, each], outside)
        closes = open_ & (turn.ratio[:, movers] > 1).any(axis=1)
        if not closes.any():
            continue
        best = np.full(len(whole), np.inf)
        for each in movers:
            first = closes & (turn.ratio[:, each] > 1)
            if form.axis_of[each] < 0:
                # neighbours cannot help: they never lie that way
                found = whole * outside if child is None else np.full(len(whole), np.inf)
            else:
                found = _sliding(turn, tensor, (tile, child or tile), each, outside)
            best = np.where(first, np.minimum(best, found), best)
        words = np.where(closes, best, words)
        open_ &= ~closes
    return words


def _sliding(
    turn: Turn, tensor: int, tiles: tuple[Tile, Tile], first: int, outside: Floats
) -> Floats:
    """Return the words at least when the loop of `first` moves a sliding window first."""
    part, form = turn.part, turn.part.frame.forms[tensor]
    axis = form.axis_of[first]
    steps = dict(form.axes[axis])
    within = part.within[turn.level]
    stride = steps[first] * turn.inner[:, first] * within[first]
    widths = form.widths(turn.inner * tiles[0].within)
    whole = np.prod(np.stack(widths), axis=0)
    new = whole - whole / widths[axis] * np.maximum(0.0, widths[axis] - stride)
    if tiles[0] is not tiles[1]:
        overlaps = form.widths(turn.inner * tiles[1].within)[axis] > stride
        whole = np.where(overlaps, whole, edge(widths))
        useless = overlaps & ~may_meet(part, form, axis, tiles[1], turn.inner, stride)
        whole = np.where(useless, np.inf, whole)
    count = turn.ratio[:, first]
    others = outside / count  # steps of all other loops, and the first of all
    left = {each: part.rest[each] / turn.inner[:, each] for each in steps}
    along = np.prod(np.stack(list(left.values())), axis=0)
    siblings = np.ones(len(new))
    ends = np.zeros(len(new), dtype=bool)
    for each in range(len(form.relevant)):
        if each != first and form.relevant[each]:
            if form.axis_of[each] == axis:
                siblings = siblings * turn.ratio[:, each]
            else:
                ends |= turn.ratio[:, each] > 1
    entire = np.where(ends, others / siblings, np.maximum(outside / along, 1.0))
    key = tensor, turn.level, first
    if key not in part.cancelling:
        part.cancelling[key] = _may_cancel(part, *key)
    least = np.where(part.cancelling[key][turn.points], 0.0, new)
    words: Floats = (count - 1) * others * new + entire * whole + (others - entire) * least
    return words


def may_meet(
    part: Part, form: Form, axis: int, tile: Tile, inner: Floats, stride: Floats
) -> np.ndarray:
    """Whether two tiles of the next group out may lie `stride` apart along an axis."""
    reach, divisor = np.zeros(len(stride)), np.zeros(len(stride), dtype=np.int64)
    for dimension, step in form.axes[axis]:
        count = int(part.spread[tile.group, dimension])
        if count > 1:
            distance = step * inner[:, dimension] * tile.within[dimension]
            reach = reach + distance * (count - 1)
            divisor = np.gcd(divisor, distance.astype(np.int64))
    result: np.ndarray = (stride <= reach) & (np.mod(stride, np.maximum(divisor, 1)) == 0)
    return result


def edge(widths: list[Floats]) -> Floats:
    """Return the words that a box which moves at all takes in at least."""
    found: Floats = np.prod(np.stack(widths), axis=0) / np.max(np.stack(widths), axis=0)
    return found


def _may_cancel(part: Part, tensor: int, level: int, first: int) -> np.ndarray:
    """Whether a loop of the axis may move by just what those inside it have moved (`cancels`).

    For each point of the grid, the tile shape around which the loop of `first` at `level` is the
    first to move the tile.
    """
    form = part.frame.forms[tensor]
    steps = dict(form.axes[form.axis_of[first]])
    left = {each: part.rest[each] / part.factors[:, each] for each in steps}
    others = [each for each in steps if each != first and part.rest[each] > 1]
    result = np.zeros(len(part.factors), dtype=bool)
    if len(others) > 1 or (part.spread[level + 1 :, list(steps)] > 1).any():
        for each in others:
            result |= left[each] > 1
        return result
    extents = part.factors * part.within[level]
    for other in others:
        columns = (
            left[first],
            steps[first] * extents[:, first],
            left[other],
            steps[other] * extents[:, other],
        )
        table, where = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
        found = [cancels(*map(int, row)) for row in table]
        result |= np.asarray(found, dtype=bool)[where.ravel()]
    return result


@lru_cache(maxsize=1 << 16)
def cancels(count: int, stride: int, other_count: int, other_stride: int) -> bool:
    """Whether loops of two dimensions along one axis can make a step that moves nothing.

    The engine takes a loop to move the tile by its stride less the strides of all loops inside it.

    Args:
        count, stride: Iterations of the dimension that moves first, to be cut into loops as one
            likes, and the stride of the innermost.
        other_count, other_stride: The same of the other dimension.

    >>> cancels(4, 1, 3, 1)  # the second dimension's stride is the first's
    True
    >>> cancels(4, 3, 3, 1)
    False
    """
    if other_count == 1:
        return False
    divisor = gcd(stride, other_stride)
    one, other = stride // divisor, other_stride // divisor
    return _meet(_excesses(other_count), other, _sums(count), one) or _meet(
        _excesses(count), one, _sums(other_count), other
    )


def _meet(lefts: frozenset[int], scale: int, rights: frozenset[int], other: int) -> bool:
    return any(left * scale % other == 0 and left * scale // other in rights for left in lefts)


@lru_cache(maxsize=4096)
def _sums(count: int) -> frozenset[int]:
    """Return the sums of strides of all ways to cut `count` iterations, or less, into loops."""
    return frozenset(total for total, _ in _chains(count))


@lru_cache(maxsize=4096)
def _excesses(count: int) -> frozenset[int]:
    """Return by how much the stride of a further loop exceeds the sum of those inside it."""
    found = {1}
    for total, last in _chains(count):
        for stride in divisors(count):
            if stride > last and stride % last == 0:
                found.add(stride - total)
    return frozenset(found)


@lru_cache(maxsize=4096)
def _chains(count: int) -> frozenset[tuple[int, int]]:
    """Return (sum, last) of all chains 1, m, n, ... of divisors of `count`, each of the next."""
    found = {(1, 1)}
    new = found
    while new:
        new = {
            (total + stride, stride)
            for total, last in new
            for stride in divisors(count)
            if stride > last and stride % last == 0
        }
        found = found | new
    return frozenset(found)
