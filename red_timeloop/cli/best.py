"""`red-timeloop best`: the best points of a sweep under constraints."""

from __future__ import annotations

from pathlib import Path

import click

from red_timeloop.cli import _sweep_options, options

__all__ = ["command"]


@click.command(name="best")
@_sweep_options.store
@options.design
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
    from red_timeloop.report.sweep_table import print_results, to_csv, to_json
    from red_timeloop.sweeps.analysis import best

    results = _sweep_options.feasible(folder, name, designs, conditions)
    chosen = _sweep_options.chosen(objectives, results)
    found = {str(objective): best(results, objective, top) for objective in chosen}
    rows = {o: [some.row(i) for i in range(len(some))] for o, some in found.items()}
    if form == "json":
        click.echo(to_json({"schema": 1, "feasible": len(results), "best": rows}))
    elif form == "csv":
        flat = [{"objective": o, **row} for o, some in rows.items() for row in some]
        click.echo(to_csv(flat), nl=False)
    else:
        for index, objective in enumerate(chosen):
            click.echo(f"{chr(10) if index else ''}{objective}, of {len(results):,} evaluations\n")
            print_results(found[str(objective)], [objective.measure])
