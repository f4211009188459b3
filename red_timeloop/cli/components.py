"""`red-timeloop components`: the circuit models, and what one of them says."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any, cast

import click

from red_timeloop.circuit import Circuit
from red_timeloop.cli import options
from red_timeloop.cli.results import Answer, answering
from red_timeloop.components import build, find, names
from red_timeloop.components.attributes import Attribute, attributes_of
from red_timeloop.components.registry import origin
from red_timeloop.components.standard import ATTRIBUTES
from red_timeloop.errors import InputError, meant
from red_timeloop.hardware import Hardware, read_settings
from red_timeloop.units import area, scaled

__all__ = ["command"]

# Attributes that a component must be given, where nobody gives them: ISAAC's crossbar.
_EXAMPLE = {
    "rows": 128,
    "columns": 128,
    "rows_used": 128,
    "columns_used": 32,
    "resolution": 8,
    "width": 16,
    "depth": 64,
}


@click.command(name="components")
@click.argument("name", required=False)
@options.set_(help="Change an attribute or a circuit number, e.g. rows=256; repeat for more.")
@options.hardware_name(help="The parameter set whose circuit numbers hold.")
@answering()
def command(name: str | None, hardware: str, settings: tuple[str, ...]) -> Answer:
    """List the component models, or say what one of them costs.

    NAME is the `subclass` of an architecture; `--set` changes one of its attributes or a circuit
    number. Shows energy of each action, what a pulse takes, latency, area, leakage, attributes,
    and the circuit numbers that these rest on with their sources.
    """
    if name is not None:
        content = _described(name, hardware, settings)
        return Answer(lambda: _print_one(content), lambda: content)
    listed = [
        {"name": each, "stage": kind.stage, "summary": _summary(kind), "origin": origin(each)}
        for each in names()
        if (kind := find(each)) is not None
    ]
    return Answer(lambda: _print_list(listed), lambda: {"schema": 1, "components": listed})


def _print_list(listed: list[dict[str, Any]]) -> None:
    width = max(len(each["name"]) for each in listed)
    for each in listed:
        click.echo(f"{each['name']:<{width}}  {each['stage']:<10}  {each['summary']}")
    click.echo(f"Standard classes, where no table prices them: {', '.join(sorted(ATTRIBUTES))}")


def _summary(kind: type) -> str:
    return (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")


def _described(name: str, hardware: str, settings: tuple[str, ...]) -> dict[str, Any]:
    kind = find(name)
    if kind is None:
        message = f"unknown component {name!r}{meant(name, names())}"
        raise InputError(message, key="NAME", legal=names())
    own = attributes_of(kind)
    given, example = _arguments(name, own, settings)
    component = build(name, {**example, **given}, Hardware.load(hardware).circuit)
    recorder = _Recorder(component.circuit)
    watched = dataclasses.replace(component, circuit=cast(Circuit, recorder))
    said = {
        "energy_J": {action: watched.energy(action) for action in watched.actions},
        "pulse_J": {part: float(energy) for part, energy in watched.parts.items()},
        "latency_s": float(watched.latency),
        "area_m2": float(watched.area),
        "leakage_W": float(watched.leakage_power),
    }
    circuit = component.circuit
    return {
        "schema": 1,
        "name": name,
        "model": f"{kind.__module__}.{kind.__qualname__}",
        "origin": origin(name),
        "stage": kind.stage,
        "description": inspect.getdoc(kind),
        "hardware": hardware,
        **said,
        "attributes": {
            key: {
                "value": getattr(component, key),
                "from": "given" if key in given else "example" if key in example else "default",
                "legal": each.legal,
            }
            for key, each in own.items()
        },
        "numbers": {
            key: {
                "value": getattr(circuit, key),
                "from": "given" if key in given else "set",
                "spread": list(circuit.spreads[key]) if key in circuit.spreads else None,
                "source": circuit.sources.get(key, ""),
            }
            for key in circuit.names()
            if key in recorder.read
        },
    }


def _arguments(
    name: str, own: Mapping[str, Attribute], settings: tuple[str, ...]
) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the attributes and numbers that were given, and examples of those that are needed."""
    given = read_settings(settings)
    for key in given:
        if key not in own and key not in (*Circuit.names(), "technology"):
            legal = [*own, "technology", *Circuit.names()]
            raise InputError(f"{name} has no such attribute", key=key, legal=legal)
    example = {
        key: min(_EXAMPLE[key], int(each.range[1]))
        for key, each in own.items()
        if each.needed and key in _EXAMPLE and key not in given
    }
    return given, example


class _Recorder:
    """A circuit that remembers which of its numbers were asked for."""

    def __init__(self, circuit: Any) -> None:
        self.circuit = circuit
        self.read: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.read.add(name)
        return getattr(self.circuit, name)


def _print_one(content: Mapping[str, Any]) -> None:
    click.echo(f"{content['name']}: {content['model']} ({content['origin']})")
    click.echo(f"stage {content['stage']}; circuit numbers of {content['hardware']}\n")
    click.echo(f"{content['description']}\n")
    for action, energy in content["energy_J"].items():
        click.echo(f"  energy of {action:<14} {scaled(energy, 'J')}")
    for part, energy in content["pulse_J"].items():
        click.echo(f"  a pulse: {part:<15} {scaled(energy, 'J')}")
    click.echo(f"  latency of a pulse       {scaled(content['latency_s'], 's')}")
    click.echo(f"  area                     {area(content['area_m2'])}")
    click.echo(f"  leakage                  {scaled(content['leakage_W'], 'W')}")
    click.echo("\nAttributes")
    for key, each in content["attributes"].items():
        click.echo(f"  {key} = {each['value']} ({each['from']}; legal: {each['legal']})")
    click.echo("\nCircuit numbers")
    for key, each in content["numbers"].items():
        spread = "" if each["spread"] is None else " [{:g} .. {:g}]".format(*each["spread"])
        changed = "given" if each["from"] == "given" else each["source"]
        click.echo(f"  {key} = {each['value']:g}{spread}: {changed}")
