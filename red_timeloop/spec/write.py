"""Writing values as Timeloop v0.4 YAML that timeloopfe, Timeloop and this package read.

Everything is written out in full, so that the text means the same to every reader: all factors of
all dimensions, whole permutations, every `keep` and `bypass`.
"""

from __future__ import annotations

import collections.abc as abc
from typing import Any

from red_timeloop.spec.emit import Node, Text, to_yaml
from red_timeloop.spec.sparse import densities_section, optimizations_section
from red_timeloop.spec.storage import STORAGE_DEFAULTS, UNLIMITED
from red_timeloop.spec.tables import PICOJOULE, SQUARE_MICROMETRE
from red_timeloop.spec.types import (
    Architecture,
    ArtTable,
    Constraints,
    ErtTable,
    Level,
    LevelMapping,
    Loop,
    LoopConstraint,
    Mapping,
    Problem,
    Specification,
    Value,
)

__all__ = [
    "architecture_section",
    "art_section",
    "constraint_targets",
    "ert_section",
    "mapping_targets",
    "mapping_text",
    "problem_section",
    "specification_text",
    "variables_section",
]

VERSION = 0.4


def specification_text(specification: Specification) -> str:
    """Return a whole specification as YAML text.

    With a mapping, the text is for timeloop-model and leaves the constraints out (the mapping
    fulfils them); without, it is for timeloop-mapper and has them as
    `extra_mapping_constraints`.
    """
    content: dict[str, Any] = {"globals": {"version": VERSION, **_plain(specification.globals)}}
    content["variables"] = variables_section(specification.variables)
    content["architecture"] = architecture_section(specification.architecture)
    if specification.problem is not None:
        content["problem"] = problem_section(specification.problem)
    if specification.mapping is not None:
        assert specification.problem is not None
        content["mapping"] = mapping_targets(
            specification.mapping, specification.architecture, specification.problem
        )
    elif specification.constraints.levels:
        targets = constraint_targets(specification.constraints, specification.architecture)
        if targets:
            content["extra_mapping_constraints"] = {"version": VERSION, "targets": targets}
    if specification.mapper:
        content["mapper"] = {"version": VERSION, **_plain(specification.mapper)}
    if specification.ert is not None:
        content["ERT"] = ert_section(specification.ert, specification.architecture)
    if specification.art is not None:
        content["ART"] = art_section(specification.art, specification.architecture)
    return to_yaml(content)


def variables_section(variables: abc.Mapping[str, Value]) -> dict[str, Any]:
    """Return the value of the key `variables`."""
    return {"version": VERSION, **_attributes(variables)}


def _plain(section: abc.Mapping[str, object]) -> dict[str, object]:
    return {key: item for key, item in section.items() if key != "version"}


def _attributes(values: abc.Mapping[str, Any]) -> dict[str, Any]:
    """Quote text: a bare word would be evaluated as an expression."""
    return {
        key: Text(item) if isinstance(item, str) else item
        for key, item in values.items()
        if item is not None and key != "version"
    }


def architecture_section(architecture: Architecture) -> dict[str, Any]:
    """Return the value of the key `architecture`: containers, components, `!Parallel` nodes."""
    nodes: list[Any] = []
    if architecture.name and architecture.levels[0].target != architecture.name:
        nodes.append(Node("!Container", name=architecture.name))
    index, levels = 0, architecture.levels
    while index < len(levels):
        group = levels[index].parallel_group
        if group is None:
            index = _place(levels, index, nodes)
            continue
        end = index
        while end < len(levels) and levels[end].parallel_group == group:
            end += 1
        nodes.append(_parallel(levels[index:end]))
        index = end
    return {"version": VERSION, "nodes": nodes}


def _place(levels: abc.Sequence[Level], index: int, nodes: list[Any]) -> int:
    """Append the node of level `index`, return the index after what it covers."""
    level = levels[index]
    if level.kind != "spatial":
        nodes.append(_component(level))
        return index + 1
    mesh = {"meshX": level.mesh_x, "meshY": level.mesh_y}
    spatial = {axis: size for axis, size in mesh.items() if size != 1}
    inner = levels[index + 1]
    if inner.kind != "spatial" and inner.target == level.target:
        nodes.append(_component(inner, spatial))
        return index + 2
    nodes.append(Node("!Container", name=level.target, spatial=spatial))
    return index + 1


def _parallel(levels: abc.Sequence[Level]) -> Node:
    children: list[Any] = []
    for child in dict.fromkeys(level.parallel_child for level in levels):
        nodes: list[Any] = [_component(x) for x in levels if x.parallel_child == child]
        children.append(nodes[0] if len(nodes) == 1 else Node("!Hierarchical", nodes=nodes))
    return Node("!Parallel", nodes=children)


def _component(level: Level, spatial: dict[str, int] | None = None) -> Node:
    node = Node("!Component", name=level.name)
    node["class"] = level.component_class
    if level.subclass is not None:
        node["subclass"] = level.subclass
    defaults: dict[str, object] = {**STORAGE_DEFAULTS, "has_power_gating": False}
    if level.kind == "compute":
        defaults = {"has_power_gating": False}
    attributes = _attributes(
        {k: v for k, v in level.attributes.items() if k not in defaults or defaults[k] != v}
    )
    if level.kind == "storage" and level.size is None:
        attributes["depth"] = UNLIMITED
    if attributes:
        node["attributes"] = attributes
    if spatial:
        node["spatial"] = spatial
    if level.sparse:
        node["sparse_optimizations"] = optimizations_section(level.sparse)
    if level.required_actions:
        node["required_actions"] = list(level.required_actions)
    for key in ("area_scale", "energy_scale"):
        if getattr(level, key) != 1.0:
            node[key] = getattr(level, key)
    return node


def problem_section(problem: Problem) -> dict[str, Any]:
    """Return the value of the key `problem`; coefficients other than 1 get names of their own."""
    values = sorted(
        {c for space in problem.data_spaces for axis in space.projection for _, c in axis} - {1}
    )
    names = {value: f"coefficient_{value}" for value in values}
    spaces = []
    for space in problem.data_spaces:
        projection = [
            [[name] if c == 1 else [name, names[c]] for name, c in axis]
            for axis in space.projection
        ]
        entry: dict[str, Any] = {"name": space.name, "projection": projection}
        if space.read_write:
            entry["read_write"] = True
        spaces.append(entry)
    shape = {
        "name": problem.name or "problem",
        "dimensions": list(problem.dimensions),
        "coefficients": [{"name": names[value], "default": value} for value in values],
        "data_spaces": spaces,
    }
    instance: dict[str, Any] = dict(problem.sizes)
    if problem.densities:
        instance["densities"] = densities_section(problem.densities)
    return {"version": VERSION, "instance": instance, "shape": shape}


def mapping_targets(
    mapping: Mapping, architecture: Architecture, problem: Problem
) -> list[dict[str, Any]]:
    """Return the value of the key `mapping` as timeloopfe reads it: the files' names, lists."""
    targets: list[dict[str, Any]] = []
    for level in architecture.mapped_levels:
        chosen = mapping.levels[level.name]
        if level.kind == "spatial":
            targets.append(_spatial_target(level.target, chosen, problem))
            continue
        targets.append(_data_space_target(level.target, chosen))
        targets.append(_temporal_target(level.target, chosen, problem))
    return targets


def mapping_text(mapping: Mapping, architecture: Architecture, problem: Problem) -> str:
    """Return a mapping file in Timeloop's own spelling (`inter_row_spatial`, `P4 Q4`, `QP`).

    It needs dimension names of one character, as Timeloop does.
    """
    targets = []
    for level in reversed(architecture.mapped_levels):
        chosen = mapping.levels[level.name]
        found = [_data_space_target(level.name, chosen)]
        if level.kind == "spatial":
            found.append(_spatial_target(level.name, chosen, problem))
        found.append(_temporal_target(level.name, chosen, problem))
        for target in found:
            if "factors" in target:
                target["factors"] = Text(" ".join(target["factors"]).replace("=", ""))
                target["permutation"] = "".join(target["permutation"])
            if target["type"] == "dataspace":
                target["type"] = "datatype"
            targets.append(target)
    return to_yaml({"mapping": targets})


def _loops(
    loops: abc.Sequence[Loop],
    order: abc.Sequence[str],
    remainders: abc.Sequence[Loop],
    problem: Problem,
) -> tuple[list[str], list[str]]:
    """Return factors of all dimensions and their permutation, by default unit loops outermost."""
    factors = {name: str(factor) for name, factor in loops}
    rest = dict(remainders)
    for name in factors:
        factors[name] += f",{rest[name]}" if name in rest else ""
    full = list(order) or [*factors, *(n for n in problem.dimensions if n not in factors)]
    return [f"{name}={factors.get(name, 1)}" for name in problem.dimensions], full


def _temporal_target(name: str, chosen: LevelMapping, problem: Problem) -> dict[str, Any]:
    factors, order = _loops(
        chosen.temporal, chosen.temporal_order, chosen.temporal_remainders, problem
    )
    target: dict[str, Any] = {"target": name, "type": "temporal"}
    target.update(factors=factors, permutation=order)
    _lists(target, no_reuse=chosen.no_temporal_reuse, rmw_first_update=chosen.rmw_first_update)
    return target


def _spatial_target(name: str, chosen: LevelMapping, problem: Problem) -> dict[str, Any]:
    loops = (*chosen.spatial_x, *chosen.spatial_y)
    factors, order = _loops(loops, chosen.spatial_order, chosen.spatial_remainders, problem)
    split = len(chosen.spatial_x)
    if chosen.spatial_order:
        split = order.index(chosen.spatial_y[0][0]) if chosen.spatial_y else len(order)
    target: dict[str, Any] = {"target": name, "type": "spatial"}
    target.update(factors=factors, permutation=order, split=split)
    _lists(target, no_reuse=chosen.no_spatial_reuse, no_link_transfer=chosen.no_link_transfer)
    return target


def _data_space_target(name: str, chosen: LevelMapping) -> dict[str, Any]:
    target: dict[str, Any] = {"target": name, "type": "dataspace"}
    target.update(keep=list(chosen.keep), bypass=list(chosen.bypass))
    _lists(target, no_coalesce=chosen.no_coalesce)
    return target


def _lists(target: dict[str, Any], **found: abc.Sequence[str]) -> None:
    target.update({key: list(names) for key, names in found.items() if names})


def constraint_targets(
    constraints: Constraints, architecture: Architecture
) -> list[dict[str, Any]]:
    """Return the `targets` of a constraints section; what is free is left out."""
    targets: list[dict[str, Any]] = []
    for level in architecture.mapped_levels:
        if level.name not in constraints.levels:
            continue
        found = constraints.levels[level.name]
        spaces = found.data_spaces
        if level.kind == "spatial":
            targets += _constraint(level.target, "spatial", found.spatial)
            continue
        if spaces.keep or spaces.bypass or spaces.no_coalesce:
            target: dict[str, Any] = {"target": level.target, "type": "dataspace"}
            _lists(target, keep=spaces.keep, bypass=spaces.bypass, no_coalesce=spaces.no_coalesce)
            targets.append(target)
        targets += _constraint(level.target, "temporal", found.temporal)
        if found.max_overbooked_proportion is not None:
            share = found.max_overbooked_proportion
            kind = "max_overbooked_proportion"
            targets.append({"target": level.target, "type": kind, "proportion": share})
    if constraints.min_utilization:
        compute, least = architecture.compute.name, constraints.min_utilization
        targets.append({"target": compute, "type": "utilization", "min": least})
    return targets


def _constraint(name: str, kind: str, found: LoopConstraint) -> list[dict[str, Any]]:
    if found == LoopConstraint():
        return []
    target: dict[str, Any] = {"target": name, "type": kind}
    if found.factors:
        target["factors"] = [str(condition) for condition in found.factors]
    if found.outermost:
        target["permutation"] = Text("".join(found.permutation) + "_" + "".join(found.outermost))
    elif found.permutation:
        target["permutation"] = list(found.permutation)
    for key in ("split", "default_max_factor", "default_min_factor", "remainders"):
        if getattr(found, key) is not None:
            target[key] = getattr(found, key)
    _lists(
        target,
        no_reuse=found.no_reuse,
        no_link_transfer=found.no_link_transfer,
        rmw_first_update=found.rmw_first_update,
    )
    return [target]


def _table_names(architecture: Architecture) -> dict[str, str]:
    """Return the hierarchical name of each level, as Accelergy writes it."""
    top = f"{architecture.name}_top_level" if architecture.name else "top_level"
    return {
        level.name: f"{top}.{level.name}[1..{level.instances}]" for level in architecture.levels
    }


def _rounded(value: float, unit: float) -> float:
    """Return `value` in `unit`, without the last digits that the division invents."""
    return float(f"{value / unit:.15g}")


def ert_section(ert: ErtTable, architecture: Architecture) -> dict[str, Any]:
    """Return the value of the key `ERT`, energies in pJ, for the levels that the table prices."""
    cycle = architecture.variables.get("global_cycle_seconds")
    arguments: dict[str, Value] = {"action_latency_cycles": 1}
    if cycle is not None:
        arguments = {"global_cycle_seconds": cycle, **arguments}
    tables = [
        {
            "name": Text(name),
            "actions": [
                {"name": action, "arguments": arguments, "energy": _rounded(energy, PICOJOULE)}
                for action, energy in ert.energies[level].items()
            ],
        }
        for level, name in _table_names(architecture).items()
        if level in ert.energies
    ]
    return {"version": Text(VERSION), "tables": tables}


def art_section(art: ArtTable, architecture: Architecture) -> dict[str, Any]:
    """Return the value of the key `ART`, areas of one instance in um^2."""
    tables = [
        {"name": Text(name), "area": _rounded(art.areas[level], SQUARE_MICROMETRE)}
        for level, name in _table_names(architecture).items()
        if level in art.areas
    ]
    return {"version": Text(VERSION), "tables": tables}
