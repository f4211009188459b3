"""How tiles move over time, for many mappings at once (the rules are those of `moves`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from red_timeloop.engines.embedded.arithmetic import Booleans, Integers, overlap, volume
from red_timeloop.engines.embedded.machine import Shape, Tensor

__all__ = ["Codes", "LoopSteps", "Motion", "Run", "moves", "packed", "slides"]

_MOST_OPERATIONS = 2**62


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
        return _codes(tensor, sizes)

    def axes(self, codes: Integers) -> list[Integers]:
        """Return the vectors' entries, axis by axis."""
        result = []
        for width in self.bits:
            half = 1 << (width - 1)
            value = ((codes + half) & ((1 << width) - 1)) - half
            result.append(value)
            codes = (codes - value) >> width
        return result


@lru_cache(maxsize=1024)
def _codes(tensor: Tensor, sizes: tuple[int, ...]) -> Codes | None:
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


def packed(shape: Shape) -> list[Codes] | None:
    """Return the codes of all data spaces, None where numbers of the problem do not fit 64 bits."""
    codes = [Codes.of(tensor, shape.sizes) for tensor in shape.tensors]
    found = [each for each in codes if each is not None]
    return found if len(found) == len(codes) and shape.operations < _MOST_OPERATIONS else None


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
        place = found // dimensions
        row = place // levels if levels else place
        level = place - row * levels
        dimension = order.ravel().take(found)
        # loops of a level and those around it, `[L + 1, B]`
        own = np.bincount(place, minlength=batch * levels).reshape(batch, levels).T
        around = np.zeros((levels + 1, batch), dtype=np.int64)
        np.cumsum(own[::-1], axis=0, out=around[:-1][::-1])
        ends = np.cumsum(around[0])
        most = int(around[0].max(initial=0))
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
        np.cumprod(count[::-1], axis=0, out=self.around[:-1][::-1])
        self.times = np.zeros_like(self.around)
        np.subtract(self.around[:-1], self.around[1:], out=self.times[:-1])
        self.column = np.arange(batch)
        self._numbers = tuple(numbers)
        self._starts = (most - around) * batch + self.column

    def _from(self, level: int) -> int:
        """Return which level with loops is the innermost of those from `level` on."""
        return next((n for n, each in enumerate(self._numbers) if each >= level), -1)

    def outside(self, level: int) -> Booleans:
        """Whether a loop is one of `level` or of the levels around it, `[K, B]`."""
        outside: Booleans = self.level >= level
        return outside

    def starts(self, levels: Sequence[int]) -> Integers:
        """Return where in arrays `[K + 1, B]` the innermost loops from levels out are, `[S, B]`."""
        starts: Integers = self._starts[[self._from(level) for level in levels]]
        return starts

    def total(self, level: int) -> Integers:
        """Return the iterations of all loops of `level` and the levels around it, `[B]`."""
        total: Integers = self.around.ravel().take(self.starts([level])[0])
        return total


@dataclass(frozen=True)
class Run:
    """The steps of the tiles of a data space below each of S levels over the whole run, `[S, B]`.

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

    @cached_property
    def steps(self) -> Integers:
        """Code of each loop's stride, `[K + 1, B]`, the last row 0."""
        loops = self.loops
        steps = np.zeros(loops.around.shape, dtype=np.int64)
        np.multiply(self.codes.dimensions.take(loops.dimension), loops.stride, out=steps[:-1])
        return steps

    @cached_property
    def _inside(self) -> Integers:
        """Codes of the strides of all loops inside each one, added up, `[K + 1, B]`."""
        inside = np.zeros_like(self.steps)
        np.cumsum(self.steps[:-1], axis=0, out=inside[1:])
        return inside

    @cached_property
    def _net(self) -> Integers:
        net: Integers = self.steps[:-1] - self._inside[:-1]
        return net

    @cached_property
    def _mover(self) -> Integers:
        """Where the first loop is, from each on, that moves the tile, `[K + 1, B]`."""
        last = len(self.steps) - 1
        moving = np.where(self.steps != 0, np.arange(last + 1)[:, None], last)
        first = np.minimum.accumulate(moving[::-1], axis=0)[::-1]
        mover: Integers = first * len(self.loops.column) + self.loops.column
        return mover

    def translations(self, level: int) -> Integers:
        """Return how a step of each loop moves the tiles below `level`, `[K, B]`.

        It is meant for loops outside the tiles.
        """
        net: Integers = self._net + self._inside.ravel().take(self.loops.starts([level])[0])
        return net

    def run(self, levels: Sequence[int]) -> Run:
        """Return the steps of the tiles below each of `levels`.

        Where no two dimensions move the tile along one axis, a step that moves it leaves nothing of
        it: strides are at least as long as it, each is longer than those of all loops inside it
        together, and so no step's net movement is shorter than the first stride.
        """
        loops = self.loops
        starts = loops.starts(levels)
        first = self._mover.ravel().take(starts)
        entire = loops.around.ravel().take(first)
        stride = self.steps.ravel().take(first)
        partial = np.zeros_like(entire)
        if self.slides:
            partial = loops.times.ravel().take(first)
            inside = self._inside.ravel().take(starts)
            # how far a loop moves the tile, less what those inside it have: by itself, see `_net`
            later = loops.around[:-1] < entire[:, None]
            again = later & (self._net == (stride - inside)[:, None])
            still = later & (self._net == -inside[:, None])
            partial += self._advances(again)
            entire = entire - partial - self._advances(still)
        return Run(stride, entire, partial)

    def _advances(self, which: Booleans) -> Integers:
        """Return how often the loops of `which[S, K, B]` advance, `[S, B]`."""
        total = np.zeros((len(which), which.shape[2]), dtype=np.int64)
        found = np.flatnonzero(which)
        if len(found):
            size = which.shape[1] * which.shape[2]
            number, loop = found // size, found % size
            where = number * which.shape[2] + loop % which.shape[2]
            np.add.at(total.ravel(), where, self.loops.times.ravel().take(loop))
        return total

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
            first = self._mover.ravel().take(loops.starts([level])[0, rows])
            stride = self.steps.ravel().take(first)
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


def moves(
    motion: Motion, levels: Sequence[int], widths: list[Integers], reused: Sequence[bool]
) -> Integers:
    """Return the words that tiles take in over the whole run, `[S, B]`.

    Args:
        motion: How the loops move the data space's tiles.
        levels: The S levels that feed the tiles.
        widths: Widths of the tiles, axis by axis, each `[S, B]`.
        reused: Whether the tiles stay between steps.
    """
    whole = volume(widths)
    run = motion.run(levels)
    words = whole * run.entire
    if motion.slides:
        common = overlap(widths, motion.codes.axes(run.stride))
        words += (whole - common) * run.partial
    for number, (level, stays) in enumerate(zip(levels, reused, strict=True)):
        if not stays:
            words[number] = whole[number] * motion.loops.total(level)
    return words
