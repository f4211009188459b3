"""What a sweep says, as tables in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from red_timeloop.sweeps.analysis import Effect
from red_timeloop.sweeps.table import Results
from red_timeloop.units import area, decibels, percent, ratio, scaled

__all__ = [
    "MOST",
    "Cell",
    "cells",
    "measure_name",
    "measure_text",
    "parameter_text",
    "print_effects",
    "print_results",
]

Cell = tuple[str, float | None]  # of a table: what is written, and by what number it is sorted

_MEASURES: dict[str, tuple[str, Callable[[float], str]]] = {
    "images_per_s": ("images/s", scaled),
    "latency_s": ("latency", lambda value: scaled(value, "s")),
    "energy_J": ("energy", lambda value: scaled(value, "J")),
    "energy_J_per_image": ("J/image", lambda value: scaled(value, "J")),
    "power_W": ("power", lambda value: scaled(value, "W")),
    "area_m2": ("area", area),
    "energy_delay_Js": ("energy x delay", lambda value: f"{value:.3g} Js"),
    "cycles": ("cycles", lambda value: f"{int(value):,}"),
    "crossbars": ("crossbars", lambda value: f"{int(value):,}"),
    "crossbars_used": ("crossbars used", lambda value: f"{int(value):,}"),
    "tiles": ("tiles", lambda value: f"{int(value):,}"),
    "chips": ("chips", lambda value: f"{int(value):,}"),
    "peak_tops": ("peak TOPS", lambda value: f"{value:.3g}"),
    "tops": ("TOPS", lambda value: f"{value:.3g}"),
    "tops_per_W": ("TOPS/W", lambda value: f"{value:.3g}"),
    "tops_per_mm2": ("TOPS/mm2", lambda value: f"{value:.3g}"),
    "utilization_rows": ("rows in use", percent),
    "utilization_columns": ("columns in use", percent),
    "utilization_crossbars": ("crossbars in use", percent),
    "utilization_time": ("time in use", percent),
    "programming_energy_J": ("programming", lambda value: scaled(value, "J")),
    "speedup": ("speedup", ratio),
    "energy_saving": ("saving", percent),
    "sqnr_dB": ("SQNR", decibels),
}
_ALWAYS = (
    *("images_per_s", "latency_s", "energy_J", "energy_J_per_image", "area_m2"),
    *("speedup", "energy_saving", "sqnr_dB"),
)
MOST = 40  # rows shown
_WIDTH = 120  # of a pipe or file, which has none of its own


def cells(
    results: Results, shown: Sequence[str] = (), most: int = MOST
) -> tuple[list[str], list[list[Cell]]]:
    """Return headings and rows: design, parameters, measures.

    Args:
        results: The evaluations.
        shown: Measures to show beside the usual ones.
        most: Rows after which the rest is left out.
    """
    rows = [results.row(index) for index in range(min(len(results), most))]
    measures = [m for m in _MEASURES if m in (*_ALWAYS, *shown) and any(m in row for row in rows)]
    who = ["design"]
    for name in ("workload", "hardware"):
        if len({row[name] for row in rows}) > 1:
            who.insert(0, name)
    return [*who, *results.parameters, *map(measure_name, measures)], [
        [(str(row[name]), None) for name in who]
        + [(parameter_text(row[name]), _number(row[name])) for name in results.parameters]
        + [(measure_text(m, row[m]), float(row[m])) if m in row else ("-", None) for m in measures]
        for row in rows
    ]


def print_results(
    results: Results, shown: Sequence[str] = (), most: int = MOST, console: Console | None = None
) -> None:
    """Print evaluations, one a line, and how many there are beyond `most`; see `cells`."""
    console = _sized(console)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    heads, rows = cells(results, shown, most)
    for head in heads:
        words = head in ("workload", "hardware", "design")
        table.add_column(head, justify="left" if words else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(text for text, _ in row))
    console.print(table)
    if len(results) > most:
        console.print(
            f"... and {len(results) - most:,} more (--format csv prints all)", style="dim"
        )


def print_effects(effects: Sequence[Effect], console: Console | None = None) -> None:
    """Print what parameters do, one parameter and design a line."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("design", no_wrap=True)
    table.add_column("parameter", no_wrap=True)
    for title in ("share of variance", "largest / smallest mean", "best"):
        table.add_column(title, justify="right")
    for effect in effects:
        factor = "-" if effect.factor != effect.factor else ratio(effect.factor)
        table.add_row(effect.design, effect.parameter, percent(effect.share), factor, effect.best)
    _sized(console).print(table)


def measure_name(measure: str) -> str:
    """Return the heading of a measure.

    >>> measure_name("energy_saving")
    'saving'
    """
    return _MEASURES[measure][0]


def measure_text(measure: str, value: float) -> str:
    """Return a measure's value with its unit.

    >>> measure_text("latency_s", 1.5e-6)
    '1.50 us'
    """
    return _MEASURES[measure][1](value)


def parameter_text(value: object) -> str:
    """Return a parameter's value.

    >>> parameter_text(None), parameter_text(0.123456)
    ('-', '0.1235')
    """
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _sized(console: Console | None) -> Console:
    console = console or Console()
    return console if console.is_terminal else Console(file=console.file, width=_WIDTH)
