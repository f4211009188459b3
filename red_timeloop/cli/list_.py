"""`red-timeloop list`: what comes with the package."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Console
from rich.table import Table

from red_timeloop import designs
from red_timeloop.cli import options, results
from red_timeloop.workload import Workload, load_workload, workload_names

__all__ = ["command"]


@click.command(name="list")
@click.option("--workloads", is_flag=True, help="Only the workloads, with their sizes.")
@options.format_("table", "json")
def command(workloads: bool, form: str) -> None:
    """List the workloads and the designs."""
    content: dict[str, Any] = {
        "schema": 1,
        "workloads": [_summary(load_workload(name)) for name in workload_names()],
    }
    if not workloads:
        content["designs"] = list(designs.all_names())
        content["design_origins"] = {name: designs.origin(name) for name in content["designs"]}

    def table() -> None:
        if workloads:
            _print_sizes(content["workloads"])
        else:
            _print_names(content)

    results.show(form, table, lambda: content)


def _summary(workload: Workload) -> dict[str, Any]:
    transposed = [entry for entry in workload.layers if entry.layer.transposed]
    shares = [entry.layer.zero_redundancy for entry in transposed]
    return {
        "name": workload.name,
        "description": workload.description,
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
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for title in ("workload", "axes", "layers", "deconv", "MACs", "with zeros", "zeros"):
        table.add_column(title, justify="left" if title == "workload" else "right", no_wrap=True)
    for entry in workloads:
        table.add_row(
            entry["name"],
            f"{entry['dimensions']}-D",
            str(entry["layers"]),
            str(entry["transposed_layers"]),
            _scaled(entry["macs"]),
            _scaled(entry["zero_inserted_macs"]),
            _range(entry["zero_redundancy"]),
        )
    console = Console()
    console.print(table)
    console.print(
        "deconv: transposed convolutions among the layers. MACs: useful multiply-accumulates of "
        "all layers; with zeros: when zeros are inserted. zeros: share of zeros in the "
        "zero-inserted inputs, least and most.",
        style="dim",
        soft_wrap=True,
    )


def _scaled(count: int) -> str:
    """A count with an SI prefix and three digits.

    >>> _scaled(25690112), _scaled(999), _scaled(999_950_000)
    ('25.7 M', '999', '1 G')
    """
    for prefix, size in (("P", 10**15), ("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size * 0.9995:
            return f"{count / size:.3g} {prefix}"
    return str(count)


def _range(shares: list[float] | None) -> str:
    if shares is None:
        return "-"
    low, high = (f"{100 * share:.1f}" for share in shares)
    return f"{low} %" if low == high else f"{low}-{high} %"
