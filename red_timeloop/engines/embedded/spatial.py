"""Which instances of a fan-out share data: multicast groups and transfers between neighbours.

The children of a fan-out hold equal tiles at positions that depend linearly on the indices of the
spatial loops. Two children receive the same data exactly when their positions are equal, so all
that counts is how many distinct positions there are and how often each occurs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Histogram", "SpatialLoops", "Vector", "link_transfers", "sharing"]

Vector: TypeAlias = tuple[int, ...]  # one entry for each axis of a data space
SpatialLoops: TypeAlias = tuple[tuple[Vector, int], ...]  # (step, iterations), innermost first
Histogram: TypeAlias = tuple[tuple[int, int], ...]  # (children in a group, number of such groups)


@lru_cache(maxsize=1 << 16)
def sharing(loops: SpatialLoops) -> Histogram:
    """Return how many groups of children share their data, by the size of the group, ascending.

    >>> sharing((((0, 0), 4), ((1, 0), 3)))  # 4 copies of each of 3 tiles
    ((4, 3),)
    >>> sharing((((1,), 3), ((1,), 2)))  # a sliding window: 0 1 2 and 1 2 3
    ((1, 2), (2, 2))
    """
    copies = 1
    relevant: list[tuple[Vector, int]] = []
    for step, count in loops:
        if any(step):
            relevant.append((step, count))
        else:
            copies *= count
    histogram = {copies: 1}
    for part in _independent_parts(relevant):
        combined: dict[int, int] = {}
        for members, groups in _part_histogram(part).items():
            for others, other_groups in histogram.items():
                key = members * others
                combined[key] = combined.get(key, 0) + groups * other_groups
        histogram = combined
    return tuple(sorted(histogram.items()))


def _independent_parts(loops: list[tuple[Vector, int]]) -> list[list[tuple[Vector, int]]]:
    """Split the loops into sets that move along different axes."""
    parts: list[tuple[set[int], list[tuple[Vector, int]]]] = []
    for loop in loops:
        axes = {axis for axis, step in enumerate(loop[0]) if step}
        members = [loop]
        apart = []
        for other_axes, others in parts:
            if axes & other_axes:
                axes |= other_axes
                members = others + members
            else:
                apart.append((other_axes, others))
        parts = [*apart, (axes, members)]
    return [members for _, members in parts]


def _part_histogram(loops: list[tuple[Vector, int]]) -> dict[int, int]:
    if _is_mixed_radix(loops):
        product = 1
        for _, count in loops:
            product *= count
        return {1: product}
    _, counts = np.unique(_positions(tuple(loops)), axis=0, return_counts=True)
    members, groups = np.unique(counts, return_counts=True)
    return dict(zip(members.tolist(), groups.tolist(), strict=True))


def _is_mixed_radix(loops: list[tuple[Vector, int]]) -> bool:
    """Whether each loop steps over all that the smaller ones reach, so that no two sums agree."""
    if len(loops) == 1:
        return True
    reach = 0
    axes = {axis for step, _ in loops for axis, value in enumerate(step) if value}
    if len(axes) > 1:
        return False
    (axis,) = axes
    for step, count in sorted(loops, key=lambda loop: abs(loop[0][axis])):
        if abs(step[axis]) <= reach:
            return False
        reach += abs(step[axis]) * (count - 1)
    return True


def _positions(loops: SpatialLoops) -> npt.NDArray[np.int64]:
    """Return the position of every child, `[children, axes]`, the first loop counting fastest."""
    positions = np.zeros((1, len(loops[0][0])), dtype=np.int64)
    for step, count in loops:
        moved = np.arange(count, dtype=np.int64)[:, None] * np.asarray(step, dtype=np.int64)
        positions = (moved[:, None, :] + positions[None, :, :]).reshape(-1, positions.shape[1])
    return positions


@lru_cache(maxsize=1 << 14)
def link_transfers(loops: SpatialLoops, columns: int, translation: Vector) -> tuple[int, Histogram]:
    """Return how many children can get their data from a neighbour, and the groups of the others.

    The children are laid out row by row on a grid of `columns`. A child takes its new data
    from one of the four neighbours that held the same data one step before, when all tiles have
    moved by `translation` since.

    >>> link_transfers((((2,), 4),), 4, (2,))  # a row passes its tiles on to the left
    (3, ((1, 1),))
    """
    positions = _positions(loops)
    children = len(positions)
    source = positions + np.asarray(translation, dtype=np.int64)
    index = np.arange(children)
    column = index % columns
    linked = np.zeros(children, dtype=bool)
    for offset, inside in (
        (-columns, True),
        (columns, True),
        (-1, column >= 1),
        (1, column < columns - 1),
    ):
        neighbour = index + offset
        there = inside & (neighbour >= 0) & (neighbour < children)
        same = (positions[np.where(there, neighbour, 0)] == source).all(axis=1)
        linked |= there & same
    links = int(linked.sum())
    if links == children:
        return links, ()
    _, counts = np.unique(positions[~linked], axis=0, return_counts=True)
    members, groups = np.unique(counts, return_counts=True)
    return links, tuple(zip(members.tolist(), groups.tolist(), strict=True))
