"""From a part to what an engine takes: a specification with its tables and its mapping."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from red_timeloop import resources
from red_timeloop.components import find, names
from red_timeloop.components.tables import price
from red_timeloop.designs.plan import Part, Plan, TargetLoops
from red_timeloop.errors import InputError
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import LevelMapping, Loop, Mapping, Specification

__all__ = ["assemble", "priced", "sized"]


def assemble(plan: Plan, part: Part, cycle_time: Any) -> Specification:
    """Size the plan's architecture for `part`, price it and write its mapping down.

    Args:
        plan: The plan that `part` belongs to.
        part: One of its evaluations.
        cycle_time: Length of a Timeloop cycle, in s; what leaks, leaks this long. An array when
            the plan's circuit holds arrays: the tables then hold arrays too.
    """
    return priced(sized(plan, part), plan, part, cycle_time)


def sized(plan: Plan, part: Part) -> Specification:
    """Size the plan's architecture for `part`, before the length of a cycle is known.

    Raises:
        InputError: The set's read circuit is not a component that converts.
    """
    hardware = plan.hardware
    specification = read_specification(
        resources.path(f"arch/{plan.architecture}.yaml"),
        variables={
            **part.variables,
            "technology": f"{hardware.circuit.technology_node_m * 1e9!r}nm",
        },
        problem=part.problem,
    )
    if hardware.read_circuit == "adc":
        return specification
    kind = find(hardware.read_circuit)
    if kind is None or kind.stage != "convert":
        legal = [name for name in names() if (known := find(name)) and known.stage == "convert"]
        raise InputError(
            f"no read circuit {hardware.read_circuit!r}", key="read_circuit", legal=legal
        )
    architecture = specification.architecture
    levels = tuple(
        replace(level, subclass=hardware.read_circuit) if level.subclass == "adc" else level
        for level in architecture.levels
    )
    return replace(specification, architecture=replace(architecture, levels=levels))


def priced(specification: Specification, plan: Plan, part: Part, cycle_time: Any) -> Specification:
    """Return what `sized` gave with its tables, for cycles of that length, and its mapping."""
    architecture = specification.architecture
    ert, art = price(architecture, plan.hardware.circuit, cycle_time)
    variables = dict(specification.variables)
    if not np.ndim(cycle_time):
        variables["global_cycle_seconds"] = cycle_time
    return replace(
        specification,
        architecture=replace(architecture, variables=variables),
        variables=variables,
        mapping=_mapping(specification, part),
        ert=ert,
        art=art,
    )


def _mapping(specification: Specification, part: Part) -> Mapping:
    """Give every level the part's loops and the data spaces that the architecture keeps there."""
    names = part.problem.data_space_names
    levels = {}
    for level in specification.architecture.mapped_levels:
        loops = part.loops.get(level.target, TargetLoops())
        if level.kind == "spatial":
            levels[level.name] = LevelMapping(
                spatial_x=_iterating(loops.x), spatial_y=_iterating(loops.y), bypass=names
            )
            continue
        conditions = specification.constraints.levels[level.name]
        bypass = conditions.data_spaces.bypass
        levels[level.name] = LevelMapping(
            temporal=_iterating(loops.temporal),
            keep=tuple(name for name in names if name not in bypass),
            bypass=tuple(name for name in names if name in bypass),
            no_temporal_reuse=conditions.temporal.no_reuse,
        )
    return Mapping(levels)


def _iterating(loops: tuple[Loop, ...]) -> tuple[Loop, ...]:
    return tuple((rank, count) for rank, count in loops if count > 1)
