"""`red-timeloop chip`: a network on a whole chip, every design within the same budget."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console, JustifyMethod
from rich.table import Table

from red_timeloop import designs as known
from red_timeloop.chip.budget import Budget
from red_timeloop.chip.chips import chip_names, load_chip
from red_timeloop.chip.curve import Curve, area_curve
from red_timeloop.chip.result import ChipComparison
from red_timeloop.chip.run import on_chip
from red_timeloop.chip.trace import trace
from red_timeloop.cli import options, results
from red_timeloop.cli.progress import progress_bar
from red_timeloop.cli.verbosity import say
from red_timeloop.designs.evaluator import Evaluator
from red_timeloop.engines.base import engine as get_engine
from red_timeloop.errors import InputError
from red_timeloop.files import to_csv, to_json
from red_timeloop.frontends.read import read_workload
from red_timeloop.units import area, percent, quantity, scaled

__all__ = ["command"]

_COUNT = click.IntRange(min=1, max=10**9)


def _complete_chips(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in chip_names() if name.startswith(incomplete)]


@click.command(name="chip")
@options.workload()
@options.design()
@options.layer
@options.engine
@options.hardware
@click.option(
    "--chip",
    metavar="NAME|FILE",
    default="isaac",
    show_default=True,
    shell_complete=_complete_chips,
    help="The chip whose tiles and links there are.",
)
@click.option(
    "--area",
    "area_text",
    metavar="AREA",
    help="The budget: an area, e.g. 50mm2, or a range for a curve, e.g. 10mm2..200mm2.",
)
@click.option("--crossbars", type=_COUNT, help="The budget: crossbars.")
@click.option("--power", metavar="POWER", help="The budget: a power, e.g. 10W, at any area.")
@click.option(
    "--chips",
    type=_COUNT,
    help="The budget: whole chips.  [default: as many as hold the weights on every design]",
)
@click.option(
    "--reprogram",
    metavar="IMAGES",
    type=click.IntRange(min=1),
    help="Program layers that do not fit in turn, after so many images each.",
)
@options.jobs
@options.format_("table", "json", "csv")
@options.output
def command(
    workload: str,
    designs: tuple[str, ...],
    layers: tuple[str, ...],
    engine: str,
    hardware: str,
    settings: tuple[str, ...],
    chip: str,
    area_text: str | None,
    crossbars: int | None,
    power: str | None,
    chips: int | None,
    reprogram: int | None,
    jobs: int,
    form: str,
    output: Path | None,
) -> None:
    """Run a network on a whole chip, every design within the same budget.

    WORKLOAD is a name that `red-timeloop list` shows, or a YAML, ONNX or Keras file. Layers are a
    pipeline, and get copies of their weights so that the slowest one is as fast as the budget
    allows.
    """
    network = read_workload(workload, layers)
    parameters = options.load_hardware(hardware, settings)
    curve = area_text is not None and ".." in area_text
    budget = _budget(None if curve else area_text, crossbars, power, chips, curve=curve)
    found: ChipComparison | Curve
    with progress_bar() as progress:
        if curve and area_text is not None:
            least, _, most = area_text.partition("..")
            found = area_curve(
                network,
                known.choose(designs or None),
                Evaluator(parameters, get_engine(engine)),
                load_chip(chip),
                quantity(least, "m2", "--area"),
                quantity(most, "m2", "--area"),
                reprogram=reprogram,
                progress=progress,
                jobs=jobs,
            )
        else:
            found = on_chip(
                network,
                designs or None,
                engine,
                chip=chip,
                budget=budget,
                hardware=parameters,
                reprogram=reprogram,
                progress=progress,
                jobs=jobs,
            )

    def table() -> None:
        _print_curve(found) if isinstance(found, Curve) else _print_comparison(found)

    results.show(form, table, found.as_dict, lambda: to_csv(found.rows()))
    if form == "csv":  # which has no place for them
        _say_failures(found.points if isinstance(found, Curve) else (found,))
    if output is not None:
        content, rows = to_json(found.as_dict()), to_csv(found.rows())
        files: dict[str, str | bytes] = {"chip.json": content, "chip.csv": rows}
        if isinstance(found, ChipComparison):
            from red_timeloop.views.chip_figures import chip_pictures  # not to be loaded else

            files["trace.json"] = to_json(trace(found))
            for form in ("svg", "pdf"):
                files |= chip_pictures(found, form)
        results.write(output, files)


def _budget(
    area_text: str | None,
    crossbars: int | None,
    power: str | None,
    chips: int | None,
    *,
    curve: bool,
) -> Budget | None:
    found = []
    if area_text is not None:
        found.append(Budget("area", quantity(area_text, "m2", "--area")))
    if crossbars is not None:
        found.append(Budget("crossbars", crossbars))
    if power is not None:
        found.append(Budget("power", quantity(power, "W", "--power")))
    if chips is not None:
        found.append(Budget("chips", chips))
    if len(found) + curve > 1:
        raise InputError(
            "more than one budget",
            key="budget",
            legal="one of --area, --crossbars, --power, --chips",
        )
    return found[0] if found else None


def _print_comparison(found: ChipComparison) -> None:
    console = Console(markup=False, highlight=False, soft_wrap=True)
    table = _table("design", "images/s", "latency", "J/image", "power", "area", "crossbars")
    quoted = _table("design", "peak TOPS", "TOPS", "TOPS/W", "TOPS/mm2", "rows", "columns", "time")
    for each in found.results:
        content = each.as_dict()
        use = content["utilization"]
        table.add_row(
            each.design,
            scaled(each.rate),
            scaled(each.latency, "s"),
            scaled(each.energy, "J"),
            scaled(each.power, "W"),
            area(each.area),
            f"{each.crossbars_used} of {each.crossbars}",
        )
        quoted.add_row(
            each.design,
            *(f"{content[key]:.3g}" for key in ("peak_tops", "tops", "tops_per_W", "tops_per_mm2")),
            *(percent(use[key]) for key in ("rows", "columns", "time")),
        )
    console.print(f"{found.workload.name} on {found.chip.name}", style="bold")
    console.print(table)
    console.print()
    console.print(quoted)
    console.print()
    for each in found.results:
        slowest = max(each.layers, key=lambda layer: layer.time)
        tiles = f"{each.tiles} tile{'s' * (each.tiles != 1)}"
        chips = f"{tiles} on {each.chips} chip{'s' * (each.chips > 1)}, "
        turns = f", {each.turns} turns of {each.batch} images" if each.turns > 1 else ""
        console.print(
            f"{each.design}: {chips}bound by {each.bottleneck}{turns}; slowest layer "
            f"{slowest.layer}, {slowest.copies} copies, {scaled(slowest.time, 's')}"
        )
        for note in each.notes:
            console.print(f"{each.design}: {note}", style="dim")
    _print_rest(console, found)


def _print_curve(found: Curve) -> None:
    console = Console(markup=False, highlight=False, soft_wrap=True)
    names = list(dict.fromkeys(r.design for point in found.points for r in point.results))
    table = _table("area", *names)
    for size, point in zip(found.areas, found.points, strict=True):
        known_rates = {r.design: f"{scaled(r.rate)} {scaled(r.energy, 'J')}" for r in point.results}
        table.add_row(area(size), *(known_rates.get(name, "-") for name in names))
    console.print("Images a second and energy of an image over area", style="bold")
    console.print(table)
    console.print()
    for each in found.crossings:
        console.print(
            f"{each.design} overtakes {each.overtaken} between {area(each.below)} and "
            f"{area(each.area)}"
        )
    if not found.crossings:
        console.print("No design overtakes another in this range.")
    _print_rest(console, found.points[-1])


def _say_failures(points: Sequence[ChipComparison]) -> None:
    """Say on standard error which designs fit where, each with its last reason."""
    failed = [failure for point in points for failure in point.failures]
    for name, error in {each.design: each.error for each in failed}.items():
        count = sum(each.design == name for each in failed)
        where = f", at {count} of {len(points)} areas" if len(points) > 1 else ""
        say(f"not run: {name}{where}: {error}")


def _print_rest(console: Console, found: ChipComparison) -> None:
    for line in found.assumptions:
        console.print(line, style="dim")
    for failure in found.failures:
        console.print(f"not run: {failure.design}: {failure.error}")


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in titles:
        justify: JustifyMethod = "left" if title == "design" else "right"
        table.add_column(title, justify=justify, no_wrap=True)
    return table
