"""Grids of cells at a place of the figure, and the colours they are painted in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from red_timeloop.views.drawing.scene import Pixel, Scene, Step
from red_timeloop.views.drawing.strips import (
    Strip,
    input_strip,
    kernel_strip,
    map_strip,
    output_strip,
    tensor_strip,
)
from red_timeloop.views.palette import mode_colours

__all__ = [
    "BETWEEN_PLANES",
    "Grid",
    "Style",
    "fit",
    "kernel_grids",
    "map_grids",
    "style_of",
    "zero_insertion_grid",
]

Strips = tuple[Strip, ...]  # planes, rows, columns

BETWEEN_PLANES = 0.8  # cells


@dataclass(frozen=True)
class Style:
    """Colour of each mode by phase, and of each kernel pixel."""

    modes: Mapping[Pixel, str]
    taps: Mapping[Pixel, str]


def style_of(scene: Scene) -> Style:
    """Return the colours of a scene; modes without taps or outputs are white."""
    used = [phase for phase in scene.mode_numbers if phase not in scene.empty]
    modes = mode_colours(used) | dict.fromkeys(scene.empty, "#ffffff")
    return Style(modes, {tap: modes[phase] for tap, phase in scene.phase_of_tap.items()})


@dataclass(frozen=True)
class Grid:
    """Planes beside each other, of rows and columns of cells; x, y and the cell in inches."""

    strips: Strips
    x: float
    y: float
    cell: float

    @property
    def width(self) -> float:
        """Width in inches."""
        return _extent(self.strips) * self.cell

    @property
    def height(self) -> float:
        """Height in inches."""
        return self.strips[1].extent * self.cell

    def plane(self, at: float) -> float:
        """Return where a plane begins, `at` being its place in the strip of planes."""
        return self.x + at * (self.strips[2].extent + BETWEEN_PLANES) * self.cell

    def cells(self) -> list[tuple[Pixel, float, float]]:
        """Every shown cell with its top left corner."""
        places = product(*(strip.at.items() for strip in self.strips))
        return [
            (
                (plane, row, column),
                self.plane(at) + across * self.cell,
                self.y + down * self.cell,
            )
            for (plane, at), (row, down), (column, across) in places
        ]

    def span(self, phase: Pixel) -> tuple[float, float, float, float] | None:
        """Place of a mode's cells in its first plane: x, y, width, height; None when left out."""
        spans = [strip.spans.get(index) for index, strip in zip(phase, self.strips, strict=True)]
        if None in spans:
            return None
        (plane, _), (top, bottom), (left, right) = filter(None, spans)
        cell, x = self.cell, self.plane(plane)
        return x + left * cell, self.y + top * cell, (right - left) * cell, (bottom - top) * cell

    def moved(self, x: float, y: float) -> Grid:
        """Return the grid at another place."""
        return replace(self, x=self.x + x, y=self.y + y)


def _extent(strips: Strips) -> float:
    return strips[0].extent * (strips[2].extent + BETWEEN_PLANES) - BETWEEN_PLANES


def fit(
    strips: Strips, place: tuple[float, float, float, float], most: float, *, centred: bool = True
) -> Grid:
    """Return the grid with the largest cell, at most `most`, in (x, y, width, height)."""
    x, y, width, height = place
    extent = _extent(strips)
    cell = min(most, width / extent, height / strips[1].extent)
    if centred:
        x += (width - extent * cell) / 2
    return Grid(strips, x, y, cell)


def kernel_grids(scene: Scene) -> tuple[Strips, Strips]:
    """Planes, rows and columns of the kernel and of the sub-crossbar tensor."""
    planes, *axes = scene.axes  # planes have room between them as it is
    return tuple(map(kernel_strip, scene.axes)), (
        tensor_strip(planes, 0.0),
        *map(tensor_strip, axes),
    )


def map_grids(scene: Scene, steps: Sequence[Step]) -> tuple[Strips, Strips]:
    """Planes, rows and columns of the input and of the output that `steps` read and make."""
    inputs = (input_strip(axis, steps, at) for at, axis in enumerate(scene.axes))
    outputs = (output_strip(axis, steps, at) for at, axis in enumerate(scene.axes))
    return tuple(inputs), tuple(outputs)


def zero_insertion_grid(scene: Scene, place: tuple[float, float, float, float]) -> Grid | None:
    """Return the grid of the zero-inserted map, None where there is nothing (or too much) to show.

    Nothing is inserted at stride 1 and in ordinary convolutions; planes have no room.
    """
    axes = scene.axes[1:]
    if not scene.layer.transposed or scene.layer.ndim == 3 or max(a.stride for a in axes) == 1:
        return None
    reach = max(axis.dilation * (axis.kernel_size - 1) + 2 * axis.stride for axis in axes)
    if reach > 36:
        return None
    strips = tuple(map_strip(axis, max(12, reach)) for axis in scene.axes)
    return fit(strips, place, 0.16, centred=False)
