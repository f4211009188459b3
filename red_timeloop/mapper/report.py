"""What a search says of the mapping that it found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["SearchReport"]


@dataclass(frozen=True)
class SearchReport:
    """The certificate of a search; timeloop-mapper gives no numbers of its space.

    Attributes:
        objective: `edp`, `energy` or `delay`.
        value: The mapping's value of it (J * cycles, J or cycles).
        optimal: Whether every mapping that could be better was evaluated.
        seconds: Time that the search took.
        space: Ways to deal the dimensions, times ways to keep data spaces.
        evaluated: Mappings evaluated.
        pruned: Ways to deal the dimensions left out, by reason.
        bound: A value that no mapping can be better than.
        padding: Dimension -> its size and the padded size.
        seed: What the random numbers started from.
        algorithm: timeloop-mapper's algorithm, when that searched.
        broken_constraints: Constraints that timeloop-mapper's mapping does not obey.
    """

    objective: str
    value: float
    optimal: bool
    seconds: float
    space: int | None = None
    evaluated: int | None = None
    pruned: Mapping[str, int] = field(default_factory=dict)
    bound: float | None = None
    padding: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    seed: int | None = None
    algorithm: str | None = None
    broken_constraints: tuple[str, ...] = ()

    @property
    def gap(self) -> float | None:
        """By how much the value may exceed the best one, as a share of it, where that is known."""
        return self.value / self.bound - 1 if self.bound else None

    def as_dict(self) -> dict[str, Any]:
        """Return the form of the key `search` of `red_timeloop.search`."""
        found = {
            "objective": self.objective,
            "value": self.value,
            "optimal": self.optimal,
            "space": self.space,
            "evaluated": self.evaluated,
            "pruned": dict(self.pruned),
            "bound": self.bound,
            "gap": self.gap,
            "padding": {name: list(sizes) for name, sizes in self.padding.items()},
            "wall_s": self.seconds,
            "seed": self.seed,
        }
        if self.algorithm is not None:
            found["algorithm"] = self.algorithm
            found["broken_constraints"] = list(self.broken_constraints)
        return found
