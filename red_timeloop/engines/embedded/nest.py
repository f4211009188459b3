"""A mapping as the engine sees it: loops as numbers, levels innermost first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod
from typing import TypeAlias

from red_timeloop.engines.embedded.machine import Machine, Shape
from red_timeloop.errors import InputError
from red_timeloop.spec.types import LevelMapping, Loop, Mapping

__all__ = [
    "Flags",
    "LevelNest",
    "Nest",
    "NestLoop",
    "build_nest",
    "check_nest",
    "completed",
    "mapping_of",
]

NestLoop: TypeAlias = tuple[int, int]  # (dimension, iterations), never one iteration
Flags: TypeAlias = tuple[bool, ...]  # one for each data space


@dataclass(frozen=True)
class LevelNest:
    """The loops of one level, innermost first, and what it does with each data space."""

    temporal: tuple[NestLoop, ...]
    spatial_x: tuple[NestLoop, ...]
    spatial_y: tuple[NestLoop, ...]
    keep: Flags
    no_temporal_reuse: Flags
    no_multicast: Flags
    no_link_transfer: Flags
    rmw_first_update: Flags
    no_coalesce: Flags

    @cached_property
    def grid(self) -> tuple[int, int]:
        """Columns and rows of the children in use."""
        return (
            prod([count for _, count in self.spatial_x]),
            prod([count for _, count in self.spatial_y]),
        )


@dataclass(frozen=True)
class Nest:
    """All levels; `levels[0]` belongs to the innermost storage."""

    levels: tuple[LevelNest, ...]

    @cached_property
    def copies(self) -> tuple[int, ...]:
        """Instances in use of the compute level and of every storage level, innermost first."""
        found = [1]
        for level in reversed(self.levels):
            found.append(found[-1] * prod(level.grid))
        return tuple(reversed(found))


def completed(order: Iterable[int], dimensions: int) -> list[int]:
    """Return the order with the dimensions that are not in it at the end, each once."""
    return list(dict.fromkeys((*order, *range(dimensions))))


def build_nest(
    mapping: Mapping,
    machine: Machine,
    shape: Shape,
    *,
    imperfect: bool = False,
    fan_out: bool = True,
) -> Nest:
    """Return the engine's view of `mapping`.

    Args:
        mapping: The loops and what is kept where.
        machine: The levels.
        shape: The problem.
        imperfect: Take imperfect loops, with all iterations of a full pass.
        fan_out: Whether the loops across instances must fit the fan-outs.

    Raises:
        InputError: A level or dimension is unknown, factors do not multiply to the size of a
            dimension, a level has more spatial iterations than fan-out, or a data space is kept
            nowhere. The message names level and dimension.
    """
    if mapping.imperfect and not imperfect:
        raise InputError("imperfect factors are not for this use of a mapping", key="mapping")
    _check_levels(mapping, machine)
    names = tuple([tensor.name for tensor in shape.tensors])
    nest = Nest(
        tuple(
            [
                _level_nest(mapping.levels[each.name], each.name, names, shape.dimensions)
                for each in machine.levels
            ]
        )
    )
    sizes = [mapping.size(each) for each in shape.dimensions] if mapping.imperfect else None
    check_nest(nest, machine, shape, fan_out=fan_out, sizes=sizes)
    return nest


def _check_levels(mapping: Mapping, machine: Machine) -> None:
    known = {level.name for level in machine.levels}
    for name in mapping.levels:
        if name not in known:
            legal = [level.name for level in machine.levels]
            raise InputError(f"no level is called {name!r}", key="mapping", legal=legal)
    for level in machine.levels:
        if level.name not in mapping.levels:
            raise InputError(f"nothing is said of the level {level.name}", key="mapping")


@lru_cache(maxsize=4096)
def _level_nest(
    given: LevelMapping, level: str, names: tuple[str, ...], dimensions: tuple[str, ...]
) -> LevelNest:
    """Return the engine's view of one level; most of them are alike in many layers."""

    def flags(chosen: tuple[str, ...]) -> Flags:
        for name in chosen:
            if name not in names:
                raise InputError(f"no data space is called {name!r}", key=level, legal=names)
        return tuple(name in chosen for name in names)

    return LevelNest(
        temporal=_loops(given.temporal, level, dimensions),
        spatial_x=_loops(given.spatial_x, level, dimensions),
        spatial_y=_loops(given.spatial_y, level, dimensions),
        keep=flags(given.keep),
        no_temporal_reuse=flags(given.no_temporal_reuse),
        no_multicast=flags(given.no_spatial_reuse),
        no_link_transfer=flags(given.no_link_transfer),
        rmw_first_update=flags(given.rmw_first_update),
        no_coalesce=flags(given.no_coalesce),
    )


def _loops(loops: tuple[Loop, ...], level: str, known: tuple[str, ...]) -> tuple[NestLoop, ...]:
    result = []
    for dimension, factor in loops:
        if dimension not in known:
            raise InputError(f"no dimension is called {dimension!r}", key=level, legal=known)
        if factor < 1:
            raise InputError(f"{dimension} has factor {factor}", key=level, legal="at least 1")
        if factor > 1:
            result.append((known.index(dimension), factor))
    dimensions = [dimension for dimension, _ in result]
    if len(set(dimensions)) < len(dimensions):
        raise InputError("a dimension has two loops at one level", key=level)
    return tuple(result)


def mapping_of(nest: Nest, machine: Machine, shape: Shape) -> Mapping:
    """Return the mapping that `build_nest` would turn into `nest`."""
    names = tuple(tensor.name for tensor in shape.tensors)

    def chosen(flags: tuple[bool, ...]) -> tuple[str, ...]:
        return tuple(name for name, flag in zip(names, flags, strict=True) if flag)

    def loops(given: tuple[tuple[int, int], ...]) -> tuple[tuple[str, int], ...]:
        return tuple((shape.dimensions[dimension], factor) for dimension, factor in given)

    levels = {}
    for storage, level in reversed(list(zip(machine.levels, nest.levels, strict=True))):
        levels[storage.name] = LevelMapping(
            temporal=loops(level.temporal),
            spatial_x=loops(level.spatial_x),
            spatial_y=loops(level.spatial_y),
            keep=chosen(level.keep),
            bypass=tuple(name for name in names if name not in chosen(level.keep)),
            no_temporal_reuse=chosen(level.no_temporal_reuse),
            no_spatial_reuse=chosen(level.no_multicast),
            no_link_transfer=chosen(level.no_link_transfer),
            rmw_first_update=chosen(level.rmw_first_update),
            no_coalesce=chosen(level.no_coalesce),
        )
    return Mapping(levels)


def check_nest(
    nest: Nest,
    machine: Machine,
    shape: Shape,
    *,
    fan_out: bool = True,
    sizes: Sequence[int] | None = None,
) -> None:
    """Refuse loops that exceed a fan-out or do not make up the problem; see `build_nest`.

    `sizes` are what the loops make of the dimensions where they are imperfect.
    """
    if fan_out:
        _check_fan_outs(nest, machine, shape)
    products = [1] * len(shape.sizes)
    for level in () if sizes else nest.levels:
        for dimension, factor in (*level.spatial_x, *level.spatial_y, *level.temporal):
            products[dimension] *= factor
    for name, size, found in zip(shape.dimensions, shape.sizes, sizes or products, strict=True):
        _check_size(name, size, found)
    _check_kept(nest, shape)


def _check_fan_outs(nest: Nest, machine: Machine, shape: Shape) -> None:
    for level, storage in zip(nest.levels, machine.levels, strict=True):
        if not level.spatial_x and not level.spatial_y:
            continue
        for axis, loops, used, available in zip(
            "XY",
            (level.spatial_x, level.spatial_y),
            level.grid,
            (storage.fan_out_x, storage.fan_out_y),
            strict=True,
        ):
            if loops and storage.fan_out_x * storage.fan_out_y == 1:
                raise InputError(
                    f"spatial loops {_show(loops, shape)} at a level without fan-out",
                    key=storage.name,
                )
            if used > available:
                raise InputError(
                    f"{_show(loops, shape)} needs {used} instances along {axis},"
                    f" the fan-out has {available}",
                    key=storage.name,
                )


def _check_size(name: str, size: int, product: int) -> None:
    if product != size:
        raise InputError(
            f"the factors of dimension {name} multiply to {product}, its size is {size}",
            key="mapping",
        )


def _check_kept(nest: Nest, shape: Shape) -> None:
    for index, tensor in enumerate(shape.tensors):
        if not any(level.keep[index] for level in nest.levels):
            raise InputError(f"{tensor.name} is kept at no level", key="mapping")


def _show(loops: tuple[NestLoop, ...], shape: Shape) -> str:
    return " ".join(f"{shape.dimensions[dimension]}={factor}" for dimension, factor in loops)
