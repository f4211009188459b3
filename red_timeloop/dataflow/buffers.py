"""The buffers around the crossbars: the sliding window of inputs, the overlapping outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.designs.lanes import Lane
from red_timeloop.designs.reads import AxisReads

__all__ = ["OverlapBuffer", "Window", "slide"]


@dataclass
class Window:
    """The input buffer while it slides over one image, one line of the first axis after the other.

    A line is everything at one position of the first axis: the pixels between the first and the
    last position that any step reads along the other axes. Lines are fetched whole, once, when
    the window first reaches them, and dropped when it has passed.

    Attributes:
        arrival: Step of the first axis in which a line was fetched, by position.
        departure: The first step in which it is no longer there.
        words_read: Words read from the buffer, each broadcast to whatever wants it.
        words_fetched: Words written into the buffer, read from the one above, which has them for
            as long as they are in use.
        largest: The most words held at a time.
    """

    arrival: dict[int, int] = field(default_factory=dict)
    departure: dict[int, int] = field(default_factory=dict)
    words_read: int = 0
    words_fetched: int = 0
    largest: int = 0

    def check(self, reads: AxisReads) -> None:
        """Make sure that every real pixel a lane reads along the first axis is there by then."""
        for step, (positions, pixels) in enumerate(zip(reads.positions, reads.pixel, strict=True)):
            for position, pixel in zip(positions.tolist(), pixels.tolist(), strict=True):
                if pixel == reads.pixels:
                    continue
                fetched = self.arrival.get(position, step + 1)
                if not fetched <= step < self.departure.get(position, step + 1):
                    raise AssertionError(f"line {position} is not in the buffer in step {step}")


def slide(lanes: Sequence[Lane], channels: int, zeros_stored: bool) -> Window:
    """Run the input buffer that serves `lanes` over one image and count what it does.

    Each step presents the whole window: all positions that some lane's sub-crossbars are wired
    to, whether or not that lane still has an output to make.

    Args:
        lanes: Lanes that read at the same steps.
        channels: Words of a pixel.
        zeros_stored: Whether inserted zeros and borders are stored like pixels.
    """
    axes = [_union([lane.reads[axis] for lane in lanes]) for axis in range(len(lanes[0].reads))]
    stored = zeros_stored and any(axis.spacing > 1 for axis in axes)
    first, *rest = axes
    line = channels * prod(_between(axis, *_span(axis), stored) for axis in rest)
    window = Window()
    held: set[int] = set()
    for step in range(first.steps):
        low = first.stride * step + first.offsets[0]
        high = first.stride * step + first.offsets[-1]
        for position in sorted(p for p in held if p < low):
            held.remove(position)
            window.departure[position] = step
        for position in range(low, high + 1):
            if position not in held and (stored or _real(first, position)):
                held.add(position)
                window.arrival[position] = step
                window.words_fetched += line
        window.largest = max(window.largest, len(held) * line)
    # Pixels of the window in each step, as a table over the steps of all axes.
    pixels = np.ones((), np.int64)
    for axis in axes:
        present = (axis.pixel < axis.pixels) | stored
        pixels = np.multiply.outer(pixels, present.sum(axis=1))
    window.words_read = int(pixels.sum()) * channels
    for lane in lanes:
        window.check(lane.reads[0])
    return window


def _union(reads: Sequence[AxisReads]) -> AxisReads:
    """Return the window along one axis: all offsets, over the steps of the longest lane."""
    return AxisReads(
        steps=max(one.steps for one in reads),
        offsets=tuple(sorted({offset for one in reads for offset in one.offsets})),
        pixels=reads[0].pixels,
        stride=reads[0].stride,
        spacing=reads[0].spacing,
    )


def _span(axis: AxisReads) -> tuple[int, int]:
    return axis.offsets[0], axis.offsets[-1] + axis.stride * (axis.steps - 1)


def _real(axis: AxisReads, position: int) -> bool:
    return position % axis.spacing == 0 and 0 <= position // axis.spacing < axis.pixels


def _between(axis: AxisReads, low: int, high: int, stored: bool) -> int:
    return sum(stored or _real(axis, position) for position in range(low, high + 1))


@dataclass
class OverlapBuffer:
    """The output buffer of padding free: adds partial sums where they overlap, then crops.

    Attributes:
        sums: ``[N, C_out, *uncropped]``.
        touched: The same shape: what holds something already.
        updates: Partial sums that arrived.
        additions: Those that found something to be added to.
    """

    sums: NDArray[np.int64]
    touched: NDArray[np.bool_]
    updates: int = 0
    additions: int = 0

    @classmethod
    def empty(cls, images: int, channels: int, size: Sequence[int]) -> OverlapBuffer:
        """Return a buffer of zeros that nothing has touched."""
        shape = (images, channels, *size)
        return cls(np.zeros(shape, np.int64), np.zeros(shape, bool))

    def add(
        self,
        images: NDArray[Any],
        channels: NDArray[Any],
        pixels: Sequence[NDArray[Any]],
        partial: NDArray[Any],
    ) -> None:
        """Add the partial sums of one kernel pixel over some steps.

        Args:
            images: Image of each step.
            channels: Output channel of each column, no two alike.
            pixels: Output pixel of each step per axis; no two steps have image and pixel alike.
            partial: ``[steps, columns]``.
        """
        place: Any = (images[:, None], channels, *(axis[:, None] for axis in pixels))
        self.sums[place] += partial
        self.updates += partial.size
        self.additions += int(np.count_nonzero(self.touched[place]))
        self.touched[place] = True

    def crop(self, first: Sequence[int], size: Sequence[int]) -> tuple[NDArray[np.int64], int, int]:
        """Return the outputs that are kept, how many of them hold something, and how many more do.

        Args:
            first: The first pixel that is kept, per axis.
            size: Pixels that are kept, per axis; past the end of the buffer they are zero.
        """
        kept: Any = (..., *(slice(a, a + n) for a, n in zip(first, size, strict=True)))
        found = self.sums[kept]
        outputs = np.zeros((*self.sums.shape[:2], *size), np.int64)
        inside: Any = (..., *(slice(0, n) for n in found.shape[2:]))
        outputs[inside] = found
        written = int(np.count_nonzero(self.touched[kept]))
        return outputs, written, int(np.count_nonzero(self.touched)) - written
