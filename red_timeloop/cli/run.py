"""`red-timeloop run`: a network with its weights on the designs, and how good its outputs are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from red_timeloop.cli import options
from red_timeloop.cli.results import Answer, answering
from red_timeloop.cli.verbosity import progress_bar
from red_timeloop.designs import choose
from red_timeloop.errors import InputError, shown
from red_timeloop.networks.inputs import Normalization
from red_timeloop.networks.result import NetworkRun, as_text, columns
from red_timeloop.networks.run import run
from red_timeloop.networks.scores import load_score
from red_timeloop.views.tables import plain, table

__all__ = ["command"]


@click.command(name="run")
@click.argument("model", metavar="MODEL.onnx", type=options.PATH)
@click.option(
    "--input",
    "inputs",
    type=options.PATH,
    metavar="FILE",
    multiple=True,
    required=True,
    help="Images to run: .npy, .npz, PNG or JPEG; repeat for more.",
)
@click.option("--labels", metavar="FILE", help="What is right: .npy, .npz.  [default: of --input]")
@click.option("--score", metavar="FILE.py:NAME", help="A function (outputs, labels) -> number.")
@options.design("red")
@options.hardware
@options.adc_step
@options.cells
@click.option("--input-bits", default=8, show_default=True, help="Bits of inputs.")
@click.option("--weight-bits", default=8, show_default=True, help="Bits of weights.")
@click.option(
    "--percentile",
    default=100.0,
    show_default=True,
    help="Of an image's magnitudes: what the integers reach to.",
)
@click.option(
    "--calibration",
    type=options.PATH,
    metavar="FILE",
    multiple=True,
    help="Calibrate on these instead of on the inputs.",
)
@click.option("--size", metavar="HxW", help="Resize pictures.")
@click.option("--mean", default="0", show_default=True, help="Taken off pixels of 0 to 1.")
@click.option("--std", default="1", show_default=True, help="What they are then divided by.")
@click.option("--batch", default=16, show_default=True, help="Images at a time.")
@answering(csv=True, folder=True)
def command(
    model: Path,
    designs: tuple[str, ...],
    calibration: tuple[Path, ...],
    score: str | None,
    size: str | None,
    mean: str,
    std: str,
    **choice: Any,
) -> Answer:
    """Run a network on pictures or arrays, with its own weights.

    Its (transposed) convolutions and products with constant matrices stand on the crossbars of the
    designs; onnxruntime computes the rest. What comes out is compared with the float model, with
    the same network on ideal integers, and with labels.
    """
    normalization = Normalization(_numbers(mean, "--mean"), _numbers(std, "--std"), _size(size))
    with progress_bar() as progress:
        result = run(
            model,
            designs=choose(designs or "red"),
            calibration=calibration or None,
            normalization=normalization,
            score=load_score(score) if score else None,
            progress=progress,
            **choice,
        )
    return Answer(
        lambda: _print(result),
        result.as_dict,
        lambda: result.as_dict()["layers"],
        ("run.json", "layers.csv"),
        lambda: {f"{_clean(name)}.png": drawn for name, drawn in result.pictures().items()},
    )


def _numbers(text: str, key: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"got {shown(text)}", key=key, legal="a number, or one a channel: 0.5,0.5,0.5"
        ) from None


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal() and 0 < int(height) * int(width) < 1 << 28):
        raise InputError(f"got {shown(text)}", key="--size", legal="HEIGHTxWIDTH, e.g. 320x320")
    return int(height), int(width)


def _clean(name: str) -> str:
    return "".join(each if each.isalnum() or each in "-_." else "_" for each in name) or "output"


def _print(result: NetworkRun) -> None:
    console = plain()
    images = f"{result.images} image{'s' * (result.images > 1)}"
    console.print(f"{result.network}, {images}, {result.hardware}")
    words = ("model", "output", "layer", "design")
    console.print(table(*columns(result.qualities), words))
    console.print()
    heads = ["layer", "design", "quantized (dB)", "own (dB)", "total (dB)", "saturated"]
    cells = []
    for each in result.layers:
        share = f"{each.saturations / each.conversions:.2%}" if each.conversions else "-"
        ratios = map(as_text, (each.quantization_db, each.own_db, each.total_db))
        cells.append([each.layer, each.design, *ratios, share])
    console.print(table(heads, cells, words))
    for note in result.notes:
        console.print(f"  {note}")
