"""One part of a space: its grid of tile shapes, the boundaries data cross, and what crossing costs.

All that is claimed here of the costs is a lower bound of the engine's (`docs/mapper.md`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from red_timeloop.mapper.exact.frame import Floats, Frame, Integers
from red_timeloop.mapper.space import divisors

__all__ = ["Boundary", "Crossing", "Part", "TooLargeError"]

MOST_SHAPES = 2_000_000


class TooLargeError(Exception):
    """A part has too many tile shapes to hold."""


@dataclass(frozen=True)
class Boundary:
    """Between a storage that keeps a data space and the next one around it that does.

    Attributes:
        tensor: The data space.
        inner: The storage inside, -1 for the operations themselves.
        outer: The storage around.
        apart: Children that surely get their words separately, for each child of `outer`'s that
            one instance of `outer` serves.
        shared: Pairs of `(axis, ((dimension, instances), ...))` along which children slide over
            each other, in the group next to `inner`.
        links: Whether neighbours may pass words on to each other.
        far: Whether they may further out than in the group next to `inner`.
        alone: Whether children share nothing, as asked for by `no_reuse`.
        exact_fills: Whether words that arrive are counted exactly, even with links.
        reused: Whether the tile stays between steps.
    """

    tensor: int
    inner: int
    outer: int
    apart: int
    shared: tuple[tuple[int, tuple[tuple[int, int], ...]], ...]
    links: bool
    far: bool
    alone: bool
    exact_fills: bool
    reused: bool


@dataclass(frozen=True)
class Crossing:
    """What crosses a boundary costs: J, and words (weighted by bandwidth) read and written.

    Attributes:
        energy: J of all instances.
        reads, writes: Words of one instance of the outer storage.
        fills: Words written into one instance of the inner storage.
    """

    energy: Floats
    reads: Floats
    writes: Floats
    fills: Floats


class Part:
    """The mappings that keep the same data spaces and spread the same iterations over each group.

    Attributes:
        frame, keep: The space, and the number of the choice of what is kept.
        spread: Iterations across instances, `[groups, D]`.
        rest: Iterations left for loops over time, `[D]`.
        values: Divisors of each.
        shape: How many there are: the grid of tile shapes.
    """

    def __init__(self, frame: Frame, keep: int, spread: Integers) -> None:
        self.frame, self.keep, self.spread = frame, keep, spread
        sizes = np.asarray(frame.sizes, dtype=np.int64)
        self.rest = sizes // spread.prod(axis=0)
        self.values = [np.asarray(divisors(int(each)), dtype=np.int64) for each in self.rest]
        self.shape = tuple(map(len, self.values))
        self.levels = len(frame.storages)
        children = spread.prod(axis=1)
        self.copies = [int(children[level + 1 :].prod()) for level in range(self.levels)]
        self.used = int(children.prod())
        self.within = np.cumprod(spread, axis=0).astype(np.float64)  # extents that groups add
        self.steps = float(np.prod(self.rest.astype(np.float64)))  # over time
        self.nests = frame.space.keeps[keep]
        self.kept = [frame.kept(keep, tensor) for tensor in range(len(frame.forms))]
        self.boundaries = [
            self._boundary(tensor, inner, outer)
            for tensor, kept in enumerate(self.kept)
            for inner, outer in zip((-1, *kept[:-1]), kept, strict=True)
        ]
        self.cancelling: dict[tuple[int, int, int], np.ndarray] = {}  # see `words`
        self._full = [form.size(sizes.astype(np.float64)) for form in frame.forms]

    @cached_property
    def factors(self) -> Floats:
        """Iterations over time inside a tile, for each point of the grid, `[G, D]`."""
        if np.prod(np.asarray(self.shape, dtype=np.float64)) > MOST_SHAPES:
            raise TooLargeError
        grids = np.meshgrid(*self.values, indexing="ij")
        return np.stack([grid.ravel() for grid in grids], axis=1).astype(np.float64)

    @cached_property
    def outside(self) -> Floats:
        """Steps over time around a tile, for each point of the grid."""
        outside: Floats = self.steps / self.factors.prod(axis=1)
        return outside

    def extents(self, level: int) -> Floats:
        """Return the extents of the tiles of a storage, for each point of the grid."""
        extents: Floats = self.factors * self.within[level]
        return extents

    def fits(self, level: int) -> np.ndarray:
        """Whether the tiles of the grid fit a storage, and fill as much of it as is asked for."""
        storage = self.frame.storage(level)
        legal = np.ones(len(self.factors), dtype=bool)
        if storage.capacity is None:
            return legal
        words = np.zeros(len(self.factors))
        for tensor, form in enumerate(self.frame.forms):
            if level in self.kept[tensor]:
                words += form.size(self.extents(level))
        return (words <= storage.capacity) & (words >= storage.least_words)

    def _boundary(self, tensor: int, inner: int, outer: int) -> Boundary:
        frame, form = self.frame, self.frame.forms[tensor]
        machine = frame.space.machine
        apart, links, far = 1, False, False
        shared: list[tuple[int, tuple[tuple[int, int], ...]]] = []
        alone = True
        single = 0  # fan-outs in use
        first = inner + 1
        for group in range(first, outer + 1):
            slid: dict[int, list[int]] = {}
            for dimension, factor in enumerate(self.spread[group].tolist()):
                if factor == 1:
                    continue
                if form.axis_of[dimension] >= 0:
                    slid.setdefault(form.axis_of[dimension], []).append(dimension)
                elif form.relevant[dimension]:
                    apart *= factor
            positions = sorted({frame.space.places[n].level for n in frame.groups[group]})
            fanned = [
                p
                for p in positions
                if machine.levels[p].fan_out_x * machine.levels[p].fan_out_y > 1
            ]
            single += len(fanned)
            alone &= all(self.nests[p].no_multicast[tensor] for p in fanned)
            if slid and not all(self.nests[p].no_link_transfer[tensor] for p in fanned):
                links = True
                far |= group > first
            for axis, dimensions in slid.items():
                counts = [(each, int(self.spread[group][each])) for each in dimensions]
                if group > first or len(counts) > 2:  # as if all others slid over each other
                    counts = [max(counts, key=lambda pair: pair[1])]
                shared.append((axis, tuple(counts)))
        position = frame.storages[inner] if inner >= 0 else -1
        reused = inner >= 0 and not self.nests[position].no_temporal_reuse[tensor]
        if not reused and self.spread[first].prod() > 1:
            links = far = (
                True  # a tile fetched anew although it stands still may come from a neighbour
            )
        if not form.plain:
            apart, shared, links, far = 1, [], True, True
        return Boundary(
            tensor,
            inner,
            outer,
            apart,
            tuple(shared),
            links,
            far,
            alone and form.plain,
            not links or (self.copies[outer] == 1 and single <= 1),
            reused,
        )

    def groups_at(self, boundary: Boundary, extents: Floats) -> Floats:
        """Return how many different tiles the children of one outer instance have, at least.

        Args:
            boundary: Which.
            extents: Extents of the inner tiles, `[..., D]`.
        """
        form = self.frame.forms[boundary.tensor]
        count = np.full(extents.shape[:-1], float(boundary.apart))
        if boundary.alone:
            children = self.spread[boundary.inner + 1 : boundary.outer + 1].prod()
            return np.full(extents.shape[:-1], float(children))
        for axis, pairs in boundary.shared:
            if len(pairs) == 1:
                count = count * pairs[0][1]
                continue
            (one, n), (other, m) = pairs
            steps = dict(form.axes[axis])
            count = count * distinct_sums(
                abs(steps[one]) * extents[..., one], n, abs(steps[other]) * extents[..., other], m
            )
        return count

    def crossing(
        self, boundary: Boundary, words: Floats, groups: Floats, united: Floats | None
    ) -> Crossing:
        """Return what it costs at least that every inner tile takes in `words`.

        Args:
            boundary: Which.
            words: Words that one inner instance takes in over the whole run.
            groups: See `groups_at`.
            united: Words that all inner instances together take in, where neighbours may help.
        """
        tensor = self.frame.space.shape.tensors[boundary.tensor]
        outer = self.frame.storage(boundary.outer)
        served = words * groups
        if boundary.links:
            least = (words if boundary.reused else self.touched(boundary)) * boundary.apart
            served = np.minimum(served, least if united is None else np.maximum(least, united))
        block, scale = outer.block_size, min(self.copies[boundary.outer], outer.clusters)
        nest = self.nests[self.frame.storages[boundary.outer]]
        bandwidth = outer.bandwidth_scale[boundary.tensor]
        if not tensor.read_write:
            energy = np.ceil(served / block) * outer.read_energy * scale
            reads, writes = served * bandwidth, np.zeros_like(served)
        else:
            first = (
                0.0
                if nest.rmw_first_update[boundary.tensor]
                else self.first(boundary, boundary.outer)
            )
            read = np.maximum(served - first, 0.0)
            energy = (
                np.ceil(read / block) * outer.read_energy
                + np.ceil(served / block) * outer.update_energy
            ) * scale
            reads, writes = read * bandwidth, served * bandwidth
        fills = np.zeros_like(served)
        if boundary.inner >= 0:
            inner = self.frame.storage(boundary.inner)
            own = self.nests[self.frame.storages[boundary.inner]]
            fills = (
                words
                if boundary.exact_fills
                else served
                / np.maximum(self.spread[boundary.inner + 1 : boundary.outer + 1].prod(), 1)
            )
            if boundary.shared:
                fills = np.maximum(fills - 1, 0.0)  # the engine adds up fractions
            if tensor.read_write and not own.rmw_first_update[boundary.tensor]:
                fills = np.maximum(fills - self.first(boundary, boundary.inner), 0.0)
            scale = min(self.copies[boundary.inner], inner.clusters)
            energy = energy + np.ceil(fills / inner.block_size) * inner.fill_energy * scale
            fills = fills * inner.bandwidth_scale[boundary.tensor]
        return Crossing(energy, reads, writes, fills)

    def touched(self, boundary: Boundary) -> float:
        """Return the words that one inner instance touches at least over the whole run."""
        form = self.frame.forms[boundary.tensor]
        if not form.plain:
            return 1.0
        words = 1.0
        for axis in form.axes:  # strides may leave gaps along an axis
            words *= max((float(self.rest[each]) for each, _ in axis), default=1.0)
        return words

    def first(self, boundary: Boundary, level: int) -> float:
        """Return the words of one instance that are updated for the first time, at most."""
        form = self.frame.forms[boundary.tensor]
        share = float(self._full[boundary.tensor])
        if not form.plain:
            return share
        for dimension, factor in enumerate(self.spread[level + 1 :].prod(axis=0).tolist()):
            if form.relevant[dimension] and form.axis_of[dimension] < 0:
                share /= factor
        return share

    @cached_property
    def fixed(self) -> tuple[float, Floats, Floats]:
        """J that every mapping of the part spends, and words its storages read and write for it.

        That is: the operations, and the words that they ask for, which nothing saves.
        """
        machine = self.frame.space.machine
        energy = (
            float(np.prod(np.asarray(self.frame.sizes, dtype=np.float64))) * machine.compute.energy
        )
        reads, writes = np.zeros(self.levels), np.zeros(self.levels)
        ones = np.ones(len(self.frame.sizes))
        for boundary in self.boundaries:
            if boundary.inner >= 0:
                continue
            words = np.asarray(self.steps)
            crossing = self.crossing(boundary, words, self.groups_at(boundary, ones), None)
            energy += float(crossing.energy)
            reads[boundary.outer] += float(crossing.reads)
            writes[boundary.outer] += float(crossing.writes)
        return energy, reads, writes

    @cached_property
    def floors(self) -> dict[tuple[int, int], float]:
        """J that crossing each boundary `(data space, inner storage)` costs whatever the loops."""
        found = {}
        for boundary in self.boundaries:
            if boundary.inner < 0:
                continue
            words = np.asarray(self._least_words(boundary))
            groups = np.asarray(float(boundary.apart))
            if not boundary.links:
                for _, pairs in boundary.shared:
                    groups = groups * max(count for _, count in pairs)
            energy = self.crossing(boundary, words, groups, None).energy
            found[boundary.tensor, boundary.inner] = float(energy)
        return found

    def _least_words(self, boundary: Boundary) -> float:
        """Return the words that one inner instance takes in at least over the whole run.

        Every loop that moves the tile along another axis than the first one moves all of it.
        """
        form = self.frame.forms[boundary.tensor]
        if not form.plain:
            return 1.0
        within = self.within[boundary.inner]
        words, gain = 1.0, 1.0
        for axis in form.axes:
            if not axis:
                continue
            most = max(float(self.rest[each] * within[each]) for each, _ in axis)
            words *= most
            if len(axis) > 1:
                least = max(float(within[each]) for each, _ in axis)
                gain = max(gain, most / least)
        return words / gain

    @cached_property
    def leakage(self) -> float:
        """J a cycle, at least."""
        machine = self.frame.space.machine
        around: dict[int, int] = {}
        for level, position in enumerate(self.frame.storages):
            for each in range(position + 1):
                around.setdefault(each, self.copies[level])
        power = 0.0
        for position, storage in enumerate(machine.levels):
            if not storage.leakage:
                continue
            behind = storage.instances / machine.levels[storage.gate].instances
            own = around.get(position, 1)
            power += storage.leakage * (behind * around.get(storage.gate, 1) if behind > 1 else own)
        return power

    def cycles(self, reads: Floats, writes: Floats) -> Floats:
        """Return the cycles that words `[..., levels]` take at least."""
        found = np.full(reads.shape[:-1], self.steps)
        for level in range(self.levels):
            storage = self.frame.storage(level)
            for available, words in (
                (storage.read_bandwidth, reads[..., level]),
                (storage.write_bandwidth, writes[..., level]),
                (storage.shared_bandwidth, reads[..., level] + writes[..., level]),
            ):
                if available:
                    found = np.maximum(found, np.ceil(words / available * (1 - 1e-12)))
        return found


def distinct_sums(a: Floats, n: int, b: Floats, m: int) -> Floats:
    """Return how many different values `i * a + j * b` has, i below n, j below m.

    Two pairs agree when they differ by a multiple of (b, -a) / gcd, so the pairs form chains; each
    chain is one value.

    >>> int(distinct_sums(np.asarray(1.0), 3, np.asarray(1.0), 2))
    4
    """
    divisor = np.gcd(a.astype(np.int64), b.astype(np.int64))
    joined = np.maximum(0, n - b / divisor) * np.maximum(0, m - a / divisor)
    result: Floats = n * m - joined
    return result
