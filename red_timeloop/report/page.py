"""The page of one or more comparisons: one HTML file that needs nothing else."""

from __future__ import annotations

import dataclasses
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from red_timeloop import __version__
from red_timeloop.comparison import Comparison, Summary
from red_timeloop.decomposition import decompose
from red_timeloop.designs import BASELINE
from red_timeloop.errors import InputError
from red_timeloop.report import data
from red_timeloop.report.charts import bar_charts, format_value, stack_charts
from red_timeloop.report.data import Bars, Stacks
from red_timeloop.report.loop_nest import loop_nests
from red_timeloop.report.palette import PARTS, design_colours
from red_timeloop.report.table import describe
from red_timeloop.units import percent, ratio, scaled

__all__ = ["render"]

_COLUMNS = (
    "design",
    "crossbars",
    "sub-crossbars",
    "modes",
    "steps",
    "cycles",
    "cycle",
    "latency",
    "speedup",
    "energy",
    "saved",
    "area",
    "programming",
)
_MOST_SUB_CROSSBARS = 100  # in the picture of a page


def render(
    comparisons: Sequence[Comparison],
    figures: Mapping[str, Sequence[str]],
    sweeps: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Return the HTML of a page.

    Args:
        comparisons: What to show, one section each; the workloads' names differ.
        figures: Names of the figure files beside the page, by workload.
        sweeps: Sections of sweeps, as of `red_timeloop.report.sweep_section`.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("red_timeloop.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, _, _ = environment.loader.get_source(environment, "style.css")  # type: ignore[union-attr]
    names = ", ".join(comparison.workload.name for comparison in comparisons)
    designs = dict.fromkeys(name for c in comparisons for name in c.designs)
    own = {name: colour for c in comparisons for name, colour in c.colours.items()}
    return environment.get_template("report.html.j2").render(
        title=f"RED on {names}",
        version=__version__,
        style=Markup(style),  # the package's own file
        colours=Markup(_colour_rules(designs, own)),
        pages=[_page(c, figures.get(c.workload.name, ())) for c in comparisons],
        sweeps=sweeps,
        versions=_versions(comparisons),
    )


def _colour_rules(designs: Iterable[str], own: Mapping[str, str]) -> str:
    colours = {f"d-{name}": colour for name, colour in design_colours(list(designs), own).items()}
    colours |= {f"p-{number}": colour for number, colour in enumerate(PARTS)}
    colours["d-layer"] = PARTS[0]
    return "\n".join(f".{name} {{ fill: {c}; background: {c}; }}" for name, c in colours.items())


def _page(comparison: Comparison, figures: Sequence[str]) -> dict[str, Any]:
    workload = comparison.workload
    return {
        "name": workload.name,
        "description": workload.description,
        "layers": {entry.name: describe(entry.layer) for entry in workload.layers},
        "tiles": list(_tiles(comparison)),
        "summary": [_summary_row(comparison, summary) for summary in comparison.summary],
        "charts": list(_charts(comparison)),
        "columns": _COLUMNS,
        "rows": list(_rows(comparison)),
        "failures": comparison.failures,
        "mappings": list(_mappings(comparison)),
        "assumptions": (*comparison.assumptions, *comparison.reasons),
        "hardware": comparison.hardware.name,
        "parameters": list(_parameters(comparison)),
        "figures": _by_chart(figures),
        "picture": _picture(comparison),
    }


def _by_chart(figures: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Return the figures' files by name without suffix: (what it is called, file)."""
    charts: dict[str, list[tuple[str, str]]] = {}
    for name in figures:
        stem, _, suffix = name.rpartition(".")
        chart = stem.rpartition("-")[2].replace("_", " ")
        charts.setdefault(chart, []).append((suffix.upper(), name))
    return charts


def _tiles(comparison: Comparison) -> Iterable[dict[str, str]]:
    """Yield the headline numbers: those of the first design that is not the baseline."""
    rivals = [summary for summary in comparison.summary if summary.design != BASELINE.name]
    for summary in rivals[:1]:
        name = comparison.labels[summary.design]
        yield {
            "value": ratio(summary.speedup),
            "text": f"speedup of {name} over zero padding, all layers",
        }
        yield {
            "value": percent(summary.energy_saving),
            "text": f"of zero padding's energy saved by {name}, all layers",
        }
    workload = comparison.workload
    yield {
        "value": scaled(workload.macs),
        "text": f"useful multiply-accumulates in {sum(e.repeat for e in workload.layers)} layers",
    }
    transposed = [entry for entry in workload.layers if entry.layer.transposed]
    if transposed:
        useless = 1 - sum(e.repeat * e.layer.macs for e in transposed) / sum(
            e.repeat * e.layer.zero_inserted_macs for e in transposed
        )
        yield {
            "value": percent(useless),
            "text": "of the multiply-accumulates of zero insertion are useless",
        }


def _summary_row(comparison: Comparison, summary: Summary) -> dict[str, str]:
    design = comparison.labels[summary.design]
    if summary.design == BASELINE.name:
        return {"design": design, "speedup": ratio(1), "saving": percent(0)}
    speedups = [speedup for speedup, _ in summary.layers.values()]
    savings = [saving for _, saving in summary.layers.values()]
    return {
        "design": design,
        "speedup": f"{ratio(summary.speedup)} {_range(speedups, ratio)}",
        "saving": f"{percent(summary.energy_saving)} {_range(savings, percent)}",
    }


def _range(values: list[float], form: Any) -> str:
    return f"({form(min(values))} to {form(max(values))})" if values else ""


def _charts(comparison: Comparison) -> Iterable[dict[str, Any]]:
    labels = comparison.labels
    designs = [{"css": f"d-{name}", "name": labels[name]} for name in comparison.designs]
    once = "One pass over the layer's batch."
    yield _bar_section(data.latency(comparison), once, designs, describe=True)
    yield _stack_section(data.time_parts(comparison), "Bars are relative to zero padding (line).")
    yield _bar_section(data.energy(comparison), f"{once} Programming is not counted.", designs)
    yield _stack_section(data.energy_parts(comparison), "Bars are relative to zero padding (line).")
    against = "Zero padding is 1."
    yield _bar_section(data.speedup(comparison), against, designs)
    yield _bar_section(data.area(comparison), "Area that holds the layer's weights.", designs)
    zeros = data.zeros(comparison)
    if zeros.values:
        note = "Share of zeros in the map that zero padding convolves."
        yield _bar_section(zeros, note, [])


def _bar_section(
    bars: Bars, note: str, legend: list[dict[str, str]], *, describe: bool = False
) -> dict[str, Any]:
    scale = " Logarithmic axis." if bars.logarithmic else ""
    charts = [(layer, Markup(svg)) for layer, svg in bar_charts(bars)]  # escaped where built
    return {
        "key": bars.key,
        "title": bars.title,
        "note": note + scale,
        "legend": legend,
        "charts": charts,
        "describe": describe,
    }


def _stack_section(stacks: Stacks, note: str) -> dict[str, Any]:
    legend = [{"css": f"p-{n % 8}", "name": part} for n, part in enumerate(stacks.parts)]
    return {
        "key": stacks.key,
        "title": stacks.title,
        "note": note,
        "legend": legend,
        "charts": [(layer, Markup(svg)) for layer, svg in stack_charts(stacks)],
        "describe": False,
    }


def _rows(comparison: Comparison) -> Iterable[tuple[str, list[list[str]]]]:
    against = {summary.design: summary.layers for summary in comparison.summary}
    for entry in comparison.workload.layers:
        rows = []
        for result in comparison.results:
            if result.layer != entry.name:
                continue
            values = result.as_dict()
            versus = against[result.design].get(result.layer)
            rows.append(
                [
                    comparison.labels[result.design],
                    *(f"{values[k]:,}" for k in ("crossbars", "sub_crossbars", "modes")),
                    f"{values['steps']:,}",
                    f"{values['cycles']:,}",
                    scaled(values["cycle_time_s"], "s"),
                    scaled(values["latency_s"], "s"),
                    ratio(versus[0]) if versus else "",
                    scaled(values["energy_J"], "J"),
                    percent(versus[1]) if versus else "",
                    format_value(values["area_m2"], "m2"),
                    scaled(values["programming_energy_J"], "J"),
                ]
            )
        if rows:
            yield entry.name, rows


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


def _picture(comparison: Comparison) -> dict[str, Any] | None:
    """Return the moving picture of the first design, of a layer that is not too large to draw."""
    from red_timeloop.report.drawing import draw

    for result in comparison.results:
        layer = result.entry.layer
        if not layer.transposed or max(layer.stride) == 1:
            continue
        if decompose(layer).sub_crossbars > _MOST_SUB_CROSSBARS:
            continue
        try:
            svg = draw(layer, result.design_result.design).animated().decode()
        except InputError:  # three spatial axes, or no computation modes
            continue
        return {"layer": result.layer, "svg": Markup(_inner(svg, comparison.workload.name))}
    return None


def _inner(svg: str, prefix: str) -> str:
    """Return an SVG file as an element of a page, its names made unique there."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}.\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}.\1"', svg)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}.\1)", svg)


def _versions(comparisons: Sequence[Comparison]) -> list[tuple[str, str]]:
    import numpy

    engines = ", ".join(dict.fromkeys(comparison.engine for comparison in comparisons))
    return [
        ("red-timeloop", __version__),
        ("engine", engines),
        ("Python", platform.python_version()),
        ("NumPy", numpy.__version__),
    ]
