"""Imperfect factors: loops whose last pass is shorter (Ruby, Horeni et al., ISPASS 2022).

From mappings with perfect factors, of the problem or of one with sizes rounded up, the iterations
of any loop but a dimension's outermost may be any number; the remainders follow from the size. A
random walk changes one to three of them at a time and keeps the best few mappings.

Timeloop samples loops and cuts a mean number of instances to a whole one, so that it counts too few
computes of many mappings (`engines.embedded.imperfect`). So that none wins by what is not counted,
its energy is scaled to all computes; cycles are right in any case.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TypeAlias

import numpy as np

from red_timeloop.engines.embedded.evaluation import evaluate_nest
from red_timeloop.engines.embedded.mappings import MappingBatch, batch_of
from red_timeloop.engines.embedded.nest import LevelNest, Nest, mapping_of
from red_timeloop.engines.embedded.sparse.evaluation import SparseProblem
from red_timeloop.errors import InputError
from red_timeloop.mapper.candidates import Candidates, Objective, order_of, value_of
from red_timeloop.mapper.space import Space
from red_timeloop.spec.types import Mapping, Specification

__all__ = ["Improved", "improve"]

_PARENTS = 12  # mappings that live on
_REPEATS = 1000  # changes in a row that lead to nothing new, to end

Ends: TypeAlias = tuple[tuple[int, ...], ...]  # iterations of a full pass, `[place][dimension]`
Orders: TypeAlias = tuple[tuple[int, ...], ...]  # of loops over time, innermost first, by level


@dataclass(frozen=True)
class Improved:
    """The best mapping, its value, the factor on its energy in that, and mappings evaluated."""

    mapping: Mapping
    value: float
    scale: float
    evaluated: int


@dataclass(frozen=True)
class _Candidate:
    """A mapping before the remainders: what is kept, iterations, orders, and its value."""

    levels: tuple[LevelNest, ...]
    ends: Ends
    orders: Orders
    value: float = float("inf")
    scale: float = 1.0


def improve(
    specification: Specification,
    space: Space,
    starts: Sequence[Nest],
    objective: Objective,
    budget: int,
    seed: int,
    stop: Callable[[], bool],
) -> Improved | None:
    """Return the best mapping found near `starts`, imperfect ones among them; None without any.

    Args:
        specification: What is mapped; its tensors are dense.
        space: Its mappings with perfect factors, whose limits hold for full passes.
        starts: Mappings of the problem, or of one with larger sizes.
        objective: What is to be low.
        budget: Mappings to evaluate at most.
        seed: Equal seeds give equal results, unless `stop` ends the search.
        stop: Whether to end now.
    """
    assert specification.problem is not None
    problem = SparseProblem.of(
        specification.architecture, specification.problem, specification.ert, specification.art
    )
    walk = _Walk(specification, space, problem, objective, random.Random(seed))
    for start in starts:
        walk.take(_candidate(start, space))
    while walk.best and walk.evaluated < budget and walk.repeats < _REPEATS and not stop():
        walk.take(walk.changed())
    if not walk.best:
        return None
    best = walk.best[0]
    settled = walk.settled(best)
    assert settled is not None
    return Improved(settled, best.value, best.scale, walk.evaluated)


def _candidate(nest: Nest, space: Space) -> _Candidate:
    batch = batch_of([nest], space.shape)
    parts = {"temporal": batch.temporal, "x": batch.spatial_x, "y": batch.spatial_y}
    ends = tuple(
        tuple(int(each) for each in parts[place.kind][0, place.level]) for place in space.places
    )
    orders = tuple(tuple(int(each) for each in level) for level in batch.order[0])
    return _Candidate(nest.levels, ends, orders)


def _batch(candidate: _Candidate, space: Space) -> MappingBatch:
    ends, orders = np.array(candidate.ends)[None], np.array(candidate.orders)[None]
    return Candidates(candidate.levels, ends, orders).batch(space)


class _Walk:
    """A random walk over imperfect mappings; `best` are the best few, best first."""

    def __init__(
        self,
        specification: Specification,
        space: Space,
        problem: SparseProblem,
        objective: Objective,
        rng: random.Random,
    ) -> None:
        self.specification, self.space, self.problem = specification, space, problem
        self.objective, self.rng = objective, rng
        self.best: list[_Candidate] = []
        self.seen: set[tuple[tuple[LevelNest, ...], Ends, Orders]] = set()
        self.evaluated = self.repeats = 0
        self.free = [
            (number, dimension)
            for number, row in enumerate(space.limits)
            for dimension, limits in enumerate(row)
            if limits.least < limits.most and space.shape.sizes[dimension] > 1
        ]

    def take(self, candidate: _Candidate) -> None:
        """Evaluate a mapping, unless it was before, and keep it where it is among the best."""
        self.repeats += 1
        candidate = self._fitted(candidate)
        key = candidate.levels, candidate.ends, candidate.orders
        if key in self.seen:
            return
        self.seen.add(key)
        mapping = self.settled(candidate)
        if mapping is None:
            return
        self.evaluated, self.repeats = self.evaluated + 1, 0
        worst = self.best[-1].value if len(self.best) == _PARENTS else float("inf")
        try:
            if self._guess(candidate) > worst:
                return
            found = self.problem.evaluate(mapping)
        except InputError:  # too large, or across instances in a way that Timeloop refuses
            return
        if not found.algorithmic_computes:
            return
        scale = max(1.0, self.space.shape.operations / found.algorithmic_computes)
        value = value_of(self.objective, np.float64(scale * found.energy), np.int64(found.cycles))
        self.best.append(replace(candidate, value=float(value), scale=scale))
        self.best = sorted(self.best, key=lambda each: each.value)[:_PARENTS]

    def _guess(self, candidate: _Candidate) -> float:
        """Return about the value: that of full passes all the way, with its share of the energy.

        That takes a fraction of the time of walking through the loops.
        """
        space = self.space
        sizes = tuple(map(prod, zip(*candidate.ends, strict=True)))
        shape = replace(space.shape, sizes=sizes)
        found = evaluate_nest(_batch(candidate, space).nest(0), space.machine, shape)
        energy = found.energy * space.shape.operations / shape.operations
        return float(value_of(self.objective, np.float64(energy), np.int64(found.cycles)))

    def changed(self) -> _Candidate:
        """Return one of the best mappings with a few changes; better ones are changed more."""
        rng = self.rng
        parent = self.best[int(len(self.best) * rng.random() ** 2)]
        ends, orders = [list(row) for row in parent.ends], [list(row) for row in parent.orders]
        for _ in range(rng.choice((1, 1, 2, 3))):
            if self.free and rng.random() < 0.85:
                number, dimension = rng.choice(self.free)
                limits = self.space.limits[number][dimension]
                most = min(limits.most, self.space.shape.sizes[dimension])
                end = ends[number][dimension]
                ways = end - 1, end + 1, 2 * end, -(-end // 2), most, rng.randint(1, most)
                ends[number][dimension] = min(most, max(limits.least, rng.choice(ways)))
            else:
                order = rng.choice(orders)
                one, two = rng.randrange(len(order)), rng.randrange(len(order))
                order[one], order[two] = order[two], order[one]
        return replace(parent, ends=tuple(map(tuple, ends)), orders=tuple(map(tuple, orders)))

    def _fitted(self, candidate: _Candidate) -> _Candidate:
        """Give every dimension's outermost loop what is left, and pin what is to be pinned."""
        rows = [list(row) for row in candidate.ends]
        for dimension, size in enumerate(self.space.shape.sizes):
            self._deal_rest(rows, dimension, size)
        keys = np.argsort(np.array(candidate.orders), axis=1).astype(float)
        keys /= keys.shape[1]
        orders = order_of(keys[None], self.space)[0]
        return replace(
            candidate,
            ends=tuple(map(tuple, rows)),
            orders=tuple(tuple(map(int, row)) for row in orders),
        )

    def _deal_rest(self, rows: list[list[int]], dimension: int, size: int) -> None:
        """Make the outermost loop of a dimension perfect, in place: what is left for it, or of it.

        If it may not have as many iterations, a loop further out gets what it leaves.
        """
        left = before = size
        outermost = 0
        for number, row in enumerate(rows):  # from the innermost out
            if row[dimension] > 1:
                outermost, before = number, left
            row[dimension] = min(row[dimension], left)
            left = -(-left // row[dimension])
        if left == 1:
            return
        if before <= self.space.limits[outermost][dimension].most:
            rows[outermost][dimension] = before
            return
        for number in reversed(range(outermost + 1, len(rows))):
            if left <= self.space.limits[number][dimension].most:
                rows[number][dimension] = left
                return

    def settled(self, candidate: _Candidate) -> Mapping | None:
        """Return the mapping with its remainders; None if a constraint or a fan-out forbids it."""
        space = self.space
        for limits, row in zip(space.limits, candidate.ends, strict=True):
            if any(not x.least <= end <= x.most for x, end in zip(limits, row, strict=True)):
                return None
        factors = np.array(candidate.ends)[None]
        used = space.used(factors)
        if not space.fits_fan_out(factors).all() or used.prod() < space.least_used:
            return None
        for number, place in enumerate(space.places):
            if place.kind == "y" and space.places[number - 1].kind == "x":
                pairs = zip(*candidate.ends[number - 1 : number + 1], strict=True)
                if any(x > 1 and y > 1 for x, y in pairs):
                    return None  # one loop of a dimension, along X or along Y
        mapping = mapping_of(_batch(candidate, space).nest(0), space.machine, space.shape)
        remainders = _remainders(candidate.ends, space.shape.sizes)
        levels = dict(mapping.levels)
        for number, place in enumerate(space.places):
            name = space.machine.levels[place.level].name
            found = tuple(
                (space.shape.dimensions[dimension], rest)
                for dimension, rest in enumerate(remainders[number])
                if rest != candidate.ends[number][dimension]
            )
            level = levels[name]
            if place.kind == "temporal":
                levels[name] = replace(level, temporal_remainders=found)
            else:  # along X, then along Y
                across = level.spatial_remainders + found
                levels[name] = replace(level, spatial_remainders=across)
        imperfect = Mapping(levels)
        return imperfect if self._few_enough(imperfect) else None

    def _few_enough(self, mapping: Mapping) -> bool:
        """Whether no level has more imperfect factors than its constraints allow."""
        for name, found in self.specification.constraints.levels.items():
            level = mapping.levels.get(name)
            for own, allowed in (
                (level.temporal_remainders if level else (), found.temporal.remainders),
                (level.spatial_remainders if level else (), found.spatial.remainders),
            ):
                if allowed is not None and len(own) > allowed:
                    return False
        return True


def _remainders(ends: Ends, sizes: Sequence[int]) -> list[list[int]]:
    """Return the iterations of the very last pass, `[place][dimension]`."""
    found = [list(row) for row in ends]
    for dimension, size in enumerate(sizes):
        last = size - 1  # index of the last iteration
        for number, row in enumerate(ends):
            found[number][dimension] = last % row[dimension] + 1
            last //= row[dimension]
    return found
