"""Tiling a logical matrix onto physical crossbars."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Packing", "divisors", "pack"]


@dataclass(frozen=True)
class Packing:
    """How the lines (rows or columns) of a logical matrix are spread over crossbars.

    Attributes:
        inside: Lines of one crossbar, as a factor of each rank.
        tiles: Crossbars, as a factor of each rank.
        channels: Channels after padding: `inside * tiles` of the channel rank.
    """

    inside: Mapping[str, int]
    tiles: Mapping[str, int]
    channels: int

    @property
    def lines(self) -> int:
        """Lines used in one crossbar."""
        return math.prod(self.inside.values())

    @property
    def count(self) -> int:
        """Crossbars along this side of the matrix."""
        return math.prod(self.tiles.values())


@lru_cache(maxsize=4096)
def divisors(number: int) -> tuple[int, ...]:
    """Return the divisors of `number`, ascending.

    >>> divisors(12)
    (1, 2, 3, 4, 6, 12)
    """
    low = [d for d in range(1, math.isqrt(number) + 1) if number % d == 0]
    return tuple(sorted({*low, *(number // d for d in low)}))


@lru_cache(maxsize=4096)
def pack(
    channel_rank: str,
    channels: int,
    others: tuple[tuple[str, int], ...],
    capacity: int | None,
) -> Packing:
    """Spread `channels` times the `others` ranks over as few crossbars as loops allow.

    A crossbar holds a block: some channels times a divisor of each other rank. Timeloop's loops
    are perfect, so all blocks are alike, and channels are padded where the tiles do not divide
    them (a padded line holds no weight). Fewest crossbars first, then least padding.

    Args:
        channel_rank: The rank whose size may be padded (`C` on rows, `M` on columns).
        channels: Its size.
        others: The other ranks that share these lines, with their sizes.
        capacity: Lines of a crossbar, at least 1; None: one crossbar holds them all.

    >>> pack("C", 1024, (("R", 3), ("S", 3)), 128).count
    72
    >>> pack("C", 64, (("R", 3), ("S", 3)), 128)
    Packing(inside={'C': 13, 'R': 3, 'S': 3}, tiles={'C': 5, 'R': 1, 'S': 1}, channels=65)
    """
    sizes = dict(others)
    if capacity is None or channels * math.prod(sizes.values()) <= capacity:
        inside = {channel_rank: channels, **sizes}
        return Packing(inside, dict.fromkeys(inside, 1), channels)
    best: tuple[tuple[int, int, int], Packing] | None = None
    for block in itertools.product(*(divisors(size) for size in sizes.values())):
        taps = math.prod(block)
        if taps > capacity:
            continue
        channel_tiles = math.ceil(channels / (capacity // taps))
        each = math.ceil(channels / channel_tiles)
        tiles = {channel_rank: channel_tiles}
        tiles |= {rank: sizes[rank] // d for rank, d in zip(sizes, block, strict=True)}
        packing = Packing(
            {channel_rank: each, **dict(zip(sizes, block, strict=True))},
            tiles,
            each * channel_tiles,
        )
        key = (packing.count, packing.channels, taps)
        if best is None or key < best[0]:
            best = (key, packing)
    assert best is not None  # the block of one line always fits
    return best[1]
