"""Options that several commands share, so that they are named and read alike everywhere."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial, wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from click.shell_completion import CompletionItem

from red_timeloop import resources
from red_timeloop.chip.chips import chip_names
from red_timeloop.engines.pricing import ESTIMATORS
from red_timeloop.frontends.read import read_workload
from red_timeloop.hardware import Hardware, read_settings
from red_timeloop.mapper.cache import SWITCH
from red_timeloop.spec.template import jinja_data
from red_timeloop.workload import load_workload, workload_names

__all__ = [
    "COUNT",
    "PATH",
    "adc_step",
    "cache",
    "cells",
    "chip",
    "chips",
    "complete_workloads",
    "design",
    "engine",
    "estimator",
    "format_",
    "gathered",
    "hardware",
    "hardware_name",
    "jinja",
    "jobs",
    "layer",
    "load_hardware",
    "network",
    "one_design",
    "output",
    "power",
    "set_",
    "specification",
    "workload",
]

_F = TypeVar("_F", bound=Callable[..., Any])

_DESIGNS = (
    "A design to run: its name, or your own as FILE.py:NAME or package.module:NAME, or a Timeloop"
    " architecture (ARCH.yaml, NAME=ARCH.yaml, a folder) with zeros inserted and split; repeat for"
    " more."
)


PATH = click.Path(path_type=Path)
COUNT = click.IntRange(min=1, max=10**9)  # of crossbars or chips


def gathered(
    name: str, make: Callable[..., Any], *options: Callable[[Any], Any]
) -> Callable[[_F], _F]:
    """Add options for the one parameter `name`, which `make` makes of their values."""

    def decorate(function: _F) -> _F:
        @wraps(function)
        def command(*arguments: Any, **values: Any) -> Any:
            own = {key: values.pop(key) for key in keys}
            return function(*arguments, **{name: make(**own)}, **values)

        before = len(getattr(function, "__click_params__", ()))
        for option in reversed(options):
            command = option(command)
        keys = [parameter.name for parameter in command.__click_params__[before:]]  # type: ignore[attr-defined]
        return cast(_F, command)

    return decorate


def _completed(names: Callable[[], Iterable[str]]) -> Any:
    """Complete what begins like one of `names`."""
    return lambda context, option, begun: [each for each in names() if each.startswith(begun)]


def _designs() -> Iterable[str]:
    from red_timeloop import designs  # the slowest to load, which few commands do without

    return designs.all_names()


def _layers(workload: str | None) -> list[str]:
    return [e.name for e in load_workload(workload).layers] if workload in workload_names() else []


def complete_workloads(
    context: click.Context, option: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Complete the name of a shipped workload, its layer after a colon, or a file."""
    head, colon, _ = begun.partition(":")
    layers = [f"{head}:{name}" for name in _layers(head)] if colon else []
    names = layers or workload_names()
    items = [CompletionItem(name) for name in names if name.startswith(begun)]
    return items if layers else [*items, CompletionItem(begun, type="file")]


def design(default: str = "the four ReRAM designs", words: str = _DESIGNS) -> Callable[[_F], _F]:
    """Add `--design`, repeatable, which `red_timeloop.designs.choose` reads."""
    return click.option(
        "--design",
        "designs",
        metavar="DESIGN",
        multiple=True,
        shell_complete=_completed(_designs),
        help=f"{words}  [default: {default}]" if default else words,
    )


# Options of which a command may say otherwise what it does not share.
one_design = partial(
    click.option,
    "--design",
    metavar="DESIGN",
    default="red",
    show_default=True,
    shell_complete=_completed(_designs),
    help="The design.",
)
jobs = partial(
    click.option,
    "-j",
    "--jobs",
    default=1,
    show_default=True,
    help="Processes that evaluate the layers; -1 for one a core.",
)
chip = partial(
    click.option,
    "--chip",
    metavar="NAME|FILE",
    show_default=True,
    shell_complete=_completed(chip_names),
    help="The chip whose tiles and links there are.",
)
workload = partial(
    click.argument,
    "workload",
    metavar="WORKLOAD[:LAYER]",
    shell_complete=complete_workloads,
)
set_ = partial(  # which `read_settings` reads
    click.option,
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    shell_complete=_completed(lambda: (f"{name}=" for name in Hardware.parameters())),
)
hardware_name = partial(
    click.option,
    "--hardware",
    metavar="NAME|FILE",
    default="isaac_32nm",
    show_default=True,
    shell_complete=_completed(lambda: resources.names("arch/parameters")),
)

adc_step = click.option(
    "--adc-step",
    type=int,
    metavar="UNITS",
    help="Cell currents between two codes.  [default: half of the range that the rows need]",
)

layer = click.option(
    "--layer",
    "layers",
    metavar="LAYER",
    multiple=True,
    shell_complete=lambda context, option, begun: [
        name
        for name in _layers(context.params.get("workload") or "red_date2019")
        if name.startswith(begun)
    ],
    help="A layer to run; repeat for more.  [default: all]",
)

engine = click.option(
    "--engine",
    type=click.Choice(["auto", "embedded", "timeloop"]),
    default="embedded",
    show_default=True,
    help="Who counts: this package, the real Timeloop, or Timeloop where it works.",
)

estimator = click.option(
    "--estimator",
    type=click.Choice(ESTIMATORS),
    default="auto",
    show_default=True,
    help="Who prices the components where no energy table is given: this package's models,"
    " those of hwcomponents, Accelergy, (auto) the first two in turn, or nobody (none).",
)


power = click.option("--power", metavar="POWER", help="The budget: a power, e.g. 10W, at any area.")

chips = click.option(
    "--chips",
    type=COUNT,
    help="The budget: whole chips.  [default: as many as hold the weights on every design]",
)


def _turn_off(context: click.Context, option: click.Parameter, given: bool) -> None:
    if given:
        os.environ[SWITCH] = "off"


cache = click.option(
    "--no-cache",
    is_flag=True,
    expose_value=False,
    callback=_turn_off,
    help="Search for every mapping anew; searches done before are kept in a file.",
)


jinja = click.option(
    "--jinja",
    metavar="KEY=VALUE",
    multiple=True,
    callback=lambda context, option, given: jinja_data(given),
    help="Set a variable of the Jinja2 templates among the files; repeat for more.",
)

# SPEC, its tables and variables, together `files`, the arguments of `read_specification`
specification = gathered(
    "files",
    dict,
    click.argument("paths", metavar="SPEC...", nargs=-1, required=True, type=PATH),
    click.option("--ert", type=PATH, help="Energy table (Accelergy's ERT)."),
    click.option("--art", type=PATH, help="Area table (Accelergy's ART)."),
    jinja,
)


# WORKLOAD and `--layer`, together the parameter `network`, a `Workload`
network = gathered(
    "network", lambda workload, layers: read_workload(workload, layers), workload(), layer
)


def load_hardware(hardware: str, settings: Sequence[str]) -> Hardware:
    """Return a parameter set with `settings` (`KEY=VALUE`) applied.

    Raises:
        InputError: A setting is not KEY=VALUE, or a key or value is not legal.
    """
    return Hardware.load(hardware).replace(**read_settings(settings))


# `--hardware` and `--set`, together the parameter `hardware`, a `Hardware`
hardware = gathered(
    "hardware",
    load_hardware,
    hardware_name(help="The parameter set that all designs share."),
    set_(
        help="Change a number of the parameter set, e.g. fold=2 or read_pulse_s=50ns; repeat for "
        "more."
    ),
)


def cells(function: _F) -> _F:
    """Add what cells do wrong and `--seed`, together `nonidealities`."""
    from red_timeloop.dataflow.nonideal import Nonidealities

    share: dict[str, Any] = {"default": 0.0, "metavar": "SHARE"}
    return gathered(
        "nonidealities",
        Nonidealities,
        click.option("--seed", default=0, show_default=True, help="Seed of all random numbers."),
        click.option(
            "--variation",
            default=0.0,
            metavar="SIGMA",
            help="Sigma of the logarithm of the cells' conductances.",
        ),
        click.option("--stuck-off", **share, help="Cells stuck off."),
        click.option("--stuck-on", **share, help="Cells stuck on."),
        click.option(
            "--on-off-ratio",
            default=math.inf,
            metavar="RATIO",
            help="Highest over lowest conductance of a cell.  [default: infinite]",
        ),
        click.option(
            "--wire-resistance",
            **share,
            help="Wire from cell to cell, over the resistance of a cell that is on.",
        ),
    )(function)


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


def output(
    words: str = "Also write the result to files in this folder.",
    *,
    file: bool = False,
    **more: Any,
) -> Callable[[_F], _F]:
    """Add `-o`, a folder, or a file; `more` is as of `click.option`."""
    kind = click.Path(path_type=Path, file_okay=file, dir_okay=not file)
    metavar = "FILE" if file else "DIR"
    return click.option("-o", "--output", metavar=metavar, type=kind, help=words, **more)
