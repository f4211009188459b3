"""`red-timeloop draw`: the picture that explains RED, for any layer."""

from __future__ import annotations

from pathlib import Path

import click

from red_timeloop.cli import options
from red_timeloop.views.drawing import FORMATS, draw
from red_timeloop.workload import Workload

__all__ = ["command"]


@click.command(name="draw")
@options.network
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(FORMATS),
    help="Format of the figure; svg comes still and animated.  [default: svg]",
)
@options.one_design()
@click.option("--steps", type=int, help="Steps in the still figure, 1 to 4.  [default: 3]")
@options.output("Folder to write to.  [default: the current one]", default=Path())
def command(
    network: Workload, formats: tuple[str, ...], design: str, steps: int | None, output: Path
) -> None:
    """Draw how RED, or another design of computation modes, runs a layer.

    The picture shows the kernel by computation mode, the sub-crossbar tensor and the first steps
    of the zero-skipping data flow, planes of a third axis beside each other. WORKLOAD is a name
    that `red-timeloop list` shows, or a YAML, ONNX or Keras file.
    """
    drawings = [draw(entry.layer, design, steps=steps) for entry in network.layers]
    for drawing in drawings:
        for path in drawing.write(output, formats or ("svg",)):
            click.echo(path)
