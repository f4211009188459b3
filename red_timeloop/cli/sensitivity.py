"""`red-timeloop sensitivity`: which parameters of a sweep matter."""

from __future__ import annotations

import math
from pathlib import Path

import click

from red_timeloop.cli import _sweep_options, options, results
from red_timeloop.files import to_csv
from red_timeloop.sweeps.analysis import sensitivity
from red_timeloop.views.sweep_table import print_effects

__all__ = ["command"]


@click.command(name="sensitivity")
@_sweep_options.store
@options.design()
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
    points = _sweep_options.feasible(folder, name, designs, conditions)
    chosen = _sweep_options.chosen(objectives, points)
    found = {str(objective): sensitivity(points, objective) for objective in chosen}
    rows = {
        objective: [
            {**vars(effect), "factor": None if math.isnan(effect.factor) else effect.factor}
            for effect in effects
        ]
        for objective, effects in found.items()
    }

    def table() -> None:
        for index, objective in enumerate(found):
            click.echo(f"{chr(10) if index else ''}{objective}\n")
            print_effects(found[objective])

    results.show(
        form,
        table,
        lambda: {"schema": 1, "notes": points.notes, "effects": rows},
        lambda: to_csv(_sweep_options.flat(rows)),
    )
