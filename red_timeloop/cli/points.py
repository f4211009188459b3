"""`red-timeloop pareto`, `best` and `sensitivity`: what the points of a sweep say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from red_timeloop.cli import options
from red_timeloop.cli.results import Answer, answering
from red_timeloop.cli.verbosity import say
from red_timeloop.errors import InputError
from red_timeloop.sweeps import SweepError, analysis
from red_timeloop.sweeps.measures import Condition, Objective
from red_timeloop.sweeps.table import Results, load_results
from red_timeloop.views.sweep_table import print_effects, print_results

__all__ = ["best", "pareto", "sensitivity"]

_Chosen = tuple[Results, tuple[Objective, ...]]


def _chosen(
    folder: Path,
    name: str | None,
    conditions: Sequence[str],
    designs: Sequence[str],
    objectives: Sequence[str],
) -> _Chosen:
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
_store = options.gathered(
    "chosen",
    _chosen,
    click.argument("folder", metavar="DIR", type=options.PATH),
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


@click.command()
@_store
@answering(csv=True, folder=True)
def pareto(chosen: _Chosen) -> Answer:
    """Show the Pareto front of the sweep in DIR, over all designs.

    With -o it is also written as pareto.csv, pareto.json and, with several objectives, as a figure.
    """
    points, objectives = chosen
    front = analysis.pareto(points, objectives)
    words = [str(objective) for objective in objectives]

    def table() -> None:
        click.echo(f"{len(front):,} of {len(points):,} feasible evaluations: {', '.join(words)}\n")
        print_results(front, [objective.measure for objective in objectives])

    def figures() -> dict[str, bytes]:
        from red_timeloop.views.sweep_figure import pareto_figure  # not to be loaded else

        workloads = points.words["workload"]
        return {
            f"pareto_{name}.svg": pareto_figure(points.select(workloads == name), objectives)
            for name in dict.fromkeys(workloads.tolist())
            if len(objectives) > 1
        }

    rows = _rows(front)
    content = {"schema": 1, "objectives": words, "notes": points.notes, "front": rows}
    return Answer(table, lambda: content, lambda: rows, ("pareto.json", "pareto.csv"), figures)


@click.command()
@_store
@click.option(
    "--top",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Points of each design and objective.",
)
@answering(csv=True)
def best(chosen: _Chosen, top: int) -> Answer:
    """Show each design's best point of the sweep in DIR, for each objective."""
    points, objectives = chosen
    found = {each: analysis.best(points, each, top) for each in objectives}
    rows = {str(each): _rows(some) for each, some in found.items()}
    shown = {
        f"{each}, of {len(points):,} evaluations": partial(print_results, some, [each.measure])
        for each, some in found.items()
    }
    return _answer(shown, {"feasible": len(points), "notes": points.notes, "best": rows}, rows)


@click.command()
@_store
@answering(csv=True)
def sensitivity(chosen: _Chosen) -> Answer:
    """Show how much each parameter of a sweep moves the objectives.

    DIR is the folder of the sweep's store. A parameter's share is the part of the variance (of the
    logarithm) that lies between its values, with the other parameters averaged over.
    """
    points, objectives = chosen
    found = {str(each): analysis.sensitivity(points, each) for each in objectives}
    rows = {
        objective: [
            {**vars(effect), "factor": None if math.isnan(effect.factor) else effect.factor}
            for effect in effects
        ]
        for objective, effects in found.items()
    }
    shown = {objective: partial(print_effects, effects) for objective, effects in found.items()}
    return _answer(shown, {"notes": points.notes, "effects": rows}, rows)


def _rows(points: Results) -> list[dict[str, Any]]:
    return [points.row(index) for index in range(len(points))]


def _answer(
    shown: Mapping[str, Callable[[], None]],
    content: Mapping[str, Any],
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Answer:
    """Return what is said of each objective: under a heading, in JSON, and as rows of a CSV."""

    def table() -> None:
        for index, (heading, show) in enumerate(shown.items()):
            click.echo(f"{chr(10) if index else ''}{heading}\n")
            show()

    flat = [{"objective": objective, **row} for objective, some in rows.items() for row in some]
    return Answer(table, lambda: {"schema": 1, **content}, lambda: flat)
