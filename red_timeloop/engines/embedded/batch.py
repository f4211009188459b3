"""Evaluate many mappings at once: the exact engine's rules on arrays with a leading mapping axis.

All mappings of a batch belong to one machine and problem and keep the same data spaces at the same
levels; factors and the order of loops differ, and with them sizes and prices may. Counts and
energies equal those of `evaluate_nest`.
"""

from __future__ import annotations

from contextlib import suppress
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
    leakage,
    slowed,
    speed,
    volume,
)
from red_timeloop.engines.embedded.evaluation import evaluate_nest
from red_timeloop.engines.embedded.machine import Machine, Shape, Tensor
from red_timeloop.engines.embedded.mappings import MappingBatch
from red_timeloop.engines.embedded.moves import passed_on
from red_timeloop.engines.embedded.spatial import Vector
from red_timeloop.engines.embedded.steps import Codes, LoopSteps, Motion, moves, packed
from red_timeloop.engines.embedded.tiles import Tiles
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
        rows: The mappings whose words were followed; others do not fit.
        traffic: For each data space and level that keeps it, `(tile words, reads, fills, updates)`
            of these, for each instance.
    """

    legal: Booleans
    cycles: Integers
    energy: Floats
    rows: Integers
    traffic: dict[tuple[int, int], Words] = field(default_factory=dict)


def evaluate_batch(
    batch: MappingBatch, machine: Machine, shape: Shape, prices: Floats | None = None
) -> BatchResult:
    """Evaluate all mappings of `batch`.

    The factors of every mapping multiply to the sizes of its problem, which `shape` has or which
    are smaller. Some 2000 mappings at a time are the fastest: their numbers stay in a processor's
    cache.

    Args:
        batch: The mappings.
        machine: The levels.
        shape: The data spaces, and the largest sizes.
        prices: Of each mapping, `[1 + 3 L, B]`, where `shape` is `packed`; the machine's own when
            None.
    """
    codes = packed(shape)
    if codes is None:
        return _one_by_one(batch, machine, shape)
    tiles = Tiles.of(batch)
    widths = tiles.widths(shape)
    legal = tiles.legal(batch, machine, [volume(each) for each in widths])
    rows = np.flatnonzero(legal)
    if len(rows) < len(batch):
        tiles = Tiles.of(batch := batch.take(rows))
        widths = tiles.widths(shape)
        prices = prices if prices is None else prices[:, rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = _Evaluation(batch, machine, shape, codes, tiles, widths).run(prices)
    if len(rows) == len(legal):
        return found
    cycles, energy = np.ones(len(legal), dtype=np.int64), np.zeros(len(legal))
    legal[rows], cycles[rows], energy[rows] = found.legal, found.cycles, found.energy
    return BatchResult(legal, cycles, energy, rows, found.traffic)


def _one_by_one(batch: MappingBatch, machine: Machine, shape: Shape) -> BatchResult:
    """Evaluate mappings whose numbers do not fit 64 bits."""
    count = len(batch)
    legal, cycles, energy = np.zeros(count, bool), np.zeros(count, np.int64), np.zeros(count)
    for row in range(count):
        with suppress(InputError):
            found = evaluate_nest(batch.nest(row), machine, shape)
            legal[row], cycles[row], energy[row] = True, found.cycles, found.energy
    return BatchResult(legal, cycles, energy, np.arange(count))


class _Evaluation:
    """One call: arrays that several steps share, `[D, B]` or `[B]` for each level."""

    def __init__(
        self,
        batch: MappingBatch,
        machine: Machine,
        shape: Shape,
        codes: list[Codes],
        tiles: Tiles,
        widths: list[list[Integers]],
    ) -> None:
        self.batch, self.machine, self.shape = batch, machine, shape
        self.tiles, self.widths = tiles, widths
        self.sizes = [volume(each) for each in widths]
        self.count, levels, _ = batch.temporal.shape
        self.children = tiles.children
        copies = [tiles.one]
        for children in reversed(self.children):
            copies.append(copies[-1] if children is tiles.one else copies[-1] * children)
        self.copies = copies[-2::-1]
        self.operations = volume(tiles.extents[:, -1])
        self.compute_cycles = self.operations // copies[-1]
        looped = [n for n in range(levels) if tiles.middle[n] != tiles.outer[n]]
        self.silent = [tiles.inner[n] == tiles.outer[n] for n in range(levels)]
        self.loops = LoopSteps(
            batch.temporal[:, looped],
            batch.order[:, looped],
            tiles.extents[:, [tiles.middle[n] for n in looped]].swapaxes(0, 1),
            looped,
        )
        self.motions = [
            Motion(self.loops, tensor, each)
            for tensor, each in zip(shape.tensors, codes, strict=True)
        ]
        self.nothing = np.zeros(self.count, dtype=np.int64)
        self.zero = np.zeros(self.count)

    def run(self, prices: Floats | None) -> BatchResult:
        machine = self.machine
        compute, *own = machine.prices if prices is None else prices
        traffic: dict[tuple[int, int], Words] = {}
        legal = np.ones(self.count, dtype=bool)
        for index, tensor in enumerate(self.shape.tensors):
            moved, sound = self._tensor(index, tensor)
            legal &= sound
            traffic.update({(index, position): each for position, each in moved.items()})
        cycles = self.compute_cycles
        energy = self.operations * compute
        copies = self.copies
        for position, storage in enumerate(machine.levels):
            kept = {index: each for (index, level), each in traffic.items() if level == position}
            accesses = {index: each[1:] for index, each in kept.items()}
            share = speed(storage, accesses, self.compute_cycles)
            if isinstance(share, np.ndarray):
                legal &= share > 0
                cycles = np.maximum(cycles, slowed(self.compute_cycles, share))
            here = own[3 * position : 3 * position + 3]
            for each in access_energies(storage, accesses.values(), copies[position], here):
                energy += each
        for position, storage in enumerate(machine.levels):
            if storage.leakage:
                energy += leakage(machine, position, copies, cycles)
        cycles = cycles + machine.latency
        return BatchResult(legal, cycles, energy, np.arange(self.count), traffic)

    def _tensor(self, index: int, tensor: Tensor) -> tuple[dict[int, Words], Booleans]:
        """Return the words moved at every level that keeps the tensor, and what is legal."""
        keep = [level.keep[index] for level in self.batch.levels]
        apart = [level.no_coalesce[index] for level in self.batch.levels]
        top = max(position for position in range(len(keep)) if keep[position])
        if apart[top]:  # not legal, see `movement`
            return {}, np.zeros(self.count, dtype=bool)
        sizes = [self.sizes[index][each] for each in self.tiles.outer]
        partitions = self._partitions(index, sizes) if tensor.read_write else []
        words = self._words(index, keep, top)
        served: list[Floats] = []
        shares: list[Floats] = []
        peers: dict[int, Floats] = {}
        for position in range(top + 1):
            if position not in words:  # no loops, and nothing kept below
                served.append(served[-1])
                shares.append(shares[-1])
                continue
            asked, linked = self._asked(index, tensor, position, words[position])
            if asked is None:  # a single child
                share = total = words[position].astype(np.float64)
            else:
                share, total = asked.share(self.children[position]), asked.total()
            if position and (not keep[position - 1] or apart[position - 1]):
                # what the bypassed level would have served comes from here
                if asked is None:
                    total = total * (served[-1] / total)
                else:
                    scale = served[-1] * self.children[position] / asked.weighted()
                    total = Shared(asked.words * scale, asked.members).total()
            elif position and linked is not None:
                peers[position - 1] = linked / self.copies[position - 1]
            served.append(total)
            shares.append(share)
        return self._counts(index, tensor, sizes, partitions, (served, shares, peers), top)

    def _words(self, index: int, keep: list[bool], top: int) -> dict[int, Integers]:
        """Return the words that one child of each level takes in over the whole run.

        Left out are levels at which is asked what is asked below: without loops, and with nothing
        kept below.
        """
        levels = self.batch.levels
        positions = [
            position
            for position in range(top + 1)
            if not position or keep[position - 1] or not self.silent[position]
        ]
        below = [self.tiles.inner[position] for position in positions]
        reused = [
            position > 0 and not levels[position - 1].no_temporal_reuse[index]
            for position in positions
        ]
        widths = [each[below] for each in self.widths[index]]
        words = moves(self.motions[index], positions, widths, reused)
        return dict(zip(positions, words, strict=True))

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
        result = {}
        sound = np.ones(self.count, dtype=bool)
        for position in range(top + 1):
            level = self.batch.levels[position]
            if not level.keep[index]:
                continue
            given = served[position]
            received = self.zero if position == top else shares[position + 1]
            if position in peers:
                given, received = given + peers[position], peers[position] + received
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
        for position in reversed(range(len(sizes) - 1)):
            above = self.children[position + 1]
            if above is not self.tiles.one:
                middle = self.sizes[index][self.tiles.middle[position + 1]]
                partition = np.where(above > 1, partition * sizes[position] // middle, partition)
            partitions.append(partition)
        return partitions[::-1]

    def _asked(
        self, index: int, tensor: Tensor, position: int, words: Integers
    ) -> tuple[Shared | None, Floats | None]:
        """Return what the children of a level ask for, and the words that neighbours pass on.

        Args:
            index, tensor: The data space.
            position: The level.
            words: Words that one child takes in, which is all if it is the only one: then None.
        """
        if self.children[position] is self.tiles.one:
            return None, None
        level, motion = self.batch.levels[position], self.motions[index]
        reused = position > 0 and not self.batch.levels[position - 1].no_temporal_reuse[index]
        if level.no_multicast[index]:
            members = np.ones((1, self.count), dtype=np.int64)
            groups = self.children[position][None]
        else:
            members, groups = histograms(
                tensor,
                self.tiles.along_x[position],
                self.tiles.along_y[position],
                self.tiles.extents[:, self.tiles.inner[position]],
                self.tiles.across[position],
            )
        asked = Shared((words * groups).astype(np.float64), members)
        if level.no_link_transfer[index] or (reused and not motion.slides):
            return asked, None
        span = self._span(index, motion.codes, position)
        widths = [each[self.tiles.inner[position]] for each in self.widths[index]]
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
            sizes: Children that share, and groups of them, `[H, B]`.
            index: The data space.
            position: The level asked.
            steps: See `helped`.
        """
        tensor, alone = self.shape.tensors[index], self.batch.levels[position].no_multicast[index]
        rows = np.asarray(list(dict.fromkeys(row for row, _, _ in steps)))
        blocks = dict(
            zip(
                rows.tolist(),
                self.tiles.blocks(self.batch, self.machine.levels[position], position, rows),
                strict=True,
            )
        )
        links = np.zeros(self.count)
        found: dict[int, dict[tuple[int, int], float]] = {}  # (sharing, groups) -> words
        for row, translation, words in steps:
            spatial = tensor.vectors(blocks[row].spatial)
            passed, rest = passed_on(spatial, blocks[row], translation, alone)
            pairs = zip(*(each[:, row].tolist() for each in sizes), strict=True)
            usual = [pair for pair in pairs if pair[1]]
            if not passed or sum(count for _, count in rest) >= sum(n for _, n in usual):
                continue
            own = found.setdefault(
                row, dict(zip(usual, asked.words[:, row].tolist(), strict=False))
            )
            links[row] += words * passed
            for sign, histogram in ((-1, usual), (1, rest)):
                for pair in histogram:
                    own[pair] = own.get(pair, 0.0) + sign * words * pair[1]
        entries = {row: sorted(own.items()) for row, own in found.items()}
        most = max(len(asked.words), *map(len, entries.values()), 1)
        table, members = np.zeros((most, self.count)), np.zeros((most, self.count), dtype=np.int64)
        table[: len(asked.words)], members[: len(asked.members)] = asked.words, asked.members
        for row, own_entries in entries.items():
            table[:, row] = members[:, row] = 0
            for number, ((size, _), value) in enumerate(own_entries):
                table[number, row], members[number, row] = value, size
        return Shared(table, members), links

    def _span(self, index: int, codes: Codes, position: int) -> Span:
        tiles = self.tiles
        along_x, along_y = tiles.along_x[position], tiles.along_y[position]
        inner = tiles.extents[:, tiles.inner[position]]
        order = self.batch.spatial_order[:, position].T
        wide, own = tiles.middle[position], tiles.inner[position]
        differences = [np.empty((0, self.count), dtype=np.int64)]
        for counts, strides in ((along_x, inner), (along_y, inner * along_x)):
            if counts is not tiles.ones:
                differences.append(neighbour_differences(counts, order, strides, codes))
        fan_out = self.machine.levels[position].fan_out_x
        return Span(
            np.concatenate(differences),
            (tiles.rows[position] > 1) & (tiles.columns[position] < fan_out),
            [each[wide] - each[own] for each in self.widths[index]],
            self.children[position] > 1,
        )


def _round(values: Floats) -> Integers:
    """Round half away from zero, as C's `round`."""
    return (values + np.copysign(0.5, values)).astype(np.int64)
