"""When the lines of an image leave each stage: steady rate, latency, fill and drain.

A stage works row by row (along the first spatial axis): a row of steps gives `lines` output lines
once the input lines under it are there. With F(r) the end of row r, u the time of a row and p(r)
the row of the stage before that gives the last line which row r needs,

    F(r) = max(F(r - 1), F_before(p(r))) + u,

whose solution is `F(r) = max over q <= r of (F_before(p(q)) - q u) + (r + 1) u`: exact in the
model, and a running maximum to compute. The only circles of this graph are a stage's own rows from
image to image, so that in the steady state images come at the period of the slowest stage (the
largest mean of a circle in max-plus algebra: Baccelli et al., Synchronization and Linearity, 1992;
from memory, not confirmed), if the line buffers hold what the stages before run ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from red_timeloop.chip.budget import Site
from red_timeloop.chip.stage import Stage
from red_timeloop.layer import Layer

__all__ = ["Flow", "flow", "needed_rows", "row_count"]

Times = NDArray[np.float64]
Row = NDArray[np.int64]


@dataclass(frozen=True)
class Flow:
    """One image through an empty pipeline, in s from its first word.

    Attributes:
        latency: Until its last line is out.
        fill: Until the last stage begins to give lines.
        drain: From the end of the first stage to the end of the last.
    """

    latency: float
    fill: float
    drain: float


def row_count(stage: Stage) -> int:
    """Return the rows of steps of an image."""
    return -(-stage.layer.output_size[0] // stage.lines)


def needed_rows(stage: Stage, before: Stage | None) -> Row:
    """Return, for each row of `stage`, the last row of the stage before that it needs.

    Where the maps of the two differ, as with pooling between them or in a network that is no chain,
    the same share of lines is needed. Without a stage before, lines of the input are rows.
    """
    layer = stage.layer
    last = np.minimum(np.arange(1, row_count(stage) + 1) * stage.lines, layer.output_size[0]) - 1
    line = np.clip(_last_line(layer, last), 0, layer.input_size[0] - 1)
    if before is None:
        return line
    outputs = before.layer.output_size[0]
    theirs = -(-(line + 1) * outputs // layer.input_size[0]) - 1
    return np.asarray(theirs // before.lines, dtype=np.int64)


def flow(site: Site, copies: Sequence[int]) -> Flow:
    """Return how one image passes a chip; it comes and goes over a link.

    The words of a row pass the port of the tile before it is computed. Stages that share a port are
    at work at the same time, and take it in turn: a row's words pass it in the share of an image
    that the port's whole load takes.
    """
    stages, link_bits_per_s = site.stages, site.chip.link_bits_per_s
    first, last = stages[0], stages[-1]
    lines = first.layer.input_size[0]
    sent = first.input_bits / link_bits_per_s / lines
    done: Times = np.asarray(np.arange(1, lines + 1) * sent, dtype=np.float64)
    before: Stage | None = None
    first_end = 0.0
    for stage, count, port in zip(stages, copies, site.port_times(copies), strict=True):
        for _ in range(stage.repeat):
            rows = row_count(stage)
            passed = _finish(done[needed_rows(stage, before)], port / rows)
            done = _finish(passed, stage.time(count) / rows)
            first_end = first_end or float(done[-1])
            before = stage
    sent = last.output_bits / link_bits_per_s / len(done)
    fill = float(done[0])
    latency = float(_finish(done, sent)[-1])
    return Flow(latency, fill, latency - first_end)


def _finish(ready: Times, row: float) -> Times:
    """Return the end of each row, which takes `row` s from when its inputs are `ready`."""
    index = np.arange(len(ready))
    return np.asarray(np.maximum.accumulate(ready - index * row) + (index + 1) * row)


def _last_line(layer: Layer, output: Row) -> Row:
    """Return the last input line that output lines need, which may lie outside the map."""
    stride, before = layer.stride[0], layer.padding[0][0]
    if layer.transposed:  # o = i * s + k * d - before, and k = 0 reads furthest ahead
        return (output + before) // stride
    return output * stride + layer.dilation[0] * (layer.kernel_size[0] - 1) - before
