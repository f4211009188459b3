"""`red-timeloop pareto`: the points of a sweep that no other point beats."""

from __future__ import annotations

import click

from red_timeloop.cli._sweep_options import Chosen, store
from red_timeloop.cli.results import Answer, answering
from red_timeloop.sweeps.analysis import pareto
from red_timeloop.views.sweep_figure import pareto_figure
from red_timeloop.views.sweep_table import print_results

__all__ = ["command"]


@click.command(name="pareto")
@store
@answering(csv=True, folder=True)
def command(chosen: Chosen) -> Answer:
    """Show the Pareto front of the sweep in DIR, over all designs.

    With -o it is also written as pareto.csv, pareto.json and, with several objectives, as a figure.
    """
    points, objectives = chosen
    front = pareto(points, objectives)
    rows = [front.row(index) for index in range(len(front))]
    words = [str(objective) for objective in objectives]

    def table() -> None:
        click.echo(f"{len(front):,} of {len(points):,} feasible evaluations: {', '.join(words)}\n")
        print_results(front, [objective.measure for objective in objectives])

    def figures() -> dict[str, bytes]:
        workloads = points.words["workload"]
        return {
            f"pareto_{name}.svg": pareto_figure(points.select(workloads == name), objectives)
            for name in dict.fromkeys(workloads.tolist())
            if len(objectives) > 1
        }

    content = {"schema": 1, "objectives": words, "notes": points.notes, "front": rows}
    return Answer(table, lambda: content, lambda: rows, ("pareto.json", "pareto.csv"), figures)
