"""The mappings next to some others.

A move is a pair of places, whose factors of all dimensions together are dealt anew between the two,
or a level, whose loops over time take another order. It leads to many mappings.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations, permutations, product
from math import prod
from typing import NamedTuple, TypeAlias

import numpy as np

from red_timeloop.engines.embedded.arithmetic import Integers
from red_timeloop.mapper.scatter import Scatter
from red_timeloop.mapper.space import Limits, Space, divisors

__all__ = ["Move", "Neighbours", "Next"]

_WAYS = 16  # to deal anew what two places hold; a sample where there are more
_ORDERED = 4  # loops of a level that are tried in every order; of more, one of them moves

Move: TypeAlias = tuple[int, ...]  # two places, or a level


class Next(NamedTuple):
    """Mappings next to some others.

    Attributes:
        factors: `[N, places, D]`.
        orders: Orders of loops, `[K, L, D]`; the first are those of the others themselves.
        which: Which of the orders each mapping has, `[N]`.
        owner: Which mapping it is next to, `[N]`.
        move: The number of the move that leads to it, `[N]`.
    """

    factors: Integers
    orders: Integers
    which: Integers
    owner: Integers
    move: Integers


class Neighbours:
    """What moves make of the mappings of a space.

    Args:
        space: The space.
        scatter: Which factors may move in it.
        rng: Random numbers, for samples of what is too much.

    Attributes:
        moves: All that lead anywhere.
    """

    def __init__(self, space: Space, scatter: Scatter, rng: np.random.Generator) -> None:
        self._space, self._rng = space, rng
        self._grids: dict[tuple[int, ...], Integers] = {}
        self._turned: dict[tuple[int, ...], Integers] = {}
        places, dimensions = range(len(space.places)), range(len(space.shape.sizes))
        free = (scatter.least < scatter.most) & (np.asarray(space.shape.sizes) > 1)
        self.moves: list[Move] = [
            pair for pair in combinations(places, 2) if (free[pair[0]] & free[pair[1]]).any()
        ]
        self._shares = {
            pair: [_Shares(*both) for both in zip(*(space.limits[n] for n in pair), strict=True)]
            for pair in self.moves
        }
        self._place = {
            place.level: number
            for number, place in enumerate(space.places)
            if place.kind == "temporal"
        }
        if len(dimensions) > 1:
            self.moves += [(level,) for level in self._place]

    def of(self, factors: Integers, order: Integers, moves: Sequence[Move]) -> Next:
        """Return what moves make of some mappings, `[M, places, D]` and `[M, L, D]`."""
        dealt, owner, move = self._dealt(factors, moves)
        turned = [
            (number, level, place, orders)
            for number, (own, loops) in enumerate(zip(factors, order, strict=True))
            for place, (level, *other) in enumerate(moves)
            if not other
            and len(orders := self._orders(own[self._place[level]], loops[level], level))
        ]
        by_order = np.array([n for n, _, _, orders in turned for _ in orders], dtype=np.int64)
        by_level = np.array([n for _, _, n, orders in turned for _ in orders], dtype=np.int64)
        orders, first = order[by_order], 0
        for _, level, _, own in turned:
            orders[first : first + len(own), level] = own
            first += len(own)
        return Next(
            np.concatenate([dealt, factors[by_order]]),
            np.concatenate([order, orders]),
            np.concatenate([owner, np.arange(len(order), len(order) + len(orders))]),
            np.concatenate([owner, by_order]),
            np.concatenate([move, by_level]),
        )

    def joined(
        self, moves: Sequence[Move], factors: Integers, order: Integers
    ) -> tuple[Integers, Integers] | None:
        """Make several moves at a time: those that touch other places than the moves before them.

        Args:
            moves: The moves.
            factors, order: What each of them makes of a mapping, `[M, places, D]` and `[M, L, D]`.

        Returns:
            The mapping, None where it is not more than one move.
        """
        taken: set[int] = set()
        made: list[int] = []
        for number, move in enumerate(moves):
            touched = {*move} if len(move) == 2 else {self._place[move[0]]}
            if not touched & taken:
                taken |= touched
                made.append(number)
        if len(made) < 2:
            return None
        dealt, turned = factors[made[0]].copy(), order[made[0]].copy()
        for number in made[1:]:
            move = moves[number]
            if len(move) == 2:
                dealt[[*move]] = factors[number, [*move]]
            else:
                turned[move] = order[number][move]
        return dealt, turned

    def _dealt(
        self, factors: Integers, moves: Sequence[Move]
    ) -> tuple[Integers, Integers, Integers]:
        """Return what dealing pairs of places anew makes of factors, which of them, and by what."""
        numbers = np.array([n for n, move in enumerate(moves) if len(move) == 2], dtype=np.int64)
        pairs = [moves[number] for number in numbers]
        one, other = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        both = factors[:, one] * factors[:, other]
        ways = [
            self._ways(pair, held)
            for own in both.tolist()
            for pair, held in zip(pairs, own, strict=True)
        ]
        number = np.repeat(np.arange(len(ways)), [len(each) for each in ways])
        held = np.concatenate([np.empty((0, factors.shape[2]), np.int64), *ways])
        owner, pair = np.divmod(number, max(1, len(pairs)))
        new = np.flatnonzero((held != factors[owner, one[pair]]).any(axis=1))
        held, owner, pair = held[new], owner[new], pair[new]
        dealt, rows = factors[owner], np.arange(len(owner))
        dealt[rows, one[pair]] = held
        dealt[rows, other[pair]] = both[owner, pair] // held
        return dealt, owner, numbers[pair]

    def _ways(self, pair: Move, both: Sequence[int]) -> Integers:
        """Return what the first of two places may hold of all that both do, `[N, D]`."""
        key = *pair, *both
        if key not in self._grids:
            columns = [own[size] for own, size in zip(self._shares[pair], both, strict=True)]
            if prod(map(len, columns)) <= _WAYS:
                self._grids[key] = _grid(tuple(columns))
            else:
                some = np.tile(np.array([own[0] for own in columns], np.int64), (_WAYS, 1))
                for dimension, own in enumerate(columns):
                    if len(own) > 1:
                        chance = self._rng.random(_WAYS) * len(own)
                        some[:, dimension] = np.array(own)[chance.astype(np.int64)]
                self._grids[key] = some
        return self._grids[key]

    def _orders(self, factors: Integers, order: Integers, level: int) -> Integers:
        """Return other orders of a level's loops over time, `[N, D]`."""
        key = level, *(each if factors[each] > 1 else ~each for each in order.tolist())
        if key not in self._turned:
            active = tuple(each for each in key[1:] if each >= 0)
            pinned = {*self._space.innermost[level], *self._space.outermost[level]}
            if len(active) < 2 or pinned & {*active}:
                found: set[tuple[int, ...]] = set()
            elif len(active) <= _ORDERED:
                found = set(permutations(active))
            else:
                found = {
                    (*rest[:n], each, *rest[n:])
                    for each in active
                    for rest in [tuple(other for other in active if other != each)]
                    for n in range(len(active))
                }
            idle = tuple(~each for each in key[1:] if each < 0)
            rows = [(*each, *idle) for each in sorted(found - {active})]
            self._turned[key] = np.array(rows, dtype=np.int64).reshape(-1, len(order))
        return self._turned[key]


class _Shares(dict[int, tuple[int, ...]]):
    """What the first of two places may hold of the iterations that both do, ascending."""

    def __init__(self, one: Limits, other: Limits) -> None:
        super().__init__()
        self._one, self._other = one, other

    def __missing__(self, size: int) -> tuple[int, ...]:
        one, other = self._one, self._other
        self[size] = tuple(
            each
            for each in divisors(size)
            if one.least <= each <= one.most and other.least <= size // each <= other.most
        )
        return self[size]


@lru_cache(maxsize=4096)  # pairs of places and searches have most of them in common
def _grid(columns: tuple[tuple[int, ...], ...]) -> Integers:
    """Return all ways to take one of each column, `[N, D]`."""
    return np.array(list(product(*columns)), dtype=np.int64)
