"""Puts the panels together: the still figure and the strip that is animated."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from red_timeloop.views.drawing.grids import (
    Grid,
    Style,
    fit,
    kernel_grids,
    map_grids,
    style_of,
    zero_insertion_grid,
)
from red_timeloop.views.drawing.painter import Painter
from red_timeloop.views.drawing.panels import Panel
from red_timeloop.views.drawing.scene import Scene, Step

__all__ = ["moving_strip", "still_figure"]

_WIDTH = 7.16  # inches: two columns of an IEEE paper
_MARGIN = 0.08
_TITLE = 0.34
_NOTE = 0.3
_ARROW = 0.26
_LABEL = 0.7  # room for the labels at the left of the steps
_GAP = 0.16  # between steps

# Rows of a moving strip, of kernel, input, sub-crossbars and output: x, width, largest cell.
_ROWS = (((_MARGIN, 1.36, 0.3), (1.72, 1.5, 0.25), (3.52, 1.8, 0.27), (5.62, 1.46, 0.2)),)
_ROWS_OF_PLANES = (
    ((_MARGIN, 3.3, 0.3), (3.7, 3.38, 0.25)),
    ((_MARGIN, 3.5, 0.27), (3.9, 3.18, 0.2)),
)

_TIMES = "\N{MULTIPLICATION SIGN}"


def still_figure(scene: Scene, steps: int) -> Painter:
    """Paint the figure: zero insertion, kernel, sub-crossbar tensor and the first `steps` steps."""
    painter, style, tags = Painter(_WIDTH), style_of(scene), iter("abcd")
    top = _modes(painter, scene, style, tags)
    painter.end(_steps(painter, scene, style, scene.first_steps(steps), top, next(tags)))
    return painter


def _modes(painter: Painter, scene: Scene, style: Style, tags: Iterator[str]) -> float:
    """Paint zero insertion, kernel and tensor beside each other; return where they end."""
    layer = scene.layer
    most = 0.62 if scene.flat else 1.62
    zero = zero_insertion_grid(scene, (_MARGIN, _TITLE, 1.75, most))
    left = _MARGIN if zero is None else 2.1
    width = {1: 2.0, 2: 1.62, 3: 3.2}[layer.ndim]
    right = left + width + (0.3 if scene.flat else 0.12)
    kernel, tensor = kernel_grids(scene)
    used = len(scene.mode_numbers) - len(scene.empty)
    panels = [
        (
            "Kernel pixels by mode",
            fit(kernel, (left, _TITLE, width, most), 0.3, centred=False),
            Panel.kernel,
            f"kernel {_times(layer.kernel_size)}, stride {_same(layer.stride)}:\n"
            f"{_count(used, 'computation mode')}",
        ),
        (
            "Sub-crossbar tensor" if scene.pixelwise else "Kernel pixels on crossbars",
            fit(
                tensor,
                (right, _TITLE + 0.12, _WIDTH - right - _MARGIN, most - 0.12),
                0.34,
                centred=False,
            ),
            Panel.tensor,
            _tensor_note(scene),
        ),
    ]
    if zero is not None:
        share = f"{100 * layer.zero_redundancy:.1f} % zeros"
        note = f"{share}; an output meets\nthe kernel pixels of one mode"
        panels.insert(0, ("Zero insertion", zero, Panel.zero_insertion, note))
    bottom = max(grid.y + grid.height for _, grid, _, _ in panels) + 0.1 * (layer.ndim == 3)
    for title, grid, paint, note in panels:
        _title(painter, grid.x, next(tags), title)
        paint(Panel(painter, scene, style, grid))
        painter.word(grid.x, bottom + 0.1, note, fontsize=6, ha="left", va="top")
    return bottom + _NOTE + 0.1


def _tensor_note(scene: Scene) -> str:
    layer = scene.layer
    rows, columns = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    groups = f", {layer.groups} groups" if layer.groups > 1 else ""
    return (
        f"{scene.sub_crossbars:,} {scene.places},\n"
        f"of {rows} input channels {_TIMES} {columns} output channels{groups}"
    )


def _steps(
    painter: Painter, scene: Scene, style: Style, steps: tuple[Step, ...], top: float, tag: str
) -> float:
    """Paint steps, time to the right and data downwards; return where they end."""
    what = "Data flow with zeros" if scene.zeros else "Zero-skipping data flow"
    title = f"{what}: the first {len(steps)} of {_count(scene.step_count, 'step')}"
    _title(painter, _MARGIN, tag, title, top)
    y = top = top + _TITLE + 0.12
    layer = scene.layer
    inputs, outputs = map_grids(scene, steps)
    width = (_WIDTH - _LABEL - _MARGIN) / len(steps)
    grids = []
    for strips, most, label in (
        (inputs, 0.21, f"input\n{_times((*layer.input_size, layer.in_channels))}"),
        (kernel_grids(scene)[1], 0.21, "sub-\ncrossbars"),
        (outputs, 0.15, f"output\n{_times((*layer.output_size, layer.out_channels))}"),
    ):
        grid = fit(strips, (_LABEL, y, width - _GAP, 1.2), most)
        painter.word(_MARGIN, y + grid.height / 2, label, fontsize=6, ha="left", va="center")
        grids.append(grid)
        y += grid.height + _ARROW
    for index, step in enumerate(steps):
        x, name = index * width, f"step {step.number + 1}"
        painter.word(_LABEL + x + (width - _GAP) / 2, top - 0.1, name, fontweight="bold")
        read, driven, made = (Panel(painter, scene, style, grid.moved(x, 0)) for grid in grids)
        read.pixels()
        read.window(step)
        _arrow_below(painter, read.grid, _real_pixels(scene, step))
        driven.reads(step)
        _arrow_below(painter, driven.grid, _made(step))
        made.outputs(steps[: index + 1])
    return y - _ARROW + 0.1


def moving_strip(scene: Scene, frames: int) -> tuple[Painter, int]:
    """Paint kernel, input, sub-crossbars and output in a row, with shapes for each step.

    Returns the painter, whose `frames` say in which steps a shape is seen, and the number of steps.
    """
    painter, style, layer = Painter(_WIDTH), style_of(scene), scene.layer
    steps = scene.first_steps(frames)
    kernel, tensor = kernel_grids(scene)
    inputs, outputs = map_grids(scene, steps)
    shown = iter(
        (
            (kernel, f"kernel {_times(layer.kernel_size)}, by mode"),
            (inputs, f"input {_times(layer.input_size)}"),
            (tensor, _count(scene.sub_crossbars, "sub-crossbar")),
            (outputs, f"output {_times(layer.output_size)}"),
        )
    )
    grids: list[Grid] = []
    bottom = 0.0
    for places in _ROWS_OF_PLANES if layer.ndim == 3 else _ROWS:
        row = []
        for x, width, most in places:
            strips, title = next(shown)
            row.append(fit(strips, (x, bottom + _TITLE, width, 1.5), most))
            middle = bottom + _TITLE / 2
            painter.word(x + width / 2, middle, title, fontsize=7.5, fontweight="bold")
        tallest = max(grid.height for grid in row)
        grids += [grid.moved(0, (tallest - grid.height) / 2) for grid in row]
        bottom += _TITLE + tallest
    for one, other in pairwise(grids[1:]):
        (start, end), middle = (one.x + one.width, other.x), one.y + one.height / 2
        if end > start:
            painter.arrow((start + 0.05, middle), (end - 0.05, middle))
    modes, read, driven, made = (Panel(painter, scene, style, grid) for grid in grids)
    modes.kernel()
    read.pixels()
    driven.tensor(named=False)
    for step in steps:
        seen = (step.number, step.number)
        read.window(step, seen)
        driven.reads(step, seen)
        name = f"step {step.number + 1} of {scene.step_count}"
        text = f"{name}: {_real_pixels(scene, step)}; {_made(step)}"
        painter.word(_WIDTH / 2, bottom + 0.2, text, fontsize=7, seen=seen)
    made.outputs(steps, len(steps) - 1)
    painter.end(bottom + 0.34)
    return painter, len(steps)


def _title(painter: Painter, x: float, tag: str, text: str, top: float = 0.0) -> None:
    painter.word(x, top + 0.17, tag, fontsize=8.5, fontweight="bold", ha="left", va="baseline")
    painter.word(x + 0.13, top + 0.17, text, fontsize=7.5, ha="left", va="baseline")


def _arrow_below(painter: Painter, grid: Grid, text: str) -> None:
    x, y = grid.x + grid.width / 2, grid.y + grid.height
    painter.arrow((x, y + 0.04), (x, y + _ARROW - 0.04))
    painter.word(x + 0.08, y + _ARROW / 2, text, fontsize=5.6, ha="left")


def _real_pixels(scene: Scene, step: Step) -> str:
    real, again = (sum(map(scene.inside, pixels)) for pixels in (step.window, step.again))
    return f"{_count(real, 'real pixel')}{f', {again} again' if again else ''}"


def _made(step: Step) -> str:
    return f"{_count(len(step.outputs), 'output pixel')} at once"


def _times(values: tuple[int, ...]) -> str:
    return _TIMES.join(map(str, values))


def _same(values: tuple[int, ...]) -> str:
    return str(values[0]) if len(set(values)) == 1 else _times(values)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
