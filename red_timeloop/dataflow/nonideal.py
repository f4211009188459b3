"""What real cells do: variation, stuck cells, a finite on/off ratio, voltage lost in the wires."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.errors import InputError

__all__ = ["IDEAL", "Nonidealities"]

_GRAIN = 2.0**-20  # of a level


@dataclass(frozen=True)
class Nonidealities:
    """Deviations of the cells from their ideal levels; all off by default.

    Attributes:
        variation: Sigma of the logarithm of a cell's conductance, whose median is the ideal one.
        stuck_off: Share of the cells that stay at the lowest level.
        stuck_on: Share of the cells that stay at the highest level.
        on_off_ratio: Conductance of the highest level over that of the lowest; infinite: the
            lowest conducts nothing. The offset that it adds to a column is not taken off.
        wire_resistance: Resistance of the wire from cell to cell, in units of the resistance of
            a cell at its highest level (2.5 ohm in 25 kohm: 1e-4). Word lines are driven at the
            first column, bit lines sensed at the last row.
        seed: Seed of the random numbers.

    Raises:
        InputError: A number outside its range.
    """

    variation: float = 0.0
    stuck_off: float = 0.0
    stuck_on: float = 0.0
    on_off_ratio: float = math.inf
    wire_resistance: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        limits = {
            "variation": (0.0, 10.0, "a sigma of 0 to 10"),
            "stuck_off": (0.0, 1.0, "a share of 0 to 1"),
            "stuck_on": (0.0, 1.0 - self.stuck_off, "a share, with stuck_off at most 1"),
            "on_off_ratio": (1.0 + 1e-9, math.inf, "above 1"),
            "wire_resistance": (0.0, 1.0, "0 to 1 (resistances of a cell)"),
        }
        for key, (low, high, legal) in limits.items():
            if not low <= getattr(self, key) <= high:
                raise InputError(f"got {getattr(self, key)!r}", key=key, legal=legal)
        if self.seed < 0:
            raise InputError(f"got {self.seed}", key="seed", legal="0 or more")

    @property
    def ideal(self) -> bool:
        """Whether cells are what they should be."""
        return (
            self.variation == self.stuck_off == self.stuck_on == self.wire_resistance == 0.0
            and math.isinf(self.on_off_ratio)
        )

    def conductances(
        self, levels: NDArray[Any], highest: int, random: np.random.Generator
    ) -> NDArray[Any]:
        """Return the conductance of each cell, in units of one level.

        Args:
            levels: What the cells should hold, ``[..., rows, columns]`` of a physical crossbar.
            highest: The highest level.
            random: Source of the random numbers.
        """
        held = levels.astype(np.float64)
        if self.stuck_off or self.stuck_on:
            chance = random.random(levels.shape)
            held[chance < self.stuck_off] = 0
            held[chance >= 1 - self.stuck_on] = highest
        if math.isfinite(self.on_off_ratio):
            # From off to on in equal levels, in units of a level: on - off = highest.
            held += highest / (self.on_off_ratio - 1)
        if self.variation:
            held *= np.exp(self.variation * random.standard_normal(levels.shape))
        if self.wire_resistance:
            held *= 1 - wire_loss(held / highest, self.wire_resistance)
        # No cell is programmed so finely, and sums below 2^33 levels are exact in any order.
        return np.rint(held / _GRAIN) * _GRAIN


IDEAL = Nonidealities()


def wire_loss(conductances: NDArray[Any], resistance: float) -> NDArray[Any]:
    """Return the share of the read voltage that the wires take from each cell, to first order.

    The currents are those of ideal wires with every row driven; the drop they cause along word
    lines and bit lines is the first term of the network's expansion in the wire resistance. It
    is cut at 1, where a first order says nothing any more.

    Args:
        conductances: ``[..., rows, columns]``, times the resistance's unit.
        resistance: Resistance of a wire segment.
    """
    # Segment k of a word line carries the current of the columns k, k + 1, ...
    beyond = np.flip(np.cumsum(np.flip(conductances, -1), axis=-1), -1)
    along_word_line = np.cumsum(beyond, axis=-1)
    # Segment k of a bit line, below row k, carries the current of the rows 0 .. k.
    above = np.cumsum(conductances, axis=-2)
    along_bit_line = np.flip(np.cumsum(np.flip(above, -2), axis=-2), -2)
    loss: NDArray[Any] = np.minimum(1.0, resistance * (along_word_line + along_bit_line))
    return loss
