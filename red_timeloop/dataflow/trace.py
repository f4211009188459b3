"""What a simulation hands back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer

__all__ = ["Deviation", "Trace", "decibels", "deviation"]


@dataclass(frozen=True)
class Deviation:
    """How far outputs are from the exact ones.

    Attributes:
        max: Largest absolute difference.
        rms: Root of the mean squared difference.
        sqnr_db: Signal to quantization noise ratio in dB; infinite without a difference.
    """

    max: int
    rms: float
    sqnr_db: float

    @property
    def exact(self) -> bool:
        """Whether there is no difference at all."""
        return self.max == 0


@dataclass(frozen=True)
class Trace:
    """A layer run on a design, step by step.

    Attributes:
        design: Name of the design.
        layer: The layer.
        hardware: The parameter set.
        outputs: ``[N, C_out, *output_size]``, int64.
        error: The difference from the exact result.
        counts: Events by name; `red_timeloop.dataflow.events.EVENTS` says what each one is.
    """

    design: str
    layer: Layer
    hardware: Hardware
    outputs: NDArray[np.int64]
    error: Deviation
    counts: Mapping[str, int]


def deviation(outputs: NDArray[Any], exact: NDArray[Any]) -> Deviation:
    """Compare `outputs` with the `exact` ones.

    >>> deviation(np.array([3, 4]), np.array([3, 3])).sqnr_db
    12.552725051033061
    """
    difference = outputs.astype(np.float64) - exact
    noise = float(np.square(difference).sum())
    signal = float(np.square(exact.astype(np.float64)).sum())
    return Deviation(
        max=int(np.abs(difference).max(initial=0)),
        rms=math.sqrt(noise / max(1, difference.size)),
        sqnr_db=decibels(signal, noise),
    )


def decibels(signal: float, noise: float) -> float:
    """Return the ratio of two energies in dB; infinite where there is no noise."""
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf
