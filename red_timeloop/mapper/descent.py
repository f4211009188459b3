"""A guided random search: good mappings fast, in any space.

Chains start at the best of some random mappings. A step of a chain tries, for some pairs of places,
every way to deal anew what the two hold of all dimensions together, and for some levels other
orders of their loops; it goes to the best of all. A chain ends where no pair and no level has
anything better, and the worse half of the chains drops out now and then. Later turns start from
random changes of the best mapping. All randomness comes from one seed, so that equal input gives
equal output.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, permutations, product
from math import prod
from typing import TypeAlias

import numpy as np

from red_timeloop.engines.embedded.arithmetic import Integers
from red_timeloop.mapper.candidates import (
    Candidates,
    Costs,
    Objective,
    evaluate_candidates,
    order_of,
)
from red_timeloop.mapper.exhaustive import fits_capacity
from red_timeloop.mapper.scatter import Scatter
from red_timeloop.mapper.space import Space, divisors

__all__ = ["guide"]

_SCATTERED = 400  # random mappings of a turn
_FEWEST = 40  # of one choice of what is kept
_KEEPS = 32  # such choices in a turn
_CHAINS = 16
_IDLE = 8  # turns without a better mapping, to end
_CHAIN = 700  # mappings that a chain takes, about
_MOVES = 12  # tried in a step
_KICKS = 24  # random changes of the best mapping in a turn
_KICKED = 4  # of which so many are followed
_SCATTER = 4  # one in so many turns starts from random mappings
_WAYS = 256  # to deal anew what two places hold; a sample where there are more
_ORDERED = 4  # loops of a level that are tried in every order; of more, one of them moves
_BETTER = 1 - 1e-12

Move: TypeAlias = tuple[int, ...]  # two places, or a level
Learn: TypeAlias = Callable[[Candidates, Costs], None]


@dataclass(frozen=True)
class _Chain:
    """A mapping (`keep`: its choice of what is kept), its value, and the moves since a better."""

    keep: int
    factors: Integers
    order: Integers
    value: float
    idle: int = 0


def guide(
    space: Space,
    objective: Objective,
    evaluations: int,
    seed: int,
    learn: Learn,
    *,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, float], None] = lambda done, best: None,
) -> int:
    """Search until some turns find nothing better, `evaluations` are spent, or `stop`.

    Args:
        space: The space.
        objective: What is to be low.
        evaluations: Mappings to evaluate; a step that has begun is ended all the same.
        seed: What the random numbers start from.
        learn: Told of all mappings that are evaluated.
        stop: Asked often; true ends the search.
        progress: Called with the mappings evaluated so far and the best value.

    Returns:
        The number of mappings evaluated.
    """
    search = _Search(space, objective, evaluations, np.random.default_rng(seed), learn, stop)
    best, idle = float("inf"), 0
    while search.spent < evaluations and not stop() and idle < _IDLE + len(space.keeps) // _KEEPS:
        found = search.turn()
        idle = 0 if found < best * _BETTER else idle + 1
        best = min(best, found)
        progress(search.spent, best)
    return search.spent


class _Search:
    """What the turns of a search share."""

    def __init__(
        self,
        space: Space,
        objective: Objective,
        evaluations: int,
        rng: np.random.Generator,
        learn: Learn,
        stop: Callable[[], bool],
    ) -> None:
        self.space, self.objective, self.rng = space, objective, rng
        self.evaluations, self.learn, self.stop = evaluations, learn, stop
        self.scatter = Scatter(space)
        self.spent = 0
        self.chains = min(_CHAINS, max(1, evaluations // _CHAIN))
        self.turns = 0
        self.best: _Chain | None = None
        self.known = [-1.0] * len(space.keeps)  # the best value of each choice; -1 before a try
        self._grids: dict[tuple[Move, tuple[int, ...]], Integers] = {}
        places, dimensions = range(len(space.places)), range(len(space.shape.sizes))
        free = (self.scatter.least < self.scatter.most) & (np.asarray(space.shape.sizes) > 1)
        self.moves: list[Move] = [
            pair for pair in combinations(places, 2) if (free[pair[0]] & free[pair[1]]).any()
        ]
        self.place = {
            place.level: number
            for number, place in enumerate(space.places)
            if place.kind == "temporal"
        }
        if len(dimensions) > 1:
            self.moves += [(level,) for level in self.place]

    def turn(self) -> float:
        """Follow some chains to their ends; return the best value that they come to."""
        chains = self._kicked() or self._scattered()
        moves = [self.moves[n] for n in self.rng.permutation(len(self.moves))]
        best, tried = min((each.value for each in chains), default=float("inf")), 0
        while chains and moves and self.spent < self.evaluations and not self.stop():
            now = [moves[(tried + n) % len(moves)] for n in range(min(_MOVES, len(moves)))]
            chains = [each for keep in self._keeps(chains) for each in self._step(keep, now)]
            for each in chains:
                self._note(each)
            best = min(best, *(each.value for each in chains))
            different = {(each.keep, each.value): each for each in chains}
            going = [each for each in different.values() if each.idle < len(moves)]
            if tried // len(moves) < (tried := tried + len(now)) // len(moves):
                going = sorted(going, key=lambda each: each.value)[: (len(going) + 1) // 2]
            chains = going
        return best

    def _keeps(self, chains: list[_Chain]) -> list[list[_Chain]]:
        keeps = dict.fromkeys(each.keep for each in chains)
        return [[each for each in chains if each.keep == keep] for keep in keeps]

    def _scattered(self) -> list[_Chain]:
        """Return the best of some random mappings, of what was not tried yet before the best."""
        keeps = sorted(range(len(self.known)), key=self.known.__getitem__)[:_KEEPS]
        count = min(max(_FEWEST, _SCATTERED // len(keeps)), self.evaluations)
        found: list[_Chain] = []
        for keep in keeps:
            if self.spent >= self.evaluations or self.stop():
                break
            factors, keys = self.scatter.some(self.rng, count)
            if not len(factors):
                return []
            order = order_of(keys, self.space)
            values = self._values(keep, factors, order)
            _, rows = np.unique(values, return_index=True)
            rows = rows[np.isfinite(values[rows])]
            self.known[keep] = max(self.known[keep], 0.0) or float("inf")
            found += [_Chain(keep, factors[n], order[n], float(values[n])) for n in rows]
        found.sort(key=lambda each: each.value)
        for each in found:
            self._note(each)
        step = max(1, len(found) // self.chains)
        return found[::step][: self.chains]

    def _note(self, chain: _Chain) -> None:
        self.known[chain.keep] = min(self.known[chain.keep], chain.value)
        if self.best is None or chain.value < self.best.value:
            self.best = chain

    def _kicked(self) -> list[_Chain]:
        """Return what random changes make of the best mapping; nothing in a turn that scatters."""
        self.turns += 1
        if self.best is None or self.turns % _SCATTER == 1:
            return []
        factors, order = self.scatter.near(self.best.factors, self.best.order, self.rng, _KICKS)
        levels = self.space.keeps[self.best.keep]
        good = np.flatnonzero(fits_capacity(factors, space=self.space, levels=levels))
        factors, order = factors[good], order[good]
        if not len(factors):
            return []
        values = self._values(self.best.keep, factors, order)
        rows = np.argsort(values)[:_KICKED]
        rows = rows[np.isfinite(values[rows])]
        return [_Chain(self.best.keep, factors[n], order[n], float(values[n])) for n in rows]

    def _values(self, keep: int, factors: Integers, order: Integers) -> np.ndarray:
        candidates = Candidates(self.space.keeps[keep], factors, order)
        costs = evaluate_candidates(candidates, self.space, self.objective)
        self.spent += len(factors)
        self.learn(candidates, costs)
        return costs.value

    def _step(self, chains: list[_Chain], moves: list[Move]) -> list[_Chain]:
        """Return the chains, all of one choice of what is kept, a step further."""
        tried = [[self._neighbours(each, move) for move in moves] for each in chains]
        parts = [part for own in tried for part in own]
        owner = np.repeat(np.arange(len(chains)), [sum(len(x[0]) for x in own) for own in tried])
        factors = np.concatenate([part[0] for part in parts])
        order = np.concatenate([part[1] for part in parts])
        levels = self.space.keeps[chains[0].keep]
        for fits in (self.scatter.legal, partial(fits_capacity, space=self.space, levels=levels)):
            good = np.flatnonzero(fits(factors))
            factors, order, owner = factors[good], order[good], owner[good]
        if not len(factors):
            return [replace(each, idle=each.idle + len(moves)) for each in chains]
        values = self._values(chains[0].keep, factors, order)
        found = []
        for number, each in enumerate(chains):
            own = np.flatnonzero(owner == number)
            row = own[values[own].argmin()] if len(own) else -1
            if row >= 0 and values[row] < each.value * _BETTER:
                found.append(_Chain(each.keep, factors[row], order[row], float(values[row])))
            else:
                found.append(replace(each, idle=each.idle + len(moves)))
        return found

    def _neighbours(self, chain: _Chain, move: Move) -> tuple[Integers, Integers]:
        """Return the other mappings that a move leads to: factors and orders."""
        factors, order = chain.factors, chain.order
        if len(move) == 1:
            orders = self._orders(factors[self.place[move[0]]], order[move[0]], move[0])
            grown = np.repeat(order[None], len(orders), axis=0)
            if len(orders):
                grown[:, move[0]] = orders
            return np.repeat(factors[None], len(orders), axis=0), grown
        one, other = move
        both = factors[one] * factors[other]
        ways = self._ways(move, tuple(both.tolist()))
        ways = ways[(ways != factors[one]).any(axis=1)]
        dealt = np.repeat(factors[None], len(ways), axis=0)
        dealt[:, one], dealt[:, other] = ways, both // ways
        return dealt, np.repeat(order[None], len(ways), axis=0)

    def _ways(self, move: Move, both: tuple[int, ...]) -> Integers:
        """Return what the first of two places may hold of all that both do, `[N, D]`."""
        if (move, both) not in self._grids:
            one, other = (self.space.limits[place] for place in move)
            columns = [
                [
                    each
                    for each in divisors(size)
                    if one[dimension].least <= each <= one[dimension].most
                    and other[dimension].least <= size // each <= other[dimension].most
                ]
                for dimension, size in enumerate(both)
            ]
            if prod(map(len, columns)) <= _WAYS:
                found = np.array(list(product(*columns)), dtype=np.int64)
            else:
                found = np.stack([self.rng.choice(each, size=_WAYS) for each in columns], axis=1)
            self._grids[move, both] = found
        return self._grids[move, both]

    def _orders(self, factors: Integers, order: Integers, level: int) -> list[tuple[int, ...]]:
        """Return other orders of a level's loops over time."""
        active = tuple(each for each in order.tolist() if factors[each] > 1)
        pinned = {*self.space.innermost[level], *self.space.outermost[level]}
        if len(active) < 2 or pinned & {*active}:
            return []
        idle = tuple(each for each in order.tolist() if factors[each] == 1)
        if len(active) <= _ORDERED:
            found = set(permutations(active))
        else:
            found = set()
            for each in active:
                rest = tuple(other for other in active if other != each)
                found |= {(*rest[:n], each, *rest[n:]) for n in range(len(active))}
        return [(*each, *idle) for each in sorted(found - {active})]
