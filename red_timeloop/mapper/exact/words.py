"""How many words a tile takes in over the whole run, at least, when its run of loops ends.

Going outwards from a tile, loops turn without moving it, until one does. From then on every step
moves the tile: by the new part alone if it repeats the stride, by nothing in the rare case that two
loops of one axis cancel each other, else by the whole tile.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from red_timeloop.mapper.exact.frame import Floats, Integers
from red_timeloop.mapper.exact.part import Boundary, Part

__all__ = ["Tile", "Turn", "closing_words", "tile_of", "union_of"]


@dataclass(frozen=True)
class Tile:
    """Extents that the groups add to a tile, `[D]`."""

    within: Floats


@dataclass(frozen=True)
class Turn:
    """One storage's loops over time, for many pairs of inner and outer tile shape.

    Attributes:
        part: Of which part.
        level: The storage.
        inner: Iterations over time inside, `[P, D]`.
        outside: Steps over time around the inner tile, `[P]`.
        ratio: Iterations of the loops, `[P, D]`.
    """

    part: Part
    level: int
    inner: Floats
    outside: Floats
    ratio: Floats

    def take(self, rows: Integers) -> Turn:
        """Return some of the pairs."""
        return Turn(
            self.part, self.level, self.inner[rows], self.outside[rows], self.ratio[rows]
        )


def tile_of(part: Part, boundary: Boundary) -> Tile:
    """Return the inner tile of a boundary."""
    return Tile(part.within[max(boundary.inner, 0)])


def union_of(part: Part, boundary: Boundary) -> Tile:
    """Return the box that all inner tiles which one group spreads make up."""
    return Tile(part.within[boundary.inner + 1])


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
    turn: Turn, tensor: int, tile: Tile, plan: tuple[tuple[int, ...], ...]
) -> Floats:
    """Return the words of a tile whose run of loops ends in `turn`, at least, `[P]`.

    Args:
        turn: The loops, at least one of which moves the tile.
        tensor: The data space.
        tile: The tile.
        plan: Dimensions in the order of the loops, in blocks within which any order will do.
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
                found = whole * outside
            else:
                found = _sliding(turn, tensor, tile, each, outside, whole)
            best = np.where(first, np.minimum(best, found), best)
        words = np.where(closes, best, words)
        open_ &= ~closes
    return words


def _sliding(
    turn: Turn, tensor: int, tile: Tile, first: int, outside: Floats, whole: Floats
) -> Floats:
    """Return the words at least when the loop of `first` moves a sliding window first."""
    part, form = turn.part, turn.part.frame.forms[tensor]
    axis = form.axis_of[first]
    steps = dict(form.axes[axis])
    width = form.widths(turn.inner * tile.within)[axis]
    within = part.within[turn.level]
    stride = steps[first] * turn.inner[:, first] * within[first]
    new = whole - whole / width * np.maximum(0.0, width - stride)
    count = turn.ratio[:, first]
    others = outside / count  # steps of all other loops, and the first of all
    left = {each: part.rest[each] / turn.inner[:, each] for each in steps}
    along = np.prod(np.stack(list(left.values())), axis=0)
    siblings = np.ones(len(whole))
    ends = np.zeros(len(whole), dtype=bool)
    for each in range(len(form.relevant)):
        if each != first and form.relevant[each]:
            if form.axis_of[each] == axis:
                siblings = siblings * turn.ratio[:, each]
            else:
                ends |= turn.ratio[:, each] > 1
    entire = np.where(ends, others / siblings, np.maximum(outside / along, 1.0))
    least = np.where(_may_cancel(turn, tensor, first, stride, left), 0.0, new)
    words: Floats = (count - 1) * others * new + entire * whole + (others - entire) * least
    return words


def _may_cancel(
    turn: Turn, tensor: int, first: int, stride: Floats, left: dict[int, Floats]
) -> np.ndarray:
    """Whether loops of one axis may cancel each other, so that a step moves nothing.

    With two dimensions along the axis, the second's loop cancels what the first's have moved when
    its stride is theirs times one less than their iterations, and the other way round.
    """
    part, form = turn.part, turn.part.frame.forms[tensor]
    axis = form.axis_of[first]
    steps = dict(form.axes[axis])
    result = np.zeros(len(stride), dtype=bool)
    open_ = [each for each in steps if each != first and (left[each] > 1).any()]
    if not open_:
        return result
    later = part.spread[turn.level + 1 :, list(steps)]
    if len(open_) > 1 or (later > 1).any():
        for each in open_:
            result |= left[each] > 1
        return result
    (other,) = open_
    second = steps[other] * turn.inner[:, other] * part.within[turn.level][other]
    times = second / stride + 1
    result |= _divides(times, left[first]) & _divides(turn.ratio[:, first], times)
    times = stride / second + 1
    result |= _divides(times, left[other])
    return result & (left[other] > 1)


def _divides(one: Floats, other: Floats) -> np.ndarray:
    """Whether a number is whole and divides another one."""
    result: np.ndarray = (np.floor(one) == one) & (np.mod(other, one) == 0)
    return result
