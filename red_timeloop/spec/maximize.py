"""The macro `maximize_dims`: the largest factors of some dimensions that fit a fan-out.

As timeloopfe does it: spatial targets before temporal ones, innermost first; of the dimensions in a
list, first those whose use fills the capacity best. What the files fix elsewhere is taken away from
a dimension before.
"""

from __future__ import annotations

import collections.abc as abc
import math

from red_timeloop.spec.fields import error, integer
from red_timeloop.spec.loader import YamlList, YamlMap
from red_timeloop.spec.targets import Target, TargetKey
from red_timeloop.spec.types import Architecture, FactorConstraint, Problem

__all__ = ["maximize"]

_MOST_STATES = 20_000
Found = tuple[list[tuple[str, int, int]], float]


def maximize(
    targets: abc.Mapping[TargetKey, Target], architecture: Architecture, problem: Problem
) -> None:
    """Add the factors that `maximize_dims` stands for to the targets that have it.

    Raises:
        InputError: A list is malformed, names an unknown or constrained dimension, a temporal
            target has no `maximize_dims_capacity`, or a factor that fills the capacity best does
            not divide what is left of its dimension.
    """
    left = dict(problem.sizes)
    for target in targets.values():
        for factor in target.factors:
            if factor.comparison == "=":
                value = factor.value or problem.sizes[factor.dimension]
                left[factor.dimension] = math.ceil(left[factor.dimension] / value)
    for kind in ("spatial", "temporal"):
        for level in reversed(architecture.mapped_levels):
            found = targets.get((level.name, kind))
            if found is not None and found.maximize is not None:
                _maximize(found, level.fanout, left)


def _maximize(target: Target, fanout: int, left: dict[str, int]) -> None:
    assert target.maximize is not None
    entry, path = target.maximize
    capacity = fanout
    if entry.get("maximize_dims_capacity") is not None:
        capacity = integer(entry, "maximize_dims_capacity", path, target.known, least=1)
    elif target.kind == "temporal":
        raise error("the key 'maximize_dims_capacity' is missing", entry, path=path)
    for names in _groups(entry, path, target.problem):
        room = capacity
        for factor in target.factors:
            if factor.comparison in ("=", ">="):
                room //= factor.value or target.problem.sizes[factor.dimension]
        taken = [each for each in target.factors if each.dimension in names]
        if taken:
            raise error(f"{taken[0]} is given beside it", entry, "maximize_dims", path=path)
        _allocate(target, names, room, left, entry, path)


def _allocate(
    target: Target, names: list[str], room: int, left: dict[str, int], entry: YamlMap, path: str
) -> None:
    sizes = {name: left[name] for name in names}
    try:
        shares, _ = _greedy(tuple(sizes.items()), room, {})
    except RecursionError:
        raise error(
            "there are too many ways to fill the capacity", entry, "maximize_dims", path=path
        ) from None
    chosen = dict.fromkeys(names, 1)
    for name, _, most in shares:
        chosen[name] *= most
    for name, factor in chosen.items():
        if sizes[name] % factor:
            raise error(
                f"{name}={factor} would fill it best, which does not divide {sizes[name]}"
                " (imperfect factors are not modelled)",
                entry,
                "maximize_dims",
                path=path,
            )
        target.factors.append(FactorConstraint(name, "=", factor))
        left[name] //= factor


def _groups(entry: YamlMap, path: str, problem: Problem) -> list[list[str]]:
    given = entry["maximize_dims"]
    groups = given if isinstance(given, YamlList) else [given]
    if groups and all(isinstance(each, str) for each in groups):
        groups = [groups]
    for group in groups:
        known = isinstance(group, list) and all(
            isinstance(name, str) and name in problem.dimensions for name in group
        )
        if not known:
            legal = (
                f"a list of dimensions, or a list of such lists: {', '.join(problem.dimensions)}"
            )
            raise error("no list of dimensions", entry, "maximize_dims", path=path, legal=legal)
    return [list(dict.fromkeys(group)) for group in groups]


def _primes(value: int) -> set[int]:
    """Return the prime factors up to where trial division is quick; a larger rest is one."""
    found, divisor = set(), 2
    while divisor * divisor <= value and divisor < 100_000:
        while value % divisor == 0:
            found.add(divisor)
            value //= divisor
        divisor += 1
    return found | ({value} if value > 1 else set())


def _greedy(
    sizes: tuple[tuple[str, int], ...],
    capacity: int,
    known: dict[tuple[tuple[tuple[str, int], ...], int], Found],
) -> Found:
    """Return the shares `(dimension, remainder, factor)` that fill `capacity` best, and how well.

    The order in which equal shares are compared is timeloopfe's, so that ties are broken alike.
    """
    if capacity <= 1:
        return [], 1
    if (sizes, capacity) in known:
        return known[sizes, capacity]
    if len(known) > _MOST_STATES:
        raise RecursionError
    best: list[tuple[str, int, int]] = []
    most: float = 1
    for index, (name, size) in enumerate(sizes):
        if size > capacity:
            turns = -(-size // capacity)
            share = -(-size // turns)
            rest = size % share
            use = (share * (turns - 1) + rest) / turns
            if use > most:
                best, most = [(name, rest, share)], use
        for prime in _primes(size):
            if prime <= capacity:
                smaller = (*sizes[:index], (name, size // prime), *sizes[index + 1 :])
                inner, use = _greedy(smaller, capacity // prime, known)
                if use * prime > most:
                    best, most = [(name, prime, prime), *inner], use * prime
    known[sizes, capacity] = best, most
    return best, most
