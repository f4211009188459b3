"""Going through a whole space: every way to deal the dimensions, every order that can matter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from red_timeloop.engines.embedded.nest import LevelNest
from red_timeloop.mapper.bound import Bound
from red_timeloop.mapper.candidates import (
    Candidates,
    Objective,
    evaluate_candidates,
)
from red_timeloop.mapper.orders import Orders, Pattern, TooManyOrdersError, order_classes
from red_timeloop.mapper.space import Space

__all__ = ["Coverage", "exhaust"]

Integers: TypeAlias = npt.NDArray[np.int64]

_ROWS = 8192  # ways to deal all dimensions, held at once


@dataclass
class Coverage:
    """How far a search through the whole space came.

    Attributes:
        complete: Whether the whole space was covered.
        evaluated: Mappings evaluated.
        pruned: Ways to deal the dimensions that were left out, by reason.
        best: The best mapping (one row), None when none was legal or better than the start.
        value: Its value; that of the start if none was better.
    """

    complete: bool = True
    evaluated: int = 0
    pruned: dict[str, int] = field(
        default_factory=lambda: {"fan_out": 0, "capacity": 0, "utilization": 0, "bound": 0}
    )
    best: Candidates | None = None
    value: float = float("inf")


def exhaust(
    space: Space,
    objective: Objective,
    bound: Bound,
    evaluations: int,
    start: float = float("inf"),
    *,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, float], None] = lambda done, best: None,
) -> Coverage:
    """Evaluate every mapping that may be better than `start`, up to `evaluations` of them."""
    coverage = Coverage(value=start)
    tables = [space.options(dimension) for dimension in range(len(space.shape.sizes))]
    for levels in space.keeps:
        classes: dict[Pattern, list[Orders]] = {}
        for factors in _deals(space, levels, tables, coverage, stop):
            if stop() or coverage.evaluated >= evaluations:
                coverage.complete = False
                return coverage
            kept = _worth(factors, space, bound, coverage)
            for candidates in _ordered(space, levels, factors[kept], classes, coverage):
                _try(candidates, space, objective, coverage)
                if coverage.evaluated >= evaluations or stop():
                    break
            progress(coverage.evaluated, coverage.value)
    if stop():
        coverage.complete = False
    return coverage


def _try(candidates: Candidates, space: Space, objective: Objective, coverage: Coverage) -> None:
    costs = evaluate_candidates(candidates, space, objective)
    coverage.evaluated += len(candidates)
    row = int(costs.value.argmin())
    if costs.value[row] < coverage.value:
        coverage.value = float(costs.value[row])
        coverage.best = Candidates(
            candidates.levels,
            candidates.factors[row : row + 1],
            candidates.order[row : row + 1],
        )


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
            for reason, legal in (
                ("fan_out", _fits_fan_out(grown, space)),
                ("capacity", None),
            ):
                good = _fits_capacity(grown, space, levels) if legal is None else legal
                coverage.pruned[reason] += int((~good).sum()) * remaining[depth + 1]
                grown = grown[good]
            yield from expand(grown, depth + 1)

    yield from expand(np.ones((1, len(space.places), len(tables)), dtype=np.int64), 0)


def _fits_fan_out(factors: Integers, space: Space) -> npt.NDArray[np.bool_]:
    legal = np.ones(len(factors), dtype=bool)
    for number, place in enumerate(space.places):
        if place.kind == "temporal":
            continue
        storage = space.machine.levels[place.level]
        fan_out = storage.fan_out_x if place.kind == "x" else storage.fan_out_y
        legal &= factors[:, number].prod(axis=1) <= fan_out
    return legal


def _fits_capacity(
    factors: Integers, space: Space, levels: tuple[LevelNest, ...]
) -> npt.NDArray[np.bool_]:
    """Whether the tiles fit when every dimension not dealt yet stays outside."""
    legal = np.ones(len(factors), dtype=bool)
    extents = np.ones((len(factors), factors.shape[2]), dtype=np.int64)
    number = 0
    for level, storage in enumerate(space.machine.levels):
        while number < len(space.places) and space.places[number].level == level:
            extents = extents * factors[:, number]
            number += 1
        if storage.capacity is None or not any(levels[level].keep):
            continue
        words = np.zeros(len(factors), dtype=np.int64)
        for index, tensor in enumerate(space.shape.tensors):
            if levels[level].keep[index]:
                size = np.ones(len(factors), dtype=np.int64)
                for axis in zip(*tensor.steps, strict=True):
                    width = np.ones(len(factors), dtype=np.int64)
                    for dimension, step in enumerate(axis):
                        if step:
                            width = width + abs(step) * (extents[:, dimension] - 1)
                    size *= width
                words += size
        legal &= words <= storage.capacity
    return legal


def _worth(
    factors: Integers, space: Space, bound: Bound, coverage: Coverage
) -> npt.NDArray[np.bool_]:
    """Leave out what uses too few instances, or cannot beat the best known."""
    used = np.ones(len(factors), dtype=np.int64)
    for number, place in enumerate(space.places):
        if place.kind != "temporal":
            used *= factors[:, number].prod(axis=1)
    enough = used >= space.least_used
    coverage.pruned["utilization"] += int((~enough).sum())
    better = bound.value(used) < coverage.value
    coverage.pruned["bound"] += int((enough & ~better).sum())
    return enough & better


def _ordered(
    space: Space,
    levels: tuple[LevelNest, ...],
    factors: Integers,
    classes: dict[Pattern, list[Orders]],
    coverage: Coverage,
) -> Iterator[Candidates]:
    """Give each way to deal the dimensions the orders that can differ in cost."""
    groups: dict[Pattern, list[int]] = {}
    for row in range(len(factors)):
        groups.setdefault(_pattern(factors[row], space), []).append(row)
    for pattern, rows in groups.items():
        if pattern not in classes:
            try:
                classes[pattern] = order_classes(space, levels, pattern)
            except TooManyOrdersError:
                coverage.complete = False
                classes[pattern] = []
        table = np.array(
            [_completed(orders, factors.shape[2]) for orders in classes[pattern]], dtype=np.int64
        )
        if not len(table):
            continue
        own = factors[rows]
        yield Candidates(
            levels, np.repeat(own, len(table), axis=0), np.tile(table, (len(own), 1, 1))
        )


def _pattern(factors: Integers, space: Space) -> Pattern:
    over_time: list[tuple[int, ...]] = [() for _ in space.machine.levels]
    across: list[tuple[int, ...]] = [() for _ in space.machine.levels]
    for number, place in enumerate(space.places):
        active = tuple(np.flatnonzero(factors[number] > 1).tolist())
        if place.kind == "temporal":
            over_time[place.level] = active
        else:
            across[place.level] += active
    return tuple(over_time), tuple(across)


def _completed(orders: Orders, dimensions: int) -> list[list[int]]:
    return [
        [*order, *(each for each in range(dimensions) if each not in order)] for order in orders
    ]
