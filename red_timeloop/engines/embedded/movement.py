"""Data movement of one mapping: what every level reads, fills, updates and reduces.

The rules are Timeloop's (commit 4cf6d4c, default options): what tiles take in (`moves`) is asked of
the next level around; where a level bypasses a data space, the level around it serves what the
bypassed one would have served; partial sums that come back are read, added to and written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from red_timeloop.engines.embedded.arithmetic import tile_size
from red_timeloop.engines.embedded.machine import Machine, Shape, Tensor
from red_timeloop.engines.embedded.moves import Block, accesses
from red_timeloop.engines.embedded.nest import Nest
from red_timeloop.engines.embedded.spatial import SpatialLoops
from red_timeloop.errors import InputError

__all__ = ["RunningTile", "Traffic", "data_movement", "settle"]


@dataclass(frozen=True)
class Traffic:
    """Words moved at one level for one data space, for each instance; all 0 when bypassed.

    Attributes:
        kept: Whether the level stores the data space.
        size: Words of the tile.
        reads, fills, updates, temporal_reductions: As Timeloop prints them.
    """

    kept: bool = False
    size: int = 0
    reads: int = 0
    fills: int = 0
    updates: int = 0
    temporal_reductions: int = 0


_NOTHING = Traffic()


@dataclass
class RunningTile:
    """Timeloop's running totals of one level and data space, before and after bypassing."""

    size: int
    partition: int
    accesses: dict[tuple[int, int], float]  # (multicast, groups) -> words read for all groups
    links: float
    children: int
    copies: int
    content: float = 0.0
    parent_share: float = 0.0
    peers: float = 0.0

    def ordered(self) -> Iterable[tuple[tuple[int, int], float]]:
        """Return the accesses in the order that Timeloop adds them up in."""
        return sorted(self.accesses.items()) if len(self.accesses) > 1 else self.accesses.items()

    def weighted(self) -> float:
        return sum([words * key[0] for key, words in self.ordered()])

    def total(self) -> float:
        return sum([words for _, words in self.ordered()])

    def clear_contents(self) -> None:
        self.size = self.partition = 0
        self.content = self.parent_share = 0.0


def data_movement(nest: Nest, machine: Machine, shape: Shape) -> tuple[tuple[Traffic, ...], ...]:
    """Return `traffic[data space][level]`, levels innermost first.

    Raises:
        InputError: The mapping makes Timeloop's rules contradict themselves (partial sums of a
            tensor that several steps write, kept in parts).
    """
    blocks, loops, first = _blocks(nest, machine, shape)
    result = []
    for index, tensor in enumerate(shape.tensors):
        tiles = _tiles(index, tensor, nest, blocks, tensor.vectors(loops), first)
        result.append(settle(index, tensor, tiles, nest, machine))
    return tuple(result)


def settle(
    index: int, tensor: Tensor, tiles: list[RunningTile], nest: Nest, machine: Machine
) -> tuple[Traffic, ...]:
    """Return the traffic of one tensor once bypassed levels have passed on what they are asked."""
    keep = [level.keep[index] for level in nest.levels]
    apart = [level.no_coalesce[index] for level in nest.levels]
    _check_outermost(tensor, keep, apart, machine)
    _set_parent_shares(tiles)
    _bypass(tiles, keep, apart)
    _drop_outermost(tiles, keep, apart)
    _add_peers(tiles)
    rmw = [level.rmw_first_update[index] for level in nest.levels]
    return _traffic(tensor, tiles, rmw, apart, machine)


def _check_outermost(tensor: Tensor, keep: list[bool], apart: list[bool], machine: Machine) -> None:
    outermost = max(position for position, kept in enumerate(keep) if kept)
    if apart[outermost]:
        raise InputError(
            f"no_coalesce of {tensor.name} at the outermost level that keeps it",
            key=machine.levels[outermost].name,
            legal="levels inside another one that keeps the data space",
        )


def _blocks(
    nest: Nest, machine: Machine, shape: Shape
) -> tuple[list[Block], list[tuple[int, int, int]], list[int]]:
    """Return the blocks, all loops over time, innermost first, and where each level's begin."""
    extents = [1] * len(shape.sizes)
    inner = tuple(extents)
    blocks: list[Block] = []
    time: list[tuple[int, int, int]] = []
    first: list[int] = []

    def advance(loops: tuple[tuple[int, int], ...]) -> list[tuple[int, int, int]]:
        strided = []
        for dimension, factor in loops:
            strided.append((dimension, factor, extents[dimension]))
            extents[dimension] *= factor
        return strided

    for level, storage, copies in zip(nest.levels, machine.levels, nest.copies[1:], strict=True):
        columns, rows = level.grid
        spatial: list[tuple[int, int, int]] = []
        middle = inner
        if level.spatial_x or level.spatial_y:
            spatial = advance(level.spatial_x) + advance(level.spatial_y)
            middle = tuple(extents)
        first.append(len(time))
        outer = middle
        if level.temporal:
            time += advance(level.temporal)
            outer = tuple(extents)
        blocks.append(
            Block(
                tuple(spatial),
                max(columns, storage.fan_out_x),
                columns * rows,
                copies,
                inner,
                middle,
                outer,
            )
        )
        inner = outer
    return blocks, time, first


def _tiles(
    index: int,
    tensor: Tensor,
    nest: Nest,
    blocks: list[Block],
    steps: SpatialLoops,
    first: list[int],
) -> list[RunningTile]:
    """Return the tiles before any bypassing.

    Args:
        index: Number of the tensor.
        tensor: The tensor.
        nest: The mapping.
        blocks: Its levels.
        steps: How all loops over time move the tensor's tiles, innermost first.
        first: Where each level's begin.
    """
    tiles = []
    size = 1  # of one iteration
    reused = False  # the compute level keeps nothing: operands are fetched for every operation
    known: dict[object, dict[tuple[int, int], float]] = {}  # levels without loops repeat the last
    for level, block, start in zip(nest.levels, blocks, first, strict=True):
        key = block.inner, start, reused
        if block.children == 1 and key in known:
            words, links = known[key], 0.0
        else:
            words, links = accesses(index, tensor, level, block, steps[start:], reused)
        if block.children == 1:
            known[key] = words
        if block.outer is not block.inner:
            size = tile_size(tensor, block.outer)
        tiles.append(RunningTile(size, 0, dict(words), links, block.children, block.copies))
        reused = not level.no_temporal_reuse[index]
    partition = tiles[-1].size
    tiles[-1].partition = partition
    for position in reversed(range(len(tiles) - 1)):
        above = blocks[position + 1]
        if above.children > 1:
            partition = partition * tiles[position].size // tile_size(tensor, above.middle)
        tiles[position].partition = partition
    for tile in tiles:
        tile.content = tile.total()
    return tiles


def _set_parent_shares(tiles: list[RunningTile]) -> None:
    """Words that one instance is sent by the level around it (float, as Timeloop adds them up)."""
    for tile, outer in pairwise(tiles):
        for (multicast, _), words in outer.ordered():
            tile.parent_share += (words * multicast) / outer.children


def _bypass(tiles: list[RunningTile], keep: list[bool], apart: list[bool]) -> None:
    """Let the level outside every bypassed level serve what that one would have served."""
    for position, tile in enumerate(tiles):
        if keep[position] and not apart[position]:
            continue
        if position == len(tiles) - 1:
            tile.clear_contents()
            break
        outer = tiles[position + 1]
        scale = tile.content * outer.children / outer.weighted()
        for key in outer.accesses:
            outer.accesses[key] *= scale
        outer.links = 0.0
        outer.content = outer.total()
        if not keep[position]:
            tile.clear_contents()


def _drop_outermost(tiles: list[RunningTile], keep: list[bool], apart: list[bool]) -> None:
    for position, tile in reversed(list(enumerate(tiles))):
        if keep[position] and not apart[position]:
            tile.parent_share = 0.0
            return
        tile.clear_contents()
        tile.links = 0.0


def _add_peers(tiles: list[RunningTile]) -> None:
    for tile, outer in pairwise(tiles):
        if outer.links:
            tile.peers += outer.links / tile.copies


def _traffic(
    tensor: Tensor, tiles: list[RunningTile], rmw: list[bool], apart: list[bool], machine: Machine
) -> tuple[Traffic, ...]:
    stored = [position for position, tile in enumerate(tiles) if tile.size]
    result = []
    for position, tile in enumerate(tiles):
        if not tile.size:
            result.append(_NOTHING)
            continue
        served = tile.content + tile.peers
        received = tile.parent_share + tile.peers
        if not tensor.read_write:
            result.append(Traffic(True, tile.size, _round(served), int(received), 0, 0))
            continue
        reads, fills = _round(served), _round(received)
        if apart[position]:
            fills = reads
        elif not rmw[position]:
            # The first update of every word finds nothing to read; the same on the way in, but for
            # the outermost level, which is not filled.
            reads = _round(served - tile.partition)
            if position != stored[-1]:
                fills = _round(received - tile.partition)
        if served < tile.partition or fills < 0:
            raise InputError(
                f"{tensor.name} at this level is updated in fewer words than its share of the"
                " tensor holds: Timeloop's rules do not cover this mapping",
                key=machine.levels[position].name,
            )
        result.append(Traffic(True, tile.size, reads, fills, _round(tile.content), reads))
    return tuple(result)


def _round(value: float) -> int:
    """Round half away from zero, as C's `round`."""
    return int(value + 0.5) if value >= 0 else -int(0.5 - value)
