"""Comparisons as tables in a terminal: one by layer, several by workload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from red_timeloop.accuracy import bound_text, value_text
from red_timeloop.comparison import Comparison
from red_timeloop.components import STAGES
from red_timeloop.designs import BASELINE
from red_timeloop.layer import Layer
from red_timeloop.summary import summarised
from red_timeloop.units import area, percent, ratio, scaled
from red_timeloop.views.data import format_value
from red_timeloop.views.tables import plain, table

__all__ = ["describe", "print_comparison", "print_zoo"]

# key of a comparison's row: title, width (they fit a terminal of 80 columns), unit
_COLUMNS = {
    "design": ("design", 13, ""),
    "crossbars": ("crossbars", 9, ""),
    "cycles": ("cycles", 6, ""),
    "cycle_time_s": ("cycle", 6, "s"),
    "latency_s": ("latency", 7, "s"),
    "speedup_vs_zero_padding": ("speedup", 7, "x"),
    "energy_J": ("energy", 7, "J"),
    "energy_ratio_vs_zero_padding": ("ratio", 7, "x"),
    "area_m2": ("area", 9, "m2"),
}
_WIDTHS = {title: width for title, width, _ in _COLUMNS.values()}


def print_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """Print one block of lines for each layer, the totals, and what was assumed."""
    console = plain(console)
    console.print(_aligned([list(_WIDTHS)]), style="bold")
    layers: dict[str, list[list[str]]] = {}
    for row in comparison.rows():
        layers.setdefault(row["layer"], []).append(_line(row))
    for entry in comparison.workload.layers:
        if entry.name in layers:
            times = f", {entry.repeat} times" if entry.repeat > 1 else ""
            heading = f"{entry.name}: {describe(entry.layer)}{times}"
            _print_block(console, heading, _aligned(layers[entry.name]))
    _print_block(console, "All layers", _aligned([_line(e.as_dict()) for e in comparison.summary]))
    if comparison.accuracy is not None:
        heading = f"Converters for {bound_text(comparison.accuracy)}"
        _print_block(console, heading, _converters(comparison, comparison.accuracy.measure))
    if len(layers) > 1:
        keys = ("design", "speedup_vs_zero_padding", "energy_ratio_vs_zero_padding")
        means = [
            _line(dict(zip(keys, (e.design, e.mean_speedup, e.mean_energy_ratio), strict=True)))
            for e in comparison.summary
        ]
        _print_block(console, "Geometric mean of the layers", _aligned(means))
    _print_block(console, "Where time and energy go, all layers", _stages(comparison))
    console.print()
    notes = [
        f"speedup: latency of {BASELINE.name} over the design's; ratio: the design's energy over "
        f"that of {BASELINE.name}."
    ]
    for line in (*notes, *comparison.assumptions, *comparison.reasons):
        console.print(line, style="dim")
    for failure in comparison.failures:
        console.print(f"not run: {failure.layer} on {failure.design}: {failure.reason}")


def print_zoo(comparisons: Sequence[Comparison], console: Console | None = None) -> None:
    """Print one line a workload: speedup and energy ratio of each design, then what failed."""
    console = plain(console)
    every = dict.fromkeys(name for comparison in comparisons for name in comparison.designs)
    designs = [name for name in every if name != BASELINE.name]
    rows = []
    for comparison in comparisons:
        found = {summary.design: summary for summary in comparison.summary}
        cells = [comparison.workload.name, _share(comparison)]
        for of in map(found.get, designs):
            cells += [ratio(of.speedup), ratio(of.energy_ratio)] if of else ["-", "-"]
        rows.append(cells)
    heads = [head for name in designs for head in (name.replace("_", "_\n"), "")]
    widths = [1, 1, *[7] * len(heads)]
    titles = ["workload", "deconv", *heads]
    console.print(table(titles, rows, ("workload",), widths=widths, gap=1))
    console.print(
        "speedup over zero_padding, and energy over that of zero_padding, end to end, weights "
        "resident; deconv: share of the multiply-accumulates that are in transposed convolutions.",
        style="dim",
    )
    for comparison in comparisons:
        for failure in comparison.failures:
            where = f"{comparison.workload.name}:{failure.layer} on {failure.design}"
            console.print(f"not run: {where}: {failure.reason}")


def _share(comparison: Comparison) -> str:
    layers = comparison.workload.layers
    transposed = sum(entry.repeat * entry.layer.macs for entry in layers if entry.layer.transposed)
    return percent(transposed / (comparison.workload.macs or 1))


def _aligned(rows: Sequence[Sequence[str]]) -> Text:
    """Return rows under `_COLUMNS`, the baseline's dim; a `Table` each is slow with many layers."""
    widths = [
        max(width, *map(len, cells)) for width, *cells in zip(_WIDTHS.values(), *rows, strict=True)
    ]
    text = Text(no_wrap=True)
    for number, (design, *cells) in enumerate(rows):
        line = [design.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]
        style = "dim" if design == BASELINE.name else ""
        text.append("\n" * (number > 0) + " ".join(line), style)
    return text


def _converters(comparison: Comparison, measure: str) -> Table:
    """Return what each design converts with, what that reaches, and what the layers then take."""
    totals = {summary.design: summary for summary in comparison.summary}
    if BASELINE.name not in totals:
        totals[BASELINE.name] = summarised(BASELINE.name, comparison.baseline, comparison.baseline)
    rows = []
    for each in comparison.converters:
        of = totals.get(each.design)  # none of RED where it only says how large others are
        size = each.hardware
        costs = [scaled(of.latency, "s"), scaled(of.energy, "J"), area(of.area)] if of else [""] * 3
        rows.append(
            [
                each.design,
                *(["-"] * 2 if each.digital else [f"{size.adc_bits}", f"{size.rows or 'all'}"]),
                value_text(measure, each.reached),
                *costs,
                each.worst,
            ]
        )
    heads = ("design", "bits", "rows", measure, "latency", "energy", "area", "least on")
    widths = [_WIDTHS.get(head, 5) for head in heads[:-1]]
    return table(heads, rows, ("design", "least on"), widths=widths, gap=1)


def _stages(comparison: Comparison) -> Table:
    """Return the shares of each design's time and energy, by the parts of a step."""
    summaries = comparison.summary
    names = [
        name
        for name in STAGES
        if any(name in s.time_by_stage or name in s.energy_by_stage for s in summaries)
    ]
    rows = []
    for summary in summaries:
        for kind, parts in (("time", summary.time_by_stage), ("energy", summary.energy_by_stage)):
            whole = sum(parts.values()) or 1.0  # nothing is none of nothing
            cells = [percent(parts[name] / whole) if name in parts else "" for name in names]
            rows.append([summary.design if kind == "time" else "", kind, *cells])
    widths = [_WIDTHS["design"], 6, *[7] * len(names)]
    return table(["design", "", *names], rows, ("design", ""), widths=widths, gap=1)


def _print_block(console: Console, heading: str, table: Table | Text) -> None:
    console.print(f"\n{heading}", style="bold")
    console.print(table)


def describe(layer: Layer) -> str:
    """Return a layer's sizes and kernel in one line.

    >>> from red_timeloop import TransposedConv
    >>> describe(TransposedConv(512, 256, (4, 4), 4, stride=2, padding=1))
    '4x4x512 to 8x8x256, kernel 4x4, stride 2'
    """
    size = "x".join(map(str, layer.input_size))
    out = "x".join(map(str, layer.output_size))
    kernel = "x".join(map(str, layer.kernel_size))
    parts = [f"{size}x{layer.in_channels} to {out}x{layer.out_channels}", f"kernel {kernel}"]
    if not layer.transposed:
        parts[1] = f"convolution {kernel}"
    for name, values in (("stride", layer.stride), ("dilation", layer.dilation)):
        if set(values) != {1}:
            same = len(set(values)) == 1
            parts.append(f"{name} {values[0] if same else 'x'.join(map(str, values))}")
    if layer.groups > 1:
        parts.append(f"{layer.groups} groups")
    if layer.batch > 1:
        parts.append(f"batch {layer.batch}")
    return ", ".join(parts)


def _line(row: Mapping[str, Any]) -> list[str]:
    """Return what stands under `_COLUMNS`; nothing where a row has none of it."""
    values = [(row.get(key), unit) for key, (_, _, unit) in _COLUMNS.items()]
    return ["" if v is None else format_value(v, unit) if unit else str(v) for v, unit in values]
