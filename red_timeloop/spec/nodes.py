"""What one node of an architecture says: its kind, its attributes, its fan-out, its scales."""

from __future__ import annotations

import collections.abc as abc
from typing import Literal

from red_timeloop.spec.fields import (
    Names,
    check_count,
    check_keys,
    error,
    integer,
    mapping,
    number,
    text,
    value,
)
from red_timeloop.spec.loader import YamlMap
from red_timeloop.spec.types import Value

__all__ = [
    "COMPONENT_KEYS",
    "COMPUTE_WORDS",
    "LEAF_KEYS",
    "MOST_ATTRIBUTES",
    "Attribute",
    "attributes_of_node",
    "component_kind",
    "flat",
    "mesh_of",
    "scale",
]

STORAGE_WORDS = ("DRAM", "SRAM", "regfile", "smartbuffer", "storage")
COMPUTE_WORDS = ("mac", "intmac", "fpmac", "compute")
NETWORK_WORDS = ("XY_NoC", "Legacy", "ReductionTree", "SimpleMulticast")

MOST_ATTRIBUTES = 500  # of a node, or that nodes inherit: each level has them all
LEAF_KEYS = ("name", "attributes", "spatial", "constraints", "sparse_optimizations")
COMPONENT_KEYS = (
    *LEAF_KEYS,
    *("class", "subclass", "required_actions", "area_scale", "energy_scale", "enabled"),
)
Attribute = Value | abc.Mapping[str, Value]


def component_kind(node: YamlMap, name: str) -> Literal["storage", "compute"] | None:
    """Return what Timeloop takes the class for (it looks for known words in it, in this order)."""
    component_class = text(node, "class", name)
    if any(word in component_class for word in STORAGE_WORDS):
        return "storage"
    if any(word in component_class for word in COMPUTE_WORDS):
        return "compute"
    if any(word in component_class for word in NETWORK_WORDS):
        raise error("networks are not modelled", node, "class", path=name)
    if "nothing" in component_class:
        return None
    raise error(
        f"unknown class {component_class!r}",
        node,
        "class",
        path=name,
        legal="a word with one of " + ", ".join((*STORAGE_WORDS, *COMPUTE_WORDS)),
    )


def attributes_of_node(node: YamlMap, name: str, known: Names) -> dict[str, Attribute]:
    """Evaluate the attributes in order; each may name those before it."""
    section = mapping(node, "attributes", name)
    check_count(section, MOST_ATTRIBUTES, node, "attributes", name)
    path = f"{name}.attributes"
    result: dict[str, Attribute] = {}
    names = {**known, "attributes": result}
    for key, raw in section.items():
        if key in ("tag", "parent_node"):
            raise error("timeloopfe reserves this name for itself", section, key, path=path)
        if raw is None:
            continue
        if isinstance(raw, YamlMap):
            result[key] = {each: value(raw, each, f"{path}.{key}", names) for each in raw}
            continue
        result[key] = value(section, key, path, names)
        names[key] = result[key]
    return result


def flat(attributes: abc.Mapping[str, Attribute]) -> dict[str, object]:
    """Return the attributes that expressions may name: those that are no mappings."""
    return {key: item for key, item in attributes.items() if not isinstance(item, abc.Mapping)}


def mesh_of(
    node: YamlMap,
    name: str,
    known: Names,
    attributes: abc.Mapping[str, Attribute],
    within: tuple[tuple[int, int], ...],
) -> tuple[int, int]:
    """Return the fan-out along X and Y; 1 where none is given."""
    spatial = mapping(node, "spatial", name)
    if not spatial:
        return 1, 1
    known = {**known, **flat(attributes), "attributes": attributes}
    path = f"{name}.spatial"
    check_keys(spatial, ("meshX", "meshY"), path)
    x, y = (
        integer(spatial, axis, path, known, least=1) if spatial.get(axis) is not None else 1
        for axis in ("meshX", "meshY")
    )
    if within and (x, y) != (1, 1):
        raise error(f"the fan-out of {name!r} stands inside a !Parallel", node, "spatial")
    return x, y


def scale(node: YamlMap, key: str, name: str, known: Names) -> float:
    """Return a factor on energies or areas; 1 where none is given."""
    return number(node, key, name, known) if node.get(key) is not None else 1.0
