"""How far each parameter moves a modelled figure: a tornado over the published spreads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from red_timeloop.hardware import Hardware
from red_timeloop.reproduction.variants import Ratios

__all__ = ["ARCHITECTURE", "Bar", "tornado"]

# What published ReRAM accelerators choose for the numbers of the architecture. Crossbars of 64 to
# 512 lines, 1 to 4 bits a cell: the survey in Roy et al., "In-memory computing in emerging memory
# technologies for machine learning", DAC 2020. Exact converters and unpipelined reads: Chen, Peng
# and Yu, NeuroSim, TCAD 2018. Zeros stored like any input: what a design without support for
# transposed convolutions does.
ARCHITECTURE: tuple[tuple[str, Mapping[str, Any], Mapping[str, Any]], ...] = (
    ("rows, columns", {"rows": 64, "columns": 64}, {"rows": 512, "columns": 512}),
    ("cell_bits", {"cell_bits": 1}, {"cell_bits": 4}),
    ("adc_bits", {"adc_bits": 6}, {"adc_bits": None}),
    ("pipeline", {"pipeline": "none"}, {"pipeline": "full"}),
    ("zeros_stored", {"zeros_stored": False}, {"zeros_stored": True}),
)

Figure = Callable[[tuple[Ratios, ...]], Any]


@dataclass(frozen=True)
class Bar:
    """What one parameter does to one end of a figure's range.

    Attributes:
        parameter: Name of the parameter.
        low: The parameter's lower published value, as text.
        high: The upper one.
        at_low: The figure there.
        at_high: The figure at the upper value.
    """

    parameter: str
    low: str
    high: str
    at_low: float
    at_high: float

    @property
    def swing(self) -> float:
        """Distance between the figure at the two ends."""
        return abs(self.at_high - self.at_low)


def tornado(
    evaluate: Callable[[Hardware], tuple[Ratios, ...]],
    hardware: Hardware,
    figures: Mapping[str, Figure],
) -> dict[str, tuple[Bar, ...]]:
    """Move one parameter at a time over its published spread.

    Args:
        evaluate: Returns RED against its rivals on a parameter set; its numbers are arrays where
            the set's circuit holds arrays.
        hardware: The parameter set that all other numbers are kept at.
        figures: Functions of those ratios, by name.

    Returns:
        For each figure the bars, the widest first.
    """
    found: dict[str, list[Bar]] = {name: [] for name in figures}
    for parameter, ends, pair in _points(evaluate, hardware):
        for name, figure in figures.items():
            values = [float(figure(ratios)) for ratios in pair]
            found[name].append(Bar(parameter, *ends, *values))
    return {name: tuple(sorted(bars, key=lambda bar: -bar.swing)) for name, bars in found.items()}


Point = tuple[str, tuple[str, str], tuple[tuple[Ratios, ...], tuple[Ratios, ...]]]


def _points(
    evaluate: Callable[[Hardware], tuple[Ratios, ...]], hardware: Hardware
) -> Iterator[Point]:
    """Yield every parameter, its two values, and the ratios at them."""
    swept = evaluate(_one_at_a_time(hardware))
    for index, (name, spread) in enumerate(hardware.circuit.spreads.items()):
        low, high = (f"{value:g}" for value in spread)
        pair = tuple(tuple(_at(ratio, 2 * index + side) for ratio in swept) for side in (0, 1))
        yield name, (low, high), (pair[0], pair[1])
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


def _at(ratio: Ratios, index: int) -> Ratios:
    """Return one entry of ratios that are arrays; a number that no parameter moves stays."""
    speedup, efficiency = (
        float(np.ravel(value)[index]) if np.ndim(value) else float(value)
        for value in (ratio.speedup, ratio.efficiency)
    )
    return Ratios(ratio.name, speedup, efficiency)


def _text(side: Mapping[str, Any]) -> str:
    return ", ".join("exact" if value is None else str(value) for value in side.values())
