"""Integers for the crossbars: by calibration, or as the model itself says.

Activations have one scale a tensor: unsigned where calibration sees nothing negative, else signed
and symmetric. Weights have one a channel, signed and symmetric. A sum of the crossbars stands for
``float32(sum) * (scale * weight scale) + bias``, computed in single precision in this order.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.dataflow.direct import convolve
from red_timeloop.errors import InputError, shown
from red_timeloop.layer import Layer
from red_timeloop.networks.operators import Operator

__all__ = ["Range", "Scheme", "observe", "scheme"]


@dataclass(frozen=True)
class Range:
    """What calibration has seen of a tensor: the least value, and the largest magnitude."""

    least: float = 0.0
    largest: float = 0.0


def observe(seen: Range, values: NDArray[Any], percentile: float, name: str) -> Range:
    """Return what is known after `values` ``[N, ...]`` too.

    Args:
        seen: What was known before.
        values: Some images.
        percentile: Of an image's magnitudes, the one that counts as its largest; 100 for the
            largest itself. The largest of all images is kept, whatever batches they come in.
        name: Name of the tensor.

    Raises:
        InputError: A value is infinite or no number.
    """
    if not np.isfinite(values).all():
        raise InputError(f"{shown(name)} has values that are not finite", key="calibration")
    images = np.abs(values.reshape(len(values) if values.ndim else 1, -1))
    if not images.size:
        return seen
    if percentile < 100:
        largest = float(np.percentile(images, percentile, axis=1).max())
    else:
        largest = float(images.max())
    return Range(min(seen.least, float(values.min())), max(seen.largest, largest))


@dataclass(frozen=True)
class Scheme:
    """The integers of one operator.

    Attributes:
        by: Who says them: `calibration` or `model`.
        input_bits: Bits of an input.
        low: The least input.
        high: The largest.
        scale: What one unit of an input stands for.
        zero_point: The input that stands for zero.
        weight_bits: Bits of a weight.
        weights: As the layer takes them.
        weight_scales: ``[C_out]``: what one unit of a weight stands for.
    """

    by: str
    input_bits: int
    low: int
    high: int
    scale: np.float32
    zero_point: int
    weight_bits: int
    weights: NDArray[np.int64]
    weight_scales: NDArray[np.float32]

    def integers(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """Return inputs as integers: those of the model, or rounded (halves to even) and cut."""
        if self.by == "model":
            return values.astype(np.int64)
        return np.clip(np.rint(values / self.scale), self.low, self.high).astype(np.int64)

    def real(self, sums: NDArray[np.int64], operator: Operator) -> NDArray[np.float32]:
        """Return what sums ``[N, C_out, ...]`` stand for, without the bias."""
        scales = self.scale * self.weight_scales * np.float32(operator.factor)
        real: NDArray[np.float32] = sums.astype(np.float32)
        real *= scales.reshape(-1, *[1] * (sums.ndim - 2))
        return real

    def offset(self, layer: Layer) -> NDArray[np.int64] | int:
        """Return what the zero point adds to every output: not the same at a border."""
        if not self.zero_point:
            return 0
        sizes = {field.name: getattr(layer, field.name) for field in fields(layer)}
        one = type(layer)(**{**sizes, "batch": 1})
        return self.zero_point * convolve(one, np.ones(one.input_shape, np.int64), self.weights)


def scheme(operator: Operator, seen: Range, input_bits: int, weight_bits: int) -> Scheme:
    """Return the integers of an operator: the model's own, or those for inputs as `seen`.

    Args:
        operator: The operator.
        seen: The range of its inputs; it says nothing where the model does.
        input_bits: Bits of an input that is calibrated.
        weight_bits: Bits of a weight that is.
    """
    own = operator.quantized
    if own is not None:
        least, most = int(own.weights.min(initial=0)), int(own.weights.max(initial=0))
        fits = max(8, 1 + max(most, -least - 1).bit_length())
        return Scheme(
            by="model",
            input_bits=own.bits,
            low=0,
            high=0,
            scale=own.scale,
            zero_point=own.zero_point,
            weight_bits=fits,
            weights=own.weights,
            weight_scales=own.weight_scales,
        )
    signed = seen.least < 0
    high = (1 << (input_bits - signed)) - 1
    top = (1 << (weight_bits - 1)) - 1
    largest = operator.largest
    scales = np.where(largest > 0, largest / top, 1).astype(np.float32)
    ratio = np.rint(operator.weights / operator.by_channel(scales))
    return Scheme(
        by="calibration",
        input_bits=input_bits,
        low=-high - 1 if signed else 0,
        high=high,
        scale=np.float32(seen.largest / high) if seen.largest > 0 else np.float32(1),
        zero_point=0,
        weight_bits=weight_bits,
        weights=np.clip(ratio, -top, top).astype(np.int64),
        weight_scales=scales,
    )
