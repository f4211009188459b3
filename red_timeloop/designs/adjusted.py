"""A design under some numbers of its own, beside others under those of the set they share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from red_timeloop.designs.design import Design
from red_timeloop.designs.lanes import Lane
from red_timeloop.designs.plan import Plan
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer

__all__ = ["Adjusted"]


@dataclass(frozen=True)
class Adjusted:
    """A design with numbers of the parameter set that hold for it alone.

    Attributes:
        inner: The design.
        changes: Key and value of each number, as `Hardware.replace` takes them.
        said: The same as a person wrote it.
    """

    inner: Design
    changes: tuple[tuple[str, Any], ...]
    said: str

    def __post_init__(self) -> None:
        Hardware().replace(**dict(self.changes))  # what is not legal is said before anything runs

    @property
    def name(self) -> str:
        """Name in commands, files and results."""
        return f"{self.inner.name}:{self.said}"

    @property
    def summary(self) -> str:
        """What it does, in one line."""
        return f"{self.inner.summary}; {self.said}"

    @property
    def label(self) -> str:
        """Name in pictures and tables for people."""
        return f"{self.inner.label}, {self.said.replace(',', ', ')}"

    @property
    def colour(self) -> str:
        """One that is free."""
        return ""

    @property
    def architecture(self) -> Path:
        """That of the design."""
        return self.inner.architecture

    @property
    def constraints(self) -> Path | None:
        """Those of the design."""
        return self.inner.constraints

    @property
    def assumption(self) -> str:
        """That of the design, and what is different."""
        inner = f"{self.inner.assumption} " if self.inner.assumption else ""
        return f"{inner}{self.said.replace(',', ', ')}."

    def plan(self, layer: Layer, hardware: Hardware) -> Plan:
        """Return the design's plan under these numbers.

        Raises:
            InputError: The design or the hardware cannot run the layer.
        """
        return self.inner.plan(layer, hardware.replace(**dict(self.changes)))

    def lanes(self, plan: Plan) -> tuple[Lane, ...]:
        """Return what executes `plan`."""
        return self.inner.lanes(plan)

    def scaled(self, area: float) -> Adjusted:
        """Return the design at about `area` m^2, if its size does not follow the layer."""
        return replace(self, inner=self.inner.scaled(area))
