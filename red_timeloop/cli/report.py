"""`red-timeloop report`: a page with the charts and tables of a comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from red_timeloop.chip.budget import Budget
from red_timeloop.chip.run import on_chip
from red_timeloop.cli import options
from red_timeloop.cli.chip import budget
from red_timeloop.cli.compare import compared, comparing
from red_timeloop.cli.verbosity import progress_bar
from red_timeloop.errors import InputError
from red_timeloop.sweeps.errors import SweepError
from red_timeloop.views.write import write_report

__all__ = ["command"]

_NOT_FOR_CHIPS = {
    "everything": "--all",
    "crossbars": "--map",
    "iso_area": "--iso-area",
    "at_least": "--at-least",
}


@click.command(name="report")
@click.argument(
    "workloads", nargs=-1, metavar="[WORKLOAD]...", shell_complete=options.complete_workloads
)
@comparing
@click.option("--figures", is_flag=True, help="Also write each chart as SVG, PDF and PNG.")
@click.option(
    "--sweep",
    "sweeps",
    type=options.PATH,
    metavar="DIR",
    multiple=True,
    help="Also show the sweeps in this store; repeat for more.",
)
@options.chip(help="Also put each network on this chip: tables, floor plans, timelines.")
@options.gathered(
    "shared",
    budget,
    click.option("--area", metavar="AREA", help="The chip's budget: an area, e.g. 50mm2."),
    options.power,
    options.chips,
)
@options.output("Folder to write to.", required=True)
def command(
    workloads: tuple[str, ...],
    figures: bool,
    sweeps: tuple[Path, ...],
    chip: str | None,
    shared: Budget | None,
    output: Path,
    **choice: Any,
) -> None:
    """Write a page with the charts of a comparison.

    The page, DIR/report.html, is one file that needs no network; its data is written beside it
    as CSV and JSON. WORKLOAD is a name that `red-timeloop list` shows, or a YAML file; the six
    layers of the RED benchmark when left out. A layer that a design cannot hold is listed with the
    reason.
    """
    if shared is not None and chip is None:
        raise InputError("a budget of no chip", key="--chip", legal="a budget with --chip")
    for key, option in _NOT_FOR_CHIPS.items():
        if chip is not None and choice[key]:
            raise InputError(f"{option} is not for chips", key="--chip", legal=f"without {option}")
    comparisons = compared(workloads, keep_going=True, **choice)
    same = {key: choice[key] for key in ("designs", "engine", "hardware", "jobs")}
    with progress_bar() as progress:
        placed = [
            on_chip(
                each.workload,
                chip=chip,
                budget=shared,
                evaluated=[*each.results, *each.baseline],
                progress=progress,
                **same,
            )
            for each in comparisons
            if chip is not None
        ]
    try:
        paths = write_report(comparisons, output, figures=figures, sweeps=sweeps, chips=placed)
    except SweepError as error:
        raise click.ClickException(str(error)) from error
    for path in paths:
        click.echo(path)
