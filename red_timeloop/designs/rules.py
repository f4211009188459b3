"""The constraints that make a mapping a design's, by name.

They are the files `mappings/ARCHITECTURE.yaml`, which a Timeloop user can read and reuse. A comment
`# name: what it says` before a group of targets names the constraint that the group stands for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

from red_timeloop import resources
from red_timeloop.errors import InputError
from red_timeloop.spec.types import Level, Mapping, Problem, Specification

__all__ = ["Rule", "check_rules", "rules"]

_NAME = re.compile(r"\s*# ([a-z_]+): (.+)")
_TARGET = re.compile(r"\s*- \{target: (\w+), type: (temporal|spatial), factors: \[([^]]*)\].*\}")


@dataclass(frozen=True)
class Rule:
    """One target of a named constraint.

    Attributes:
        name: Name of the constraint.
        meaning: What it says.
        target: Name of the component or container.
        kind: Loops over time or across instances.
        alone: Ranks that must have no loop there.
    """

    name: str
    meaning: str
    target: str
    kind: Literal["temporal", "spatial"]
    alone: frozenset[str]


@lru_cache(maxsize=16)
def rules(architecture: str) -> tuple[Rule, ...]:
    """Return the constraints of `architecture`, in the order of its file.

    >>> sorted({rule.name for rule in rules("split_kernel")})[:3]
    ['matrix_rows', 'one_step', 'resident_weights']
    """
    found: list[Rule] = []
    name = meaning = ""
    for line in resources.path(f"mappings/{architecture}.yaml").read_text().splitlines():
        named, target = _NAME.fullmatch(line), _TARGET.fullmatch(line)
        if named:
            name, meaning = named.groups()
        elif target:
            where, kind, factors = target.groups()
            alone = frozenset(part.split("=")[0].strip() for part in factors.split(","))
            loops = cast(Literal["temporal", "spatial"], kind)
            found.append(Rule(name, meaning.strip(), where, loops, alone))
    return tuple(found)


def check_rules(
    architecture: str, specification: Specification, *, turns: frozenset[str] = frozenset()
) -> None:
    """Refuse a mapping that breaks a constraint of `architecture`.

    Args:
        architecture: Name of the shipped architecture.
        specification: Has the mapping.
        turns: Ranks whose loops over time are the turns of a fold, which may be anywhere.

    Raises:
        InputError: A constraint is broken; gives its name and what it says.
    """
    if specification.mapping is None or specification.problem is None:
        raise InputError("there is no mapping to check", key="mapping")
    for level in specification.architecture.mapped_levels:
        for rule in rules(architecture):
            if rule.target == level.target:
                _check(rule, level, specification.mapping, specification.problem, turns)


def _check(
    rule: Rule, level: Level, mapping: Mapping, problem: Problem, turns: frozenset[str]
) -> None:
    chosen = mapping.levels[level.name]
    loops = chosen.spatial_x + chosen.spatial_y if rule.kind == "spatial" else chosen.temporal
    if (level.kind == "spatial") != (rule.kind == "spatial"):
        return
    for rank, factor in loops:
        if rank in rule.alone and factor > 1 and not (rule.kind == "temporal" and rank in turns):
            raise InputError(
                f"{rank}={factor} at {rule.target} ({rule.kind}) breaks the constraint"
                f" {rule.name} of {problem.name or 'the design'}",
                key="mapping",
                legal=rule.meaning,
            )
