"""Asking the installed Accelergy for the prices of primitive components, all in one run."""

from __future__ import annotations

import collections.abc as abc
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from red_timeloop.components.accelergy import PLUG_IN_PATH
from red_timeloop.components.estimators import Estimate
from red_timeloop.engines.timeloop.check import estimators, failure_reason
from red_timeloop.engines.timeloop.process import run_limited
from red_timeloop.engines.timeloop.tools import TimeloopError, find_tools
from red_timeloop.files import write_atomic
from red_timeloop.spec.compound import HANDED_DOWN, PrimitiveAction, Resolved
from red_timeloop.spec.emit import Text, to_yaml
from red_timeloop.spec.reader import read_art_file, read_ert_file
from red_timeloop.spec.types import ArtTable, ErtTable

__all__ = ["AccelergyEstimator", "ask_accelergy"]

_SECONDS = 600.0
_DIGITS = "17"  # all of a float's

Attributes = abc.Mapping[str, Any]


@dataclass(frozen=True)
class AccelergyEstimator:
    """What one run of Accelergy said; `names` holds the components asked about."""

    names: abc.Mapping[str, str]
    ert: ErtTable
    art: ArtTable
    by: abc.Mapping[str, str]

    def energy(
        self, component_class: str, attributes: Attributes, action: str, arguments: Attributes
    ) -> Estimate:
        """Return the energy [J] of one action."""
        name = self.names[_key(component_class, {**attributes, **arguments})]
        return Estimate(self.ert.energies[name][action], f"Accelergy: {self.by[name]}")

    def area(self, component_class: str, attributes: Attributes) -> Estimate:
        """Return the area [m^2] of one instance."""
        name = self.names[_key(component_class, attributes)]
        return Estimate(self.art.areas[name], f"Accelergy: {self.by.get(name, 'area only')}")


def ask_accelergy(components: abc.Iterable[Resolved]) -> AccelergyEstimator:
    """Run `accelergy` once for all primitives of components.

    This package's estimators are handed to it, too.

    Raises:
        TimeloopError: It is not on PATH, fails, or does not price a component.
        InputError: An action has arguments, which Accelergy takes only of compound components.
    """
    accelergy = find_tools().accelergy
    if accelergy is None:
        raise TimeloopError("accelergy is not on PATH", key="estimator", legal="see doctor")
    asked: dict[str, dict[str, Any]] = {}
    for component in components:
        for part in component.parts:
            _want(asked, part.component_class, part.attributes, [])
        for ways in component.actions.values():
            for use in (use for way in ways for use in way):
                _check_arguments(use)
                attributes = {**use.part.attributes, **use.arguments}
                _want(asked, use.part.component_class, attributes, [use.action])
    names = {key: f"part{number}" for number, key in enumerate(asked)}
    local = [{"name": names[key], **entry} for key, entry in asked.items()]
    top = {"name": "asked", "attributes": _shared(asked.values()), "local": local}
    tree = {"version": 0.4, "subtree": [top]}
    with tempfile.TemporaryDirectory(prefix="red-timeloop-") as place:
        folder = Path(place)
        write_atomic(folder / "asked.yaml", to_yaml({"architecture": tree}))
        log = folder / "accelergy.log"
        command = [str(accelergy), "asked.yaml", "-o", ".", "-p", _DIGITS, "-e", str(PLUG_IN_PATH)]
        run_limited(command, folder=folder, log=log, seconds=_SECONDS)
        if not (folder / "ART.yaml").is_file() or not (folder / "ERT.yaml").is_file():
            reason = failure_reason(folder) or "its log does not say why"
            raise TimeloopError(f"Accelergy: {reason}", key="estimator")
        ert, art = read_ert_file(folder / "ERT.yaml"), read_art_file(folder / "ART.yaml")
        return AccelergyEstimator(names, ert, art, estimators(folder))


def _want(
    asked: dict[str, dict[str, Any]], kind: str, attributes: Attributes, actions: abc.Iterable[str]
) -> None:
    entry = asked.setdefault(
        _key(kind, attributes),
        {"class": kind, "attributes": _handed_over(attributes), "required_actions": []},
    )
    wanted = entry["required_actions"]
    wanted += [action for action in actions if action not in wanted]


def _shared(entries: abc.Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return what Accelergy wants of the top as well, after a look that every component has it."""
    shared: dict[str, Any] = {}
    for entry in entries:
        for key in ("technology", "global_cycle_seconds"):
            if key not in entry["attributes"]:
                raise TimeloopError(f"Accelergy needs it of {entry['class']}", key=key)
            shared.setdefault(key, entry["attributes"][key])
    return shared


def _handed_over(attributes: Attributes) -> dict[str, Any]:
    """Return what Accelergy is told; the instances are counted here, not there."""
    told = {
        key: Text(each) if isinstance(each, str) else each
        for key, each in attributes.items()
        if isinstance(each, str | int | float) and key != "version"
    }
    return {**told, "n_instances": 1}


def _key(kind: str, attributes: Attributes) -> str:
    return repr((kind, sorted(_handed_over(attributes).items())))


def _check_arguments(use: PrimitiveAction) -> None:
    more = [key for key in use.arguments if key not in HANDED_DOWN]
    if more:
        raise TimeloopError(
            f"arguments of {use.action} cannot be asked about: {', '.join(more)}",
            key=use.part.name,
            legal="--estimator builtin or hwcomponents",
        )
