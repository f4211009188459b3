"""What a point is judged by: measures, objectives and constraints, and how they are written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from red_timeloop.errors import InputError
from red_timeloop.units import quantity

__all__ = ["MEASURES", "Condition", "Objective", "measures", "usual"]

# measure -> (whether more is better, what it is)
_LAYERS: dict[str, tuple[bool, str]] = {
    "latency_s": (False, "time of one pass over all layers"),
    "energy_J": (False, "energy of one pass, programming not included"),
    "area_m2": (False, "area of the crossbars and buffers that hold all layers"),
    "energy_delay_Js": (False, "energy times latency"),
    "cycles": (False, "steps of all layers"),
    "crossbars": (False, "physical crossbars of all layers"),
    "programming_energy_J": (False, "energy of writing all weights once"),
    "speedup": (True, "latency of zero padding over latency, at the same parameters"),
    "energy_saving": (True, "share of zero padding's energy that is saved, likewise"),
    "sqnr_dB": (True, "signal to quantization noise of the sampled outputs"),
}
# Of a sweep over chips: what `red-timeloop chip` gives, by its names.
_CHIP: dict[str, tuple[bool, str]] = {
    "images_per_s": (True, "images a second"),
    "latency_s": (False, "time of one image, from its first word to the last of its result"),
    "energy_J_per_image": (False, "energy of an image, what is drawn at rest included"),
    "power_W": (False, "power at that rate"),
    "area_m2": (False, "area of the chips"),
    "crossbars": (False, "crossbars that there are"),
    "crossbars_used": (False, "crossbars that hold weights"),
    "tiles": (False, "tiles that there are"),
    "chips": (False, "chips that they are on"),
    "peak_tops": (True, "operations of full crossbars that never wait, 1e12 a second"),
    "tops": (True, "useful operations, 1e12 a second"),
    "tops_per_W": (True, "these for each W"),
    "tops_per_mm2": (True, "these for each mm2"),
    "utilization_rows": (True, "share of the word lines that are used"),
    "utilization_columns": (True, "share of the bit lines that are used"),
    "utilization_crossbars": (True, "share of the crossbars that hold weights"),
    "utilization_time": (True, "share of the time that these compute"),
    "speedup": (True, "images a second over those of zero padding, at the same parameters"),
    "energy_saving": _LAYERS["energy_saving"],
    "sqnr_dB": _LAYERS["sqnr_dB"],
}
MEASURES = _LAYERS | _CHIP  # one name has one direction
_UNITS = {
    **{"latency_s": "s", "energy_J": "J", "energy_J_per_image": "J", "programming_energy_J": "J"},
    **{"area_m2": "m2", "power_W": "W", "budget.area_m2": "m2", "budget.power_W": "W"},
}

_CONDITION = re.compile(r"\s*([A-Za-z_][A-Za-z_0-9.]*)\s*(<=|>=|==|<|>)\s*(\S.*?)\s*")
_COMPARE = {
    "<=": np.less_equal,
    ">=": np.greater_equal,
    "==": np.equal,
    "<": np.less,
    ">": np.greater,
}


def measures(*, chip: bool) -> dict[str, tuple[bool, str]]:
    """Return what a sweep measures, over chips or over layers."""
    return _CHIP if chip else _LAYERS


def usual(*, chip: bool) -> tuple[str, str]:
    """Return the objectives of a sweep that names none."""
    return ("images_per_s", "energy_J_per_image") if chip else ("energy_J", "latency_s")


@dataclass(frozen=True)
class Objective:
    """A measure to make small or large.

    >>> Objective.parse("max speedup")
    Objective(measure='speedup', more=True)
    """

    measure: str
    more: bool = False

    @classmethod
    def parse(cls, text: str, key: str = "objectives") -> Objective:
        """Read `MEASURE`, `min MEASURE` or `max MEASURE`.

        Raises:
            InputError: There is no such measure or goal.
        """
        words = str(text).split()
        goal = words[0] if len(words) == 2 else ""
        if len(words) not in (1, 2) or goal not in ("", "min", "max") or words[-1] not in MEASURES:
            raise InputError(
                f"got {text!r}", key=key, legal=f"[min|max] and one of {', '.join(MEASURES)}"
            )
        more = goal == "max" if goal else MEASURES[words[-1]][0]
        return cls(words[-1], more)

    def __str__(self) -> str:
        return f"{'max' if self.more else 'min'} {self.measure}"

    def cost(self, columns: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return the measure so that less is better."""
        return -columns[self.measure] if self.more else columns[self.measure]


@dataclass(frozen=True)
class Condition:
    """A bound on a measure or on a parameter.

    >>> Condition.parse("area_m2 <= 2e-4"), Condition.parse("power_W < 500mW").bound
    (Condition(name='area_m2', relation='<=', bound=0.0002), 0.5)
    """

    name: str
    relation: str
    bound: float

    @classmethod
    def parse(cls, text: str, key: str = "constraints") -> Condition:
        """Read `NAME RELATION NUMBER`; the number may have its unit, else it is in SI.

        Raises:
            InputError: It is not of that form.
        """
        legal = "NAME <= NUMBER (or >=, <, >, ==), e.g. area_m2 <= 2e-4"
        match = _CONDITION.fullmatch(str(text))
        if match is None:
            raise InputError(f"got {text!r}", key=key, legal=legal)
        try:
            return cls(match[1], match[2], float(match[3]))
        except ValueError:
            if match[1] in _UNITS:
                bound = quantity(match[3], _UNITS[match[1]], key, legal="a number in SI")
                return cls(match[1], match[2], bound)
            raise InputError(f"{match[3]!r} is not a number", key=key, legal=legal) from None

    def __str__(self) -> str:
        return f"{self.name} {self.relation} {self.bound:g}"

    def holds(self, columns: Mapping[str, NDArray[np.float64]]) -> NDArray[np.bool_]:
        """Return where the condition holds; a value that is not there (NaN) never does.

        Raises:
            InputError: No column of numbers has that name.
        """
        if self.name not in columns:
            raise InputError(
                f"there is no measure or parameter {self.name!r}",
                key=str(self),
                legal=list(columns),
            )
        held: NDArray[np.bool_] = _COMPARE[self.relation](columns[self.name], self.bound)
        return held
