"""The panels of the data flow: kernel, sub-crossbars, input and output."""

from __future__ import annotations

from typing import Any

from red_timeloop.report.drawing.grids import (
    Grid,
    Seen,
    Style,
    paint_gaps,
    paint_planes,
    write_cell,
)
from red_timeloop.report.drawing.painter import INK, PALE, Painter
from red_timeloop.report.drawing.scene import Pixel, Scene, Step
from red_timeloop.report.palette import blend

__all__ = [
    "paint_idle",
    "paint_kernel",
    "paint_outputs",
    "paint_pixels",
    "paint_reads",
    "paint_tensor",
    "paint_window",
]

_NEW, _AGAIN = "#9c9c9c", "#cccccc"  # black names can be read on both
_DASHES: Any = (0, (1.5, 1.5))


def paint_kernel(painter: Painter, scene: Scene, style: Style, grid: Grid) -> None:
    """Paint the kernel, each pixel in the colour of its mode and with its indices."""
    numbers = scene.mode_numbers
    longest = _longest_index(scene, grid)
    for tap, x, y in grid.cells():
        colour = style.taps.get(tap, "#ffffff")
        phase = scene.phase_of_tap.get(tap)
        mode = "none" if phase is None else numbers[phase]
        gid = f"kernel-{scene.mark(tap)}-mode-{mode}"
        painter.box(x, y, grid.cell, grid.cell, fill=colour, edge="#ffffff", line=0.8, gid=gid)
        write_cell(painter, grid, x, y, _indices(scene, tap), colour, longest=longest)
    paint_gaps(painter, grid)
    paint_planes(painter, grid)


def paint_tensor(painter: Painter, scene: Scene, style: Style, grid: Grid) -> None:
    """Paint the sub-crossbar tensor: a small crossbar for each kernel pixel, by mode."""
    longest = _longest_index(scene, grid)
    for tap, x, y in _taps(scene, grid):
        colour = style.taps[tap]
        inner = grid.cell * 0.9
        painter.box(
            x + grid.cell * 0.05,
            y + grid.cell * 0.05,
            inner,
            inner,
            fill=blend(colour, "#ffffff", 0.25),
            edge=blend(colour, "#000000", 0.35),
            line=0.5,
            gid=f"sub_crossbar-{scene.mark(tap)}",
        )
        if grid.cell > 0.16:
            _crossbar_lines(painter, grid, x, y, blend(colour, "#000000", 0.2))
        write_cell(painter, grid, x, y, _indices(scene, tap), colour, longest=longest)
    _surroundings(painter, scene, grid)
    _mode_titles(painter, scene, grid)


def paint_pixels(painter: Painter, scene: Scene, grid: Grid) -> None:
    """Paint the input map: every pixel with its name, and the zeros around or between them."""
    names = {p: scene.pixel_name(p) for p, _, _ in grid.cells() if scene.inside(p)}
    longest = max(map(len, names.values()), default=1)
    for pixel, x, y in grid.cells():
        if pixel in names:
            painter.box(x, y, grid.cell, grid.cell, fill=PALE, edge="#ffffff", line=0.8)
            write_cell(painter, grid, x, y, names[pixel], PALE, longest=longest)
        else:
            painter.box(x, y, grid.cell, grid.cell, fill="#ffffff", style=_DASHES)
            write_cell(painter, grid, x, y, "0", "#ffffff")
    paint_gaps(painter, grid)
    paint_planes(painter, grid)


def paint_window(
    painter: Painter, scene: Scene, step: Step, grid: Grid, *, seen: Seen = None
) -> None:
    """Paint the window that a step reads: dark what is new, paler what it reads again."""
    for pixel, x, y in grid.cells():
        if pixel in step.window:
            kind = "zero" if not scene.inside(pixel) else "again" if pixel in step.again else "new"
            painter.box(
                x,
                y,
                grid.cell,
                grid.cell,
                fill={"zero": "#ffffff", "again": _AGAIN, "new": _NEW}[kind],
                edge=INK,
                line=0.8,
                style=_DASHES if kind == "zero" else "-",
                over=4,
                gid=f"step{step.number}-{kind}-{scene.mark(pixel)}",
                seen=seen,
            )


def paint_reads(
    painter: Painter, scene: Scene, style: Style, step: Step, grid: Grid, *, seen: Seen = None
) -> None:
    """Paint the sub-crossbars with the name of the input pixel that each is driven with.

    In an animation, with `seen`, only what differs from `paint_idle` is painted.
    """
    real = [pixel for pixel in step.window if scene.inside(pixel)]
    longest = max((len(scene.pixel_name(pixel)) for pixel in real), default=1)
    for tap, x, y in _taps(scene, grid):
        pixel = step.reads.get(tap)
        zero = pixel is None or not scene.inside(pixel)
        fill = blend(style.taps[tap], "#ffffff", 0.8) if zero else style.taps[tap]
        source = "idle" if pixel is None else scene.mark(pixel)
        gid: str | None = f"step{step.number}-tap-{scene.mark(tap)}-{source}"
        if zero or seen is None:
            _sub_crossbar(painter, grid, x, y, fill, style.taps[tap], gid=gid, seen=seen)
            gid = None
        text = "" if pixel is None else "0" if zero else scene.pixel_name(pixel)
        write_cell(painter, grid, x, y, text, fill, seen=seen, longest=longest, gid=gid)
    if seen is None:
        _surroundings(painter, scene, grid)


def paint_idle(painter: Painter, scene: Scene, style: Style, grid: Grid) -> None:
    """Paint the sub-crossbars that an animation writes on."""
    for tap, x, y in _taps(scene, grid):
        _sub_crossbar(painter, grid, x, y, style.taps[tap], style.taps[tap])
    _surroundings(painter, scene, grid)


def _taps(scene: Scene, grid: Grid) -> list[tuple[Pixel, float, float]]:
    """Kernel pixels that stand on crossbars, with their corners."""
    found = scene.phase_of_tap
    return [cell for cell in grid.cells() if found.get(cell[0], cell[0]) not in scene.empty]


def _sub_crossbar(
    painter: Painter,
    grid: Grid,
    x: float,
    y: float,
    fill: str,
    colour: str,
    *,
    gid: str | None = None,
    seen: Seen = None,
) -> None:
    free, size, edge = 0.04 * grid.cell, 0.92 * grid.cell, blend(colour, "#000000", 0.35)
    painter.box(x + free, y + free, size, size, fill=fill, edge=edge, gid=gid, seen=seen)


def _surroundings(painter: Painter, scene: Scene, grid: Grid) -> None:
    _empty_modes(painter, scene, grid)
    paint_gaps(painter, grid)
    paint_planes(painter, grid)


def paint_outputs(
    painter: Painter,
    scene: Scene,
    style: Style,
    steps: tuple[Step, ...],
    grid: Grid,
    *,
    last: int | None = None,
) -> None:
    """Paint the output map: what the last of `steps` makes is strong, what stood before is pale.

    With `last`, the last frame of an animation, everything is painted once, to be seen from its
    step on: strong in its step, pale after it.
    """
    made: dict[Pixel, tuple[Pixel, int]] = {
        pixel: (phase, step.number) for step in steps for phase, pixel in step.outputs.items()
    }
    now = steps[-1].number
    for pixel, x, y in sorted(grid.cells(), key=lambda cell: made.get(cell[0], ((), -1))[1]):
        cell = (x, y, grid.cell, grid.cell)
        phase, number = made.get(pixel, ((), -1))
        if number < 0 or last is not None:
            painter.box(*cell, fill="#ffffff", edge="#c9c9c9", line=0.4, over=1)
        if number < 0:
            continue
        colour = style.modes[phase]
        text = str(scene.mode_numbers[phase])
        gid = f"step{number}-out-{scene.mark(pixel)}-{text}"
        pale = blend(colour, "#ffffff", 0.6)
        if last is None:
            gid = f"{gid}-seen-{now}"
            fill = colour if number == now else pale
            edge = INK if number == now else "#ffffff"
            painter.box(*cell, fill=fill, edge=edge, line=0.6, gid=gid, over=3 + (number == now))
            write_cell(painter, grid, x, y, text if number == now else "", fill)
            continue
        painter.box(*cell, fill=pale, edge="#ffffff", line=0.6, seen=(number, last))
        painter.box(*cell, fill=colour, edge=INK, line=0.6, over=3, gid=gid, seen=(number, number))
        write_cell(painter, grid, x, y, text, colour, seen=(number, number))
    paint_gaps(painter, grid)
    paint_planes(painter, grid)


def _indices(scene: Scene, tap: Pixel) -> str:
    return str(tap[2]) if scene.flat else f"{tap[1]},{tap[2]}"


def _longest_index(scene: Scene, grid: Grid) -> int:
    return max(len(_indices(scene, tap)) for tap, _, _ in grid.cells())


def _crossbar_lines(painter: Painter, grid: Grid, x: float, y: float, colour: str) -> None:
    """Word lines and bit lines of one small crossbar, leaving the middle to its label."""
    c = grid.cell
    segments = []
    for share in (0.18, 0.82):
        segments.append(((x + 0.05 * c, y + share * c), (x + 0.95 * c, y + share * c)))
        segments.append(((x + share * c, y + 0.05 * c), (x + share * c, y + 0.95 * c)))
    painter.lines(segments, colour)


def _empty_modes(painter: Painter, scene: Scene, grid: Grid) -> None:
    for phase in scene.empty:
        span = grid.span(phase)
        if span is not None:
            x, y, width, height = span
            painter.box(x, y, width, height, fill="#ffffff", style="--", line=0.5)
            write_cell(painter, grid, x, y, "-", "#ffffff")


def _mode_titles(painter: Painter, scene: Scene, grid: Grid) -> None:
    """Number and outputs of each mode above its sub-crossbars, where there is room."""
    for phase, number in scene.mode_numbers.items():
        span = grid.span(phase)
        if span is None or phase in scene.empty:
            continue
        x, y, width, _ = span
        text = f"mode {number}"
        room = grid.cell * 0.45 * 72
        size = min(6.2, room)
        if size < 4.4 or width < len(text) * size * 0.62 / 72:
            continue
        painter.word(
            x + grid.cell * 0.06, y - 0.035, text, size=size, align="left", vertical="baseline"
        )
