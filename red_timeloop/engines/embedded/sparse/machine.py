"""What the sparse analysis needs to know of a level beside `embedded.machine`."""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from collections.abc import Sequence
from dataclasses import dataclass

from red_timeloop.errors import InputError
from red_timeloop.spec.sparse import metadata_storage
from red_timeloop.spec.sparsity import MetadataStorage, Rank, SparseOptimizations
from red_timeloop.spec.tables import PICOJOULE
from red_timeloop.spec.types import Architecture, ErtTable, Level

__all__ = ["COMPUTE_ACTIONS", "STORAGE_ACTIONS", "SparseStorage", "build_storages", "energies"]

# Timeloop's actions and the names an energy table may use for each, the first that is there
# counting (include/model/topology.hpp); what has none of them costs nothing.
STORAGE_ACTIONS: dict[str, tuple[str, ...]] = {
    "actual_read": ("random_read", "read"),
    "actual_fill": ("random_fill", "random_write", "fill", "write"),
    "actual_update": ("random_update", "random_write", "update", "write"),
    "gated_read": ("gated_read",),
    "gated_fill": ("gated_fill", "gated_write"),
    "gated_update": ("gated_update", "gated_write"),
    "skipped_read": ("skipped_read", "gated_read"),
    "skipped_fill": ("skipped_fill", "skipped_write", "gated_fill", "gated_write"),
    "skipped_update": ("skipped_update", "skipped_write", "gated_update", "gated_write"),
    "actual_metadata_read": ("random_metadata_read", "metadata_read"),
    "gated_metadata_read": ("gated_metadata_read",),
    "skipped_metadata_read": ("skipped_metadata_read", "gated_metadata_read"),
    "actual_metadata_fill": (
        *("random_metadata_fill", "random_metadata_write", "metadata_fill", "metadata_write"),
    ),
    "gated_metadata_fill": ("gated_metadata_fill", "gated_metadata_write"),
    "skipped_metadata_fill": (
        *("skipped_metadata_fill", "skipped_metadata_write"),
        *("gated_metadata_fill", "gated_metadata_write"),
    ),
    "actual_metadata_update": (
        *("random_metadata_update", "random_metadata_write", "metadata_update", "metadata_write"),
    ),
    "gated_metadata_update": ("gated_metadata_update", "gated_metadata_write"),
    "skipped_metadata_update": (
        *("skipped_metadata_update", "skipped_metadata_write"),
        *("gated_metadata_update", "gated_metadata_write"),
    ),
    "decompression": ("decompression_count",),
    "compression": ("compression_count",),
}
COMPUTE_ACTIONS: dict[str, tuple[str, ...]] = {
    "actual": ("mac_random", "mult_random", "mac", "mult", "compute"),
    "skipped": (
        *("mac_skipped", "mult_skipped", "compute_skipped", "mac_gated", "mult_gated"),
        *("compute_gated", "mac", "mult", "compute"),
    ),
    "gated": ("mac_gated", "mult_gated", "compute_gated", "mac", "mult", "compute"),
}


@dataclass(frozen=True)
class SparseStorage:
    """What a level does about zeros, its metadata storage and its actions' energies in pJ."""

    name: str
    sparse: SparseOptimizations
    metadata: MetadataStorage
    word_bits: int
    overbooking: bool
    multiple_buffering: float
    energies: AbstractMapping[str, float]

    def formats(self, data_space: str) -> tuple[Rank, ...]:
        """Return the ranks of a data space, outermost first."""
        return self.sparse.formats.get(data_space, ())

    def word_widths(self, rank: Rank) -> tuple[int, int]:
        """Return the bits of a unit of metadata and of a payload.

        Raises:
            InputError: A word is wider than a row of the metadata storage.
        """
        metadata = rank.metadata_word_bits
        if metadata is None and rank.format == "B":
            metadata = 1
        return self._fitted(metadata), self._fitted(rank.payload_word_bits)

    def _fitted(self, given: int | None) -> int:
        """Raise a width to the next that divides a row, as Timeloop does (below twice itself)."""
        width = self.metadata.width
        bits = self.metadata.word_bits if given is None else given
        if given and width % bits:
            bits = next((each for each in range(bits, 2 * bits) if width % each == 0), 2 * bits)
        if bits > width:
            raise InputError(
                f"{bits} bits of metadata in rows of {width} bits",
                key=f"{self.name}.metadata_storage_width",
            )
        return bits


def build_storages(architecture: Architecture, ert: ErtTable | None) -> tuple[SparseStorage, ...]:
    """Return all levels but compute, innermost first."""
    return tuple(
        SparseStorage(
            level.name,
            level.sparse,
            metadata_storage(level),
            level.datawidth,
            level.allow_overbooking,
            level.multiple_buffering,
            energies(level, ert, STORAGE_ACTIONS),
        )
        for level in reversed(architecture.mapped_levels)
    )


def energies(
    level: Level, ert: ErtTable | None, actions: AbstractMapping[str, Sequence[str]]
) -> dict[str, float]:
    """Return pJ of every action, 0 for those that the table does not know.

    Tables are in pJ, mostly of few digits, whose sums are exact where those of J are not.
    """
    table = ert.energies.get(level.name, {}) if ert is not None else {}
    return {
        action: next(
            (float(f"{table[name] / PICOJOULE:.15g}") for name in names if name in table), 0.0
        )
        for action, names in actions.items()
    }
