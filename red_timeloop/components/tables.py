"""Energy and area tables of an architecture, from the component models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from red_timeloop._remembered import remembered
from red_timeloop.circuit import Circuit
from red_timeloop.components.base import Component, plain
from red_timeloop.components.registry import build, find, names
from red_timeloop.errors import InputError
from red_timeloop.spec.types import Architecture, ArtTable, ErtTable, Level

__all__ = ["components_of", "described", "price", "stage"]

_SPATIAL_ACTIONS = ("read", "write", "update", "leak")


def price(
    architecture: Architecture,
    circuit: Circuit | None = None,
    cycle_seconds: Any = None,
    components: Mapping[str, Component] | None = None,
) -> tuple[ErtTable, ArtTable]:
    """Price every component of an architecture.

    Args:
        architecture: Its components name their model by `subclass`.
        circuit: The parameter set; None for the one that each component's `parameters` names. Its
            numbers may be arrays: then the prices are arrays that broadcast with them.
        cycle_seconds: Length [s] of a cycle, a number or an array; None for what the architecture
            says (`global_cycle_seconds`).
        components: What `components_of` the architecture and the circuit gave, where it is known.

    Returns:
        Energies [J] of one action as Timeloop's table holds them (for memories, of one access of
        `width` bits) and areas [m^2] of one instance. A `leak` is one cycle of one instance.

    Raises:
        InputError: A component has no model, or its attributes are not legal; names the component.
    """
    energies: dict[str, Mapping[str, float]] = {}
    areas: dict[str, float] = {}
    components = components or components_of(architecture, circuit)
    for level in architecture.levels:
        if level.kind == "spatial":  # a fan-out costs nothing; its wires belong to the memories
            energies[level.name] = dict.fromkeys(_SPATIAL_ACTIONS, 0.0)
            areas[level.name] = 0.0
            continue
        component = components[level.name]
        each, area = _prices(component, cycle_seconds, bool(level.sparse), level.energy_scale)
        energies[level.name] = each
        areas[level.name] = plain(area * level.area_scale)
    by = {name: f"red_timeloop {type(each).__name__}" for name, each in components.items()}
    return ErtTable(energies, by), ArtTable(areas)


@remembered
def _prices(
    component: Component, cycle_seconds: Any, gated: bool, scale: float
) -> tuple[Mapping[str, Any], Any]:
    """Return the energies [J] of a component's actions, scaled, and its area [m^2]."""
    if cycle_seconds is not None:
        component = replace(component, global_cycle_seconds=cycle_seconds)
    actions = component.actions + (component.gated if gated else ())
    return {name: plain(component.energy(name) * scale) for name in actions}, component.area


def components_of(
    architecture: Architecture, circuit: Circuit | None = None
) -> dict[str, Component]:
    """Return the component of every level that has one (fan-outs have none), by the level's name.

    Arguments and errors are those of `price`.
    """
    built = {}
    for level in architecture.levels:
        if level.kind == "spatial":
            continue
        try:
            component = build(*described(architecture, level), circuit)
        except InputError as error:
            key = f"{level.name}.{error.key}" if error.key else level.name
            raise InputError(error.message, file=error.file, key=key, legal=error.legal) from None
        built[level.name] = component
    return built


def stage(level: Level) -> str:
    """Return what the energy of a level is spent on, one of `components.STAGES`."""
    model = find(level.subclass or level.component_class)
    return model.stage if model else "compute" if level.kind == "compute" else "store"


def described(architecture: Architecture, level: Level) -> tuple[str, dict[str, object]]:
    """Return the subclass of a level and the attributes that a model of this package sees."""
    subclass = level.subclass or level.component_class
    if find(subclass) is None:
        raise InputError(
            f"there is no model of {subclass!r}; give its energy and area in an ERT and an ART",
            key="subclass",
            legal=names(),
        )
    shared = ("technology", "global_cycle_seconds", "parameters")
    variables = {name: architecture.variables.get(name) for name in shared}
    return subclass, {**variables, **level.attributes}
