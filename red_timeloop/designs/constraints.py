"""The constraints that make a mapping a design's, by name.

They are a file that timeloopfe takes as it is, e.g. `mappings/red.yaml`. What is in it for this
package alone stands under keys with `ignore` in them, which timeloopfe passes over:
`rule_ignored: NAME` in a target names the rule that the target is a part of, and
`rules_ignored_by_timeloop: {NAME: MEANING}` says what the rules mean.
"""

from __future__ import annotations

import collections.abc as abc
from dataclasses import replace
from pathlib import Path
from typing import Any

from red_timeloop.designs.ranks import MODES, PIXELS, TAPS
from red_timeloop.engines.timeloop.check import broken_constraints
from red_timeloop.errors import InputError
from red_timeloop.spec.loader import load_file
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import (
    Constraints,
    DataSpace,
    Level,
    Loop,
    LoopConstraint,
    Problem,
    Specification,
    Value,
)

__all__ = ["ANY_LAYER", "check_rules", "read_constraints", "rule_names"]

_MEANINGS = "rules_ignored_by_timeloop"
_RANKS = "NGCM" + TAPS + MODES + PIXELS
_DATA_SPACES = (DataSpace("Weights", ()), DataSpace("Inputs", ()), DataSpace("Outputs", (), True))
# Stands for whatever layer is to be mapped, where the files of a design are read without one.
ANY_LAYER = Problem("design", tuple(_RANKS), dict.fromkeys(_RANKS, 1), _DATA_SPACES)


def read_constraints(
    architecture: Path,
    constraints: Path | None,
    problem: Problem | None = None,
    *,
    variables: abc.Mapping[str, Value] | None = None,
    jinja: abc.Mapping[str, Any] | None = None,
) -> Constraints:
    """Return the constraints of a design, those of its architecture's nodes among them.

    Args:
        architecture: Its Timeloop architecture.
        constraints: The file with the others; None without any.
        problem: What is to be mapped. The files are written for a 2-D problem: what they say of
            ranks that the problem does not have is left out.
        variables: Values in place of the architecture's own.
        jinja: Data of the files that are templates.

    Raises:
        InputError: A file is not legal; names file and key.
    """
    files = [architecture] if constraints is None else [architecture, constraints]
    found = read_specification(
        files, variables=variables, problem=ANY_LAYER, jinja=jinja, unmapped=True
    ).constraints
    if problem is None:
        return found
    levels = {
        name: replace(
            level,
            temporal=_known(level.temporal, problem),
            spatial=_known(level.spatial, problem),
        )
        for name, level in found.levels.items()
    }
    return replace(found, levels=levels)


def _known(loops: LoopConstraint, problem: Problem) -> LoopConstraint:
    """Return what `loops` says of the ranks that the problem has."""

    def kept(ranks: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(rank for rank in ranks if rank in problem.dimensions)

    return replace(
        loops,
        factors=tuple(each for each in loops.factors if each.dimension in problem.dimensions),
        permutation=kept(loops.permutation),
        outermost=kept(loops.outermost),
    )


def rule_names(constraints: Path) -> dict[str, str]:
    """Return the rules of a file of constraints and what each means.

    Raises:
        InputError: The file is not legal.

    >>> from red_timeloop import resources
    >>> sorted(rule_names(resources.path("mappings/split_kernel.yaml")))[:3]
    ['matrix_rows', 'one_step', 'resident_weights']
    """
    found = load_file(constraints).get(_MEANINGS) or {}
    if not isinstance(found, abc.Mapping):
        raise InputError(
            "rules are names and what they mean",
            file=constraints,
            key=_MEANINGS,
            legal="{NAME: TEXT}",
        )
    return {str(name): str(meaning) for name, meaning in found.items()}


def check_rules(
    architecture: Path,
    constraints: Path | None,
    specification: Specification,
    *,
    turns: frozenset[str] = frozenset(),
) -> None:
    """Refuse a mapping that breaks a constraint of a design.

    Args:
        architecture: The design's Timeloop architecture.
        constraints: Its file of constraints; None without any.
        specification: Has the mapping, on this architecture or another with the same targets.
        turns: Ranks whose loops over time are the turns of a fold, which may be anywhere.

    Raises:
        InputError: A constraint is broken, or is about a target that is not there; gives its name
            and what it says.
    """
    if specification.mapping is None or specification.problem is None:
        raise InputError("there is no mapping to check", key="mapping")
    problem, mapping = specification.problem, specification.mapping
    declared = load_file(architecture).get("variables") or {}
    variables = {name: v for name, v in specification.variables.items() if name in declared}
    bounds = read_constraints(architecture, constraints, problem, variables=variables)
    meanings = rule_names(constraints) if constraints else {}
    levels = {level.name: level for level in specification.architecture.mapped_levels}
    for name, bound in bounds.levels.items():
        if name not in levels:
            if not bound.temporal.factors:  # a container of one instance is no level
                continue
            raise InputError(
                f"there is no {name} here, which the constraints are about",
                key="architecture",
                legal=list(bounds.levels),
            )
        chosen = mapping.levels[name]
        if levels[name].kind == "spatial":
            _check(
                levels[name], chosen.spatial_x + chosen.spatial_y, bound.spatial, problem, meanings
            )
        else:
            loops = tuple(loop for loop in chosen.temporal if loop[0] not in turns)
            _check(levels[name], loops, bound.temporal, problem, meanings)
    broken = broken_constraints(mapping, specification.architecture, problem, _orders(bounds))
    if broken:
        raise InputError(broken[0], key="mapping", legal="the design's constraints")


def _check(
    level: Level,
    loops: tuple[Loop, ...],
    bounds: LoopConstraint,
    problem: Problem,
    meanings: abc.Mapping[str, str],
) -> None:
    factors = dict(loops)
    for condition in bounds.factors:
        rank = condition.dimension
        factor, bound = factors.get(rank, 1), condition.value or problem.sizes[rank]
        holds = {"=": factor == bound, "<=": factor <= bound, ">=": factor >= bound}
        if not holds[condition.comparison]:
            kind = "spatial" if level.kind == "spatial" else "temporal"
            name = bounds.rule or str(condition)
            raise InputError(
                f"{rank}={factor} at {level.target} ({kind}) breaks the constraint {name} of"
                f" {problem.name or 'the design'}",
                key="mapping",
                legal=meanings.get(name, str(condition)),
            )


def _orders(bounds: Constraints) -> Constraints:
    """Return what the constraints say beside factors: of keeping, and of the order of loops."""
    return replace(
        bounds,
        levels={
            name: replace(
                level, temporal=replace(level.temporal, factors=()), spatial=LoopConstraint()
            )
            for name, level in bounds.levels.items()
        },
    )
