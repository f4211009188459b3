"""How many of the values that a nest touches are real: neither inserted zeros nor border.

Timeloop's problems are dense boxes. What a box holds beyond the layer's own pixels costs nothing
above the row drivers, which make the zeros themselves. Everything here is one axis at a time;
shares of a layer are products over its axes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["AxisReads", "share"]


@dataclass(frozen=True)
class AxisReads:
    """One axis: step j reads positions `stride * j + offset` for each of `offsets`.

    Position x holds a real pixel when `x % spacing == 0` and `0 <= x / spacing < pixels`;
    spacing > 1 describes a map with inserted zeros. What is counted here in closed form is read
    position by position when a data flow is executed (`positions`, `pixel`).

    Attributes:
        steps: Number of steps along the axis.
        offsets: Positions read in step 0, ascending, one for each tap.
        pixels: Real pixels along the axis.
        stride: Positions between steps.
        spacing: Positions between real pixels.
        tap_stride: Positions between neighbours of the box that is read (`offsets` need not
            fill it).
    """

    steps: int
    offsets: tuple[int, ...]
    pixels: int
    stride: int = 1
    spacing: int = 1
    tap_stride: int = 1

    @cached_property
    def positions(self) -> NDArray[np.int64]:
        """``[steps, taps]``: the position each step reads."""
        positions: NDArray[np.int64] = np.add.outer(
            np.arange(self.steps) * self.stride, np.array(self.offsets)
        )
        return positions

    @cached_property
    def pixel(self) -> NDArray[np.int64]:
        """``[steps, taps]``: the pixel there; `pixels`, one past the last, for a zero."""
        pixel, rest = np.divmod(self.positions, self.spacing)
        real = (rest == 0) & (pixel >= 0) & (pixel < self.pixels)
        return np.where(real, pixel, self.pixels)

    @property
    def box(self) -> int:
        """Taps of the box that holds the offsets."""
        return (self.offsets[-1] - self.offsets[0]) // self.tap_stride + 1

    @property
    def reads(self) -> int:
        """Real pixels read over all steps, each tap for itself.

        >>> AxisReads(steps=4, offsets=(-1, 0), pixels=4).reads
        7
        """
        return sum(self._real_steps(offset) for offset in self.offsets)

    @property
    def positions_read(self) -> int:
        """Positions of the box read over all steps."""
        return self.steps * self.box

    def fills(self, *, sliding: bool) -> int:
        """Return the real pixels fetched once each into a buffer that holds the box.

        Args:
            sliding: Whether the box is fetched step by step (a gap between strided boxes is then
                not fetched) or all steps at once.
        """
        low, high = self.offsets[0], self.offsets[-1]
        if sliding and self._gaps:
            return sum(
                self._real_between(low + self.stride * j, high + self.stride * j)
                for j in range(self.steps)
            )
        return self._real_between(low, high + self.stride * (self.steps - 1))

    def positions_filled(self, *, sliding: bool) -> int:
        """Return the positions that Timeloop counts for `fills`."""
        span = self.offsets[-1] - self.offsets[0] + 1
        if sliding and self._gaps:
            return span * self.steps
        return span + self.stride * (self.steps - 1)

    @property
    def _gaps(self) -> bool:
        return self.stride > self.offsets[-1] - self.offsets[0] + 1

    def _real_between(self, first: int, last: int) -> int:
        low = max(0, -(-first // self.spacing))
        high = min(self.pixels - 1, last // self.spacing)
        return max(0, high - low + 1)

    def _real_steps(self, offset: int) -> int:
        """Count the steps j in which `stride * j + offset` is a real pixel.

        Either the stride or the spacing is 1: a strided convolution reads a dense map, a
        zero-inserted map is read at stride 1.
        """
        if self.spacing == 1:
            first = max(0, -(offset // self.stride))
            last = min(self.steps - 1, (self.pixels - 1 - offset) // self.stride)
            return max(0, last - first + 1)
        return self._real_between(offset, offset + self.steps - 1)


def share(parts: Sequence[tuple[int, int]]) -> Fraction:
    """Return the product of `real / counted` over the axes, 0 where nothing is counted.

    >>> share([(7, 8), (7, 8)])
    Fraction(49, 64)
    """
    whole = math.prod(counted for _, counted in parts)
    return Fraction(math.prod(real for real, _ in parts), whole) if whole else Fraction(0)
