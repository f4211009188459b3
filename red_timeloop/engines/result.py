"""What an engine returns for one mapping: counts, cycles and energies by level and data space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = [
    "ComputeCounts",
    "EngineResult",
    "LevelResult",
    "SpaceResult",
    "SparseAccesses",
    "SparseSpace",
]

FormatCounts: TypeAlias = tuple[tuple[int, int], ...]  # (metadata, payload), innermost rank first


@dataclass(frozen=True)
class SparseAccesses:
    """What becomes of one kind of access of a sparse problem, beside the words that move.

    Attributes:
        algorithmic: Words of the dense problem.
        gated, skipped: Words that are not moved, with and without taking time.
        format, gated_format, skipped_format: Units of (metadata, payload) of each rank.
    """

    algorithmic: int
    gated: int
    skipped: int
    format: FormatCounts = ()
    gated_format: FormatCounts = ()
    skipped_format: FormatCounts = ()


@dataclass(frozen=True)
class SparseSpace:
    """What is known of a data space of a sparse problem beside `SpaceResult`.

    Attributes:
        reads, fills, updates: See `SparseAccesses`.
        average_instances: Copies of the level that hold a tile, on average.
        tile_shape: Words of the dense tile.
        format_capacity: Units of (metadata, payload) of each rank of the fullest tile.
    """

    reads: SparseAccesses
    fills: SparseAccesses
    updates: SparseAccesses
    average_instances: float
    tile_shape: int
    format_capacity: FormatCounts

    def as_dict(self) -> dict[str, Any]:
        """Return the entries that `red_timeloop.model` adds to those of a dense problem."""
        found: dict[str, Any] = {}
        for kind in ("reads", "fills", "updates"):
            counts: SparseAccesses = getattr(self, kind)
            found[f"algorithmic_{kind}"] = counts.algorithmic
            found[f"gated_{kind}"] = counts.gated
            found[f"skipped_{kind}"] = counts.skipped
            found[f"format_{kind}"] = _lists(counts.format)
            found[f"gated_format_{kind}"] = _lists(counts.gated_format)
            found[f"skipped_format_{kind}"] = _lists(counts.skipped_format)
        return found | {
            "utilized_instances_average": self.average_instances,
            "tile_shape": self.tile_shape,
            "format_capacity": _lists(self.format_capacity),
        }


def _lists(counts: FormatCounts) -> list[list[int]]:
    return [list(each) for each in counts]


@dataclass(frozen=True)
class ComputeCounts:
    """What becomes of the computes of a sparse problem, over all instances."""

    algorithmic: int
    actual: int
    gated: int
    skipped: int

    def as_dict(self) -> dict[str, Any]:
        """Return the entries that `red_timeloop.model` adds to those of a dense problem."""
        return {
            "computes": self.algorithmic,
            "actual_computes": self.actual,
            "gated_computes": self.gated,
            "skipped_computes": self.skipped,
        }


@dataclass(frozen=True)
class SpaceResult:
    """One data space at one level.

    Attributes:
        reads, fills, updates, temporal_reductions: Words, those of one instance, as Timeloop
            prints them; of a sparse problem those that take place.
        utilized_instances: Copies of the level in use.
        utilized_capacity: Words that one instance stores.
        energy: Energy of all instances in J; an array where the energy table holds arrays.
        sparse: What is known beside of a sparse problem.
    """

    reads: int
    fills: int
    updates: int
    temporal_reductions: int
    utilized_instances: int
    utilized_capacity: int
    energy: Any
    sparse: SparseSpace | None = None

    def total(self, count: str) -> int:
        """Return a count, e.g. `reads`, over all instances."""
        words: int = getattr(self, count)
        instances: float = self.utilized_instances
        if self.sparse is not None:
            instances = self.sparse.average_instances
        return round(words * instances)

    def as_dict(self) -> dict[str, Any]:
        """Return the form of `red_timeloop.model`."""
        return {
            "reads": self.reads,
            "fills": self.fills,
            "updates": self.updates,
            "temporal_reductions": self.temporal_reductions,
            "utilized_instances": self.utilized_instances,
            "utilized_capacity": self.utilized_capacity,
            "energy_J": self.energy,
            **({} if self.sparse is None else self.sparse.as_dict()),
        }


@dataclass(frozen=True)
class LevelResult:
    """One level.

    Attributes:
        instances: Copies in the machine.
        utilized_instances: Copies in use.
        energy: Energy of all instances in J, leakage included; it may be an array.
        data_spaces: What the level stores, by name; nothing at the compute level.
        computes: What becomes of the computes of a sparse problem, at the compute level.
    """

    instances: int
    utilized_instances: int
    energy: Any
    data_spaces: Mapping[str, SpaceResult] = field(default_factory=dict)
    computes: ComputeCounts | None = None

    @property
    def leakage(self) -> Any:
        """Energy in J that is no data space's."""
        return self.energy - sum(space.energy for space in self.data_spaces.values())

    def as_dict(self) -> dict[str, Any]:
        """Return the form of `red_timeloop.model`."""
        return {
            "instances": self.instances,
            "utilized_instances": self.utilized_instances,
            "energy_J": self.energy,
            "data_spaces": {name: space.as_dict() for name, space in self.data_spaces.items()},
            **({} if self.computes is None else self.computes.as_dict()),
        }


@dataclass(frozen=True)
class EngineResult:
    """A mapping, evaluated.

    Attributes:
        engine: Name of the engine.
        cycles: Cycles of the whole problem.
        computes: Operations of the dense problem.
        energy: Energy in J; it may be an array.
        area: Area in m^2; it may be an array; None where no table gives areas.
        levels: The levels by name, innermost first.
        priced_by: Who priced each level; None where no table gives energies, which then are 0 in
            the values of Python and null in JSON.
    """

    engine: str
    cycles: int
    computes: int
    energy: Any
    area: Any
    levels: Mapping[str, LevelResult]
    priced_by: Mapping[str, str] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the form of `red_timeloop.model`."""
        levels = {name: level.as_dict() for name, level in self.levels.items()}
        if self.priced_by is None:  # not 0: unknown
            for level in levels.values():
                for part in (level, *level["data_spaces"].values()):
                    part["energy_J"] = None
        return {
            "engine": self.engine,
            "cycles": self.cycles,
            "computes": self.computes,
            "energy_J": None if self.priced_by is None else self.energy,
            "area_m2": self.area,
            "priced_by": None if self.priced_by is None else dict(self.priced_by),
            "levels": levels,
        }
