"""`red-timeloop sensitivity`: which parameters of a sweep matter."""

from __future__ import annotations

import math
from pathlib import Path

import click

from red_timeloop.cli import _sweep_options, options

__all__ = ["command"]


@click.command(name="sensitivity")
@_sweep_options.store
@options.design
@_sweep_options.objective
@options.format_("table", "json", "csv")
def command(
    folder: Path,
    name: str | None,
    conditions: tuple[str, ...],
    designs: tuple[str, ...],
    objectives: tuple[str, ...],
    form: str,
) -> None:
    """Show how much each parameter of a sweep moves the objectives.

    DIR is the folder of the sweep's store. A parameter's share is the part of the variance (of the
    logarithm) that lies between its values, with the other parameters averaged over.
    """
    from red_timeloop.report.sweep_table import print_effects, to_csv, to_json
    from red_timeloop.sweeps.analysis import sensitivity

    results = _sweep_options.feasible(folder, name, designs, conditions)
    chosen = _sweep_options.chosen(objectives, results)
    found = {str(objective): sensitivity(results, objective) for objective in chosen}
    rows = {
        objective: [
            {**vars(effect), "factor": None if math.isnan(effect.factor) else effect.factor}
            for effect in effects
        ]
        for objective, effects in found.items()
    }
    if form == "json":
        click.echo(to_json({"schema": 1, "effects": rows}))
    elif form == "csv":
        flat = [{"objective": o, **row} for o, some in rows.items() for row in some]
        click.echo(to_csv(flat), nl=False)
    else:
        for index, objective in enumerate(found):
            click.echo(f"{chr(10) if index else ''}{objective}\n")
            print_effects(found[objective])
