"""A guided random search: good mappings fast, in any space.

A population of mappings is improved by moving prime factors between places, changing the order of
loops and exchanging whole dimensions between mappings; every generation is one batch. All
randomness comes from one seed, so that equal input gives equal output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from red_timeloop.mapper.space import Space, divisors, primes

__all__ = ["Island", "evolve"]

_PARENTS = 40  # mappings of an island that live on
_CHILDREN = 200  # mappings that an island tries in a generation, at most
_FEWEST = 50  # and at least
_MOST = 1600  # mappings that all islands try in a generation, where that leaves enough to each
_MOST_MOVES = 8  # of prime factors, for one child
_TURNS = 3  # independent searches, whose populations are then joined
_CROWD = 24  # first mappings that use as many instances as can be
_HALVING = 2  # generations after which the worse half of what is kept drops out
_PATIENCE = 16  # generations without improvement, to end


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
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, float], None] = lambda done, best: None,
) -> tuple[list[Island], int]:
    """Search until `evaluations` are spent, nothing improves for long, or `stop`.

    A few independent searches go side by side, so that each generation is one batch. Unless two of
    them agree, their populations are then joined and go on together.

    Returns:
        The islands, best first, and the number of mappings evaluated.
    """
    run = _Run(space, objective, np.random.default_rng(seed), stop, progress)
    first = run.moves.start()
    if first is None:
        return [], 0
    groups = run.settle(first, evaluations)
    run.evolve(groups, max(1, evaluations * _TURNS // (_TURNS + 1)))
    joined = sorted(map(_joined, groups), key=lambda each: each.best)
    if not _agree(min(groups, key=_best), 0):
        run.evolve([[island] for island in joined[:2] if len(island.values)], evaluations)
    return sorted(joined, key=lambda each: each.best), run.spent


def _best(group: Sequence[Island]) -> float:
    return min(island.best for island in group)


def _agree(group: Sequence[Island], patience: int) -> bool:
    """Whether two searches that know nothing of each other found the same, a while ago."""
    best = _best(group)
    same = [each for each in group if each.stale >= patience and isclose(each.best, best)]
    return len(same) > 1


def _joined(islands: Sequence[Island]) -> Island:
    """Unite the populations of independent searches."""
    joined = Island(
        islands[0].levels,
        np.concatenate([island.factors for island in islands]),
        np.concatenate([island.keys for island in islands]),
        np.concatenate([island.values for island in islands]),
    )
    none = slice(0, 0)
    _select(joined, joined.factors[none], joined.keys[none], joined.values[none])
    joined.stale = 0
    joined.seen = set().union(*(island.seen for island in islands))
    return joined


class _Run:
    """One search: what its generations share."""

    def __init__(
        self,
        space: Space,
        objective: Objective,
        rng: np.random.Generator,
        stop: Callable[[], bool],
        progress: Callable[[int, float], None],
    ) -> None:
        self.space, self.objective, self.rng = space, objective, rng
        self.stop, self.progress = stop, progress
        self.moves = _Moves(space)
        self.spent = 0
        self.best = float("inf")

    def settle(self, first: Integers, evaluations: int) -> list[list[Island]]:
        """Return first populations for each choice of what is kept."""
        keeps = self.space.keeps[: max(1, evaluations // _TURNS)]
        share = max(1, min(_CHILDREN, evaluations // (2 * len(keeps) * _TURNS)))
        starts = np.concatenate([first[None], _crowded(self.space, self.moves, first)])
        groups: list[list[Island]] = []
        for levels in keeps:
            if groups and self.stop():
                break
            islands = [_empty(self.space, levels) for _ in range(_TURNS)]
            self._scatter(islands, starts, share)
            groups.append(islands)
        return groups

    def evolve(self, groups: list[list[Island]], limit: int) -> None:
        """Improve islands until `limit` mappings are spent in all, or nothing improves.

        The worse half of the groups that are left drops out every few generations.
        """
        active = groups
        generation = 0
        while self.spent < limit and not self.stop():
            active = [
                group
                for group in active
                if min(each.stale for each in group) < _PATIENCE
                and not _agree(group, _PATIENCE // 2)
            ]
            if generation and generation % _HALVING == 0:
                active = sorted(active, key=_best)[: max(1, (len(active) + 1) // 2)]
            if not active:
                break
            for group in active:
                share = max(_FEWEST, _MOST // (len(active) * len(group)))
                children = min(share, _CHILDREN, (limit - self.spent) // len(group) + 1)
                if self.spent >= limit or self.stop():
                    break
                self._generation(group, children)
            self.best = min(self.best, *map(_best, groups))
            self.progress(self.spent, self.best)
            generation += 1

    def _scatter(self, islands: list[Island], starts: Integers, count: int) -> None:
        """Scatter first populations around `starts`: one half around the first, one the others."""
        rng = self.rng
        number = count * len(islands)
        which = rng.integers(0, len(starts), size=number) * (rng.random(number) < 0.5)
        factors = starts[which]
        self.moves.move(factors, rng, np.minimum(rng.geometric(0.12, size=len(factors)), 40) - 1)
        factors = factors[self.moves.legal(factors)]
        factors = np.concatenate([np.repeat(starts[:1], len(islands), axis=0), factors])
        keys = rng.random((len(factors), *islands[0].keys.shape[1:]))
        owner = np.arange(len(factors)) % len(islands)
        self._judge(islands, owner, factors, keys, order_of(keys, self.space))

    def _generation(self, group: list[Island], children: int) -> None:
        """Improve each island of a group by mappings of its own, all of them in one batch."""
        if lost := [island for island in group if not len(island.values)]:
            first = self.moves.start()
            assert first is not None
            self._scatter(lost, first[None], children)
        islands = [island for island in group if len(island.values)]
        if not islands:
            return
        rng = self.rng
        owner = np.repeat(np.arange(len(islands)), children)
        alive = np.array([len(island.values) for island in islands])
        starts = (np.cumsum(alive) - alive)[owner]
        # better mappings have more children
        rank = (rng.random((2, len(owner))) ** 2 * alive[owner]).astype(np.int64)
        rank = np.minimum(rank, alive[owner] - 1) + starts
        parents = np.concatenate([island.factors for island in islands])
        parent_keys = np.concatenate([island.keys for island in islands])
        factors, keys = parents[rank[0]], parent_keys[rank[0]]
        crossed = rng.random(len(owner)) < 0.5
        dimension = crossed[:, None] & (rng.random((len(owner), factors.shape[2])) < 0.4)
        factors = np.where(dimension[:, None, :], parents[rank[1]], factors)
        level = crossed[:, None] & (rng.random((len(owner), keys.shape[1])) < 0.4)
        keys = np.where(level[:, :, None], parent_keys[rank[1]], keys)
        repeats = np.minimum(rng.geometric(0.45, size=len(owner)), _MOST_MOVES)
        self.moves.move(factors, rng, repeats - crossed)
        shuffled = rng.random(keys.shape) < rng.choice([0.0, 0.04, 0.2], size=(len(owner), 1, 1))
        keys = np.where(shuffled, rng.random(keys.shape), keys)
        good = self.moves.legal(factors)
        owner, factors, keys = owner[good], factors[good], keys[good]
        order = order_of(_settled(keys, factors, self.space), self.space)
        new = [np.empty(0, dtype=np.int64)]
        for number, island in enumerate(islands):
            own = np.flatnonzero(owner == number)
            new.append(own[_unseen(island, factors[own], order[own])])
        rows = np.concatenate(new)
        self._judge(islands, owner[rows], factors[rows], keys[rows], order[rows])

    def _judge(
        self,
        islands: list[Island],
        owner: Integers,
        factors: Integers,
        keys: Floats,
        order: Integers,
    ) -> None:
        """Evaluate mappings, and let each island keep the best of its own."""
        self.spent += max(1, len(factors))
        values = np.empty(0)
        if len(factors):
            candidates = Candidates(islands[0].levels, factors, order)
            values = evaluate_candidates(candidates, self.space, self.objective).value
        for number, island in enumerate(islands):
            own = owner == number
            _select(island, factors[own], keys[own], values[own])


def _crowded(space: Space, moves: _Moves, first: Integers) -> Integers:
    """Return ways to deal the dimensions that use as many instances as can be, `[N, places, D]`.

    Each place across instances in turn, from the outermost, takes of what `first` leaves outside.
    """
    across = [number for number, each in enumerate(space.fan_outs) if each is not None]
    ways = first[None].copy()
    for number in reversed(across):
        ways = np.concatenate([_filled(space, way, number) for way in ways])
        used = space.used(ways).prod(axis=1)
        ways = ways[np.argsort(-used, kind="stable")[:_CROWD]]
    legal: Integers = ways[moves.legal(ways)]
    return legal


def _filled(space: Space, way: Integers, number: int) -> Integers:
    """Return `way` with each product of dimensions that a place across instances can take."""
    fan_out = space.fan_outs[number]
    assert fan_out is not None
    outermost = len(space.places) - 1
    found = [way]
    for dimension in range(way.shape[1]):
        limits = space.limits[number][dimension]
        grown = []
        for each in found:
            rest = int(each[outermost, dimension])
            room = fan_out // int(each[number].prod())
            for factor in divisors(rest):
                if 1 < factor <= room and factor <= limits.most:
                    more = each.copy()
                    more[number, dimension] *= factor
                    more[outermost, dimension] //= factor
                    grown.append(more)
        found = sorted(found + grown, key=lambda each: -int(each[number].prod()))[:_CROWD]
    return np.array(found)


def _empty(space: Space, levels: tuple[LevelNest, ...]) -> Island:
    dimensions = len(space.shape.sizes)
    return Island(
        levels,
        np.empty((0, len(space.places), dimensions), dtype=np.int64),
        np.empty((0, len(space.machine.levels), dimensions)),
        np.empty(0),
    )


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
    parts = factors, order
    table = np.concatenate([x.reshape(len(x), x.shape[1] * x.shape[2]) for x in parts], axis=1)
    # sums of odd multiples are equal by chance once in 2^64, and cost one mapping then
    odd = np.random.default_rng(0).integers(-(2**62), 2**62, size=table.shape[1]) * 2 + 1
    rows = []
    for number, key in enumerate((table * odd).sum(axis=1).tolist()):
        if key not in island.seen:
            island.seen.add(key)
            rows.append(number)
    return np.asarray(rows, dtype=np.int64)
