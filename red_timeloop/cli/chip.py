"""`red-timeloop chip`: a network on a whole chip, every design within the same budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import click
from rich.console import Console

from red_timeloop.chip.budget import Budget
from red_timeloop.chip.chips import load_chip
from red_timeloop.chip.curve import Curve, area_curve
from red_timeloop.chip.result import ChipComparison
from red_timeloop.chip.run import on_chip
from red_timeloop.chip.trace import trace
from red_timeloop.cli import options
from red_timeloop.cli.results import Answer, answering
from red_timeloop.cli.verbosity import progress_bar
from red_timeloop.designs import choose
from red_timeloop.designs.evaluator import Evaluator
from red_timeloop.engines.base import engine as get_engine
from red_timeloop.errors import InputError
from red_timeloop.files import to_json
from red_timeloop.hardware import Hardware
from red_timeloop.units import area as as_area
from red_timeloop.units import quantity, scaled
from red_timeloop.views.chip_table import bound, chip_tables
from red_timeloop.views.tables import plain, table, texts
from red_timeloop.workload import Workload

__all__ = ["budget", "command"]


def budget(**given: Any) -> Budget | None:
    """Return the one budget that was given, if any, by the names of its options."""
    units = {"area": "m2", "power": "W"}
    found = [
        Budget(kind, quantity(each, units[kind], f"--{kind}") if kind in units else each)  # type: ignore[arg-type]
        for kind, each in given.items()
        if each is not None
    ]
    if len(found) > 1:
        raise InputError(
            "more than one budget",
            key="budget",
            legal="one of --area, --crossbars, --power, --chips",
        )
    return found[0] if found else None


@click.command(name="chip")
@options.network
@options.design()
@options.engine
@options.hardware
@options.chip(default="isaac")
@click.option(
    "--area",
    metavar="AREA",
    help="The budget: an area, e.g. 50mm2, or a range for a curve, e.g. 10mm2..200mm2.",
)
@click.option("--crossbars", type=options.COUNT, help="The budget: crossbars.")
@options.power
@options.chips
@click.option(
    "--reprogram",
    metavar="IMAGES",
    type=click.IntRange(min=1),
    help="Program layers that do not fit in turn, after so many images each.",
)
@options.jobs()
@answering(csv=True, folder=True)
def command(
    network: Workload,
    designs: tuple[str, ...],
    engine: str,
    hardware: Hardware,
    chip: str,
    area: str | None,
    reprogram: int | None,
    jobs: int,
    **budgets: Any,
) -> Answer:
    """Run a network on a whole chip, every design within the same budget.

    WORKLOAD is a name that `red-timeloop list` shows, or a YAML, ONNX or Keras file. Layers are a
    pipeline, and get copies of their weights so that the slowest one is as fast as the budget
    allows.
    """
    least, curve, most = (area or "").partition("..")
    whole = budget(area=least or None, **budgets)
    with progress_bar() as progress:
        shared: dict[str, Any] = {"reprogram": reprogram, "jobs": jobs, "progress": progress}
        if not curve:
            shared |= {"chip": chip, "budget": whole, "hardware": hardware}
            found = on_chip(network, designs, engine, **shared)
            return _answer(found, [found], lambda: _print_comparison(found), lambda: _files(found))
        grown = area_curve(
            network,
            choose(designs),
            Evaluator(hardware, get_engine(engine)),
            load_chip(chip),
            quantity(least, "m2", "--area"),
            quantity(most, "m2", "--area"),
            **shared,
        )
    return _answer(grown, grown.points, lambda: _print_curve(grown))


def _answer(
    found: ChipComparison | Curve,
    points: Sequence[ChipComparison],
    shown: Callable[[], None],
    files: Callable[[], Mapping[str, str | bytes]] = dict,
) -> Answer:
    names = "chip.json", "chip.csv"
    unsaid = partial(_failures, points)
    return Answer(shown, found.as_dict, found.rows, names, files, unsaid=unsaid)


def _files(found: ChipComparison) -> dict[str, str | bytes]:
    from red_timeloop.views.chip_figures import chip_pictures  # not to be loaded else

    drawn = chip_pictures(found, "svg") | chip_pictures(found, "pdf")
    return {"trace.json": to_json(trace(found)), **drawn}


def _print_comparison(found: ChipComparison) -> None:
    console = plain()
    console.print(f"{found.workload.name} on {found.chip.name}", style="bold")
    for heads, rows in chip_tables(found):
        console.print(table(heads, texts(rows)))
        console.print()
    for each in found.results:
        console.print(f"{each.design}: {bound(each)}")
        for note in each.notes:
            console.print(f"{each.design}: {note}", style="dim")
    _print_rest(console, found)


def _print_curve(found: Curve) -> None:
    console = plain()
    names = list(dict.fromkeys(r.design for point in found.points for r in point.results))
    rows = []
    for size, point in zip(found.areas, found.points, strict=True):
        rates = {r.design: f"{scaled(r.rate)} {scaled(r.energy, 'J')}" for r in point.results}
        rows.append([as_area(size), *(rates.get(name, "-") for name in names)])
    console.print("Images a second and energy of an image over area", style="bold")
    console.print(table(["area", *names], rows, ()))
    console.print()
    for each in found.crossings:
        console.print(
            f"{each.design} overtakes {each.overtaken} between {as_area(each.below)} and "
            f"{as_area(each.area)}"
        )
    if not found.crossings:
        console.print("No design overtakes another in this range.")
    _print_rest(console, found.points[-1])


def _failures(points: Sequence[ChipComparison]) -> list[str]:
    """Return which designs do not fit where, each with its last reason."""
    failed = [failure for point in points for failure in point.failures]
    found = []
    for name, error in {each.design: each.error for each in failed}.items():
        count = sum(each.design == name for each in failed)
        where = f", at {count} of {len(points)} areas" if len(points) > 1 else ""
        found.append(f"not run: {name}{where}: {error}")
    return found


def _print_rest(console: Console, found: ChipComparison) -> None:
    for line in found.assumptions:
        console.print(line, style="dim")
    for failure in found.failures:
        console.print(f"not run: {failure.design}: {failure.error}")
