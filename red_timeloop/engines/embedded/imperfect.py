"""Data movement of mappings with imperfect factors, by walking through the loops as Timeloop does.

An imperfect loop (`P=5,2`) runs 2 iterations in its last pass, when all loops of the dimension
outside are in their last one (Ruby, Horeni et al., ISPASS 2022). Timeloop 4cf6d4c samples loops: of
a loop over time the first iteration, the second for all in the middle, and where it matters the
next to last and the last; of a loop across instances the first, whose tile stands for the others.
Both leave something out, so that the computes need not be the product of the sizes; this module
counts what Timeloop counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from red_timeloop.engines.embedded.machine import Machine, Shape
from red_timeloop.engines.embedded.movement import RunningTile, Traffic, settle
from red_timeloop.engines.embedded.nest import Nest
from red_timeloop.engines.embedded.walk import Walk, WalkLoop
from red_timeloop.spec.types import Mapping

__all__ = ["Imperfect", "imperfect_movement"]


@dataclass(frozen=True)
class Imperfect:
    """What an imperfect mapping does.

    Attributes:
        traffic: `traffic[data space][level]`, levels innermost first.
        copies: Mean instances of compute, then of every level, cut to whole numbers.
        computes: Computes of one instance on average.
        cycles: Iterations of all loops over time.
    """

    traffic: tuple[tuple[Traffic, ...], ...]
    copies: tuple[int, ...]
    computes: float
    cycles: int


def imperfect_movement(mapping: Mapping, nest: Nest, machine: Machine, shape: Shape) -> Imperfect:
    """Return the data movement of a mapping.

    Args:
        mapping: The mapping, with the last passes of its loops.
        nest: The same with full passes only.
        machine: The levels.
        shape: The problem.

    Raises:
        InputError: A loop across instances is imperfect and the outermost of its dimension.
    """
    loops, boundaries = _loops(mapping, machine, shape)
    walk = Walk(loops, boundaries, nest, machine, shape)
    used = walk.used_instances()
    walk.delta(len(loops) - 1)
    inner = [walk.innermost(first) for first in (0, *(each + 1 for each in boundaries[:-1]))]
    traffic = []
    for index, tensor in enumerate(shape.tensors):
        tiles = []
        for first, last in zip(inner, boundaries, strict=True):
            words, links = walk.mean(first, index)
            children, copies = walk.fan_out(first), int(used[last])
            size_ = walk.largest(last, index)
            tiles.append(RunningTile(size_, 0, words, float(links), children, copies))
        tiles[-1].partition = partition = tiles[-1].size
        for position in reversed(range(len(tiles) - 1)):
            around = inner[position + 1]
            if loops[around].spatial:
                partition = partition * tiles[position].size // walk.largest(around, index)
            tiles[position].partition = partition
        for tile in tiles:
            tile.content = tile.total()
        traffic.append(settle(index, tensor, tiles, nest, machine))
    computing = int(used[inner[0]] * walk.fan_out(inner[0]))
    done = list(walk.computes.values())
    return Imperfect(
        tuple(traffic),
        (computing, *(int(used[last]) for last in boundaries)),
        sum(done) / len(done),
        math.prod(loop.end for loop in loops if not loop.spatial),
    )


def _loops(mapping: Mapping, machine: Machine, shape: Shape) -> tuple[list[WalkLoop], list[int]]:
    """Return the loops of more than one iteration, innermost first, and each level's outermost.

    A level without loops over time has one of one iteration.
    """
    loops: list[WalkLoop] = []
    boundaries = []
    for level, storage in enumerate(machine.levels):
        given = mapping.levels[storage.name]
        across, over = dict(given.spatial_remainders), dict(given.temporal_remainders)
        for along_y, found in ((False, given.spatial_x), (True, given.spatial_y)):
            for name, end in found:
                last = across.get(name, end)
                loops.append(WalkLoop(shape.index(name), end, last, True, along_y, level))
        for name, end in given.temporal:
            last = over.get(name, end)
            loops.append(WalkLoop(shape.index(name), end, last, False, False, level))
        if not given.temporal:
            loops.append(WalkLoop(len(shape.sizes) - 1, 1, 1, False, False, level))
        boundaries.append(len(loops) - 1)
    return loops, boundaries
