"""Reading the `problem` section."""

from __future__ import annotations

import collections.abc as abc
from difflib import get_close_matches
from math import prod

from red_timeloop.errors import shown
from red_timeloop.spec.fields import (
    Names,
    boolean,
    check_count,
    check_keys,
    check_version,
    error,
    integer,
    mapping,
    sequence,
    text,
)
from red_timeloop.spec.loader import YamlList, YamlMap, type_name
from red_timeloop.spec.sparse import read_densities
from red_timeloop.spec.types import DataSpace, Problem

__all__ = ["read_problem", "unread_sizes"]

_SHAPE_KEYS = ("name", "dimensions", "coefficients", "data_spaces", "flatten")
_MOST_DIMENSIONS = 40  # and data spaces, coefficients, axes of one, terms of an axis
_COMPARED = 100  # sizes that are not read and are compared with those that are
_LARGEST = 2**31  # of a size or a coefficient
_MOST_POINTS = 2**62  # of the operation space or of a tensor: counts are 64-bit integers
_SPACE_KEYS = ("name", "projection", "read_write", "ranks")


def read_problem(section: YamlMap, variables: Names) -> Problem:
    """Read a problem: its shape, and the instance's sizes and coefficients.

    Args:
        section: The value of the key `problem`.
        variables: Values that expressions in `instance` may name.

    Raises:
        InputError: A key is unknown or missing, a size is not a whole number of 1 or more, or a
            projection names a dimension or coefficient that is not there.
    """
    check_version(section, "problem")
    check_keys(section, ("version", "instance", "shape"), "problem")
    if isinstance(section.get("shape"), str):
        raise error(
            f"the shape {section['shape']!r} is given by name; write the shape itself",
            section,
            "shape",
            path="problem",
        )
    for key in ("shape", "instance"):
        if not section.get(key):
            raise error(f"the key {key!r} is missing", section, path="problem")
    shape, instance = (mapping(section, key, "problem") for key in ("shape", "instance"))
    check_keys(shape, _SHAPE_KEYS, "problem.shape")
    if shape.get("flatten"):
        raise error("flattened dimensions are not modelled", shape, "flatten", path="problem.shape")
    dimensions = _dimensions(shape)
    coefficients = _coefficients(shape, instance, variables)
    sizes = _sizes(instance, dimensions, coefficients, variables)
    spaces = tuple(
        _data_space(entry, dimensions, coefficients)
        for entry in _entries(shape, "data_spaces", "problem.shape")
    )
    if not spaces:
        raise error("the key 'data_spaces' is missing", shape, path="problem.shape")
    seen: set[str] = set()
    for space in spaces:
        if space.name in seen:
            raise error(
                f"data space {space.name!r} given twice", shape, "data_spaces", path="problem.shape"
            )
        seen.add(space.name)
    _check_points(sizes, spaces, instance)
    if not any(space.read_write for space in spaces):
        raise error(
            "no data space is written; mark the output with 'read_write: True'",
            shape,
            "data_spaces",
            path="problem.shape",
        )
    found = [space.name for space in spaces]
    densities = read_densities(instance, found, "problem.instance", variables)
    return Problem(text(shape, "name", "problem.shape", ""), dimensions, sizes, spaces, densities)


def _entries(section: YamlMap, key: str, path: str) -> abc.Iterator[YamlMap]:
    found = sequence(section, key, path)
    check_count(found, _MOST_DIMENSIONS, section, key, path)
    for index, entry in enumerate(found):
        if not isinstance(entry, YamlMap):
            raise error(
                f"entry {index} is {type_name(entry)}, not a mapping", section, key, path=path
            )
        yield entry


def _dimensions(shape: YamlMap) -> tuple[str, ...]:
    path = "problem.shape"
    found = sequence(shape, "dimensions", path)
    check_count(found, _MOST_DIMENSIONS, shape, "dimensions", path)
    if not found:
        raise error("the key 'dimensions' is missing", shape, path=path)
    for name in found:
        if not isinstance(name, str) or not name.isidentifier():
            raise error(f"{name!r} is not a name", shape, "dimensions", path=path)
        if found.count(name) > 1:
            raise error(f"dimension {name!r} given twice", shape, "dimensions", path=path)
    return tuple(str(name) for name in found)


def _coefficients(shape: YamlMap, instance: YamlMap, variables: Names) -> dict[str, int]:
    path = "problem.shape.coefficients"
    values: dict[str, int] = {}
    for entry in _entries(shape, "coefficients", "problem.shape"):
        check_keys(entry, ("name", "default"), path)
        name = text(entry, "name", path)
        if instance.get(name) is not None:
            values[name] = _size(instance, name, "problem.instance", variables, 0)
        elif entry.get("default") is not None:
            values[name] = _size(entry, "default", path, variables, 0)
        else:
            raise error(f"coefficient {name!r} has neither a value nor a default", entry, path=path)
    return values


def _sizes(
    instance: YamlMap,
    dimensions: tuple[str, ...],
    coefficients: abc.Mapping[str, int],
    variables: Names,
) -> dict[str, int]:
    path = "problem.instance"
    for name in _unread(instance, dimensions, coefficients):
        integer(instance, name, path, variables)
    for name in dimensions:
        if instance.get(name) is None:
            raise error(f"dimension {name!r} has no size", instance, path=path, legal=dimensions)
    return {name: _size(instance, name, path, variables, 1) for name in dimensions}


def _size(section: YamlMap, key: str, path: str, variables: Names, least: int) -> int:
    found = integer(section, key, path, variables, least=least)
    if found > _LARGEST:
        raise error(f"{shown(found)} is too large", section, key, path=path, legal="up to 2**31")
    return found


def _check_points(
    sizes: abc.Mapping[str, int], spaces: abc.Iterable[DataSpace], at: YamlMap
) -> None:
    """Refuse a problem whose counts 64-bit integers cannot hold."""
    amounts = {"operations": prod(sizes.values())}
    for space in spaces:
        amounts[f"words of {space.name}"] = prod(
            1 + sum(factor * (sizes[name] - 1) for name, factor in axis)
            for axis in space.projection
        )
    for what, amount in amounts.items():
        if amount > _MOST_POINTS:
            raise error(
                f"there are {shown(amount)} {what}",
                at,
                path="problem.instance",
                legal="up to 2**62",
            )


def _unread(instance: YamlMap, *known: abc.Iterable[str]) -> list[str]:
    names = {*(name for each in known for name in each), "densities", "commonDensity"}
    return [name for name in instance if name not in names and "ignore" not in name]


def unread_sizes(section: YamlMap) -> tuple[str, ...]:
    """Return notes on the keys of `problem.instance` that are no dimension or coefficient.

    timeloopfe takes any whole number there and Timeloop looks up those that it knows, so that a
    misspelled stride is the default. A section that `read_problem` has read.
    """
    shape, instance = (mapping(section, key, "problem") for key in ("shape", "instance"))
    known = [str(name) for name in sequence(shape, "dimensions", "problem.shape")]
    known += [str(entry["name"]) for entry in sequence(shape, "coefficients", "problem.shape")]
    notes, others = [], []
    unread = _unread(instance, known)
    for name in unread[:_COMPARED]:
        lower = {each.lower(): each for each in known}
        near = lower.get(name.lower())
        if near is None:
            absent = [each for each in known if each not in instance]
            near = next(iter(get_close_matches(name, absent, 1, 0.8)), None)
        if near is not None:
            where = instance.where(name)
            notes.append(f"{where}: problem.instance.{name}: not read, did you mean {near!r}?")
        else:
            others.append(name)
    others += unread[_COMPARED:]
    if others:
        listed = shown_names(others)
        notes.append(f"{instance.where()}: problem.instance: {listed}: no dimension, not read")
    return tuple(notes)


def shown_names(names: abc.Sequence[str], most: int = 10) -> str:
    """Return names in one line, not more than `most` of them."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def _data_space(
    entry: YamlMap, dimensions: tuple[str, ...], coefficients: abc.Mapping[str, int]
) -> DataSpace:
    check_keys(entry, _SPACE_KEYS, "problem.shape.data_spaces")
    name = text(entry, "name", "problem.shape.data_spaces")
    path = f"problem.shape.data_spaces.{name}"
    axes = sequence(entry, "projection", path)
    for each in (axes, *(axis for axis in axes if isinstance(axis, list))):
        check_count(each, _MOST_DIMENSIONS, entry, "projection", path)
    flat = all(isinstance(axis, str) for axis in axes)
    projection = tuple(
        tuple(
            _term(term, entry, path, dimensions, coefficients)
            for term in ([[axis]] if flat else _terms(axis, entry, path))
        )
        for axis in axes
    )
    return DataSpace(name, projection, boolean(entry, "read_write", path, False))


def _terms(axis: object, entry: YamlMap, path: str) -> YamlList:
    if not isinstance(axis, YamlList) or not axis:
        raise error(
            f"an axis is {axis!r}",
            entry,
            "projection",
            path=path,
            legal="[C, M] or a list of axes, each a list of terms: [[[C]], [[P, stride], [R]]]",
        )
    return axis


def _term(
    term: object,
    entry: YamlMap,
    path: str,
    dimensions: tuple[str, ...],
    coefficients: abc.Mapping[str, int],
) -> tuple[str, int]:
    if not isinstance(term, list) or not 1 <= len(term) <= 2:
        raise error(
            f"a term is {term!r}",
            entry,
            "projection",
            path=path,
            legal="[dimension] or [dimension, coefficient]",
        )
    if not isinstance(term[0], str) or term[0] not in dimensions:
        raise error(
            f"unknown dimension {term[0]!r}", entry, "projection", path=path, legal=dimensions
        )
    if len(term) == 1:
        return str(term[0]), 1
    if not isinstance(term[1], str) or term[1] not in coefficients:
        legal = ", ".join(coefficients) or "none defined"
        raise error(f"unknown coefficient {term[1]!r}", entry, "projection", path=path, legal=legal)
    return str(term[0]), coefficients[term[1]]
