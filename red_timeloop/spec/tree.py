"""Reading an architecture in the tree of Timeloop v0.3, as timeloopfe writes it.

timeloopfe hands Timeloop a `parsed-processed-input.yaml`: `subtree` with `local` components, each
named with its instances (`mac[1..168]`) and with those along both axes, `meshX` and `meshY`, among
its attributes. Fan-outs stand at levels `inter_NAME_spatial` of class `dummy_storage`.
"""

from __future__ import annotations

import collections.abc as abc
import re
from dataclasses import replace
from typing import Any

from red_timeloop.spec.architecture import MOST_NODES, Branch, InlineConstraints
from red_timeloop.spec.fields import (
    check_count,
    check_keys,
    check_version,
    error,
    mapping,
    sequence,
    text,
    value,
)
from red_timeloop.spec.loader import YamlMap, type_name
from red_timeloop.spec.nodes import COMPONENT_KEYS, MOST_ATTRIBUTES, component_kind, scale
from red_timeloop.spec.storage import STORAGE_DEFAULTS, memory_fields
from red_timeloop.spec.types import Architecture, Level, Value

__all__ = ["read_tree"]

_NAME = re.compile(r"([^\[\]]+)(?:\[(\d+)\.\.(\d+)\])?")
_SPATIAL = re.compile(r"inter_(.+)_spatial")
_NODE_KEYS = ("name", "attributes", "local", "subtree")
_OF_TIMELOOP = ("has_power_gating", "power_gated_at", "version")
_MOST = 2**31


def read_tree(
    section: YamlMap, variables: abc.Mapping[str, Value]
) -> tuple[Architecture, tuple[InlineConstraints, ...], tuple[Branch, ...], tuple[str, ...]]:
    """Read an architecture with a `subtree`.

    Returns:
        What `read_architecture` does; nodes of a tree have no constraints and no branches.

    Raises:
        InputError: A node has an unknown key or class, a bad or missing attribute, a name that
            another has, instances that are no multiple of those outside of it, a fan-out that is
            not that of an `inter_NAME_spatial` level, or the last node does not compute.
    """
    check_version(section, "architecture", legal=("0.4", "0.3", "0.2"))
    check_keys(section, ("version", "subtree", "nodes"), "architecture")
    levels: list[tuple[Level, YamlMap]] = []
    top: dict[str, Value] = {}
    names: list[str] = []
    nodes = _nodes(section, "subtree", "architecture")
    instances = 1
    while nodes:
        if len(nodes) > 1:
            raise error("a subtree has two branches", nodes[1], path="architecture")
        (node,) = nodes
        check_keys(node, _NODE_KEYS, "architecture.subtree")
        name, count = _name(node, "architecture.subtree")
        names.append(name)
        instances *= count
        top.update(_attributes(node, name))
        check_count(top, MOST_ATTRIBUTES, node, "attributes", name)
        local = _nodes(node, "local", name)
        check_count([*levels, *local], MOST_NODES, node, "local", name)
        levels += [(_level(leaf, instances, top), leaf) for leaf in local]
        nodes = _nodes(node, "subtree", name)
    if not levels or levels[-1][0].kind != "compute":
        raise error("the last component must compute", section, "subtree", path="architecture")
    shown = {**variables, **{key: each for key, each in top.items() if key not in _OF_TIMELOOP}}
    architecture = Architecture(tuple(_with_meshes(levels)), names[0], shown)
    legal = (level.target for level in architecture.levels)
    return architecture, (), (), tuple(dict.fromkeys(legal))


def _nodes(section: YamlMap, key: str, path: str) -> list[YamlMap]:
    found = sequence(section, key, path)
    for node in found:
        if not isinstance(node, YamlMap):
            raise error(f"a node is {type_name(node)}, not a mapping", section, key, path=path)
    return list(found)


def _name(node: YamlMap, path: str) -> tuple[str, int]:
    """Return the name of a node without its range, and how many instances the range has."""
    found = _NAME.fullmatch(text(node, "name", path))
    if found is None:
        raise error(f"{node['name']!r} is no name", node, "name", path=path, legal="mac[1..168]")
    name, first, last = found.groups()
    count = int(last) - int(first) + 1 if first is not None else 1
    if not 1 <= count <= _MOST:
        raise error(f"{node['name']!r} has no instances", node, "name", path=path)
    return name, count


def _attributes(node: YamlMap, name: str) -> dict[str, Any]:
    """Return the attributes, which timeloopfe has evaluated: a bare word is text."""
    section = mapping(node, "attributes", name)
    check_count(section, MOST_ATTRIBUTES, node, "attributes", name)
    path = f"{name}.attributes"
    found: dict[str, Any] = {}
    for key, raw in section.items():
        if isinstance(raw, YamlMap):
            found[key] = {
                each: value(raw, each, f"{path}.{key}", bare_is_text=True) for each in raw
            }
        elif raw is not None:
            found[key] = value(section, key, path, bare_is_text=True)
    return found


def _level(node: YamlMap, outside: int, top: dict[str, Any]) -> Level:
    name, count = _name(node, "architecture.local")
    check_keys(node, COMPONENT_KEYS, name)
    kind: Any = component_kind(node, name)
    attributes = {**top, **_attributes(node, name)}
    attributes = {key: each for key, each in attributes.items() if key not in _OF_TIMELOOP[1:]}
    x, y = attributes.pop("meshX", None), attributes.pop("meshY", None)
    instances = outside * count
    x = instances // (y or 1) if x is None else x
    y = 1 if y is None else y
    if type(x) is not int or type(y) is not int or x * y != instances:
        raise error(
            f"meshX {x!r} times meshY {y!r} is not the number of instances",
            node,
            "attributes",
            path=name,
            legal=f"{instances}, as in the name",
        )
    spatial = _SPATIAL.fullmatch(name)
    if kind == "storage":
        attributes = {**STORAGE_DEFAULTS, **attributes}
    fields = memory_fields(mapping(node, "attributes", name), attributes, name, kind)
    is_dummy = spatial is not None and node["class"] == "dummy_storage"
    return Level(
        name=name,
        kind="spatial" if is_dummy else kind,
        target=spatial.group(1) if is_dummy and spatial else name,
        component_class=text(node, "class", name),
        subclass=text(node, "subclass", name, "") or None,
        attributes=attributes,
        instances_x=x,
        instances_y=y,
        required_actions=tuple(map(str, sequence(node, "required_actions", name))),
        area_scale=scale(node, "area_scale", name, {}),
        energy_scale=scale(node, "energy_scale", name, {}),
        **fields,
    )


def _with_meshes(levels: list[tuple[Level, YamlMap]]) -> abc.Iterator[Level]:
    seen: set[str] = set()
    for index, (level, node) in enumerate(levels):
        if level.name in seen:
            raise error(f"the name {level.name!r} is taken", node, "name", path="architecture")
        seen.add(level.name)
        if level.kind == "compute":
            if index + 1 < len(levels):
                raise error(f"{level.name!r} computes and is not last", node, path="architecture")
            yield level
            return
        inner = levels[index + 1][0]
        x, y = inner.instances_x, inner.instances_y
        if x % level.instances_x or y % level.instances_y:
            raise error(
                f"{inner.name!r} has {x} by {y} instances below {level.instances_x} by"
                f" {level.instances_y} of {level.name!r}",
                levels[index + 1][1],
                "name",
                path="architecture",
                legal="multiples",
            )
        mesh = x // level.instances_x, y // level.instances_y
        if mesh != (1, 1) and level.kind != "spatial":
            raise error(
                f"{level.name!r} keeps data and has a fan-out of {mesh[0]} by {mesh[1]}",
                node,
                "name",
                path="architecture",
                legal="a level inter_NAME_spatial of class dummy_storage before the fan-out",
            )
        yield replace(level, mesh_x=mesh[0], mesh_y=mesh[1])
