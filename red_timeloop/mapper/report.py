"""What a search says of the mapping that it found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from red_timeloop.mapper.exact.goals import Claim
from red_timeloop.spec import types as spec

__all__ = ["FrontPoint", "SearchReport"]


@dataclass(frozen=True)
class FrontPoint:
    """A mapping of the front of energy and delay: J, cycles, and the mapping."""

    energy: float
    cycles: int
    mapping: spec.Mapping


@dataclass(frozen=True)
class SearchReport:
    """The certificate of a search; timeloop-mapper gives no numbers of its space.

    Attributes:
        objective: `edp`, `energy`, `delay` or `pareto`.
        value: The mapping's value of it (J * cycles, J or cycles).
        optimal: Whether no mapping is better (by more than 1e-9 of the value).
        seconds: Time that the search took.
        space: Ways to deal the dimensions, times ways to keep data spaces.
        evaluated: Mappings evaluated.
        parts: Parts of the space that the exact search told apart.
        pruned: Parts without a better mapping, by what showed it.
        bound: A value that no mapping can be better than.
        padding: Dimension -> its size and the padded size.
        scale: Factor on the energy in `value`: above 1 for an imperfect mapping of which Timeloop
            counts too few computes.
        seed: What the random numbers started from.
        algorithm: timeloop-mapper's algorithm, when that searched.
        broken_constraints: Constraints that timeloop-mapper's mapping does not obey.
        front: Of `pareto`: the mappings than which none has less energy and no more cycles, least
            energy first.
        left: Of `pareto`: J and cycles that any further mapping of the front spends at least, one
            pair for each part of the space that was not gone through.
        claims: What is claimed of the parts of the space, for `check`; None where nothing is.
        differences: Where timeloop-model gives other numbers than the result; None where it was not
            asked.
    """

    objective: str
    value: float
    optimal: bool
    seconds: float
    space: int | None = None
    evaluated: int | None = None
    parts: int = 0
    pruned: Mapping[str, int] = field(default_factory=dict)
    bound: float | None = None
    padding: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    seed: int | None = None
    algorithm: str | None = None
    broken_constraints: tuple[str, ...] = ()
    front: tuple[FrontPoint, ...] = ()
    left: tuple[tuple[float, float], ...] = ()
    claims: tuple[Claim, ...] | None = None
    differences: tuple[str, ...] | None = None
    scale: float = 1.0

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
            "parts": self.parts,
            "evaluated": self.evaluated,
            "pruned": dict(self.pruned),
            "bound": self.bound,
            "gap": self.gap,
            "padding": {name: list(sizes) for name, sizes in self.padding.items()},
            "scale": self.scale,
            "wall_s": self.seconds,
            "seed": self.seed,
        }
        if self.objective == "pareto":
            found["front"] = [
                {"energy_J": each.energy, "cycles": each.cycles, **asdict(each.mapping)}
                for each in self.front
            ]
            found["left"] = [list(corner) for corner in self.left]
        if self.differences is not None:
            found["timeloop_model"] = {"differences": list(self.differences)}
        if self.algorithm is not None:
            found["algorithm"] = self.algorithm
            found["broken_constraints"] = list(self.broken_constraints)
        return found
