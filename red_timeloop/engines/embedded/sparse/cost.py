"""Actions, energy and bandwidth of sparse accesses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from red_timeloop.engines.embedded.machine import Storage
from red_timeloop.engines.embedded.sparse.accesses import Accesses, Counts
from red_timeloop.engines.embedded.sparse.machine import SparseStorage
from red_timeloop.engines.embedded.sparse.tiles import Tile
from red_timeloop.errors import InputError

__all__ = ["Actions", "count_actions", "demand", "overflow_energy"]

# Tiles of at least this many blocks, by words of a block and tenths of density, need no statistics
# of blocks that are partly full (include/model/buffer.hpp of Timeloop).
_BLOCKS = {
    2: (251, 125, 84, 63, 51, 42, 36, 32, 28, 1),
    4: (375, 188, 125, 94, 75, 63, 54, 47, 42, 1),
    8: (438, 219, 146, 110, 88, 73, 63, 55, 49, 1),
    16: (469, 235, 157, 118, 94, 79, 67, 59, 52, 1),
    32: (485, 243, 162, 122, 97, 81, 70, 61, 52, 1),
}
_KINDS = ("read", "fill", "update")
_HOW = ("actual", "gated", "skipped")


@dataclass(frozen=True)
class Actions:
    """What one instance does for one tile.

    Attributes:
        numbers: How often each action of `machine.STORAGE_ACTIONS` takes place (blocks).
        bits: Bits of metadata of each action.
    """

    numbers: Mapping[str, float]
    bits: Mapping[str, int]

    def energy(self, energies: Mapping[str, float], confidence: float) -> float:
        """Return pJ of all actions."""
        total = 0.0
        for action, energy in energies.items():
            total += self.numbers[action] * energy * confidence
        return total


def count_actions(
    storage: Storage, sparse: SparseStorage, tile: Tile, accesses: Accesses
) -> Actions:
    """Return the actions that accesses to a tile make."""
    ratio = _partly_full(storage, tile)
    numbers: dict[str, float] = {}
    bits: dict[str, int] = {}
    widths = [sparse.word_widths(rank) for rank in tile.formats]
    for kind in _KINDS:
        counts: Counts = getattr(accesses, kind)
        for how in _HOW:
            words: int = getattr(counts, how)
            numbers[f"{how}_{kind}"] = -(-words // storage.block_size) * ratio
            units = getattr(counts, f"format_{how}")
            total = sum(a * c + b * d for (a, b), (c, d) in zip(units, widths, strict=True))
            name = f"{how}_metadata_{kind}"
            bits[name] = total
            width = sparse.metadata.width
            numbers[name] = math.ceil(total / width) if width else 0
    numbers["decompression"] = accesses.decompressions
    numbers["compression"] = accesses.compressions
    return Actions(numbers, bits)


def _partly_full(storage: Storage, tile: Tile) -> float:
    """Return by how much blocks that are partly full multiply the number of accesses."""
    block, density = storage.block_size, tile.density
    if not tile.compressed or block == 1 or density >= 1:
        return 1.0
    if block not in _BLOCKS:
        raise InputError(
            f"a compressed tile in blocks of {block} words", key=storage.name, legal=_BLOCKS
        )
    tenth = math.floor(density / 0.1) - 1 if density >= 0.1 else 0
    if _BLOCKS[block][tenth] <= tile.shape // block:
        return 1.0
    blocks = 0.0
    for occupancy, chance in tile.model.probabilities(tile.box):
        blocks += math.ceil(occupancy / block) * chance * (occupancy <= tile.shape)
    expected = tile.shape * density / block
    return blocks / expected if expected else 1.0


def demand(
    sparse: SparseStorage, accesses: Accesses, actions: Actions, filled: float
) -> tuple[int, int, int]:
    """Return the words that an instance of a level reads, fills and updates on average.

    Metadata counts in words; fills and updates are one number, and updates 0. What is skipped takes
    no bandwidth.

    Args:
        sparse: What the level does about zeros.
        accesses, actions: Those of one data space.
        filled: Average instances over most instances.
    """
    found = []
    for kinds in (("read",), ("fill", "update")):
        words = bits = 0
        for kind in kinds:
            counts: Counts = getattr(accesses, kind)
            words += counts.actual + counts.gated
            bits += actions.bits[f"actual_metadata_{kind}"] + actions.bits[f"gated_metadata_{kind}"]
        found.append(math.ceil((words + bits // sparse.word_bits) * filled))
    return found[0], found[1], 0


def overflow_energy(actions: Actions, energies: Mapping[str, float], confidence: float) -> float:
    """Return pJ that the level around pays for reads of a tile that did not fit."""
    return sum(
        actions.numbers[action] * energies[action] * (1 - confidence)
        for action in ("actual_read", "actual_metadata_read")
    )
