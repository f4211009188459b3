"""What an engine returns for one mapping: counts, cycles and energies by level and data space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["EngineResult", "LevelResult", "SpaceResult"]


@dataclass(frozen=True)
class SpaceResult:
    """One data space at one level.

    Attributes:
        reads, fills, updates, temporal_reductions: Words, those of one instance, as Timeloop
            prints them.
        utilized_instances: Copies of the level in use.
        utilized_capacity: Words that one instance stores.
        energy: Energy of all instances in J; an array where the energy table holds arrays.
    """

    reads: int
    fills: int
    updates: int
    temporal_reductions: int
    utilized_instances: int
    utilized_capacity: int
    energy: Any

    def total(self, count: str) -> int:
        """Return a count, e.g. `reads`, over all instances."""
        words: int = getattr(self, count)
        return round(words * self.utilized_instances)

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
        }


@dataclass(frozen=True)
class LevelResult:
    """One level.

    Attributes:
        instances: Copies in the machine.
        utilized_instances: Copies in use.
        energy: Energy of all instances in J, leakage included; it may be an array.
        data_spaces: What the level stores, by name; nothing at the compute level.
    """

    instances: int
    utilized_instances: int
    energy: Any
    data_spaces: Mapping[str, SpaceResult] = field(default_factory=dict)

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
        }


@dataclass(frozen=True)
class EngineResult:
    """A mapping, evaluated.

    Attributes:
        engine: Name of the engine.
        cycles: Cycles of the whole problem.
        computes: Operations.
        energy: Energy in J; it may be an array.
        area: Area in m^2; it may be an array.
        levels: The levels by name, innermost first.
    """

    engine: str
    cycles: int
    computes: int
    energy: Any
    area: Any
    levels: Mapping[str, LevelResult]

    def as_dict(self) -> dict[str, Any]:
        """Return the form of `red_timeloop.model`."""
        return {
            "engine": self.engine,
            "cycles": self.cycles,
            "computes": self.computes,
            "energy_J": self.energy,
            "area_m2": self.area,
            "levels": {name: level.as_dict() for name, level in self.levels.items()},
        }
