"""`red-timeloop model`: evaluate one mapping of a specification."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from red_timeloop.cli import options
from red_timeloop.cli.results import Answer, answering
from red_timeloop.cli.verbosity import say
from red_timeloop.designs import find
from red_timeloop.designs.constraints import check_rules
from red_timeloop.engines.base import evaluate_priced
from red_timeloop.engines.result import EngineResult, SparseSpace
from red_timeloop.spec.reader import read_specification
from red_timeloop.views.tables import plain, table

__all__ = ["command", "print_result"]

_HEADS = ("level", "instances", "data space", "words", "reads", "fills", "updates", "energy")
_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "u", -3: "m", 0: ""}


@click.command(name="model")
@options.specification
@click.option("--mapping", type=options.PATH, help="YAML file with the mapping.")
@click.option("--engine", default="embedded", show_default=True, help="Engine that evaluates.")
@click.option(
    "--rules",
    metavar="DESIGN",
    help="Refuse a mapping that breaks a constraint of this design, e.g. red.",
)
@options.estimator
@answering()
def command(
    files: dict[str, Any], mapping: Path | None, engine: str, rules: str | None, estimator: str
) -> Answer:
    """Evaluate one mapping of a specification.

    SPEC are Timeloop v0.4 YAML files or Jinja2 templates of them, merged as timeloopfe does.
    """
    if rules is not None:
        design = find(rules, code=True)
        whole = read_specification(**files | {"ert": None, "art": None}, mapping=mapping)
        check_rules(design.architecture, design.constraints, whole)
    specification = read_specification(**files, mapping=mapping, fixed=True)
    for note in specification.notes:
        say(note)
    result = evaluate_priced(specification, engine, estimator)
    return Answer(lambda: print_result(result), result.as_dict)


def print_result(result: EngineResult) -> None:
    """Print a result as a table, outermost level first."""
    known = result.priced_by is not None
    rows: list[list[str]] = []
    for name, level in reversed(list(result.levels.items())):
        used = f"{level.utilized_instances:,}/{level.instances:,}"
        rows.append([name, used, *[""] * 5, _energy(level.energy, known)])
        for name, space in level.data_spaces.items():
            numbers = (space.utilized_capacity, space.reads, space.fills, space.updates)
            energy = _energy(space.energy, known)
            rows.append(["", "", name, *(f"{number:,}" for number in numbers), energy])
            rows += _saved(space.sparse) if space.sparse is not None else ()
    console = plain()
    console.print("Counts for each instance; energies of all instances", style="bold")
    console.print(table(_HEADS, rows, ("level", "data space")))
    of_them = "".join(
        f" ({x.actual:,} actual, {x.gated:,} gated, {x.skipped:,} skipped)"
        for x in (level.computes for level in result.levels.values())
        if x is not None
    )
    area = "area unknown" if result.area is None else f"{result.area * 1e6:.4g} mm^2"
    energy = _energy(result.energy, known) if known else "energy unknown: nobody priced it"
    console.print(
        f"{result.computes:,} computes{of_them} in {result.cycles:,} cycles,"
        f" {energy}, {area} ({result.engine} engine)"
    )
    levels: dict[str, list[str]] = {}
    for name, by in (result.priced_by or {}).items():
        levels.setdefault(by, []).append(name)
    for by, names in levels.items():
        console.print(f"{', '.join(names)} priced by {by}")


def _energy(value: float, known: bool) -> str:
    return _quantity(value, "J") if known else "unknown"


def _saved(space: SparseSpace) -> Iterator[list[str]]:
    """Yield rows of the words that are gated or skipped, where there are any."""
    for label in ("gated", "skipped"):
        words = [getattr(each, label) for each in (space.reads, space.fills, space.updates)]
        if any(words):
            yield ["", "", f"  {label}", "", *(f"{number:,}" for number in words), ""]


def _quantity(value: float, unit: str) -> str:
    for exponent, prefix in reversed(_PREFIXES.items()):
        if value >= 10.0**exponent:
            return f"{value / 10.0**exponent:.4g} {prefix}{unit}"
    return f"{value:.4g} {unit}"
