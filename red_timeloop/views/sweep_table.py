"""What a sweep says, as tables in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from red_timeloop.sweeps.analysis import Effect
from red_timeloop.sweeps.table import Results
from red_timeloop.units import area, decibels, percent, ratio, scaled
from red_timeloop.views.tables import Cell, plain, table, texts

__all__ = [
    "EFFECTS",
    "MOST",
    "cells",
    "effect_cells",
    "measure_name",
    "measure_text",
    "parameter_text",
    "print_effects",
    "print_results",
]

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
EFFECTS = ("design", "parameter", "share of variance", "largest / smallest mean", "best")


def cells(results: Results, shown: Sequence[str]) -> tuple[list[str], list[list[Cell]]]:
    """Return headings and at most `MOST` rows: design, parameters, measures.

    Args:
        results: The evaluations.
        shown: Measures to show beside the usual ones.
    """
    rows = [results.row(index) for index in range(min(len(results), MOST))]
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


def print_results(results: Results, shown: Sequence[str]) -> None:
    """Print evaluations, one a line, and how many there are beyond `MOST`; see `cells`.

    Where lines are longer than the console is wide, the last of the usual measures are left out.
    """
    console = plain()
    heads, rows = cells(results, shown)
    lines = [heads, *texts(rows)]
    usual = [measure_name(name) for name in _ALWAYS if name not in shown]
    left: list[str] = []
    while usual and _width(lines) > console.width:
        if (name := usual.pop()) in lines[0]:
            left.insert(0, name)
            place = lines[0].index(name)
            lines = [[*line[:place], *line[place + 1 :]] for line in lines]
    console.print(table(lines[0], lines[1:], ("workload", "hardware", "design")))
    if len(results) > MOST:
        more = f"... and {len(results) - MOST:,} more (--format csv prints all)"
        console.print(more, style="dim")
    if left:
        console.print(f"No room for {', '.join(left)} (--format csv prints all)", style="dim")


def _width(lines: Sequence[Sequence[str]]) -> int:
    return sum(2 + max(map(len, column)) for column in zip(*lines, strict=True)) - 2


def print_effects(effects: Sequence[Effect]) -> None:
    """Print what parameters do, one parameter and design a line."""
    plain().print(table(EFFECTS, texts(map(effect_cells, effects)), EFFECTS[:2]))


def effect_cells(effect: Effect) -> list[Cell]:
    """Return what a parameter does, in the order of `EFFECTS`."""
    known = effect.factor == effect.factor
    return [
        (effect.design, None),
        (effect.parameter, None),
        (percent(effect.share), effect.share),
        (ratio(effect.factor) if known else "-", effect.factor),
        (effect.best, None),
    ]


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
