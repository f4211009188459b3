"""`red-timeloop export`: a layer as files that Timeloop runs without this package."""

from __future__ import annotations

from pathlib import Path

import click

from red_timeloop.cli import options
from red_timeloop.designs import find
from red_timeloop.errors import InputError
from red_timeloop.export import COMMAND, export
from red_timeloop.hardware import Hardware
from red_timeloop.workload import Workload

__all__ = ["command"]


@click.command(name="export")
@options.network
@options.one_design()
@options.hardware
@options.output("Folder to write to; empty or new.", required=True)
def command(network: Workload, design: str, hardware: Hardware, output: Path) -> None:
    """Write a layer on a design as a bundle for Timeloop.

    The bundle holds, for each group of computation modes, the architecture, the problem, the
    design's mapping and constraints, energy and area tables, and how to run them all.
    """
    entry, *more = network.layers
    if more:
        names = [each.name for each in network.layers]
        raise InputError(f"{network.name!r} has {len(names)} layers", key="--layer", legal=names)
    title = f"{entry.name} of {network.name}"
    for folder in export(find(design, code=True), entry.layer, hardware, output, title):
        click.echo(folder)
    click.echo(f"In {output}: {COMMAND}")
