"""The panels of the data flow: kernel, sub-crossbars, input and output."""

from __future__ import annotations

from red_timeloop.report.drawing.grids import Grid, Seen, Style, paint_gaps, write_cell
from red_timeloop.report.drawing.painter import INK, LINE, PALE, REAL, Painter
from red_timeloop.report.drawing.scene import Pixel, Scene, Step
from red_timeloop.report.palette import blend

__all__ = ["letter", "paint_input", "paint_kernel", "paint_outputs", "paint_reads", "paint_tensor"]

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def paint_kernel(painter: Painter, scene: Scene, style: Style, grid: Grid) -> None:
    """Paint the kernel, each pixel in the colour of its mode and with its indices."""
    numbers = scene.mode_numbers
    longest = _longest_index(scene, grid)
    for tap, x, y in grid.cells():
        colour = style.taps.get(tap, "#ffffff")
        phase = scene.phase_of_tap.get(tap)
        mode = "none" if phase is None else numbers[phase]
        gid = f"kernel-{tap[0]}.{tap[1]}-mode-{mode}"
        painter.box(x, y, grid.cell, grid.cell, fill=colour, edge="#ffffff", line=0.8, gid=gid)
        write_cell(painter, grid, x, y, _indices(scene, tap), colour, longest=longest)
    paint_gaps(painter, grid)


def paint_tensor(painter: Painter, scene: Scene, style: Style, grid: Grid) -> None:
    """Paint the sub-crossbar tensor: a small crossbar for each kernel pixel, by mode."""
    longest = _longest_index(scene, grid)
    for tap, x, y in grid.cells():
        phase = scene.phase_of_tap.get(tap)
        if phase is None or phase in scene.empty:
            continue
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
            gid=f"sub_crossbar-{tap[0]}.{tap[1]}",
        )
        if grid.cell > 0.16:
            _crossbar_lines(painter, grid, x, y, blend(colour, "#000000", 0.2))
        write_cell(painter, grid, x, y, _indices(scene, tap), colour, longest=longest)
    _empty_modes(painter, scene, grid)
    _mode_titles(painter, scene, grid)
    paint_gaps(painter, grid)


def paint_input(
    painter: Painter, scene: Scene, step: Step, grid: Grid, *, seen: Seen = None
) -> None:
    """Paint the input map and, in dark, the window that the step reads."""
    prefix = f"step-{step.number}-input"
    for pixel, x, y in grid.cells():
        inside, place = scene.inside(pixel), step.window.get(pixel)
        gid = f"{prefix}-{pixel[0]}.{pixel[1]}"
        if place is None:
            if inside and seen is None:
                painter.box(x, y, grid.cell, grid.cell, fill=PALE, edge="#ffffff", line=0.8)
            continue
        fill = REAL if inside else "#ffffff"
        painter.box(
            x,
            y,
            grid.cell,
            grid.cell,
            fill=fill,
            edge="#ffffff" if inside else LINE,
            line=0.8 if inside else 0.4,
            style="-" if inside else (0, (1.5, 1.5)),  # type: ignore[arg-type]
            over=4,
            gid=f"{gid}-window-{place}" if inside else f"{gid}-zero",
            seen=seen,
        )
        write_cell(painter, grid, x, y, letter(place) if inside else "0", fill, seen=seen)
    if seen is None:
        paint_gaps(painter, grid)


def paint_reads(
    painter: Painter, scene: Scene, style: Style, step: Step, grid: Grid, *, seen: Seen = None
) -> None:
    """Paint the sub-crossbars with the letter of the input pixel that each is driven with."""
    for tap, x, y in grid.cells():
        phase = scene.phase_of_tap.get(tap)
        if phase is None or phase in scene.empty:
            continue
        pixel = step.reads.get(tap)
        zero = pixel is None or not scene.inside(pixel)
        colour = style.taps[tap]
        fill = blend(colour, "#ffffff", 0.8) if zero else colour
        source = "idle" if pixel is None else f"reads-{pixel[0]}.{pixel[1]}"
        painter.box(
            x + grid.cell * 0.04,
            y + grid.cell * 0.04,
            grid.cell * 0.92,
            grid.cell * 0.92,
            fill=fill,
            edge=blend(colour, "#000000", 0.35),
            line=0.4,
            gid=f"step-{step.number}-sub_crossbar-{tap[0]}.{tap[1]}-{source}",
            seen=seen,
        )
        text = "" if pixel is None else "0" if zero else letter(step.window[pixel])
        write_cell(painter, grid, x, y, text, fill, seen=seen)
    if seen is None:
        _empty_modes(painter, scene, grid)
        paint_gaps(painter, grid)


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
    for pixel, x, y in grid.cells():
        cell = (x, y, grid.cell, grid.cell)
        phase, number = made.get(pixel, ((0, 0), -1))
        if number < 0 or last is not None:
            painter.box(*cell, fill="#ffffff", edge="#c9c9c9", line=0.4, over=1)
        if number < 0:
            continue
        colour = style.modes[phase]
        text = str(scene.mode_numbers[phase])
        gid = f"step-{number}-output-{pixel[0]}.{pixel[1]}-mode-{text}"
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


def letter(place: int) -> str:
    """Name of a place in the window: a letter, or a number when there are more than 52."""
    return _LETTERS[place] if place < len(_LETTERS) else str(place)


def _indices(scene: Scene, tap: Pixel) -> str:
    return str(tap[1]) if scene.flat else f"{tap[0]},{tap[1]}"


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
    for a, b in scene.mode_numbers:
        span = _mode_span(grid, (a, b))
        if (a, b) in scene.empty and span is not None:
            x, y, width, height = span
            painter.box(x, y, width, height, fill="#ffffff", style="--", line=0.5)
            write_cell(painter, grid, x, y, "-", "#ffffff")


def _mode_titles(painter: Painter, scene: Scene, grid: Grid) -> None:
    """Number and outputs of each mode above its sub-crossbars, where there is room."""
    for phase, number in scene.mode_numbers.items():
        span = _mode_span(grid, phase)
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


def _mode_span(grid: Grid, phase: Pixel) -> tuple[float, float, float, float] | None:
    rows, columns = grid.rows.spans or {}, grid.columns.spans or {}
    if phase[0] not in rows or phase[1] not in columns:
        return None
    (top, bottom), (left, right) = rows[phase[0]], columns[phase[1]]
    cell = grid.cell
    return grid.x + left * cell, grid.y + top * cell, (right - left) * cell, (bottom - top) * cell
