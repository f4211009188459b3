"""The comparison as a table in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

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
    console.print(_aligned([list(_COLUMNS)]), style="bold")
    layers: dict[str, list[LayerResult]] = {}
    for result in comparison.results:
        layers.setdefault(result.layer, []).append(result)
    for entry in comparison.workload.layers:
        rows = [
            [each.design, *_cells(each, comparison.against.get((each.layer, each.design)))]
            for each in layers.get(entry.name, ())
        ]
        if rows:
            times = f", {entry.repeat} times" if entry.repeat > 1 else ""
            _print_block(console, f"{entry.name}: {describe(entry.layer)}{times}", _aligned(rows))
    totals = [[summary.design, *_totals(summary)] for summary in comparison.summary]
    _print_block(console, "All layers", _aligned(totals))
    if comparison.accuracy is not None:
        heading = f"Converters for {bound_text(comparison.accuracy)}"
        _print_block(console, heading, _converters(comparison, comparison.accuracy.measure))
    if len({result.layer for result in comparison.results}) > 1:
        means = [
            [
                each.design,
                *[""] * 4,
                ratio(each.mean_speedup),
                "",
                ratio(each.mean_energy_ratio),
                "",
            ]
            for each in comparison.summary
        ]
        _print_block(console, "Geometric mean of the layers", _aligned(means))
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


def _aligned(rows: Sequence[Sequence[str]]) -> Text:
    """Return rows under `_COLUMNS`, the baseline's dim; a `Table` each is slow with many layers."""
    widths = [
        max(width, *map(len, cells)) for width, *cells in zip(_COLUMNS.values(), *rows, strict=True)
    ]
    text = Text(no_wrap=True)
    for number, (design, *cells) in enumerate(rows):
        line = [design.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]
        style = "dim" if design == BASELINE.name else ""
        text.append("\n" * (number > 0) + " ".join(line), style)
    return text


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


def _print_block(console: Console, heading: str, table: Table | Text) -> None:
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
