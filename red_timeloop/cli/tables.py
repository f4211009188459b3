"""`red-timeloop tables`: prices of components for flows that know nothing of this package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from red_timeloop.cli import options

if TYPE_CHECKING:
    from red_timeloop.spec.types import Architecture

__all__ = ["command"]

_ABOUT = {
    "ert": "Energies in pJ of one action, for Timeloop and Accelergy",
    "art": "Areas in um^2 of one instance, for Timeloop and Accelergy",
    "csv": "Energies in pJ, areas in um^2, for the folders in ACCELERGY_COMPONENT_LIBRARIES",
    "lib": "Components for a folder in Accelergy's primitive_components",
}


@click.command(name="tables")
@click.argument("spec", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--design",
    metavar="DESIGN",
    default="red",
    show_default=True,
    help="A shipped architecture.",
)
@click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="Change a variable of the architecture, e.g. crossbar_rows=256; repeat for more.",
)
@options.format_("ert", "art", "csv", "lib")
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write to this file."
)
def command(
    spec: tuple[Path, ...],
    design: str,
    settings: tuple[str, ...],
    form: str,
    output: Path | None,
) -> None:
    """Price the components of an architecture.

    That of the files SPEC, or the shipped one of a design. `ert` and `art` are Timeloop's tables,
    `csv` is a library for Accelergy's library plug-in, `lib` lists the components with their
    attributes.
    """
    from red_timeloop.files import write_atomic

    text = _text(form, spec, design, settings)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_atomic(output, text)


def _text(form: str, spec: tuple[Path, ...], design: str, settings: tuple[str, ...]) -> str:
    from red_timeloop.components.libraries import csv_library, primitive_library
    from red_timeloop.components.tables import price
    from red_timeloop.spec.emit import to_yaml
    from red_timeloop.spec.write import art_section, ert_section

    about = f"# {_ABOUT[form]}. Written by red-timeloop.\n"
    if form == "lib":
        return about + to_yaml(primitive_library())
    architecture = _architecture(spec, design, settings)
    ert, art = price(architecture)
    if form == "csv":
        return about + csv_library(architecture, ert, art)
    about += _sources(architecture)
    if form == "art":
        return about + to_yaml({"ART": art_section(art, architecture)})
    return about + to_yaml({"ERT": ert_section(ert, architecture)})


def _architecture(spec: tuple[Path, ...], design: str, settings: tuple[str, ...]) -> Architecture:
    from red_timeloop import resources
    from red_timeloop.errors import InputError
    from red_timeloop.spec.reader import read_specification

    files = list(spec)
    if not files:
        if design not in resources.names("arch"):
            raise InputError(
                f"unknown design {design!r}", key="--design", legal=resources.names("arch")
            )
        files = [resources.path(f"arch/{design}.yaml")]
    return read_specification(files, variables=dict(map(_setting, settings))).architecture


def _setting(setting: str) -> tuple[str, int | float | str]:
    from red_timeloop.errors import InputError

    key, equals, text = setting.partition("=")
    if not equals or not key:
        raise InputError(f"got {setting!r}", key="--set", legal="KEY=VALUE")
    return key.strip(), _value(text.strip())


def _value(text: str) -> int | float | str:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _sources(architecture: Architecture) -> str:
    """Name the model behind each level; their docstrings name the sources of the numbers."""
    from red_timeloop.components import find

    lines = []
    for level in architecture.levels:
        model = find(level.subclass)
        if model is not None:
            lines.append(f"#   {level.name}: {model.__module__}.{model.__name__}\n")
    parameters = architecture.variables.get("parameters", "isaac_32nm")
    head = f"# Models, with the numbers (and their sources) of arch/parameters/{parameters}.yaml:\n"
    return head + "".join(lines)
