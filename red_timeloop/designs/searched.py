"""Parts whose mappings a mapper finds: in which way they are said, and how long is searched."""

from __future__ import annotations

from collections.abc import Sequence
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

BUDGET = 8_000  # mappings tried for each problem that a mapper maps
_SPARSE = 10  # one in so many of them where sparse tensors have to be evaluated

_Way: TypeAlias = tuple[Part, Specification]


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
    from red_timeloop.mapper.run import map_all

    said = [
        [_way(plan, each, cycle) for each in (part, *part.alternatives)]
        for plan, part, cycle in asked
    ]
    ways = [[each for each in own if not isinstance(each, InputError)] for own in said]
    dense = [
        [replace(each, architecture=each.architecture.dense) for _, each in own] for own in ways
    ]
    found = [_best(own, answers) for own, answers in zip(ways, map_all(dense, BUDGET), strict=True)]
    return [
        each or next(way for way in own if isinstance(way, InputError))
        for each, own in zip(found, said, strict=True)
    ]


def _way(plan: Plan, part: Part, cycle: Any) -> _Way | InputError:
    try:
        return part, assemble(plan, part, cycle)
    except InputError as error:  # a size that the constraints do not allow
        return error


def _best(
    ways: Sequence[_Way], answers: Sequence[tuple[float, LoopNest] | InputError]
) -> Mapped | InputError | None:
    """Return the best of the ways with their mappings, or why the first has none.

    Sparse tensors, which are evaluated one mapping at a time, are mapped as dense ones; where no
    compressed tile and no ranks allow such a mapping, as themselves with a smaller budget.
    """
    from red_timeloop.mapper.run import map_all

    answers = [
        answer if isinstance(answer, InputError) else _evaluated(specification, *answer)
        for (_, specification), answer in zip(ways, answers, strict=True)
    ]
    if all(isinstance(each, InputError) for each in answers):
        sparse = [each for _, each in ways if each.architecture.sparse]
        answers = map_all([sparse], BUDGET // _SPARSE)[0] if sparse else answers
    found = [
        Mapped(answer[0], part, replace(specification, mapping=answer[1]))
        for (part, specification), answer in zip(ways, answers, strict=True)
        if not isinstance(answer, InputError)
    ]
    if found:
        return min(found, key=lambda each: each.value)
    return next((each for each in answers if isinstance(each, InputError)), None)


def _evaluated(
    specification: Specification, value: float, mapping: LoopNest
) -> tuple[float, LoopNest] | InputError:
    """Return the value of a mapping of dense tensors, for sparse ones if there are any."""
    from red_timeloop.mapper.candidates import value_of

    if not specification.architecture.sparse:
        return value, mapping
    try:
        result = evaluate_specification(replace(specification, mapping=mapping))
    except InputError as error:
        return error
    objective = specification.objective or "edp"
    return float(value_of(objective, np.float64(result.energy), np.int64(result.cycles))), mapping
