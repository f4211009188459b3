"""What the charts of a comparison show, as plain numbers by layer and design.

The page, the figures of a paper and `Comparison.plot` draw the same datasets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from red_timeloop.comparison import Comparison, LayerResult
from red_timeloop.components import STAGES
from red_timeloop.designs import BASELINE
from red_timeloop.designs.sizes import CrossbarSizes
from red_timeloop.units import area as area_text
from red_timeloop.units import percent, ratio, scaled

__all__ = [
    "CHARTS",
    "COMPONENT_GROUPS",
    "Chart",
    "Parts",
    "alike",
    "area",
    "component_group",
    "energy",
    "energy_parts",
    "energy_ratio",
    "format_value",
    "latency",
    "speedup",
    "time_parts",
    "use",
    "zeros",
]

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


def latency(comparison: Comparison) -> Chart:
    """Latency of one pass over each layer [s]."""
    values = {_key(r): {"": r.design_result.latency} for r in comparison.results}
    return _chart(comparison, "latency", "Latency", "s", values, "One pass over a layer's batch.")


def energy(comparison: Comparison) -> Chart:
    """Energy of one pass over each layer, programming not included [J]."""
    values = {_key(r): {"": r.design_result.energy} for r in comparison.results}
    note = "One pass over a layer's batch. Programming is not counted."
    return _chart(comparison, "energy", "Energy", "J", values, note)


def area(comparison: Comparison) -> Chart:
    """Area that holds each layer [m^2]."""
    values = {_key(r): {"": r.design_result.area} for r in comparison.results}
    return _chart(comparison, "area", "Area", "m2", values, "Area that holds a layer's weights.")


def speedup(comparison: Comparison) -> Chart:
    """Latency of zero padding over that of each design that computes anything."""
    base = {r.layer: r.design_result.latency for r in comparison.baseline}
    values = {
        _key(r): {"": base[r.layer] / r.design_result.latency}
        for r in comparison.results
        if r.layer in base and r.design_result.latency and not _is_one(r, comparison)
    }
    note = "Zero padding is 1; further right is faster."
    return _chart(comparison, "speedup", "Speedup over zero padding", "x", values, note)


def energy_ratio(comparison: Comparison) -> Chart:
    """Energy of each design over zero padding's."""
    base = {r.layer: r.design_result.energy for r in comparison.baseline}
    values = {
        _key(r): {"": r.design_result.energy / base[r.layer]}
        for r in comparison.results
        if base.get(r.layer) and not _is_one(r, comparison)
    }
    note = "Zero padding is 1; further left needs less."
    return _chart(comparison, "energy_ratio", "Energy over zero padding's", "x", values, note)


def zeros(comparison: Comparison) -> Chart:
    """Share of zeros in each transposed layer's zero-inserted input map."""
    values = {
        (entry.name, ""): {"": entry.layer.zero_redundancy}
        for entry in comparison.workload.layers
        if entry.layer.transposed
    }
    note = "Share of zeros in the map that zero padding convolves."
    return _chart(comparison, "zeros", "Zeros in the zero-inserted input", "%", values, note)


def use(comparison: Comparison) -> Chart:
    """Share of a crossbar's word lines that an activation drives, and of its columns in use.

    That of the part with the most crossbars; digital designs have none.
    """
    values: dict[tuple[str, str], Parts] = {}
    for result in comparison.results:
        parts = result.design_result.plan.parts
        sizes = max(parts, key=lambda part: part.crossbars).sizes if parts else None
        if isinstance(sizes, CrossbarSizes):
            values[_key(result)] = {
                "rows": sizes.rows_used / sizes.crossbar_rows,
                "columns": sizes.columns_used / sizes.logical_columns,
            }
    note = "Word lines that an activation drives and columns in use, of all that a crossbar has."
    title = "Rows and columns used of a crossbar"
    return _chart(comparison, "use", title, "%", values, note, "heat", ("rows", "columns"))


def energy_parts(comparison: Comparison) -> Chart:
    """Energy of each layer by component [J], beside zero padding's."""
    values = {}
    for result in comparison.results:
        parts: dict[str, float] = {}
        for name, level in result.design_result.levels.items():
            group = component_group(name)
            parts[group] = parts.get(group, 0.0) + level.energy
        values[_key(result)] = parts
    return _stacks(comparison, "energy_parts", "Where energy goes", "J", values, COMPONENT_GROUPS)


def time_parts(comparison: Comparison) -> Chart:
    """Time of each layer by what a step is doing [s], beside zero padding's."""
    values = {
        _key(result): {
            part: float(time) * result.design_result.cycles
            for part, time in result.design_result.cycle_shares.items()
        }
        for result in comparison.results
    }
    return _stacks(comparison, "time_parts", "Where time goes", "s", values, STAGES)


CHARTS = (speedup, energy_ratio, latency, time_parts, energy, energy_parts, area, use)


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
    """Return a value as a person reads it.

    >>> format_value(1.5e-6, "m2"), format_value(4.0, "x"), format_value(0.5, "%")
    ('1.50 mm2', '4.00x', '50.0 %')
    """
    if unit == "x":
        return ratio(value)
    if unit == "%":
        return percent(value)
    return area_text(value) if unit == "m2" else scaled(value, unit)


def _is_one(result: LayerResult, comparison: Comparison) -> bool:
    """Whether a result is what the others are compared with: its dots would all be alike."""
    return result.design == BASELINE.name and len(comparison.designs) > 1


def _key(result: LayerResult) -> tuple[str, str]:
    return result.layer, result.design


def _stacks(
    comparison: Comparison,
    key: str,
    title: str,
    unit: str,
    values: Mapping[tuple[str, str], Parts],
    order: Iterable[str],
) -> Chart:
    used = {part for parts in values.values() for part, value in parts.items() if value}
    every = dict.fromkeys([*order, *(part for parts in values.values() for part in parts)])
    names = tuple(part for part in every if part in used)
    note = "Bars are relative to zero padding's, which is 1."
    return _chart(comparison, key, title, unit, values, note, "stacks", names)


def _chart(
    comparison: Comparison,
    key: str,
    title: str,
    unit: str,
    values: Mapping[tuple[str, str], Parts],
    note: str,
    kind: Literal["dots", "stacks", "heat"] = "dots",
    parts: tuple[str, ...] = ("",),
) -> Chart:
    labels = {"": "", **comparison.labels}
    layers, designs = ({key[place] for key in values} for place in (0, 1))
    return Chart(
        key,
        title,
        note,
        kind,
        unit,
        {
            e.name: f"{e.name} \N{MULTIPLICATION SIGN}{e.repeat}" if e.repeat > 1 else e.name
            for e in comparison.workload.layers
            if e.name in layers
        },
        {name: labels[name] for name in ("", *comparison.designs) if name in designs},
        parts,
        values,
        comparison.colours,
    )
