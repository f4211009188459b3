"""Parts whose mappings a mapper finds: in which way they are said, and how long is searched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from red_timeloop.designs.plan import Part, Plan
from red_timeloop.designs.specification import assemble
from red_timeloop.engines.embedded.engine import evaluate_specification
from red_timeloop.errors import InputError
from red_timeloop.spec.types import Mapping as LoopNest
from red_timeloop.spec.types import Specification

__all__ = ["BUDGET", "Mapped", "map_parts"]

BUDGET = 12_000  # mappings tried for each problem that a mapper maps
_SPARSE = 10  # one in so many of them where sparse tensors have to be evaluated
_FIRST_LOOK = 3  # this share of them tells which of the ways to say the problem is worth the rest

_Way: TypeAlias = tuple[int, Part, Specification]  # number of the part, and one way to say it


class Mapped(NamedTuple):
    """The best mapping found of a part, in one of the ways to say it.

    `value` is that of its objective, as a rule energy times delay in J * cycles.
    """

    value: float
    part: Part
    specification: Specification


def map_parts(asked: Sequence[tuple[Plan, Part, Any]]) -> list[Mapped | InputError]:
    """Map parts of plans, for cycles of some length (s), in the best of the ways to say each.

    Returns:
        For each part its mapping, or why there is none.
    """
    if not asked:  # nor is a mapper loaded
        return []
    ways: list[_Way] = []
    for number, (plan, part, cycle) in enumerate(asked):
        for each in (part, *part.alternatives) if part.alternatives else ():
            with suppress(InputError):  # a size that the constraints do not allow
                ways.append((number, each, assemble(plan, each, cycle)))
    best: dict[int, Mapped] = {}
    why: dict[int, InputError] = {}

    def note(number: int, found: Mapped | InputError) -> None:
        if isinstance(found, InputError):
            why[number] = found
        elif number not in best or found.value < best[number].value:
            best[number] = found

    for number, found in _searched(ways, BUDGET // _FIRST_LOOK):
        note(number, found)
    ways = [(number, each.part, each.specification) for number, each in best.items()]
    for number, (plan, part, cycle) in enumerate(asked):
        if number not in best:
            try:
                ways.append((number, part, assemble(plan, part, cycle)))
            except InputError as error:
                why[number] = error
    for number, found in _searched(ways, BUDGET, seed=1):
        note(number, found)
    return [best.get(number) or why[number] for number in range(len(asked))]


def _searched(
    ways: Sequence[_Way], budget: int, seed: int = 0
) -> Iterator[tuple[int, Mapped | InputError]]:
    """Search for mappings side by side; yield the number of the part and what is found.

    Sparse tensors, which are evaluated one mapping at a time, are mapped as dense ones; where a
    compressed tile or its ranks do not allow that mapping, as themselves with a smaller budget.
    """
    from red_timeloop.mapper.run import map_all

    dense = [replace(own, architecture=own.architecture.dense) for _, _, own in ways]
    for (number, part, own), found in zip(ways, map_all(dense, budget, seed), strict=True):
        answer = found
        if own.architecture.sparse and not isinstance(answer, InputError):
            answer = _sparse(own, answer, budget, seed)
        if not isinstance(answer, InputError):
            value, mapping = answer
            yield number, Mapped(value, part, replace(own, mapping=mapping))
        else:
            yield number, answer


def _sparse(
    specification: Specification, found: tuple[float, LoopNest], budget: int, seed: int
) -> tuple[float, LoopNest] | InputError:
    """Return the value of a mapping of dense tensors for sparse ones, or another mapping."""
    from red_timeloop.mapper.candidates import value_of
    from red_timeloop.mapper.run import map_all

    try:
        result = evaluate_specification(replace(specification, mapping=found[1]))
    except InputError:
        return map_all([specification], budget // _SPARSE, seed)[0]
    objective = specification.objective or "edp"
    return float(value_of(objective, np.float64(result.energy), np.int64(result.cycles))), found[1]
