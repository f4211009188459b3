"""Static libraries for Accelergy: a CSV of energies and areas, and the list of components.

The CSV is for the library plug-in, which looks in the folders that the environment variable
`ACCELERGY_COMPONENT_LIBRARIES` names. A row holds for the attributes in it, so the CSV is that of
one architecture; energies are in pJ, areas in um^2. The list (`*.lib.yaml`) says which attributes
and actions each component has, for Accelergy's `primitive_components`.
"""

from __future__ import annotations

from typing import Any

from red_timeloop.components.accelergy import GENERIC
from red_timeloop.components.attributes import attributes_of
from red_timeloop.components.base import Component
from red_timeloop.components.registry import find, names
from red_timeloop.errors import InputError
from red_timeloop.spec.tables import PICOJOULE, SQUARE_MICROMETRE
from red_timeloop.spec.types import Architecture, ArtTable, ErtTable, Level

__all__ = ["csv_library", "primitive_library"]

# The plug-in wants these of every component; what a component has no action for costs nothing.
_NEEDED = ("read", "write", "update", "leak")
_SHARED = ("technology", "global_cycle_seconds", "parameters")


def csv_library(architecture: Architecture, ert: ErtTable, art: ArtTable) -> str:
    """Return the CSV library of the components of `architecture`.

    Args:
        architecture: Components name their model by `subclass`.
        ert: Energies in J.
        art: Areas in m^2.

    Raises:
        InputError: An attribute holds a comma or another character that the format cannot hold.
    """
    sections: list[str] = [
        "# Energies are those of one action, areas those of one instance. A component is looked up",
        "# by the attributes in its row: for others, make another library.",
    ]
    written: set[str] = set()
    for level in architecture.levels:
        model = find(level.subclass)
        if level.kind == "spatial" or model is None:
            continue
        rows = _rows(architecture, level, model, ert, art)
        head, body = ",".join(rows[0]), [",".join(row.values()) for row in rows]
        section = "\n".join([head, *body])
        if section in written:
            continue
        written.add(section)
        sections += ["", f"COMPONENT: {level.subclass}", section]
    return "\n".join(sections) + "\n"


def _rows(
    architecture: Architecture, level: Level, model: type[Component], ert: ErtTable, art: ArtTable
) -> list[dict[str, str]]:
    seen = architecture.component_attributes(level)
    known = dict.fromkeys((*_SHARED, *attributes_of(model)))
    attributes = {name: _cell(level, name, seen[name]) for name in known if name in seen}
    source = f"{model.__module__}.{model.__name__}"
    area = f"{art.areas[level.name] / SQUARE_MICROMETRE:.9g}"
    energies = ert.energies[level.name]
    rows = []
    for action in dict.fromkeys((*_NEEDED, *energies)):
        energy = f"{energies.get(action, 0.0) / PICOJOULE:.9g}"
        row = {**attributes, "energy": energy, "area": area, "action": action}
        rows.append({**row, "unit": "pJ; um^2", "source": source})
    return rows


def _cell(level: Level, name: str, value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # as Accelergy does with the architecture's numbers
    text = str(value)
    if any(character in text for character in ",#|\n"):
        raise InputError(
            f"{text!r} cannot stand in a CSV library", key=f"{level.name}.{name}", legal="no , # |"
        )
    return text


def primitive_library() -> dict[str, Any]:
    """Return the content of a `*.lib.yaml`: every component with its attributes and actions.

    Attributes without a default are `must_specify`. Names that other plug-ins have, too, are listed
    without attributes, since Accelergy would give the defaults to their components as well.
    """
    return {"version": 0.4, "classes": [_listed(name) for name in names()]}


def _listed(name: str) -> dict[str, Any]:
    model = find(name)
    assert model is not None
    attributes: dict[str, Any] = {}
    for each in attributes_of(model).values() if name not in GENERIC else ():
        if each.name != "global_cycle_seconds":
            attributes[each.name] = "must_specify" if each.needed else each.default
    actions = [{"name": action} for action in model.actions]
    return {"name": name, "attributes": attributes, "actions": actions}
