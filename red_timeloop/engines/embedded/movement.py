"""Data movement of one mapping: what every level reads, fills, updates and reduces.

The rules are Timeloop's (commit 4cf6d4c, default options), in closed form. A tile is a box in the
data space. As the loops outside it advance, the box moves, and only what it did not hold one step
before is moved: the box minus the box one step before. Timeloop samples every loop at its first and
its second iteration and lets the second stand for all later ones; a step that does not repeat the
last stride moves the whole box. Written out, the step in which loop `j` advances and the loops
inside it start over

* moves nothing when no loop inside `j` (or `j` itself) has moved the box, or when the net movement
  is zero;
* moves the part that is new when the net movement is that of the innermost loop that moves the box;
* moves the whole box otherwise.

Each such step happens `(n_j - 1) * product of n_i of all loops outside j` times.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from red_timeloop.engines.embedded.machine import Machine, Shape, Tensor
from red_timeloop.engines.embedded.nest import LevelNest, Nest
from red_timeloop.engines.embedded.spatial import (
    Histogram,
    SpatialLoops,
    Vector,
    link_transfers,
    sharing,
)
from red_timeloop.errors import InputError

__all__ = ["Block", "Traffic", "accesses", "data_movement", "tile_size"]


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


@dataclass(frozen=True)
class Block:
    """The loops of one level with their strides, and the sizes of the tiles around them."""

    spatial: tuple[tuple[int, int, int], ...]  # (dimension, iterations, stride), innermost first
    columns: int  # of the grid of children
    rows: int
    children: int
    copies: int  # instances of the level that are used
    inner: tuple[int, ...]  # extent of every dimension below the level
    middle: tuple[int, ...]  # with the spatial loops
    outer: tuple[int, ...]  # with all loops


@dataclass
class _Tile:
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

    def weighted(self) -> float:
        return sum(words * key[0] for key, words in sorted(self.accesses.items()))

    def total(self) -> float:
        return sum(words for _, words in sorted(self.accesses.items()))

    def clear_contents(self) -> None:
        self.size = self.partition = 0
        self.content = self.parent_share = 0.0


def tile_size(tensor: Tensor, extents: tuple[int, ...]) -> int:
    """Return the words of the box that `extents` iterations of each dimension touch."""
    size = 1
    for axis in zip(*tensor.steps, strict=True):
        width = 1
        for step, extent in zip(axis, extents, strict=True):
            width += abs(step) * (extent - 1)
        size *= width
    return size


def data_movement(nest: Nest, machine: Machine, shape: Shape) -> tuple[tuple[Traffic, ...], ...]:
    """Return `traffic[data space][level]`, levels innermost first.

    Raises:
        InputError: The mapping makes Timeloop's rules contradict themselves (partial sums of a
            tensor that several steps write, kept in parts).
    """
    blocks, time = _blocks(nest, machine, shape)
    result = []
    for index, tensor in enumerate(shape.tensors):
        tiles = _tiles(index, tensor, nest, blocks, time)
        keep = [level.keep[index] for level in nest.levels]
        apart = [level.no_coalesce[index] for level in nest.levels]
        _set_parent_shares(tiles)
        _bypass(tiles, keep, apart)
        _drop_outermost(tiles, keep, apart)
        _add_peers(tiles)
        rmw = [level.rmw_first_update[index] for level in nest.levels]
        result.append(_traffic(tensor, tiles, rmw, apart, machine))
    return tuple(result)


def _blocks(
    nest: Nest, machine: Machine, shape: Shape
) -> tuple[list[Block], list[list[tuple[int, int, int]]]]:
    """Return the blocks, and for each the loops over time of its level and all outside it."""
    extents = [1] * len(shape.sizes)
    used = 1
    for level in nest.levels:
        for _, factor in (*level.spatial_x, *level.spatial_y):
            used *= factor
    blocks: list[Block] = []
    own: list[list[tuple[int, int, int]]] = []

    def advance(loops: tuple[tuple[int, int], ...]) -> list[tuple[int, int, int]]:
        strided = []
        for dimension, factor in loops:
            strided.append((dimension, factor, extents[dimension]))
            extents[dimension] *= factor
        return strided

    for level, storage in zip(nest.levels, machine.levels, strict=True):
        inner = tuple(extents)
        along_x, along_y = advance(level.spatial_x), advance(level.spatial_y)
        middle = tuple(extents)
        own.append(advance(level.temporal))
        columns = rows = 1
        for _, factor, _ in along_x:
            columns *= factor
        for _, factor, _ in along_y:
            rows *= factor
        used //= columns * rows
        blocks.append(
            Block(
                spatial=tuple(along_x + along_y),
                columns=max(columns, storage.fan_out_x),
                rows=max(rows, storage.fan_out_y),
                children=columns * rows,
                copies=used,
                inner=inner,
                middle=middle,
                outer=tuple(extents),
            )
        )
    outside: list[list[tuple[int, int, int]]] = []
    for level_loops in reversed(own):
        outside.append(level_loops + (outside[-1] if outside else []))
    return blocks, outside[::-1]


def _tiles(
    index: int,
    tensor: Tensor,
    nest: Nest,
    blocks: list[Block],
    time: list[list[tuple[int, int, int]]],
) -> list[_Tile]:
    tiles = []
    for position, block in enumerate(blocks):
        level = nest.levels[position]
        # the compute level keeps nothing: operands are fetched for every operation
        reused = position > 0 and not nest.levels[position - 1].no_temporal_reuse[index]
        words, links = accesses(index, tensor, level, block, time[position], reused)
        tiles.append(
            _Tile(
                size=tile_size(tensor, block.outer),
                partition=0,
                accesses=words,
                links=links,
                children=block.children,
                copies=block.copies,
            )
        )
    partition = tiles[-1].size
    tiles[-1].partition = partition
    for position in range(len(tiles) - 2, -1, -1):
        above = blocks[position + 1]
        if above.children > 1:
            partition = partition * tiles[position].size // tile_size(tensor, above.middle)
        tiles[position].partition = partition
    for tile in tiles:
        tile.content = tile.total()
    return tiles


def accesses(
    index: int,
    tensor: Tensor,
    level: LevelNest,
    block: Block,
    time: list[tuple[int, int, int]],
    reused: bool,
) -> tuple[dict[tuple[int, int], float], float]:
    """Return the words that the children ask for, by sharing, and those passed between them."""
    whole = tile_size(tensor, block.inner)
    steps = [
        (tuple(stride * step for step in tensor.steps[dimension]), factor)
        for dimension, factor, stride in time
    ]
    moves = _moves(steps, whole, block.inner, tensor, reused)
    if block.children == 1:
        return {(1, 1): float(sum(size * times for size, _, _, times in moves))}, 0.0

    spatial: SpatialLoops = tuple(
        (tuple(stride * step for step in tensor.steps[dimension]), factor)
        for dimension, factor, stride in block.spatial
    )
    alone = level.no_multicast[index]
    histogram: Histogram = ((1, block.children),) if alone else sharing(spatial)
    groups = sum(count for _, count in histogram)
    words: dict[tuple[int, int], float] = {}
    links = 0.0
    for size, previous, translation, times in moves:
        current = histogram
        if size and size == previous and not level.no_link_transfer[index]:
            passed, rest = _links(spatial, block, translation, alone)
            if passed and sum(count for _, count in rest) < groups:
                links += size * passed * times
                current = rest
        for multicast, count in current:
            key = multicast, count
            words[key] = words.get(key, 0.0) + size * count * times
    return words, links


def _links(
    spatial: SpatialLoops, block: Block, translation: Vector, alone: bool
) -> tuple[int, Histogram]:
    for axis, distance in enumerate(translation):
        if distance and not any(step[axis] for step, _ in spatial):
            return 0, ()
    passed, rest = link_transfers(spatial, block.columns, block.rows, translation)
    if alone:
        rest = ((1, block.children - passed),)
    return passed, rest


def _moves(
    steps: list[tuple[Vector, int]],
    whole: int,
    extents: tuple[int, ...],
    tensor: Tensor,
    reused: bool,
) -> list[tuple[int, int, Vector, int]]:
    """Return the kinds of steps of a tile: (words moved, words before, translation, times).

    "Words before" are the words moved in the step before, which tell what the neighbours hold; -1
    in the very first step.
    """
    still: Vector = (0,) * len(tensor.steps[0])
    outside = 1
    for _, count in steps:
        outside *= count
    moves: list[tuple[int, int, Vector, int]] = [(whole, -1, still, 1)]
    first: Vector | None = None
    carried = still
    inner_size = 0  # words moved by a step of the innermost loop
    starts: list[tuple[int, int]] = [(whole, 1)]  # (words, times) of what comes before such a step
    for number, (step, count) in enumerate(steps):
        outside //= count
        times = (count - 1) * outside
        translation = tuple(a - b for a, b in zip(step, carried, strict=True))
        carried = tuple(a + b for a, b in zip(step, carried, strict=True))
        if not reused:
            size = whole
        elif first is None:
            if any(step):
                first = step
                size = _new_words(tensor, extents, step, whole)
            else:
                size = 0
        elif not any(translation):
            size = 0
        elif translation == first:
            size = _new_words(tensor, extents, translation, whole)
        else:
            size = whole
        if number == 0:
            inner_size, inner_count, inner_translation = size, count, translation
        else:
            moves.append((size, inner_size, translation, times))
            starts.append((size, times))
    if steps:
        moves.extend(
            (inner_size, before, inner_translation, (inner_count - 1) * times)
            for before, times in starts
        )
    return moves


def _new_words(tensor: Tensor, extents: tuple[int, ...], step: Vector, whole: int) -> int:
    """Return the words of a box that were not in it before it moved by `step`."""
    common = 1
    for distance, axis in zip(step, zip(*tensor.steps, strict=True), strict=True):
        width = 1
        for coefficient, extent in zip(axis, extents, strict=True):
            width += abs(coefficient) * (extent - 1)
        common *= max(0, width - abs(distance))
    return whole - common


def _set_parent_shares(tiles: list[_Tile]) -> None:
    """Words that one instance is sent by the level around it (float, as Timeloop adds them up)."""
    for tile, outer in pairwise(tiles):
        for (multicast, _), words in sorted(outer.accesses.items()):
            tile.parent_share += (words * multicast) / outer.children


def _bypass(tiles: list[_Tile], keep: list[bool], apart: list[bool]) -> None:
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


def _drop_outermost(tiles: list[_Tile], keep: list[bool], apart: list[bool]) -> None:
    for position in range(len(tiles) - 1, -1, -1):
        tile = tiles[position]
        if keep[position] and not apart[position]:
            tile.parent_share = 0.0
            return
        tile.clear_contents()
        tile.links = 0.0


def _add_peers(tiles: list[_Tile]) -> None:
    for tile, outer in pairwise(tiles):
        if outer.links:
            tile.peers += outer.links / tile.copies


def _traffic(
    tensor: Tensor, tiles: list[_Tile], rmw: list[bool], apart: list[bool], machine: Machine
) -> tuple[Traffic, ...]:
    stored = [position for position, tile in enumerate(tiles) if tile.size]
    result = []
    for position, tile in enumerate(tiles):
        if not tile.size:
            result.append(Traffic())
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
