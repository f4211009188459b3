"""The component models as an Accelergy plug-in.

Accelergy finds the estimators of this file when its path stands

* in a specification, under `globals: {accelergy_plug_ins: [PATH]}`,
* in the user's Accelergy configuration, under `python_plug_ins`, or
* in a data file below `share/accelergy/estimation_plug_ins`, which the wheel installs.

`red-timeloop doctor` prints the path and says whether Accelergy sees it. Each estimator answers for
one subclass of `red_timeloop.components.names()`, with the same numbers as the embedded engine:
Timeloop's actions, J and m^2. Attributes are those of the component models; a value outside a
model's range makes the estimator decline, saying the range, and Accelergy asks the next one.
"""

from __future__ import annotations

import dataclasses
import sys
import warnings
from pathlib import Path
from typing import Any

if __name__ not in sys.modules or __package__ in (None, ""):
    # Accelergy loads the file by its path, perhaps where red_timeloop is not installed.
    sys.path.append(str(Path(__file__).resolve().parents[2]))

from red_timeloop.circuit import Circuit
from red_timeloop.components.attributes import attributes_of
from red_timeloop.components.base import Component
from red_timeloop.components.registry import build, find, names
from red_timeloop.errors import InputError

__all__ = ["ACCURACY", "GENERIC", "PLUG_IN_PATH", "estimators"]

PLUG_IN_PATH = Path(__file__).resolve()

# Accelergy asks the estimator of the highest accuracy first. Above the general plug-ins (70 to 90),
# because the subclasses are this package's own.
ACCURACY = 95

# Names that other plug-ins have too: these answer only where the architecture names a parameter set
# (`parameters: "isaac_32nm"`), as those of this package do.
GENERIC = frozenset(("adc", "adder", "dram", "mac", "regfile"))

_ACTIONS = ("read", "write", "update", "compute")


def estimators(module: str) -> dict[str, type]:
    """Return the estimator classes by name, as classes of the module called `module`.

    Accelergy takes only classes that say they were defined in the file it loads.

    Returns:
        An empty dict where Accelergy is not installed.
    """
    try:
        from accelergy.plug_in_interface.estimator import Estimator, actionDynamicEnergy
    except ImportError:
        return {}
    found = {}
    for subclass in names():
        try:
            component = find(subclass)
        except InputError as error:  # one broken package must not take the others' estimators away
            warnings.warn(str(error), stacklevel=2)
            continue
        assert component is not None
        name = "RedTimeloop" + "".join(part.capitalize() for part in subclass.split("_"))
        found[name] = _estimator(name, subclass, component, module, Estimator, actionDynamicEnergy)
    return found


def _estimator(
    name: str, subclass: str, component: type[Component], module: str, base: Any, action: Any
) -> type:
    """Make one estimator class; its arguments are the attributes that the model may have.

    Accelergy looks at the arguments of `__init__` to decide what to pass, so they must be named.
    """
    own = attributes_of(component)
    needed = [each.name for each in own.values() if each.needed]
    if subclass in GENERIC:
        needed.append("parameters")
    given = ["parameters", "technology", *own, *Circuit.names()]
    optional = [n for n in dict.fromkeys(given) if n not in needed]

    initialise = base.__init__  # takes no attributes

    def make(self: Any) -> None:
        initialise(self)
        attributes = {key: getattr(self, key) for key in (*needed, *optional)}
        self.component = build(subclass, attributes, strict=False)

    namespace: dict[str, Any] = {
        "__module__": module,
        "__doc__": f"Estimator of `{subclass}`: {(component.__doc__ or '').splitlines()[0]}",
        "__post_init__": make,
        "name": subclass,
        "percent_accuracy_0_to_100": ACCURACY,
        "get_area": get_area,
        "leak": leak,
    }
    known = (*component.actions, *component.gated)
    for each in (*_ACTIONS, *component.gated):
        if each in known:
            namespace[each] = action(_energy_of(each))
    made: type = dataclasses.make_dataclass(
        name,
        [(n, Any) for n in needed] + [(n, Any, dataclasses.field(default=None)) for n in optional],
        bases=(base,),
        namespace=namespace,
        eq=False,
        repr=False,
    )
    made.__module__ = module
    return made


def get_area(self: Any) -> float:
    """Return the area [m^2] of one instance."""
    return float(self.component.area)


def leak(self: Any, global_cycle_seconds: float) -> float:
    """Return the energy [J] that one instance leaks in a cycle of `global_cycle_seconds`."""
    return float(self.component.leakage_power * global_cycle_seconds)


def _energy_of(action: str) -> Any:
    def energy(self: Any) -> float:
        return float(self.component.energy(action))

    energy.__name__ = action
    energy.__doc__ = f"Return the energy [J] of one {action}."
    return energy


if __name__ != "red_timeloop.components.accelergy":
    # Loaded by Accelergy, under a name of its own; as a part of this package the file stays free of
    # Accelergy's imports.
    globals().update(estimators(__name__))
