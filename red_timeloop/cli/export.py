"""`red-timeloop export`: a layer as files that Timeloop runs without this package."""

from __future__ import annotations

from pathlib import Path

import click

from red_timeloop.cli import options
from red_timeloop.designs import find
from red_timeloop.errors import InputError
from red_timeloop.export import COMMAND, export
from red_timeloop.frontends.read import read_workload

__all__ = ["command"]


@click.command(name="export")
@options.workload()
@options.layer
@click.option("--design", metavar="DESIGN", default="red", show_default=True, help="The design.")
@options.hardware
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to; empty or new.",
)
def command(
    workload: str,
    layers: tuple[str, ...],
    design: str,
    hardware: str,
    settings: tuple[str, ...],
    output: Path,
) -> None:
    """Write a layer on a design as a bundle for Timeloop.

    The bundle holds, for each group of computation modes, the architecture, the problem, the
    design's mapping and constraints, energy and area tables, and how to run them all.
    """
    loaded = read_workload(workload, layers)
    entry, *more = loaded.layers
    if more:
        names = [each.name for each in loaded.layers]
        raise InputError(f"{workload!r} has {len(names)} layers", key="--layer", legal=names)
    parameters = options.load_hardware(hardware, settings)
    title = f"{entry.name} of {loaded.name}"
    folders = export(find(design, code=True), entry.layer, parameters, output, title)
    for folder in folders:
        click.echo(folder)
    click.echo(f"In {output}: {COMMAND}")
