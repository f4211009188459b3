"""The mappings that are still the design's own: what a mapper may change about its fixed mapping.

The crossbars are what they are: loops across instances, and loops in time below them, stay as the
design has them. Above the crossbars a mapper may deal the loops that run in time (output pixels,
the batch) to the buffers in any way and order.
"""

from __future__ import annotations

from dataclasses import replace

from red_timeloop.spec.types import (
    Constraints,
    FactorConstraint,
    LevelConstraints,
    Loop,
    LoopConstraint,
    Problem,
    Specification,
)

__all__ = ["free_in_time"]


def free_in_time(specification: Specification) -> Specification:
    """Return `specification` with constraints that hold its mapping in place, and without it.

    Args:
        specification: Has a problem and a mapping.
    """
    problem, mapping = specification.problem, specification.mapping
    assert problem is not None
    assert mapping is not None
    levels: dict[str, LevelConstraints] = {}
    above = True
    running = {
        rank
        for level in specification.architecture.mapped_levels
        for rank, _ in mapping.levels[level.name].temporal
    }
    for level in specification.architecture.mapped_levels:
        chosen = mapping.levels[level.name]
        known = specification.constraints.levels.get(level.name, LevelConstraints())
        if level.kind == "spatial":
            above = False
            loops = chosen.spatial_x + chosen.spatial_y
            held = _held(known.spatial, loops, problem)
            held = replace(held, permutation=_order(loops, problem), split=len(chosen.spatial_x))
            levels[level.name] = replace(known, spatial=held)
            continue
        if above:
            still = tuple((rank, 1) for rank in problem.dimensions if rank not in running)
            temporal = replace(known.temporal, factors=_factors(still))
        else:
            temporal = _held(known.temporal, chosen.temporal, problem)
        levels[level.name] = replace(known, temporal=temporal)
    return replace(specification, mapping=None, constraints=Constraints(levels))


def _held(known: LoopConstraint, loops: tuple[Loop, ...], problem: Problem) -> LoopConstraint:
    counts = dict(loops)
    every = tuple((rank, counts.get(rank, 1)) for rank in problem.dimensions)
    return replace(known, factors=_factors(every))


def _factors(loops: tuple[Loop, ...]) -> tuple[FactorConstraint, ...]:
    return tuple(FactorConstraint(rank, "=", count) for rank, count in loops)


def _order(loops: tuple[Loop, ...], problem: Problem) -> tuple[str, ...]:
    """Return all ranks, those that iterate first, so that `split` counts only these."""
    iterating = [rank for rank, _ in loops]
    return (*iterating, *(rank for rank in problem.dimensions if rank not in iterating))
