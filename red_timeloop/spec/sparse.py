"""Reading and writing densities and `sparse_optimizations`."""

from __future__ import annotations

import collections.abc as abc
from dataclasses import replace
from typing import Any

from red_timeloop.errors import InputError
from red_timeloop.spec.fields import (
    Names,
    check_keys,
    check_version,
    error,
    integer,
    mapping,
    number,
    sequence,
    text,
)
from red_timeloop.spec.loader import YamlMap, type_name
from red_timeloop.spec.sparsity import (
    ACTIONS,
    COMPUTE_ACTIONS,
    DISTRIBUTIONS,
    FORMATS,
    Action,
    ActionOptimization,
    Condition,
    Density,
    MetadataStorage,
    Rank,
    SparseOptimizations,
)
from red_timeloop.spec.types import Architecture, Level, Problem

__all__ = [
    "check_optimizations",
    "densities_section",
    "metadata_storage",
    "optimizations_section",
    "read_densities",
    "read_optimizations",
    "read_targets",
]

_SPELLINGS = {
    "fixed": "fixed_structured",
    "fixed-structured": "fixed_structured",
    "skipping_spatial": "spatial_skipping",  # Timeloop's own spelling
    "gate_on_zero_operand": "gating",
    "skip_on_not_aligned_operands": "skipping",
}
_KEYS = ("representation_format", "action_optimization", "compute_optimization")
_DENSITY_KEYS = ("distribution", "density", "band_width", "workload_tensor_size")


def read_densities(
    instance: YamlMap, data_spaces: abc.Sequence[str], path: str, variables: Names
) -> dict[str, Density]:
    """Read `densities`, or `commonDensity` for all data spaces.

    Args:
        instance: The section `problem.instance`.
        data_spaces: Names that may have a density.
        path: Name of the section, for errors.
        variables: Values that expressions may name.

    Raises:
        InputError: A data space or distribution is unknown, or a density is not 0 to 1.
    """
    if instance.get("commonDensity") is not None:
        common = _density(instance, "commonDensity", path, variables)
        return dict.fromkeys(data_spaces, common)
    section = mapping(instance, "densities", path)
    path = f"{path}.densities"
    check_keys(section, data_spaces, path)
    return {
        name: _density(section, name, path, variables)
        for name in section
        if name in data_spaces and section[name] is not None
    }


def _density(section: YamlMap, key: str, path: str, variables: Names) -> Density:
    if not isinstance(section[key], YamlMap):  # a number alone
        return Density("fixed_structured", _share(section, key, path, variables))
    given, path = mapping(section, key, path), f"{path}.{key}"
    check_keys(given, _DENSITY_KEYS, path)
    distribution = text(given, "distribution", path, "fixed_structured")
    distribution = _SPELLINGS.get(distribution, distribution)
    if distribution not in DISTRIBUTIONS:
        raise error(
            f"the distribution {distribution!r} is not modelled",
            given,
            "distribution",
            path=path,
            legal=DISTRIBUTIONS,
        )
    if given.get("density") is None and distribution != "banded":
        raise error("the key 'density' is missing", given, path=path)
    has_width = distribution == "banded" and given.get("band_width") is not None
    return Density(
        distribution,
        _share(given, "density", path, variables) if given.get("density") is not None else 1.0,
        integer(given, "band_width", path, variables) if has_width else 0,
    )


def _share(section: YamlMap, key: str, path: str, variables: Names) -> float:
    found = number(section, key, path, variables)
    if found > 1:
        raise error(f"{found} is more than 1", section, key, path=path, legal="0 to 1")
    return float(found)


def read_optimizations(section: YamlMap, path: str) -> SparseOptimizations:
    """Read the `sparse_optimizations` of one level.

    Raises:
        InputError: A key, format or type is unknown, or a part is missing; `path` and the key say
            where.
    """
    if not section:  # as at most levels
        return SparseOptimizations()
    check_keys(section, (*_KEYS, "name", "target"), path)
    formats = mapping(section, "representation_format", path)
    place = f"{path}.representation_format"
    check_keys(formats, ("data_spaces",), place)
    ranks: dict[str, tuple[Rank, ...]] = {}
    for entry in _entries(formats, "data_spaces", place):
        check_keys(entry, ("name", "ranks"), place)
        name = text(entry, "name", place)
        if name in ranks:
            raise error(f"{name!r} given twice", entry, "name", path=place)
        ranks[name] = _ranks(entry, f"{place}.{name}")
    return SparseOptimizations(
        {name: found for name, found in ranks.items() if found},
        tuple(_actions(section, path)),
        tuple(_compute(section, path)),
    )


def _entries(section: YamlMap, key: str, path: str) -> abc.Iterator[YamlMap]:
    for entry in sequence(section, key, path):
        if not isinstance(entry, YamlMap):
            raise error(f"an entry is {type_name(entry)}, not a mapping", section, key, path=path)
        yield entry


def _ranks(entry: YamlMap, path: str) -> tuple[Rank, ...]:
    ranks: list[Rank] = []
    for given in _entries(entry, "ranks", path):
        check_keys(
            given, ("format", "flattened_rankIDs", "metadata_word_bits", "payload_word_bits"), path
        )
        name = text(given, "format", path).upper()
        if name not in FORMATS:
            raise error(
                f"the format {name!r} is not modelled", given, "format", path=path, legal=FORMATS
            )
        if name == "UOP" and any(rank.compressed for rank in ranks):
            raise error(
                "an uncompressed rank (UOP) below a compressed one", given, "format", path=path
            )
        lists = [
            tuple(map(str, each)) if isinstance(each, list) else (str(each),)
            for each in sequence(given, "flattened_rankIDs", path)
        ]
        bits = [
            integer(given, key, path) if given.get(key) is not None else None
            for key in ("metadata_word_bits", "payload_word_bits")
        ]
        ranks.append(Rank(name, tuple(lists), *bits))
    return tuple(ranks)


def _actions(section: YamlMap, path: str) -> abc.Iterator[ActionOptimization]:
    place = f"{path}.action_optimization"
    for entry in _entries(section, "action_optimization", path):
        check_keys(entry, ("type", "options", "target", "condition_on"), place)
        kind = _kind(entry, place, ACTIONS)
        given = list(_entries(entry, "options", place)) or [entry]
        options = []
        for option in given:
            for key in ("target", "condition_on"):
                if option.get(key) is None:
                    raise error(f"the key {key!r} is missing", option, path=place)
            conditions = option["condition_on"]
            listed = conditions if isinstance(conditions, list) else str(conditions).split()
            options.append(Condition(text(option, "target", place), tuple(map(str, listed))))
        action: Action = next(each for each in ACTIONS if each == kind)
        if action == "spatial_skipping" and len(options) > 1:
            raise error("spatial skipping has no options to choose from", entry, path=place)
        yield ActionOptimization(action, tuple(options))


def _compute(section: YamlMap, path: str) -> abc.Iterator[str]:
    place = f"{path}.compute_optimization"
    for entry in _entries(section, "compute_optimization", path):
        check_keys(entry, ("type",), place)
        yield _kind(entry, place, COMPUTE_ACTIONS)


def _kind(entry: YamlMap, path: str, legal: abc.Sequence[str]) -> str:
    kind = text(entry, "type", path)
    kind = _SPELLINGS.get(kind, kind)
    if kind not in legal:
        raise error(f"unknown type {kind!r}", entry, "type", path=path, legal=legal)
    return kind


def read_targets(section: YamlMap, architecture: Architecture) -> Architecture:
    """Return `architecture` with the optimizations of the section `sparse_optimizations`.

    Raises:
        InputError: A target is no level, or its optimizations are malformed.
    """
    if not section:
        return architecture
    check_version(section, "sparse_optimizations")
    check_keys(section, ("version", "targets"), "sparse_optimizations")
    levels = list(architecture.levels)
    for entry in _entries(section, "targets", "sparse_optimizations"):
        key = "target" if "target" in entry else "name"
        name = text(entry, key, "sparse_optimizations")
        found = [i for i, level in enumerate(levels) if name in (level.name, level.target)]
        if not found:
            raise error(
                f"unknown level {name!r}",
                entry,
                key,
                path="sparse_optimizations",
                legal=architecture.names,
            )
        sparse = read_optimizations(entry, f"sparse_optimizations.{name}")
        position = found[-1]
        if levels[position].sparse and sparse:
            raise error(f"{name!r} given twice", entry, key, path="sparse_optimizations")
        levels[position] = replace(levels[position], sparse=sparse)
    return replace(architecture, levels=tuple(levels))


def check_optimizations(architecture: Architecture, problem: Problem) -> None:
    """Refuse optimizations that name what the problem does not have, or stand at a wrong level.

    Raises:
        InputError: Names level and data space or dimension.
    """
    for level in architecture.levels:
        key = f"{level.name}.sparse_optimizations"
        for name in level.sparse.data_spaces:
            if name not in problem.data_space_names:
                raise InputError(
                    f"unknown data space {name!r}", key=key, legal=problem.data_space_names
                )
        ranks = [rank for found in level.sparse.formats.values() for rank in found]
        for dimension in (d for rank in ranks for listed in rank.flattened for d in listed):
            if dimension not in problem.dimensions:
                raise InputError(
                    f"unknown dimension {dimension!r}", key=key, legal=problem.dimensions
                )
        if level.sparse.compute and level.kind != "compute":
            raise InputError("no compute level", key=f"{key}.compute_optimization")
        if level.kind == "compute" and (level.sparse.formats or level.sparse.actions):
            raise InputError("the compute level stores nothing", key=key)


def metadata_storage(level: Level) -> MetadataStorage:
    """Return the metadata storage that the attributes of a level describe.

    Raises:
        InputError: An attribute is no whole number, or no truth value.
    """

    def whole(*keys: str) -> int:
        for key in keys:
            found = level.attributes.get(key)
            if found is None:
                continue
            if isinstance(found, bool) or not isinstance(found, int) or found < 0:
                raise InputError(
                    f"expected a whole number, got {found!r}", key=f"{level.name}.{key}"
                )
            return found
        return 0

    def flag(key: str) -> bool:
        found = level.attributes.get(key, False)
        if found not in (True, False, "True", "False", "true", "false"):
            raise InputError(f"expected true or false, got {found!r}", key=f"{level.name}.{key}")
        return str(found).lower() == "true" or found == 1

    return MetadataStorage(
        width=whole("metadata_storage_width", "metadata_width"),
        depth=whole("metadata_storage_depth", "metadata_depth"),
        word_bits=whole("metadata_datawidth", "metadata_word_bits"),
        decompression=flag("decompression_supported"),
        compression=flag("compression_supported"),
    )


def densities_section(densities: abc.Mapping[str, Density]) -> dict[str, Any]:
    """Return the value of the key `densities`."""
    return {
        name: {"distribution": each.distribution, "density": each.density}
        | ({"band_width": each.band_width} if each.distribution == "banded" else {})
        for name, each in densities.items()
    }


def optimizations_section(sparse: SparseOptimizations) -> dict[str, Any]:
    """Return the value of the key `sparse_optimizations` of one level."""
    section: dict[str, Any] = {}
    if sparse.formats:
        spaces = [
            {"name": name, "ranks": [_rank_entry(rank) for rank in ranks]}
            for name, ranks in sparse.formats.items()
        ]
        section["representation_format"] = {"data_spaces": spaces}
    if sparse.actions:
        section["action_optimization"] = [
            {
                "type": action.type,
                "options": [
                    {"target": option.target, "condition_on": list(option.condition_on)}
                    for option in action.options
                ],
            }
            for action in sparse.actions
        ]
    if sparse.compute:
        section["compute_optimization"] = [{"type": kind} for kind in sparse.compute]
    return section


def _rank_entry(rank: Rank) -> dict[str, Any]:
    entry: dict[str, Any] = {"format": rank.format}
    if rank.flattened:
        entry["flattened_rankIDs"] = [list(each) for each in rank.flattened]
    for key in ("metadata_word_bits", "payload_word_bits"):
        if getattr(rank, key) is not None:
            entry[key] = getattr(rank, key)
    return entry
