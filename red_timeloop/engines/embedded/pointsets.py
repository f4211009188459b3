"""Sets of points as disjoint boxes, with the operations that Timeloop's loop analysis needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

from red_timeloop.engines.embedded.spatial import Vector

__all__ = ["Box", "Points", "new_points", "size", "translated"]

Box: TypeAlias = tuple[tuple[int, int], ...]  # (first, last + 1) on every axis
Points: TypeAlias = tuple[Box, ...]


def size(points: Points) -> int:
    """Return the number of points."""
    return sum(math.prod(high - low for low, high in box) for box in points)


def translated(points: Points, step: Sequence[int]) -> Points:
    """Return the set moved by `step`."""
    return tuple(
        tuple((low + by, high + by) for (low, high), by in zip(box, step, strict=True))
        for box in points
    )


def _without(points: Points, others: Points) -> Points:
    """Return what of `points` is not in `others`."""
    for other in others:
        points = tuple(piece for box in points for piece in _cut(box, other))
    return points


def _cut(box: Box, other: Box) -> list[Box]:
    """Cut `other` out of `box`: what is left, in slices along one axis after the other."""
    pairs = list(zip(box, other, strict=True))
    if any(high <= start or end <= low for (low, high), (start, end) in pairs):
        return [box]
    pieces = []
    middle = list(box)
    for axis, (start, end) in enumerate(other):
        low, high = middle[axis]
        if low < start:
            pieces.append((*middle[:axis], (low, start), *middle[axis + 1 :]))
            low = start
        if end < high:
            pieces.append((*middle[:axis], (end, high), *middle[axis + 1 :]))
            high = end
        middle[axis] = (low, high)
    return pieces


def _motion(before: Points, now: Points) -> Vector:
    """Return by how much the centre of mass moved, rounded."""
    return tuple(_round(b - a) for a, b in zip(_centre(before), _centre(now), strict=True))


def _centre(points: Points) -> list[float]:
    total, axes = size(points), len(points[0])
    centre = [0.0] * axes
    for box in points:
        words = math.prod(high - low for low, high in box)
        for axis, (low, high) in enumerate(box):
            centre[axis] += (low + (high - 1 - low) / 2) * words
    return [each / total for each in centre]


def _round(value: float) -> int:
    return math.floor(value + 0.5) if value >= 0 else -math.floor(0.5 - value)


def new_points(now: Points, before: Points, stride: Vector | None) -> tuple[Points, Vector | None]:
    """Return what a tile has to be sent to hold `now` after `before`, and its new stride.

    A tile keeps what it held as long as it moves by the same stride (None: it did not move yet);
    when the stride changes it is sent anew.
    """
    motion = _motion(before, now) if before else None
    if motion is None or not any(motion):
        return _without(now, before), stride
    if stride is None:
        return _without(now, before), motion
    if motion == stride:
        return _without(now, before), stride
    return now, None
