"""Puts the panels together: the still figure and the strip that is animated."""

from __future__ import annotations

from itertools import pairwise

from red_timeloop.views.drawing.background import (
    paint_zero_insertion,
    zero_insertion_grid,
)
from red_timeloop.views.drawing.grids import Grid, Style, fit, kernel_grids, map_grids, style_of
from red_timeloop.views.drawing.painter import Painter, new_painter
from red_timeloop.views.drawing.panels import Panel
from red_timeloop.views.drawing.scene import Scene, Step

__all__ = ["WIDTH", "moving_strip", "still_figure"]

WIDTH = 7.16  # inches: two columns of an IEEE paper
_MARGIN = 0.08
_TITLE = 0.34
_NOTE = 0.3
_ARROW = 0.26
_LABEL = 0.7  # room for the labels at the left of the steps

# Of kernel, input, sub-crossbars and output in a moving strip: x, row, width, largest cell.
_PLACES = (
    (_MARGIN, 0, 1.36, 0.3),
    (1.72, 0, 1.5, 0.25),
    (3.52, 0, 1.8, 0.27),
    (5.62, 0, 1.46, 0.2),
)
_PLACES_OF_PLANES = (
    (_MARGIN, 0, 3.3, 0.3),
    (3.7, 0, 3.38, 0.25),
    (_MARGIN, 1, 3.5, 0.27),
    (3.9, 1, 3.18, 0.2),
)

_TIMES = "\N{MULTIPLICATION SIGN}"


def still_figure(scene: Scene, steps: int) -> Painter:
    """Paint the figure: zero insertion, kernel, sub-crossbar tensor and the first `steps` steps."""
    style = style_of(scene)
    shown = scene.first_steps(steps)
    top = _TopRow(scene)
    columns = _StepColumns(scene, shown)
    painter = new_painter(WIDTH, top.height + columns.height)
    top.paint(painter, style)
    columns.paint(painter, style, top.height)
    return painter


class _TopRow:
    """Zero insertion, kernel and tensor beside each other."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        most = 0.62 if scene.flat else 1.62
        self._zero = zero_insertion_grid(scene, (_MARGIN, _TITLE, 1.75, most))
        left = _MARGIN if self._zero is None else 2.1
        kernel, tensor = kernel_grids(scene)
        width = {1: 2.0, 2: 1.62, 3: 3.2}[scene.layer.ndim]
        self._kernel = fit(kernel, (left, _TITLE, width, most), 0.3, centred=False)
        right = left + width + (0.3 if scene.flat else 0.12)
        room = (right, _TITLE + 0.12, WIDTH - right - _MARGIN, most - 0.12)
        self._tensor = fit(tensor, room, 0.34, centred=False)
        grids = [grid for grid in (self._zero, self._kernel, self._tensor) if grid is not None]
        self._bottom = max(grid.y + grid.height for grid in grids) + 0.1 * (scene.layer.ndim == 3)
        self._lefts = (_MARGIN, left, right)

    @property
    def height(self) -> float:
        return self._bottom + _NOTE + 0.1

    def paint(self, painter: Painter, style: Style) -> None:
        layer = self.scene.layer
        tag = iter("abc")
        notes: list[tuple[float, str]] = []
        if self._zero is not None:
            _title(painter, self._lefts[0], next(tag), "Zero insertion")
            paint_zero_insertion(painter, self.scene, style, self._zero)
            Panel(painter, self.scene, style, self._zero).gaps()
            share = f"{100 * layer.zero_redundancy:.1f} % zeros"
            note = f"{share}; an output meets\nthe kernel pixels of one mode"
            notes.append((self._lefts[0], note))
        _title(painter, self._lefts[1], next(tag), "Kernel pixels by mode")
        Panel(painter, self.scene, style, self._kernel).kernel()
        used = len(self.scene.mode_numbers) - len(self.scene.empty)
        facts = f"kernel {times(layer.kernel_size)}, stride {_same(layer.stride)}"
        notes.append((self._lefts[1], f"{facts}:\n{_count(used, 'computation mode')}"))
        _title(painter, self._lefts[2], next(tag), self._tensor_title)
        Panel(painter, self.scene, style, self._tensor).tensor()
        notes.append((self._lefts[2], self._tensor_note()))
        for x, note in notes:
            painter.word(x, self._bottom + 0.1, note, fontsize=6, ha="left", va="top")

    @property
    def _tensor_title(self) -> str:
        return "Sub-crossbar tensor" if self.scene.pixelwise else "Kernel pixels on crossbars"

    def _tensor_note(self) -> str:
        layer = self.scene.layer
        rows, columns = layer.in_channels // layer.groups, layer.out_channels // layer.groups
        groups = f", {layer.groups} groups" if layer.groups > 1 else ""
        number, places = self.scene.sub_crossbars, self.scene.places
        return (
            f"{number:,} {places},\n"
            f"of {rows} input channels {_TIMES} {columns} output channels{groups}"
        )


class _StepColumns:
    """The first steps: time runs to the right, data downwards."""

    def __init__(self, scene: Scene, steps: tuple[Step, ...]) -> None:
        self.scene, self.steps = scene, steps
        self._width = (WIDTH - _LABEL - _MARGIN) / len(steps)
        place = (0.0, 0.0, self._width - 0.16, 1.2)
        inputs, outputs = map_grids(scene, steps)
        self._input = fit(inputs, place, 0.21)
        self._tensor = fit(kernel_grids(scene)[1], place, 0.21)
        self._output = fit(outputs, place, 0.15)

    @property
    def height(self) -> float:
        grids = (self._input, self._tensor, self._output)
        return _TITLE + 0.12 + sum(grid.height for grid in grids) + 2 * _ARROW + 0.1

    def paint(self, painter: Painter, style: Style, top: float) -> None:
        scene = self.scene
        total = scene.step_count
        tag = "d" if zero_insertion_grid(scene, (0, 0, 1, 1)) is not None else "c"
        what = "Data flow with zeros" if scene.zeros else "Zero-skipping data flow"
        title = f"{what}: the first {len(self.steps)} of {_count(total, 'step')}"
        _title(painter, _MARGIN, tag, title, top)
        below = top + _TITLE + 0.12
        for index, step in enumerate(self.steps):
            x = _LABEL + index * self._width
            painter.word(
                x + (self._width - 0.16) / 2,
                below - 0.1,
                f"step {step.number + 1}",
                fontweight="bold",
                fontsize=6.5,
            )
            y = below
            panel = Panel(painter, scene, style, self._input.moved(x, y))
            panel.pixels()
            panel.window(step)
            y = _flow(painter, panel.grid, _real_pixels(scene, step))
            panel = Panel(painter, scene, style, self._tensor.moved(x, y))
            panel.reads(step)
            y = _flow(painter, panel.grid, _made(step))
            panel = Panel(painter, scene, style, self._output.moved(x, y))
            panel.outputs(self.steps[: index + 1])
        self._labels(painter, below)

    def _labels(self, painter: Painter, y: float) -> None:
        layer = self.scene.layer
        inputs = times((*layer.input_size, layer.in_channels))
        outputs = times((*layer.output_size, layer.out_channels))
        texts = (f"input\n{inputs}", "sub-\ncrossbars", f"output\n{outputs}")
        for grid, text in zip((self._input, self._tensor, self._output), texts, strict=True):
            painter.word(_MARGIN, y + grid.height / 2, text, fontsize=6, ha="left", va="center")
            y += grid.height + _ARROW


def moving_strip(scene: Scene, frames: int) -> tuple[Painter, int]:
    """Paint kernel, input, sub-crossbars and output in a row, with shapes for each step.

    Returns the painter, whose `frames` say in which steps a shape is seen, and the number of steps.
    """
    style = style_of(scene)
    steps = scene.first_steps(frames)
    kernel, tensor = kernel_grids(scene)
    inputs, outputs = map_grids(scene, steps)
    places = _PLACES_OF_PLANES if scene.layer.ndim == 3 else _PLACES
    strips = (kernel, inputs, tensor, outputs)
    grids = [
        fit(three, (x, 0.0, width, 1.5), most)
        for three, (x, _, width, most) in zip(strips, places, strict=True)
    ]
    rows = [line for _, line, _, _ in places]
    tallest = [max(g.height for g, at in zip(grids, rows, strict=True) if at == n) for n in {*rows}]
    tops = [sum(tallest[:n]) + (n + 1) * _TITLE for n in rows]
    bottom = tops[-1] + tallest[-1]
    painter = new_painter(WIDTH, bottom + 0.34)
    grids = [
        grid.moved(0, top + (tallest[row] - grid.height) / 2)
        for grid, top, row in zip(grids, tops, rows, strict=True)
    ]
    layer = scene.layer
    titles = (
        f"kernel {times(layer.kernel_size)}, by mode",
        f"input {times(layer.input_size)}",
        _count(scene.sub_crossbars, "sub-crossbar"),
        f"output {times(layer.output_size)}",
    )
    for (x, _, width, _), top, title in zip(places, tops, titles, strict=True):
        painter.word(x + width / 2, top - _TITLE / 2, title, fontsize=7.5, fontweight="bold")
    for one, other in pairwise(grids[1:]):
        (start, end), middle = (one.x + one.width, other.x), one.y + one.height / 2
        if end > start:
            painter.arrow((start + 0.05, middle), (end - 0.05, middle))
    panels = [Panel(painter, scene, style, grid) for grid in grids]
    panels[0].kernel()
    panels[1].pixels()
    panels[2].tensor(named=False)
    for step in steps:
        seen = (step.number, step.number)
        panels[1].window(step, seen)
        panels[2].reads(step, seen)
        text = (
            f"step {step.number + 1} of {scene.step_count}: {_real_pixels(scene, step)}; "
            f"{_made(step)}"
        )
        painter.word(WIDTH / 2, bottom + 0.2, text, fontsize=7, seen=seen)
    panels[3].outputs(steps, len(steps) - 1)
    return painter, len(steps)


def _title(painter: Painter, x: float, tag: str, text: str, top: float = 0.0) -> None:
    painter.word(x, top + 0.17, tag, fontsize=8.5, fontweight="bold", ha="left", va="baseline")
    painter.word(x + 0.13, top + 0.17, text, fontsize=7.5, ha="left", va="baseline")


def _flow(painter: Painter, grid: Grid, text: str) -> float:
    """Draw the arrow below a grid with its words; return where the next grid begins."""
    x, y = grid.x + grid.width / 2, grid.y + grid.height
    painter.arrow((x, y + 0.04), (x, y + _ARROW - 0.04))
    painter.word(x + 0.08, y + _ARROW / 2, text, fontsize=5.6, ha="left")
    return y + _ARROW


def _real_pixels(scene: Scene, step: Step) -> str:
    real, again = (sum(map(scene.inside, pixels)) for pixels in (step.window, step.again))
    return f"{_count(real, 'real pixel')}{f', {again} again' if again else ''}"


def _made(step: Step) -> str:
    return f"{_count(len(step.outputs), 'output pixel')} at once"


def times(values: tuple[int, ...]) -> str:
    """Return sizes as they are written, with a multiplication sign."""
    return _TIMES.join(map(str, values))


def _same(values: tuple[int, ...]) -> str:
    return str(values[0]) if len(set(values)) == 1 else times(values)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
