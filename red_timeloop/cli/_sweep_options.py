"""Options of the commands that read a sweep's store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from red_timeloop.cli.verbosity import say
from red_timeloop.errors import InputError
from red_timeloop.sweeps import SweepError
from red_timeloop.sweeps.measures import Condition, Objective
from red_timeloop.sweeps.table import Results, load_results

__all__ = ["chosen", "feasible", "flat", "objective", "store"]

_F = TypeVar("_F", bound=Callable[..., Any])


def store(function: _F) -> _F:
    """Add the argument DIR and the options that choose among its points."""
    function = click.option(
        "--where",
        "conditions",
        metavar="CONDITION",
        multiple=True,
        help="Bound on a measure or parameter, e.g. 'area_m2 <= 2e-4'; repeat for more. The "
        "sweep's own constraints hold too; without one on sqnr_dB, points that lose more than "
        "their parameter set does are left out.",
    )(function)
    function = click.option(
        "--sweep", "name", metavar="NAME", help="Which sweep, when the store has several."
    )(function)
    return click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))(function)


def objective(function: _F) -> _F:
    """Add `--objective`, repeatable."""
    return click.option(
        "--objective",
        "objectives",
        metavar="[min|max] MEASURE",
        multiple=True,
        help="What counts, e.g. energy_J; repeat for more.  [default: the sweep's own]",
    )(function)


def feasible(
    folder: Path, name: str | None, designs: Sequence[str], conditions: Sequence[str]
) -> Results:
    """Return the points of a sweep that keep to its constraints and to `conditions`.

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
    return points


def chosen(objectives: Sequence[str], results: Results) -> tuple[Objective, ...]:
    """Return the objectives of `--objective`, or the sweep's own where none was given."""
    return tuple(Objective.parse(text, "--objective") for text in objectives) or results.objectives


def flat(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return the rows of all objectives in one list, each with its objective."""
    return [{"objective": objective, **row} for objective, some in rows.items() for row in some]
