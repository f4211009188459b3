"""What a design is: one object that owns everything that makes it itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from red_timeloop.designs.lanes import Lane, plan_lanes
from red_timeloop.designs.plan import Plan
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer

__all__ = ["CrossbarDesign", "Design"]


class Design(Protocol):
    """An accelerator that can be compared with others.

    Nothing in the package asks which design it has: it reads these attributes and calls these
    methods. Any object that has them is a design; `CrossbarDesign` and
    `red_timeloop.designs.cmos.CmosDesign` fill most of them in.
    """

    def __hash__(self) -> int:
        """Designs are kept by what they are."""

    @property
    def name(self) -> str:
        """Name in commands, files and results."""

    @property
    def summary(self) -> str:
        """What it does, in one line."""

    @property
    def label(self) -> str:
        """Name in pictures and tables for people."""

    @property
    def colour(self) -> str:
        """Colour in pictures, `#rrggbb`; empty: one that is free."""

    @property
    def architecture(self) -> Path:
        """Its Timeloop architecture."""

    @property
    def constraints(self) -> Path | None:
        """The constraints on its mappings, a Timeloop file too."""

    @property
    def assumption(self) -> str:
        """What its numbers rest on beside the parameter set, as a clause; or empty."""

    def plan(self, layer: Layer, hardware: Hardware) -> Plan:
        """Turn `layer` into the evaluations that say what it costs.

        Raises:
            InputError: The design or the hardware cannot run the layer.
        """

    def lanes(self, plan: Plan) -> tuple[Lane, ...]:
        """Return what executes `plan`; () where the design has no crossbars to execute."""

    def scaled(self, area: float) -> Design:
        """Return the design at about `area` m^2, if its size does not follow the layer."""


@dataclass(frozen=True)
class CrossbarDesign:
    """A way to run a transposed convolution on ReRAM crossbars.

    Attributes:
        name: Name in commands, files and results.
        summary: What it does, in one line.
        transposed: Maps a transposed convolution; the plan's files are filled in here.
        architecture: Its Timeloop architecture.
        constraints: The constraints on its mappings.
        ordinary: The design that runs ordinary convolutions, so that whole networks differ only
            where they should; None: `transposed` takes them too.
        label: Name in pictures; the name in words if empty.
        colour: Colour in pictures, `#rrggbb`; one that is free if empty.
        assumption: What its numbers rest on beside the parameter set, as a clause.
    """

    name: str
    summary: str
    transposed: Callable[[Any, Hardware], Plan]
    architecture: Path
    constraints: Path | None
    ordinary: Design | None
    label: str = ""
    colour: str = ""
    assumption: str = ""

    def __post_init__(self) -> None:
        # the dataclass is frozen; this is its construction
        object.__setattr__(self, "label", self.label or self.name.replace("_", " "))

    def plan(self, layer: Layer, hardware: Hardware) -> Plan:
        """Turn `layer` into the evaluations that say what it costs on this design.

        Raises:
            InputError: The hardware cannot hold the layer, or `layer` is none.
        """
        if not isinstance(layer, Layer):
            raise InputError(f"{layer!r} is not a layer", key="layer", legal="TransposedConv, Conv")
        if not layer.transposed and self.ordinary is not None:
            return self.ordinary.plan(layer, hardware)
        plan = self.transposed(layer, hardware)
        return replace(plan, architecture=self.architecture, constraints=self.constraints)

    def lanes(self, plan: Plan) -> tuple[Lane, ...]:
        """Return the lanes of the plan's parts, those of one part one after the other."""
        return plan_lanes(plan)

    def scaled(self, area: float) -> CrossbarDesign:
        """Return the design itself: its size follows the layer."""
        return self
