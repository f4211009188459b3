"""What each design's controller does: which pixels a step reads, and where its sums go.

A lane is a set of crossbars that work on the same step: one computation mode of RED or of the split
kernels, the one matrix of zero padding, or the output phases of padding free that are mounted
together. Lanes run side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.dataflow.placement import Indices, Place
from red_timeloop.decomposition import Mode, decompose
from red_timeloop.designs.plan import Part, Plan
from red_timeloop.designs.ranks import MODES, TAPS
from red_timeloop.layer import Layer

__all__ = ["AxisReads", "Lane", "lanes"]


@dataclass(frozen=True)
class AxisReads:
    """What a lane reads along one axis: in step j, position ``stride * j + offset`` for each tap.

    Attributes:
        steps: Steps along the axis.
        offsets: Positions read in step 0, by index of the tap rank.
        pixels: Real pixels along the axis.
        stride: Positions between steps.
        spacing: Positions between real pixels, more than 1 where zeros are inserted.
    """

    steps: int
    offsets: tuple[int, ...]
    pixels: int
    stride: int = 1
    spacing: int = 1

    @cached_property
    def positions(self) -> Indices:
        """``[steps, taps]``: the position each step reads."""
        positions: Indices = np.add.outer(
            np.arange(self.steps) * self.stride, np.array(self.offsets)
        )
        return positions

    @cached_property
    def pixel(self) -> Indices:
        """``[steps, taps]``: the pixel there; `pixels`, one past the last, for a zero."""
        pixel, rest = np.divmod(self.positions, self.spacing)
        real = (rest == 0) & (pixel >= 0) & (pixel < self.pixels)
        return np.where(real, pixel, self.pixels)


@dataclass(frozen=True)
class Lane:
    """Crossbars that work on the same step.

    Attributes:
        part: The part of the plan they belong to.
        reads: What they read, per axis.
        kernel: Per axis, kernel pixels by index of the mode and of the tap rank: taps of one
            computation mode, or all phases where the columns hold them.
        mode: Index of the mode rank of each axis, where the lane is one mode; else None.
        outputs: Per axis, the output pixel of each step; None where outputs overlap.
    """

    part: Part
    reads: tuple[AxisReads, ...]
    kernel: tuple[NDArray[Any], ...]
    mode: tuple[int, ...] | None
    outputs: tuple[range, ...] | None

    @property
    def steps(self) -> tuple[int, ...]:
        """Steps per axis."""
        return tuple(axis.steps for axis in self.reads)

    def kernel_pixel(self, place: Place, size: int) -> tuple[tuple[Indices, ...], Any]:
        """Return the kernel pixel of each of `size` places per axis, and which places have one.

        Where a rank was padded, the places past its end have none.
        """
        found, legal = [], np.ones(size, bool)
        ndim = len(self.kernel)
        for axis, table in enumerate(self.kernel):
            tap = np.broadcast_to(place.get(TAPS[axis - ndim], np.zeros(1, np.int64)), size)
            mode = np.broadcast_to(place.get(MODES[axis - ndim], np.zeros(1, np.int64)), size)
            if self.mode is not None:
                mode = np.zeros(size, np.int64)  # the table holds this mode's taps only
            inside = tap < table.shape[1]
            legal &= inside
            found.append(table[mode, np.where(inside, tap, 0)])
        return tuple(found), legal


def lanes(plan: Plan) -> tuple[Lane, ...]:
    """Return the lanes of a plan, those of one part one after the other."""
    own = [part for part in plan.parts if part.role != "inputs"]
    if plan.architecture == "zero_padding":
        return (_one_matrix(plan.layer, own[0]),)
    if plan.architecture == "padding_free":
        return (_scattering(plan.layer, own[0]),)
    return tuple(_modes(plan.layer, own))


def _one_matrix(layer: Layer, part: Part) -> Lane:
    """Return the lane of a convolution over the (zero-inserted) map, an output pixel a step."""
    reads, kernel = [], []
    for axis, taps in enumerate(layer.kernel_size):
        before, d, s = layer.padding[axis][0], layer.dilation[axis], layer.stride[axis]
        # In the zero-inserted map pixel i stands at i * s, and i * s = o + before - k * d.
        order = range(taps)[::-1] if layer.transposed else range(taps)
        offsets = [before - k * d if layer.transposed else k * d - before for k in order]
        reads.append(
            AxisReads(
                steps=layer.output_size[axis],
                offsets=tuple(offsets),
                pixels=layer.input_size[axis],
                stride=1 if layer.transposed else s,
                spacing=s if layer.transposed else 1,
            )
        )
        kernel.append(np.array([order]))
    outputs = tuple(range(size) for size in layer.output_size)
    return Lane(part, tuple(reads), tuple(kernel), (0,) * layer.ndim, outputs)


def _modes(layer: Layer, parts: Sequence[Part]) -> Iterator[Lane]:
    """Yield a lane for every computation mode that has taps and outputs."""
    for part, group in zip(parts, decompose(layer).groups, strict=True):
        places = product(*map(range, group.modes_per_axis))
        for place, mode in zip(places, group.modes, strict=True):
            yield _mode(layer, part, mode, place)


def _mode(layer: Layer, part: Part, mode: Mode, place: tuple[int, ...]) -> Lane:
    reads, kernel = [], []
    for axis, (taps, offsets) in enumerate(zip(mode.taps, mode.offsets, strict=True)):
        order = sorted(range(len(taps)), key=lambda index: offsets[index])
        reads.append(
            AxisReads(
                steps=len(mode.outputs[axis]),
                offsets=tuple(offsets[index] for index in order),
                pixels=layer.input_size[axis],
            )
        )
        kernel.append(np.array([[taps[index] for index in order]]))
    return Lane(part, tuple(reads), tuple(kernel), place, mode.outputs)


def _scattering(layer: Layer, part: Part) -> Lane:
    """Return the lane of padding free: an input pixel a step, all kernel pixels on the columns."""
    reads = tuple(AxisReads(steps=size, offsets=(0,), pixels=size) for size in layer.input_size)
    kernel = tuple(np.arange(taps)[:, None] for taps in layer.kernel_size)
    return Lane(part, reads, kernel, None, None)
