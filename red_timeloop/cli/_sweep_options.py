"""Options of the commands that read a sweep's store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from red_timeloop.cli import options
from red_timeloop.cli.verbosity import say
from red_timeloop.errors import InputError
from red_timeloop.sweeps import SweepError
from red_timeloop.sweeps.measures import Condition, Objective
from red_timeloop.sweeps.table import Results, load_results

__all__ = ["Chosen", "flat", "store"]

Chosen = tuple[Results, tuple[Objective, ...]]


def _chosen(
    folder: Path,
    name: str | None,
    conditions: Sequence[str],
    designs: Sequence[str],
    objectives: Sequence[str],
) -> Chosen:
    """Return the points of a sweep that keep to its constraints and to `conditions`, and the aims.

    What is left out beside these is said on standard error.
    A store that cannot be read ends the command with one line and exit code 2.
    """
    bounds = [Condition.parse(text, "--where") for text in conditions]
    try:
        points = load_results(folder, name, designs).feasible(bounds)
    except SweepError as error:
        raise InputError(str(error)) from error
    if len(points):  # else it is said why there are none
        for note in points.notes:
            say(note)
    aims = tuple(Objective.parse(text, "--objective") for text in objectives)
    return points, aims or points.objectives


# DIR and what chooses among its points, together the parameter `chosen`: points and objectives
store = options.gathered(
    "chosen",
    _chosen,
    click.argument("folder", metavar="DIR", type=click.Path(path_type=Path)),
    click.option(
        "--sweep", "name", metavar="NAME", help="Which sweep, when the store has several."
    ),
    click.option(
        "--where",
        "conditions",
        metavar="CONDITION",
        multiple=True,
        help="Bound on a measure or parameter, e.g. 'area_m2 <= 2e-4'; repeat for more. The "
        "sweep's own constraints hold too; without one on sqnr_dB, points that lose more than "
        "their parameter set does are left out.",
    ),
    options.design(),
    click.option(
        "--objective",
        "objectives",
        metavar="[min|max] MEASURE",
        multiple=True,
        help="What counts, e.g. energy_J; repeat for more.  [default: the sweep's own]",
    ),
)


def flat(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return the rows of all objectives in one list, each with its objective."""
    return [{"objective": objective, **row} for objective, some in rows.items() for row in some]
