"""A sweep as a section of the report: its front, its best points, and what matters."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from red_timeloop.designs.registry import label
from red_timeloop.report.sweep_figure import pareto_figure
from red_timeloop.report.sweep_table import measure_name, measure_text, parameter_text
from red_timeloop.sweeps.analysis import best, pareto, sensitivity
from red_timeloop.sweeps.measures import MEASURES
from red_timeloop.sweeps.store import Store
from red_timeloop.sweeps.table import Results, load_results
from red_timeloop.units import percent, ratio

__all__ = ["sweep_sections"]

_MOST_ROWS = 40  # of a front on the page; the command `pareto` writes all
_HIDDEN = ("programming_energy_J", "energy_delay_Js", "cycles", "crossbars")


def sweep_sections(path: str | Path) -> list[dict[str, Any]]:
    """Return what the template shows of each sweep in a store.

    Raises:
        InputError: There is no store, or no point of a sweep is feasible.
        SweepError: The store is damaged or of a newer version.
    """
    with Store.read(path) as store:
        names = list(store.sweeps())
    return [_section(name, load_results(path, name)) for name in names]


def _section(name: str, results: Results) -> dict[str, Any]:
    feasible = results.feasible()
    front = pareto(feasible)
    objectives = results.objectives
    return {
        "name": name,
        "objectives": ", ".join(map(str, objectives)),
        "constraints": ", ".join(map(str, results.constraints)) or "none",
        "notes": feasible.notes,
        "count": f"{len(feasible):,} of {len(results):,}",
        "figures": list(_figures(feasible)),
        "front": _table(front, [o.measure for o in objectives]),
        "rest": max(0, len(front) - _MOST_ROWS),
        "best": [
            (str(objective), _table(best(feasible, objective), [objective.measure]))
            for objective in objectives
        ],
        "effects": [
            (
                str(objective),
                [
                    (
                        label(effect.design),
                        effect.parameter,
                        percent(effect.share),
                        ratio(effect.factor) if effect.factor == effect.factor else "",
                        effect.best,
                    )
                    for effect in sensitivity(feasible, objective)
                ],
            )
            for objective in objectives
        ],
        "failed": sorted(results.failed.items()),
    }


def _figures(results: Results) -> Iterable[dict[str, str]]:
    """Yield a figure of the first two objectives for each workload, as a data address."""
    if len(results.objectives) < 2:
        return
    first, second = results.objectives[:2]
    for workload in dict.fromkeys(results.words["workload"].tolist()):
        mine = results.select(results.words["workload"] == workload)
        svg = base64.b64encode(pareto_figure(mine, (first, second))).decode()
        yield {
            "title": str(workload),
            "alt": f"{first.measure} and {second.measure} of the points, with the Pareto front",
            "source": f"data:image/svg+xml;base64,{svg}",
        }


def _table(results: Results, shown: list[str]) -> tuple[list[str], list[list[str]]]:
    """Return headings and rows of cells."""
    rows = [results.row(index) for index in range(min(len(results), _MOST_ROWS))]
    who = ["design"]
    for name in ("workload", "hardware"):
        if len({row[name] for row in rows}) > 1:
            who.insert(0, name)
    measures = [
        m for m in MEASURES if any(m in row for row in rows) and (m not in _HIDDEN or m in shown)
    ]
    heads = [*who, *results.parameters, *map(measure_name, measures)]
    cells = [
        [label(row[name]) if name == "design" else row[name] for name in who]
        + [parameter_text(row[name]) for name in results.parameters]
        + [measure_text(name, row[name]) if name in row else "" for name in measures]
        for row in rows
    ]
    return heads, cells
