"""Prices of a specification without tables: every component asked of one estimator after another.

Components of a compound class (`components:`) are the sum of their primitives.
"""

from __future__ import annotations

import collections.abc as abc
from dataclasses import dataclass, replace
from typing import Any

from red_timeloop.components.estimators import (
    Builtin,
    Estimate,
    Estimator,
    EstimatorError,
    Placeholder,
    own_model,
)
from red_timeloop.components.tables import described
from red_timeloop.errors import InputError, shown
from red_timeloop.spec.compound import Primitive, PrimitiveAction, Resolved, resolve
from red_timeloop.spec.types import ArtTable, ErtTable, Level, Specification

__all__ = ["ESTIMATORS", "Prices", "price_specification", "priced"]

ESTIMATORS = ("auto", "builtin", "hwcomponents", "accelergy", "none")

# What timeloopfe asks of a component whatever the specification says
# (v4/processors/required_actions.py), and, where it can be, the leakage of what computes.
_ACTIONS = {"storage": ("read", "write", "update", "leak"), "compute": ("compute", "leak")}
_OPTIONAL = {("compute", "leak")}


@dataclass(frozen=True)
class Prices:
    """Energies, areas and, in `ert.priced_by`, who priced each component."""

    ert: ErtTable
    art: ArtTable


def priced(
    specification: Specification,
    estimator: str = "auto",
    timeloop: bool = False,
    needed: bool = True,
) -> Specification:
    """Return the specification with tables: its own, or those of `price_specification`.

    A specification with an energy table and no area table keeps having none; one without a problem
    stays as it is, since it cannot be evaluated.

    Args:
        specification: What is to be priced.
        estimator: See `price_specification`; `none` leaves a specification without tables as it
            is: counts and cycles, and energies that the result says are unknown.
        timeloop: Whether the real Timeloop evaluates: it asks Accelergy itself, unless another
            estimator is named or there are compound classes.
        needed: Whether prices are needed; where not, a specification that nobody prices comes back
            without, and a note says why.

    Raises:
        InputError: As `price_specification`.
    """
    _check(estimator)
    if specification.ert is not None or specification.problem is None or estimator == "none":
        return specification
    if timeloop and estimator in ("auto", "accelergy"):
        if not specification.components:
            return specification
        estimator = "accelergy"
    try:
        prices = price_specification(specification, estimator)
    except InputError as error:
        if needed:
            raise
        notes = (*specification.notes, f"without prices: {error}")
        return replace(specification, notes=notes)
    return replace(specification, ert=prices.ert, art=specification.art or prices.art)


def price_specification(specification: Specification, estimator: str = "auto") -> Prices:
    """Price every component of a specification.

    Args:
        specification: Its tables, if any, are not looked at.
        estimator: Who is asked: `builtin`, the models of this package; `hwcomponents`, its
            installed models and then the builtin ones; `accelergy`, the installed Accelergy and
            nobody else; `auto`, the builtin ones and then hwcomponents where it is installed.

    Returns:
        Energies [J] of one action (of memories: an access of `width` bits; a `leak` is one cycle of
        one instance), areas [m^2] of one instance, and who priced them. Fan-outs cost nothing.

    Raises:
        InputError: Nobody prices a component, or a compound class is not legal; names the
            component.
    """
    _check(estimator)
    levels = [each for each in specification.architecture.levels if each.kind != "spatial"]
    resolved = {level.name: _resolved(level, specification) for level in levels}
    asked = _asked(estimator, resolved.values())
    energies: dict[str, dict[str, float]] = {}
    areas: dict[str, float] = {}
    by: dict[str, str] = {}
    for level in specification.architecture.levels:
        if level.kind == "spatial":
            energies[level.name] = dict.fromkeys(_ACTIONS["storage"], 0.0)
            areas[level.name] = 0.0
            continue
        found = _Level(level.name, asked)
        energies[level.name] = {
            action: level.energy_scale * max(map(found.energy, ways))
            for action, ways in resolved[level.name].actions.items()
        }
        areas[level.name] = level.area_scale * sum(map(found.area, resolved[level.name].parts))
        nobody = f"nobody: the class {level.subclass or level.component_class!r} has no parts"
        by[level.name] = "; ".join(dict.fromkeys(found.by)) or nobody
    return Prices(ErtTable(energies, by), ArtTable(areas))


def _check(estimator: str) -> None:
    if estimator not in ESTIMATORS:
        raise InputError(f"unknown estimator {estimator!r}", key="estimator", legal=ESTIMATORS)


def _asked(estimator: str, components: abc.Iterable[Resolved]) -> tuple[tuple[str, Estimator], ...]:
    if estimator == "accelergy":
        from red_timeloop.engines.timeloop.accelergy_prices import ask_accelergy

        return (("accelergy", ask_accelergy(components)),)
    builtin: tuple[tuple[str, Estimator], ...] = (
        ("placeholder", Placeholder()),
        ("builtin", Builtin()),
    )
    if estimator == "builtin":
        return builtin
    from red_timeloop.components.hwcomponents import HwComponents, installed

    if not installed():
        if estimator == "auto":
            return builtin
        raise InputError(
            "hwcomponents cannot be imported",
            key="estimator",
            legal="pip install hwcomponents hwcomponents-library hwcomponents-cacti "
            "hwcomponents-adc hwcomponents-neurosim, with Python 3.12 or newer",
        )
    other: tuple[str, Estimator] = ("hwcomponents", HwComponents())
    return (*builtin, other) if estimator == "auto" else (other, *builtin)


def _resolved(level: Level, specification: Specification) -> Resolved:
    """Return the primitives of a level; a level of a primitive class is its only one."""
    architecture = specification.architecture
    kind = level.subclass or level.component_class
    attributes: abc.Mapping[str, Any] = architecture.component_attributes(level)
    needed = dict.fromkeys((*_ACTIONS[level.kind], *level.required_actions))
    if kind in specification.components:
        found = resolve(level.name, kind, attributes, specification.components)
        for action in needed:
            if action not in found.actions and (level.kind, action) not in _OPTIONAL:
                raise InputError(
                    f"the compound class {kind!r} has no action {action!r}",
                    key=level.name,
                    legal=found.actions,
                )
        return found
    if own_model(kind, attributes) is not None:  # strict about what it does not know
        _, attributes = described(architecture, level)
    part = Primitive(level.name, kind, attributes, count=1, area_scale=1.0, energy_scale=1.0)
    arguments = {"global_cycle_seconds": attributes.get("global_cycle_seconds")}
    actions = {each: ((PrimitiveAction(part, each, arguments, 1.0),),) for each in needed}
    return Resolved((part,), actions)


@dataclass
class _Level:
    """Asks for the primitives of one level, and keeps who answered in `by`."""

    name: str
    asked: tuple[tuple[str, Estimator], ...]

    def __post_init__(self) -> None:
        self.by: list[str] = []

    def energy(self, way: abc.Iterable[PrimitiveAction]) -> float:
        """Return the energy [J] of all that happens in one action."""
        return sum(each.times * self._one(each) for each in way)

    def _one(self, use: PrimitiveAction) -> float:
        part = use.part
        what = f"{use.action} of {part.component_class}"
        found = self._ask(
            part,
            what,
            lambda asked: asked.energy(
                part.component_class, part.attributes, use.action, use.arguments
            ),
        )
        return found * (_copies(part) if use.action == "leak" else 1.0)

    def area(self, part: Primitive) -> float:
        """Return the area [m^2] of all copies of a primitive."""
        what = f"the area of {part.component_class}"
        found = self._ask(
            part, what, lambda asked: asked.area(part.component_class, part.attributes)
        )
        return found * _copies(part) * part.count * part.area_scale

    def _ask(
        self, part: Primitive, what: str, question: abc.Callable[[Estimator], Estimate]
    ) -> float:
        reasons, failed = [], ""
        for name, estimator in self.asked:
            try:
                found = question(estimator)
            except InputError as declined:
                where = f"{declined.key}: " if declined.key else ""
                reasons.append(f"{name}: {where}{declined.message}")
                if isinstance(declined, EstimatorError):
                    failed += f" ({reasons[-1]})"
                continue
            # What answers first names itself once, with the parts of a compound class.
            inside = part.name.removeprefix(self.name).lstrip(".")
            by = found.by + failed
            self.by.append(f"{inside}: {by}" if inside else by)
            return found.value
        attributes = {key: each for key, each in part.attributes.items() if each is not None}
        why = "; ".join(each for each in reasons if not each.startswith("placeholder"))
        raise InputError(
            f"nobody prices {what} with {shown(attributes)} ({why})",
            key=part.name,
            legal="a table (--ert, --art); a class of `red-timeloop components` or one"
            " under `components:`; --estimator hwcomponents or accelergy (none: counts alone)",
        )


def _copies(part: Primitive) -> float:
    """Return the factor that Accelergy takes on leakage and area from the attributes."""
    return float(part.attributes.get("n_instances") or 1)
