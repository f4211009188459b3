"""From dense counts to actual, gated and skipped ones: formats first, then savings, outside in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from red_timeloop.engines.embedded.movement import Traffic
from red_timeloop.engines.embedded.sparse.savings import Saving
from red_timeloop.engines.embedded.sparse.tiles import Tile

__all__ = ["Accesses", "Counts", "FormatCounts", "count_accesses"]

FormatCounts: TypeAlias = tuple[tuple[int, int], ...]  # (metadata, payload), innermost rank first


@dataclass(frozen=True)
class Counts:
    """One kind of access of one instance: words, and units of metadata and payload by rank."""

    actual: int = 0
    gated: int = 0
    skipped: int = 0
    format_actual: FormatCounts = ()
    format_gated: FormatCounts = ()
    format_skipped: FormatCounts = ()

    def less(self, share: float, ranks: Sequence[int]) -> Counts:
        """Return what is left when a share does not happen: of the words, and of some ranks."""
        left = self.actual - math.floor(self.actual * share)
        rest = _split(self.format_actual, share, ranks)[0]
        return Counts(left, 0, 0, rest, self.format_gated, self.format_skipped)

    def saved(self, how: str, share: float, ranks: int, *, up: bool = False) -> Counts:
        """Return the counts when a share is gated or skipped; `up` rounds the words up."""
        words = self.actual * share
        number = math.ceil(words) if up else math.floor(words)
        rest, units = _split(self.format_actual, share, range(ranks))
        none = self.format_gated
        if how == "gated":
            return Counts(self.actual - number, number, 0, rest, units, none)
        return Counts(self.actual - number, 0, number, rest, none, units)


@dataclass(frozen=True)
class Accesses:
    """All accesses of one instance to one tile.

    Attributes:
        read, fill, update: See `Counts`.
        temporal_reductions: Sums of an arriving value with the one stored.
        decompressions, compressions: Words unpacked on arrival and packed when sent out.
    """

    read: Counts
    fill: Counts
    update: Counts
    temporal_reductions: int = 0
    decompressions: int = 0
    compressions: int = 0


def _split(
    counts: FormatCounts, share: float, ranks: Sequence[int]
) -> tuple[FormatCounts, FormatCounts]:
    """Return what is left and what is taken when a share of some ranks is taken."""
    taken = tuple(
        (math.floor(metadata * share), math.floor(payload * share)) if rank in ranks else (0, 0)
        for rank, (metadata, payload) in enumerate(counts)
    )
    left = tuple((a - c, b - d) for (a, b), (c, d) in zip(counts, taken, strict=True))
    return left, taken


def count_accesses(
    traffic: Sequence[Traffic],
    tiles: Sequence[Tile | None],
    savings: Mapping[int, Saving],
    spatial: Mapping[int, float],
    read_write: bool,
) -> tuple[list[Accesses | None], float | None]:
    """Return the accesses of a tensor at every level.

    A saving further out leaves less to be asked for inside, down to the next level that saves by
    itself; what that level then saves is what it knows beyond the outer one. (Where it knows less,
    nothing: Timeloop's count would be negative and wraps around.)

    Args:
        traffic: The dense counts by level.
        tiles: The tiles.
        savings: Gating and skipping by level.
        spatial: Share of the instances inside a level that spatial skipping does without.
        read_write: Whether the tensor is written.

    Returns:
        The accesses, and the share of computes that the innermost saving does without; None where
        nothing is saved.
    """
    found = [
        _encoded(each, tile, read_write) if tile is not None else None
        for each, tile in zip(traffic, tiles, strict=True)
    ]
    shares = {level: saving.probability for level, saving in savings.items()} | dict(spatial)
    outer: float | None = None
    for level in sorted(shares, reverse=True):
        share, tile, here = shares[level], tiles[level], found[level]
        if tile is not None and here is not None and level in savings:
            found[level] = _saved(here, savings[level], outer, tile, tiles, read_write)
        for inner in reversed(range(level)):
            below = found[inner]
            if below is not None:
                # Timeloop's loops run from the wrong end: only where the outer tile has one rank do
                # the format counts follow, and then those of the innermost rank, without updates
                ranks = (0,) if tile is not None and len(tile.formats) == 1 else ()
                found[inner] = Accesses(
                    below.read.less(share, ranks),
                    below.fill.less(share, ranks),
                    below.update.less(share, ()),
                )
            if inner in shares:
                break
        outer = share
    reduced = [
        here and _reduced(here, each, read_write) for here, each in zip(found, traffic, strict=True)
    ]
    return [
        here and _converted(here, level, tiles, reduced, read_write)
        for level, here in enumerate(reduced)
    ], outer


def _encoded(traffic: Traffic, tile: Tile, read_write: bool) -> Accesses:
    """Return the accesses to a tile whose format leaves its zeros out."""
    none = ((0, 0),) * len(tile.formats)

    def counts(words: int, scaled: bool = True) -> Counts:
        ratio = words / tile.shape
        units = tuple(
            (math.ceil(metadata * ratio), math.ceil(payload * ratio))
            for metadata, payload in tile.units
        )
        empty = math.floor(words * (1 - tile.density)) if tile.formats and scaled else 0
        return Counts(words - empty, 0, 0, units, none, none)

    return Accesses(
        counts(traffic.reads), counts(traffic.fills), counts(traffic.updates, read_write)
    )


def _saved(
    here: Accesses,
    saving: Saving,
    outer: float | None,
    tile: Tile,
    tiles: Sequence[Tile | None],
    read_write: bool,
) -> Accesses:
    share = saving.probability
    read = here.read
    if outer is not None:
        share = max(0.0, 1 - (1 - share) / (1 - outer)) if outer < 1 else 0.0
        # under another saving, Timeloop takes the format updates for the format reads
        read = Counts(
            read.actual, 0, 0, here.update.format_actual, read.format_gated, read.format_skipped
        )
    inside = tiles[tile.child] if tile.child is not None else tile
    assert inside is not None
    ranks = len(inside.formats)
    return Accesses(
        read.saved(saving.how, share, ranks, up=read_write),
        here.fill,
        here.update.saved(saving.how, share, ranks),
    )


def _reduced(here: Accesses, traffic: Traffic, read_write: bool) -> Accesses:
    if not read_write or not traffic.updates:
        return here
    sums = math.ceil(traffic.temporal_reductions * float(here.update.actual) / traffic.updates)
    return Accesses(here.read, here.fill, here.update, sums)


def _converted(
    here: Accesses,
    level: int,
    tiles: Sequence[Tile | None],
    accesses: Sequence[Accesses | None],
    read_write: bool,
) -> Accesses:
    """Count what is unpacked and packed between a compressed level and this one."""
    tile = tiles[level]
    if tile is None or tile.parent is None or tile.compressed:
        return here
    outside, around = tiles[tile.parent], accesses[tile.parent]
    if outside is None or around is None or not outside.compressed:
        return here
    packed = around.update.actual if read_write else 0
    return Accesses(
        here.read, here.fill, here.update, here.temporal_reductions, here.fill.actual, packed
    )
