"""Who prices a primitive component: the models of this package, and what others offer.

An estimator answers for a class, its attributes and an action, or declines and says why.
"""

from __future__ import annotations

import collections.abc as abc
from dataclasses import dataclass
from typing import Any, Protocol

from red_timeloop.components.accelergy import GENERIC
from red_timeloop.components.base import Component
from red_timeloop.components.registry import build, find
from red_timeloop.components.standard import ATTRIBUTES, standard
from red_timeloop.errors import InputError

__all__ = [
    "Attributes",
    "Builtin",
    "Estimate",
    "Estimator",
    "EstimatorError",
    "Placeholder",
    "own_model",
]

Attributes = abc.Mapping[str, Any]


@dataclass(frozen=True)
class Estimate:
    """A price: an energy [J] of one action or an area [m^2] of one instance, and whose it is."""

    value: float
    by: str


class EstimatorError(InputError):
    """An estimator knows the component and failed; others are asked, and the result says so."""


class Estimator(Protocol):
    """What prices primitive components."""

    def energy(
        self, component_class: str, attributes: Attributes, action: str, arguments: Attributes
    ) -> Estimate:
        """Return the energy [J] of one action; a `leak` is that of one `global_cycle_seconds`.

        Raises:
            InputError: The class, an attribute or the action is not known here; says why.
        """

    def area(self, component_class: str, attributes: Attributes) -> Estimate:
        """Return the area [m^2] of one instance; raises as `energy` does."""


class Builtin:
    """The component models of this package, by `subclass`, and those of the standard classes."""

    def energy(
        self, component_class: str, attributes: Attributes, action: str, arguments: Attributes
    ) -> Estimate:
        """Return the energy [J] of one action."""
        model = own_model(component_class, attributes)
        if model is None:
            found = standard(component_class, attributes)
            if action == "leak":
                return Estimate(found.leakage_power * _seconds(arguments), found.model)
            if action not in found.energies:
                legal = (*found.energies, "leak")
                raise InputError(f"{component_class} has no action {action!r}", legal=legal)
            return Estimate(found.energies[action], found.model)
        component = build(component_class, attributes)
        if action not in component.actions:
            raise InputError(f"{component_class} has no {action!r}", legal=component.actions)
        if action == "leak" and arguments.get("global_cycle_seconds") is not None:
            return Estimate(float(component.leakage_power) * _seconds(arguments), _own(model))
        return Estimate(float(component.energy(action)), _own(model))

    def area(self, component_class: str, attributes: Attributes) -> Estimate:
        """Return the area [m^2] of one instance."""
        model = own_model(component_class, attributes)
        if model is None:
            found = standard(component_class, attributes)
            return Estimate(found.area, found.model)
        return Estimate(float(build(component_class, attributes).area), _own(model))


class Placeholder:
    """Accelergy's `dummy`: where `technology` is -1, every action costs 1 pJ, an instance 1 um^2.

    What the specification itself declares not to be a price (accelergy's dummy_table.py).
    """

    def energy(
        self, component_class: str, attributes: Attributes, action: str, arguments: Attributes
    ) -> Estimate:
        """Return 1 pJ, nothing for a `leak`."""
        return self._price(attributes, 0.0 if action == "leak" else 1e-12)

    def area(self, component_class: str, attributes: Attributes) -> Estimate:
        """Return 1 um^2."""
        return self._price(attributes, 1e-12)

    def _price(self, attributes: Attributes, value: float) -> Estimate:
        if str(attributes.get("technology")) != "-1":
            raise InputError("has a technology", legal="-1 for placeholders of 1 pJ")
        return Estimate(value, "placeholder of 1 pJ (technology: -1)")


def _own(model: type) -> str:
    return f"red_timeloop {model.__name__}"


def own_model(name: str, attributes: Attributes) -> type[Component] | None:
    """Return this package's model of a name; None where it means a standard class, or nothing.

    The model of a name that others use too is meant where a parameter set is named, as for
    Accelergy's users.
    """
    if name in GENERIC and name in ATTRIBUTES and attributes.get("parameters") is None:
        return None
    return find(name)


def _seconds(arguments: Attributes) -> float:
    seconds = arguments.get("global_cycle_seconds")
    try:
        return float(seconds)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise InputError("a leak needs the length of a cycle", key="global_cycle_seconds") from None
