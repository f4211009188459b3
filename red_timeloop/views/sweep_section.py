"""A sweep as a section of the report: its front, its best points, and what matters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from markupsafe import Markup

from red_timeloop.designs.registry import label
from red_timeloop.sweeps.analysis import best, pareto, sensitivity
from red_timeloop.sweeps.store import Store
from red_timeloop.sweeps.table import Results, load_results
from red_timeloop.views.page_figure import Figures
from red_timeloop.views.sweep_figure import pareto_panels
from red_timeloop.views.sweep_table import EFFECTS, MOST, cells, effect_cells, measure_name
from red_timeloop.views.tables import Cell

__all__ = ["labelled", "load_sweeps", "sweep_section"]

PageTable = tuple[Sequence[str], list[tuple[str, str, list[Cell]]]]


def load_sweeps(path: str | Path) -> list[tuple[str, Results]]:
    """Return the name and the points of each sweep in a store.

    Raises:
        InputError: There is no store.
        SweepError: The store is damaged or of a newer version.
    """
    with Store.read(path) as store:
        names = list(store.sweeps())
    return [(name, load_results(path, name)) for name in names]


def sweep_section(name: str, results: Results, drawn: Figures) -> dict[str, Any]:
    """Return what the template shows of a sweep, drawn among the figures of its page.

    Raises:
        InputError: No point is feasible.
    """
    feasible = results.feasible()
    front = pareto(feasible)
    objectives = results.objectives
    return {
        "name": name,
        "objectives": ", ".join(map(str, objectives)),
        "constraints": ", ".join(map(str, results.constraints)) or "none",
        "notes": feasible.notes,
        "count": f"{len(feasible):,} of {len(results):,}",
        "figures": list(_figures(feasible, drawn)),
        "front": labelled(*cells(front, [o.measure for o in objectives])),
        "rest": max(0, len(front) - MOST),
        "best": [
            (str(objective), labelled(*cells(best(feasible, objective), [objective.measure])))
            for objective in objectives
        ],
        "effects": [
            (
                str(objective),
                labelled(EFFECTS, map(effect_cells, sensitivity(feasible, objective))),
            )
            for objective in objectives
        ],
        "failed": sorted(results.failed.items()),
    }


def _figures(results: Results, drawn: Figures) -> Iterable[tuple[str, Markup]]:
    """Yield a figure of every two objectives for each workload."""
    for workload in dict.fromkeys(results.words["workload"].tolist()):
        mine = results.select(results.words["workload"] == workload)
        for pair in combinations(results.objectives, 2):
            title = f"{workload}: {' and '.join(measure_name(each.measure) for each in pair)}"
            words = "Points by design, and the Pareto front over all, which a table below lists"
            yield title, drawn.of(pareto_panels(mine, results.objectives, [pair]), title, words)


def labelled(heads: Sequence[str], rows: Iterable[list[Cell]]) -> PageTable:
    """Return a table of a page, with designs as they are printed."""
    who = heads.index("design")
    return heads, [("", "", [*r[:who], (label(r[who][0]), None), *r[who + 1 :]]) for r in rows]
