"""Rate and energy over a range of areas, and where one design overtakes another."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from red_timeloop.chip.budget import Budget
from red_timeloop.chip.chips import Chip
from red_timeloop.chip.result import ChipComparison
from red_timeloop.chip.run import on_chips
from red_timeloop.comparison import Progress
from red_timeloop.designs import Design
from red_timeloop.designs.evaluator import Evaluator
from red_timeloop.errors import InputError
from red_timeloop.workload import Workload

__all__ = ["Crossing", "Curve", "area_curve"]

POINTS = 16  # on a curve
_HALVINGS = 6  # of the interval between two points that holds a crossing


@dataclass(frozen=True)
class Crossing:
    """`design` gives more images a second than `overtaken` from `area` on, m^2, not at `below`."""

    design: str
    overtaken: str
    below: float
    area: float


@dataclass(frozen=True)
class Curve:
    """Comparisons at rising areas, and where designs overtake each other."""

    points: tuple[ChipComparison, ...]
    areas: tuple[float, ...]
    crossings: tuple[Crossing, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the curve in the keys of the JSON output (schema 1)."""
        first = self.points[0].as_dict()
        rows = [result for point in self.points for result in point.as_dict()["results"]]
        failures = [
            {"area_m2": area, **failure}
            for area, point in zip(self.areas, self.points, strict=True)
            for failure in point.as_dict()["failures"]
        ]
        crossings = [
            {
                "design": each.design,
                "overtakes": each.overtaken,
                "between_m2": [each.below, each.area],
            }
            for each in self.crossings
        ]
        return first | {"results": rows, "failures": failures, "crossings": crossings}

    def rows(self) -> list[dict[str, Any]]:
        """Return a flat mapping for each area and design, for CSV."""
        return [row for point in self.points for row in point.rows()]


def area_curve(
    workload: Workload,
    designs: Sequence[Design],
    evaluator: Evaluator,
    chip: Chip,
    least: float,
    most: float,
    *,
    reprogram: int | None = None,
    progress: Progress | None = None,
    jobs: int = 1,
) -> Curve:
    """Return the designs at `POINTS` areas from `least` to `most` m^2, each so much above the last.

    Other arguments are those of `on_chip`.

    Raises:
        InputError: The range is empty, or no design fits into its largest area.
    """
    if not least < most:
        raise InputError(
            f"a range from {least:g} to {most:g} m2", key="area", legal="the smaller one first"
        )
    ratio = (most / least) ** (1 / (POINTS - 1))
    areas = [*(least * ratio**number for number in range(POINTS - 1)), most]
    budgets = [Budget("area", area) for area in areas]
    points = on_chips(
        workload,
        designs,
        evaluator,
        chip,
        budgets,
        reprogram=reprogram,
        progress=progress,
        jobs=jobs,
    )
    if not points[-1].results:
        raise points[-1].failures[0].error
    crossings = []
    known = {design.name: design for design in designs}
    for first, second in itertools.combinations(known, 2):
        pair = (known[first], known[second])

        def ahead(area: float, pair: tuple[Design, Design] = pair) -> int:
            budget = [Budget("area", area)]
            return _ahead(
                on_chips(workload, pair, evaluator, chip, budget, reprogram=reprogram)[0],
                pair[0].name,
                pair[1].name,
            )

        signs = [_ahead(point, first, second) for point in points]
        last = 0
        for index, sign in enumerate(signs):
            if sign and last and sign != last:
                low, high = areas[index - 1], areas[index]
                arrays = any(not result.crossbars for result in points[-1].results)
                for _ in range(0 if arrays else _HALVINGS):
                    middle = (low * high) ** 0.5
                    low, high = (low, middle) if ahead(middle) == sign else (middle, high)
                names = (first, second) if sign > 0 else (second, first)
                crossings.append(Crossing(*names, low, high))
            last = sign or last
    crossings.sort(key=lambda each: each.area)
    return Curve(tuple(points), tuple(areas), tuple(crossings))


def _ahead(point: ChipComparison, first: str, second: str) -> int:
    """Return 1 where the first design gives more images a second, -1 the second, 0 neither.

    A design that does not fit gives none.
    """
    rates = {result.design: result.rate for result in point.results}
    mine, theirs = rates.get(first, 0.0), rates.get(second, 0.0)
    return (mine > theirs * (1 + 1e-9)) - (theirs > mine * (1 + 1e-9))
