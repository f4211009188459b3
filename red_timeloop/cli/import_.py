"""`red-timeloop import`: a model becomes a workload file."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import click

from red_timeloop.cli import options
from red_timeloop.cli.results import fields
from red_timeloop.errors import InputError
from red_timeloop.files import to_json, write_atomic
from red_timeloop.frontends.accounting import Imported
from red_timeloop.frontends.read import read_model
from red_timeloop.views.tables import plain, table
from red_timeloop.workload import dump_workload

__all__ = ["command"]


@click.command(name="import")
@click.argument("model")
@options.output("Workload file to write; printed without it.", file=True)
@click.option(
    "--shape",
    "shapes",
    multiple=True,
    metavar="NAME=1x3x64x64",
    help="Sizes of an input that the model leaves open, the batch first. May be repeated.",
)
@click.option("--name", help="Name of the workload. [default: that of the model]")
@click.option("--input-bits", type=int, help="Bits of all inputs. [default: the model's, else 8]")
@click.option("--weight-bits", type=int, help="Bits of all weights. [default: the model's, else 8]")
@click.option("--strict", is_flag=True, help="Fail when an operator is not modelled.")
@options.format_("table", "json")
def command(
    model: str,
    output: Path | None,
    shapes: tuple[str, ...],
    strict: bool,
    form: str,
    **choice: Any,
) -> None:
    """Read MODEL and write its layers as a workload.

    MODEL is an ONNX file, a .keras file, or MODULE:NAME, which imports the Python module (the
    current folder is searched) and takes a torch.nn.Module or a Keras model from it, or a function
    that returns one.

    Every operator of the model is accounted for: imported, free (activation, normalisation,
    reshape, ...) or not modelled.
    """
    imported = read_model(model, dict(map(_shape, shapes)), **choice)
    if strict:
        imported.require_complete()
    text = dump_workload(imported.workload)
    if output is not None:
        write_atomic(output, text)
    elif form == "table":
        click.echo(text, nl=False)
    _report(imported, output, form)


def _shape(text: str) -> tuple[str, tuple[int, ...]]:
    name, _, sizes = text.rpartition("=")
    if not name or not re.fullmatch(r"[1-9]\d*([x,][1-9]\d*)*", sizes):
        raise InputError(f"{text!r} is not a shape", key="--shape", legal="NAME=1x3x64x64")
    return name, tuple(map(int, re.split("[x,]", sizes)))


def _report(imported: Imported, output: Path | None, form: str) -> None:
    """The account: JSON to standard output, or a table to standard error beside the YAML."""
    if form == "json":
        click.echo(to_json(_as_json(imported, output)), nl=False)
        return
    console = plain(stderr=output is None)
    count = Counter(operator.status for operator in imported.operators)
    layers = sum(entry.repeat for entry in imported.workload.layers)
    where = f", written to {output}" if output else ""
    console.print(
        f"{len(imported.operators)} operators: {count['imported']} imported as {layers} layers, "
        f"{count['free']} free, {count['not_modelled']} not modelled{where}"
    )
    for note in imported.workload.unconfirmed:
        console.print(f"Note: {note}")
    if imported.not_modelled:
        heads = ("operator", "name", "share of MACs", "reason")
        rows = []
        for each in imported.not_modelled:
            share = imported.share(each)
            written = "unknown" if share is None else f"{100 * share:.2f} %"
            rows.append([each.type, each.name, written, each.reason])
        console.print("Not modelled")
        console.print(table(heads, rows, ("operator", "name", "reason")))


def _as_json(imported: Imported, output: Path | None) -> dict[str, Any]:
    return {
        "schema": 1,
        "workload": imported.workload.name,
        "output": None if output is None else str(output),
        "layers": sum(entry.repeat for entry in imported.workload.layers),
        "macs": imported.workload.macs,
        "operators": [
            {
                **fields(operator, "name", "type", "status", "layer", "macs"),
                "share": imported.share(operator),
                "reason": operator.reason,
            }
            for operator in imported.operators
        ],
    }
