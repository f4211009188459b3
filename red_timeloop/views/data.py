"""What the charts of a comparison show, as plain numbers by layer and design.

The page, the figures of a paper and `Comparison.plot` draw the same datasets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from red_timeloop.comparison import Comparison
from red_timeloop.components import STAGES
from red_timeloop.designs import BASELINE
from red_timeloop.designs.result import DesignResult
from red_timeloop.designs.sizes import CrossbarSizes
from red_timeloop.units import area as area_text
from red_timeloop.units import percent, ratio, scaled

__all__ = ["CHARTS", "COMPONENT_GROUPS", "Chart", "Parts", "alike", "chart", "format_value"]

_LOG_FROM = 50  # largest over smallest value from which a logarithmic axis is easier to read

# Levels of the shipped architectures, gathered into what a reader asks about.
COMPONENT_GROUPS: dict[str, tuple[str, ...]] = {
    "converters": ("adc",),
    "row drivers": ("row_driver",),
    "cells": ("cell",),
    "array periphery": ("array",),
    "adders": ("shift_add", "adder", "output_register", "overlap_adder"),
    "buffers": ("edram", "input_buffer", "output_buffer", "global_buffer"),
    "DRAM": ("dram",),
    "processing elements": (
        "mac",
        "input_spad",
        "filter_spad",
        "sum_spad",
        "weight_buffer",
        "weight_register",
        "accumulation_buffer",
    ),
}

# title, unit and note of each chart, in the order of a page
_RELATIVE = "Bars are relative to zero padding's, which is 1."
_WORDS = {
    "speedup": ("Speedup over zero padding", "x", "Zero padding is 1; more is faster."),
    "energy_ratio": ("Energy over zero padding's", "x", "Zero padding is 1; less is better."),
    "latency": ("Latency", "s", "One pass over a layer's batch."),
    "time_parts": ("Where time goes", "s", _RELATIVE),
    "energy": ("Energy", "J", "One pass over a layer's batch. Programming is not counted."),
    "energy_parts": ("Where energy goes", "J", _RELATIVE),
    "area": ("Area", "m2", "Area that holds a layer's weights."),
    "use": ("Rows and columns used of a crossbar", "%", "Of rows, those driven at once."),
    "zeros": ("Zeros in the zero-inserted input", "%", "Of the map that zero padding convolves."),
}
_PARTS: dict[str, Iterable[str]] = {"time_parts": STAGES, "energy_parts": COMPONENT_GROUPS}
CHARTS = tuple(_WORDS)[:-1]  # those of designs

Parts = Mapping[str, float]


@dataclass(frozen=True)
class Chart:
    """One number, or parts of a whole, for each layer and design.

    Attributes:
        key: Name in ids and file names.
        title: What the chart shows.
        note: What a reader should know.
        kind: How it is drawn: `dots`, one a design; `stacks` of parts, relative to zero padding's
            whole within each layer; `heat`, one cell a part.
        unit: SI unit of the values; `x` for a factor, `%` for a share of 1.
        layers: How the layers are printed, by name, in the order of the workload.
        designs: How the designs are printed, by name, in the order they were asked for; one without
            a name for values of the layer itself.
        parts: Names of the parts, in the order they are stacked; one without a name for dots.
        values: Parts by (layer, design); what was not run is missing.
        colours: Colours that designs have of their own.
    """

    key: str
    title: str
    note: str
    kind: Literal["dots", "stacks", "heat"]
    unit: str
    layers: Mapping[str, str]
    designs: Mapping[str, str]
    parts: tuple[str, ...]
    values: Mapping[tuple[str, str], Parts]
    colours: Mapping[str, str]

    @property
    def logarithmic(self) -> bool:
        """Whether dots span so much that their axis is logarithmic; no factor has a zero."""
        found = [self.whole(*key) for key in self.values]
        if not found or min(found) <= 0:
            return False
        return self.unit == "x" or max(found) / min(found) >= _LOG_FROM

    def whole(self, layer: str, design: str) -> float:
        """Return the sum of the parts."""
        return sum(self.values[layer, design].values())

    def scale(self, layer: str) -> float:
        """Return what the parts of a layer are divided by: zero padding's whole, or the largest."""
        if (layer, BASELINE.name) in self.values:
            whole = self.whole(layer, BASELINE.name)
        else:
            whole = max(self.whole(*key) for key in self.values if key[0] == layer)
        return whole or 1.0


def chart(comparison: Comparison, key: str) -> Chart:
    """Return a chart of `CHARTS`, or `zeros`: those of the zero-inserted map, by layer."""
    values: dict[tuple[str, str], Parts] = {}
    title, unit, note = _WORDS[key]
    for result in comparison.results:
        if unit == "x" and result.design == BASELINE.name and len(comparison.designs) > 1:
            continue  # what the others are compared with: its dots would all be alike
        place = result.layer, result.design
        parts = _values(key, result.design_result, comparison.against.get(place))
        if parts:
            values[place] = parts
    if key == "zeros":
        layers = (entry for entry in comparison.workload.layers if entry.layer.transposed)
        values = {(e.name, ""): {"": e.layer.zero_redundancy} for e in layers}
    used = {part for parts in values.values() for part, value in parts.items() if value}
    every = dict.fromkeys([*_PARTS.get(key, ()), *(p for parts in values.values() for p in parts)])
    labels, shown = {"": "", **comparison.labels}, {design for _, design in values}
    return Chart(
        key,
        title,
        note,
        "heat" if key == "use" else "stacks" if key in _PARTS else "dots",
        unit,
        {
            e.name: f"{e.name} \N{MULTIPLICATION SIGN}{e.repeat}" if e.repeat > 1 else e.name
            for e in comparison.workload.layers
            if any(layer == e.name for layer, _ in values)
        },
        {design: labels[design] for design in ("", *comparison.designs) if design in shown},
        tuple(part for part in every if part in used or key not in _PARTS),
        values,
        comparison.colours,
    )


def _values(key: str, own: DesignResult, against: tuple[float, float] | None) -> Parts:
    """Return what a chart shows of a result, also `Comparison.against`; nothing if it has none."""
    if key in ("latency", "energy", "area"):
        return {"": getattr(own, key)}
    if key in ("speedup", "energy_ratio"):
        value = against[key == "energy_ratio"] if against else math.inf
        return {"": value} if math.isfinite(value) else {}
    if key == "time_parts":
        return {part: float(time) * own.cycles for part, time in own.cycle_shares.items()}
    if key == "use":
        parts = own.plan.parts
        sizes = max(parts, key=lambda part: part.crossbars).sizes if parts else None
        if not isinstance(sizes, CrossbarSizes):
            return {}
        columns = sizes.columns_used * sizes.weight_slices / sizes.crossbar_columns
        return {"rows": sizes.rows_used / sizes.crossbar_rows, "columns": columns}
    groups: dict[str, float] = {}
    for name, level in own.levels.items() if key == "energy_parts" else ():
        group = component_group(name)
        groups[group] = groups.get(group, 0.0) + level.energy
    return groups


def alike(comparison: Comparison) -> frozenset[str]:
    """Return the convolutions on which all designs need the same time, energy and area."""
    measures: dict[str, list[tuple[float, ...]]] = {}
    for result in comparison.results:
        if not result.entry.layer.transposed:
            own = result.design_result
            measures.setdefault(result.layer, []).append((own.latency, own.energy, own.area))
    return frozenset(
        layer
        for layer, found in measures.items()
        if len(found) == len(comparison.designs) > 1
        and all(map(math.isclose, found[0] * len(found), (v for each in found for v in each)))
    )


def component_group(name: str) -> str:
    """Return the group that a level belongs to, or its own name in words.

    >>> component_group("adc"), component_group("line_buffer")
    ('converters', 'line buffer')
    """
    for group, names in COMPONENT_GROUPS.items():
        if name in names:
            return group
    return name.replace("_", " ")


def format_value(value: float, unit: str) -> str:
    """Return a value as a person reads it, a number of things in the unit `n`.

    >>> format_value(1.5e-6, "m2"), format_value(4.0, "x"), format_value(0.5, "%")
    ('1.50 mm2', '4.00x', '50.0 %')
    """
    if unit == "n":
        return f"{value:,}"
    if unit == "x":
        return ratio(value)
    if unit == "%":
        return percent(value)
    return area_text(value) if unit == "m2" else scaled(value, unit)
