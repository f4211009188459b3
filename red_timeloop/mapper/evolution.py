"""A guided random search: good mappings fast, in any space.

A population of mappings is improved by moving prime factors between places, changing the order of
loops and exchanging whole dimensions between mappings; every generation is one batch. All
randomness comes from one seed, so that equal input gives equal output.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isclose

import numpy as np

from red_timeloop.engines.embedded.arithmetic import Booleans, Floats, Integers
from red_timeloop.engines.embedded.nest import LevelNest
from red_timeloop.mapper.candidates import (
    Candidates,
    Objective,
    evaluate_candidates,
    order_of,
)
from red_timeloop.mapper.space import Space, primes

__all__ = ["Island", "evolve"]

_PARENTS = 160  # mappings that live on
_CHILDREN = 1600  # mappings tried in a generation, shared among the islands
_FEWEST = 200  # children of an island
_TURNS = 3  # independent searches, whose populations are then joined
_HALVING = 2  # generations after which the worse half of the islands drops out


@dataclass
class Island:
    """The population of one choice of what is kept where, best first."""

    levels: tuple[LevelNest, ...]
    factors: Integers
    keys: Floats
    values: Floats
    stale: int = 0
    seen: set[int] = field(default_factory=set)

    @property
    def best(self) -> float:
        """Lowest value found."""
        return float(self.values[0]) if len(self.values) else float("inf")


class _Moves:
    """Which factors may move where."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.least = np.array([[each.least for each in row] for row in space.limits])
        self.most = np.array([[each.most for each in row] for row in space.limits])
        self.free = [
            np.flatnonzero(self.least[:, dimension] < self.most[:, dimension])
            for dimension in range(len(space.shape.sizes))
        ]
        self.movable = [
            dimension
            for dimension, places in enumerate(self.free)
            if len(places) > 1 and space.shape.sizes[dimension] > 1
        ]
        weights = np.array([len(primes(space.shape.sizes[each])) for each in self.movable], float)
        self.weights = weights / weights.sum() if len(weights) else weights
        # of each movable dimension: its free places, how many, whether a place is one, and which
        self._count = np.array([len(self.free[each]) for each in self.movable], dtype=np.int64)
        size = (len(self.movable), len(space.places))
        self._places, self._rank = np.zeros(size, np.int64), np.zeros(size, np.int64)
        self._open = np.zeros(size, dtype=bool)
        for number, dimension in enumerate(self.movable):
            own = self.free[dimension]
            self._places[number, : len(own)] = own
            self._rank[number, own] = np.arange(len(own))
            self._open[number, own] = True
        self.pairs = [
            (number, number + 1)
            for number, place in enumerate(space.places[:-1])
            if place.kind == "x" and space.places[number + 1].kind == "y"
        ]

    def start(self) -> Integers | None:
        """Return the way to deal all dimensions that leaves as much as possible to the outside.

        None if there is none; fan-outs and capacities are ignored.
        """
        dimensions = range(len(self.space.shape.sizes))
        columns = [next(self.space.ways(dimension), None) for dimension in dimensions]
        if None in columns:
            return None
        start: Integers = np.array(columns, dtype=np.int64).T
        return start

    def legal(self, factors: Integers) -> Booleans:
        """Whether factors meet the constraints and fan-outs (capacities are the engine's)."""
        within = (factors >= self.least) & (factors <= self.most)
        result: Booleans = np.asarray(within.all(axis=(1, 2)))
        result &= self.space.fits_fan_out(factors)
        for along_x, along_y in self.pairs:
            twice = (factors[:, along_x] > 1) & (factors[:, along_y] > 1)
            result &= ~twice.any(axis=1)
        return result

    def move(self, factors: Integers, rng: np.random.Generator, repeats: Integers) -> None:
        """Move prime factors between places, `repeats[n]` times for mapping n, in place."""
        if not self.movable:
            return
        for turn in range(int(repeats.max(initial=0))):
            rows = np.flatnonzero(repeats > turn)
            number = rng.choice(len(self.movable), size=len(rows), p=self.weights)
            dimension = np.asarray(self.movable)[number]
            column = factors[rows, :, dimension]
            scores = rng.random(column.shape) * (column > 1) * self._open[number]
            source = scores.argmax(axis=1)
            count = self._count[number]
            step = 1 + (rng.random(len(rows)) * (count - 1)).astype(np.int64)
            target = self._places[number, (self._rank[number, source] + step) % count]
            prime = _random_primes(column[np.arange(len(rows)), source], rng)
            factors[rows, source, dimension] //= prime
            factors[rows, target, dimension] *= prime


def _random_primes(numbers: Integers, rng: np.random.Generator) -> Integers:
    """Return a prime factor of each number, each of its primes as likely; 1 of 1."""
    values, which = np.unique(numbers, return_inverse=True)
    kinds = [sorted(set(primes(value))) or [1] for value in values.tolist()]
    most = max(map(len, kinds))
    table = np.array([each + [1] * (most - len(each)) for each in kinds], dtype=np.int64)
    count = np.array([len(each) for each in kinds])[which]
    chosen: Integers = table[which, (rng.random(len(numbers)) * count).astype(np.int64)]
    return chosen


def evolve(
    space: Space,
    objective: Objective,
    evaluations: int,
    seed: int,
    *,
    patience: int = 8,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, float], None] = lambda done, best: None,
) -> tuple[list[Island], int]:
    """Search until `evaluations` are spent, nothing improves for `patience` generations, or `stop`.

    A few independent searches come first. Unless two of them agree, their populations are then
    joined and go on together.

    Returns:
        The islands, best first, and the number of mappings evaluated.
    """
    run = _Run(space, objective, np.random.default_rng(seed), patience, stop, progress)
    first = run.moves.start()
    if first is None:
        return [], 0
    survivors: list[Island] = []
    bests: list[float] = []
    for turn in range(_TURNS):
        limit = max(1, evaluations * (turn + 1) // (_TURNS + 1))
        islands = run.evolve(run.settle(first, evaluations // (_TURNS + 1)), limit)
        survivors += islands
        best = min(island.best for island in islands)
        if stop() or run.spent >= evaluations or any(isclose(best, each) for each in bests):
            break  # two searches that know nothing of each other agree
        bests.append(best)
    kept = dict.fromkeys(island.levels for island in survivors)
    joined = [_joined(survivors, levels) for levels in kept]
    found = [island for island in joined if len(island.values)]
    if len(bests) == _TURNS and found:
        run.evolve(sorted(found, key=lambda each: each.best)[:2], evaluations)
    return sorted(joined, key=lambda each: each.best), run.spent


def _joined(islands: list[Island], levels: tuple[LevelNest, ...]) -> Island:
    """Unite the populations of several turns."""
    own = [island for island in islands if island.levels == levels]
    joined = Island(
        levels,
        np.concatenate([island.factors for island in own]),
        np.concatenate([island.keys for island in own]),
        np.concatenate([island.values for island in own]),
    )
    none = slice(0, 0)
    _select(joined, joined.factors[none], joined.keys[none], joined.values[none])
    joined.stale = 0
    joined.seen = set().union(*(island.seen for island in own))
    return joined


class _Run:
    """One search: what its generations share."""

    def __init__(
        self,
        space: Space,
        objective: Objective,
        rng: np.random.Generator,
        patience: int,
        stop: Callable[[], bool],
        progress: Callable[[int, float], None],
    ) -> None:
        self.space, self.objective, self.rng = space, objective, rng
        self.patience, self.stop, self.progress = patience, stop, progress
        self.moves = _Moves(space)
        self.spent = 0
        self.best = float("inf")

    def settle(self, first: Integers, evaluations: int) -> list[Island]:
        """Return a first population for each choice of what is kept."""
        keeps = self.space.keeps[: max(1, evaluations)]
        share = max(min(_FEWEST, evaluations // len(keeps)), evaluations // (4 * len(keeps)))
        share = max(1, min(_CHILDREN, share))
        islands: list[Island] = []
        for levels in keeps:
            if islands and self.stop():
                break
            island, used = _settle(
                self.space, self.objective, levels, self.moves, first, share, self.rng
            )
            self.spent += used
            islands.append(island)
        return islands

    def evolve(self, islands: list[Island], limit: int) -> list[Island]:
        """Improve `islands` until `limit` mappings are spent in all, or nothing improves.

        The worse half of those that are left drops out every few generations.
        """
        active = islands
        generation = 0
        while self.spent < limit and not self.stop():
            active = [each for each in active if each.stale < self.patience]
            if generation % _HALVING == 0:
                active = sorted(active, key=lambda each: each.best)
                active = active[: max(1, (len(active) + 1) // 2)] if generation else active
            if not active:
                break
            for island in active:
                children = min(max(_FEWEST, _CHILDREN // len(active)), limit - self.spent)
                if children < 1 or self.stop():
                    break
                self.spent += _generation(
                    self.space, self.objective, island, self.moves, self.rng, children
                )
            self.best = min(self.best, *(each.best for each in islands))
            self.progress(self.spent, self.best)
            generation += 1
        return islands


def _settle(
    space: Space,
    objective: Objective,
    levels: tuple[LevelNest, ...],
    moves: _Moves,
    first: Integers,
    count: int,
    rng: np.random.Generator,
) -> tuple[Island, int]:
    """Scatter a first population around the mapping that leaves all it can to the outside."""
    factors = np.repeat(first[None], count, axis=0)
    moves.move(factors, rng, np.minimum(rng.geometric(0.12, size=count), 40) - 1)
    factors = np.concatenate([first[None], factors[moves.legal(factors)]])
    keys = rng.random((len(factors), len(space.machine.levels), len(space.shape.sizes)))
    costs = evaluate_candidates(
        Candidates(levels, factors, order_of(keys, space)), space, objective
    )
    island = Island(
        levels,
        np.empty((0, *first.shape), dtype=np.int64),
        np.empty((0, *keys.shape[1:])),
        np.empty(0),
    )
    _select(island, factors, keys, costs.value)
    return island, len(factors)


def _select(island: Island, factors: Integers, keys: Floats, values: Floats) -> None:
    """Keep the best of the old and the new; equal values count once."""
    before = island.best
    good = np.isfinite(values)
    factors = np.concatenate([island.factors, factors[good]])
    keys = np.concatenate([island.keys, keys[good]])
    values = np.concatenate([island.values, values[good]])
    _, unique = np.unique(values, return_index=True)
    unique = unique[:_PARENTS]
    island.factors, island.keys = factors[unique], keys[unique]
    island.values = values[unique]
    island.stale = 0 if island.best < before else island.stale + 1


def _generation(
    space: Space,
    objective: Objective,
    island: Island,
    moves: _Moves,
    rng: np.random.Generator,
    children: int,
) -> int:
    alive = len(island.values)
    if not alive:
        return _restart(space, objective, island, moves, rng, children)
    # better mappings have more children
    rank = np.minimum((rng.random((2, children)) ** 2 * alive).astype(np.int64), alive - 1)
    factors, keys = island.factors[rank[0]].copy(), island.keys[rank[0]].copy()
    crossed = rng.random(children) < 0.5
    dimension = crossed[:, None] & (rng.random((children, factors.shape[2])) < 0.4)
    factors = np.where(dimension[:, None, :], island.factors[rank[1]], factors)
    level = crossed[:, None] & (rng.random((children, keys.shape[1])) < 0.4)
    keys = np.where(level[:, :, None], island.keys[rank[1]], keys)
    moves.move(factors, rng, rng.geometric(0.45, size=children) - crossed)
    shuffled = rng.random(keys.shape) < rng.choice([0.0, 0.04, 0.2], size=(children, 1, 1))
    keys = np.where(shuffled, rng.random(keys.shape), keys)
    good = moves.legal(factors)
    factors, keys = factors[good], keys[good]
    if not len(factors):
        island.stale += 1
        return 1
    order = order_of(_settled(keys, factors, space), space)
    new = _unseen(island, factors, order)
    if not len(new):
        island.stale += 1
        return 1
    factors, keys, order = factors[new], keys[new], order[new]
    costs = evaluate_candidates(Candidates(island.levels, factors, order), space, objective)
    _select(island, factors, keys, costs.value)
    return len(factors)


def _settled(keys: Floats, factors: Integers, space: Space) -> Floats:
    """Put dimensions without a loop over time outermost, so that equal mappings look equal."""
    keys = keys.copy()
    for number, place in enumerate(space.places):
        if place.kind == "temporal":
            idle = factors[:, number] == 1
            keys[:, place.level] = np.where(idle, 1.0, keys[:, place.level])
    return keys


def _unseen(island: Island, factors: Integers, order: Integers) -> Integers:
    """Return the rows that this island has not evaluated yet, each once; remember them."""
    table = np.concatenate([factors.reshape(len(factors), -1), order.reshape(len(order), -1)], 1)
    # sums of odd multiples are equal by chance once in 2^64, and cost one mapping then
    odd = np.random.default_rng(0).integers(-(2**62), 2**62, size=table.shape[1]) * 2 + 1
    rows = []
    for number, key in enumerate((table * odd).sum(axis=1).tolist()):
        if key not in island.seen:
            island.seen.add(key)
            rows.append(number)
    return np.asarray(rows, dtype=np.int64)


def _restart(
    space: Space,
    objective: Objective,
    island: Island,
    moves: _Moves,
    rng: np.random.Generator,
    count: int,
) -> int:
    """Try again to find a first legal mapping."""
    first = moves.start()
    assert first is not None
    fresh, spent = _settle(space, objective, island.levels, moves, first, count, rng)
    island.factors, island.keys, island.values = fresh.factors, fresh.keys, fresh.values
    island.stale += 1
    return spent
