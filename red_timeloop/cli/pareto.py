"""`red-timeloop pareto`: the points of a sweep that no other point beats."""

from __future__ import annotations

from pathlib import Path

import click

from red_timeloop.cli import _sweep_options, options, results
from red_timeloop.files import to_csv, to_json
from red_timeloop.sweeps.analysis import pareto
from red_timeloop.views.sweep_figure import pareto_figure
from red_timeloop.views.sweep_table import print_results

__all__ = ["command"]


@click.command(name="pareto")
@_sweep_options.store
@options.design()
@_sweep_options.objective
@options.format_("table", "json", "csv")
@options.output
def command(
    folder: Path,
    name: str | None,
    conditions: tuple[str, ...],
    designs: tuple[str, ...],
    objectives: tuple[str, ...],
    form: str,
    output: Path | None,
) -> None:
    """Show the Pareto front of the sweep in DIR, over all designs.

    With -o it is also written as pareto.csv, pareto.json and, with several objectives, as a figure.
    """
    points = _sweep_options.feasible(folder, name, designs, conditions)
    chosen = _sweep_options.chosen(objectives, points)
    front = pareto(points, chosen)
    rows = [front.row(index) for index in range(len(front))]
    content = {
        "schema": 1,
        "objectives": [str(o) for o in chosen],
        "notes": points.notes,
        "front": rows,
    }

    def table() -> None:
        words = ", ".join(map(str, chosen))
        click.echo(f"{len(front):,} of {len(points):,} feasible evaluations: {words}\n")
        print_results(front, [objective.measure for objective in chosen])

    results.show(form, table, lambda: content, lambda: to_csv(rows))
    texts: dict[str, str | bytes] = {
        "pareto.json": to_json(content),
        "pareto.csv": to_csv(rows),
    }
    if output is not None and len(chosen) > 1:
        for workload in dict.fromkeys(points.words["workload"].tolist()):
            mine = points.select(points.words["workload"] == workload)
            texts[f"pareto_{workload}.svg"] = pareto_figure(mine, chosen)
    results.write(output, texts)
