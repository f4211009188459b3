"""`red-timeloop report`: a page with the charts and tables of a comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from red_timeloop.cli import options
from red_timeloop.cli._comparing import compared, comparing
from red_timeloop.sweeps.errors import SweepError
from red_timeloop.views.write import write_report

__all__ = ["command"]


@click.command(name="report")
@click.argument(
    "workloads", nargs=-1, metavar="[WORKLOAD]...", shell_complete=options.complete_workloads
)
@comparing
@click.option("--figures", is_flag=True, help="Also write each chart as SVG, PDF and PNG.")
@click.option(
    "--sweep",
    "sweeps",
    metavar="DIR",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Also show the sweeps in this store; repeat for more.",
)
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder to write to.",
)
def command(
    workloads: tuple[str, ...],
    figures: bool,
    sweeps: tuple[Path, ...],
    output: Path,
    **choice: Any,
) -> None:
    """Write a page with the charts of a comparison.

    The page, DIR/report.html, is one file that needs no network; its data is written beside it
    as CSV and JSON. WORKLOAD is a name that `red-timeloop list` shows, or a YAML file; the six
    layers of the RED benchmark when left out. A layer that a design cannot hold is listed with the
    reason.
    """
    comparisons = compared(workloads, keep_going=True, **choice)
    try:
        paths = write_report(comparisons, output, figures=figures, sweeps=sweeps)
    except SweepError as error:
        raise click.ClickException(str(error)) from error
    for path in paths:
        click.echo(path)
