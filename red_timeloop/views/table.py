"""The comparison as a table in a terminal."""

from __future__ import annotations

from rich.console import Console, JustifyMethod
from rich.table import Table

from red_timeloop.accuracy import bound_text, value_text
from red_timeloop.comparison import Comparison, LayerResult, Summary
from red_timeloop.components import STAGES
from red_timeloop.designs import BASELINE
from red_timeloop.layer import Layer
from red_timeloop.summary import summarised
from red_timeloop.units import area, percent, ratio, scaled

__all__ = ["describe", "print_comparison"]

# title -> width; together they fit a terminal of 80 columns
_COLUMNS = {
    "design": 13,
    "crossbars": 9,
    "cycles": 6,
    "cycle": 6,
    "latency": 7,
    "speedup": 7,
    "energy": 7,
    "ratio": 7,
    "area": 9,
}
_WIDTH = 120  # of a pipe or file, which has none of its own


def print_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """Print one block of lines for each layer, the totals, and what was assumed."""
    console = console or Console(markup=False)
    if not console.is_terminal:
        console = Console(file=console.file, width=_WIDTH, markup=False)
    console.print(_table(header=True))
    for entry in comparison.workload.layers:
        table = _table()
        for result in comparison.results:
            if result.layer == entry.name:
                style = "dim" if result.design == BASELINE.name else None
                versus = comparison.against.get((result.layer, result.design))
                table.add_row(result.design, *_cells(result, versus), style=style)
        if table.row_count:
            times = f", {entry.repeat} times" if entry.repeat > 1 else ""
            _print_block(console, f"{entry.name}: {describe(entry.layer)}{times}", table)
    totals = _table()
    for summary in comparison.summary:
        totals.add_row(summary.design, *_totals(summary))
    _print_block(console, "All layers", totals)
    if comparison.accuracy is not None:
        heading = f"Converters for {bound_text(comparison.accuracy)}"
        _print_block(console, heading, _converters(comparison, comparison.accuracy.measure))
    if len({result.layer for result in comparison.results}) > 1:
        means = _table()
        for summary in comparison.summary:
            mean = ratio(summary.mean_speedup), "", ratio(summary.mean_energy_ratio)
            means.add_row(summary.design, *[""] * 4, *mean, "")
        _print_block(console, "Geometric mean of the layers", means)
    _print_block(console, "Where time and energy go, all layers", _stages(comparison))
    console.print()
    notes = [
        f"speedup: latency of {BASELINE.name} over the design's; ratio: the design's energy over "
        f"that of {BASELINE.name}."
    ]
    for line in (*notes, *comparison.assumptions, *comparison.reasons):
        console.print(line, style="dim", soft_wrap=True, highlight=False)
    for failure in comparison.failures:
        console.print(
            f"not run: {failure.layer} on {failure.design}: {failure.reason}", soft_wrap=True
        )


def _table(header: bool = False) -> Table:
    table = Table(
        box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=header, header_style="bold"
    )
    for title, width in _COLUMNS.items():
        justify: JustifyMethod = "left" if title == "design" else "right"
        table.add_column(title, justify=justify, no_wrap=True, min_width=width)
    return table


def _converters(comparison: Comparison, measure: str) -> Table:
    """Return what each design converts with, what that reaches, and what the layers then take."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("design", min_width=_COLUMNS["design"], no_wrap=True)
    for title in ("bits", "rows", measure, "latency", "energy", "area"):
        table.add_column(title, justify="right", min_width=_COLUMNS.get(title, 5), no_wrap=True)
    table.add_column("least on", no_wrap=True)
    totals = {summary.design: summary for summary in comparison.summary}
    if BASELINE.name not in totals:
        totals[BASELINE.name] = summarised(BASELINE.name, comparison.baseline, comparison.baseline)
    for each in comparison.converters:
        of = totals.get(each.design)  # none of RED where it only says how large others are
        table.add_row(
            each.design,
            "-" if each.digital else f"{each.hardware.adc_bits}",
            "-" if each.digital else f"{each.hardware.rows or 'all'}",
            value_text(measure, each.reached),
            *((scaled(of.latency, "s"), scaled(of.energy, "J"), area(of.area)) if of else [""] * 3),
            each.worst,
        )
    return table


def _stages(comparison: Comparison) -> Table:
    """Return the shares of each design's time and energy, by the parts of a step."""
    summaries = comparison.summary
    names = [
        name
        for name in STAGES
        if any(name in s.time_by_stage or name in s.energy_by_stage for s in summaries)
    ]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("design", min_width=_COLUMNS["design"], no_wrap=True)
    table.add_column("", min_width=6)
    for name in names:
        table.add_column(name, justify="right", min_width=7)
    for summary in summaries:
        for kind, parts in (("time", summary.time_by_stage), ("energy", summary.energy_by_stage)):
            whole = sum(parts.values()) or 1.0  # nothing is none of nothing
            cells = [percent(parts[name] / whole) if name in parts else "" for name in names]
            table.add_row(summary.design if kind == "time" else "", kind, *cells)
    return table


def _print_block(console: Console, heading: str, table: Table) -> None:
    console.print()
    console.print(heading, style="bold", highlight=False, soft_wrap=True)
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


def _cells(result: LayerResult, versus: tuple[float, float] | None) -> list[str]:
    values = result.design_result
    speedup, of_it = ("", "") if versus is None else map(ratio, versus)
    return [
        f"{values.plan.crossbars}",
        f"{values.cycles}",
        scaled(values.cycle_time, "s"),
        scaled(values.latency, "s"),
        speedup,
        scaled(values.energy, "J"),
        of_it,
        area(values.area),
    ]


def _totals(summary: Summary) -> list[str]:
    return [
        f"{summary.crossbars}",
        "",
        "",
        scaled(summary.latency, "s"),
        ratio(summary.speedup),
        scaled(summary.energy, "J"),
        ratio(summary.energy_ratio),
        area(summary.area),
    ]
