"""Published and modelled figures as a page of text: in a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from red_timeloop.reproduction import Figure, Reproduction
from red_timeloop.reproduction.published import Published
from red_timeloop.reproduction.sensitivity import Bar
from red_timeloop.units import percent

__all__ = ["page", "print_reproduction"]

_HEADINGS = ("parameter set, merging, fold", "modelled", "verdict")
_BARS = 6  # of a tornado; the JSON has all
_BLOCKS = 24  # width of the longest bar
_INTRODUCTION = (
    "The published figures of RED beside the modelled ones. Each line uses one parameter set for "
    "all layers. No circuit number was fitted to a published figure; the limit of 128 "
    "sub-crossbars is inferred from one (31.15x). An end of a range counts as met within 10 % of "
    "a factor, or 5 percentage points of a share. Per-layer results, technology node, converters "
    "and buffers were not published."
)


def print_reproduction(result: Reproduction, console: Console | None = None) -> None:
    """Print summary, figures and sensitivities."""
    console = console or Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=100)
    console.print(_INTRODUCTION, highlight=False)
    for published, figures in _groups(result):
        console.print(f"\n{_title(published)}", style="bold", highlight=False)
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for heading in _HEADINGS:
            table.add_column(heading, no_wrap=True)
        for figure in figures:
            style = "green" if figure.verdict == "reproduced" else None
            table.add_row(*_cells(figure), style=style)
        console.print(table)
        console.print(figures[0].note, style="dim", highlight=False)
    console.print(f"\nWhat moves the ends most ({result.base})", style="bold", highlight=False)
    for name, bars in result.sensitivity.items():
        console.print(f"{name}", highlight=False)
        for line in _tornado(bars):
            console.print(f"  {line}", highlight=False, soft_wrap=True)
    console.print("\nVerdicts", style="bold")
    for figure_name, sentence in result.summary().items():
        console.print(f"  {figure_name}: {sentence}", highlight=False, soft_wrap=True)


def page(result: Reproduction) -> str:
    """Return the same as Markdown."""
    lines = ["# Published and modelled figures", "", _INTRODUCTION, "", "## Verdicts", ""]
    lines += [f"* {name}: **{sentence}**" for name, sentence in result.summary().items()]
    for published, figures in _groups(result):
        lines += ["", f"## {_title(published)}", "", f"Source: {published.source}.", ""]
        lines += _markdown((*_HEADINGS, "note"), ((*_cells(f), f.note) for f in figures))
    lines += ["", "## What moves the ends most", ""]
    lines += [f"One parameter at a time over its published spread; {result.base}.", ""]
    for name, bars in result.sensitivity.items():
        lines += [f"### {name}", ""]
        rows = ((b.parameter, b.low, b.high, _value(b.at_low), _value(b.at_high)) for b in bars)
        lines += _markdown(("parameter", "low", "high", "figure at low", "figure at high"), rows)
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _groups(result: Reproduction) -> list[tuple[Published, list[Figure]]]:
    groups: dict[str, tuple[Published, list[Figure]]] = {}
    for figure in result.figures:
        key = figure.published.key
        groups.setdefault(key, (figure.published, []))[1].append(figure)
    return list(groups.values())


def _title(published: Published) -> str:
    figure = published.figure[0].upper() + published.figure[1:]
    return f"{figure}: published {_span(published, published.low, published.high)}"


def _cells(figure: Figure) -> tuple[str, str, str]:
    variant = str(figure.variant) if figure.variant else "the layer itself"
    return variant, _span(figure.published, figure.low, figure.high), figure.verdict


def _span(published: Published, low: float, high: float) -> str:
    ends = [percent(end) if published.share else f"{end:.2f}x" for end in (low, high)]
    return ends[0] if low == high else f"{ends[0]} to {ends[1]}"


def _value(number: float) -> str:
    return f"{number:.3g}"


def _tornado(bars: Sequence[Bar]) -> Iterable[str]:
    longest = max((bar.swing for bar in bars), default=0.0)
    for bar in bars[:_BARS]:
        length = round(_BLOCKS * bar.swing / longest) if longest else 0
        ends = f"{bar.low} .. {bar.high}: {_value(bar.at_low)} .. {_value(bar.at_high)}"
        yield f"{bar.parameter:26} {'#' * length:{_BLOCKS}} {ends}"


def _markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [_row(headings), _row(["---"] * len(headings))]
    return lines + [_row(row) for row in rows]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
