"""What the fullest tiles of a level take of its storage, and how sure it is that they fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from red_timeloop.engines.embedded.cost import check_capacity
from red_timeloop.engines.embedded.machine import Storage
from red_timeloop.engines.embedded.sparse.machine import SparseStorage
from red_timeloop.engines.embedded.sparse.tiles import Tile
from red_timeloop.errors import InputError

__all__ = ["Fullest", "fill_storage"]

_STEP = 0.01  # how closely Timeloop looks for the confidence that still fits


@dataclass(frozen=True)
class Fullest:
    """The fullest tile: words, units of metadata by rank (innermost first), and confidence."""

    words: int = 0
    units: tuple[tuple[int, int], ...] = ()
    bits: int = 0
    confidence: float = 1.0


def fill_storage(
    storage: Storage, sparse: SparseStorage, tiles: Sequence[Tile | None]
) -> list[Fullest]:
    """Return the fullest tiles of all data spaces at one level.

    Raises:
        InputError: They do not fit the level, or fill too little of it.
    """
    expected = [
        0.0 if tile is None else tile.occupancy if tile.compressed else float(tile.shape)
        for tile in tiles
    ]
    total = sum(expected)
    metadata = math.floor(sparse.metadata.width * sparse.metadata.depth / sparse.multiple_buffering)
    found = []
    for tile, words in zip(tiles, expected, strict=True):
        if tile is None:
            found.append(Fullest())
        elif not tile.formats:
            found.append(Fullest(tile.shape))
        elif storage.capacity is None or not sparse.overbooking:
            found.append(_at(tile, sparse, 1.0))
        else:
            share = words / total if total else 1.0
            room = math.ceil(storage.capacity * share), math.ceil(metadata * share)
            found.append(_overbooked(tile, sparse, room))
    _check(storage, sparse, found, metadata)
    return found


def _at(tile: Tile, sparse: SparseStorage, confidence: float) -> Fullest:
    words, units = tile.largest(confidence)
    bits = 0.0
    for (metadata, payload), rank in zip(units, tile.formats, strict=True):
        widths = sparse.word_widths(rank)
        bits += metadata * widths[0] + payload * widths[1]
    whole = tuple((math.ceil(a), math.ceil(b)) for a, b in units)
    return Fullest(words, whole, math.ceil(bits), confidence)


def _overbooked(tile: Tile, sparse: SparseStorage, room: tuple[int, int]) -> Fullest:
    """Return the tile at the largest confidence at which it still fits, to one percent."""
    found = _at(tile, sparse, 0.0)
    if not tile.compressed or found.words >= room[0] or found.bits >= room[1]:
        return found
    low, high = 0.0, 1.0
    while high - low > _STEP:
        middle = 0.5 * (low + high)
        tried = _at(tile, sparse, middle)
        if tried.words > room[0] or tried.bits > room[1]:
            high = middle
        else:
            low, found = middle, tried
    return found


def _check(
    storage: Storage, sparse: SparseStorage, found: Sequence[Fullest], metadata: int
) -> None:
    if storage.capacity is None:
        return
    words, bits = sum(each.words for each in found), sum(each.bits for each in found)
    check_capacity(storage, words)
    if bits > metadata and not sparse.overbooking:
        raise InputError(
            f"the tiles of the mapping have {bits} bits of metadata, there is room for {metadata}",
            key=storage.name,
        )
