"""The engine's formulas, on numbers for one mapping and on arrays for many (Timeloop's rules).

A count is a Python integer, which is exact at any size, or an array of 64 bits over the mappings.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt

from red_timeloop.engines.embedded.machine import Machine, Storage, Tensor

__all__ = [
    "Accesses",
    "Booleans",
    "Floats",
    "Integers",
    "access_energies",
    "axis_widths",
    "leakage",
    "overlap",
    "slowed",
    "speed",
    "tile_size",
    "volume",
]

Integers: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Booleans: TypeAlias = npt.NDArray[np.bool_]
Count = TypeVar("Count", int, Integers)
Accesses: TypeAlias = tuple[Count, Count, Count]  # words read, filled and updated, of one instance


def axis_widths(tensor: Tensor, extents: Sequence[Count]) -> list[Count]:
    """Return the widths of the box that `extents` iterations of each dimension touch.

    On each axis that is 1, and a step for every iteration after a dimension's first.
    """
    widths = []
    for axis in tensor.axes:
        width: Any = 1
        for dimension, step in axis or ((0, 0),):  # nothing moves along it, an array all the same
            width = width + step * (extents[dimension] - 1)
        widths.append(width)
    return widths


def tile_size(tensor: Tensor, extents: Sequence[Count]) -> Count:
    """Return the words of that box."""
    return volume(axis_widths(tensor, extents))


def volume(widths: Iterable[Count]) -> Count:
    """Return the words of a box."""
    return cast(Count, math.prod(widths))


def overlap(widths: Sequence[Count], distances: Sequence[Count]) -> Count:
    """Return the words that a box shares with itself moved by `distances`."""
    rest = (width - abs(distance) for width, distance in zip(widths, distances, strict=True))
    return volume(each * (each > 0) for each in rest)


def access_energies(
    storage: Storage,
    accesses: Iterable[Accesses[Count]],
    copies: Count,
    prices: Sequence[Any] | None = None,
) -> list[Any]:
    """Return the energy of each data space's accesses in J, over all `copies` in use.

    An access moves one block of words. Instances that share a row (a cluster) share its energy.

    Args:
        storage: The level.
        accesses: Words read, filled and updated, of each data space and one instance.
        copies: Instances in use.
        prices: J a block that is read, filled and updated; the level's own when None.
    """
    read, fill, update = prices if prices is not None else storage.prices
    sharing = _larger(1.0, copies / storage.clusters)
    energies = []
    for reads, fills, updates in accesses:
        cluster = (
            _blocks(reads, storage) * read
            + _blocks(fills, storage) * fill
            + _blocks(updates, storage) * update
        )
        energies.append(cluster / sharing * copies)
    return energies


def _blocks(words: Count, storage: Storage) -> Count:
    return words if storage.block_size == 1 else -(-words // storage.block_size)


def speed(storage: Storage, accesses: Mapping[int, Accesses[Count]], compute_cycles: Count) -> Any:
    """Return the share of its full speed that a level can keep, 0 where a bandwidth is 0.

    Args:
        storage: The level.
        accesses: Its accesses, by the index of the data space.
        compute_cycles: Cycles at full speed.
    """
    bandwidths = (storage.read_bandwidth, storage.write_bandwidth, storage.shared_bandwidth)
    if bandwidths == (None, None, None):
        return 1.0
    reads: Any = 0.0
    writes: Any = 0.0
    for index, (read, filled, updated) in accesses.items():
        scale = storage.bandwidth_scale[index]
        reads = reads + read / compute_cycles * scale
        writes = writes + (filled + updated) / compute_cycles * scale
    share: Any = 1.0
    for available, wanted in zip(bandwidths, (reads, writes, reads + writes), strict=True):
        if available is not None and available > 0:
            share = _smaller(share, available / _larger(available, wanted))
        elif available is not None:
            share = share * (wanted <= 0)
    return share


def slowed(compute_cycles: Count, share: Any) -> Count:
    """Return the cycles at a share of the full speed, rounded up."""
    if isinstance(share, np.ndarray):
        return cast(Count, np.ceil(compute_cycles / share).astype(np.int64))
    return compute_cycles if share == 1.0 else cast(Count, math.ceil(compute_cycles / share))


def leakage(machine: Machine, level: int, copies: Sequence[Count], cycles: Count) -> Any:
    """Return the leakage of a level in J: of the instances in use, or of all behind a gate in use.

    Args:
        machine: The levels.
        level: Which one.
        copies: Instances in use of every level.
        cycles: Cycles of the whole problem.
    """
    storage = machine.levels[level]
    behind = storage.instances / machine.levels[storage.gate].instances
    leaking = behind * copies[storage.gate] if behind > 1 else copies[level]
    return storage.leakage * cycles * leaking


def _larger(a: float, b: Any) -> Any:
    return np.maximum(a, b) if isinstance(b, np.ndarray) else max(a, b)


def _smaller(a: Any, b: Any) -> Any:
    return np.minimum(a, b) if isinstance(b, np.ndarray) else min(a, b)
