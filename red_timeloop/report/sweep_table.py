"""What a sweep says, as tables in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from red_timeloop.sweeps.analysis import Effect
from red_timeloop.sweeps.table import Results
from red_timeloop.units import area, decibels, percent, ratio, scaled

__all__ = [
    "measure_name",
    "measure_text",
    "parameter_text",
    "print_effects",
    "print_results",
]

_MEASURES: dict[str, tuple[str, Callable[[float], str]]] = {
    "latency_s": ("latency", lambda value: scaled(value, "s")),
    "energy_J": ("energy", lambda value: scaled(value, "J")),
    "area_m2": ("area", area),
    "energy_delay_Js": ("energy x delay", lambda value: f"{value:.3g} Js"),
    "cycles": ("cycles", lambda value: f"{int(value):,}"),
    "crossbars": ("crossbars", lambda value: f"{int(value):,}"),
    "programming_energy_J": ("programming", lambda value: scaled(value, "J")),
    "speedup": ("speedup", ratio),
    "energy_saving": ("saving", percent),
    "sqnr_dB": ("SQNR", decibels),
}
_ALWAYS = ("latency_s", "energy_J", "area_m2", "speedup", "energy_saving", "sqnr_dB")
_WIDTH = 120  # of a pipe or file, which has none of its own


def print_results(
    results: Results, shown: Sequence[str] = (), most: int = 40, console: Console | None = None
) -> None:
    """Print evaluations, one a line: design, parameters, measures.

    Args:
        results: The evaluations.
        shown: Measures to show beside the usual ones.
        most: Lines after which the rest is only counted.
        console: Where to print.
    """
    console = _sized(console)
    rows = [results.row(index) for index in range(min(len(results), most))]
    measures = [m for m in _MEASURES if m in (*_ALWAYS, *shown) and any(m in row for row in rows)]
    who = ["design"]
    for name in ("workload", "hardware"):
        if len({row[name] for row in rows}) > 1:
            who.insert(0, name)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in who:
        table.add_column(name, no_wrap=True)
    for name in results.parameters:
        table.add_column(name, justify="right")
    for name in measures:
        table.add_column(_MEASURES[name][0], justify="right", no_wrap=True)
    for row in rows:
        cells = [row[name] for name in who]
        cells += [parameter_text(row[name]) for name in results.parameters]
        cells += [_MEASURES[name][1](row[name]) if name in row else "-" for name in measures]
        table.add_row(*cells)
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


def _sized(console: Console | None) -> Console:
    console = console or Console()
    return console if console.is_terminal else Console(file=console.file, width=_WIDTH)
