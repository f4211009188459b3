"""The least energy inside every tile shape: a shortest path over tile shapes, innermost first.

A node is a tile shape of a storage with, for each data space, the storages inside whose runs of
loops have not ended yet; what crosses their boundaries is paid where they end. Orders of loops
matter only by which data space's run ends last, next to last and so on (`plans`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import TypeAlias

import numpy as np

from red_timeloop.mapper.exact.frame import Floats, Frame, Integers
from red_timeloop.mapper.exact.part import Boundary, Crossing, Part, TooLargeError
from red_timeloop.mapper.exact.words import Tile, Turn, closing_words, gapless, tile_of, union_of

__all__ = ["Lower", "Open", "Slice", "StoppedError", "pairs_of", "pieces", "plans", "slices"]

Open: TypeAlias = tuple[tuple[int, ...], ...]  # for each data space, the storages left open
WordsOf: TypeAlias = Callable[[Tile, Tile | None], Floats]  # of a tile, or of a box of children
SizeOf: TypeAlias = Callable[[Floats], Floats]
_MOST_PAIRS = 3_000_000


@dataclass(frozen=True)
class Slice:
    """Pairs of tile shapes whose loops move the same data spaces.

    Attributes:
        rows: Which pairs.
        moved: Whether each data space is moved.
        prices: For each plan, J to close each boundary `(data space, storage)` that is moved.
    """

    rows: Integers
    moved: tuple[bool, ...]
    prices: tuple[dict[tuple[int, int], Floats], ...]

    def price(self, open_: Open) -> Floats | None:
        """Return the least J of closing what is open and moved; None for nothing."""
        found: Floats | None = None
        for prices in self.prices:
            total: Floats | None = None
            for tensor, levels in enumerate(open_):
                if self.moved[tensor]:
                    for level in levels:
                        own = prices[tensor, level]
                        total = own if total is None else total + own
            if total is None:
                return None
            found = total if found is None else np.minimum(found, total)
        return found


def plans(frame: Frame, level: int, tensors: tuple[int, ...]) -> list[tuple[tuple[int, ...], ...]]:
    """Return the orders of a storage's loops worth a thought, in blocks, innermost first.

    A data space's run is longest when all loops that do not move it come first; of several data
    spaces one run ends first, and up to there no loop may move any of the others, and so on. Loops
    that the constraints pin have their place.
    """
    number = {each: index for index, each in enumerate(frame.dimensions)}
    inside = [
        number[each] for each in frame.space.innermost[frame.storages[level]] if each in number
    ]
    outside = [
        number[each] for each in frame.space.outermost[frame.storages[level]] if each in number
    ]
    free = set(range(len(frame.sizes))) - set(inside) - set(outside)
    found = []
    for order in permutations(tensors):
        blocks: list[tuple[int, ...]] = [(each,) for each in inside]
        left = set(free)
        for turn in range(len(order)):
            still = [frame.forms[tensor].relevant for tensor in order[turn:]]
            block = {each for each in left if not any(relevant[each] for relevant in still)}
            left -= block
            blocks.append(tuple(sorted(block)))
        blocks.append(tuple(sorted(left)))
        blocks += [(each,) for each in outside]
        plan = tuple(block for block in blocks if block)
        if plan not in found:
            found.append(plan)
    return found or [tuple((each,) for each in range(len(frame.sizes)))]


def pairs_of(part: Part, level: int, given: Integers, inward: bool) -> tuple[Integers, Integers]:
    """Return all pairs of tile shapes around a storage's loops.

    Args:
        part: The part.
        level: The storage whose loops lie between the two.
        given: Points of the grid, inside the loops; outside if `inward`.

    Returns:
        Rows of `given`, and the points on the other side.
    """
    place = part.frame.space.limits[part.frame.temporal[level]]
    index = np.stack(np.unravel_index(given, part.shape), axis=1)
    rows = np.arange(len(given))
    flat = np.zeros(len(given), dtype=np.int64)
    for dimension, values in enumerate(part.values):
        limits = place[part.frame.dimensions[dimension]]
        one, other = values[:, None], values[None, :]
        if inward:
            one, other = other, one  # inner, outer
        ratio = other // one
        good = (other % one == 0) & (ratio >= limits.least) & (ratio <= limits.most)
        choices = [np.flatnonzero(row) for row in good]
        counts = np.array([len(each) for each in choices])
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        table = np.concatenate(choices).astype(np.int64)
        own = index[rows, dimension]
        many = counts[own]
        if many.sum() > _MOST_PAIRS:
            raise TooLargeError
        offset = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many)
        chosen = table[np.repeat(starts[own], many) + offset]
        flat = np.repeat(flat, many) * len(values) + chosen
        rows = np.repeat(rows, many)
    return rows, flat


def pieces(part: Part, given: Integers, inward: bool, most: int) -> Iterator[Integers]:
    """Cut `given` so that no piece has many more pairs than `most`; return the rows of each."""
    index = np.stack(np.unravel_index(given, part.shape), axis=1)
    counts = np.ones(len(given))
    for dimension, values in enumerate(part.values):
        divides = values[None, :] % values[:, None] == 0
        counts = counts * divides.sum(axis=0 if inward else 1)[index[:, dimension]]
    number = (np.cumsum(counts) // most).astype(np.int64)
    for piece in np.unique(number):
        yield np.flatnonzero(number == piece)


def slices(part: Part, level: int, inner: Integers, outer: Integers) -> Iterator[Slice]:
    """Return the pairs `inner`, `outer` of tile shapes around a storage's loops, priced."""
    factors = part.factors
    turn = Turn(
        part, level, inner, factors[inner], part.outside[inner], factors[outer] / factors[inner]
    )
    active = turn.ratio > 1
    forms = part.frame.forms
    boundaries = [each for each in part.boundaries if 0 <= each.inner < level]
    tensors = tuple(dict.fromkeys(each.tensor for each in boundaries))
    code = np.zeros(len(inner), dtype=np.int64)
    for tensor, form in enumerate(forms):
        code |= active[:, np.asarray(form.relevant)].any(axis=1).astype(np.int64) << tensor
    choices = plans(part.frame, level, tensors)
    for value in np.unique(code):
        rows = np.flatnonzero(code == value)
        moved = tuple(bool(value >> tensor & 1) for tensor in range(len(forms)))
        own = turn.take(rows)
        closed = [each for each in boundaries if moved[each.tensor]]
        prices = tuple(
            {(each.tensor, each.inner): _price(own, each, plan) for each in closed}
            for plan in (choices if closed else choices[:1])
        )
        yield Slice(rows, moved, prices)


def _price(turn: Turn, boundary: Boundary, plan: tuple[tuple[int, ...], ...]) -> Floats:
    return boundary_price(
        turn.part,
        boundary,
        turn.inner,
        lambda tile, child: closing_words(turn, boundary.tensor, tile, plan, child),
    )


def boundary_price(
    part: Part,
    boundary: Boundary,
    inner: Floats,
    words_of: WordsOf,
) -> Floats:
    """Return the J of `crossing_of`."""
    return crossing_of(part, boundary, inner, words_of).energy


def crossing_of(part: Part, boundary: Boundary, inner: Floats, words_of: WordsOf) -> Crossing:
    """Return what crossing a boundary costs at least, given how to tell the words of a tile."""
    tile = tile_of(part, boundary)
    words = words_of(tile, None)
    if not boundary.reused:
        form = part.frame.forms[boundary.tensor]
        words = form.size(inner * tile.within) * part.steps / inner.prod(axis=1)
    groups = part.groups_at(boundary, inner * tile.within)
    united = None
    if boundary.links and boundary.reused and part.frame.forms[boundary.tensor].plain:
        beyond = _beyond(part, boundary)
        united = words_of(union_of(part, boundary), tile) * beyond
        useful = np.isfinite(united)
        united = np.where(useful & ~gapless(part, boundary, inner), 0.0, united)
        if boundary.far:
            united = np.where(useful, united, 0.0)
    return part.crossing(boundary, words, groups, united)


def _beyond(part: Part, boundary: Boundary) -> int:
    """Return how many groups of children further out certainly share nothing."""
    form = part.frame.forms[boundary.tensor]
    count = 1
    for row in part.spread[boundary.inner + 2 : boundary.outer + 1].tolist():
        for dimension, factor in enumerate(row):
            if form.relevant[dimension] and form.axis_of[dimension] < 0:
                count *= factor
    return count


class StoppedError(Exception):
    """What is bounded was to end before it did."""


class Lower:
    """The least J inside every tile shape of every storage, by what is left open.

    Args:
        part: The part.
        worth: Tells whether a mapping of J, at least, is worth looking for.
        stop: Asked often; true ends it.

    Raises:
        StoppedError: It was to end.

    Attributes:
        part: The part.
        inside: For each storage, J by what is open, over the grid; infinite where illegal.
        least: J of the best mapping of the part, at least (without leakage); infinite when none
            is worth it.
        cut: The least J of what was not worth it.
    """

    def __init__(
        self,
        part: Part,
        worth: Callable[[Floats], np.ndarray] | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.part, self._worth, self._stop = part, worth, stop
        count = len(part.factors)
        none: Open = ((),) * len(part.frame.forms)
        start = np.full(count, np.inf)
        start[0] = part.fixed[0]
        before: dict[Open, Floats] = {none: start}
        self.inside: list[dict[Open, Floats]] = []
        self.cut = float("inf")  # the least J of what was found not to be worth it
        for level in range(part.levels):
            before = self._advance(level, before)
            self.inside.append(before)
        self.least = min(
            (
                float(values[-1]) + self._at_end(open_)
                for open_, values in before.items()
                if np.isfinite(values[-1])
            ),
            default=float("inf"),
        )

    def _at_end(self, open_: Open) -> float:
        """Return J of what no loop ever moves."""
        part = self.part
        inner = part.factors[-1:]
        total = 0.0
        for boundary in part.boundaries:
            if boundary.inner in open_[boundary.tensor]:
                size = part.frame.forms[boundary.tensor].size

                def words(tile: Tile, child: Tile | None, size: SizeOf = size) -> Floats:
                    return size(inner * tile.within)

                total += float(boundary_price(part, boundary, inner, words)[0])
        return total

    def _advance(self, level: int, before: dict[Open, Floats]) -> dict[Open, Floats]:
        part = self.part
        reached = np.zeros(len(part.factors), dtype=bool)
        for values in before.values():
            reached |= np.isfinite(values)
        inner = np.flatnonzero(reached)
        after: dict[Open, Floats] = {}
        if level == part.levels - 1:
            last = len(part.factors) - 1
            _, found = pairs_of(part, level, np.asarray([last]), True)
            found = found[reached[found]]
            self._relax(level, before, after, (found, np.full(len(found), last)))
        else:
            for piece in pieces(part, inner, False, _MOST_PAIRS // 2):
                rows, outer = pairs_of(part, level, inner[piece], False)
                self._relax(level, before, after, (inner[piece][rows], outer))
        for key, values in after.items():
            self._drop(level, key, values)
        return {key: values for key, values in after.items() if np.isfinite(values).any()}

    def _relax(
        self,
        level: int,
        before: dict[Open, Floats],
        after: dict[Open, Floats],
        pairs: tuple[Integers, Integers],
    ) -> None:
        """Lower what is known outside a storage's loops by pairs of inner and outer tile shape."""
        part, (inner, outer) = self.part, pairs
        good = part.fits(level)[outer]
        inner, outer = inner[good], outer[good]
        order = np.argsort(outer, kind="stable")
        inner, outer = inner[order], outer[order]
        for piece in slices(part, level, inner, outer):
            if self._stop():
                raise StoppedError
            begin, end = inner[piece.rows], outer[piece.rows]
            starts = np.flatnonzero(np.concatenate([[True], end[1:] != end[:-1]]))
            for open_, values in before.items():
                cost = values[begin]
                price = piece.price(open_)
                if price is not None:
                    cost = cost + price
                best = np.minimum.reduceat(cost, starts)
                key = self._opened(level, open_, piece.moved)
                found = after.setdefault(key, np.full(len(part.factors), np.inf))
                found[end[starts]] = np.minimum(found[end[starts]], best)

    def _drop(self, level: int, open_: Open, values: Floats) -> None:
        """Forget tile shapes that make no mapping worth it, whatever is outside them."""
        if self._worth is None:
            return
        floor = sum(
            self.part.floors[each.tensor, each.inner]
            for each in self.part.boundaries
            if each.inner >= 0 and (each.inner > level or each.inner in open_[each.tensor])
        )
        finite = np.flatnonzero(np.isfinite(values))
        least = values[finite] + floor
        bad = ~self._worth(least)
        if bad.any():
            self.cut = min(self.cut, float(least[bad].min()))
            values[finite[bad]] = np.inf

    def _opened(self, level: int, open_: Open, moved: tuple[bool, ...]) -> Open:
        """Return what is open outside a storage's loops."""
        return tuple(
            (() if shut else levels) + ((level,) if level in kept[:-1] else ())
            for levels, shut, kept in zip(open_, moved, self.part.kept, strict=True)
        )
