"""Evaluate many mappings at once: the exact engine's rules on arrays with a leading mapping axis.

All mappings of a batch belong to one machine and problem and keep the same data spaces at the same
levels; factors and the order of loops differ. Counts and energies equal those of `evaluate_nest`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from red_timeloop.engines.embedded.arithmetic import (
    Booleans,
    Floats,
    Integers,
    access_energies,
    axis_widths,
    leakage,
    slowed,
    speed,
    tile_size,
)
from red_timeloop.engines.embedded.machine import Machine, Shape, Tensor
from red_timeloop.engines.embedded.moves import accesses
from red_timeloop.engines.embedded.nest import Nest, completed
from red_timeloop.engines.embedded.row import MappingBatch, Row
from red_timeloop.engines.embedded.steps import (
    Codes,
    LoopSteps,
    Shared,
    Span,
    histograms,
    moves,
    neighbour_differences,
)

__all__ = ["BatchResult", "MappingBatch", "batch_of", "evaluate_batch"]

Words: TypeAlias = tuple[Integers, Integers, Integers, Integers]  # tile, reads, fills, updates


@dataclass(frozen=True)
class BatchResult:
    """Costs of the mappings of a batch.

    Attributes:
        legal: Whether the mapping fits every level and fan-out; the rest is meaningless where not.
        cycles: Cycles, `[B]`.
        energy: J, `[B]`.
        traffic: For each data space and level that keeps it, `(tile words, reads, fills, updates)`,
            each `[B]`, for each instance.
    """

    legal: Booleans
    cycles: Integers
    energy: Floats
    traffic: dict[tuple[int, int], Words] = field(default_factory=dict)


def batch_of(nests: Sequence[Nest], shape: Shape) -> MappingBatch:
    """Return the batch of `nests`, which must keep the same data spaces everywhere."""
    levels, dimensions = len(nests[0].levels), len(shape.sizes)
    size = (len(nests), levels, dimensions)
    temporal, along_x, along_y = (np.ones(size, dtype=np.int64) for _ in range(3))
    order = np.broadcast_to(np.arange(dimensions), size).copy()
    spatial_order = order.copy()
    for row, nest in enumerate(nests):
        for position, level in enumerate(nest.levels):
            for target, loops in (
                (temporal, level.temporal),
                (along_x, level.spatial_x),
                (along_y, level.spatial_y),
            ):
                for dimension, factor in loops:
                    target[row, position, dimension] = factor
            order[row, position] = completed([each for each, _ in level.temporal], dimensions)
            spatial_order[row, position] = completed(
                [each for each, _ in (*level.spatial_x, *level.spatial_y)], dimensions
            )
    return MappingBatch(nests[0].levels, temporal, along_x, along_y, order, spatial_order)


def evaluate_batch(batch: MappingBatch, machine: Machine, shape: Shape) -> BatchResult:
    """Evaluate all mappings of `batch`.

    The factors of every mapping must multiply to the sizes of the dimensions; that is not checked.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return _Evaluation(batch, machine, shape).run()


class _Evaluation:
    """One call: arrays that several steps share."""

    def __init__(self, batch: MappingBatch, machine: Machine, shape: Shape) -> None:
        self.batch, self.machine, self.shape = batch, machine, shape
        self.count = len(batch)
        spatial = batch.spatial_x * batch.spatial_y
        inclusive = np.cumprod(batch.temporal * spatial, axis=1)
        self.outer = inclusive
        self.inner = np.concatenate([np.ones_like(inclusive[:, :1]), inclusive[:, :-1]], axis=1)
        self.middle = self.inner * spatial
        self.columns = batch.spatial_x.prod(axis=2)
        self.rows = batch.spatial_y.prod(axis=2)
        self.children = self.columns * self.rows
        around = np.cumprod(self.children[:, ::-1], axis=1)[:, ::-1]
        self.copies = around // self.children
        self.loops = LoopSteps(batch.temporal, batch.order, self.middle)
        self.compute_cycles = shape.operations // around[:, 0]
        self.codes = [Codes.of(tensor, shape.sizes) for tensor in shape.tensors]
        self.nothing = np.zeros(self.count, dtype=np.int64)
        none_here = (batch.temporal * spatial == 1).all(axis=(0, 2))
        self.silent = [bool(each) for each in none_here]

    def run(self) -> BatchResult:
        machine = self.machine
        traffic: dict[tuple[int, int], Words] = {}
        legal = self._fits_fan_out()
        for index, tensor in enumerate(self.shape.tensors):
            moved, sound = self._tensor(index, tensor)
            legal &= sound
            traffic.update({(index, position): each for position, each in moved.items()})
        cycles = self.compute_cycles
        energy = np.full(self.count, self.shape.operations * machine.compute.energy)
        copies = list(self.copies.T)
        for position, storage in enumerate(machine.levels):
            kept = {index: each for (index, level), each in traffic.items() if level == position}
            if storage.capacity is not None:
                words = sum(each[0] for each in kept.values())
                legal &= (words <= storage.capacity) & (words >= storage.least_words)
            accesses = {index: each[1:] for index, each in kept.items()}
            share = speed(storage, accesses, self.compute_cycles)
            legal &= share > 0
            cycles = np.maximum(cycles, slowed(self.compute_cycles, share))
            for each in access_energies(storage, accesses.values(), copies[position]):
                energy += each
        for position, storage in enumerate(machine.levels):
            if storage.leakage:
                energy += leakage(machine, position, copies, cycles)
        return BatchResult(legal, cycles + machine.latency, energy, traffic)

    def _fits_fan_out(self) -> Booleans:
        legal = np.ones(self.count, dtype=bool)
        for position, storage in enumerate(self.machine.levels):
            legal &= self.columns[:, position] <= storage.fan_out_x
            legal &= self.rows[:, position] <= storage.fan_out_y
        return legal

    def _tensor(self, index: int, tensor: Tensor) -> tuple[dict[int, Words], Booleans]:
        """Return the words moved at every level that keeps the tensor, and what is legal."""
        keep = [level.keep[index] for level in self.batch.levels]
        apart = [level.no_coalesce[index] for level in self.batch.levels]
        top = max(position for position in range(len(keep)) if keep[position])
        if apart[top]:  # not legal, see `movement`
            return {}, np.zeros(self.count, dtype=bool)
        sizes = [tile_size(tensor, _extents(self.outer, each)) for each in range(len(keep))]
        partitions = self._partitions(tensor, sizes)
        served: list[Floats] = []
        shares: list[Floats] = []
        peers: dict[int, Floats] = {}
        for position in range(top + 1):
            if position and self.silent[position] and not keep[position - 1]:
                # no loops, and nothing kept below: what was asked there is asked here
                served.append(served[-1])
                shares.append(shares[-1])
                continue
            asked, linked = self._asked(index, tensor, position)
            share = asked.share(self.children[:, position])
            total = asked.total()
            if position and (not keep[position - 1] or apart[position - 1]):
                # what the bypassed level would have served comes from here
                weighted = asked.weighted()
                scale = served[-1] * self.children[:, position] / weighted
                asked = Shared(asked.words * scale[:, None], asked.members)
                total = asked.total()
            elif position and linked is not None:
                peers[position - 1] = linked / self.copies[:, position - 1]
            served.append(total)
            shares.append(share)
        return self._counts(index, tensor, sizes, partitions, (served, shares, peers), top)

    def _counts(
        self,
        index: int,
        tensor: Tensor,
        sizes: list[Integers],
        partitions: list[Integers],
        asked: tuple[list[Floats], list[Floats], dict[int, Floats]],
        top: int,
    ) -> tuple[dict[int, Words], Booleans]:
        served, shares, peers = asked
        zero = np.zeros(self.count)
        result = {}
        sound = np.ones(self.count, dtype=bool)
        for position in range(top + 1):
            level = self.batch.levels[position]
            if not level.keep[index]:
                continue
            passed = peers.get(position, zero)
            given = served[position] + passed
            received = passed + (zero if position == top else shares[position + 1])
            reads = _round(given)
            if not tensor.read_write:
                result[position] = (sizes[position], reads, received.astype(np.int64), self.nothing)
                continue
            fills = _round(received)
            if level.no_coalesce[index]:
                fills = reads
            elif not level.rmw_first_update[index]:
                reads = _round(given - partitions[position])
                if position != top:
                    fills = _round(received - partitions[position])
            sound &= (given >= partitions[position]) & (fills >= 0)
            result[position] = (sizes[position], reads, fills, _round(served[position]))
        return result, sound

    def _partitions(self, tensor: Tensor, sizes: list[Integers]) -> list[Integers]:
        """Return the share of the whole tensor that one instance of every level deals with."""
        partition = sizes[-1]
        partitions = [partition]
        for position in range(len(sizes) - 2, -1, -1):
            above = self.children[:, position + 1]
            if (above > 1).any():
                middle = tile_size(tensor, _extents(self.middle, position + 1))
                partition = np.where(above > 1, partition * sizes[position] // middle, partition)
            partitions.append(partition)
        return partitions[::-1]

    def _asked(self, index: int, tensor: Tensor, position: int) -> tuple[Shared, Floats | None]:
        """Return what the children of a level ask for, and the words that neighbours pass on."""
        level = self.batch.levels[position]
        reused = position > 0 and not self.batch.levels[position - 1].no_temporal_reuse[index]
        fanned = bool((self.children[:, position] > 1).any())
        codes = self.codes[index]
        if codes is None:
            return self._exactly(index, tensor, position, reused)
        span = self._span(tensor, codes, position) if fanned else None
        if level.no_link_transfer[index]:
            span = None
        words, maybe = moves(
            self.loops.from_level(position),
            self.loops.total[position],
            codes,
            axis_widths(tensor, _extents(self.inner, position)),
            reused,
            span,
        )
        if not fanned:
            return Shared(words[:, None].astype(np.float64), np.ones((1, 1), dtype=np.int64)), None
        if level.no_multicast[index]:
            members = np.ones((self.count, 1), dtype=np.int64)
            groups = self.children[:, position, None]
        else:
            members, groups = histograms(
                tensor,
                self.batch.spatial_x[:, position],
                self.batch.spatial_y[:, position],
                self.inner[:, position],
                lambda row: self._row(row).spatial(tensor, position),
            )
        asked = Shared((words[:, None] * groups).astype(np.float64), members)
        rows = np.flatnonzero(maybe & (self.children[:, position] > 1))
        return (
            (asked, None) if not len(rows) else self._linked(asked, rows, index, position, reused)
        )

    def _linked(
        self, asked: Shared, rows: Integers, index: int, position: int, reused: bool
    ) -> tuple[Shared, Floats]:
        """Replace the rows in which neighbours may pass words on by the exact engine's numbers."""
        links = np.zeros(self.count)
        tensor = self.shape.tensors[index]
        found = []
        for row in rows:
            view = self._row(int(row))
            words, passed = accesses(
                index,
                tensor,
                self.batch.levels[position],
                view.block(position, self.machine),
                view.time(position),
                reused,
            )
            links[row] = passed
            found.append(sorted(words.items()))
        most = max(map(len, found))
        words_table, members = (
            asked.words,
            np.broadcast_to(asked.members, (self.count, asked.members.shape[1])),
        )
        padding = ((0, 0), (0, max(0, most - words_table.shape[1])))
        words_table, members = np.pad(words_table, padding), np.pad(members, padding)
        for row, entries in zip(rows, found, strict=True):
            words_table[row] = members[row] = 0
            for column, ((size, _), value) in enumerate(entries):
                words_table[row, column], members[row, column] = value, size
        return Shared(words_table, members), links

    def _exactly(
        self, index: int, tensor: Tensor, position: int, reused: bool
    ) -> tuple[Shared, Floats]:
        one = Shared(np.zeros((self.count, 1)), np.ones((self.count, 1), dtype=np.int64))
        return self._linked(one, np.arange(self.count), index, position, reused)

    def _span(self, tensor: Tensor, codes: Codes, position: int) -> Span:
        batch, fan_out = self.batch, self.machine.levels[position]
        along_x, along_y = batch.spatial_x[:, position], batch.spatial_y[:, position]
        order = batch.spatial_order[:, position]
        inner = self.inner[:, position]
        reach = [
            width - own
            for width, own in zip(
                axis_widths(tensor, _extents(self.middle, position)),
                axis_widths(tensor, _extents(self.inner, position)),
                strict=True,
            )
        ]
        return Span(
            neighbour_differences(along_x, order, inner, codes)
            + neighbour_differences(along_y, order, inner * along_x, codes),
            (self.rows[:, position] > 1) & (self.columns[:, position] < fan_out.fan_out_x),
            reach,
        )

    def _row(self, row: int) -> Row:
        return Row(self.batch, row, self.inner[row], self.middle[row], self.copies[row])


def _extents(extents: Integers, position: int) -> list[Integers]:
    """Return the extents `[B, L, D]` of a level, dimension by dimension."""
    return list(extents[:, position].T)


def _round(values: Floats) -> Integers:
    """Round half away from zero, as C's `round`."""
    return np.trunc(values + np.copysign(0.5, values)).astype(np.int64)
