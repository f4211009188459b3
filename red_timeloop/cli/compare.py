"""`red-timeloop compare`: a workload on several designs."""

from __future__ import annotations

from pathlib import Path

import click

from red_timeloop.cli import options, results
from red_timeloop.cli.progress import progress_bar
from red_timeloop.cli.verbosity import detail
from red_timeloop.comparison import compare
from red_timeloop.designs import Design, choose
from red_timeloop.errors import InputError
from red_timeloop.files import to_json
from red_timeloop.hardware import Hardware
from red_timeloop.spec.template import jinja_data
from red_timeloop.zoo import compare_zoo, zoo_as_csv, zoo_as_dict

__all__ = ["command"]


@click.command(name="compare")
@click.argument(
    "workload", required=False, metavar="[WORKLOAD]", shell_complete=options.complete_workloads
)
@click.option("--all", "everything", is_flag=True, help="Run every shipped workload.")
@options.design()
@options.jinja
@options.estimator
@options.layer
@options.engine
@options.hardware
@click.option(
    "--map", "mapped", is_flag=True, help="Let the mapper choose what designs leave open."
)
@click.option(
    "--crossbars",
    type=click.IntRange(min=1),
    default=16_128,
    show_default=True,
    help="With --map: crossbars that a layer may use, ISAAC's chip by default.",
)
@click.option(
    "--iso-area",
    is_flag=True,
    help="Give designs RED's area, layer by layer: arrays are scaled, crossbars copied.",
)
@options.jobs
@options.cache
@options.format_("table", "json", "csv")
@options.output
def command(
    workload: str | None,
    everything: bool,
    designs: tuple[str, ...],
    jinja: tuple[str, ...],
    estimator: str,
    layers: tuple[str, ...],
    engine: str,
    hardware: str,
    settings: tuple[str, ...],
    mapped: bool,
    crossbars: int,
    iso_area: bool,
    jobs: int,
    form: str,
    output: Path | None,
) -> None:
    """Compare designs on the layers of a workload.

    WORKLOAD is a name that `red-timeloop list` shows, or a YAML file; the six layers of the RED
    benchmark when left out.
    """
    chosen = choose(designs or None, jinja_data(jinja), estimator)
    if everything:
        if workload is not None or layers:
            raise InputError(
                f"{workload or '--layer'} and --all exclude each other",
                key="--all",
                legal="--all, or a workload with or without --layer",
            )
        parameters = options.load_hardware(hardware, settings)
        _compare_all(chosen, engine, parameters, jobs, form, output)
        return
    with progress_bar() as progress:
        comparison = compare(
            "red_date2019" if workload is None else workload,
            chosen,
            engine,
            layers=layers,
            hardware=options.load_hardware(hardware, settings),
            progress=progress,
            iso_area=iso_area,
            crossbars=crossbars if mapped else None,
            jobs=jobs,
        )
    detail(f"{comparison.engine} engine, {len(comparison.results)} evaluations.")

    def table() -> None:
        from red_timeloop.report.table import print_comparison  # not to be loaded for JSON

        print_comparison(comparison)

    results.show(form, table, comparison.as_dict, comparison.to_csv)
    if output is not None:
        content, rows = to_json(comparison.as_dict()), comparison.to_csv()
        results.write(output, {"comparison.json": content, "comparison.csv": rows})


def _compare_all(
    designs: tuple[Design, ...],
    engine: str,
    hardware: Hardware,
    jobs: int,
    form: str,
    output: Path | None,
) -> None:
    with progress_bar() as progress:
        comparisons = compare_zoo(designs, engine, hardware=hardware, progress=progress, jobs=jobs)

    def table() -> None:
        from red_timeloop.report.zoo_table import print_zoo  # not to be loaded for JSON

        print_zoo(comparisons)

    results.show(form, table, lambda: zoo_as_dict(comparisons), lambda: zoo_as_csv(comparisons))
    if output is not None:
        content, rows = to_json(zoo_as_dict(comparisons)), zoo_as_csv(comparisons)
        results.write(output, {"zoo.json": content, "zoo.csv": rows})
