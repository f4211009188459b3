"""Numbers on a crossbar: weights as cells, inputs as pulses.

Offset encoding biases weights by 2^(bits - 1) so that cells hold no negative number; the bias times
the sum of the inputs is taken off digitally (ISAAC, Shafiee et al., ISCA 2016, section V). Two's
complement gives the sign bit a column of its own, which is subtracted. Inputs are driven bit by
bit, or `dac_bits` at once; the pulse of a sign bit is subtracted (ISAAC, section V).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware

__all__ = ["InputCode", "WeightCode", "input_code", "narrow", "require_width"]

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class WeightCode:
    """How a weight is written into cells that lie side by side in a row.

    Attributes:
        bits: Bits of a weight, which is signed.
        cell_bits: Bits of a cell.
        encoding: `offset` or `twos_complement`.

    >>> code = WeightCode(bits=8, cell_bits=2, encoding="offset")
    >>> code.cells(np.array([-128, 0, 127])).tolist()
    [[0, 0, 0, 0], [0, 0, 0, 2], [3, 3, 3, 3]]
    >>> (code.cells(np.array([-5])) @ code.places - code.bias).tolist()
    [-5]
    """

    bits: int
    cell_bits: int
    encoding: str

    @property
    def bias(self) -> int:
        """What the cells hold too much."""
        return 1 << (self.bits - 1) if self.encoding == "offset" else 0

    @property
    def places(self) -> Integers:
        """The place value of each cell."""
        held = self.bits if self.encoding == "offset" else self.bits - 1
        values = [1 << low for low in range(0, held, self.cell_bits)]
        if self.encoding == "twos_complement":
            values.append(-(1 << (self.bits - 1)))
        return np.array(values, np.int64)

    def cells(self, weights: NDArray[Any]) -> NDArray[Any]:
        """Return ``[*weights.shape, cells]``, least significant cell first, in the same type."""
        stored = weights + self.bias
        held = self.bits if self.encoding == "offset" else self.bits - 1
        stored = stored & ((1 << held) - 1)
        mask = (1 << self.cell_bits) - 1
        columns = [(stored >> low) & mask for low in range(0, held, self.cell_bits)]
        if self.encoding == "twos_complement":
            columns.append((weights < 0).astype(weights.dtype))
        return np.stack(columns, axis=-1)

    def check(self, weights: NDArray[Any]) -> None:
        """Refuse weights that do not fit.

        Raises:
            InputError: Names the range of the weights and the legal one.
        """
        low, high = -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1
        _require_range(weights, low, high, "weights", f"signed, weight_bits = {self.bits}")


@dataclass(frozen=True)
class InputCode:
    """How an input value is driven: one pulse after the other, least significant first.

    Attributes:
        bits: Bits of an input.
        dac_bits: Bits of a pulse.
        signed: Whether the top bit is a sign; it then has a pulse of its own.

    >>> code = InputCode(bits=8, dac_bits=1, signed=True)
    >>> code.digits(np.array([-3]), 0).tolist(), code.digits(np.array([-3]), 7).tolist()
    ([1], [1])
    >>> code.places
    (1, 2, 4, 8, 16, 32, 64, -128)
    """

    bits: int
    dac_bits: int
    signed: bool

    @property
    def places(self) -> tuple[int, ...]:
        """The place value of each pulse."""
        values = [1 << low for low in range(0, self.bits, self.dac_bits)]
        if self.signed:
            values[-1] = -values[-1]
        return tuple(values)

    def digits(self, inputs: NDArray[Any], pulse: int) -> NDArray[Any]:
        """Return what the rows are driven with in one pulse, 0 to 2^dac_bits - 1."""
        low = pulse * self.dac_bits
        width = min(self.dac_bits, self.bits - low)  # the top pulse may have fewer bits
        digits: NDArray[Any] = (inputs >> low) & ((1 << width) - 1)
        return digits


def input_code(inputs: NDArray[Any], bits: int, dac_bits: int) -> InputCode:
    """Return the code of `inputs`: unsigned where none is negative.

    Raises:
        InputError: A value does not fit `bits`, or the sign bit would share its pulse.
    """
    signed = bool(inputs.size) and int(inputs.min()) < 0
    if not signed:
        _require_range(inputs, 0, (1 << bits) - 1, "inputs", f"unsigned, input_bits = {bits}")
        return InputCode(bits, dac_bits, False)
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    _require_range(inputs, low, high, "inputs", f"signed, input_bits = {bits}")
    if (bits - 1) % dac_bits:
        raise InputError(
            f"negative inputs of {bits} bits, {dac_bits} bits a pulse: the sign bit needs a pulse "
            "of its own",
            key="inputs",
            legal=f"values of 0 to {(1 << bits) - 1}, or a dac_bits that divides {bits - 1}",
        )
    return InputCode(bits, dac_bits, True)


def narrow(values: Integers, bits: int) -> NDArray[Any]:
    """Return integers of `bits`, signed or not, in the narrowest type that also holds a bias."""
    return values.astype(np.int16 if bits < 15 else np.int32 if bits < 31 else np.int64)


def require_width(hardware: Hardware, input_bits: int, weight_bits: int, products: int) -> None:
    """Refuse sums that double precision, in which everything is added, does not hold exactly.

    Raises:
        InputError: Names the bits of the sum.
    """
    bits = input_bits + weight_bits + max(1, products).bit_length()
    widest = hardware.cell_bits + hardware.dac_bits + max(1, products).bit_length()
    if max(bits, widest) > 52:
        raise InputError(
            f"sums of {products} products of {input_bits} by {weight_bits} bits take "
            f"{max(bits, widest)} bits",
            key="input_bits, weight_bits",
            legal="sums of at most 52 bits",
        )


def _require_range(values: NDArray[Any], low: int, high: int, key: str, what: str) -> None:
    if values.size and (int(values.min()) < low or int(values.max()) > high):
        raise InputError(
            f"values from {int(values.min())} to {int(values.max())} do not fit ({what})",
            key=key,
            legal=f"{low} to {high}",
        )
