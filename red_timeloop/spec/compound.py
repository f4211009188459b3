"""Compound components: from the `components` section to the primitive ones that they consist of.

The rules are Accelergy's (accelergy/compound_component.py, action.py and parsing_utils.py of
version 0.4): what a name means, which scale applies where and which arguments are handed down.
"""

from __future__ import annotations

import collections.abc as abc
import itertools
import re
from dataclasses import dataclass, field
from math import prod
from typing import Any

from red_timeloop.errors import InputError
from red_timeloop.spec.expressions import evaluate
from red_timeloop.spec.fields import check_count, check_keys, error, mapping, sequence, text, value
from red_timeloop.spec.loader import YamlList, YamlMap, type_name

__all__ = [
    "HANDED_DOWN",
    "CompoundClass",
    "Primitive",
    "PrimitiveAction",
    "Resolved",
    "read_classes",
    "resolve",
]

Names = abc.Mapping[str, Any]

_MOST = 10_000  # classes, primitive parts of a component, or ways to call an action
_DEEPEST = 50  # classes in each other
_RANGE = re.compile(r"([^\[\]]+)\[(.+?)\.\.(.+)\]")
_INDEX = re.compile(r"\[[^\]]*\]")
_CLASS_KEYS = ("name", "attributes", "subcomponents", "actions")
_SUBCOMPONENT_KEYS = ("name", "class", "attributes", "area_scale", "energy_scale")
_ACTION_KEYS = ("name", "arguments", "energy_scale", "repeat")
# Accelergy hands these down to every subcomponent and every action that does not set them.
HANDED_DOWN = (
    "global_cycle_seconds",
    "action_latency_cycles",
    "cycle_seconds",
    "technology",
    "n_instances",
)


@dataclass(frozen=True)
class CompoundClass:
    """One class of the `components` section, as it is written.

    Attributes:
        name: What components name as `subclass` or `class`.
        attributes: Defaults; an expression may name attributes before it.
        subcomponents: Each with `name`, `class`, `attributes` and scales.
        actions: By name, each with `arguments` and the actions of subcomponents.
    """

    name: str
    attributes: YamlMap
    subcomponents: tuple[YamlMap, ...]
    actions: abc.Mapping[str, YamlMap]


@dataclass(frozen=True)
class Primitive:
    """A component that is not made of others; `area_scale` and `energy_scale` are those of all
    components around it, too, and `count` the copies of it in all."""

    name: str
    component_class: str
    attributes: Names
    count: int
    area_scale: float
    energy_scale: float


@dataclass(frozen=True)
class PrimitiveAction:
    """An action of a primitive that happens `times`, all counts and scales included."""

    part: Primitive
    action: str
    arguments: Names
    times: float


@dataclass(frozen=True)
class Resolved:
    """A component as its primitives.

    Attributes:
        parts: The primitives, for the area.
        actions: For each action the ways to call it (one for each combination of its arguments),
            each a tuple of what the primitives do.
    """

    parts: tuple[Primitive, ...]
    actions: abc.Mapping[str, tuple[tuple[PrimitiveAction, ...], ...]]


def read_classes(section: YamlMap) -> dict[str, CompoundClass]:
    """Read the value of the key `components` (or `compound_components`).

    Raises:
        InputError: A class or a part of one has no name, an unknown key or the wrong type.
    """
    check_keys(section, ("version", "classes"), "components")
    found: dict[str, CompoundClass] = {}
    for entry in _maps(section, "classes", "components"):
        name = text(entry, "name", "components.classes")
        check_keys(entry, _CLASS_KEYS, name)
        subcomponents = _maps(entry, "subcomponents", name)
        for each in subcomponents:
            text(each, "class", f"{name}.{text(each, 'name', name)}")
            check_keys(each, _SUBCOMPONENT_KEYS, f"{name}.{each['name']}")
        actions = {text(each, "name", name): each for each in _maps(entry, "actions", name)}
        for each in actions.values():
            check_keys(each, (*_ACTION_KEYS, "subcomponents"), f"{name}.{each['name']}")
        found[name] = CompoundClass(
            name, mapping(entry, "attributes", name), tuple(subcomponents), actions
        )
    return found


def resolve(
    name: str, component_class: str, attributes: Names, classes: abc.Mapping[str, CompoundClass]
) -> Resolved:
    """Return the primitives of a component of a compound class and what its actions make them do.

    Args:
        name: The component's name, for errors.
        component_class: A key of `classes`.
        attributes: Those of the component, inherited ones included.
        classes: All compound classes.

    Raises:
        InputError: An attribute that must be given is missing, an expression is not legal, a
            subcomponent or an action is not there, or a class holds itself.
    """
    definition = classes[component_class]
    known = {key: each for key, each in attributes.items() if each is not None}
    whole = _with_defaults(name, known, definition.attributes, {}, classes[component_class].name)
    root = _Node(name, definition, whole)
    found = list(itertools.islice(_build(root, classes, (component_class,)), _MOST + 1))
    check_count(found, _MOST, definition.attributes, "subcomponents", component_class)
    actions = {}
    for action, entry in definition.actions.items():
        path = f"{name}.{action}"
        ways = _ways(entry, whole, path)
        scale = float(entry.get("repeat") or entry.get("energy_scale") or 1)
        runs = (_run(root, entry, way, scale, 1, path) for way in ways)
        actions[action] = tuple(tuple(itertools.islice(run, _MOST + 1)) for run in runs)
        check_count(max(actions[action], key=len), _MOST, entry, "subcomponents", path)
    return Resolved(tuple(found), actions)


@dataclass
class _Node:
    """A compound component whose attributes are known; `children` by name without brackets."""

    name: str
    definition: CompoundClass
    attributes: Names
    count: int = 1
    area_scale: float = 1.0
    energy_scale: float = 1.0
    children: dict[str, _Node | Primitive] = field(default_factory=dict)


def _build(
    node: _Node, classes: abc.Mapping[str, CompoundClass], within: tuple[str, ...]
) -> abc.Iterator[Primitive]:
    """Fill in the children of a node; yield the primitives below."""
    for entry in node.definition.subcomponents:
        base, count = _counted(entry["name"], node.attributes, node.name)
        path = f"{node.name}.{base}"
        kind = str(entry["class"])
        if kind in within:
            raise error(f"the class {kind!r} holds itself", entry, "class", path=path)
        raw = mapping(entry, "attributes", path)
        attributes: dict[str, Any] = {}
        for key in raw:
            attributes[key] = value(raw, key, path, {**node.attributes, **attributes})
        attributes = _handed_down(node.attributes, attributes)
        inner = classes.get(kind)
        if inner is not None:
            if len(within) >= _DEEPEST:
                raise error("too many classes in each other", entry, path=path, legal=str(_DEEPEST))
            attributes = _with_defaults(path, attributes, inner.attributes, node.attributes, kind)
        names = {**node.attributes, **attributes}
        area = node.area_scale * _number(entry, "area_scale", path, names, raw)
        energy = node.energy_scale * _number(entry, "energy_scale", path, names, raw)
        if inner is None:
            part = Primitive(path, kind, attributes, node.count * count, area, energy)
            node.children[base] = part
            yield part
            continue
        child = _Node(path, inner, attributes, node.count * count, area, energy)
        node.children[base] = child
        yield from _build(child, classes, (*within, kind))


def _with_defaults(
    path: str, given: abc.Mapping[str, Any], defaults: YamlMap, around: Names, kind: str
) -> dict[str, Any]:
    """Return attributes with those of the class filled in; each may name those before it."""
    found = {key: each for key, each in given.items() if not around or key not in defaults}
    for key, raw in defaults.items():
        if given.get(key) is not None:
            found[key] = given[key]
        elif raw == "must_specify":
            raise InputError(
                f"the class {kind!r} needs this attribute", key=f"{path}.{key}", legal="a value"
            )
        else:
            found[key] = value(defaults, key, f"{path}.{key}", {**around, **found})
    return found


def _handed_down(around: Names, own: Names) -> dict[str, Any]:
    return {**own, **{key: around[key] for key in HANDED_DOWN if key in around and key not in own}}


def _ways(entry: YamlMap, attributes: Names, path: str) -> list[dict[str, Any]]:
    """Return every combination of the arguments of an action, whose values are ranges."""
    arguments = mapping(entry, "arguments", path)
    ranges = []
    for key, raw in arguments.items():
        low, dots, high = str(raw).partition("..")
        if not dots:
            raise error(f"{raw!r} is no range", arguments, key, path=path, legal="FIRST..LAST")
        bounds = [int(evaluate(each.strip(), attributes, key=path)) for each in (low, high)]  # type: ignore[arg-type]
        ranges.append(range(bounds[0], bounds[1] + 1))
    if not 1 <= prod(map(len, ranges)) <= _MOST:
        raise error("the ranges of the arguments", entry, path=path, legal=f"1 .. {_MOST} values")
    return [dict(zip(arguments, each, strict=True)) for each in itertools.product(*ranges)]


def _run(
    node: _Node, entry: YamlMap, arguments: Names, scale: float, times: int, path: str
) -> abc.Iterator[PrimitiveAction]:
    """Yield what an action of a compound component makes its primitives do."""
    names = {**node.attributes, **arguments}
    for called in _maps(entry, "subcomponents", path):
        base, count = _counted(text(called, "name", path), names, path)
        child = node.children.get(base)
        if child is None:
            raise error(f"no subcomponent {base!r}", called, "name", path=path, legal=node.children)
        for each in _maps(called, "actions", path):
            check_keys(each, _ACTION_KEYS, path)
            action = text(each, "name", path)
            where = f"{path}.{base}.{action}"
            key = "repeat" if each.get("repeat") is not None else "energy_scale"
            share = scale * _number(each, key, where, names)
            raw = mapping(each, "arguments", where)
            own: dict[str, Any] = {}
            for argument in raw:
                own[argument] = value(raw, argument, where, {**names, **own})
            own = _handed_down(names, own)
            number = times * count
            if isinstance(child, Primitive):
                yield PrimitiveAction(child, action, own, number * share * child.energy_scale)
                continue
            inner = child.definition.actions.get(action)
            if inner is None:  # Accelergy would take it for an action that costs nothing
                message = f"the class {child.definition.name!r} has no action {action!r}"
                raise error(message, each, path=where, legal=child.definition.actions)
            yield from _run(child, inner, own, share, number, where)


def _counted(name: str, names: Names, path: str) -> tuple[str, int]:
    """Return a name without its brackets, and how many components it stands for."""
    found = _RANGE.fullmatch(name)
    if found is None:
        return _INDEX.sub("", name), 1
    base, *bounds = found.groups()
    key = f"{path}.{base}"
    first, last = (evaluate(each.strip(), names, key=key) for each in bounds)
    for bound in (first, last):
        if isinstance(bound, bool) or not isinstance(bound, int | float):
            raise InputError(f"{name!r}: {bound!r} is no number", key=key)
    count = int(last) - int(first) + 1  # type: ignore[arg-type]
    if count < 1:
        raise InputError(f"{name!r} stands for {count} components", key=key, legal="1 or more")
    return base, count


def _number(
    entry: YamlMap, key: str, path: str, names: Names, fallback: YamlMap | None = None
) -> float:
    """Return a scale; 1 where there is none, in the attributes (`fallback`) either."""
    if entry.get(key) is None:
        if fallback is None or fallback.get(key) is None:
            return 1.0
        entry = fallback
    found = value(entry, key, path, names)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise error(f"{found!r} is no number", entry, key, path=path)
    return float(found)


def _maps(section: YamlMap, key: str, path: str) -> list[YamlMap]:
    """Return the mappings of a list, lists in it joined."""
    found: list[YamlMap] = []
    waiting: list[Any] = list(sequence(section, key, path))
    check_count(waiting, _MOST, section, key, path)
    for each in waiting:
        if isinstance(each, YamlList):
            waiting.extend(each)
            check_count(waiting, _MOST, section, key, path)
        elif isinstance(each, YamlMap):
            found.append(each)
        else:
            raise error(f"an entry is {type_name(each)}, not a mapping", section, key, path=path)
    return found
