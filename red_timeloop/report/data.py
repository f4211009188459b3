"""What the charts of a comparison show, as plain numbers: one value, or parts, per bar.

A bar is one layer on one design. Pages and figures draw the same datasets.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from red_timeloop.comparison import Comparison, LayerResult
from red_timeloop.designs import BASELINE

__all__ = [
    "COMPONENT_GROUPS",
    "Bars",
    "Stacks",
    "area",
    "component_group",
    "energy",
    "energy_parts",
    "latency",
    "saving",
    "speedup",
    "time_parts",
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

_TIME_PARTS = ("drive", "settle", "convert", "accumulate")


@dataclass(frozen=True)
class Bars:
    """One number for each layer and design.

    Attributes:
        key: Name in ids and file names.
        title: What the chart shows.
        unit: SI unit of the values; `x` for a factor, `%` for a share of 1.
        layers: Names in the order of the workload.
        designs: Names in the order they were asked for; empty for values of the layer itself.
        values: Value by (layer, design); what was not run is missing.
        labels: How the designs are printed, by name.
    """

    key: str
    title: str
    unit: str
    layers: tuple[str, ...]
    designs: tuple[str, ...]
    values: Mapping[tuple[str, str], float]
    labels: Mapping[str, str]

    @property
    def logarithmic(self) -> bool:
        """Whether the values span so much that the axis is logarithmic."""
        found = list(self.values.values())
        return bool(found) and min(found) > 0 and max(found) / min(found) >= _LOG_FROM


@dataclass(frozen=True)
class Stacks:
    """Parts of a whole for each layer and design.

    Attributes:
        key: Name in ids and file names.
        title: What the chart shows.
        unit: SI unit of the parts.
        layers: As in `Bars`.
        designs: As in `Bars`.
        parts: Names of the parts, in the order they are stacked.
        values: Parts by (layer, design).
        reference: Design whose whole is 1 on the axis, within each layer; the largest whole of
            the layer where that design was not run.
        labels: As in `Bars`.
    """

    key: str
    title: str
    unit: str
    layers: tuple[str, ...]
    designs: tuple[str, ...]
    parts: tuple[str, ...]
    values: Mapping[tuple[str, str], Mapping[str, float]]
    reference: str
    labels: Mapping[str, str]

    def whole(self, layer: str, design: str) -> float:
        """Return the sum of the parts."""
        return sum(self.values[layer, design].values())

    def scale(self, layer: str) -> float:
        """Return what the parts of a layer are divided by to be drawn."""
        if (layer, self.reference) in self.values:
            whole = self.whole(layer, self.reference)
        else:
            whole = max(self.whole(*key) for key in self.values if key[0] == layer)
        return whole or 1.0


def latency(comparison: Comparison) -> Bars:
    """Latency of one pass over each layer [s]."""
    values = {_key(r): r.design_result.latency for r in comparison.results}
    return _bars(comparison, "latency", "Latency", "s", values)


def energy(comparison: Comparison) -> Bars:
    """Energy of one pass over each layer, programming not included [J]."""
    values = {_key(r): r.design_result.energy for r in comparison.results}
    return _bars(comparison, "energy", "Energy", "J", values)


def area(comparison: Comparison) -> Bars:
    """Area that holds each layer [m^2]."""
    values = {_key(r): r.design_result.area for r in comparison.results}
    return _bars(comparison, "area", "Area", "m2", values)


def speedup(comparison: Comparison) -> Bars:
    """Latency of zero padding over that of each design that computes anything."""
    values = {
        (layer, summary.design): factor
        for summary in comparison.summary
        for layer, (factor, _) in summary.layers.items()
        if math.isfinite(factor)
    }
    return _bars(comparison, "speedup", "Speedup over zero padding", "x", values)


def saving(comparison: Comparison) -> Bars:
    """Share of zero padding's energy that each design saves; negative where it needs more."""
    values = {
        (layer, summary.design): share
        for summary in comparison.summary
        for layer, (_, share) in summary.layers.items()
    }
    return _bars(comparison, "saving", "Energy saved over zero padding", "%", values)


def zeros(comparison: Comparison) -> Bars:
    """Share of zeros in each transposed layer's zero-inserted input map."""
    values = {
        (entry.name, ""): entry.layer.zero_redundancy
        for entry in comparison.workload.layers
        if entry.layer.transposed
    }
    layers = tuple(name for name, _ in values)
    return Bars("zeros", "Zeros in the zero-inserted input", "%", layers, ("",), values, {"": ""})


def energy_parts(comparison: Comparison) -> Stacks:
    """Energy of each layer by component [J], beside zero padding's."""
    values = {}
    for result in comparison.results:
        parts: dict[str, float] = {}
        for name, joules in _energies(result).items():
            group = component_group(name)
            parts[group] = parts.get(group, 0.0) + joules
        values[_key(result)] = parts
    order = [*COMPONENT_GROUPS, *(part for parts in values.values() for part in parts)]
    used = {part for parts in values.values() for part, joules in parts.items() if joules}
    names = tuple(part for part in dict.fromkeys(order) if part in used)
    return _stacks(comparison, "energy_parts", "Where energy goes", "J", names, values)


def time_parts(comparison: Comparison) -> Stacks:
    """Time of each layer by what a step is doing [s], beside zero padding's."""
    values: dict[tuple[str, str], dict[str, float]] = {}
    for result in comparison.results:
        whole = result.design_result
        cycle = result.as_dict()["cycle_time_breakdown_s"]
        values[_key(result)] = {part: time * whole.cycles for part, time in cycle.items()}
    order = [*_TIME_PARTS, *(part for parts in values.values() for part in parts)]
    used = {part for parts in values.values() for part, time in parts.items() if time}
    names = tuple(part for part in dict.fromkeys(order) if part in used)
    return _stacks(comparison, "time_parts", "Where time goes", "s", names, values)


def component_group(name: str) -> str:
    """Return the group that a level belongs to, or its own name in words.

    >>> component_group("adc"), component_group("line_buffer")
    ('converters', 'line buffer')
    """
    for group, names in COMPONENT_GROUPS.items():
        if name in names:
            return group
    return name.replace("_", " ")


def _energies(result: LayerResult) -> dict[str, float]:
    breakdown: dict[str, float] = result.as_dict()["energy_breakdown_J"]
    return breakdown


def _key(result: LayerResult) -> tuple[str, str]:
    return result.layer, result.design


def _bars(
    comparison: Comparison, key: str, title: str, unit: str, values: dict[tuple[str, str], float]
) -> Bars:
    labels = {"": "", **comparison.labels}
    return Bars(key, title, unit, _layers(comparison), comparison.designs, values, labels)


def _stacks(
    comparison: Comparison,
    key: str,
    title: str,
    unit: str,
    parts: tuple[str, ...],
    values: Mapping[tuple[str, str], Mapping[str, float]],
) -> Stacks:
    return Stacks(
        key,
        title,
        unit,
        _layers(comparison),
        comparison.designs,
        parts,
        values,
        BASELINE.name,
        comparison.labels,
    )


def _layers(comparison: Comparison) -> tuple[str, ...]:
    ran = {result.layer for result in comparison.results}
    return tuple(entry.name for entry in comparison.workload.layers if entry.name in ran)
