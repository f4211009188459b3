"""When the lines of an image leave each stage: steady rate, latency, fill and drain, line buffers.

A stage works row by row (along the first spatial axis): a row of steps gives `lines` output lines
once the input lines under it are there. With F(r) the end of row r, u the time of a row and p(r)
the row of the stage before that gives the last line which row r needs,

    F(r) = max(F(r - 1), F_before(p(r))) + u,

whose solution is `F(r) = max over q <= r of (F_before(p(q)) - q u) + (r + 1) u`: exact in the
model, and a running maximum to compute. Ports and wires are shared by a fixed schedule: each stage
has its part of the time, in proportion to its words, so that a row's words pass in the share of an
image that the whole load takes, whatever the others do.

Images may follow at any period T that is no shorter than a stage's or a port's work: with
F(-1) = F(R - 1) - T (its last row of the image before) the same running maximum over two images
gives a schedule that repeats every T. What of it lies between a stage and the next at its worst is
the line buffer that T needs. Buffers of that size are enough: a schedule that meets all waits, for
room too, and repeats every T bounds the period of an execution that never waits longer than it has
to (max-plus algebra: Baccelli et al., Synchronization and Linearity, 1992; from memory).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from red_timeloop.chip.budget import Site
from red_timeloop.chip.placement import Placement
from red_timeloop.chip.stage import Stage
from red_timeloop.layer import Layer

__all__ = ["Flow", "flow", "needed_rows", "row_count"]

Times = NDArray[np.float64]
Row = NDArray[np.int64]
_SLACK = 1e-9  # of a period: what rounding adds to times


@dataclass(frozen=True)
class Flow:
    """Images through a pipeline, times in s from the first word of one.

    Attributes:
        latency: Until the last line of an image alone is out.
        fill: Until the last stage begins to give lines.
        drain: From the end of the first stage to the end of the last.
        spans: For each stage of the chain, begin and end of its work on an image that follows
            others at the period.
        buffers: For each stage of the chain, the rows of what comes before (lines of the input for
            the first) that its line buffer holds when images follow at the period.
    """

    latency: float
    fill: float
    drain: float
    spans: tuple[tuple[float, float], ...]
    buffers: tuple[int, ...]


def row_count(stage: Stage) -> int:
    """Return the rows of steps of an image."""
    return -(-stage.layer.output_size[0] // stage.lines)


def needed_rows(stage: Stage, before: Stage | None) -> tuple[Row, Row]:
    """Return, for each row of `stage`, the first and the last row of the stage before it needs.

    Where the maps of the two differ, as with pooling between them or in a network that is no chain,
    the same share of lines is needed. Without a stage before, lines of the input are rows.
    """
    layer = stage.layer
    size, most = layer.input_size[0], layer.output_size[0]
    outputs = np.arange(row_count(stage) * stage.lines, dtype=np.int64).reshape(-1, stage.lines)
    low, high = _lines(layer, np.minimum(outputs, most - 1))
    last = np.maximum.accumulate(np.clip(high.max(axis=1), 0, size - 1))
    first = np.minimum.accumulate(np.clip(low.min(axis=1), 0, size - 1)[::-1])[::-1]
    if before is None:
        return first, last
    theirs = before.layer.output_size[0]
    last = -(-(last + 1) * theirs // size) - 1
    return first * theirs // size // before.lines, last // before.lines


def flow(site: Site, copies: Sequence[int], period: float, placement: Placement) -> Flow:
    """Return how images pass a chip at `period`; they come and go over a link.

    The words of a row pass the ports of tiles and the wires between them before it is computed.
    """
    stages, link_bits_per_s = site.stages, site.chip.link_bits_per_s
    first, last = stages[0], stages[-1]
    lines = first.layer.input_size[0]
    sent = first.input_bits / link_bits_per_s / lines
    alone: Times = np.asarray(np.arange(1, lines + 1) * sent, dtype=np.float64)
    steady, given = alone, sent  # `given`: the s that a row takes which goes in
    first_end = 0.0
    spans: list[tuple[float, float]] = []
    buffers: list[int] = []
    for stage, before, passing, row in _rows(site, copies, placement):
        low, high = needed_rows(stage, before)
        passed = _finish(alone[high], passing)
        alone = _finish(passed, row)
        first_end = first_end or float(alone[-1])
        ready = steady - given
        there = _repeated(steady[high], passing, period)
        steady_before, steady = steady, _repeated(there, row, period)
        buffers.append(_held(ready, steady, low, period, len(steady_before)))
        given = row
        spans.append((float(steady[0]) - row, float(steady[-1])))
    sent = last.output_bits / link_bits_per_s / len(alone)
    fill = float(alone[0])
    latency = float(_finish(alone, sent)[-1])
    return Flow(latency, fill, latency - first_end, tuple(spans), tuple(buffers))


def _rows(
    site: Site, copies: Sequence[int], placement: Placement
) -> Iterator[tuple[Stage, Stage | None, float, float]]:
    """Yield the chain: stage, stage before, s in which a row's words pass, and is computed."""
    before: Stage | None = None
    passing = map(max, site.port_times(copies), site.mesh_times(placement))
    for stage, count in zip(site.stages, copies, strict=True):
        rows = row_count(stage)
        for _ in range(stage.repeat):
            yield stage, before, next(passing) / rows, stage.time(count) / rows
            before = stage


def _finish(ready: Times, row: float) -> Times:
    """Return the end of each row, which takes `row` s from when its inputs are `ready`."""
    index = np.arange(len(ready))
    return np.asarray(np.maximum.accumulate(ready - index * row) + (index + 1) * row)


def _repeated(ready: Times, row: float, period: float) -> Times:
    """Return the same for an image that follows others at `period`."""
    return _finish(np.concatenate((ready - period, ready)), row)[len(ready) :]


def _held(begun: Times, done: Times, low: Row, period: float, rows: int) -> int:
    """Return the most rows that a line buffer holds, of images at `period`.

    Args:
        begun: When each row that goes in is begun, and needs room.
        done: When each row of the stage behind the buffer ends, and frees what the next needs not.
        low: The first row that each of these needs.
        period: Time in s from image to image.
        rows: Rows of an image that go in.
    """
    images = np.floor((begun - done[0]) / period + _SLACK)
    count = np.searchsorted(done, begun - images * period + _SLACK * period, "right")
    freed = images * rows + np.append(low[1:], rows)[count - 1]
    return int((np.arange(1, rows + 1) - freed).max())


def _lines(layer: Layer, outputs: Row) -> tuple[Row, Row]:
    """Return the first and the last input line of output lines, which may lie outside the map.

    An output line that no tap reaches needs none: its first lies behind the map, its last before.
    """
    stride, before = layer.stride[0], layer.padding[0][0]
    taps = np.arange(layer.kernel_size[0], dtype=np.int64) * layer.dilation[0]
    if not layer.transposed:
        return outputs * stride - before, outputs * stride - before + taps[-1]
    # o = i * stride + tap - before: only taps of the residue that o has
    mine = [taps[taps % stride == residue] for residue in range(stride)]
    nothing = layer.input_size[0] * stride + outputs[-1, -1]
    near = np.array([each[0] if len(each) else nothing for each in mine])
    far = np.array([each[-1] if len(each) else -nothing for each in mine])
    residue = (outputs + before) % stride
    return (outputs + before - far[residue]) // stride, (
        (outputs + before - near[residue]) // stride
    )
