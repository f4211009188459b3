"""A guided random search: good mappings fast, in any space.

Chains start at the best of some random mappings. A step of a chain tries, for some pairs of places,
every way to deal anew what the two hold of all dimensions together, and for some levels other
orders of their loops; it goes to the best of all. A chain ends where no pair and no level has
anything better, and the worse half of the chains drops out now and then. Later turns start from
random changes of the best mapping. All randomness comes from one seed, so that equal input gives
equal output.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations, permutations, product
from math import prod
from typing import TypeAlias, TypeVar

import numpy as np

from red_timeloop.engines.embedded.arithmetic import Floats, Integers
from red_timeloop.mapper.candidates import Candidates, Costs, Objective, order_of
from red_timeloop.mapper.scatter import Scatter
from red_timeloop.mapper.space import Space, divisors
from red_timeloop.mapper.together import Answer, Together, Trial

__all__ = ["Task", "guide"]

_ABREAST = 16  # searches that go side by side; their trials stay in a processor's cache
_SCATTERED = 400  # random mappings of a turn
_FEWEST = 40  # of one choice of what is kept
_KEEPS = 32  # such choices in a turn
_CHAINS = 8
_IDLE = 8  # turns without a better mapping, to end
_CHAIN = 800  # mappings that a chain takes, about
_MOVES = 12  # tried in a step
_KICKS = 24  # random changes of the best mapping in a turn
_KICKED = 4  # of which so many are followed
_SCATTER = 8  # one in so many turns starts from random mappings
_WAYS = 256  # to deal anew what two places hold; a sample where there are more
_ORDERED = 4  # loops of a level that are tried in every order; of more, one of them moves
_BETTER = 1 - 1e-12

Move: TypeAlias = tuple[int, ...]  # two places, or a level
_Result = TypeVar("_Result")
Steps: TypeAlias = Generator[Trial, Answer, _Result]  # asks what trials cost


@dataclass(frozen=True)
class _Chain:
    """A mapping (`keep`: its choice of what is kept), its value, and the moves since a better."""

    keep: int
    factors: Integers
    order: Integers
    value: float
    idle: int = 0


@dataclass(frozen=True)
class Task:
    """A search.

    Attributes:
        space: The space.
        objective: What is to be low.
        evaluations: Mappings to evaluate; a step that has begun is ended all the same.
        seed: What the random numbers start from.
        learn: Told of all mappings that are evaluated.
        progress: Called with the mappings evaluated so far and the best value.
    """

    space: Space
    objective: Objective
    evaluations: int
    seed: int
    learn: Callable[[Candidates, Costs], None]
    progress: Callable[[int, float], None] = lambda done, best: None


def guide(tasks: Sequence[Task], stop: Callable[[], bool] = lambda: False) -> list[int]:
    """Search until some turns find nothing better, evaluations are spent, or `stop`.

    Searches go side by side, one step of all of them at a time, so that mappings of spaces that are
    alike are evaluated together. What each finds is what it finds alone.

    Args:
        tasks: The searches.
        stop: Asked often; true ends all of them.

    Returns:
        The number of mappings evaluated for each.
    """
    searches = [_Search(task, stop) for task in tasks]
    together = Together([(task.space, task.objective) for task in tasks])
    waiting = iter([(number, searches[number].run()) for number in together.alike_first])
    running: dict[int, Steps[None]] = {}
    trials: dict[int, Trial] = {}
    while True:
        while len(trials) < _ABREAST and (more := next(waiting, None)):
            number, running[number] = more[0], more[1]
            if (first := next(running[number], None)) is not None:
                trials[number] = first
        if not trials:
            return [search.spent for search in searches]
        answers = together.evaluate(trials)
        following = {number: _next(running[number], each) for number, each in answers.items()}
        trials = {number: trial for number, trial in following.items() if trial is not None}


def _next(steps: Steps[None], answer: Answer) -> Trial | None:
    try:
        return steps.send(answer)
    except StopIteration:
        return None


class _Search:
    """What the turns of a search share."""

    def __init__(self, task: Task, stop: Callable[[], bool]) -> None:
        space = task.space
        self.task, self.space, self.stop = task, space, stop
        self.rng = np.random.default_rng(task.seed)
        self.scatter = Scatter(space)
        self.spent = 0
        self.chains = min(_CHAINS, max(1, task.evaluations // _CHAIN))
        self.turns = 0
        self.best: _Chain | None = None
        self.known = [-1.0] * len(space.keeps)  # the best value of each choice; -1 before a try
        self._grids: dict[tuple[int, ...], Integers] = {}
        self._columns: dict[tuple[int, ...], tuple[int, ...]] = {}
        self._turned: dict[tuple[int, ...], Integers] = {}
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

    def run(self) -> Steps[None]:
        """Turn after turn."""
        best, idle = float("inf"), 0
        while self._going() and idle < _IDLE + len(self.space.keeps) // _KEEPS:
            found = yield from self._turn()
            idle = 0 if found < best * _BETTER else idle + 1
            best = min(best, found)
            self.task.progress(self.spent, best)

    def _going(self) -> bool:
        return self.spent < self.task.evaluations and not self.stop()

    def _turn(self) -> Steps[float]:
        """Follow some chains to their ends; return the best value that they come to."""
        self.turns += 1
        chains: list[_Chain] = []
        if self.best is not None and self.turns % _SCATTER != 1:
            chains = yield from self._kicked(self.best)
        if not chains:
            chains = yield from self._scattered()
        moves = [self.moves[n] for n in self.rng.permutation(len(self.moves))]
        best, tried = min((each.value for each in chains), default=float("inf")), 0
        while chains and moves and self._going():
            now = [moves[(tried + n) % len(moves)] for n in range(min(_MOVES, len(moves)))]
            stepped: list[_Chain] = []
            for own in self._by_keep(chains):
                stepped += yield from self._step(own, now)
            for each in stepped:
                self._note(each)
            best = min(best, *(each.value for each in stepped))
            different = {(each.keep, each.value): each for each in stepped}
            chains = [each for each in different.values() if each.idle < len(moves)]
            if tried // len(moves) < (tried := tried + len(now)) // len(moves):
                chains = sorted(chains, key=lambda each: each.value)[: (len(chains) + 1) // 2]
        return best

    def _by_keep(self, chains: list[_Chain]) -> list[list[_Chain]]:
        keeps = dict.fromkeys(each.keep for each in chains)
        return [[each for each in chains if each.keep == keep] for keep in keeps]

    def _scattered(self) -> Steps[list[_Chain]]:
        """Return the best of some random mappings, of what was not tried yet before the best."""
        keeps = sorted(range(len(self.known)), key=self.known.__getitem__)[:_KEEPS]
        count = min(max(_FEWEST, _SCATTERED // len(keeps)), self.task.evaluations)
        found: list[_Chain] = []
        for keep in keeps:
            if not self._going():
                break
            factors, keys = self.scatter.some(self.rng, count)
            if not len(factors):
                return []
            order = order_of(keys, self.space)
            _, tried, values = yield from self._asked(keep, factors, order)
            _, first = np.unique(values, return_index=True)
            first = first[np.isfinite(values[first])]
            self.known[keep] = max(self.known[keep], 0.0) or float("inf")
            found += self._chains(keep, tried, values, first)
        found.sort(key=lambda each: each.value)
        for each in found:
            self._note(each)
        step = max(1, len(found) // self.chains)
        return found[::step][: self.chains]

    def _note(self, chain: _Chain) -> None:
        self.known[chain.keep] = min(self.known[chain.keep], chain.value)
        if self.best is None or chain.value < self.best.value:
            self.best = chain

    def _kicked(self, best: _Chain) -> Steps[list[_Chain]]:
        """Return what random changes make of the best mapping."""
        factors, order = self.scatter.near(best.factors, best.order, self.rng, _KICKS)
        _, tried, values = yield from self._asked(best.keep, factors, order)
        first = np.argsort(values)[:_KICKED]
        return self._chains(best.keep, tried, values, first[np.isfinite(values[first])])

    def _chains(self, keep: int, tried: Candidates, values: Floats, rows: Integers) -> list[_Chain]:
        """Return chains that start at some of the mappings that were tried."""
        return [
            _Chain(keep, tried.factors[row], tried.order[row], float(values[row])) for row in rows
        ]

    def _asked(
        self, keep: int, factors: Integers, orders: Integers, which: Integers | None = None
    ) -> Steps[tuple[Integers, Candidates, Floats]]:
        """Return the rows that fit, these mappings and their values; see `Trial`."""
        which = np.arange(len(factors)) if which is None else which
        rows, tried, costs = yield Trial(keep, factors, orders, which)
        self.spent += len(rows)
        if len(rows):
            self.task.learn(tried, costs)
        return rows, tried, costs.value

    def _step(self, chains: list[_Chain], moves: list[Move]) -> Steps[list[_Chain]]:
        """Return the chains, all of one choice of what is kept, a step further."""
        factors, orders, which, owner = self._neighbours(chains, moves)
        rows, tried, values = yield from self._asked(chains[0].keep, factors, orders, which)
        owner = owner[rows]
        stepped = []
        for number, each in enumerate(chains):
            own = np.flatnonzero(owner == number)
            best = own[values[own].argmin()][None] if len(own) else own
            if len(best) and values[best[0]] < each.value * _BETTER:
                stepped += self._chains(each.keep, tried, values, best)
            else:
                stepped.append(replace(each, idle=each.idle + len(moves)))
        return stepped

    def _neighbours(
        self, chains: list[_Chain], moves: list[Move]
    ) -> tuple[Integers, Integers, Integers, Integers]:
        """Return the other mappings that moves lead to: as in a `Trial`, and which chain's."""
        factors = np.stack([each.factors for each in chains])
        dealt, by_pairs = self._dealt(factors, [move for move in moves if len(move) == 2])
        turned = [
            (number, level, orders)
            for number, each in enumerate(chains)
            for (level,) in (move for move in moves if len(move) == 1)
            if len(
                orders := self._orders(each.factors[self.place[level]], each.order[level], level)
            )
        ]
        by_order = np.array([n for n, _, orders in turned for _ in orders], dtype=np.int64)
        own = np.stack([each.order for each in chains])
        order, first = own[by_order], 0
        for _, level, orders in turned:
            order[first : first + len(orders), level] = orders
            first += len(orders)
        which = np.concatenate([by_pairs, np.arange(len(chains), len(chains) + len(order))])
        owner = np.concatenate([by_pairs, by_order])
        dealt = np.concatenate([dealt, factors[by_order]])
        return dealt, np.concatenate([own, order]), which, owner

    def _dealt(self, factors: Integers, pairs: list[Move]) -> tuple[Integers, Integers]:
        """Return what dealing pairs of places anew makes of some factors, and which of them."""
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
        return dealt, owner

    def _ways(self, pair: Sequence[int], both: Sequence[int]) -> Integers:
        """Return what the first of two places may hold of all that both do, `[N, D]`."""
        key = *pair, *both
        if key not in self._grids:
            columns = tuple([self._shares(pair, *each) for each in enumerate(both)])
            if prod(map(len, columns)) <= _WAYS:
                self._grids[key] = _grid(columns)
            else:
                some = [self.rng.choice(each, size=_WAYS) for each in columns]
                self._grids[key] = np.stack(some, axis=1)
        return self._grids[key]

    def _shares(self, pair: Sequence[int], dimension: int, size: int) -> tuple[int, ...]:
        """Return what the first of two places may hold of the `size` that both do, ascending."""
        key = *pair, dimension, size
        if key not in self._columns:
            one, other = (self.space.limits[place][dimension] for place in pair)
            self._columns[key] = tuple(
                each
                for each in divisors(size)
                if one.least <= each <= one.most and other.least <= size // each <= other.most
            )
        return self._columns[key]

    def _orders(self, factors: Integers, order: Integers, level: int) -> Integers:
        """Return other orders of a level's loops over time, `[N, D]`."""
        key = level, *(each if factors[each] > 1 else ~each for each in order.tolist())
        if key not in self._turned:
            active = tuple(each for each in key[1:] if each >= 0)
            pinned = {*self.space.innermost[level], *self.space.outermost[level]}
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


@lru_cache(maxsize=4096)  # pairs of places and searches have most of them in common
def _grid(columns: tuple[tuple[int, ...], ...]) -> Integers:
    """Return all ways to take one of each column, `[N, D]`."""
    return np.array(list(product(*columns)), dtype=np.int64)
