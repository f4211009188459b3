"""Prices of the estimators that others keep, as the package `hwcomponents` finds them.

`hwcomponents-library`, `-cacti`, `-adc` and `-neurosim`, and what else is installed. The names and
attributes are those of Accelergy's users: `technology` becomes `tech_node` [m], the DRAM of a
`type` the class of that type, `update` a `write`.
"""

from __future__ import annotations

import importlib.util
import re
from typing import Any

from red_timeloop.components.estimators import Attributes, Estimate, EstimatorError
from red_timeloop.errors import InputError

__all__ = ["HwComponents", "installed"]

_PACKAGE = "hwcomponents"
# How a model's failure is told in what hwcomponents raises: its name, later what went wrong.
_MODEL = re.compile(r"^\| (\S+) with priority", re.MULTILINE)
_WRONG = re.compile(r"^\|  \| (\w*(?:Error|Exception)\b.*)$", re.MULTILINE)
_LONGEST = 60  # characters of what went wrong; CACTI tells its whole command
_SIZED = ("sram", "cache")  # take a size in bits, and not a depth, in hwcomponents-cacti 1.0.40


def installed() -> bool:
    """Return whether `hwcomponents` is there."""
    return importlib.util.find_spec(_PACKAGE) is not None


class HwComponents:
    """The installed models of `hwcomponents`, each asked in the order of its priority."""

    def energy(
        self, component_class: str, attributes: Attributes, action: str, arguments: Attributes
    ) -> Estimate:
        """Return the energy [J] of one action."""
        import hwcomponents as package

        if action == "leak":
            power = self._ask(package.get_leak_power, component_class, attributes)
            return Estimate(power.value * float(arguments["global_cycle_seconds"]), power.by)
        name = {"update": "write"}.get(action, action)
        return self._ask(package.get_action_cost, component_class, attributes, name, arguments)

    def area(self, component_class: str, attributes: Attributes) -> Estimate:
        """Return the area [m^2] of one instance."""
        import hwcomponents as package

        return self._ask(package.get_area, component_class, attributes)

    def _ask(
        self, question: Any, component_class: str, attributes: Attributes, *more: Any
    ) -> Estimate:
        """Ask under the class's name, then without its underscores: `aladdin_adder`."""
        told = _told(component_class, attributes)
        names = dict.fromkeys((component_class, component_class.replace("_", "")))
        if component_class.lower() == "dram":
            names = dict.fromkeys((f"DRAM_{attributes.get('type', 'LPDDR4')}",))
        *others, last = names
        for name in (*others, last):
            try:
                found = question(name, told, *more, _return_estimation_object=True)
            except Exception as error:  # whatever a model does
                failed = _failure(component_class, error)
                if isinstance(failed, EstimatorError) or name == last:
                    raise failed from error
                continue
            value = getattr(found.value, "energy", found.value)
            return Estimate(float(value), f"hwcomponents {found.model_name}")
        raise AssertionError("there is a name")


def _told(component_class: str, attributes: Attributes) -> dict[str, Any]:
    told = {key: each for key, each in attributes.items() if each is not None}
    if "technology" in told and "tech_node" not in told:
        try:
            told["tech_node"] = float(str(told["technology"]).lower().removesuffix("nm")) * 1e-9
        except ValueError:
            del told["technology"]  # "SET ME"
    if component_class.lower() in _SIZED and {"width", "depth"} <= told.keys():
        told["size"] = told["width"] * told.pop("depth")
    return told


def _failure(component_class: str, error: Exception) -> InputError:
    """Return what hwcomponents raises in one line: which models failed, or that none is there."""
    text = str(error)
    if isinstance(error, RuntimeError):
        told = {
            f"{model}: {each[:_LONGEST]}"
            for model, each in zip(_MODEL.findall(text), _WRONG.findall(text), strict=False)
        }
        return EstimatorError("; ".join(sorted(told)) or text.splitlines()[0])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if "could not be initialized" in text:
        return InputError("; ".join(lines[1:]))
    return InputError(f"{component_class!r} is not known")
