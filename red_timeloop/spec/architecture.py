"""Reading the `architecture` section: nodes are flattened as Timeloop's front end does it.

Containers become levels `inter_<name>_spatial` where their fan-out is not 1 and vanish otherwise;
their attributes are passed on to every component after them; fan-outs multiply downwards.
"""

from __future__ import annotations

import collections.abc as abc
from dataclasses import dataclass, field, replace
from typing import Any

from red_timeloop.errors import InputError
from red_timeloop.spec.expressions import NodeName
from red_timeloop.spec.fields import (
    boolean,
    check_count,
    check_keys,
    check_version,
    error,
    mapping,
    sequence,
    text,
)
from red_timeloop.spec.known import Known
from red_timeloop.spec.loader import TAGS, YamlList, YamlMap, type_name
from red_timeloop.spec.nodes import (
    COMPONENT_KEYS,
    COMPUTE_WORDS,
    LEAF_KEYS,
    MOST_ATTRIBUTES,
    Attribute,
    attributes_of_node,
    component_kind,
    flat,
    mesh_of,
    scale,
)
from red_timeloop.spec.sparse import read_optimizations
from red_timeloop.spec.storage import STORAGE_DEFAULTS, UNLIMITED, memory_fields
from red_timeloop.spec.types import Architecture, Level, Value

__all__ = ["Branch", "InlineConstraints", "read_architecture"]

MOST_NODES = 200  # an engine looks at every pair of levels
_BRANCH_KEYS = ("nodes", "version", "name")
_CONTAINER_KEYS = (*LEAF_KEYS, "networks")


@dataclass(frozen=True)
class InlineConstraints:
    """The `constraints` block of one node; `target` is the node's name."""

    target: str
    block: YamlMap


@dataclass(frozen=True)
class Branch:
    """One child of a `!Parallel` node, for resolving which data space goes through which child."""

    parallel: int
    child: int
    levels: tuple[str, ...]
    absent: tuple[str, ...]  # targets of nodes in it that are no levels of their own
    enclosing: tuple[tuple[int, int], ...]  # (parallel, child) it is nested in, outermost first


@dataclass
class _Walk:
    """What is known while walking down the nodes."""

    variables: dict[str, object]
    inherited: dict[str, Attribute] = field(default_factory=dict)
    mesh: tuple[int, int] = (1, 1)
    levels: list[Level] = field(default_factory=list)
    constraints: list[InlineConstraints] = field(default_factory=list)
    branches: dict[tuple[int, int], list[str]] = field(default_factory=dict)
    absent: dict[tuple[int, int], list[str]] = field(default_factory=dict)  # nodes without levels
    enclosing: dict[tuple[int, int], tuple[tuple[int, int], ...]] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)  # name -> where it was given
    known: Known = field(default_factory=Known)
    groups: int = 0
    first: bool = True
    name: str = ""


@dataclass(frozen=True)
class _Made:
    """What a container or a component gives; a component without levels is switched off."""

    levels: tuple[Level, ...]
    attributes: abc.Mapping[str, Attribute] = field(default_factory=dict)  # of its own
    mesh: tuple[int, int] = (1, 1)
    members: abc.Mapping[str, Any] = field(default_factory=dict)  # for the nodes that follow


def read_architecture(
    section: YamlMap, variables: abc.Mapping[str, Value], known: Known
) -> tuple[Architecture, tuple[InlineConstraints, ...], tuple[Branch, ...], tuple[str, ...]]:
    """Read an architecture.

    Args:
        section: The value of the key `architecture`.
        variables: The variables, evaluated.
        known: What was read of this section before.

    Returns:
        The architecture, the nodes' own constraints, the branches of its `!Parallel` nodes, and
        the names that a constraint may have as its target.

    Raises:
        InputError: A node has an unknown tag, key or class, a bad or missing attribute, a name
            that another node has, or the last node does not compute.
    """
    check_version(section, "architecture")
    check_keys(section, _BRANCH_KEYS, "architecture")
    if not section.get("nodes"):
        raise error("the key 'nodes' is missing", section, path="architecture")
    names = list(_node_names(section))
    check_count(names, MOST_NODES, section, "nodes", "architecture")
    walk = _Walk({**variables, **{name: NodeName() for name in names}}, known=known)
    _nodes(section, walk, (), direct=False)
    if not walk.levels or walk.levels[-1].kind != "compute":
        last = walk.levels[-1].name if walk.levels else "none"
        raise error(
            f"the last node must compute, got {last!r}",
            section,
            "nodes",
            path="architecture",
            legal="a class with one of " + ", ".join(COMPUTE_WORDS),
        )
    branches = tuple(
        Branch(*key, tuple(names), tuple(walk.absent.get(key, ())), walk.enclosing[key])
        for key, names in walk.branches.items()
    )
    architecture = Architecture(tuple(walk.levels), walk.name, dict(variables))
    return architecture, tuple(walk.constraints), branches, tuple(walk.targets)


def _node_names(section: YamlMap) -> abc.Iterator[str]:
    """Yield the names of all containers and components."""
    nodes = section.get("nodes")
    for node in nodes if isinstance(nodes, YamlList) else ():
        if isinstance(node, YamlMap):
            if "nodes" in node:
                yield from _node_names(node)
            elif isinstance(node.get("name"), str):
                yield str(node["name"])


def _nodes(
    section: YamlMap, walk: _Walk, enclosing: tuple[tuple[int, int], ...], *, direct: bool
) -> None:
    """Walk the children; `direct` says that they stand immediately under a `!Parallel`."""
    group = walk.groups
    if direct:
        walk.groups += 1
    for index, node in enumerate(sequence(section, "nodes", "architecture")):
        if not isinstance(node, YamlMap) or node.tag not in TAGS:
            raise error(
                f"node {index} is {type_name(node)} without a tag",
                node if isinstance(node, YamlMap) else section,
                None if isinstance(node, YamlMap) else "nodes",
                path="architecture",
                legal=TAGS,
            )
        within = enclosing
        if direct:
            within = (*enclosing, (group, index))
            walk.branches[within[-1]] = []
            walk.enclosing[within[-1]] = enclosing
        _node(node, walk, within, direct)


def _node(node: YamlMap, walk: _Walk, within: tuple[tuple[int, int], ...], direct: bool) -> None:
    if node.tag == "!Nothing":
        _nothing(node, walk, within)
        return
    if node.tag in ("!Hierarchical", "!Parallel", "!Pipelined"):
        check_keys(node, _BRANCH_KEYS, node.tag)
        _nodes(node, walk, within, direct=node.tag == "!Parallel")
        return
    name, container = _name(node, walk), node.tag == "!Container"
    made = walk.known.node(
        node,
        name,
        walk.variables,
        walk.inherited,
        walk.mesh,
        lambda: (_container if container else _component)(node, name, walk, within, direct),
    )
    for level in made.levels:
        _add(walk, level, within)
    if container:
        walk.name = name if walk.first else walk.name
        walk.inherited.update(made.attributes)
        check_count(walk.inherited, MOST_ATTRIBUTES, node, "attributes", name)
    if container or not made.levels:
        _absent(node, name, walk, within)
    else:
        _constraints(node, name, walk)
    walk.mesh = walk.mesh[0] * made.mesh[0], walk.mesh[1] * made.mesh[1]
    found = walk.variables[name]
    assert isinstance(found, NodeName)
    found.members = made.members
    walk.first = False


def _nothing(node: YamlMap, walk: _Walk, within: tuple[tuple[int, int], ...]) -> None:
    """Remember what a node that is no level keeps: it sends data spaces through its branch."""
    check_keys(node, COMPONENT_KEYS, node.tag)
    name = text(node, "name", node.tag, "nothing")
    if name in walk.targets:
        name = f"{name} ({node.where()})"
    walk.targets[name] = node.where("name")
    _absent(node, name, walk, within)


def _absent(node: YamlMap, name: str, walk: _Walk, within: tuple[tuple[int, int], ...]) -> None:
    for branch in within:
        walk.absent.setdefault(branch, []).append(name)
    _constraints(node, name, walk)


def _name(node: YamlMap, walk: _Walk) -> str:
    name = text(node, "name", node.tag)
    if name in walk.targets:
        raise error(
            f"the name {name!r} is taken, first at {walk.targets[name]}",
            node,
            "name",
            path=node.tag,
        )
    walk.targets[name] = node.where("name")
    return name


def _container(
    node: YamlMap, name: str, walk: _Walk, within: tuple[tuple[int, int], ...], direct: bool
) -> _Made:
    check_keys(node, _CONTAINER_KEYS, name)
    if direct:
        raise error(
            f"the container {name!r} stands directly under a !Parallel",
            node,
            legal="components, or a !Hierarchical that holds the container",
        )
    if node.get("networks"):
        raise error("networks are not modelled", node, "networks", path=name)
    if node.get("sparse_optimizations"):
        raise error(
            "sparse optimizations of a container are not modelled",
            node,
            "sparse_optimizations",
            path=name,
        )
    known = {**walk.variables, **flat(walk.inherited)}
    attributes = attributes_of_node(node, name, known)
    mesh = mesh_of(node, name, known, attributes, within)
    return _Made(_fan_out(name, mesh, walk), attributes, mesh, _members(name, attributes, mesh))


def _component(
    node: YamlMap, name: str, walk: _Walk, within: tuple[tuple[int, int], ...], direct: bool
) -> _Made:
    check_keys(node, COMPONENT_KEYS, name)
    known = {**walk.variables, **flat(walk.inherited)}
    kind = component_kind(node, name)
    if kind is None or not boolean(node, "enabled", name, True, known):
        return _Made(())
    attributes = attributes_of_node(node, name, known)
    mesh = mesh_of(node, name, known, attributes, within)
    if direct and mesh != (1, 1):
        raise error(f"{name!r} stands under a !Parallel and has a fan-out", node, "spatial")
    if kind == "storage":
        attributes = {**STORAGE_DEFAULTS, **attributes}
        if attributes.get("depth") == UNLIMITED:
            del attributes["depth"]
    members = _members(name, attributes, mesh)
    attributes.setdefault("has_power_gating", False)
    attributes = {**walk.inherited, **attributes}
    common: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "target": name,
        "component_class": text(node, "class", name),
        "subclass": text(node, "subclass", name, "") or None,
        "attributes": attributes,
        "instances_x": walk.mesh[0] * mesh[0],
        "instances_y": walk.mesh[1] * mesh[1],
        "required_actions": tuple(map(str, sequence(node, "required_actions", name))),
        "area_scale": scale(node, "area_scale", name, known),
        "energy_scale": scale(node, "energy_scale", name, known),
        "sparse": read_optimizations(mapping(node, "sparse_optimizations", name), name),
    }
    memory = memory_fields(mapping(node, "attributes", name), attributes, name, kind)
    levels = (*_fan_out(name, mesh, walk), Level(**common, **memory))
    return _Made(levels, mesh=mesh, members=members)


def _members(
    name: str, attributes: abc.Mapping[str, Attribute], mesh: tuple[int, int]
) -> dict[str, Any]:
    """Return what the nodes that follow can name of a node."""
    spatial = {"meshX": mesh[0], "meshY": mesh[1]}
    return {"name": name, "attributes": dict(attributes), "spatial": spatial}


def _fan_out(name: str, mesh: tuple[int, int], walk: _Walk) -> tuple[Level, ...]:
    """Return the level that owns a fan-out, if there is one."""
    if mesh == (1, 1):
        return ()
    attributes: dict[str, Attribute] = {**walk.inherited, **STORAGE_DEFAULTS}
    attributes.update(width=1, depth=1, datawidth=1, technology=-1, has_power_gating=False)
    level = Level(
        name=f"inter_{name}_spatial",
        kind="spatial",
        target=name,
        component_class="dummy_storage",
        attributes=attributes,
        instances_x=walk.mesh[0],
        instances_y=walk.mesh[1],
        mesh_x=mesh[0],
        mesh_y=mesh[1],
        depth=1,
        width=1,
        datawidth=1,
        size=1,
    )
    return (level,)


def _add(walk: _Walk, level: Level, within: tuple[tuple[int, int], ...]) -> None:
    if walk.levels and walk.levels[-1].kind == "compute":
        raise InputError(
            f"{level.name!r} stands after the compute level {walk.levels[-1].name!r}",
            key="architecture",
            legal="the compute level last",
        )
    for branch in within:
        walk.branches[branch].append(level.name)
    if within:
        group, child = within[0]
        level = replace(level, parallel_group=group, parallel_child=child)
    walk.levels.append(level)


def _constraints(node: YamlMap, name: str, walk: _Walk) -> None:
    if node.get("constraints"):
        block = mapping(node, "constraints", name)
        walk.constraints.append(InlineConstraints(name, block))
