"""Grids of cells at a place of the figure, and the colours they are painted in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from red_timeloop.report.drawing.painter import Painter
from red_timeloop.report.drawing.scene import Pixel, Scene
from red_timeloop.report.drawing.strips import Strip, kernel_strip, tensor_strip
from red_timeloop.report.palette import mode_colours, text_on

__all__ = ["Grid", "Seen", "Style", "fit", "kernel_grids", "paint_gaps", "style_of", "write_cell"]

# The first and the last frame in which a shape is seen; None: always.
Seen = tuple[int, int] | None

_SMALLEST_TEXT = 3.6  # points


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
    """Rows and columns of cells at a place of the figure: x, y and the cell in inches."""

    rows: Strip
    columns: Strip
    x: float
    y: float
    cell: float

    @property
    def width(self) -> float:
        """Width in inches."""
        return self.columns.extent * self.cell

    @property
    def height(self) -> float:
        """Height in inches."""
        return self.rows.extent * self.cell

    def corner(self, pixel: Pixel) -> tuple[float, float] | None:
        """Top left corner of a cell, None when it is left out."""
        if pixel[0] not in self.rows.at or pixel[1] not in self.columns.at:
            return None
        return (
            self.x + self.columns.at[pixel[1]] * self.cell,
            self.y + self.rows.at[pixel[0]] * self.cell,
        )

    def cells(self) -> list[tuple[Pixel, float, float]]:
        """Every shown cell with its corner."""
        return [
            ((row, column), self.x + dx * self.cell, self.y + dy * self.cell)
            for (row, dy), (column, dx) in product(self.rows.at.items(), self.columns.at.items())
        ]

    @property
    def text_size(self) -> float:
        """Type size in points of up to three letters in a cell."""
        return min(7.0, self.cell * 72 * 0.56)


def fit(
    rows: Strip,
    columns: Strip,
    place: tuple[float, float, float, float],
    most: float,
    *,
    centred: bool = True,
) -> Grid:
    """Return the grid with the largest cell, at most `most`, in (x, y, width, height)."""
    x, y, width, height = place
    cell = min(most, width / columns.extent, height / rows.extent)
    if centred:
        x += (width - columns.extent * cell) / 2
    return Grid(rows, columns, x, y, cell)


def kernel_grids(scene: Scene) -> tuple[tuple[Strip, Strip], tuple[Strip, Strip]]:
    """Rows and columns of the kernel and of the sub-crossbar tensor."""
    rows, columns = scene.axes
    return (
        (kernel_strip(rows), kernel_strip(columns)),
        (tensor_strip(rows), tensor_strip(columns)),
    )


def write_cell(
    painter: Painter,
    grid: Grid,
    x: float,
    y: float,
    text: str,
    fill: str,
    *,
    seen: Seen = None,
    longest: int = 0,
) -> None:
    """Write a few letters into a cell; `longest` is the most letters of any cell beside it."""
    longest = longest or len(text)
    size = grid.text_size * min(1.0, 3 / max(1, longest))
    if text and size >= _SMALLEST_TEXT:
        # a figure's height is 0.73 of its size in DejaVu Sans
        baseline = y + grid.cell / 2 + 0.365 * size / 72
        middle = x + grid.cell / 2
        colour = text_on(fill)
        painter.word(
            middle, baseline, text, size=size, colour=colour, vertical="baseline", seen=seen
        )


def paint_gaps(painter: Painter, grid: Grid) -> None:
    """Put dots where cells are left out."""
    for gap in grid.columns.gaps:
        painter.dots(grid.x + gap * grid.cell, grid.y + grid.height / 2, grid.cell)
    for gap in grid.rows.gaps:
        painter.dots(grid.x + grid.width / 2, grid.y + gap * grid.cell, grid.cell, upright=True)
