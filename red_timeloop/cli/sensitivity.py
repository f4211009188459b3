"""`red-timeloop sensitivity`: which parameters of a sweep matter."""

from __future__ import annotations

import math

import click

from red_timeloop.cli._sweep_options import Chosen, flat, store
from red_timeloop.cli.results import Answer, answering
from red_timeloop.sweeps.analysis import sensitivity
from red_timeloop.views.sweep_table import print_effects

__all__ = ["command"]


@click.command(name="sensitivity")
@store
@answering(csv=True)
def command(chosen: Chosen) -> Answer:
    """Show how much each parameter of a sweep moves the objectives.

    DIR is the folder of the sweep's store. A parameter's share is the part of the variance (of the
    logarithm) that lies between its values, with the other parameters averaged over.
    """
    points, objectives = chosen
    found = {str(objective): sensitivity(points, objective) for objective in objectives}
    rows = {
        objective: [
            {**vars(effect), "factor": None if math.isnan(effect.factor) else effect.factor}
            for effect in effects
        ]
        for objective, effects in found.items()
    }

    def table() -> None:
        for index, (objective, effects) in enumerate(found.items()):
            click.echo(f"{chr(10) if index else ''}{objective}\n")
            print_effects(effects)

    return Answer(
        table,
        lambda: {"schema": 1, "notes": points.notes, "effects": rows},
        lambda: flat(rows),
    )
