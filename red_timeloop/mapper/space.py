"""The mappings that a specification's constraints allow.

A mapping deals every dimension's iterations to *places*: loops over time at a level, or loops
across the instances below a level along X or Y. The constraints say, for each place and dimension,
which factors are legal; the factors of a dimension multiply to its size.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from math import prod
from typing import Literal

import numpy as np

from red_timeloop.engines.embedded.arithmetic import Booleans, Integers
from red_timeloop.engines.embedded.machine import Machine, Shape
from red_timeloop.engines.embedded.nest import LevelNest
from red_timeloop.engines.embedded.sparse.evaluation import SparseProblem
from red_timeloop.errors import InputError
from red_timeloop.spec.types import Constraints, LevelConstraints, LoopConstraint

_MOST_KEEPS = 512  # choices of what is kept where that are gone through

__all__ = ["Limits", "Place", "Space", "build_space", "divisors", "primes"]


@lru_cache(maxsize=4096)
def primes(number: int) -> tuple[int, ...]:
    """Return the prime factors of `number`, ascending.

    >>> primes(84)
    (2, 2, 3, 7)
    """
    found, prime = [], 2
    while prime * prime <= number:
        while number % prime == 0:
            found.append(prime)
            number //= prime
        prime += 1
    return tuple(found + [number] * (number > 1))


@lru_cache(maxsize=4096)
def divisors(number: int) -> tuple[int, ...]:
    """Return the divisors of `number`, ascending.

    >>> divisors(12)
    (1, 2, 3, 4, 6, 12)
    """
    found = {1}
    for prime in primes(number):
        found |= {each * prime for each in found}
    return tuple(sorted(found))


@dataclass(frozen=True)
class Place:
    """Where loops can be: a level (counted from the innermost) over time or across instances."""

    level: int
    kind: Literal["temporal", "x", "y"]


@dataclass(frozen=True)
class Limits:
    """Smallest and largest legal factor of one dimension at one place."""

    least: int
    most: int


@dataclass(frozen=True)
class Space:
    """All legal mappings of one problem on one machine.

    Attributes:
        machine, shape: The engine's view.
        places: See `Place`.
        limits: `limits[place][dimension]`.
        innermost, outermost: For each level, the dimensions whose loops over time are pinned to the
            inside and to the outside, innermost first.
        spatial_order: For each level, the order of the loops across instances.
        keeps: The choices of what is kept where; the levels without loops.
        keep_count: How many there are; more than `keeps` holds if those are a sample.
        least_used: Compute instances that must be in use at least.
        sparse: The problem as sparse tensors, which are then evaluated one mapping at a time; the
            machine lacks the capacities that compressed tiles may go beyond.
    """

    machine: Machine
    shape: Shape
    places: tuple[Place, ...]
    limits: tuple[tuple[Limits, ...], ...]
    innermost: tuple[tuple[int, ...], ...]
    outermost: tuple[tuple[int, ...], ...]
    spatial_order: tuple[tuple[int, ...], ...]
    keeps: tuple[tuple[LevelNest, ...], ...]
    keep_count: int
    least_used: float
    sparse: SparseProblem | None = None

    @cached_property
    def fan_outs(self) -> tuple[int | None, ...]:
        """Children along X or Y at each place; None over time."""
        levels = self.machine.levels
        fan_outs = {
            "x": [each.fan_out_x for each in levels],
            "y": [each.fan_out_y for each in levels],
        }
        return tuple(
            fan_outs[place.kind][place.level] if place.kind in fan_outs else None
            for place in self.places
        )

    def used(self, factors: Integers) -> Integers:
        """Return the children in use at each place across instances, `[N, places across]`."""
        across = [number for number, fan_out in enumerate(self.fan_outs) if fan_out is not None]
        turned = np.ascontiguousarray(factors[:, across].transpose(1, 2, 0))
        used: Integers = turned.prod(axis=1).T
        return used

    def fits_fan_out(self, factors: Integers) -> Booleans:
        """Whether no place of `factors[N, places, D]` has more children than there are.

        A dimension has a loop along X or one along Y of a level, not both.
        """
        available = [fan_out for fan_out in self.fan_outs if fan_out is not None]
        fits: Booleans = np.all(self.used(factors) <= np.array(available, np.int64), axis=1)
        for number, place in enumerate(self.places):
            if place.kind == "x":  # Y is next
                along_x, along_y = factors[:, number] > 1, factors[:, number + 1] > 1
                fits &= ~(along_x & along_y).any(axis=1)
        return fits

    @cached_property
    def mould(self) -> tuple[object, ...]:
        """What spaces that differ in sizes, limits and prices alone have in common."""
        tensors, machine = self.shape.tensors, self.machine.unpriced
        return machine, tensors, self.places, self.spatial_order, self.keeps, self.least_used

    @cached_property
    def size(self) -> int:
        """Ways to deal the dimensions, times ways to keep data spaces."""
        return prod(map(self.count_options, range(len(self.shape.sizes)))) * self.keep_count

    def pinned(self, level: int, active: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
        """Return which of a level's dimensions are innermost, in any order, and outermost."""
        inside = [each for each in self.innermost[level] if each in active]
        outside = [each for each in self.outermost[level] if each in active]
        return inside, [each for each in active if each not in (*inside, *outside)], outside

    def options(self, dimension: int) -> Integers:
        """Return all legal ways to deal a dimension's iterations, `[ways, places]`."""
        rows = list(self.ways(dimension))
        return np.asarray(rows, dtype=np.int64).reshape(-1, len(self.places))

    def ways(self, dimension: int) -> Iterator[tuple[int, ...]]:
        """Yield the legal ways to deal a dimension's iterations, the most of it outside first."""

        def deal(number: int, rest: int, taken: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
            if number == len(self.places):
                if rest == 1:
                    yield taken
                return
            limits, place = self.limits[number][dimension], self.places[number]
            sibling = number and self.places[number - 1] == Place(place.level, "x")
            for factor in divisors(rest):
                if not limits.least <= factor <= limits.most:
                    continue
                if place.kind == "y" and sibling and factor > 1 and taken[-1] > 1:
                    continue  # one loop of a dimension, along X or along Y
                yield from deal(number + 1, rest // factor, (*taken, factor))

        return deal(0, self.shape.sizes[dimension], ())

    def count_options(self, dimension: int) -> int:
        """Return the number of ways to deal a dimension (an upper bound where X and Y compete)."""
        column = tuple([row[dimension] for row in self.limits])
        return _count_options(self.shape.sizes[dimension], column)


@lru_cache(maxsize=4096)  # spaces of one network have most of them in common
def _count_options(size: int, column: tuple[Limits, ...]) -> int:
    ways = {size: 1}
    for limits in column:
        following: dict[int, int] = {}
        for rest, number in ways.items():
            for factor in divisors(rest):
                if limits.least <= factor <= limits.most:
                    following[rest // factor] = following.get(rest // factor, 0) + number
        ways = following
    return ways.get(1, 0)


def build_space(machine: Machine, shape: Shape, constraints: Constraints) -> Space:
    """Return the mappings that `constraints` allow.

    Raises:
        InputError: A constraint cannot be met; names level and dimension.
    """
    places: list[Place] = []
    limits: list[tuple[Limits, ...]] = []
    innermost, outermost, spatial_order = [], [], []
    for level, storage in enumerate(machine.levels):
        found = constraints.levels.get(storage.name, LevelConstraints())
        innermost.append(tuple(map(shape.index, found.temporal.permutation)))
        outermost.append(tuple(map(shape.index, found.temporal.outermost)))
        order = _spatial_order(found.spatial, shape, shape.sizes)
        # where those of size 1 stand makes no difference to loops, but would to `mould`
        spatial_order.append(_spatial_order(found.spatial, shape, (None,) * len(shape.sizes)))
        if storage.fan_out_x * storage.fan_out_y > 1:
            allowed = _limits(found.spatial, shape, storage.name, "spatial")
            split = found.spatial.split
            for kind, fan_out in (("x", storage.fan_out_x), ("y", storage.fan_out_y)):
                row = []
                for dimension in range(len(shape.sizes)):
                    open_here = split is None or (order.index(dimension) < split) == (kind == "x")
                    both = split is None and storage.fan_out_x > 1 and storage.fan_out_y > 1
                    row.append(_place_limits(allowed[dimension], open_here, both, fan_out))
                _check_fan_out(row, fan_out, shape, storage.name, kind)
                places.append(Place(level, "x" if kind == "x" else "y"))
                limits.append(tuple(row))
        if storage.spatial:
            continue
        places.append(Place(level, "temporal"))
        limits.append(tuple(_limits(found.temporal, shape, storage.name, "temporal")))
    space = Space(
        machine,
        shape,
        tuple(places),
        tuple(limits),
        tuple(innermost),
        tuple(outermost),
        tuple(spatial_order),
        *_keeps(machine, shape, constraints),
        constraints.min_utilization * machine.compute.instances,
    )
    _check_dimensions(space, constraints)
    return space


def _spatial_order(
    constraint: LoopConstraint, shape: Shape, sizes: Sequence[int | None]
) -> tuple[int, ...]:
    """Complete a permutation across instances: dimensions fixed to one iteration come first.

    That is what timeloopfe does, and what `split` counts.
    """
    order = [shape.index(name) for name in (*constraint.permutation, *constraint.outermost)]
    for dimension, name in enumerate(shape.dimensions):
        fixed = constraint.factor(name) == 1 or sizes[dimension] == 1
        if fixed and dimension not in order:
            order.insert(0, dimension)
    order += [dimension for dimension in range(len(shape.sizes)) if dimension not in order]
    return tuple(order)


def _limits(constraint: LoopConstraint, shape: Shape, level: str, kind: str) -> list[Limits]:
    result = []
    for name, size in zip(shape.dimensions, shape.sizes, strict=True):
        least = constraint.default_min_factor or 1
        most = constraint.default_max_factor or size
        own = [each for each in constraint.factors if each.dimension == name]
        if own:
            least, most = 1, size
        for each in own:
            value = each.value or size
            if each.comparison in ("=", ">="):
                least = max(least, value)
            if each.comparison in ("=", "<="):
                most = min(most, value)
        if least > most or not any(least <= factor <= most for factor in divisors(size)):
            shown = " and ".join(map(str, own)) or f"at least {least}"
            raise InputError(
                f"{shown} cannot be met: no factor of {name}={size} is that",
                key=f"{level} ({kind})",
                legal=f"factors {', '.join(map(str, divisors(size)))}",
            )
        result.append(Limits(least, most))
    return result


def _place_limits(allowed: Limits, open_here: bool, both: bool, fan_out: int) -> Limits:
    if not open_here or fan_out == 1:
        return Limits(1, 1)
    return Limits(1 if both else allowed.least, min(allowed.most, fan_out))


def _check_fan_out(row: list[Limits], fan_out: int, shape: Shape, level: str, kind: str) -> None:
    needed = 1
    for dimension, limits in enumerate(row):
        if limits.least > limits.most:
            raise InputError(
                f"{shape.dimensions[dimension]} must have at least {limits.least} iterations along"
                f" {kind.upper()}, the fan-out is {fan_out}",
                key=level,
            )
        needed *= limits.least
    if needed > fan_out:
        raise InputError(
            f"the constraints need {needed} instances along {kind.upper()},"
            f" the fan-out is {fan_out}",
            key=level,
        )


def _check_dimensions(space: Space, constraints: Constraints) -> None:
    for dimension, name in enumerate(space.shape.dimensions):
        if space.count_options(dimension):
            continue
        parts = []
        for level, found in constraints.levels.items():
            for kind, constraint in (("temporal", found.temporal), ("spatial", found.spatial)):
                own = [str(each) for each in constraint.factors if each.dimension == name]
                parts += [f"{each} at {level} ({kind})" for each in own]
        raise InputError(
            f"the size {space.shape.sizes[dimension]} of dimension {name} cannot be dealt to the"
            f" levels under the constraints {'; '.join(parts) or '(fan-outs)'}",
            key="constraints",
        )


def _keeps(
    machine: Machine, shape: Shape, constraints: Constraints
) -> tuple[tuple[tuple[LevelNest, ...], ...], int]:
    """Return the choices of what is kept where, some of them if there are too many, and how many.

    A level that cannot hold a word of each data space does not keep them all.
    """
    names = [tensor.name for tensor in shape.tensors]
    choices: list[list[tuple[bool, ...]]] = []
    for level, storage in enumerate(machine.levels):
        found = constraints.levels.get(storage.name, LevelConstraints()).data_spaces
        free: list[tuple[bool, ...]] = []
        for name in names:
            if storage.spatial or name in found.bypass:
                free.append((False,))
            elif name in found.keep or level == len(machine.levels) - 1:
                free.append((True,))
            else:
                free.append((True, False))
        rows = [tuple(each) for each in product(*free)]
        room = len(names) if storage.capacity is None else storage.capacity
        choices.append([row for row in rows if sum(row) <= room] or rows)
    count = prod(len(rows) for rows in choices)
    chosen = product(*choices) if count <= _MOST_KEEPS else _some_keeps(choices)
    result = tuple(
        tuple(
            _level(constraints, storage.name, row, names)
            for storage, row in zip(machine.levels, keep, strict=True)
        )
        for keep in chosen
        if all(any(row[index] for row in keep) for index in range(len(names)))
    )
    if not result:
        raise InputError("a data space is bypassed at every level", key="constraints")
    return result, len(result) if count <= _MOST_KEEPS else count


def _some_keeps(choices: list[list[tuple[bool, ...]]]) -> list[tuple[tuple[bool, ...], ...]]:
    """Return a sample: all that can be kept, as little as can be, what lies between at random."""
    rng = random.Random(0)
    found = {tuple(rows[0] for rows in choices): None, tuple(rows[-1] for rows in choices): None}
    while len(found) < _MOST_KEEPS // 8:
        found[tuple(rng.choice(rows) for rows in choices)] = None
    return list(found)


def _level(
    constraints: Constraints, name: str, keep: tuple[bool, ...], names: Sequence[str]
) -> LevelNest:
    found = constraints.levels.get(name, LevelConstraints())

    def flags(chosen: tuple[str, ...]) -> tuple[bool, ...]:
        return tuple(each in chosen for each in names)

    return LevelNest(
        temporal=(),
        spatial_x=(),
        spatial_y=(),
        keep=keep,
        no_temporal_reuse=flags(found.temporal.no_reuse),
        no_multicast=flags(found.spatial.no_reuse),
        no_link_transfer=flags(found.spatial.no_link_transfer),
        rmw_first_update=flags(found.temporal.rmw_first_update),
        no_coalesce=flags(found.data_spaces.no_coalesce),
    )
