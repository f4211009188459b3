"""The values that say how sparse a tensor is and what an architecture makes of its zeros.

The words are Sparseloop's (Wu et al., MICRO 2022), as Timeloop v0.4 files write them.
"""

from __future__ import annotations

import collections.abc as abc
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = [
    "ACTIONS",
    "COMPUTE_ACTIONS",
    "DISTRIBUTIONS",
    "FORMATS",
    "ActionOptimization",
    "Condition",
    "Density",
    "MetadataStorage",
    "Rank",
    "SparseOptimizations",
]

Action: TypeAlias = Literal["gating", "skipping", "spatial_skipping"]

DISTRIBUTIONS = ("fixed_structured", "hypergeometric", "banded")
FORMATS = ("UOP", "CP", "B", "RLE")
ACTIONS: tuple[Action, ...] = ("gating", "skipping", "spatial_skipping")
COMPUTE_ACTIONS = ("gating", "skipping")


@dataclass(frozen=True)
class Density:
    """How the values of a tensor that are not zero lie in it.

    Attributes:
        distribution: One of `DISTRIBUTIONS`.
        density: Share of the values that are not zero, 0 to 1 (`banded` does without it).
        band_width: Diagonals on each side of the main one that are not zero (`banded` only).
    """

    distribution: str
    density: float = 1.0
    band_width: int = 0


@dataclass(frozen=True)
class Rank:
    """One rank of a compressed tile.

    Attributes:
        format: One of `FORMATS`: uncompressed offset pairs, coordinates and payloads, bitmask,
            run lengths.
        flattened: Lists of dimensions; the loops over the dimensions of one list share the rank.
            Without any, the rank takes one loop.
        metadata_word_bits: Bits of one unit of metadata, None for the level's default.
        payload_word_bits: Bits of one payload, None for the level's default.
    """

    format: str
    flattened: tuple[tuple[str, ...], ...] = ()
    metadata_word_bits: int | None = None
    payload_word_bits: int | None = None

    @property
    def compressed(self) -> bool:
        """Whether empty coordinates are left out."""
        return self.format != "UOP"


@dataclass(frozen=True)
class Condition:
    """Accesses to `target` are saved where a tile of one of `condition_on` is empty."""

    target: str
    condition_on: tuple[str, ...]


@dataclass(frozen=True)
class ActionOptimization:
    """What is done about accesses that are of no effect: the best of some options."""

    type: Action
    options: tuple[Condition, ...]


@dataclass(frozen=True)
class SparseOptimizations:
    """What one level does about zeros.

    Attributes:
        formats: Ranks of each data space that is kept with metadata, outermost first.
        actions: Optimizations of storage accesses.
        compute: Optimizations of computes, of `COMPUTE_ACTIONS` (the compute level only).
    """

    formats: abc.Mapping[str, tuple[Rank, ...]] = field(default_factory=dict)
    actions: tuple[ActionOptimization, ...] = ()
    compute: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.formats or self.actions or self.compute)

    @property
    def data_spaces(self) -> tuple[str, ...]:
        """All data spaces that are named."""
        conditions = [each for action in self.actions for each in action.options]
        names = [name for each in conditions for name in (each.target, *each.condition_on)]
        return tuple(dict.fromkeys([*self.formats, *names]))


@dataclass(frozen=True)
class MetadataStorage:
    """Where a level keeps its metadata.

    Attributes:
        width: Bits of one row, 0 where there is no such storage.
        depth: Rows.
        word_bits: Bits of one unit of metadata or payload, where the rank does not say.
        decompression: Whether the level unpacks what a compressed parent sends.
        compression: Whether it packs what it sends to a compressed parent.
    """

    width: int
    depth: int
    word_bits: int
    decompression: bool
    compression: bool
