"""`red-timeloop export`: a layer as files that Timeloop runs without this package."""

from __future__ import annotations

from pathlib import Path

import click

from red_timeloop.cli import options
from red_timeloop.designs import find
from red_timeloop.errors import InputError
from red_timeloop.export import COMMAND, export
from red_timeloop.workload import load_workload

__all__ = ["command"]


@click.command(name="export")
@click.argument("layer", metavar="WORKLOAD:LAYER", shell_complete=options.complete_workloads)
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
    layer: str, design: str, hardware: str, settings: tuple[str, ...], output: Path
) -> None:
    """Write a layer on a design as a bundle for Timeloop.

    The bundle holds, for each group of computation modes, the architecture, the problem, the
    design's mapping and constraints, energy and area tables, and how to run them all.
    """
    workload_name, colon, name = layer.partition(":")
    if not colon or not name:
        raise InputError(f"got {layer!r}", key="WORKLOAD:LAYER", legal="red_date2019:GAN_Deconv1")
    workload = load_workload(workload_name)
    entry = workload.select([name]).layers[0]
    parameters = options.load_hardware(hardware, settings)
    title = f"{entry.name} of {workload.name}"
    folders = export(find(design, code=True), entry.layer, parameters, output, title)
    for folder in folders:
        click.echo(folder)
    click.echo(f"In {output}: {COMMAND}")
