"""The page of one or more comparisons: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from red_timeloop import __version__
from red_timeloop.chip.result import ChipComparison
from red_timeloop.comparison import Comparison
from red_timeloop.decomposition import decompose
from red_timeloop.designs import BASELINE
from red_timeloop.designs.registry import label
from red_timeloop.errors import InputError
from red_timeloop.sweeps.table import Results
from red_timeloop.units import area, percent, ratio, scaled
from red_timeloop.views import data
from red_timeloop.views.chip_figures import chip_figures
from red_timeloop.views.chip_table import bound, chip_tables
from red_timeloop.views.comparison_table import describe
from red_timeloop.views.loop_nest import loop_nests
from red_timeloop.views.page_figure import Figures, inline
from red_timeloop.views.palette import design_colours
from red_timeloop.views.sweep_section import labelled, sweep_section
from red_timeloop.views.tables import Cell
from red_timeloop.workload import WorkloadLayer

__all__ = ["render"]

_Row = tuple[str, str, list[Cell]]  # of a table: the layer and the design that it belongs to
_BUDGETS = {  # of designs that share a chip
    "chips": "{0:.0f} whole chips",
    "crossbars": "{0:,.0f} crossbars",
    "area": "{area}",
    "power": "{0:g} W",
}
_MOST_SUB_CROSSBARS = 100  # in the picture of a page


def render(
    comparisons: Sequence[Comparison],
    figures: Mapping[str, Sequence[str]],
    sweeps: Sequence[tuple[str, Results]] = (),
    chips: Sequence[ChipComparison] = (),
) -> str:
    """Return the HTML of a page.

    Args:
        comparisons: What to show, one section each; the workloads' names differ.
        figures: Names of the figure files beside the page, by workload.
        sweeps: Names and points of sweeps to show below.
        chips: Networks on whole chips to show below.

    Raises:
        InputError: No point of a sweep is feasible.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("red_timeloop.views"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    read = environment.loader.get_source  # type: ignore[union-attr]
    style, script = (Markup(read(environment, name)[0]) for name in ("style.css", "page.js"))
    drawn = Figures()
    return environment.get_template("report.html.j2").render(
        title=f"RED on {', '.join(comparison.workload.name for comparison in comparisons)}",
        version=__version__,
        pages=[_page(c, figures.get(c.workload.name, ()), drawn) for c in comparisons],
        chips=[_chip(found, drawn) for found in chips],
        sweeps=[sweep_section(name, results, drawn) for name, results in sweeps],
        versions=_versions(comparisons),
        figures=drawn,
        style=style,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _page(comparison: Comparison, figures: Sequence[str], drawn: Figures) -> dict[str, Any]:
    workload = comparison.workload
    colours = design_colours(comparison.designs, comparison.colours)
    ran = {result.layer: result.entry for result in comparison.results}
    return {
        "name": workload.name,
        "description": workload.description,
        "tiles": list(_tiles(comparison)),
        "summary": list(_summary(comparison)),
        "designs": [(name, comparison.labels[name], colours[name]) for name in comparison.designs],
        "layers": [_layer(entry) for entry in ran.values()],
        "alike": data.alike(comparison),
        "charts": [
            (chart, drawn.chart(chart))
            for chart in (data.chart(comparison, key) for key in data.CHARTS)
            if chart.values
        ],
        "columns": ["layer", "design", *(title for title, _ in _COLUMNS.values())],
        "rows": list(_numbers(comparison)),
        "failures": comparison.failures,
        "mappings": list(_mappings(comparison)),
        "assumptions": (*comparison.assumptions, *comparison.reasons),
        "hardware": comparison.hardware.name,
        "parameters": list(_parameters(comparison)),
        "figures": _by_chart(figures),
        "picture": _picture(comparison, drawn),
    }


def _by_chart(figures: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Return the figures' files by name without suffix: (what it is called, file)."""
    charts: dict[str, list[tuple[str, str]]] = {}
    for name in figures:
        stem, _, suffix = name.rpartition(".")
        chart = stem.rpartition("-")[2].replace("_", " ")
        charts.setdefault(chart, []).append((suffix.upper(), name))
    return charts


def _tiles(comparison: Comparison) -> Iterable[tuple[str, str]]:
    """Yield the headline numbers: those of the first design that is not the baseline."""
    for summary in [each for each in comparison.summary if each.design != BASELINE.name][:1]:
        name = comparison.labels[summary.design]
        yield ratio(summary.speedup), f"speedup of {name} over zero padding, all layers"
        needed = ratio(summary.energy_ratio)
        yield needed, f"of zero padding's energy needed by {name}, all layers"
    workload = comparison.workload
    count = sum(entry.repeat for entry in workload.layers)
    yield scaled(workload.macs), f"useful multiply-accumulates in {count} layers"
    transposed = [entry for entry in workload.layers if entry.layer.transposed]
    if transposed:
        useless = 1 - sum(e.repeat * e.layer.macs for e in transposed) / sum(
            e.repeat * e.layer.zero_inserted_macs for e in transposed
        )
        yield percent(useless), "of the multiply-accumulates of zero insertion are useless"


def _summary(comparison: Comparison) -> Iterable[_Row]:
    """Yield the totals of each design, every layer as often as it is repeated, and its means."""
    for of in comparison.summary:
        speedups = [speedup for speedup, _ in of.layers.values()] or [1.0]
        ratios = [1 - saving for _, saving in of.layers.values()] or [1.0]
        yield (
            "",
            of.design,
            [
                (comparison.labels[of.design], None),
                (scaled(of.latency, "s"), of.latency),
                (scaled(of.energy, "J"), of.energy),
                (data.format_value(of.area, "m2"), of.area),
                (f"{of.crossbars:,}", of.crossbars),
                (ratio(of.speedup), of.speedup),
                (ratio(of.mean_speedup), of.mean_speedup),
                (f"{ratio(min(speedups))} to {ratio(max(speedups))}", max(speedups)),
                (ratio(of.energy_ratio), of.energy_ratio),
                (ratio(of.mean_energy_ratio), of.mean_energy_ratio),
                (f"{ratio(min(ratios))} to {ratio(max(ratios))}", max(ratios)),
            ],
        )


def _layer(entry: WorkloadLayer) -> _Row:
    layer = entry.layer
    zeros = layer.zero_redundancy if layer.transposed else 0.0
    cells = [
        (entry.name, None),
        (describe(layer), None),
        (f"{entry.repeat}", entry.repeat),
        (scaled(layer.macs), layer.macs),
        (percent(zeros) if layer.transposed else "", zeros),
    ]
    return entry.name, "", cells


# key of a comparison's row: title and unit of its column, after those of layer and design
_COLUMNS = {
    "repeat": ("repeat", "n"),
    "crossbars": ("crossbars", "n"),
    "sub_crossbars": ("sub-crossbars", "n"),
    "modes": ("modes", "n"),
    "steps": ("steps", "n"),
    "cycles": ("cycles", "n"),
    "cycle_time_s": ("cycle", "s"),
    "latency_s": ("latency", "s"),
    "speedup_vs_zero_padding": ("speedup", "x"),
    "energy_J": ("energy", "J"),
    "energy_ratio_vs_zero_padding": ("energy ratio", "x"),
    "area_m2": ("area", "m2"),
    "programming_energy_J": ("programming", "J"),
}


def _numbers(comparison: Comparison) -> Iterable[_Row]:
    """Yield the rows of the table of all numbers; what has no rival is below all others."""
    for row in comparison.rows():
        layer, design = row["layer"], row["design"]
        numbers: list[Cell] = [
            ("", -math.inf) if row[key] is None else (data.format_value(row[key], unit), row[key])
            for key, (_, unit) in _COLUMNS.items()
        ]
        yield layer, design, [(layer, None), (comparison.labels[design], None), *numbers]


def _chip(found: ChipComparison, drawn: Figures) -> dict[str, Any]:
    """Return what the template shows of a network on a chip."""
    budget = next(iter(found.results)).budget
    return {
        "name": found.workload.name,
        "chip": found.chip.name,
        "budget": _BUDGETS[budget.kind].format(budget.amount, area=area(budget.amount)),
        "tables": [labelled(*each) for each in chip_tables(found)],
        "bounds": [(label(each.design), bound(each), each.notes) for each in found.results],
        "figures": [
            (title, drawn.of(figure, title, "The numbers stand in the tables above"))
            for _, title, figure in chip_figures(found)
        ],
        "notes": found.assumptions,
        "failures": found.failures,
    }


def _mappings(
    comparison: Comparison,
) -> Iterable[tuple[str, list[tuple[str, list[tuple[str, str]]]]]]:
    for design in comparison.designs:
        results = [result for result in comparison.results if result.design == design]
        yield (
            comparison.labels[design],
            [(result.layer, loop_nests(result.design_result)) for result in results],
        )


def _parameters(comparison: Comparison) -> Iterable[tuple[str, str, str]]:
    hardware = comparison.hardware
    for field in dataclasses.fields(hardware):
        if field.name not in ("name", "circuit"):
            yield field.name, _written(getattr(hardware, field.name)), ""
    sources = getattr(hardware.circuit, "sources", {})
    for field in dataclasses.fields(hardware.circuit):
        if field.name not in ("sources", "spreads"):
            value = getattr(hardware.circuit, field.name)
            yield field.name, _written(value), sources.get(field.name, "")


def _written(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value)


def _picture(comparison: Comparison, drawn: Figures) -> dict[str, Any] | None:
    """Return the one moving picture of a page, of a layer that is not too large to draw."""
    from red_timeloop.views.drawing import draw

    for result in () if drawn.moving else comparison.results:
        layer = result.entry.layer
        if not layer.transposed or max(layer.stride) == 1:
            continue
        if decompose(layer).sub_crossbars > _MOST_SUB_CROSSBARS:
            continue
        try:
            drawing = draw(layer, result.design_result.design)
        except InputError:  # no computation modes
            continue
        drawn.moving = True
        words = f"{drawing.title}. {drawing.description}".rstrip(".")
        return {
            "layer": result.layer,
            "svg": inline(drawn.take(drawing.moving(drawn.styles), words)),
        }
    return None


def _versions(comparisons: Sequence[Comparison]) -> list[tuple[str, str]]:
    import numpy

    engines = ", ".join(dict.fromkeys(comparison.engine for comparison in comparisons))
    return [
        ("red-timeloop", __version__),
        ("engine", engines),
        ("Python", platform.python_version()),
        ("NumPy", numpy.__version__),
    ]
