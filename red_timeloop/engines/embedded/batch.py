"""Evaluate many mappings at once: the exact engine's rules on arrays with a leading mapping axis.

All mappings of a batch belong to one machine and problem and keep the same data spaces at the same
levels; factors and the order of loops differ. Counts and energies equal those of `evaluate_nest`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from red_timeloop.engines.embedded.across import (
    Shared,
    Span,
    helped,
    histograms,
    neighbour_differences,
)
from red_timeloop.engines.embedded.arithmetic import (
    Booleans,
    Floats,
    Integers,
    access_energies,
    axis_widths,
    leakage,
    slowed,
    speed,
    volume,
)
from red_timeloop.engines.embedded.evaluation import evaluate_nest
from red_timeloop.engines.embedded.machine import Machine, Shape, Tensor
from red_timeloop.engines.embedded.mappings import MappingBatch
from red_timeloop.engines.embedded.moves import Block, passed_on
from red_timeloop.engines.embedded.spatial import Vector
from red_timeloop.engines.embedded.steps import Codes, LoopSteps, Motion, moves
from red_timeloop.errors import InputError

__all__ = ["BatchResult", "evaluate_batch"]

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


def evaluate_batch(batch: MappingBatch, machine: Machine, shape: Shape) -> BatchResult:
    """Evaluate all mappings of `batch`.

    The factors of every mapping must multiply to the sizes of the dimensions; that is not checked.
    """
    codes = [Codes.of(tensor, shape.sizes) for tensor in shape.tensors]
    packed = [each for each in codes if each is not None]
    if len(packed) < len(codes):
        return _one_by_one(batch, machine, shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        return _Evaluation(batch, machine, shape, packed).run()


def _one_by_one(batch: MappingBatch, machine: Machine, shape: Shape) -> BatchResult:
    """Evaluate mappings whose numbers do not fit 64 bits."""
    count = len(batch)
    legal, cycles, energy = np.zeros(count, bool), np.zeros(count, np.int64), np.zeros(count)
    for row in range(count):
        try:
            found = evaluate_nest(batch.nest(row), machine, shape)
        except InputError:
            continue
        legal[row], cycles[row], energy[row] = True, found.cycles, found.energy
    return BatchResult(legal, cycles, energy)


class _Evaluation:
    """One call: arrays that several steps share, `[D, B]` or `[B]` for each level."""

    def __init__(
        self, batch: MappingBatch, machine: Machine, shape: Shape, codes: list[Codes]
    ) -> None:
        self.batch, self.machine, self.shape = batch, machine, shape
        self.count, levels, dimensions = batch.temporal.shape
        self.ones = np.ones((dimensions, self.count), dtype=np.int64)
        self.one = self.ones[0]
        self.along_x, self.along_y, over_time = (
            self._levels(each) for each in (batch.spatial_x, batch.spatial_y, batch.temporal)
        )
        # extents of tiles, each larger than the one before; where a level's are among them:
        self.tiles = [self.ones]
        self.inner: list[int] = []  # below a level
        self.middle: list[int] = []  # with its loops across the instances
        self.outer: list[int] = []  # with all its loops
        for position in range(levels):
            self.inner.append(len(self.tiles) - 1)
            self._grow(self.along_x[position], self.along_y[position])
            self.middle.append(len(self.tiles) - 1)
            self._grow(over_time[position])
            self.outer.append(len(self.tiles) - 1)
        self.columns, self.rows = (
            [self._product(each) for each in factors] for factors in (self.along_x, self.along_y)
        )
        self.children = [
            x if y is self.one else x * y for x, y in zip(self.columns, self.rows, strict=True)
        ]
        copies = [self.one]
        for children in reversed(self.children):
            copies.append(copies[-1] * children)
        self.copies = copies[-2::-1]
        self.compute_cycles = shape.operations // copies[-1]
        looped = [position for position, each in enumerate(over_time) if each is not self.ones]
        self.silent = [self.inner[position] == self.outer[position] for position in range(levels)]
        strides = [self.tiles[self.middle[position]] for position in looped]
        self.loops = LoopSteps(
            batch.temporal[:, looped],
            batch.order[:, looped],
            np.stack(strides) if looped else np.ones((0, dimensions, self.count), dtype=np.int64),
            looped,
        )
        self.motions = [
            Motion(self.loops, tensor, each)
            for tensor, each in zip(shape.tensors, codes, strict=True)
        ]
        self.nothing = np.zeros(self.count, dtype=np.int64)
        self._widths: dict[tuple[int, int], list[Integers]] = {}

    def _levels(self, factors: Integers) -> list[Integers]:
        """Return each level's iterations, `[D, B]`; `ones` itself where it has no loops."""
        looped = (factors != 1).any(axis=0).any(axis=1)
        return [
            np.ascontiguousarray(factors[:, level].T) if any_ else self.ones
            for level, any_ in enumerate(looped)
        ]

    def _grow(self, *factors: Integers) -> None:
        real = [each for each in factors if each is not self.ones]
        if real:
            self.tiles.append(math.prod(real, start=self.tiles[-1]))

    def _product(self, factors: Integers) -> Integers:
        product: Integers = self.one if factors is self.ones else factors.prod(axis=0)
        return product

    def widths(self, index: int, tile: int) -> list[Integers]:
        """Return the widths of a data space's tiles, by number."""
        if (index, tile) not in self._widths:
            extents = self.tiles[tile]
            self._widths[index, tile] = axis_widths(self.shape.tensors[index], list(extents))
        return self._widths[index, tile]

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
        copies = self.copies
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
            legal &= self.columns[position] <= storage.fan_out_x
            legal &= self.rows[position] <= storage.fan_out_y
        return legal

    def _tensor(self, index: int, tensor: Tensor) -> tuple[dict[int, Words], Booleans]:
        """Return the words moved at every level that keeps the tensor, and what is legal."""
        keep = [level.keep[index] for level in self.batch.levels]
        apart = [level.no_coalesce[index] for level in self.batch.levels]
        top = max(position for position in range(len(keep)) if keep[position])
        if apart[top]:  # not legal, see `movement`
            return {}, np.zeros(self.count, dtype=bool)
        sizes = [volume(self.widths(index, self.outer[each])) for each in range(len(keep))]
        partitions = self._partitions(index, sizes) if tensor.read_write else []
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
            share = asked.share(self.children[position])
            total = asked.total()
            if position and (not keep[position - 1] or apart[position - 1]):
                # what the bypassed level would have served comes from here
                weighted = asked.weighted()
                scale = served[-1] * self.children[position] / weighted
                asked = Shared(asked.words * scale[:, None], asked.members)
                total = asked.total()
            elif position and linked is not None:
                peers[position - 1] = linked / self.copies[position - 1]
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

    def _partitions(self, index: int, sizes: list[Integers]) -> list[Integers]:
        """Return the share of the whole tensor that one instance of every level deals with."""
        partition = sizes[-1]
        partitions = [partition]
        for position in range(len(sizes) - 2, -1, -1):
            above = self.children[position + 1]
            if above is not self.one:
                middle = volume(self.widths(index, self.middle[position + 1]))
                partition = np.where(above > 1, partition * sizes[position] // middle, partition)
            partitions.append(partition)
        return partitions[::-1]

    def _asked(self, index: int, tensor: Tensor, position: int) -> tuple[Shared, Floats | None]:
        """Return what the children of a level ask for, and the words that neighbours pass on."""
        level = self.batch.levels[position]
        reused = position > 0 and not self.batch.levels[position - 1].no_temporal_reuse[index]
        fanned = self.children[position] is not self.one
        motion = self.motions[index]
        widths = self.widths(index, self.inner[position])
        words = moves(motion, position, widths, reused)
        if not fanned:
            return Shared(words[:, None].astype(np.float64), np.ones((1, 1), dtype=np.int64)), None
        if level.no_multicast[index]:
            members = np.ones((self.count, 1), dtype=np.int64)
            groups = self.children[position][:, None]
        else:
            members, groups = histograms(
                tensor,
                self.along_x[position],
                self.along_y[position],
                self.tiles[self.inner[position]],
            )
        asked = Shared((words[:, None] * groups).astype(np.float64), members)
        if level.no_link_transfer[index] or (reused and not motion.slides):
            return asked, None
        span = self._span(index, motion.codes, position)
        steps = helped(motion, position, widths, reused, span)
        if not steps:
            return asked, None
        return self._linked(asked, (members, groups), index, position, steps)

    def _linked(
        self,
        asked: Shared,
        sizes: tuple[Integers, Integers],
        index: int,
        position: int,
        steps: list[tuple[int, Vector, int]],
    ) -> tuple[Shared, Floats]:
        """Take what neighbours pass on out of what is asked for.

        Args:
            asked: What the children ask for.
            sizes: Children that share, and groups of them, `[B, H]`.
            index: The data space.
            position: The level asked.
            steps: See `helped`.
        """
        tensor, alone = self.shape.tensors[index], self.batch.levels[position].no_multicast[index]
        rows = np.asarray(list(dict.fromkeys(row for row, _, _ in steps)))
        blocks = dict(zip(rows.tolist(), self._blocks(position, rows), strict=True))
        links = np.zeros(self.count)
        found: dict[int, dict[tuple[int, int], float]] = {}  # (sharing, groups) -> words
        for row, translation, words in steps:
            spatial = tensor.vectors(blocks[row].spatial)
            passed, rest = passed_on(spatial, blocks[row], translation, alone)
            pairs = zip(*(each[row].tolist() for each in sizes), strict=True)
            usual = [pair for pair in pairs if pair[1]]
            if not passed or sum(count for _, count in rest) >= sum(n for _, n in usual):
                continue
            own = found.setdefault(row, dict(zip(usual, asked.words[row].tolist(), strict=False)))
            links[row] += words * passed
            for sign, histogram in ((-1, usual), (1, rest)):
                for pair in histogram:
                    own[pair] = own.get(pair, 0.0) + sign * words * pair[1]
        entries = {row: sorted(own.items()) for row, own in found.items()}
        most = max(map(len, entries.values()), default=0)
        padding = ((0, 0), (0, max(0, most - asked.words.shape[1])))
        table = np.pad(asked.words, padding)
        members = np.pad(np.broadcast_to(asked.members, asked.words.shape), padding)
        for row, own_entries in entries.items():
            table[row] = members[row] = 0
            for column, ((size, _), value) in enumerate(own_entries):
                table[row, column], members[row, column] = value, size
        return Shared(table, members), links

    def _span(self, index: int, codes: Codes, position: int) -> Span:
        along_x, along_y = self.along_x[position], self.along_y[position]
        inner = self.tiles[self.inner[position]]
        order = self.batch.spatial_order[:, position].T
        wide, own = (self.widths(index, each[position]) for each in (self.middle, self.inner))
        differences = [np.empty((0, self.count), dtype=np.int64)]
        for counts, strides in ((along_x, inner), (along_y, inner * along_x)):
            if counts is not self.ones:
                differences.append(neighbour_differences(counts, order, strides, codes))
        fan_out = self.machine.levels[position].fan_out_x
        return Span(
            np.concatenate(differences),
            (self.rows[position] > 1) & (self.columns[position] < fan_out),
            [width - each for width, each in zip(wide, own, strict=True)],
            self.children[position] > 1,
        )

    def _blocks(self, position: int, rows: Integers) -> Iterator[Block]:
        """Return a level's loops across the instances, row by row, as the exact engine has them."""
        storage = self.machine.levels[position]
        order = self.batch.spatial_order[:, position]
        inner = self.tiles[self.inner[position]]
        for across, x, y, extents, columns, high in zip(
            order[rows if len(order) > 1 else np.zeros_like(rows)].tolist(),
            *(
                each[:, rows].T.tolist()
                for each in (self.along_x[position], self.along_y[position])
            ),
            inner[:, rows].T.tolist(),
            self.columns[position][rows].tolist(),
            self.rows[position][rows].tolist(),
            strict=True,
        ):
            loops = [(each, x[each], extents[each]) for each in across]
            loops += [(each, y[each], extents[each] * x[each]) for each in across]
            yield Block(
                spatial=tuple(loop for loop in loops if loop[1] > 1),
                columns=max(columns, storage.fan_out_x),
                rows=max(high, storage.fan_out_y),
                children=columns * high,
            )


def _round(values: Floats) -> Integers:
    """Round half away from zero, as C's `round`."""
    return np.trunc(values + np.copysign(0.5, values)).astype(np.int64)
