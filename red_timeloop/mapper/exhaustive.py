"""Going through a whole space: every way to deal the dimensions, every order of the loops.

That is for sparse tensors, of which nothing rules mappings out but the instances that they use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import permutations, product
from math import factorial
from typing import TypeAlias

import numpy as np

from red_timeloop.engines.embedded.arithmetic import Booleans, Integers, tile_size
from red_timeloop.engines.embedded.nest import LevelNest, completed
from red_timeloop.mapper.bound import Bound
from red_timeloop.mapper.candidates import (
    Candidates,
    evaluate_candidates,
)
from red_timeloop.mapper.exact.choices import TooManyOrdersError
from red_timeloop.mapper.exact.goals import Lowest
from red_timeloop.mapper.space import Space

__all__ = ["Coverage", "exhaust", "fits_capacity"]

_ROWS = 8192  # ways to deal all dimensions, held at once
_MOST_ORDERS = 20_000  # of the loops of one way

# for each level the dimensions with a loop over time; in an order, innermost first
Loops: TypeAlias = tuple[tuple[int, ...], ...]


@dataclass
class Coverage:
    """How far a search through the whole space came.

    Attributes:
        complete: Whether the whole space was covered.
        evaluated: Mappings evaluated.
        pruned: Ways to deal the dimensions that were left out, by reason.
        goal: What is looked for, and the best of it.
    """

    goal: Lowest

    complete: bool = True
    evaluated: int = 0
    pruned: dict[str, int] = field(
        default_factory=lambda: {"fan_out": 0, "capacity": 0, "utilization": 0, "bound": 0}
    )


def exhaust(
    space: Space,
    goal: Lowest,
    bound: Bound,
    evaluations: int,
    *,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, float], None] = lambda done, best: None,
) -> Coverage:
    """Evaluate every mapping that may be better than the best known, at most `evaluations`."""
    coverage = Coverage(goal)
    tables = [space.options(dimension) for dimension in range(len(space.shape.sizes))]
    for levels in space.keeps:
        known: dict[Loops, list[Loops]] = {}
        for factors in _deals(space, levels, tables, coverage, stop):
            kept = _worth(factors, space, bound, coverage)
            for candidates in _ordered(space, levels, factors[kept], known, coverage):
                if coverage.evaluated >= evaluations or stop():
                    coverage.complete = False
                    return coverage
                goal.add(candidates, evaluate_candidates(candidates, space, goal.objective))
                coverage.evaluated += len(candidates)
            progress(coverage.evaluated, goal.value)
    if stop():
        coverage.complete = False
    return coverage


def _deals(
    space: Space,
    levels: tuple[LevelNest, ...],
    tables: list[Integers],
    coverage: Coverage,
    stop: Callable[[], bool],
) -> Iterator[Integers]:
    """Deal one dimension after the other, leaving out what cannot fit whatever follows."""
    order = sorted(range(len(tables)), key=lambda dimension: len(tables[dimension]))
    remaining = [1]
    for dimension in reversed(order):
        remaining.append(remaining[-1] * len(tables[dimension]))
    remaining.reverse()

    def expand(rows: Integers, depth: int) -> Iterator[Integers]:
        if stop():
            return
        if depth == len(order):
            yield rows
            return
        table = tables[order[depth]]
        step = max(1, _ROWS // max(1, len(table)))
        for begin in range(0, len(rows), step):
            part = rows[begin : begin + step]
            grown = np.repeat(part, len(table), axis=0)
            grown[:, :, order[depth]] = np.tile(table, (len(part), 1))
            for reason, fits in (
                ("fan_out", space.fits_fan_out),
                ("capacity", partial(fits_capacity, space=space, levels=levels)),
            ):
                good = fits(grown)
                coverage.pruned[reason] += int((~good).sum()) * remaining[depth + 1]
                grown = grown[good]
            yield from expand(grown, depth + 1)

    yield from expand(np.ones((1, len(space.places), len(tables)), dtype=np.int64), 0)


def fits_capacity(factors: Integers, space: Space, levels: tuple[LevelNest, ...]) -> Booleans:
    """Whether the tiles fit when every dimension not dealt yet stays outside."""
    legal: Booleans = np.ones(len(factors), dtype=np.bool_)
    turned = np.ascontiguousarray(factors.transpose(1, 2, 0))  # mappings last: twice as fast
    extents = np.ones(turned.shape[1:], dtype=np.int64)
    for level, storage in enumerate(space.machine.levels):
        for number, place in enumerate(space.places):
            if place.level == level:
                extents = extents * turned[number]
        kept = [
            tensor
            for tensor, keep in zip(space.shape.tensors, levels[level].keep, strict=True)
            if keep
        ]
        if storage.capacity is not None and kept:
            words: Integers = sum(tile_size(tensor, list(extents)) for tensor in kept)
            legal &= words <= storage.capacity
    return legal


def _worth(factors: Integers, space: Space, bound: Bound, coverage: Coverage) -> Booleans:
    """Leave out what uses too few instances, or cannot beat the best known."""
    used: Integers = space.used(factors).prod(axis=1)
    enough = used >= space.least_used
    coverage.pruned["utilization"] += int((~enough).sum())
    better = bound.value(used) < coverage.goal.value
    coverage.pruned["bound"] += int((enough & ~better).sum())
    return enough & better


def _ordered(
    space: Space,
    levels: tuple[LevelNest, ...],
    factors: Integers,
    known: dict[Loops, list[Loops]],
    coverage: Coverage,
) -> Iterator[Candidates]:
    """Give each way to deal the dimensions all orders of its loops."""
    groups: dict[Loops, list[int]] = {}
    for row in range(len(factors)):
        groups.setdefault(_over_time(factors[row], space), []).append(row)
    for loops, rows in groups.items():
        if loops not in known:
            try:
                known[loops] = _orders(space, loops)
            except TooManyOrdersError:
                coverage.complete = False
                known[loops] = []
        table = np.array(
            [[completed(order, factors.shape[2]) for order in orders] for orders in known[loops]],
            dtype=np.int64,
        )
        if not len(table):
            continue
        own = factors[rows]
        yield Candidates(
            levels, np.repeat(own, len(table), axis=0), np.tile(table, (len(own), 1, 1))
        )


def _orders(space: Space, loops: Loops) -> list[Loops]:
    """Return all orders of the loops over time that the constraints allow.

    Raises:
        TooManyOrdersError: There are more than can be held.
    """
    choices = []
    count = 1
    for level, dimensions in enumerate(loops):
        inside, free, outside = space.pinned(level, dimensions)
        count *= factorial(len(free))
        if count > _MOST_ORDERS:
            raise TooManyOrdersError
        choices.append([(*inside, *middle, *outside) for middle in permutations(free)])
    return list(product(*choices))


def _over_time(factors: Integers, space: Space) -> Loops:
    found: list[tuple[int, ...]] = [() for _ in space.machine.levels]
    for number, place in enumerate(space.places):
        if place.kind == "temporal":
            found[place.level] = tuple(np.flatnonzero(factors[number] > 1).tolist())
    return tuple(found)
