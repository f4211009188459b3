"""A component model of one's own: the adder that puts a bias on every output."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from red_timeloop.components import Component, within
from red_timeloop.components.digital import adder_area, adder_delay, adder_energy

__all__ = ["BiasAdder"]


@dataclass(frozen=True)
class BiasAdder(Component):
    """Adds a bias to each output. An `update` in Timeloop is one output.

    The adder is that of Horowitz, ISSCC 2014, as `red_timeloop.components.digital` scales it.

    Attributes:
        width: Bits of the sum.
        lanes: Adders side by side, 64 at most.
    """

    stage = "accumulate"

    width: int
    lanes: int = field(default=1, metadata=within(1, 64))

    def action_energy(self, action: str) -> Any:
        """Return the energy [J]: an update is one addition."""
        if action != "update":
            return self.idle(action)
        return adder_energy(self.width, self.circuit)

    @property
    def area(self) -> Any:
        """Area [m^2] of all lanes; they leak."""
        return self.lanes * adder_area(self.width, self.circuit)

    @property
    def latency(self) -> Any:
        """Time [s] of one addition; the lanes work at the same time."""
        return adder_delay(self.width, self.circuit)
