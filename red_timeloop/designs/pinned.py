"""The mappings that are still the design's own: what a mapper may change about its fixed mapping.

The crossbars are what they are: loops across instances, and loops in time below them, stay as the
design has them. Above the crossbars a mapper may cut the loops that run in time (output pixels,
the batch) over the buffers in any way and order.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace

from red_timeloop.spec.types import (
    Constraints,
    DataSpaceConstraint,
    FactorConstraint,
    LevelConstraints,
    LevelMapping,
    Loop,
    LoopConstraint,
    Problem,
    Specification,
)

__all__ = ["free_in_time", "pinned"]


def free_in_time(specification: Specification) -> Specification:
    """Return `specification` with constraints that hold its mapping in place, and without it.

    Open are, above the crossbars, the loops that its mapping runs in time.

    Args:
        specification: Has a problem and a mapping.
    """
    assert specification.mapping is not None
    levels = specification.mapping.levels
    running = {rank for level in levels.values() for rank, _ in level.temporal}
    above: dict[str, Set[str]] = {}
    for level in specification.architecture.mapped_levels:
        if level.kind == "spatial":
            break
        above[level.name] = running
    return pinned(specification, above)


def pinned(specification: Specification, open_ranks: Mapping[str, Set[str]]) -> Specification:
    """Return `specification` with its mapping as constraints, but for some loops over time.

    Args:
        specification: Has a problem and a mapping.
        open_ranks: Ranks whose loops over time are open, by level.
    """
    problem, mapping = specification.problem, specification.mapping
    assert problem is not None
    assert mapping is not None
    levels = {}
    for level in specification.architecture.mapped_levels:
        known = specification.constraints.levels.get(level.name, LevelConstraints())
        chosen = mapping.levels[level.name]
        if level.kind == "spatial":
            levels[level.name] = replace(known, spatial=_across(known.spatial, chosen, problem))
            continue
        free = open_ranks.get(level.name, frozenset())
        held = [rank for rank in problem.dimensions if rank not in free]
        temporal = replace(known.temporal, factors=_factors(chosen.temporal, held))
        if not free:
            temporal = replace(temporal, permutation=tuple(rank for rank, _ in chosen.temporal))
        levels[level.name] = replace(
            known,
            temporal=temporal,
            data_spaces=DataSpaceConstraint(chosen.keep, chosen.bypass),
        )
    return replace(specification, mapping=None, constraints=Constraints(levels))


def _factors(loops: tuple[Loop, ...], ranks: list[str]) -> tuple[FactorConstraint, ...]:
    counts: dict[str, int] = {}
    for rank, count in loops:
        counts[rank] = counts.get(rank, 1) * count
    return tuple(FactorConstraint(rank, "=", counts.get(rank, 1)) for rank in ranks)


def _across(known: LoopConstraint, chosen: LevelMapping, problem: Problem) -> LoopConstraint:
    """Hold the loops across instances; `split` counts those along x, which stand first."""
    loops = chosen.spatial_x + chosen.spatial_y
    ranks = list(problem.dimensions)
    order = dict.fromkeys([*(rank for rank, _ in loops), *ranks])
    return replace(
        known,
        factors=_factors(loops, ranks),
        permutation=tuple(order),
        split=len(chosen.spatial_x),
    )
