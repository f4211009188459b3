"""`red-timeloop compare`: a workload on several designs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from red_timeloop.cli import options
from red_timeloop.files import make_folder, write_atomic

if TYPE_CHECKING:
    from red_timeloop.comparison import Comparison

__all__ = ["command"]


@click.command(name="compare")
@click.argument("workload", default="red_date2019", metavar="[WORKLOAD]")
@options.design
@options.layer
@options.engine
@options.hardware
@options.format_("table", "json", "csv")
@options.output
def command(
    workload: str,
    designs: tuple[str, ...],
    layers: tuple[str, ...],
    engine: str,
    hardware: str,
    settings: tuple[str, ...],
    form: str,
    output: Path | None,
) -> None:
    """Compare designs on the layers of a workload.

    WORKLOAD is a name that `red-timeloop list` shows, or a YAML file; the six layers of the RED
    benchmark when left out.
    """
    from red_timeloop.comparison import compare

    comparison = compare(
        workload,
        designs or None,
        engine,
        layers=layers,
        hardware=options.load_hardware(hardware, settings),
    )
    if form == "json":
        click.echo(json.dumps(comparison.as_dict(), indent=2))
    elif form == "csv":
        click.echo(comparison.to_csv(), nl=False)
    else:
        from red_timeloop.report.table import print_comparison

        print_comparison(comparison)
    if output is not None:
        _write(comparison, make_folder(output))


def _write(comparison: Comparison, folder: Path) -> None:
    write_atomic(folder / "comparison.json", json.dumps(comparison.as_dict(), indent=2) + "\n")
    write_atomic(folder / "comparison.csv", comparison.to_csv())
    click.echo(f"Wrote comparison.json and comparison.csv to {folder}", err=True)
