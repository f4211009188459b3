"""Options that several commands share, so that they are named and read alike everywhere."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from red_timeloop.engines.pricing import ESTIMATORS
from red_timeloop.mapper.cache import SWITCH

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from red_timeloop.hardware import Hardware

__all__ = [
    "adc_step",
    "cache",
    "cells",
    "complete_workloads",
    "design",
    "engine",
    "estimator",
    "format_",
    "hardware",
    "jinja",
    "jobs",
    "layer",
    "load_hardware",
    "output",
    "set_",
    "workload",
]

_F = TypeVar("_F", bound=Callable[..., Any])


_DESIGNS = (
    "A design to run: its name, or your own as FILE.py:NAME or package.module:NAME, or a Timeloop"
    " architecture (ARCH.yaml, NAME=ARCH.yaml, a folder) with zeros inserted and split; repeat for"
    " more."
)


def design(default: str = "the four ReRAM designs", words: str = _DESIGNS) -> Callable[[_F], _F]:
    """Add `--design`, repeatable, which `red_timeloop.designs.choose` reads."""
    return click.option(
        "--design",
        "designs",
        metavar="DESIGN",
        multiple=True,
        shell_complete=_complete_designs,
        help=f"{words}  [default: {default}]" if default else words,
    )


def jobs(function: _F) -> _F:
    """Add `--jobs`."""
    return click.option(
        "-j",
        "--jobs",
        default=1,
        show_default=True,
        help="Processes that evaluate the layers; -1 for one a core.",
    )(function)


def cache(function: _F) -> _F:
    """Add `--no-cache`, which turns the store of searches off for this command."""

    def turn_off(context: click.Context, option: click.Parameter, given: bool) -> None:
        if given:
            os.environ[SWITCH] = "off"

    return click.option(
        "--no-cache",
        is_flag=True,
        expose_value=False,
        callback=turn_off,
        help="Search for every mapping anew; searches done before are kept in a file.",
    )(function)


def workload(*, optional: bool = False) -> Callable[[_F], _F]:
    """Add WORKLOAD, which `red_timeloop.frontends.read.read_workload` reads."""
    return click.argument(
        "workload",
        metavar="[WORKLOAD[:LAYER]]" if optional else "WORKLOAD[:LAYER]",
        required=not optional,
        shell_complete=complete_workloads,
    )


def adc_step(function: _F) -> _F:
    """Add `--adc-step`."""
    return click.option(
        "--adc-step",
        type=int,
        metavar="UNITS",
        help="Cell currents between two codes.  [default: half of the range that the rows need]",
    )(function)


def cells(function: _F) -> _F:
    """Add what cells do wrong and `--seed`, together the parameter `cells`, a `Nonidealities`."""
    words = {
        "variation": (0.0, "SIGMA", "Sigma of the logarithm of the cells' conductances."),
        "stuck_off": (0.0, "SHARE", "Cells stuck off."),
        "stuck_on": (0.0, "SHARE", "Cells stuck on."),
        "on_off_ratio": (
            math.inf,
            "RATIO",
            "Highest over lowest conductance of a cell.  [default: infinite]",
        ),
        "wire_resistance": (
            0.0,
            "SHARE",
            "Wire from cell to cell, over the resistance of a cell that is on.",
        ),
    }

    @wraps(function)
    def gathered(*arguments: Any, seed: int, **values: Any) -> Any:
        from red_timeloop.dataflow.nonideal import Nonidealities

        chosen = {key: values.pop(key) for key in words}
        return function(*arguments, cells=Nonidealities(**chosen, seed=seed), **values)

    wrapped: Any = gathered
    for key, (default, metavar, text) in reversed(words.items()):
        option = f"--{key.replace('_', '-')}"
        wrapped = click.option(option, type=float, default=default, metavar=metavar, help=text)(
            wrapped
        )
    seed = click.option(
        "--seed", type=int, default=0, show_default=True, help="Seed of all random numbers."
    )
    result: _F = seed(wrapped)
    return result


def layer(function: _F) -> _F:
    """Add `--layer`, repeatable."""
    return click.option(
        "--layer",
        "layers",
        metavar="LAYER",
        multiple=True,
        shell_complete=_complete_layers,
        help="A layer to run; repeat for more.  [default: all]",
    )(function)


def engine(function: _F) -> _F:
    """Add `--engine`."""
    return click.option(
        "--engine",
        type=click.Choice(["auto", "embedded", "timeloop"]),
        default="embedded",
        show_default=True,
        help="Who counts: this package, the real Timeloop, or Timeloop where it works.",
    )(function)


def estimator(function: _F) -> _F:
    """Add `--estimator`."""
    return click.option(
        "--estimator",
        type=click.Choice(ESTIMATORS),
        default="auto",
        show_default=True,
        help="Who prices the components where no energy table is given: this package's models,"
        " those of hwcomponents, Accelergy, (auto) the first two in turn, or nobody (none).",
    )(function)


def hardware(function: _F) -> _F:
    """Add `--hardware` and `--set`, which `load_hardware` reads."""
    function = set_(
        "Change a number of the parameter set, e.g. fold=2 or read_pulse_s=50ns; repeat for more."
    )(function)
    return click.option(
        "--hardware",
        "hardware",
        metavar="NAME|FILE",
        default="isaac_32nm",
        show_default=True,
        shell_complete=_complete_hardware,
        help="The parameter set that all designs share.",
    )(function)


def set_(words: str) -> Callable[[_F], _F]:
    """Add `--set`, repeatable, which `read_settings` reads."""
    return click.option(
        "--set",
        "settings",
        metavar="KEY=VALUE",
        multiple=True,
        shell_complete=_complete_settings,
        help=words,
    )


def format_(*choices: str) -> Callable[[_F], _F]:
    """Add `--format` with `choices`, the first being the default."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(choices),
        default=choices[0],
        show_default=True,
        help="How to print the result.",
    )


def output(function: _F) -> _F:
    """Add `-o`, a folder."""
    return click.option(
        "-o",
        "--output",
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False),
        help="Also write the result to files in this folder.",
    )(function)


def jinja(function: _F) -> _F:
    """Add `--jinja`, repeatable, which `red_timeloop.spec.template.jinja_data` reads."""
    return click.option(
        "--jinja",
        "jinja",
        metavar="KEY=VALUE",
        multiple=True,
        help="Set a variable of the Jinja2 templates among the files; repeat for more.",
    )(function)


def load_hardware(name: str, settings: Sequence[str]) -> Hardware:
    """Return the parameter set `name` with `settings` (`KEY=VALUE`) applied.

    Raises:
        InputError: A setting is not KEY=VALUE, or a key or value is not legal.
    """
    from red_timeloop.hardware import Hardware, read_settings

    return Hardware.load(name).replace(**read_settings(settings))


def complete_workloads(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the name of a shipped workload, its layer after a colon, or a file."""
    from click.shell_completion import CompletionItem

    from red_timeloop.workload import load_workload, workload_names

    head, colon, _ = incomplete.partition(":")
    if colon and head in workload_names():
        names = [f"{head}:{entry.name}" for entry in load_workload(head).layers]
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]
    items = [CompletionItem(name) for name in workload_names() if name.startswith(incomplete)]
    return [*items, CompletionItem(incomplete, type="file")]


def _complete_designs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from red_timeloop import designs

    return [name for name in designs.all_names() if name.startswith(incomplete)]


def _complete_hardware(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from red_timeloop import resources

    return [n for n in resources.names("arch/parameters") if n.startswith(incomplete)]


def _complete_layers(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from red_timeloop.workload import load_workload, workload_names

    name = ctx.params.get("workload") or "red_date2019"
    if name not in workload_names():
        return []
    layers = (entry.name for entry in load_workload(name).layers)
    return [layer for layer in layers if layer.startswith(incomplete)]


def _complete_settings(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from red_timeloop.hardware import Hardware

    return [f"{name}=" for name in Hardware.parameters() if name.startswith(incomplete)]
