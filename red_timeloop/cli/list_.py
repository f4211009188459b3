"""`red-timeloop list`: what comes with the package."""

from __future__ import annotations

from typing import Any

import click

from red_timeloop import designs
from red_timeloop.cli.results import Answer, answering, fields
from red_timeloop.units import scaled
from red_timeloop.views.tables import plain, table
from red_timeloop.workload import Workload, load_workload, workload_names

__all__ = ["command"]


@click.command(name="list")
@click.option("--workloads", is_flag=True, help="Only the workloads, with their sizes.")
@answering()
def command(workloads: bool) -> Answer:
    """List the workloads and the designs."""
    content: dict[str, Any] = {
        "schema": 1,
        "workloads": [_summary(load_workload(name)) for name in workload_names()],
    }
    if not workloads:
        content["designs"] = list(designs.all_names())
        content["design_origins"] = {name: designs.origin(name) for name in content["designs"]}
    return Answer(
        lambda: _print_sizes(content["workloads"]) if workloads else _print_names(content),
        lambda: content,
    )


def _summary(workload: Workload) -> dict[str, Any]:
    transposed = [entry for entry in workload.layers if entry.layer.transposed]
    shares = [entry.layer.zero_redundancy for entry in transposed]
    return {
        **fields(workload, "name", "description"),
        "dimensions": max(entry.layer.ndim for entry in workload.layers),
        "layers": sum(entry.repeat for entry in workload.layers),
        "transposed_layers": sum(entry.repeat for entry in transposed),
        "macs": workload.macs,
        "transposed_macs": sum(entry.repeat * entry.layer.macs for entry in transposed),
        "zero_inserted_macs": workload.zero_inserted_macs,
        # of the transposed layers' zero-inserted input maps: least and most
        "zero_redundancy": [min(shares), max(shares)] if shares else None,
        "source": workload.source,
    }


def _print_names(content: dict[str, Any]) -> None:
    width = max(len(entry["name"]) for entry in content["workloads"])
    click.echo("Workloads (red-timeloop list --workloads shows their sizes)")
    for entry in content["workloads"]:
        click.echo(f"  {entry['name']:<{width}}  {entry['description']}")
    click.echo("\nDesigns")
    for name in content["designs"]:
        origin = content["design_origins"][name]
        whose = "" if origin == "red_timeloop" else f" (from {origin})"
        click.echo(f"  {name:<{width}}  {designs.find(name).summary}{whose}")
    click.echo("Your own: --design FILE.py:NAME or package.module:NAME")


def _print_sizes(workloads: list[dict[str, Any]]) -> None:
    rows = [
        [
            entry["name"],
            f"{entry['dimensions']}-D",
            f"{entry['layers']}",
            f"{entry['transposed_layers']}",
            scaled(entry["macs"]),
            scaled(entry["zero_inserted_macs"]),
            _range(entry["zero_redundancy"]),
        ]
        for entry in workloads
    ]
    heads = ("workload", "axes", "layers", "deconv", "MACs", "with zeros", "zeros")
    console = plain()
    console.print(table(heads, rows, ("workload",)))
    console.print(
        "deconv: transposed convolutions among the layers. MACs: useful multiply-accumulates of "
        "all layers; with zeros: when zeros are inserted. zeros: share of zeros in the "
        "zero-inserted inputs, least and most.",
        style="dim",
    )


def _range(shares: list[float] | None) -> str:
    if shares is None:
        return "-"
    low, high = (f"{100 * share:.1f}" for share in shares)
    return f"{low} %" if low == high else f"{low}-{high} %"
