"""All mappings of a part that may be better than the best known, from the outermost loops in.

A row is a partial mapping: the loops of some storages from the outside in, and the tile shape they
leave. All that crosses boundaries further out is known; for the rest there is `Lower`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from red_timeloop.mapper.exact.choices import orders_worth_trying
from red_timeloop.mapper.exact.context import Context, codes_of
from red_timeloop.mapper.exact.frame import Floats, Integers
from red_timeloop.mapper.exact.lower import Lower, Open, pairs_of, pieces, slices
from red_timeloop.mapper.exact.part import Crossing, Part

__all__ = ["Leaves", "Target", "Walk", "tensors_inside"]

_CHUNK = 20_000
_ROOM = 400_000  # pairs looked at in one go


class Target(Protocol):
    """What is better than the best known."""

    def beaten(self, energy: Floats, cycles: Floats) -> np.ndarray:
        """Whether J and cycles (without latency), both at least, might be better."""


@dataclass(frozen=True)
class Leaves:
    """Complete mappings but for the places inside groups: iterations and orders over time."""

    temporal: Integers  # [R, levels, D]
    order: Integers


@dataclass(frozen=True)
class _Rows:
    """Partial mappings of one storage; `shape` is the tile shape inside its loops."""

    shape: Integers  # [R], points of the grid
    energy: Floats  # J of all boundaries further out
    reads: Floats  # [R, levels]
    writes: Floats
    temporal: Integers  # [R, levels, D]
    order: Integers
    least: Floats  # J of the whole mapping, at least

    def __len__(self) -> int:
        return len(self.shape)

    def take(self, rows: Integers | np.ndarray) -> _Rows:
        return _Rows(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


class Walk:
    """One part's mappings that `target` does not rule out.

    Attributes:
        lower: The part's bounds.
        left: The least J among the mappings not reached when the walk was stopped.
        visited: Partial mappings looked at.
    """

    def __init__(self, lower: Lower, target: Target, stop: Callable[[], bool]) -> None:
        self.lower, self.part, self.target, self.stop = lower, lower.part, target, stop
        self.codes = codes_of(self.part.frame)
        self.left = float("inf")
        self.visited = 0
        none: Open = ((),) * len(self.part.frame.forms)
        start = np.full(len(self.part.factors), np.inf)
        start[0] = self.part.fixed[0]
        self.inside = [{none: start}, *lower.inside]  # before each storage's loops
        self._choices: dict[tuple[int, tuple[int, ...]], list[tuple[int, ...]]] = {}

    def leaves(self) -> Iterator[Leaves]:
        """Return the mappings, in pieces; what `target` says is asked anew for each."""
        part = self.part
        _, reads, writes = part.fixed
        dimensions = len(part.frame.sizes)
        first = _Rows(
            np.asarray([len(part.factors) - 1]),
            np.zeros(1),
            reads[None],
            writes[None],
            np.ones((1, part.levels, dimensions), dtype=np.int64),
            np.tile(np.arange(dimensions), (1, part.levels, 1)),
            np.asarray([self.lower.least]),
        )
        yield from self._descend(first, part.levels - 1)

    def _descend(self, rows: _Rows, level: int) -> Iterator[Leaves]:
        """Choose the loops of storage `level` for `rows`, then those further in."""
        rows = rows.take(np.argsort(rows.least, kind="stable"))
        for begin in range(0, len(rows), _CHUNK):
            piece = rows.take(np.arange(begin, min(begin + _CHUNK, len(rows))))
            piece = piece.take(self._beaten(piece))
            if not len(piece):
                continue
            if self.stop():
                self.left = min(self.left, float(piece.least.min()))
                continue
            if level < 0:
                yield Leaves(piece.temporal, piece.order)
                continue
            for grown in self._expand(piece, level):
                yield from self._descend(grown, level - 1)

    def _beaten(self, rows: _Rows) -> np.ndarray:
        return self.target.beaten(rows.least, self.part.cycles(rows.reads, rows.writes))

    def _expand(self, rows: _Rows, level: int) -> Iterator[_Rows]:
        """Give rows the loops of a storage: first their iterations, then their orders."""
        for chosen in pieces(self.part, rows.shape, True, _ROOM):
            piece = rows.take(chosen)
            if self.stop():
                self.left = min(self.left, float(piece.least.min()))
                continue
            context = self._context(piece, level)
            crossings = {
                (each.tensor, each.inner): context.crossing(each)
                for each in self.part.boundaries
                if 0 <= each.inner <= level
            }
            piece = self._paid(piece, level, crossings)
            grown = self._shapes(piece, level, crossings)
            self.visited += len(grown)
            if not len(grown):
                continue
            grown = self._ordered(grown, level)
            if level:
                for start in range(0, len(grown), 10 * _CHUNK):
                    part = grown.take(np.arange(start, min(start + 10 * _CHUNK, len(grown))))
                    part = self._bounded(part, level - 1)
                    yield part.take(self._beaten(part))
            else:
                yield grown

    def _context(self, rows: _Rows, level: int) -> Context:
        return Context(
            self.part, self.codes, level, self.part.factors[rows.shape], rows.temporal, rows.order
        )

    def _paid(self, rows: _Rows, level: int, crossings: dict[tuple[int, int], Crossing]) -> _Rows:
        """Add what crosses the boundaries of the tiles of a storage, which is known now."""
        energy = rows.energy.copy()
        reads, writes = rows.reads.copy(), rows.writes.copy()
        for boundary in self.part.boundaries:
            if boundary.inner == level:
                crossing = crossings[boundary.tensor, level]
                energy += crossing.energy
                reads[:, boundary.outer] += crossing.reads
                writes[:, boundary.outer] += crossing.writes
                writes[:, level] += crossing.fills
        return _Rows(rows.shape, energy, reads, writes, rows.temporal, rows.order, rows.least)

    def _shapes(self, rows: _Rows, level: int, crossings: dict[tuple[int, int], Crossing]) -> _Rows:
        """Choose the tile shapes inside the loops of a storage."""
        part = self.part
        number, inner = pairs_of(part, level, rows.shape, True)
        reached = np.zeros(len(part.factors), dtype=bool)
        for values in self.inside[level].values():
            reached |= np.isfinite(values)
        number, inner = number[reached[inner]], inner[reached[inner]]
        least = np.full(len(inner), np.inf)
        for piece in slices(part, level, inner, rows.shape[number]):
            begin, row = inner[piece.rows], number[piece.rows]
            best = np.full(len(begin), np.inf)
            for open_, values in self.inside[level].items():
                cost = values[begin]
                price = piece.price(open_)
                if price is not None:
                    cost = cost + price
                for tensor, levels in enumerate(open_):
                    for each in () if piece.moved[tensor] else levels:
                        cost = cost + crossings[tensor, each].energy[row]
                best = np.minimum(best, cost)
            least[piece.rows] = best
        least += rows.energy[number]
        good = np.isfinite(least)
        number, inner, least = number[good], inner[good], least[good]
        good = self.target.beaten(least, part.cycles(rows.reads[number], rows.writes[number]))
        number, inner, least = number[good], inner[good], least[good]
        temporal = rows.temporal[number]
        temporal[:, level] = (part.factors[rows.shape[number]] / part.factors[inner]).astype(
            np.int64
        )
        return _Rows(
            inner,
            rows.energy[number],
            rows.reads[number],
            rows.writes[number],
            temporal,
            rows.order[number],
            least,
        )

    def _ordered(self, rows: _Rows, level: int) -> _Rows:
        """Choose the orders of the loops of a storage."""
        active = rows.temporal[:, level] > 1
        codes = (active * (1 << np.arange(active.shape[1]))).sum(axis=1)
        found = []
        for code in np.unique(codes):
            own = rows.take(np.flatnonzero(codes == code))
            orders = np.asarray(
                self._orders(level, tuple(np.flatnonzero(active[codes == code][0]).tolist()))
            )
            count = len(orders)
            grown = own.take(np.repeat(np.arange(len(own)), count))
            grown.order[:, level] = np.tile(orders, (len(own), 1))
            found.append(grown)
        return _joined(found)

    def _orders(self, level: int, active: tuple[int, ...]) -> list[tuple[int, ...]]:
        key = level, active
        if key not in self._choices:
            tensors = tensors_inside(self.part, level)
            # neighbours may help in one order and not in another; fewer words may be illegal
            every = self.part.frame.delicate or any(e.links for e in self.part.boundaries)
            found = orders_worth_trying(self.part.frame, level, active, tensors, every)
            idle = tuple(each for each in range(len(self.part.frame.sizes)) if each not in active)
            self._choices[key] = [(*order, *idle) for order in found]
        return self._choices[key]

    def _bounded(self, rows: _Rows, level: int) -> _Rows:
        """Bound rows anew, now that all loops around the tiles of a storage are known."""
        context = self._context(rows, level)
        least = np.full(len(rows), np.inf)
        prices = {
            (each.tensor, each.inner): context.crossing(each).energy
            for each in self.part.boundaries
            if 0 <= each.inner <= level
        }
        for open_, values in self.inside[level + 1].items():
            cost = values[rows.shape]
            for tensor, levels in enumerate(open_):
                for each in levels:
                    cost = cost + prices[tensor, each]
            least = np.minimum(least, cost)
        least = np.maximum(rows.least, least + rows.energy)
        return _Rows(
            rows.shape, rows.energy, rows.reads, rows.writes, rows.temporal, rows.order, least
        )


def tensors_inside(part: Part, level: int) -> tuple[int, ...]:
    """Return the data spaces that a storage further in keeps."""
    return tuple(sorted({each.tensor for each in part.boundaries if 0 <= each.inner < level}))


def _joined(pieces: list[_Rows]) -> _Rows:
    return _Rows(
        *(
            np.concatenate([getattr(piece, name) for piece in pieces])
            for name in _Rows.__dataclass_fields__
        )
    )
