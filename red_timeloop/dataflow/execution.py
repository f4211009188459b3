"""Run a layer on a design at once: the outputs of `simulate`, bit for bit, without its events.

A crossbar multiplies the digits of a pulse with the cells of a slice; digits of all steps together
make a matrix product. Where no sum of a column can reach beyond the converter's codes, and these
are a unit apart, converting changes nothing, and what is left is linear: pulses (and slices, where
that holds for all of a weight's) are added up before they are multiplied instead of after.
Everything stays a whole number, or a multiple of the grain that conductances have, small enough for
the type it is held in; so the order of additions does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.dataflow.bank import Bank, Tile
from red_timeloop.dataflow.converter import Converter, converter
from red_timeloop.dataflow.direct import convolve
from red_timeloop.dataflow.mapped import Mapped, map_layer
from red_timeloop.dataflow.nonideal import IDEAL, Nonidealities
from red_timeloop.designs import Design
from red_timeloop.designs.lanes import Indices, Lane
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer

__all__ = ["Execution", "execute"]

_MOST_SUMS = 1 << 20  # column sums or inputs at a time
_EXACT_IN_FLOAT32 = 1 << 24


@dataclass(frozen=True)
class Execution:
    """What a design makes of a layer.

    Attributes:
        design: Name of the design.
        layer: The layer.
        hardware: The parameter set.
        outputs: ``[N, C_out, *output_size]``, int64.
        conversions: Column sums that were converted; 0 where a design has no crossbars.
        saturations: Those above the converter's last code.
    """

    design: str
    layer: Layer
    hardware: Hardware
    outputs: NDArray[np.int64]
    conversions: int
    saturations: int


def execute(
    layer: Layer,
    design: str | Design,
    inputs: NDArray[Any],
    weights: NDArray[Any],
    hardware: Hardware | None = None,
    *,
    nonidealities: Nonidealities = IDEAL,
    adc_step: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Execution:
    """Return what `simulate` does of the same arguments, without counting its events.

    A design without crossbars computes with whole numbers: its outputs are the exact ones.

    Args:
        layer: A transposed or an ordinary convolution.
        design: As for `simulate`.
        inputs: As for `simulate`.
        weights: As for `simulate`.
        hardware: As for `simulate`.
        nonidealities: What the cells do wrong; the same seed gives the same cells as there.
        adc_step: Units of cell current between a converter's codes.
        progress: Called with (lanes done, lanes in all).

    Raises:
        InputError: As `simulate`, but for designs without crossbars.

    >>> from red_timeloop import TransposedConv
    >>> layer = TransposedConv(2, 3, (4, 4), 4, stride=2, padding=1)
    >>> ones = np.ones((1, 2, 4, 4), int), np.ones((2, 3, 4, 4), int)
    >>> execute(layer, "red", *ones).outputs[0, 0, 1].tolist()
    [4, 8, 8, 8, 8, 8, 8, 4]
    """
    mapped = map_layer(layer, design, inputs, weights, hardware, nonidealities)
    if not mapped.lanes:
        exact = convolve(layer, mapped.inputs, mapped.weights)
        return Execution(mapped.design.name, layer, mapped.hardware, exact, 0, 0)
    pixels = np.ascontiguousarray(np.moveaxis(mapped.padded, 1, -1))
    canvas = _Canvas.of(layer, scattering=mapped.lanes[0].outputs is None)
    conversions = saturations = 0
    for done, lane in enumerate(mapped.lanes):
        for bank in mapped.programmer.banks(lane):
            joints = [
                _Joint.of(mapped, joint, bank, nonidealities.ideal, adc_step)
                for turn in bank.tiles
                for joint in turn
                if joint
            ]
            width = int(bank.columns.sum())
            for steps in _chunks(layer.batch, lane, max(width, bank.rows)):
                total = np.zeros((steps.count, width), np.float64)
                for joint in joints:
                    saturations += joint.add(total, pixels, lane, steps)
                canvas.take(layer, lane, bank, steps, total)
            made = layer.batch * prod(lane.steps) * width * len(joints)
            conversions += made * len(mapped.programmer.code.places) * len(mapped.input_code.places)
        if progress:
            progress(done + 1, len(mapped.lanes))
    outputs = canvas.outputs(layer)
    return Execution(mapped.design.name, layer, mapped.hardware, outputs, conversions, saturations)


@dataclass(frozen=True)
class _Steps:
    """A block of steps: some images times some steps along each axis, evenly spaced."""

    images: range
    axes: tuple[range, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.images), *map(len, self.axes))

    @property
    def count(self) -> int:
        return prod(self.shape)


def _chunks(images: int, lane: Lane, width: int) -> Iterator[_Steps]:
    """Yield the steps of `lane` in blocks; in each, inserted zeros lie alike."""
    for phases in product(*(range(axis.spacing) for axis in lane.reads)):
        whole = [range(images)]
        for phase, axis in zip(phases, lane.reads, strict=True):
            whole.append(range(phase, axis.steps, axis.spacing))
        most = _MOST_SUMS // width
        parts: list[list[range]] = []
        for axis_steps in reversed(whole):
            size = max(1, min(len(axis_steps), most))
            most //= size
            parts.insert(0, [axis_steps[i : i + size] for i in range(0, len(axis_steps), size)])
        for first, *rest in product(*parts):
            yield _Steps(first, tuple(rest))


@dataclass(frozen=True)
class _TapRows:
    """Rows of a joint that read one tap, and the channel of each."""

    taps: tuple[int, ...]
    rows: range
    channels: slice | Indices


@dataclass(frozen=True)
class _Joint:
    """Tiles with joined bit lines and the converters at their feet.

    Attributes:
        mapped: The layer they belong to.
        reads: The rows, by the tap that they read.
        linear: ``[rows, columns]``: what each row adds to each column whatever the converter does.
        slices: Those of which the converter may make something else: place value, columns, and
            ``[rows, columns]`` conductances.
        adc: The converter.
    """

    mapped: Mapped
    reads: tuple[_TapRows, ...]
    linear: NDArray[Any]
    slices: tuple[tuple[int, NDArray[np.int64], NDArray[Any]], ...]
    adc: Converter

    @classmethod
    def of(
        cls, mapped: Mapped, joint: Sequence[Tile], bank: Bank, exact: bool, adc_step: int | None
    ) -> _Joint:
        hardware, code = mapped.hardware, mapped.programmer.code
        digit = (1 << hardware.dac_bits) - 1
        channels = np.concatenate([tile.channels for tile in joint])
        taps = [np.concatenate(axis) for axis in zip(*(tile.taps for tile in joint), strict=True)]
        reads, order = _tap_rows(channels, np.stack(taps))
        largest = hardware.largest_sum(len(order))
        adc = converter(hardware.adc_bits, largest, adc_step)
        cells = np.concatenate([tile.cells for tile in joint])
        cells = cells.reshape(len(order), len(bank.columns), -1)[order][:, bank.columns]
        blocks = np.concatenate([tile.blocks for tile in joint])[order]
        beside = blocks[:, None] == bank.blocks[bank.columns]
        converted = np.ones(cells.shape[1:], bool)  # whether converting changes anything
        if exact and adc.step == 1:
            converted = cells.sum(axis=0, dtype=np.float64) * digit > adc.levels - 1
        # codes are at most as large as the sums, and are added up over the bits of an input
        small = exact and largest << mapped.input_code.bits < _EXACT_IN_FLOAT32
        slices = []
        for index, place in enumerate(code.places.tolist()):
            columns = np.flatnonzero(converted[:, index])
            if len(columns):
                kind: Any = np.float32 if small else np.float64
                slices.append((place, columns, cells[:, columns, index].astype(kind)))
        linear = np.einsum("rcs,cs->rc", cells, code.places * ~converted, dtype=np.float64)
        linear -= code.bias * beside
        most = np.abs(linear).sum(axis=0).max(initial=0) * (1 << mapped.input_code.bits)
        linear = linear.astype(np.float32 if most < _EXACT_IN_FLOAT32 else np.float64)
        return cls(mapped, tuple(reads), linear, tuple(slices), adc)

    def add(
        self, total: NDArray[np.float64], pixels: NDArray[Any], lane: Lane, steps: _Steps
    ) -> int:
        """Add what the columns give to ``[steps, columns]``; return how often they saturate."""
        inputs, rows = _latch(self.reads, pixels, lane, steps)
        if not len(rows):
            return 0
        whole = len(rows) == len(self.linear)
        linear = self.linear if whole else self.linear[rows]
        if linear.any():
            total += inputs.astype(linear.dtype) @ linear
        saturations = 0
        for place, columns, cells in self.slices:
            driven = cells if whole else cells[rows]
            summed, over = self._convert(inputs, driven)
            summed *= place * self.adc.step
            saturations += over
            if len(columns) == total.shape[1]:
                total += summed
            else:
                total[:, columns] += summed
        return saturations

    def _convert(self, inputs: NDArray[Any], cells: NDArray[Any]) -> tuple[NDArray[Any], int]:
        """Drive all pulses; return the shifted sums of codes and how many conversions saturated."""
        code, adc = self.mapped.input_code, self.adc
        top, saturations = adc.levels - 1, 0
        summed = np.zeros((len(inputs), cells.shape[1]), cells.dtype)
        sums = np.empty_like(summed)
        for pulse, place in enumerate(code.places):
            np.matmul(code.digits(inputs, pulse).astype(cells.dtype), cells, out=sums)
            if adc.step > 1:
                sums /= adc.step
            np.rint(sums, out=sums)
            if sums.max() > top:
                saturations += int(np.count_nonzero(sums > top))
                np.minimum(sums, top, out=sums)
            sums *= place
            summed += sums
        return summed.astype(np.float64), saturations


def _tap_rows(channels: Indices, taps: Indices) -> tuple[list[_TapRows], Indices]:
    """Sort rows by the tap that they read; return them and the order."""
    found, which = np.unique(taps, axis=1, return_inverse=True)
    order = np.argsort(which.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(which.ravel())).tolist()
    reads = []
    for tap, first, end in zip(found.T.tolist(), [0, *ends], ends, strict=False):
        own = channels[order[first:end]]
        chosen: slice | Indices = own
        if (np.diff(own) == 1).all():  # copied as they lie
            chosen = slice(int(own[0]), int(own[-1]) + 1)
        reads.append(_TapRows(tuple(tap), range(first, end), chosen))
    return reads, order


def _latch(
    reads: Sequence[_TapRows], pixels: NDArray[Any], lane: Lane, steps: _Steps
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return ``[steps, rows]`` inputs, and which rows: those that see a pixel in some step."""
    flat = pixels.reshape(-1, pixels.shape[-1])
    columns = [np.empty((steps.count, 0), pixels.dtype)]
    rows: list[int] = []
    chosen = [
        axis.pixel[some.start : some.stop : some.step]
        for axis, some in zip(lane.reads, steps.axes, strict=True)
    ]
    seen: list[list[bool]] = [
        np.any(own < axis.pixels, axis=0).tolist()
        for own, axis in zip(chosen, lane.reads, strict=True)
    ]
    for read in reads:
        if all(own[tap] for own, tap in zip(seen, read.taps, strict=True)):
            index = np.array(steps.images)
            sizes = pixels.shape[1:-1]
            for own, tap, size in zip(chosen, read.taps, sizes, strict=True):
                index = np.add.outer(index * size, own[:, tap])
            index = index.ravel()
            if isinstance(read.channels, slice):
                columns.append(flat[index, read.channels])
            else:
                columns.append(flat[index[:, None], read.channels])
            rows.extend(read.rows)
    return np.concatenate(columns, axis=1), np.array(rows, np.int64)


@dataclass(frozen=True)
class _Canvas:
    """Where outputs are written, or added where they overlap: ``[N, *pixels, C_out]``."""

    sums: NDArray[np.int64]
    scattering: bool

    @classmethod
    def of(cls, layer: Layer, scattering: bool) -> _Canvas:
        size = layer.output_size
        if scattering:  # large enough for what lands, and for what is kept
            size = tuple(
                max((pixels - 1) * s + d * (taps - 1) + 1, before + kept)
                for pixels, s, d, taps, (before, _), kept in zip(
                    layer.input_size,
                    layer.stride,
                    layer.dilation,
                    layer.kernel_size,
                    layer.padding,
                    layer.output_size,
                    strict=True,
                )
            )
        return cls(np.zeros((layer.batch, *size, layer.out_channels), np.int64), scattering)

    def take(
        self, layer: Layer, lane: Lane, bank: Bank, steps: _Steps, total: NDArray[np.float64]
    ) -> None:
        """Take the sums ``[steps, columns]`` of the columns that hold weights."""
        made = np.rint(total).astype(np.int64).reshape(*steps.shape, -1)
        channels = bank.channels[bank.columns]
        images = slice(steps.images.start, steps.images.stop)
        if lane.outputs is not None:
            places = [
                _slice(pixels[some.start : some.stop : some.step])
                for pixels, some in zip(lane.outputs, steps.axes, strict=True)
            ]
            place: Any = (images, *places, channels)
            self.sums[place] = made
            return
        kernel = [axis[bank.columns] for axis in bank.kernel]
        flat = np.ravel_multi_index(kernel, layer.kernel_size)
        for tap in np.unique(flat):
            own, pixel = np.flatnonzero(flat == tap), np.unravel_index(tap, layer.kernel_size)
            places = [
                slice(
                    some.start * s + int(at) * d,
                    some[-1] * s + int(at) * d + 1,
                    some.step * s,
                )
                for some, at, s, d in zip(
                    steps.axes, pixel, layer.stride, layer.dilation, strict=True
                )
            ]
            place = (images, *places, channels[own])
            self.sums[place] += made[..., own]

    def outputs(self, layer: Layer) -> NDArray[np.int64]:
        """Return ``[N, C_out, *output_size]``."""
        kept = self.sums
        if self.scattering:
            crop: Any = (
                slice(None),
                *(
                    slice(before, before + size)
                    for (before, _), size in zip(layer.padding, layer.output_size, strict=True)
                ),
            )
            kept = kept[crop]
        return np.ascontiguousarray(np.moveaxis(kept, -1, 1))


def _slice(some: range) -> slice:
    return slice(some.start, some.stop, some.step)
