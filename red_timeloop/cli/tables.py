"""`red-timeloop tables`: prices of components for flows that know nothing of this package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from red_timeloop.circuit import Circuit
from red_timeloop.cli import options
from red_timeloop.components import find as find_component
from red_timeloop.components.libraries import csv_library, primitive_library
from red_timeloop.components.tables import price
from red_timeloop.designs import find
from red_timeloop.errors import InputError, meant, shown
from red_timeloop.files import write_atomic
from red_timeloop.hardware import read_settings
from red_timeloop.spec.emit import to_yaml
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import Architecture, Value
from red_timeloop.spec.write import art_section, ert_section

__all__ = ["command"]

# What `Hardware` calls the variables of the shipped architectures.
_VARIABLES = {
    "rows": "crossbar_rows",
    "columns": "crossbar_columns",
    "adc_bits": "adc_resolution",
}
_ABOUT = {
    "ert": "Energies in pJ of one action, for Timeloop and Accelergy",
    "art": "Areas in um^2 of one instance, for Timeloop and Accelergy",
    "csv": "Energies in pJ, areas in um^2, for the folders in ACCELERGY_COMPONENT_LIBRARIES",
    "lib": "Components for a folder in Accelergy's primitive_components",
}


@click.command(name="tables")
@click.argument("spec", nargs=-1, type=options.PATH)
@options.one_design(help="The design whose architecture is meant.")
@options.set_(
    help="Change a variable of the architecture or a number of the parameter set, e.g. rows=256;"
    " repeat for more."
)
@options.format_("ert", "art", "csv", "lib")
@options.output("Write to this file.", file=True)
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
    text = _text(form, spec, design, settings)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_atomic(output, text)


def _text(form: str, spec: tuple[Path, ...], design: str, settings: tuple[str, ...]) -> str:
    about = f"# {_ABOUT[form]}. Written by red-timeloop.\n"
    if form == "lib":
        if spec or settings:
            raise InputError(
                "lists all components, of no architecture",
                key="--format lib",
                legal="neither SPEC nor --set with it",
            )
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
    files = list(spec) or [find(design, code=True).architecture]
    changes = read_settings(settings)
    if not changes:
        return read_specification(files).architecture
    variables, numbers = _sorted(changes, read_specification(files).variables)
    architecture = read_specification(files, variables=variables).architecture
    levels = (  # a circuit number among a component's attributes takes the place of the set's
        replace(level, attributes={**level.attributes, **numbers}) for level in architecture.levels
    )
    return replace(architecture, levels=tuple(levels))


def _sorted(
    changes: Mapping[str, Any], known: Mapping[str, Value]
) -> tuple[dict[str, Value], dict[str, Value]]:
    """Part what `--set` says into variables of the architecture and circuit numbers."""
    numbers = Circuit.names()
    renamed = {name: variable for name, variable in _VARIABLES.items() if variable in known}
    variables: dict[str, Value] = {}
    circuit: dict[str, Value] = {}
    for key, value in changes.items():
        if key not in known and key not in renamed and key not in numbers:
            legal = sorted({*known, *renamed, *numbers})
            raise InputError(f"unknown setting{meant(key, legal)}", key=key, legal=legal)
        if not isinstance(value, int | float | str):
            raise InputError(f"got {shown(value)}", key=key, legal="a number or a word")
        if key in known or key in renamed:
            variable = renamed.get(key, key)
            if variable in variables:
                raise InputError("given twice", key=variable, legal="once")
            variables[variable] = value
        else:
            circuit[key] = value
    return variables, circuit


def _sources(architecture: Architecture) -> str:
    """Name the model behind each level; their docstrings name the sources of the numbers."""
    lines = []
    for level in architecture.levels:
        model = find_component(level.subclass or "")
        if model is not None:
            lines.append(f"#   {level.name}: {model.__module__}.{model.__name__}\n")
    parameters = architecture.variables.get("parameters", "isaac_32nm")
    head = f"# Models, with the numbers (and their sources) of arch/parameters/{parameters}.yaml:\n"
    return head + "".join(lines)
