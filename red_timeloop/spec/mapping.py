"""Resolving a mapping: one number of iterations for every dimension at every level."""

from __future__ import annotations

import collections.abc as abc

from red_timeloop.errors import InputError
from red_timeloop.spec.constraints import Collected
from red_timeloop.spec.targets import Target
from red_timeloop.spec.types import (
    Architecture,
    Constraints,
    Level,
    LevelMapping,
    Loop,
    LoopConstraint,
    Mapping,
    Problem,
)

__all__ = ["check_mapping", "resolve_mapping"]


def resolve_mapping(collected: Collected, constraints: Constraints) -> Mapping:
    """Return the mapping that the collected entries fix.

    As in timeloop-model, what is not given is 1 (factors), the problem's order outside of what is
    given (permutations), all along X (split) and kept (data spaces); a factor of 0 is the
    dimension's size.

    Raises:
        InputError: The factors of a dimension do not multiply to its size; names the dimension,
            the product and the size.
    """
    problem = collected.problem
    levels = {
        level.name: _level_mapping(collected, level, constraints)
        for level in collected.architecture.mapped_levels
    }
    mapping = Mapping(levels)
    where = next(
        (target.where[0].file for target in reversed(collected.targets.values()) if target.where),
        None,
    )
    check_mapping(mapping, collected.architecture, problem, constraints, file=where)
    return mapping


def check_mapping(
    mapping: Mapping,
    architecture: Architecture,
    problem: Problem,
    constraints: Constraints | None = None,
    *,
    file: str | None = None,
) -> None:
    """Refuse a mapping that does not fit the problem and the names of the architecture.

    Capacities and fan-outs are the engine's to check.

    Raises:
        InputError: A level or dimension is unknown, a product of factors is not the dimension's
            size, or a factor breaks a constraint.
    """
    legal = [level.name for level in architecture.mapped_levels]
    for name, level in mapping.levels.items():
        if name not in legal:
            raise InputError(f"unknown level {name!r}", file=file, key="mapping", legal=legal)
        for dimension, _ in level.loops:
            if dimension not in problem.dimensions:
                raise InputError(
                    f"unknown dimension {dimension!r} at {name!r}",
                    file=file,
                    key="mapping",
                    legal=problem.dimensions,
                )
    for dimension in problem.dimensions:
        _check_product(mapping, problem, dimension, file)
    if constraints is not None:
        for name, level in mapping.levels.items():
            bounds = constraints.levels[name]
            _check_bounds(level.temporal, bounds.temporal, name, file)
            _check_bounds(level.spatial_x + level.spatial_y, bounds.spatial, name, file)


def _check_product(mapping: Mapping, problem: Problem, dimension: str, file: str | None) -> None:
    size = mapping.size(dimension)
    if size != problem.sizes[dimension]:
        given = []
        for name, level in mapping.levels.items():
            rest = dict(level.temporal_remainders + level.spatial_remainders)
            for label, factor in level.loops:
                if label == dimension:
                    last = f",{rest[label]}" if label in rest else ""
                    given.append(f"{factor}{last} at {name}")
        shown = " x ".join(given) or "1 at every level"
        raise InputError(
            f"the factors of dimension {dimension} multiply to {size} ({shown})",
            file=file,
            key="mapping",
            legal=f"{problem.sizes[dimension]}, the size of {dimension}",
        )


def _check_bounds(
    loops: abc.Sequence[Loop], bounds: LoopConstraint, name: str, file: str | None
) -> None:
    factors: dict[str, int] = {}
    for dimension, factor in loops:
        factors[dimension] = factors.get(dimension, 1) * factor
    for condition in bounds.factors:
        factor = factors.get(condition.dimension, 1)
        low = condition.comparison == ">=" and factor < condition.value
        if low or (condition.comparison == "<=" and factor > condition.value):
            raise InputError(
                f"{condition.dimension}={factor} at {name!r} breaks a constraint",
                file=file,
                key="mapping",
                legal=str(condition),
            )


def _level_mapping(collected: Collected, level: Level, constraints: Constraints) -> LevelMapping:
    problem = collected.problem
    found = constraints.levels[level.name]
    if level.kind == "spatial":
        loops = _loops(collected, level, "spatial", found.spatial)
        split = found.spatial.split
        split = len(problem.dimensions) if split is None else split
        return LevelMapping(
            spatial_x=_real(loops[:split]),
            spatial_y=_real(loops[split:]),
            spatial_order=tuple(dimension for dimension, _ in loops),
            spatial_remainders=_remainders(found.spatial),
            bypass=problem.data_space_names,
            no_spatial_reuse=found.spatial.no_reuse,
            no_link_transfer=found.spatial.no_link_transfer,
        )
    bypass = found.data_spaces.bypass
    loops = _loops(collected, level, "temporal", found.temporal)
    return LevelMapping(
        temporal=_real(loops),
        temporal_order=tuple(dimension for dimension, _ in loops),
        temporal_remainders=_remainders(found.temporal),
        keep=tuple(name for name in problem.data_space_names if name not in bypass),
        bypass=bypass,
        no_temporal_reuse=found.temporal.no_reuse,
        rmw_first_update=found.temporal.rmw_first_update,
        no_coalesce=found.data_spaces.no_coalesce,
    )


def _real(loops: abc.Iterable[Loop]) -> tuple[Loop, ...]:
    return tuple((dimension, factor) for dimension, factor in loops if factor != 1)


def _remainders(constraint: LoopConstraint) -> tuple[Loop, ...]:
    return tuple(
        (condition.dimension, condition.remainder)
        for condition in constraint.factors
        if condition.remainder is not None
    )


def _loops(collected: Collected, level: Level, kind: str, constraint: LoopConstraint) -> list[Loop]:
    """Return the loops of all dimensions, innermost first, those of one iteration included."""
    target = collected.targets.get((level.name, kind))
    order = _order(collected.problem, constraint, target)
    sizes = collected.problem.sizes
    factors: dict[str, int] = {}
    for condition in constraint.factors:
        if condition.comparison == "=":
            factors[condition.dimension] = condition.value or sizes[condition.dimension]
    return [(dimension, factors.get(dimension, 1)) for dimension in order]


def _order(problem: Problem, constraint: LoopConstraint, target: Target | None) -> list[str]:
    """Complete a permutation as the tools do.

    timeloopfe puts dimensions of one iteration that are not listed before the listed ones, which
    shifts what `split` counts; Timeloop appends all others in the problem's order. Timeloop's own
    spelling (levels named `inter_..._spatial`) does not go through timeloopfe.
    """
    order = [*constraint.permutation, *constraint.outermost]
    if target is None or not target.raw_spelling:
        for condition in constraint.factors:
            if condition.value == 1 and condition.dimension not in order:
                order.insert(0, condition.dimension)
        for dimension in problem.dimensions:
            if problem.sizes[dimension] == 1 and dimension not in order:
                order.insert(0, dimension)
    order += [dimension for dimension in problem.dimensions if dimension not in order]
    return order
