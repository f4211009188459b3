"""What every component model offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from red_timeloop.circuit import Circuit
from red_timeloop.components import technology
from red_timeloop.components.attributes import within

__all__ = ["STAGES", "STEP_STAGES", "Component", "plain"]

# The parts of a step, each pulse in turn; their times are those of `timing.StepTime`.
STEP_STAGES = ("drive", "settle", "convert", "accumulate")
# What a component's energy is spent on: a part of a step; reading and writing memories; digital
# arithmetic in place of a crossbar.
STAGES = (*STEP_STAGES, "store", "compute")


@dataclass(frozen=True)
class Component:
    """A circuit that Timeloop counts the actions of.

    Energies are those of ONE Timeloop action; they include every physical event it stands for.
    Energies, areas, powers and times are numbers, or arrays where the circuit (or the length of a
    cycle) holds arrays: one model prices a whole sweep.

    Attributes:
        circuit: The circuit numbers.
        global_cycle_seconds: Length of one Timeloop cycle [s], which is one step of a design:
            the time that a `leak` action leaks.
        read_share: Share of the reads that Timeloop counts that happen; the others are of
            points that a dense loop nest has and the layer has not (inserted zeros, borders,
            channels added to fill a tile). Their energy is spread over all reads.
        write_share: The same for writes.
        update_share: The same for updates; above 1 where several happen for one that is counted.
    """

    circuit: Circuit
    global_cycle_seconds: float = field(default=1e-9, kw_only=True, metadata=within(0, 1))
    read_share: float = field(default=1.0, kw_only=True, metadata=within(0, 1))
    write_share: float = field(default=1.0, kw_only=True, metadata=within(0, 1))
    update_share: float = field(default=1.0, kw_only=True, metadata=within(0, 1e6))

    actions: ClassVar[tuple[str, ...]] = ("read", "write", "update", "leak")
    gated: ClassVar[tuple[str, ...]] = ()  # further ones, where a level gates what meets a zero
    stage: ClassVar[str] = "store"

    def energy(self, action: str) -> Any:
        """Return the mean energy [J] of one action; ValueError when there is no such action."""
        shares = {"read": self.read_share, "write": self.write_share, "update": self.update_share}
        return plain(self.action_energy(action) * shares.get(action, 1.0))

    def action_energy(self, action: str) -> Any:
        """Return the energy [J] of one action that happens; ValueError when there is none."""
        return self.idle(action)

    def idle(self, action: str) -> Any:
        """Return the energy [J] of the actions without work of their own: leakage, else 0."""
        if action not in (*self.actions, *self.gated):
            raise ValueError(f"{type(self).__name__} has no action {action!r}: {self.actions}")
        return self.leakage_power * self.global_cycle_seconds if action == "leak" else 0.0

    @property
    def parts(self) -> Mapping[str, Any]:
        """What one pulse takes, energies [J] by physical event; none for what knows no pulses."""
        return {}

    @property
    def area(self) -> Any:
        """Area [m^2] of one instance."""
        return 0.0

    @property
    def leaking_area(self) -> Any:
        """Area [m^2] of one instance whose logic leaks: all of it, unless a part says less."""
        return self.area

    @property
    def leakage_power(self) -> Any:
        """Leakage [W] of one instance: that of logic in its leaking area."""
        return technology.leakage_power(self.leaking_area, self.circuit)

    @property
    def latency(self) -> Any:
        """Time [s] that one pulse spends here, in this component's stage.

        `timing.step_time` adds up what the components of a stage say. 0 for what works beside the
        pulses: memories, registers, arithmetic in place of a crossbar.
        """
        return 0.0


def plain(value: Any) -> Any:
    """Return a number as a Python float; an array as it is.

    >>> plain(np.float64(0.5))
    0.5
    """
    return value if type(value) is float or np.ndim(value) else float(value)
