"""All workloads side by side in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from red_timeloop.comparison import Comparison
from red_timeloop.designs import BASELINE
from red_timeloop.units import percent, ratio

__all__ = ["print_zoo"]

_WIDTH = 80  # of a pipe or file, which has none of its own


def print_zoo(comparisons: Sequence[Comparison], console: Console | None = None) -> None:
    """Print one line a workload: speedup and energy ratio of each design, then what failed."""
    console = console or Console(markup=False)
    if not console.is_terminal:
        console = Console(file=console.file, width=_WIDTH, markup=False)
    designs = [
        name
        for name in dict.fromkeys(d for comparison in comparisons for d in comparison.designs)
        if name != BASELINE.name
    ]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("workload", no_wrap=True)
    table.add_column("deconv", justify="right", no_wrap=True)
    for name in designs:
        table.add_column(name.replace("_", "_\n"), justify="right", min_width=7)
        table.add_column("", justify="right", min_width=7)
    for comparison in comparisons:
        found = {summary.design: summary for summary in comparison.summary}
        cells: list[str] = []
        for name in designs:
            summary = found.get(name)
            cells += (
                [ratio(summary.speedup), ratio(summary.energy_ratio)] if summary else ["-", "-"]
            )
        table.add_row(comparison.workload.name, _share(comparison), *cells)
    console.print(table)
    console.print(
        "speedup over zero_padding, and energy over that of zero_padding, end to end, weights "
        "resident; deconv: share of the multiply-accumulates that are in transposed convolutions.",
        style="dim",
        soft_wrap=True,
    )
    for comparison in comparisons:
        for failure in comparison.failures:
            console.print(
                f"not run: {comparison.workload.name}:{failure.layer} on {failure.design}: "
                f"{failure.reason}",
                soft_wrap=True,
                highlight=False,
            )


def _share(comparison: Comparison) -> str:
    layers = comparison.workload.layers
    transposed = sum(entry.repeat * entry.layer.macs for entry in layers if entry.layer.transposed)
    return percent(transposed / (comparison.workload.macs or 1))
