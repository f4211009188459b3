"""How tiles move over time, for many mappings at once (the rules are those of `moves`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from red_timeloop.engines.embedded.arithmetic import Booleans, Floats, Integers, overlap, volume
from red_timeloop.engines.embedded.machine import Tensor
from red_timeloop.engines.embedded.spatial import Vector, sharing

__all__ = [
    "Codes",
    "LoopSteps",
    "Shared",
    "Slot",
    "Span",
    "histograms",
    "moves",
    "neighbour_differences",
]


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


@dataclass(frozen=True)
class Slot:
    """One loop over time of every mapping: `[B]` iterations, dimensions and strides."""

    level: int
    count: Integers
    dimension: Integers
    stride: Integers


class LoopSteps:
    """All loops over time, innermost first; loops of one iteration are moved out of the way."""

    def __init__(self, temporal: Integers, order: Integers, strides: Integers) -> None:
        batch, levels, _ = temporal.shape
        self.slots: list[Slot] = []
        for level in range(levels):
            if (temporal[:, level] == 1).all():
                continue
            dimension = np.broadcast_to(order[:, level], temporal[:, level].shape)
            count = np.take_along_axis(temporal[:, level], dimension, axis=1)
            if len(order) > 1:
                real_first = np.argsort(count == 1, axis=1, kind="stable")
                dimension = np.take_along_axis(dimension, real_first, axis=1)
                count = np.take_along_axis(count, real_first, axis=1)
            stride = np.take_along_axis(strides[:, level], dimension, axis=1)
            for column in np.flatnonzero((count > 1).any(axis=0)):
                self.slots.append(
                    Slot(
                        level,
                        np.ascontiguousarray(count[:, column]),
                        np.ascontiguousarray(dimension[:, column]),
                        np.ascontiguousarray(stride[:, column]),
                    )
                )
        self.total = np.ones((levels + 1, batch), dtype=np.int64)  # iterations from a level out
        for level in range(levels - 1, -1, -1):
            self.total[level] = self.total[level + 1] * temporal[:, level].prod(axis=1)

    def from_level(self, level: int) -> list[Slot]:
        """Return the loops of `level` and of the levels around it."""
        return [slot for slot in self.slots if slot.level >= level]


@dataclass(frozen=True)
class Span:
    """How far the children of a fan-out lie apart.

    Attributes:
        differences: Codes of the vectors between neighbours, each `[B]`; the opposite ones too.
        irregular: Where the children do not fill the rows of the grid, so that neighbours are
            others than the loops say.
        reach: Largest distance of two children, axis by axis, each `[B]`.
    """

    differences: list[Integers]
    irregular: Booleans
    reach: list[Integers]

    def holds(self, translations: Integers, codes: Codes) -> Booleans:
        """Whether two neighbours lie that far apart; may be true too often where irregular."""
        result = np.zeros(len(translations), dtype=bool)
        for difference in self.differences:
            result |= (translations == difference) | (translations == -difference)
        if self.irregular.any():
            near = self.irregular.copy()
            for reach, entry in zip(self.reach, codes.axes(translations), strict=True):
                near &= np.abs(entry) <= reach
            result |= near
        return result

    def rows(self, chosen: Integers) -> Span:
        """Return the span of some mappings."""
        return Span(
            [each[chosen] for each in self.differences],
            self.irregular[chosen],
            [each[chosen] for each in self.reach],
        )


@dataclass
class Shared:
    """Words that the children of a level ask for.

    Attributes:
        words: Words of each group of children that share, `[B, groups by size]`.
        members: Children in such a group.
    """

    words: Floats
    members: Integers

    def total(self) -> Floats:
        """Words read at the level."""
        return _sequential_sum(self.words)

    def weighted(self) -> Floats:
        """Words received by all children."""
        return _sequential_sum(self.words * self.members)

    def share(self, children: Integers) -> Floats:
        """Words received by one child."""
        return _sequential_sum(self.words * self.members / children[:, None])


def _sequential_sum(values: Floats) -> Floats:
    """Add columns from left to right: the same rounding as a loop."""
    result: Floats = values[:, 0].copy()
    for column in range(1, values.shape[1]):
        result += values[:, column]
    return result


def moves(
    slots: list[Slot],
    total: Integers,
    codes: Codes,
    widths: list[Integers],
    reused: bool,
    span: Span | None,
) -> tuple[Integers, Booleans]:
    """Return the words a tile takes in over the whole run, and where neighbours might help.

    Args:
        slots: The loops around the tile.
        total: Product of their iterations.
        codes: The data space's vectors.
        widths: Widths of the tile.
        reused: Whether the tile stays between steps.
        span: How far its instances lie apart; None when there are no links between them.
    """
    whole = volume(widths)
    if not reused and span is None:
        return whole * total, np.zeros(len(whole), dtype=bool)
    outside = total
    first = np.zeros(len(whole), dtype=np.int64)
    carried = np.zeros(len(whole), dtype=np.int64)
    entire = np.ones(len(whole), dtype=np.int64)
    partial = np.zeros(len(whole), dtype=np.int64)
    translations = []
    for slot in slots:
        outside = outside // slot.count
        times = (slot.count - 1) * outside
        step = np.where(slot.count > 1, codes.dimensions[slot.dimension] * slot.stride, 0)
        first = np.where(first == 0, step, first)
        translation = step - carried
        carried = carried + step
        same = translation == first
        entire += np.where(same | (translation == 0), 0, times)
        partial += np.where(same & (first != 0), times, 0)
        if span is not None:
            translations.append((translation, times))
    if not reused:
        assert span is not None
        maybe = np.zeros(len(whole), dtype=bool)
        for translation, times in translations:
            maybe |= (times > 0) & span.holds(translation, codes)
        return whole * total, maybe
    common = overlap(widths, codes.axes(first))
    maybe = np.zeros(len(whole), dtype=bool)
    if span is not None:
        maybe = _maybe_linked(slots, translations, first, common, partial, codes, span)
    return whole * entire + (whole - common) * partial, maybe


def _maybe_linked(
    slots: list[Slot],
    translations: list[tuple[Integers, Integers]],
    first: Integers,
    common: Integers,
    partial: Integers,
    codes: Codes,
    span: Span,
) -> Booleans:
    """Whether a neighbour could hold, from one step before, what an instance takes in.

    Both steps must take in the same number of words. Where steps overlap, that needs two partial
    steps in a row; where they do not, every step counts. The innermost loop must move the tile.
    """
    result = np.zeros(len(first), dtype=bool)
    started = np.zeros(len(first), dtype=bool)
    innermost_moves = np.zeros(len(first), dtype=bool)
    innermost_times = np.zeros(len(first), dtype=np.int64)
    for slot, (translation, times) in zip(slots, translations, strict=True):
        starts = ~started & (slot.count > 1)
        innermost_moves |= starts & (translation != 0)
        innermost_times = np.where(starts, times, innermost_times)
        started |= starts
    apart = common == 0
    result |= (apart | (partial > innermost_times)) & span.holds(first, codes) & (first != 0)
    rows = np.flatnonzero(apart & innermost_moves & ~result)
    if len(rows):
        near = span.rows(rows)
        found = np.zeros(len(rows), dtype=bool)
        for translation, times in translations:
            moved = (translation[rows] != 0) & (times[rows] > 0)
            if moved.any():
                found |= moved & near.holds(translation[rows], codes)
        result[rows] = found
    return result & innermost_moves


def neighbour_differences(
    counts: Integers, order: Integers, strides: Integers, codes: Codes
) -> list[Integers]:
    """Return the codes of the vectors from a child to the next one along an axis of the grid.

    There is one for each loop: where it advances, the loops inside it start over.

    Args:
        counts: Iterations of every dimension along the axis, `[B, D]`.
        order: Dimensions of the loops, innermost first, `[B or 1, D]`.
        strides: Extent of every dimension within one iteration, `[B, D]`.
        codes: The data space's vectors.
    """
    order = np.broadcast_to(order, counts.shape)
    iterations = np.take_along_axis(counts, order, axis=1)
    steps = np.take_along_axis(strides * codes.dimensions, order, axis=1)
    inside = np.zeros(len(counts), dtype=np.int64)
    found = []
    none = np.iinfo(np.int64).max
    for column in range(counts.shape[1]):
        loop = iterations[:, column] > 1
        if loop.any():
            found.append(np.where(loop, steps[:, column] - inside, none))
            inside = inside + (iterations[:, column] - 1) * steps[:, column]
    return found


def histograms(
    tensor: Tensor,
    along_x: Integers,
    along_y: Integers,
    strides: Integers,
    describe: Callable[[int], tuple[tuple[Vector, int], ...]],
) -> tuple[Integers, Integers]:
    """Return the groups of children that share data: `(children in a group, groups)`, `[B, H]`.

    Args:
        tensor: The data space.
        along_x, along_y: Iterations of every dimension across the instances, `[B, D]`.
        strides: Extent of every dimension within one child, `[B, D]`.
        describe: The spatial loops of a row, for the rows that need a closer look.
    """
    counts = along_x * along_y
    active = counts > 1
    relevant = np.asarray(tensor.relevant)
    groups = np.where(relevant, counts, 1).prod(axis=1)
    children = counts.prod(axis=1)
    close = np.zeros(len(counts), dtype=bool)
    for axis in tensor.axes:
        close |= active[:, [dimension for dimension, _ in axis]].sum(axis=1) > 1
    members = (children // groups)[:, None]
    groups = groups[:, None]
    rows = np.flatnonzero(close)
    if not len(rows):
        return members, groups
    keys = np.concatenate([along_x, along_y, np.where(active, strides, 1)], axis=1)
    keys[:, ~np.tile(relevant, 3)] = 1
    keys = np.concatenate([keys, children[:, None]], axis=1)
    found: dict[bytes, tuple[tuple[int, int], ...]] = {}
    entries = []
    for row in rows:
        key = keys[row].tobytes()
        if key not in found:
            found[key] = sharing(describe(int(row)))
        entries.append(found[key])
    most = max(map(len, entries))
    if most > 1:
        padding = ((0, 0), (0, most - 1))
        members, groups = np.pad(members, padding), np.pad(groups, padding)
    for row, histogram in zip(rows, entries, strict=True):
        members[row] = groups[row] = 0
        for column, (size, number) in enumerate(histogram):
            members[row, column], groups[row, column] = size, number
    return members, groups
