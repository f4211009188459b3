"""`red-timeloop model`: evaluate one mapping of a specification."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click
from rich.console import Console
from rich.table import Table

from red_timeloop.cli import options, results
from red_timeloop.designs import find
from red_timeloop.designs.constraints import check_rules
from red_timeloop.engines.base import model
from red_timeloop.spec.reader import read_specification

__all__ = ["command", "print_result"]

_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "u", -3: "m", 0: ""}


@click.command(name="model")
@click.argument("spec", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--mapping", type=click.Path(path_type=Path), help="YAML file with the mapping.")
@click.option("--ert", type=click.Path(path_type=Path), help="Energy table (Accelergy's ERT).")
@click.option("--art", type=click.Path(path_type=Path), help="Area table (Accelergy's ART).")
@click.option("--engine", default="embedded", show_default=True, help="Engine that evaluates.")
@click.option(
    "--rules",
    metavar="DESIGN",
    help="Refuse a mapping that breaks a constraint of this design, e.g. red.",
)
@options.format_("table", "json")
def command(
    spec: tuple[Path, ...],
    mapping: Path | None,
    ert: Path | None,
    art: Path | None,
    engine: str,
    rules: str | None,
    form: str,
) -> None:
    """Evaluate one mapping of a specification.

    SPEC are Timeloop v0.4 YAML files, merged as timeloopfe does.
    """
    if rules is not None:
        _check_rules(rules, list(spec), mapping)
    result = model(list(spec), mapping=mapping, ert=ert, art=art, engine=engine)
    results.show(form, lambda: print_result(result), lambda: result)


def _check_rules(design: str, spec: list[Path], mapping: Path | None) -> None:
    chosen, found = find(design, code=True), read_specification(spec, mapping=mapping)
    check_rules(chosen.architecture, chosen.constraints, found)


def print_result(result: dict[str, Any]) -> None:
    """Print a result of `red_timeloop.model` as a table, outermost level first."""
    console = Console(markup=False)
    if not console.is_terminal:
        console = Console(width=120, markup=False)  # a file or a pipe has no width to keep to
    table = Table(title="Counts for each instance; energies of all instances")
    for heading in ("level", "instances", "data space", "words", "reads", "fills", "updates"):
        side: Literal["left", "right"] = "left" if heading in ("level", "data space") else "right"
        table.add_column(heading, justify=side, no_wrap=heading == "level")
    table.add_column("energy", justify="right")
    for name, level in reversed(result["levels"].items()):
        used = f"{level['utilized_instances']:,}/{level['instances']:,}"
        table.add_row(name, used, "", "", "", "", "", _quantity(level["energy_J"], "J"))
        for space, counts in level["data_spaces"].items():
            numbers = (counts[key] for key in ("utilized_capacity", "reads", "fills", "updates"))
            energy = _quantity(counts["energy_J"], "J")
            table.add_row("", "", space, *(f"{number:,}" for number in numbers), energy)
    console.print(table)
    console.print(
        f"{result['computes']:,} computes in {result['cycles']:,} cycles,"
        f" {_quantity(result['energy_J'], 'J')}, {result['area_m2'] * 1e6:.4g} mm^2"
        f" ({result['engine']} engine)"
    )


def _quantity(value: float, unit: str) -> str:
    for exponent, prefix in reversed(_PREFIXES.items()):
        if value >= 10.0**exponent:
            return f"{value / 10.0**exponent:.4g} {prefix}{unit}"
    return f"{value:.4g} {unit}"
