"""How the children of a fan-out share words and pass them on, for many mappings at once.

The rules are those of `spatial` and `moves`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from red_timeloop.engines.embedded.arithmetic import Booleans, Floats, Integers
from red_timeloop.engines.embedded.machine import Tensor
from red_timeloop.engines.embedded.spatial import Histogram, Vector, sharing
from red_timeloop.engines.embedded.steps import Codes, Motion

__all__ = ["Shared", "Span", "helped", "histograms", "neighbour_differences"]


@dataclass(frozen=True)
class Span:
    """How far the children of a fan-out lie apart.

    Attributes:
        differences: Codes of the vectors between neighbours (or opposite), not negative; `[N, B]`.
        irregular: Where the children do not fill the rows of the grid, so that neighbours are
            others than the loops say.
        reach: Largest distance of two children, axis by axis, each `[B]`.
        apart: Whether there are several children.
    """

    differences: Integers
    irregular: Booleans
    reach: list[Integers]
    apart: Booleans

    def holds(self, translations: Integers, codes: Codes) -> Booleans:
        """Whether two neighbours lie that far apart; may be true too often where irregular."""
        result = np.zeros(translations.shape, dtype=bool)
        length = np.abs(translations)  # of a code and of that of the opposite vector
        for difference in self.differences:
            result |= length == difference
        if self.irregular.any():
            near = np.broadcast_to(self.irregular, translations.shape).copy()
            for reach, entry in zip(self.reach, codes.axes(translations), strict=True):
                near &= np.abs(entry) <= reach
            result |= near
        return result

    def rows(self, chosen: Integers) -> Span:
        """Return the span of some mappings."""
        return Span(
            self.differences[:, chosen],
            self.irregular[chosen],
            [each[chosen] for each in self.reach],
            self.apart[chosen],
        )


@dataclass
class Shared:
    """Words that the children of a level ask for.

    Attributes:
        words: Words of each group of children that share, `[groups by size, B]`.
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
        return _sequential_sum(self.words * self.members / children)


def _sequential_sum(values: Floats) -> Floats:
    """Add rows from first to last: the same rounding as a loop."""
    result: Floats = values[0]
    for row in values[1:]:
        result = result + row
    return result


def helped(
    motion: Motion, level: int, widths: list[Integers], reused: bool, span: Span
) -> list[tuple[int, Vector, int]]:
    """Return the steps in which a neighbour may hold, from before, what an instance takes in.

    That needs as many words as in the step before, so the innermost loop must move the tile, and a
    step as long as from one instance to the next.

    Args:
        motion, level, widths, reused: As in `moves`.
        span: How far the instances lie apart.

    Returns:
        Number of the mapping, movement of the tile, and words that one instance takes in in all
        such steps.
    """
    loops = motion.loops
    moving = motion.steps.ravel().take(loops.starts([level])[0]) != 0
    rows = np.flatnonzero(span.apart & (moving | (not reused)))
    if not len(rows):
        return []
    net = motion.translations(level)[:, rows]
    near = loops.outside(level)[:, rows] & span.rows(rows).holds(net, motion.codes)
    chosen = np.flatnonzero(near.any(axis=0))
    rows, net, near = rows[chosen], net[:, chosen], near[:, chosen]
    words = motion.alike(level, rows, [each[rows] for each in widths], reused)
    number, loop = np.nonzero((near & (words > 0)).T)
    axes = (each.tolist() for each in motion.codes.axes(net[loop, number]))
    return list(
        zip(
            rows[number].tolist(),
            zip(*axes, strict=True),
            words[loop, number].tolist(),
            strict=True,
        )
    )


def neighbour_differences(
    counts: Integers, order: Integers, strides: Integers, codes: Codes
) -> Integers:
    """Return the codes of the vectors from a child to the next one along an axis of the grid.

    There is one for each loop: where it advances, the loops inside it start over. Where a mapping
    has fewer than N loops, others are -1; signs are left out.

    Args:
        counts: Iterations of every dimension along the axis, `[D, B]`.
        order: Dimensions of the loops, innermost first, `[D, B or 1]`.
        strides: Extent of every dimension within one iteration, `[D, B]`.
        codes: The data space's vectors.

    Returns:
        `[N, B]`
    """
    batch = counts.shape[1]
    where = order * batch + np.arange(batch)
    iterations = counts.ravel().take(where)
    steps = strides.ravel().take(where) * codes.dimensions.take(order)
    reach = (iterations - 1) * steps
    loop = iterations > 1
    rank = np.cumsum(loop, axis=0)
    differences = np.full((int(rank[-1].max(initial=0)), batch), -1, dtype=np.int64)
    found = np.flatnonzero(loop)
    target = (rank.ravel()[found] - 1) * batch + found % batch
    differences.ravel()[target] = np.abs(steps - np.cumsum(reach, axis=0) + reach).ravel()[found]
    return differences


def histograms(
    tensor: Tensor, along_x: Integers, along_y: Integers, strides: Integers, across: Sequence[int]
) -> tuple[Integers, Integers]:
    """Return the groups of children that share data: `(children in a group, groups)`, `[H, B]`.

    Args:
        tensor: The data space.
        along_x, along_y: Iterations of every dimension across the instances, `[D, B]`.
        strides: Extent of every dimension within one child, `[D, B]`.
        across: The dimensions that have iterations across the instances in any mapping.
    """
    counts = {each: along_x[each] * along_y[each] for each in across}
    one = np.ones_like(along_x[0])
    relevant = [own for each, own in counts.items() if tensor.relevant[each]]
    other = [own for each, own in counts.items() if not tensor.relevant[each]]
    groups, members = math.prod(relevant, start=one)[None], math.prod(other, start=one)[None]
    close = np.zeros(len(one), dtype=bool)
    sliding: dict[int, None] = {}
    for axis in tensor.axes:
        own_axis = [each for each, _ in axis if each in counts]
        if len(axis) > 1:
            sliding.update((dimension, None) for dimension, _ in axis)
        if len(own_axis) > 1:
            close |= sum((counts[each] > 1).astype(np.int64) for each in own_axis) > 1
    rows = np.flatnonzero(close)
    if not len(rows):
        return members, groups
    dimensions = list(sliding)
    along = np.concatenate([along_x[dimensions][:, rows], along_y[dimensions][:, rows]])
    starts = strides[dimensions][:, rows]
    steps = np.concatenate([starts, starts * along[: len(dimensions)]])
    plain = groups[0, rows] // along.prod(axis=0)  # groups apart along all other axes
    keys = np.concatenate([along, np.where(along > 1, steps, 0), plain[None], members[:, rows]])
    vectors = tuple(tensor.steps[dimension] for dimension in dimensions) * 2
    first, alike = _alike(keys)
    found: dict[Histogram, int] = {}
    each_own = [
        found.setdefault(_sharing(vectors, key.tobytes()), len(found))
        for key in keys[:, first].T.copy()
    ]
    which = np.asarray(each_own)[alike]
    most = max(map(len, found))
    table = np.array([(*each, *((0, 0),) * (most - len(each))) for each in found], dtype=np.int64)
    shape = (most, len(one))
    own = np.zeros((2, *shape), dtype=np.int64)
    own[0, 0], own[1, 0] = members, groups
    own[:, :, rows] = np.moveaxis(table[which], 0, 2).swapaxes(0, 1)
    return own[0], own[1]


def _alike(columns: Integers) -> tuple[Integers, Integers]:
    """Return one of each kind of column, and of which kind each column is."""
    _, first, alike = np.unique(
        _odd(len(columns)) @ columns, return_index=True, return_inverse=True
    )
    if (columns != columns[:, first[alike]]).any():  # equal sums of different columns: once in 2^64
        first = alike = np.arange(columns.shape[1])
    return first, alike


@lru_cache(maxsize=64)
def _odd(count: int) -> Integers:
    found: Integers = np.random.default_rng(0).integers(-(2**62), 2**62, size=count) * 2 + 1
    return found


@lru_cache(maxsize=1 << 16)
def _sharing(vectors: tuple[Vector, ...], key: bytes) -> Histogram:
    """Return `sharing` of loops along `vectors`.

    The numbers of `key` are their iterations, their strides, how many such sets of children lie
    apart, and how many children share in any case.
    """
    *loops, apart, members = np.frombuffer(key, dtype=np.int64).tolist()
    counts, strides = loops[: len(vectors)], loops[len(vectors) :]
    histogram = sharing(
        tuple(
            (tuple(stride * step for step in vector), count)
            for vector, count, stride in zip(vectors, counts, strides, strict=True)
            if count > 1
        )
    )
    return tuple((size * members, number * apart) for size, number in histogram)
