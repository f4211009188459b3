"""Driving the crossbars: pulses in, converted column sums out, shifted and added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.dataflow.bank import Bank, Tile
from red_timeloop.dataflow.converter import converter
from red_timeloop.dataflow.encoding import InputCode, WeightCode
from red_timeloop.designs.lanes import Lane
from red_timeloop.hardware import Hardware

__all__ = ["Machine", "Steps"]

_MOST_SUMS = 1 << 20  # column sums at a time, so that they stay in the cache
_MOST_INPUTS = 1 << 19
_EXACT_IN_FLOAT32 = 1 << 24


@dataclass(frozen=True)
class Steps:
    """Some steps of a lane.

    Attributes:
        images: Image of each step.
        places: Per axis, the step along it.
    """

    images: NDArray[np.int64]
    places: tuple[NDArray[np.int64], ...]

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class _Driven:
    """Rows of a tile that see a pixel in some step.

    Attributes:
        inputs: ``[steps, rows]``.
        cells: ``[rows, columns * cells of a weight]``: their conductances.
        blocks: Block of each row.
        weight_cells: Cells of each row that hold a weight.
    """

    inputs: NDArray[Any]
    cells: NDArray[Any]
    blocks: NDArray[np.int64]
    weight_cells: NDArray[np.int64]


@dataclass
class Machine:
    """Crossbars with their drivers, converters and adders.

    Attributes:
        hardware: The parameter set.
        inputs: ``[N, C_in, *(size + 1)]``: the inputs, with a zero behind the last pixel of each
            axis, which stands for whatever is no pixel.
        input_code: How inputs are driven.
        weight_code: How weights stand in the cells.
        exact_cells: Whether cells are ideal, so that column sums are whole numbers.
        adc_step: Units of a converter's code, if chosen.
        counts: Events so far.
    """

    hardware: Hardware
    inputs: NDArray[Any]
    input_code: InputCode
    weight_code: WeightCode
    exact_cells: bool
    adc_step: int | None = None
    counts: Counter[str] = field(default_factory=Counter)

    def chunks(self, lane: Lane, bank: Bank) -> Iterator[Steps]:
        """Yield all steps of `lane`, those together whose inserted zeros lie alike.

        The order matters to no count: the buffers are run in order of time by themselves.
        """
        images = self.inputs.shape[0]
        width = len(bank.columns) * len(self.weight_code.places)
        size = max(1, min(_MOST_SUMS // width, _MOST_INPUTS // bank.rows))
        for phases in product(*(range(axis.spacing) for axis in lane.reads)):
            axes = [
                np.arange(phase, axis.steps, axis.spacing)
                for phase, axis in zip(phases, lane.reads, strict=True)
            ]
            shape = (images, *map(len, axes))
            for first in range(0, prod(shape), size):
                flat = np.arange(first, min(first + size, prod(shape)))
                image, *places = np.unravel_index(flat, shape)
                chosen = tuple(axis[place] for axis, place in zip(axes, places, strict=True))
                yield Steps(image, chosen)

    def run(self, lane: Lane, bank: Bank, steps: Steps) -> NDArray[np.int64]:
        """Return ``[steps, columns]``: what the crossbars of `bank` make of the inputs.

        All turns of a fold and all converters are added up, digitally.
        """
        total = np.zeros((len(steps), len(bank.columns)), np.float64)
        made = len(steps) * int(bank.columns.sum())
        active = [joint for turn in bank.tiles for joint in turn if joint]
        for joint in active:
            total += self._joint(lane, bank, joint, steps)
        self.counts["partial_sums"] += made * len(active)
        self.counts["cross_crossbar_adds"] += made * (len(active) - 1)
        return np.rint(total).astype(np.int64)

    def _joint(
        self, lane: Lane, bank: Bank, joint: Sequence[Tile], steps: Steps
    ) -> NDArray[np.float64]:
        """Drive tiles with joined bit lines, convert their sums, shift and add."""
        driven = [self._drive(lane, bank, tile, steps) for tile in joint]
        joined_rows = sum(len(tile.channels) for tile in joint)
        slices, pulses = len(self.weight_code.places), len(self.input_code.places)
        largest = self.hardware.largest_sum(joined_rows)
        adc = converter(self.hardware.adc_bits, largest, self.adc_step)
        small = self.exact_cells and largest < _EXACT_IN_FLOAT32
        kind: Any = np.float32 if small else np.float64
        held = [(rows, rows.cells.astype(kind, copy=False)) for rows in driven if rows.inputs.size]
        width = len(bank.columns) * slices
        summed = np.zeros((len(steps), width), np.float64)
        nonzero_reads = saturations = 0
        weight_columns = np.repeat(bank.columns, slices)
        sums, more = np.empty((2, len(steps), width), kind)
        for pulse, place in enumerate(self.input_code.places if held else ()):
            for number, (rows, cells) in enumerate(held):
                digits = self.input_code.digits(rows.inputs, pulse)
                high = np.count_nonzero(digits, axis=0) * rows.weight_cells
                nonzero_reads += int(high.sum())
                np.matmul(digits.astype(kind), cells, out=more if number else sums)
                if number:
                    sums += more
            if not (adc.lossless and self.exact_cells):
                saturations += int(np.count_nonzero(adc.convert(sums)[:, weight_columns]))
            sums *= place
            summed += sums
        conversions = len(steps) * int(bank.columns.sum()) * slices * pulses
        self.counts["adc_conversions"] += conversions
        self.counts["adc_saturations"] += saturations
        self.counts["shift_adds"] += conversions
        self.counts["cell_reads_nonzero"] += nonzero_reads
        added = summed.reshape(len(steps), -1, slices) @ self.weight_code.places.astype(float)
        if self.weight_code.bias:
            added -= self.weight_code.bias * _block_sums(bank, driven)
        result: NDArray[np.float64] = added
        return result

    def _drive(self, lane: Lane, bank: Bank, tile: Tile, steps: Steps) -> _Driven:
        """Latch the inputs of some steps and count; keep the rows that see a pixel at all."""
        axes = [axis.pixel[place] for axis, place in zip(lane.reads, steps.places, strict=True)]
        seen = np.ones(len(tile.channels), bool)
        for axis, pixels, taps in zip(lane.reads, axes, tile.taps, strict=True):
            seen &= np.any(pixels < axis.pixels, axis=0)[taps]
        index = [pixels[:, taps[seen]] for pixels, taps in zip(axes, tile.taps, strict=True)]
        place: Any = (steps.images[:, None], tile.channels[seen], *index)
        inputs = self.inputs[place]
        real = np.ones(inputs.shape, bool)
        for axis, pixels in zip(lane.reads, index, strict=True):
            real &= pixels < axis.pixels
        # Cells with a weight in each row: the columns of the row's own block.
        beside = np.bincount(bank.blocks[bank.columns], minlength=bank.block_count)
        weight_cells = beside[tile.blocks] * len(self.weight_code.places)
        pulsed = np.full(len(tile.channels), len(steps))
        if self.hardware.zero_aware:
            pulsed[:] = 0
            pulsed[seen] = np.count_nonzero(real, axis=0)
        self._count_drives(bank, len(steps), pulsed, weight_cells)
        cells = tile.cells if seen.all() else tile.cells[seen]
        return _Driven(inputs, cells, tile.blocks[seen], weight_cells[seen])

    def _count_drives(
        self, bank: Bank, steps: int, pulsed: NDArray[np.int64], weight_cells: NDArray[np.int64]
    ) -> None:
        """Count the steps in which each row is driven, and those in which it raises pulses."""
        pulses = len(self.input_code.places)
        per_row = bank.crossbars * pulses
        self.counts["crossbar_activations"] += steps * per_row
        self.counts["rows_driven"] += steps * len(pulsed) * per_row
        self.counts["rows_driven_zero"] += (steps * len(pulsed) - int(pulsed.sum())) * per_row
        self.counts["cell_reads"] += int((pulsed * weight_cells).sum()) * pulses


def _block_sums(bank: Bank, driven: Sequence[_Driven]) -> NDArray[np.int64]:
    """Return ``[steps, columns]``: the sum of the inputs that meet a weight in each column."""
    sums = np.zeros((len(driven[0].inputs), bank.block_count), np.int64)
    for block in range(bank.block_count):
        for rows in driven:
            sums[:, block] += rows.inputs[:, rows.blocks == block].sum(axis=1)
    return sums[:, bank.blocks]
