"""What `compare` and `report` share: the options of a comparison, and running it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from red_timeloop.cli import options
from red_timeloop.cli.progress import progress_bar
from red_timeloop.comparison import Comparison, compare
from red_timeloop.designs import choose
from red_timeloop.errors import InputError
from red_timeloop.spec.template import jinja_data
from red_timeloop.zoo import compare_zoo

__all__ = ["compared", "comparing"]

_F = TypeVar("_F", bound=Callable[..., Any])

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--all", "everything", is_flag=True, help="Run every shipped workload."),
    options.design(),
    options.jinja,
    options.estimator,
    options.layer,
    options.engine,
    options.hardware,
    click.option(
        "--map", "mapped", is_flag=True, help="Let the mapper choose what designs leave open."
    ),
    click.option(
        "--crossbars",
        type=click.IntRange(min=1),
        default=16_128,
        show_default=True,
        help="With --map: crossbars that a layer may use, ISAAC's chip by default.",
    ),
    click.option(
        "--at-least",
        metavar="RATIO",
        help="Compare at equal accuracy: each design with the cheapest converters (bits, rows"
        " driven at once) that reach this signal to quantization noise ratio on random tensors,"
        " e.g. 35dB, or lossless.",
    ),
    click.option(
        "--iso-area", is_flag=True, help="Scale CMOS designs to RED's area, layer by layer."
    ),
    options.jobs,
    options.cache,
)


def comparing(function: _F) -> _F:
    """Add the options of a comparison, which `compared` takes."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def compared(
    workloads: Sequence[str],
    *,
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
    at_least: str | None,
    iso_area: bool,
    jobs: int,
    keep_going: bool = False,
) -> list[Comparison]:
    """Compare on each of `workloads`, the benchmark of RED when empty, or on all shipped ones.

    Raises:
        InputError: An option is not legal, or workloads were named beside `--all`.
    """
    if everything and (workloads or layers or at_least):
        other = workloads[0] if workloads else "--layer" if layers else "--at-least"
        raise InputError(
            f"{other} and --all exclude each other",
            key="--all",
            legal="--all, or a workload with or without --layer",
        )
    chosen = choose(designs or None, jinja_data(jinja), estimator)
    shared: dict[str, Any] = {
        "hardware": options.load_hardware(hardware, settings),
        "iso_area": iso_area,
        "crossbars": crossbars if mapped else None,
        "jobs": jobs,
    }
    if everything:
        with progress_bar() as progress:
            return list(compare_zoo(chosen, engine, progress=progress, **shared))
    shared |= {"layers": layers, "keep_going": keep_going, "at_least": at_least}
    found = []
    for name in workloads or ("red_date2019",):
        with progress_bar() as progress:
            found.append(compare(name, chosen, engine, progress=progress, **shared))
    return found
