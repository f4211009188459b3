"""How tiles move over time, for many mappings at once (the rules are those of `moves`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from red_timeloop.engines.embedded.arithmetic import Booleans, Integers, overlap, volume
from red_timeloop.engines.embedded.machine import Tensor

__all__ = ["Codes", "LoopSteps", "Motion", "Run", "moves", "slides"]


@dataclass(frozen=True)
class Codes:
    """Vectors of a data space packed into integers, so that adding and comparing takes one step.

    Attributes:
        dimensions: Code of one iteration of every dimension, `[D]`.
        bits: Bits of every axis.
    """

    dimensions: Integers
    bits: tuple[int, ...]

    @staticmethod
    def of(tensor: Tensor, sizes: tuple[int, ...]) -> Codes | None:
        """Return the codes of `tensor`, None when its vectors do not fit 62 bits."""
        bits = []
        for axis in tensor.axes:
            reach = sum(step * sizes[dimension] for dimension, step in axis)
            bits.append((2 * reach).bit_length() + 2)
        if sum(bits) > 62:
            return None
        codes = []
        for step in tensor.steps:
            code = shift = 0
            for value, width in zip(step, bits, strict=True):
                code += value << shift
                shift += width
            codes.append(code)
        return Codes(np.asarray(codes, dtype=np.int64), tuple(bits))

    def axes(self, codes: Integers) -> list[Integers]:
        """Return the vectors' entries, axis by axis."""
        result = []
        for width in self.bits:
            half = 1 << (width - 1)
            value = ((codes + half) & ((1 << width) - 1)) - half
            result.append(value)
            codes = (codes - value) >> width
        return result


class LoopSteps:
    """All loops over time of many mappings, innermost first; those of one iteration are left out.

    Where a mapping has fewer than K loops, the first rows are loops of one iteration and no stride.

    Args:
        temporal: Iterations, `[B, L, D]`.
        order: Dimensions, innermost first, `[B or 1, L, D]`.
        strides: Extent of every dimension within one iteration of each level's loops, `[L, D, B]`.
        numbers: How the levels are counted; from 0 when None.

    Attributes:
        dimension, stride, level: Of each loop, `[K, B]`.
        around: Iterations of each loop and those outside it, `[K + 1, B]`.
        times: How often each loop advances in all, `[K + 1, B]`, the last row 0.
    """

    def __init__(
        self,
        temporal: Integers,
        order: Integers,
        strides: Integers,
        numbers: Sequence[int] | None = None,
    ) -> None:
        batch, levels, dimensions = temporal.shape
        order = np.broadcast_to(order, temporal.shape)
        starts = np.arange(0, temporal.size, dimensions).reshape(batch, levels, 1)
        counts = temporal.ravel().take(order + starts).ravel()
        found = np.flatnonzero(counts > 1)
        row = found // (levels * dimensions)
        level = found // dimensions - row * levels
        dimension = order.ravel().take(found)
        ends = np.cumsum(np.bincount(row, minlength=batch))
        most = int(np.diff(ends, prepend=0).max(initial=0))
        target = (most - ends.take(row) + np.arange(len(found))) * batch + row
        stride = strides.ravel().take((level * dimensions + dimension) * batch + row)

        def table(values: Integers, other: int) -> Integers:
            filled = np.full((most, batch), other, dtype=np.int64)
            filled.ravel()[target] = values
            return filled

        self.dimension, self.stride = table(dimension, 0), table(stride, 0)
        numbers = range(levels) if numbers is None else numbers
        self.level = table(np.asarray(numbers, dtype=np.int64)[level], -1)
        count = table(counts.take(found), 1)
        self.around = np.ones((most + 1, batch), dtype=np.int64)
        for number in range(most - 1, -1, -1):
            np.multiply(count[number], self.around[number + 1], out=self.around[number])
        self.times = self.around - np.concatenate([self.around[1:], self.around[-1:]])
        self.column = np.arange(batch)
        self._numbers = tuple(numbers)
        self._outside: dict[int, Booleans] = {}

    def level_from(self, level: int) -> int:
        """Return the innermost level with loops of those from `level` on; a later one if none."""
        return next((each for each in self._numbers if each >= level), len(self._numbers) + level)

    def outside(self, level: int) -> Booleans:
        """Whether a loop is one of `level` or of the levels around it, `[K, B]`."""
        level = self.level_from(level)
        if level not in self._outside:
            self._outside[level] = self.level >= level
        return self._outside[level]

    def start(self, level: int) -> Integers:
        """Return where in arrays `[K + 1, B]` the innermost loop from `level` out is, `[B]`."""
        count = self.outside(level).sum(axis=0)
        start: Integers = (len(self.level) - count) * len(self.column) + self.column
        return start

    def total(self, level: int) -> Integers:
        """Return the iterations of all loops of `level` and the levels around it, `[B]`."""
        return self.around.ravel().take(self.start(level))


@dataclass(frozen=True)
class Run:
    """The steps of the tiles of a data space over the whole run, each `[B]`.

    Attributes:
        stride: Code of the first loop that moves the tile; 0 where none does.
        entire: Steps that take in the whole tile, the first of all included.
        partial: Steps by `stride`, which take in the part that is new.
    """

    stride: Integers
    entire: Integers
    partial: Integers


class Motion:
    """How the loops move the tiles of one data space.

    Args:
        loops: The loops.
        tensor: The data space.
        codes: Its vectors.
    """

    def __init__(self, loops: LoopSteps, tensor: Tensor, codes: Codes) -> None:
        self.loops = loops
        self.slides = slides(tensor)
        self.codes = codes
        self._known: dict[int, Run] = {}

    @cached_property
    def steps(self) -> Integers:
        """Code of each loop's stride, `[K + 1, B]`, the last row 0."""
        loops = self.loops
        steps = np.zeros(loops.around.shape, dtype=np.int64)
        np.multiply(self.codes.dimensions.take(loops.dimension), loops.stride, out=steps[:-1])
        return steps

    @cached_property
    def _net(self) -> Integers:
        steps = self.steps[:-1]
        net: Integers = 2 * steps - np.cumsum(steps, axis=0)
        return net

    @cached_property
    def _mover(self) -> Integers:
        """Where the first loop is, from each on, that moves the tile, `[K + 1, B]`."""
        count = len(self.loops.column)
        mover = np.empty(self.steps.shape, dtype=np.int64)
        mover[-1] = (len(mover) - 1) * count + self.loops.column
        moving = self.steps != 0
        for number in range(len(mover) - 2, -1, -1):
            here = number * count + self.loops.column
            mover[number] = np.where(moving[number], here, mover[number + 1])
        return mover

    def translations(self, level: int) -> Integers:
        """Return how a step of each loop moves the tiles below `level`, `[K, B]`.

        It is meant for loops outside the tiles.
        """
        if self.loops.level_from(level) == self.loops.level_from(0):
            return self._net
        net: Integers = self._net + np.where(self.loops.outside(level), 0, self.steps[:-1]).sum(0)
        return net

    def run(self, level: int) -> Run:
        """Return the steps of the tiles below `level`.

        Where no two dimensions move the tile along one axis, a step that moves it leaves nothing of
        it: strides are at least as long as it, each is longer than those of all loops inside it
        together, and so no step's net movement is shorter than the first stride.
        """
        loops, level = self.loops, self.loops.level_from(level)
        if level not in self._known:
            first = self._mover.ravel().take(loops.start(level))
            entire = loops.around.ravel().take(first)
            stride = self.steps.ravel().take(first)
            partial = np.zeros_like(entire)
            if self.slides:
                partial = loops.times.ravel().take(first)
                net = self.translations(level)
                later = loops.outside(level) & (loops.around[:-1] < entire)
                self._add_times(partial, later & (net == stride))
                still = partial.copy()
                self._add_times(still, later & (net == 0))
                entire = entire - still
            self._known[level] = Run(stride, entire, partial)
        return self._known[level]

    def _add_times(self, total: Integers, which: Booleans) -> None:
        """Add how often the loops of `which[K, B]` advance to `total[B]`."""
        found = np.flatnonzero(which)
        np.add.at(total, found % len(total), self.loops.times.ravel().take(found))

    def alike(self, level: int, rows: Integers, widths: list[Integers], reused: bool) -> Integers:
        """Return the words of steps that take in as many as the step before.

        Args:
            level: The level that feeds the tiles.
            rows: Mappings.
            widths: Widths of their tiles.
            reused: Whether the tile stays between steps.

        Returns:
            The words that all such steps of each loop take in, `[K, R]`.
        """
        loops = self.loops
        net, outside = self.translations(level)[:, rows], loops.outside(level)[:, rows]
        times, around = loops.times[:, rows], loops.around[:, rows]
        whole = volume(widths)
        size = np.broadcast_to(whole, net.shape)
        if reused:
            stride = self.run(level).stride[rows]
            new = whole - overlap(widths, self.codes.axes(stride))
            size = np.where(net == 0, 0, np.where(net == stride, new, whole))
        start, column = len(net) - outside.sum(axis=0), np.arange(len(rows))
        start = np.minimum(start, len(net) - 1)
        inner = size[start, column]
        same = outside & (size == inner) & (size > 0)
        same[start, column] = False
        words = np.where(same, size * times[:-1], 0)
        before = (inner == whole) + np.where(same, times[:-1], 0).sum(axis=0)
        words[start, column] = inner * (times[start, column] // around[start + 1, column]) * before
        return words


def slides(tensor: Tensor) -> bool:
    """Whether several dimensions move a data space's tiles along one axis."""
    return any(len(axis) > 1 for axis in tensor.axes)


def moves(motion: Motion, level: int, widths: list[Integers], reused: bool) -> Integers:
    """Return the words a tile takes in over the whole run, `[B]`.

    Args:
        motion: How the loops move the data space's tiles.
        level: The level that feeds the tiles.
        widths: Widths of the tile.
        reused: Whether the tile stays between steps.
    """
    whole = volume(widths)
    if not reused:
        return whole * motion.loops.total(level)
    run = motion.run(level)
    if not motion.slides:
        return whole * run.entire
    common = overlap(widths, motion.codes.axes(run.stride))
    return whole * run.entire + (whole - common) * run.partial
