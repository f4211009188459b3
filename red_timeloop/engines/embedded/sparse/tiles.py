"""The tiles of sparse tensors: how full they are on average and at most, with their metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from red_timeloop.engines.embedded.machine import Shape, Tensor
from red_timeloop.engines.embedded.movement import Traffic
from red_timeloop.engines.embedded.sparse.density import DensityModel
from red_timeloop.engines.embedded.sparse.formats import (
    TileRank,
    Units,
    assign_ranks,
    rank_units,
)
from red_timeloop.engines.embedded.sparse.loops import Box, FullNest, box
from red_timeloop.engines.embedded.sparse.machine import SparseStorage
from red_timeloop.errors import InputError
from red_timeloop.spec.sparsity import Rank

__all__ = ["Tile", "build_tiles"]


@dataclass(frozen=True)
class Tile:
    """What one level stores of a tensor.

    Attributes:
        box: The data space's box under full passes of all loops.
        shape: Words of the dense tile: fewer than the box has where a loop is imperfect.
        parent, child: The next outer and inner levels that store it.
        model: How its values lie.
        formats: Ranks, innermost first; none without metadata.
        ranks: The loops that the ranks stand for, innermost first.
        density: Expected share of values that are not zero, in tiles that arrive.
        occupancy: Expected number of such values.
        units: Expected units of metadata and payload of each rank.
        arriving: Share of the instances that hold a tile at all: empty tiles are not sent by a
            parent that has metadata.
    """

    box: Box
    shape: int
    parent: int | None
    child: int | None
    model: DensityModel
    formats: tuple[Rank, ...] = ()
    ranks: tuple[TileRank, ...] = ()
    density: float = 1.0
    occupancy: float = 0.0
    units: tuple[Units, ...] = ()
    arriving: float = 1.0

    @property
    def compressed(self) -> bool:
        """Whether zeros take no storage."""
        return any(rank.compressed for rank in self.formats)

    def largest(self, confidence: float) -> tuple[int, list[Units]]:
        """Return values and units of metadata that are not exceeded, at some confidence."""
        most = self.model.maximum(self.box, confidence)
        return most, self.units_at(most)

    def units_at(self, occupancy: int) -> list[Units]:
        """Return the units of metadata and payload of each rank at some occupancy."""
        whole = self.box, self.shape, occupancy
        return rank_units(self.formats, self.ranks, whole, self.model)


def build_tiles(
    number: int,
    shape: Shape,
    nest: FullNest,
    traffic: Sequence[Traffic],
    storages: Sequence[SparseStorage],
    model: DensityModel,
) -> list[Tile | None]:
    """Return the tiles of one tensor at every level, None where it is not kept.

    Raises:
        InputError: The formats of two levels do not fit each other, or the loops not the ranks;
            names level and data space.
    """
    tensor = shape.tensors[number]
    kept = [level for level, each in enumerate(traffic) if each.kept]
    tiles: list[Tile | None] = [None] * len(traffic)
    child: int | None = None
    for position, level in enumerate(kept):
        parent = kept[position + 1] if position + 1 < len(kept) else None
        formats = storages[level].formats(tensor.name)
        try:
            ranks = _ranks(tensor, shape, nest, level, child, formats, tiles)
        except InputError as problem:
            raise InputError(problem.message, key=storages[level].name) from None
        data = box(tensor, nest.extents[level][-1])
        size, innermost_first = traffic[level].size, tuple(reversed(formats))
        tiles[level] = Tile(data, size, parent, child, model, innermost_first, ranks)
        child = level
    _check_conversions(tensor, tiles, storages)
    return [
        tile
        and _expected(
            tile, tile.parent is not None and bool(storages[tile.parent].formats(tensor.name))
        )
        for tile in tiles
    ]


def _ranks(
    tensor: Tensor,
    shape: Shape,
    nest: FullNest,
    level: int,
    child: int | None,
    formats: Sequence[Rank],
    tiles: Sequence[Tile | None],
) -> tuple[TileRank, ...]:
    inner = tiles[child] if child is not None else None
    child_ranks: tuple[TileRank, ...] = ()
    if inner is not None and inner.shape > 1 and any(rank.compressed for rank in formats):
        child_ranks = inner.ranks  # cut up as the child wants its tiles
        same = [rank.format for rank in reversed(formats)][: len(child_ranks)]
        if inner.compressed and same != [rank.format for rank in inner.formats]:
            raise InputError(
                f"the innermost ranks of {tensor.name} ({' '.join(reversed(same))}) are not those"
                f" of the level inside ({' '.join(r.format for r in reversed(inner.formats))})"
            )
        if len(child_ranks) > len(formats):
            raise InputError(
                f"{tensor.name} has {len(formats)} ranks, the level inside {len(child_ranks)}"
            )
    return assign_ranks(tensor, shape, nest, level, child, formats, child_ranks)


def _check_conversions(
    tensor: Tensor, tiles: Sequence[Tile | None], storages: Sequence[SparseStorage]
) -> None:
    """Refuse levels that would have to pack or unpack and cannot."""
    for level, tile in enumerate(tiles):
        parent = tiles[tile.parent] if tile and tile.parent is not None else None
        if tile is None or parent is None or tile.compressed == parent.compressed:
            continue
        metadata, name = storages[level].metadata, storages[level].name
        if tile.compressed:
            raise InputError(f"{tensor.name} is compressed, and not at the level around", key=name)
        if not metadata.decompression or (tensor.read_write and not metadata.compression):
            needed = "compression" if metadata.decompression else "decompression"
            raise InputError(
                f"{tensor.name} is compressed at the level around and not here",
                key=f"{name}.{needed}_supported",
                legal="True",
            )


def _expected(tile: Tile, filtered: bool) -> Tile:
    """Return the tile with its expectations; `filtered` when empty ones do not arrive."""
    least = tile.model.minimum(tile.box, tile.shape)
    found = [each for each in tile.model.probabilities(tile.box) if each[0] >= least]
    arriving = 1.0
    if filtered and least == 0 and found:
        # Timeloop takes the first occupancy that is possible for that of the empty tile
        arriving = 1.0 - found[0][1]
        scale = 1 - found[0][1]
        found = [(each, chance / scale if scale else 0.0) for each, chance in found]
        found[0] = (found[0][0], 0.0)
    occupancy = 0.0
    units: list[Units] = []
    for each, chance in found:
        occupancy += chance * each
        if not tile.formats:
            continue
        here = tile.units_at(each)
        scaled = [(metadata * chance, payload * chance) for metadata, payload in here]
        before = units or [(0.0, 0.0)] * len(scaled)
        units = [(a + c, b + d) for (a, b), (c, d) in zip(before, scaled, strict=True)]
    return replace(
        tile,
        density=occupancy / tile.shape,
        occupancy=occupancy,
        units=tuple(units),
        arriving=arriving,
    )
