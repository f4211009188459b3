"""The converter at the foot of a column: quantizing and saturating, or exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.errors import InputError

__all__ = ["Converter", "converter"]


@dataclass(frozen=True)
class Converter:
    """A converter with codes 0 to `levels - 1`, `step` units of cell current apart.

    A unit is the current of one cell one level up, driven by one DAC step.

    Attributes:
        step: Units of a code.
        levels: Number of codes.
        lossless: Whether every sum that ideal cells can make has a code of its own.
    """

    step: int
    levels: int
    lossless: bool

    def convert(self, sums: NDArray[Any]) -> NDArray[np.bool_]:
        """Replace column sums by what their codes stand for, in place; return which saturated.

        Halves go to the even code: whole-number sums lie on them often, and always rounding up
        would add a bias that outweighs everything else.

        >>> sums = np.array([0.0, 2.0, 5.0, 6.0, 7.0, 900.0])
        >>> int(Converter(step=4, levels=16, lossless=False).convert(sums).sum()), sums.tolist()
        (1, [0.0, 0.0, 4.0, 8.0, 8.0, 60.0])
        """
        if self.step > 1:
            sums /= self.step
        np.rint(sums, out=sums)
        saturated: NDArray[np.bool_] = sums > self.levels - 1
        np.minimum(sums, self.levels - 1, out=sums)
        if self.step > 1:
            sums *= self.step
        return saturated


def converter(adc_bits: int | None, largest: int, step: int | None = None) -> Converter:
    """Return the converter of a column whose sum is at most `largest` units.

    Without `step` the range is set to half of what the largest sum needs (in powers of two), or
    more where the bits allow it: codes above half are reached only when nearly all inputs and
    weights are large, and ISAAC's flipped encoding keeps columns below it altogether (Shafiee et
    al., ISCA 2016, section V: one bit less).

    Args:
        adc_bits: Bits of the converter; None: as many as tell all sums apart.
        largest: The largest sum, at least 1.
        step: Units of a code, if it is chosen.

    Raises:
        InputError: `step` is not a whole number from 1.

    >>> converter(8, 384), converter(4, 384).step, converter(None, 384).levels
    (Converter(step=1, levels=256, lossless=False), 16, 512)
    """
    if step is not None and (isinstance(step, bool) or not isinstance(step, int) or step < 1):
        raise InputError(f"got {step!r}", key="adc_step", legal="a whole number from 1")
    needed = max(1, largest.bit_length())
    if adc_bits is None:
        return Converter(step or 1, 1 << needed, step in (None, 1))
    if step is None:
        step = 1 << max(0, needed - 1 - adc_bits)
    levels = 1 << adc_bits
    return Converter(step, levels, step == 1 and largest < levels)
