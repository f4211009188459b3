"""A mapping as the engine sees it: loops as numbers, levels innermost first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TypeAlias

from red_timeloop.engines.embedded.machine import Machine, Shape
from red_timeloop.errors import InputError
from red_timeloop.spec.types import Loop, Mapping

__all__ = ["Flags", "LevelNest", "Nest", "NestLoop", "build_nest", "check_nest", "completed"]

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

    @property
    def grid(self) -> tuple[int, int]:
        """Columns and rows of the children in use."""
        columns, rows = (
            prod(count for _, count in loops) for loops in (self.spatial_x, self.spatial_y)
        )
        return columns, rows


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


def build_nest(mapping: Mapping, machine: Machine, shape: Shape) -> Nest:
    """Return the engine's view of `mapping`.

    Raises:
        InputError: A level or dimension is unknown, factors do not multiply to the size of a
            dimension, a level has more spatial iterations than fan-out, or a data space is kept
            nowhere. The message names level and dimension.
    """
    known = [level.name for level in machine.levels]
    for name in mapping.levels:
        if name not in known:
            raise InputError(f"no level is called {name!r}", key="mapping", legal=known)
    names = tuple(tensor.name for tensor in shape.tensors)
    nests = []
    for storage in machine.levels:
        given = mapping.levels.get(storage.name)
        if given is None:
            raise InputError(f"nothing is said of the level {storage.name}", key="mapping")

        def flags(chosen: tuple[str, ...], level: str = storage.name) -> Flags:
            for name in chosen:
                if name not in names:
                    raise InputError(f"no data space is called {name!r}", key=level, legal=names)
            return tuple(name in chosen for name in names)

        nests.append(
            LevelNest(
                temporal=_loops(given.temporal, storage.name, shape),
                spatial_x=_loops(given.spatial_x, storage.name, shape),
                spatial_y=_loops(given.spatial_y, storage.name, shape),
                keep=flags(given.keep),
                no_temporal_reuse=flags(given.no_temporal_reuse),
                no_multicast=flags(given.no_spatial_reuse),
                no_link_transfer=flags(given.no_link_transfer),
                rmw_first_update=flags(given.rmw_first_update),
                no_coalesce=flags(given.no_coalesce),
            )
        )
    nest = Nest(tuple(nests))
    check_nest(nest, machine, shape)
    return nest


def _loops(loops: tuple[Loop, ...], level: str, shape: Shape) -> tuple[NestLoop, ...]:
    result = []
    for dimension, factor in loops:
        if dimension not in shape.dimensions:
            raise InputError(
                f"no dimension is called {dimension!r}", key=level, legal=shape.dimensions
            )
        if factor < 1:
            raise InputError(f"{dimension} has factor {factor}", key=level, legal="at least 1")
        if factor > 1:
            result.append((shape.index(dimension), factor))
    dimensions = [dimension for dimension, _ in result]
    if len(set(dimensions)) < len(dimensions):
        raise InputError("a dimension has two loops at one level", key=level)
    return tuple(result)


def check_nest(nest: Nest, machine: Machine, shape: Shape) -> None:
    """Refuse loops that exceed a fan-out or do not make up the problem; see `build_nest`."""
    products = [1] * len(shape.sizes)
    for level, storage in zip(nest.levels, machine.levels, strict=True):
        for dimension, factor in (*level.spatial_x, *level.spatial_y, *level.temporal):
            products[dimension] *= factor
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
    for name, size, product in zip(shape.dimensions, shape.sizes, products, strict=True):
        if product != size:
            raise InputError(
                f"the factors of dimension {name} multiply to {product}, its size is {size}",
                key="mapping",
            )
    for index, tensor in enumerate(shape.tensors):
        if not any(level.keep[index] for level in nest.levels):
            raise InputError(f"{tensor.name} is kept at no level", key="mapping")


def _show(loops: tuple[NestLoop, ...], shape: Shape) -> str:
    return " ".join(f"{shape.dimensions[dimension]}={factor}" for dimension, factor in loops)
