"""Random mappings that meet the constraints, from which a search can start."""

from __future__ import annotations

import numpy as np

from red_timeloop.engines.embedded.arithmetic import Booleans, Floats, Integers
from red_timeloop.mapper.space import Space, divisors, primes

__all__ = ["Scatter"]


class Scatter:
    """Random mappings that meet the constraints: which factors may move where."""

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
        self._shares = np.cumsum(weights / weights.sum()) if len(weights) else weights
        values = sorted({each for d in self.movable for each in divisors(space.shape.sizes[d])})
        kinds = [sorted(set(primes(each))) or [1] for each in values]
        most = max(map(len, kinds), default=1)
        # of each number of iterations that there can be, its different primes, and how many
        self._values = np.array(values, dtype=np.int64)
        self._primes = np.array([each + [1] * (most - len(each)) for each in kinds], np.int64)
        self._kinds = np.array([len(each) for each in kinds], np.int64)
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
        return result & self.space.fits_fan_out(factors)

    def some(self, rng: np.random.Generator, count: int) -> tuple[Integers, Floats]:
        """Return up to `count` ways to deal the dimensions, around that of `start`, and orders.

        Orders are keys to sort by, see `order_of`.
        """
        first = self.start()
        if first is None:
            return np.empty(0, dtype=np.int64), np.empty(0)
        factors = np.repeat(first[None], count, axis=0)
        self._move(factors, rng, np.minimum(rng.geometric(0.12, size=count), 40) - 1)
        factors = np.concatenate([first[None], factors[self.legal(factors)]])
        levels, dimensions = len(self.space.machine.levels), len(self.space.shape.sizes)
        return factors, rng.random((len(factors), levels, dimensions))

    def near(
        self, factors: Integers, order: Integers, rng: np.random.Generator, count: int
    ) -> tuple[Integers, Integers]:
        """Return up to `count` random changes of one mapping, `[places, D]` and `[L, D]`."""
        dealt = np.repeat(factors[None], count, axis=0)
        self._move(dealt, rng, rng.integers(2, 6, size=count))
        dealt = dealt[self.legal(dealt)]
        return dealt, np.repeat(order[None], len(dealt), axis=0)

    def _move(self, factors: Integers, rng: np.random.Generator, repeats: Integers) -> None:
        """Move prime factors between places, `repeats[n]` times for mapping n, in place."""
        if not self.movable:
            return
        for turn in range(int(repeats.max(initial=0))):
            rows = np.flatnonzero(repeats > turn)
            number = np.searchsorted(self._shares[:-1], rng.random(len(rows)), side="right")
            dimension = np.asarray(self.movable)[number]
            column = factors[rows, :, dimension]
            scores = rng.random(column.shape) * (column > 1) * self._open[number]
            source = scores.argmax(axis=1)
            count = self._count[number]
            step = 1 + (rng.random(len(rows)) * (count - 1)).astype(np.int64)
            target = self._places[number, (self._rank[number, source] + step) % count]
            prime = self._some_prime(column[np.arange(len(rows)), source], rng)
            factors[rows, source, dimension] //= prime
            factors[rows, target, dimension] *= prime

    def _some_prime(self, numbers: Integers, rng: np.random.Generator) -> Integers:
        """Return a prime factor of each number, each of its primes as likely; 1 of 1."""
        which = np.searchsorted(self._values, numbers)
        kind = (rng.random(len(numbers)) * self._kinds[which]).astype(np.int64)
        chosen: Integers = self._primes[which, kind]
        return chosen
