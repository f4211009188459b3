"""Points of a sweep over chips: a chip's numbers, the budget, and what they give.

Parameters are `chip.tiles` and the other numbers of a chip's file, one budget of those that
`red-timeloop chip` takes (`budget.area_m2`, `budget.power_W`, `budget.crossbars`, `budget.chips`),
and `reprogram`, the images after which layers that do not fit are programmed again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from red_timeloop.chip.budget import Budget
from red_timeloop.chip.chips import COUNTS, RATES, Chip
from red_timeloop.chip.run import on_chips
from red_timeloop.designs import Design
from red_timeloop.designs.evaluator import Evaluator
from red_timeloop.errors import InputError, shown
from red_timeloop.sweeps.measures import measures
from red_timeloop.units import quantity
from red_timeloop.workload import Workload, WorkloadLayer

__all__ = [
    "CHIP_PARAMETERS",
    "WHOLE_CHIP_PARAMETERS",
    "check_chip",
    "check_chip_value",
    "describe_chip",
    "measured_on_chip",
]

_PREFIX = "chip."
_REPROGRAM = "reprogram"
_BUDGETS: dict[str, tuple[Literal["area", "power", "crossbars", "chips"], str]] = {
    "budget.area_m2": ("area", "m2"),
    "budget.power_W": ("power", "W"),
    "budget.crossbars": ("crossbars", ""),
    "budget.chips": ("chips", ""),
}
CHIP_PARAMETERS = (*(f"{_PREFIX}{key}" for key in (*COUNTS, *RATES)), *_BUDGETS, _REPROGRAM)
WHOLE_CHIP_PARAMETERS = (
    *(f"{_PREFIX}{key}" for key in COUNTS),
    *(name for name, (_, unit) in _BUDGETS.items() if not unit),
    _REPROGRAM,
)
_MOST = 1e15  # of any of them: what is whole stays exact as a float


def check_chip(chip: Chip | None, parameters: Iterable[str]) -> None:
    """Refuse parameters of chips without a chip, and a chip without exactly one budget.

    Raises:
        InputError: Names the key of the sweep file.
    """
    mine = [name for name in parameters if name in CHIP_PARAMETERS]
    if chip is None:
        if mine:
            raise InputError(
                "there is no chip that it belongs to",
                key=f"parameters.{mine[0]}",
                legal="with chip: the name of a chip, or a file",
            )
        return
    budgets = [name for name in mine if name in _BUDGETS]
    if len(budgets) != 1:
        raise InputError(
            f"more than one budget: {', '.join(budgets)}" if budgets else "a chip needs a budget",
            key="parameters",
            legal=f"one of {', '.join(_BUDGETS)}",
        )


def check_chip_value(name: str, value: object, key: str) -> float:
    """Return a parameter's value in SI; a text may carry the unit of an area or a power.

    Raises:
        InputError: It is no number above 0, or not whole where it has to be.
    """
    unit = _BUDGETS[name][1] if name in _BUDGETS else ""
    whole = name in WHOLE_CHIP_PARAMETERS
    legal = "a whole number from 1" if whole else "a number above 0"
    if isinstance(value, str):
        try:
            value = float(value)  # YAML reads 1e-4, without a dot, as text
        except ValueError:
            if unit:
                return quantity(str(value), unit, key, legal="a number in SI")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"got {shown(value)}", key=key, legal=legal)
    if not 0 < value <= _MOST or (whole and value != int(value)):
        raise InputError(f"got {value:g}", key=key, legal=f"{legal}, at most {_MOST:g}")
    return float(value)


def describe_chip(chip: Chip | None) -> dict[str, Any]:
    """Return every number of a chip by its parameter, and the parameters that no file sets."""
    if chip is None:
        return {}
    told = ("source", "confirmed")
    parts = [
        {key: each for key, each in dataclasses.asdict(part).items() if key not in told}
        for part in chip.parts
    ]
    numbers = {f"{_PREFIX}{key}": float(getattr(chip, key)) for key in (*COUNTS, *RATES)}
    return {**dict.fromkeys([*_BUDGETS, _REPROGRAM]), **numbers, f"{_PREFIX}parts": parts}


def measured_on_chip(
    layers: Sequence[WorkloadLayer],
    design: Design,
    evaluator: Evaluator,
    chip: Chip,
    values: Mapping[str, float],
) -> dict[str, float]:
    """Return the measures of a network on a chip with the values of a point, by their names.

    Raises:
        InputError: It does not fit.
    """
    changed: dict[str, Any] = {
        name.removeprefix(_PREFIX): int(value) if name in WHOLE_CHIP_PARAMETERS else value
        for name, value in values.items()
        if name.startswith(_PREFIX)
    }
    budget = next(Budget(_BUDGETS[name][0], values[name]) for name in _BUDGETS if name in values)
    (found,) = on_chips(
        Workload("", "", tuple(layers)),
        [design],
        evaluator,
        dataclasses.replace(chip, **changed),
        [budget],
        reprogram=int(values[_REPROGRAM]) if _REPROGRAM in values else None,
    )
    if not found.results:
        (failure,) = found.failures
        raise failure.error
    (row,) = found.rows()
    return {name: float(row[name]) for name in measures(chip=True) if name in row}
