"""From a part to what an engine takes: a specification with its tables and its mapping."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from red_timeloop.circuit import Circuit
from red_timeloop.components import Component, find, names
from red_timeloop.components.tables import price
from red_timeloop.designs.constraints import read_constraints
from red_timeloop.designs.plan import Part, Plan, TargetLoops
from red_timeloop.engines.pricing import price_specification
from red_timeloop.errors import InputError, meant
from red_timeloop.spec.reader import read_sections
from red_timeloop.spec.types import (
    ArtTable,
    ErtTable,
    LevelMapping,
    Loop,
    Specification,
    Value,
)
from red_timeloop.spec.types import Mapping as LoopNest

__all__ = ["CONSTANTS", "assemble", "priced", "sized", "sizes_as_variables", "tables"]

# Variables of an architecture that are no sizes: the circuit says the first two, the file the rest.
_FROM_CIRCUIT = ("technology", "global_cycle_seconds")
CONSTANTS = (*_FROM_CIRCUIT, "parameters", "programming_share", "version")
_OPTIONAL = ("programming_share", "version")  # what needs them says so


def assemble(plan: Plan, part: Part, cycle_time: Any) -> Specification:
    """Size the plan's architecture for `part`, price it and write its mapping down.

    Args:
        plan: The plan that `part` belongs to.
        part: One of its evaluations. Where a mapper is to find its mapping, the specification has
            the constraints in its place.
        cycle_time: Length of a Timeloop cycle, in s; what leaks, leaks this long. An array when
            the plan's circuit holds arrays: the tables then hold arrays too.

    Raises:
        InputError: The architecture's variables are not the part's sizes; names what is missing or
            unknown.
    """
    return priced(sized(plan, part), plan, part, cycle_time)


def sized(plan: Plan, part: Part) -> Specification:
    """Size the plan's architecture for `part`, before the length of a cycle is known; see above.

    Raises:
        InputError: Also where the set's read circuit is not a component that converts.
    """
    variables = sizes_as_variables(part.sizes)
    sections = read_sections(plan.architecture, jinja=dict(plan.jinja), unmapped=True)
    if plan.estimator is None:
        _check_variables(plan.architecture, sections.variables, tuple(variables))
        variables["technology"] = f"{plan.hardware.circuit.technology_node_m * 1e9!r}nm"
    specification = sections.specification(variables, part.problem)
    return _reading_by(plan.hardware.read_circuit, specification)


def _reading_by(read_circuit: str, specification: Specification) -> Specification:
    """Put another read circuit in the place of the architecture's `adc`."""
    if read_circuit == "adc":
        return specification
    kind = find(read_circuit)
    if kind is None or kind.stage != "convert":
        legal = [name for name in names() if (known := find(name)) and known.stage == "convert"]
        raise InputError(f"no read circuit {read_circuit!r}", key="read_circuit", legal=legal)
    architecture = specification.architecture
    levels = tuple(
        dataclasses.replace(level, subclass=read_circuit) if level.subclass == "adc" else level
        for level in architecture.levels
    )
    return dataclasses.replace(
        specification, architecture=dataclasses.replace(architecture, levels=levels)
    )


def priced(
    specification: Specification,
    plan: Plan,
    part: Part,
    cycle_time: Any,
    components: Mapping[str, Component] | None = None,
) -> Specification:
    """Return what `sized` gave with its tables, for cycles of that length, and its mapping.

    `components` are those of its levels (`components_of`), where they are known.
    """
    architecture, variables = specification.architecture, dict(specification.variables)
    if not np.ndim(cycle_time):
        variables["global_cycle_seconds"] = cycle_time
    source = plan.estimator or plan.hardware.circuit
    ert, art = tables(specification, source, cycle_time, components)
    mapping, constraints = specification.mapping, specification.constraints
    if part.loops is not None:
        mapping = _mapping(specification, part.loops)
    else:
        own = sizes_as_variables(part.sizes)
        files = plan.architecture, plan.constraints
        constraints = read_constraints(*files, part.problem, variables=own, jinja=dict(plan.jinja))
    return dataclasses.replace(
        specification,
        architecture=dataclasses.replace(architecture, variables=variables),
        variables=variables,
        ert=ert,
        art=art,
        mapping=mapping,
        constraints=constraints,
    )


def tables(
    specification: Specification,
    source: Circuit | str,
    cycle_time: Any = None,
    components: Mapping[str, Component] | None = None,
) -> tuple[ErtTable, ArtTable]:
    """Return the energies and areas of what a design runs on.

    Args:
        specification: What is priced.
        source: The circuit that all designs share; or an estimator (`engines.pricing`), which is
            asked for what the files have no tables of.
        cycle_time: Length of a cycle in s; None for what the files say.
        components: Those of the circuit, where they are known.

    Raises:
        InputError: A component has no price; names it.
    """
    if not isinstance(source, str):
        return price(specification.architecture, source, cycle_time, components)
    if specification.ert is not None and specification.art is not None:
        return specification.ert, specification.art
    prices = price_specification(specification, source)
    return specification.ert or prices.ert, specification.art or prices.art


def sizes_as_variables(sizes: Any) -> dict[str, Value]:
    """Return the fields of a part's sizes by name; those of a mapping stand for themselves."""
    variables: dict[str, Value] = {}
    for field in dataclasses.fields(sizes):
        value = getattr(sizes, field.name)
        if isinstance(value, Mapping):
            variables |= value
        elif value is not None:
            variables[field.name] = value
    return variables


@lru_cache(maxsize=256)
def _check_variables(file: Path, declared: tuple[str, ...], sizes: tuple[str, ...]) -> None:
    """Refuse an architecture whose variables are not exactly the sizes and the constants."""
    needed = {*sizes, *CONSTANTS} - set(_OPTIONAL)
    unknown = [name for name in declared if name not in sizes and name not in CONSTANTS]
    missing = sorted(needed - set(declared))
    if unknown:
        raise InputError(
            f"the design gives no size of the name {unknown[0]!r}{meant(unknown[0], missing)}",
            file=file,
            key="variables",
            legal=sorted({*sizes, *CONSTANTS}),
        )
    if missing:
        raise InputError(
            f"the variable {missing[0]!r}, which the design sizes, is missing",
            file=file,
            key="variables",
            legal=sorted(needed),
        )


def _mapping(specification: Specification, loops: Mapping[str, TargetLoops]) -> LoopNest:
    """Give every level the part's loops and the data spaces that the architecture keeps there."""
    assert specification.problem is not None
    names = specification.problem.data_space_names
    nowhere, levels = TargetLoops(), {}
    for level in specification.architecture.mapped_levels:
        conditions = specification.constraints.levels[level.name]
        levels[level.name] = _level_mapping(
            loops.get(level.target, nowhere),
            level.kind == "spatial",
            names,
            conditions.data_spaces.bypass,
            conditions.temporal.no_reuse,
        )
    return LoopNest(levels)


@lru_cache(maxsize=4096)  # most levels are alike in many layers
def _level_mapping(
    own: TargetLoops,
    spatial: bool,
    names: tuple[str, ...],
    bypass: tuple[str, ...],
    no_reuse: tuple[str, ...],
) -> LevelMapping:
    if spatial:
        return LevelMapping(spatial_x=_iterating(own.x), spatial_y=_iterating(own.y), bypass=names)
    return LevelMapping(
        temporal=_iterating(own.temporal),
        keep=tuple(name for name in names if name not in bypass),
        bypass=tuple(name for name in names if name in bypass),
        no_temporal_reuse=no_reuse,
    )


def _iterating(loops: tuple[Loop, ...]) -> tuple[Loop, ...]:
    return tuple((rank, count) for rank, count in loops if count > 1)
