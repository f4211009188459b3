"""How far each parameter moves a modelled figure: a tornado over the published spreads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from red_timeloop.hardware import Hardware

__all__ = ["ARCHITECTURE", "Bar", "tornado"]

# What published ReRAM accelerators choose for the numbers of the architecture. Crossbars of 64 to
# 512 lines, 1 to 4 bits a cell: the survey in Roy et al., "In-memory computing in emerging memory
# technologies for machine learning", DAC 2020. Exact converters and unpipelined reads: Chen, Peng
# and Yu, NeuroSim, TCAD 2018. Zeros stored, driven and read like any input: what a design without
# support for transposed convolutions does, and an evaluation that knows no activity.
ARCHITECTURE: tuple[tuple[str, Mapping[str, Any], Mapping[str, Any]], ...] = (
    ("rows", {"rows": 64}, {"rows": 512}),
    ("cell_bits", {"cell_bits": 1}, {"cell_bits": 4}),
    ("adc_bits", {"adc_bits": 6}, {"adc_bits": None}),
    ("pipeline", {"pipeline": "none"}, {"pipeline": "full"}),
    ("word_lines", {"word_lines": "separate"}, {"word_lines": "joined"}),
    ("zeros_stored", {"zeros_stored": False}, {"zeros_stored": True}),
    ("zero_aware", {"zero_aware": True}, {"zero_aware": False}),
)

# The modelled figures, by name: numbers, or arrays where the set's circuit holds arrays.
Figures = Mapping[Any, Any]


@dataclass(frozen=True)
class Bar:
    """What one parameter does to one end of a figure's range.

    Attributes:
        parameter: Name of the parameter.
        low: The parameter's lower published value, as text.
        high: The upper one.
        at_low: The figure there, the ratio of a rival to RED in time or energy.
        at_high: The figure at the upper value.
    """

    parameter: str
    low: str
    high: str
    at_low: float
    at_high: float

    @property
    def swing(self) -> float:
        """How far the parameter moves the ratio, as a logarithm: the scale of all figures."""
        return abs(math.log(self.at_high / self.at_low))

    @property
    def factor(self) -> float:
        """The same as a factor, 1 or more."""
        return math.exp(self.swing)


def tornado(
    evaluate: Callable[[Hardware], Figures], hardware: Hardware
) -> dict[Any, tuple[Bar, ...]]:
    """Move one parameter at a time over its published spread.

    Args:
        evaluate: Returns the figures, all positive, on a parameter set.
        hardware: The parameter set that all other numbers are kept at.

    Returns:
        For each figure the bars, the widest first.
    """
    found: dict[Any, list[Bar]] = {}
    for parameter, ends, pair in _points(evaluate, hardware):
        for name in pair[0]:
            values = [float(figures[name]) for figures in pair]
            found.setdefault(name, []).append(Bar(parameter, *ends, *values))
    return {name: tuple(sorted(bars, key=lambda bar: -bar.swing)) for name, bars in found.items()}


Point = tuple[str, tuple[str, str], tuple[Figures, Figures]]


def _points(evaluate: Callable[[Hardware], Figures], hardware: Hardware) -> Iterator[Point]:
    """Yield every parameter, its two values, and the figures at them."""
    swept = evaluate(_one_at_a_time(hardware))
    for index, (name, spread) in enumerate(hardware.circuit.spreads.items()):
        low, high = (f"{value:g}" for value in spread)
        at = [
            {key: _at(value, 2 * index + side) for key, value in swept.items()} for side in (0, 1)
        ]
        yield name, (low, high), (at[0], at[1])
    for name, *sides in ARCHITECTURE:
        pair = tuple(evaluate(hardware.replace(**side)) for side in sides)
        low, high = (_text(side) for side in sides)
        yield name, (low, high), (pair[0], pair[1])


def _one_at_a_time(hardware: Hardware) -> Hardware:
    """Return the hardware with arrays: in entries 2i and 2i + 1 the i-th number is at an end."""
    circuit = hardware.circuit
    length = 2 * len(circuit.spreads)
    numbers: dict[str, Any] = {}
    for index, (name, ends) in enumerate(circuit.spreads.items()):
        values = np.full(length, getattr(circuit, name), dtype=float)
        values[2 * index : 2 * index + 2] = ends
        numbers[name] = values
    return hardware.replace(**numbers)


def _at(value: Any, index: int) -> float:
    """Return one entry of an array; a number that no parameter moves stays."""
    return float(np.ravel(value)[index]) if np.ndim(value) else float(value)


def _text(side: Mapping[str, Any]) -> str:
    return ", ".join("exact" if value is None else str(value) for value in side.values())
