"""Reading energy and area reference tables (ERT, ART): pJ and um^2 in the files, J and m^2 here."""

from __future__ import annotations

import re

from red_timeloop.spec.fields import error, number, sequence, text
from red_timeloop.spec.loader import YamlMap, type_name
from red_timeloop.spec.types import ArtTable, ErtTable

__all__ = ["component_name", "read_art", "read_ert"]

PICOJOULE = 1e-12
SQUARE_MICROMETRE = 1e-12
_RANGE = re.compile(r"\[\d+\.\.\d+\]")


def component_name(name: str) -> str:
    """Return the level's name of a hierarchical component name.

    >>> component_name("system_top_level.tile[1..4].cell[1..512]")
    'cell'
    """
    return _RANGE.sub("", name).rpartition(".")[2]


def _entries(section: YamlMap, key: str, path: str) -> list[YamlMap]:
    entries = sequence(section, key, path)
    for entry in entries:
        if not isinstance(entry, YamlMap):
            raise error(f"an entry is {type_name(entry)}, not a mapping", section, key, path=path)
    return list(entries)


def _tables(section: YamlMap, path: str) -> list[tuple[str, YamlMap]]:
    if "tables" not in section:
        raise error("the key 'tables' is missing", section, path=path)
    named = [
        (component_name(text(entry, "name", path)), entry)
        for entry in _entries(section, "tables", path)
    ]
    seen: set[str] = set()
    for name, entry in named:
        if name in seen:
            raise error(f"{name!r} given twice", entry, "name", path=path)
        seen.add(name)
    return named


def read_ert(section: YamlMap) -> ErtTable:
    """Read the value of the key `ERT`. An action listed more than once costs its dearest entry.

    Raises:
        InputError: A name or energy is missing or no number.
    """
    energies: dict[str, dict[str, float]] = {}
    for name, entry in _tables(section, "ERT"):
        actions = energies.setdefault(name, {})
        for action in _entries(entry, "actions", f"ERT.{name}"):
            label = text(action, "name", f"ERT.{name}")
            path = f"ERT.{name}.{label}"
            if action.get("energy") is None:
                raise error("the key 'energy' is missing", action, path=path)
            energy = number(action, "energy", path) * PICOJOULE
            actions[label] = max(energy, actions.get(label, 0.0))
    return ErtTable(energies, dict.fromkeys(energies, "the energy table"))


def read_art(section: YamlMap) -> ArtTable:
    """Read the value of the key `ART`.

    Raises:
        InputError: A name or area is missing or no number.
    """
    areas: dict[str, float] = {}
    for name, entry in _tables(section, "ART"):
        if entry.get("area") is None:
            raise error("the key 'area' is missing", entry, path=f"ART.{name}")
        areas[name] = number(entry, "area", f"ART.{name}") * SQUARE_MICROMETRE
    return ArtTable(areas)
