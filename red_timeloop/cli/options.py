"""Options that several commands share, so that they are named and read alike everywhere."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click
from click.shell_completion import CompletionItem

from red_timeloop.engines.pricing import ESTIMATORS
from red_timeloop.mapper.cache import SWITCH

if TYPE_CHECKING:
    from red_timeloop.dataflow.nonideal import Nonidealities
    from red_timeloop.hardware import Hardware
    from red_timeloop.workload import Workload

__all__ = [
    "COUNT",
    "adc_step",
    "cache",
    "cells",
    "chip",
    "chips",
    "complete_workloads",
    "design",
    "engine",
    "estimator",
    "file",
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
    "workload",
]

_F = TypeVar("_F", bound=Callable[..., Any])

_DESIGNS = (
    "A design to run: its name, or your own as FILE.py:NAME or package.module:NAME, or a Timeloop"
    " architecture (ARCH.yaml, NAME=ARCH.yaml, a folder) with zeros inserted and split; repeat for"
    " more."
)


def gathered(
    name: str, make: Callable[..., Any], *options: Callable[[Any], Any], keys: Sequence[str] = ()
) -> Callable[[_F], _F]:
    """Add options whose values `make` takes by name (`keys`) for the one parameter `name`."""

    def decorate(function: _F) -> _F:
        @wraps(function)
        def command(*arguments: Any, **values: Any) -> Any:
            own = {key: values.pop(key) for key in keys or signature(make).parameters}
            return function(*arguments, **{name: make(**own)}, **values)

        for option in reversed(options):
            command = option(command)
        return cast(_F, command)

    return decorate


def _completed(names: Callable[[], Iterable[str]]) -> Any:
    """Complete what begins like one of `names`."""
    return lambda context, option, begun: [each for each in names() if each.startswith(begun)]


def _designs() -> Iterable[str]:
    from red_timeloop import designs

    return designs.all_names()


def _parameter_sets() -> Iterable[str]:
    from red_timeloop import resources

    return resources.names("arch/parameters")


def _chips() -> Iterable[str]:
    from red_timeloop.chip.chips import chip_names

    return chip_names()


def _settings() -> Iterable[str]:
    from red_timeloop.hardware import Hardware

    return (f"{name}=" for name in Hardware.parameters())


def _layers(context: click.Context, option: click.Parameter, begun: str) -> list[str]:
    from red_timeloop.workload import load_workload, workload_names

    name = context.params.get("workload") or "red_date2019"
    if name not in workload_names():
        return []
    return [e.name for e in load_workload(name).layers if e.name.startswith(begun)]


def complete_workloads(
    context: click.Context, option: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Complete the name of a shipped workload, its layer after a colon, or a file."""
    from red_timeloop.workload import load_workload, workload_names

    head, colon, _ = begun.partition(":")
    if colon and head in workload_names():
        names = [f"{head}:{entry.name}" for entry in load_workload(head).layers]
        return [CompletionItem(name) for name in names if name.startswith(begun)]
    items = [CompletionItem(name) for name in workload_names() if name.startswith(begun)]
    return [*items, CompletionItem(begun, type="file")]


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


def one_design(words: str = "The design.") -> Callable[[_F], _F]:
    """Add `--design` once, RED where it is left out."""
    return click.option(
        "--design",
        metavar="DESIGN",
        default="red",
        show_default=True,
        shell_complete=_completed(_designs),
        help=words,
    )


jobs = click.option(
    "-j",
    "--jobs",
    default=1,
    show_default=True,
    help="Processes that evaluate the layers; -1 for one a core.",
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
    shell_complete=_layers,
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

COUNT = click.IntRange(min=1, max=10**9)  # of crossbars or chips

chips = click.option(
    "--chips",
    type=COUNT,
    help="The budget: whole chips.  [default: as many as hold the weights on every design]",
)


def chip(
    default: str | None, words: str = "The chip whose tiles and links there are."
) -> Callable[[_F], _F]:
    """Add `--chip`."""
    return click.option(
        "--chip",
        metavar="NAME|FILE",
        default=default,
        show_default=True,
        shell_complete=_completed(_chips),
        help=words,
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


def _jinja_data(context: click.Context, option: click.Parameter, given: Sequence[str]) -> Any:
    from red_timeloop.spec.template import jinja_data

    return jinja_data(given)


jinja = click.option(
    "--jinja",
    metavar="KEY=VALUE",
    multiple=True,
    callback=_jinja_data,
    help="Set a variable of the Jinja2 templates among the files; repeat for more.",
)


def workload(*, optional: bool = False) -> Callable[[_F], _F]:
    """Add WORKLOAD, a name or a file."""
    return click.argument(
        "workload",
        metavar="[WORKLOAD[:LAYER]]" if optional else "WORKLOAD[:LAYER]",
        required=not optional,
        shell_complete=complete_workloads,
    )


def _read_workload(workload: str, layers: tuple[str, ...]) -> Workload:
    from red_timeloop.frontends.read import read_workload

    return read_workload(workload, layers)


# WORKLOAD and `--layer`, together the parameter `network`, a `Workload`
network = gathered("network", _read_workload, workload(), layer)


def set_(words: str) -> Callable[[_F], _F]:
    """Add `--set`, repeatable, which `read_settings` reads."""
    return click.option(
        "--set",
        "settings",
        metavar="KEY=VALUE",
        multiple=True,
        shell_complete=_completed(_settings),
        help=f"{words}; repeat for more.",
    )


def hardware_name(words: str) -> Callable[[_F], _F]:
    """Add `--hardware`, the name or file of a parameter set."""
    return click.option(
        "--hardware",
        metavar="NAME|FILE",
        default="isaac_32nm",
        show_default=True,
        shell_complete=_completed(_parameter_sets),
        help=words,
    )


def load_hardware(hardware: str, settings: Sequence[str]) -> Hardware:
    """Return a parameter set with `settings` (`KEY=VALUE`) applied.

    Raises:
        InputError: A setting is not KEY=VALUE, or a key or value is not legal.
    """
    from red_timeloop.hardware import Hardware, read_settings

    return Hardware.load(hardware).replace(**read_settings(settings))


# `--hardware` and `--set`, together the parameter `hardware`, a `Hardware`
hardware = gathered(
    "hardware",
    load_hardware,
    hardware_name("The parameter set that all designs share."),
    set_("Change a number of the parameter set, e.g. fold=2 or read_pulse_s=50ns"),
)

_CELLS = {  # what cells do wrong: the default, what it is a number of, and words
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


def _nonidealities(**values: Any) -> Nonidealities:
    from red_timeloop.dataflow.nonideal import Nonidealities

    return Nonidealities(**values)


# `_CELLS` and `--seed`, together the parameter `cells`, a `Nonidealities`
cells = gathered(
    "cells",
    _nonidealities,
    click.option("--seed", default=0, show_default=True, help="Seed of all random numbers."),
    *(
        click.option(f"--{key.replace('_', '-')}", default=default, metavar=metavar, help=words)
        for key, (default, metavar, words) in _CELLS.items()
    ),
    keys=("seed", *_CELLS),
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


def file(*names: str, **more: Any) -> Callable[[_F], _F]:
    """Add an option that is a path, or several with `multiple=True`."""
    return click.option(*names, type=click.Path(path_type=Path), **more)
