"""Where cells lie along an axis, and what is left out of an axis that is too long to draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from red_timeloop.views.drawing.scene import Axis, Step

__all__ = ["Strip", "input_strip", "kernel_strip", "map_strip", "output_strip", "tensor_strip"]

_GAP = 0.9  # cells, for what is left out
_BETWEEN_MODES = 0.55  # cells
_MOST_CELLS = 16
_MOST_PIXELS = 10
_MOST_PLANES = 3
_PLANES_LEFT_OUT = 0.25  # planes, for those left out
_MOST_OUTPUTS = 24


@dataclass(frozen=True)
class Strip:
    """Cells along one axis.

    Attributes:
        at: Where each shown index begins, in cells from the start of the strip.
        extent: Length of the strip in cells.
        gaps: Middles of the places where indices are left out.
        spans: Begin and end of each block of cells; of a strip of modes those of each phase.
    """

    at: dict[int, float]
    extent: float
    gaps: tuple[float, ...]
    spans: dict[int, tuple[float, float]]


def _strip(indices: Iterable[int | None], gap: float = _GAP) -> Strip:
    return _blocks({0: indices}, gap)


def _blocks(
    blocks: Mapping[int, Iterable[int | None]], gap: float = _GAP, between: float = 0.0
) -> Strip:
    """Lay indices out one after the other, with room `between` blocks of them.

    None stands for what is left out, `gap` cells wide; an empty block takes the room of one cell.
    """
    at: dict[int, float] = {}
    gaps: list[float] = []
    spans: dict[int, tuple[float, float]] = {}
    position = 0.0
    for name, block in blocks.items():
        begin = position = position + (between if position else 0.0)
        for index in block:
            if index is None:
                gaps.append(position + gap / 2)
                position += gap
            else:
                at[index] = position
                position += 1
        position += position == begin
        spans[name] = (begin, position)
    return Strip(at, position, tuple(gaps), spans)


def _elide(values: Sequence[int], most: int) -> list[int | None]:
    """Return `values`, or the first and the last few with None between.

    >>> _elide(range(9), 5)
    [0, 1, 2, None, 7, 8]
    """
    if len(values) <= most:
        return list(values)
    tail = most // 3 + (most % 3 > 1)
    return [*values[: most - tail], None, *values[len(values) - tail :]]


def kernel_strip(axis: Axis) -> Strip:
    """Lay out the kernel pixels."""
    return _strip(_elide(range(axis.kernel_size), _MOST_CELLS))


def tensor_strip(axis: Axis, between: float = _BETWEEN_MODES) -> Strip:
    """Lay out the kernel pixels by mode, with room `between` modes; indices are taps."""
    longest = max(len(phase.taps) for phase in axis.phases)
    shown = _elide(range(len(axis.phases)), max(2, _MOST_CELLS // max(1, longest)))
    blocks: dict[int, Sequence[int | None]] = {}
    for index in shown:
        if index is None:
            blocks[-1] = [None]
        else:
            phase = axis.phases[index]
            blocks[phase.phase] = _elide(phase.taps, _MOST_CELLS)
    return _blocks(blocks, between=between)


def input_strip(axis: Axis, steps: Sequence[Step], number: int) -> Strip:
    """Lay out the input pixels that `steps` read, the zeros around the input among them.

    `number` says which of the axes it is; of planes only a few fit.
    """
    needed = [pixel[number] for step in steps for pixel in step.window]
    first, last, most = min(0, *needed), max(needed), _MOST_PIXELS if number else _MOST_PLANES
    end = axis.input_size if axis.input_size <= most else max(last + 1, most - 2)
    shown: list[int | None] = list(range(first, max(last + 1, end)))
    if end < axis.input_size:
        shown.append(None)
    return _strip(shown, _GAP if number else _PLANES_LEFT_OUT)


def output_strip(axis: Axis, steps: Sequence[Step], number: int) -> Strip:
    """Lay out the output pixels; of a long axis those that `steps` make, by the shown modes."""
    if axis.output_size <= (_MOST_CELLS if number else _MOST_PLANES):
        return _strip(range(axis.output_size))
    last = max(pixel[number] for step in steps for pixel in step.outputs.values())
    turns = last // len(axis.phases) + 1
    phases = _elide(range(len(axis.phases)), max(2, _MOST_OUTPUTS // turns))
    shown: list[int | None] = []
    for turn in range(turns):
        for phase in phases:
            if phase is None:
                shown.append(None)
            elif turn * len(axis.phases) + phase < axis.output_size:
                shown.append(turn * len(axis.phases) + phase)
    made = turns * len(axis.phases)
    most = _MOST_PIXELS if number else 0
    shown += range(made, min(axis.output_size, most))
    if max(made, most) < axis.output_size:
        shown.append(None)
    return _strip(shown, _GAP if number else _PLANES_LEFT_OUT)


def map_strip(axis: Axis, most: int) -> Strip:
    """Lay out the first pixels of the zero-inserted map, at most `most`."""
    extent = axis.output_size + axis.dilation * (axis.kernel_size - 1)
    if extent <= most:
        return _strip(range(extent))
    return _strip([*range(most), None])
