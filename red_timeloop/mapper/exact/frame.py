"""What every part of a space shares: storages, the fan-outs between them, and how tiles move.

Between two storages that follow each other lies a *group* of fan-outs. What crosses a boundary
depends on how often each dimension is spread over a group, hardly on where inside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from red_timeloop.engines.embedded.arithmetic import Floats, Integers
from red_timeloop.engines.embedded.machine import Storage, Tensor
from red_timeloop.mapper.space import Space

__all__ = ["Floats", "Form", "Frame", "Integers", "build_frame"]


@dataclass(frozen=True)
class Form:
    """How the tiles of one data space depend on the dimensions (those of more than one iteration).

    Attributes:
        axes: For each axis, the dimensions that move along it, with their steps.
        relevant: Whether a dimension moves the tile at all.
        axis_of: The axis of each dimension that shares it with others (a sliding window), else -1.
        plain: Whether no dimension moves two axes and no step is negative. Of others little is
            known, and little is claimed.
    """

    axes: tuple[tuple[tuple[int, int], ...], ...]
    relevant: tuple[bool, ...]
    axis_of: tuple[int, ...]
    plain: bool

    def widths(self, extents: Floats) -> list[Floats]:
        """Return the widths of the tiles of `extents[..., D]`, axis by axis."""
        found = []
        for axis in self.axes:
            width = np.ones(extents.shape[:-1])
            for dimension, step in axis:
                width = width + abs(step) * (extents[..., dimension] - 1)
            found.append(width)
        return found

    def size(self, extents: Floats) -> Floats:
        """Return the words of the tiles of `extents[..., D]`."""
        size = np.ones(extents.shape[:-1])
        for width in self.widths(extents):
            size = size * width
        return size

    @property
    def slides(self) -> bool:
        """Whether several dimensions move the tile along one axis."""
        return any(axis >= 0 for axis in self.axis_of)


@dataclass(frozen=True)
class Frame:
    """A space as the exact search sees it; dimensions of one iteration are left out,
    unless all are.

    Attributes:
        space: The mappings.
        dimensions: The dimensions of more than one iteration, as the engine counts them.
        sizes: Their sizes.
        storages: Positions of the storages in the machine, innermost first.
        groups: Numbers of the places across instances, for each storage those between it and the
            one inside it, and at last those around the outermost.
        temporal: Number of each storage's place for loops over time.
        forms: See `Form`.
    """

    space: Space
    dimensions: tuple[int, ...]
    sizes: tuple[int, ...]
    storages: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]
    temporal: tuple[int, ...]
    forms: tuple[Form, ...]

    @property
    def operations(self) -> int:
        """Operations of the problem."""
        return prod(self.sizes)

    @property
    def delicate(self) -> bool:
        """Whether outputs may have gaps or overlaps.

        Then a mapping of fewer words may be one that Timeloop's rules do not cover.
        """
        return any(
            tensor.read_write and (len(axis) > 1 or any(step != 1 for _, step in axis))
            for tensor, form in zip(self.space.shape.tensors, self.forms, strict=True)
            for axis in form.axes
        )

    def storage(self, level: int) -> Storage:
        """Return a storage, the innermost being 0."""
        return self.space.machine.levels[self.storages[level]]

    def kept(self, keep: int, tensor: int) -> tuple[int, ...]:
        """Return the storages that keep a data space, innermost first."""
        nests = self.space.keeps[keep]
        return tuple(
            level for level, position in enumerate(self.storages) if nests[position].keep[tensor]
        )


def build_frame(space: Space) -> Frame:
    """Return the exact search's view of `space`."""
    sizes = space.shape.sizes
    dimensions = tuple(each for each, size in enumerate(sizes) if size > 1) or (0,)
    storages, temporal = [], []
    groups: list[tuple[int, ...]] = []
    group: list[int] = []
    for number, place in enumerate(space.places):
        if place.kind != "temporal":
            group.append(number)
            continue
        storages.append(place.level)
        temporal.append(number)
        groups.append(tuple(group))
        group = []
    groups.append(tuple(group))
    return Frame(
        space,
        dimensions,
        tuple(sizes[each] for each in dimensions),
        tuple(storages),
        tuple(groups),
        tuple(temporal),
        tuple(_form(tensor, dimensions) for tensor in space.shape.tensors),
    )


def _form(tensor: Tensor, dimensions: tuple[int, ...]) -> Form:
    axes = tuple(
        tuple((number, axis[each]) for number, each in enumerate(dimensions) if axis[each])
        for axis in zip(*tensor.steps, strict=True)
    )
    axis_of = [-1] * len(dimensions)
    moved = [0] * len(dimensions)
    for index, axis in enumerate(axes):
        for dimension, _ in axis:
            moved[dimension] += 1
            if len(axis) > 1:
                axis_of[dimension] = index
    plain = max(moved, default=0) <= 1 and all(step > 0 for axis in axes for _, step in axis)
    return Form(axes, tuple(count > 0 for count in moved), tuple(axis_of), plain)
