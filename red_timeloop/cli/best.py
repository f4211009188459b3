"""`red-timeloop best`: the best points of a sweep under constraints."""

from __future__ import annotations

import click

from red_timeloop.cli._sweep_options import Chosen, flat, store
from red_timeloop.cli.results import Answer, answering
from red_timeloop.sweeps.analysis import best
from red_timeloop.views.sweep_table import print_results

__all__ = ["command"]


@click.command(name="best")
@store
@click.option(
    "--top",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Points of each design and objective.",
)
@answering(csv=True)
def command(chosen: Chosen, top: int) -> Answer:
    """Show each design's best point of the sweep in DIR, for each objective."""
    points, objectives = chosen
    found = {objective: best(points, objective, top) for objective in objectives}
    rows = {str(o): [some.row(i) for i in range(len(some))] for o, some in found.items()}

    def table() -> None:
        for index, (objective, some) in enumerate(found.items()):
            click.echo(f"{chr(10) if index else ''}{objective}, of {len(points):,} evaluations\n")
            print_results(some, [objective.measure])

    return Answer(
        table,
        lambda: {"schema": 1, "feasible": len(points), "notes": points.notes, "best": rows},
        lambda: flat(rows),
    )
