"""`red-timeloop best`: the best points of a sweep under constraints."""

from __future__ import annotations

from pathlib import Path

import click

from red_timeloop.cli import _sweep_options, options, results
from red_timeloop.files import to_csv
from red_timeloop.sweeps.analysis import best
from red_timeloop.views.sweep_table import print_results

__all__ = ["command"]


@click.command(name="best")
@_sweep_options.store
@options.design()
@_sweep_options.objective
@click.option(
    "--top",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Points of each design and objective.",
)
@options.format_("table", "json", "csv")
def command(
    folder: Path,
    name: str | None,
    conditions: tuple[str, ...],
    designs: tuple[str, ...],
    objectives: tuple[str, ...],
    top: int,
    form: str,
) -> None:
    """Show each design's best point of the sweep in DIR, for each objective."""
    points = _sweep_options.feasible(folder, name, designs, conditions)
    chosen = _sweep_options.chosen(objectives, points)
    found = {str(objective): best(points, objective, top) for objective in chosen}
    rows = {o: [some.row(i) for i in range(len(some))] for o, some in found.items()}

    def table() -> None:
        for index, objective in enumerate(chosen):
            click.echo(f"{chr(10) if index else ''}{objective}, of {len(points):,} evaluations\n")
            print_results(found[str(objective)], [objective.measure])

    results.show(
        form,
        table,
        lambda: {"schema": 1, "feasible": len(points), "notes": points.notes, "best": rows},
        lambda: to_csv(_sweep_options.flat(rows)),
    )
