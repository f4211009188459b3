"""What a search looks for: the lowest value of one objective, or the front of energy and delay."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np

from red_timeloop.engines.embedded.arithmetic import Booleans, Floats, Integers
from red_timeloop.mapper.candidates import Candidates, Costs, Objective, value_of

__all__ = ["SAME", "Claim", "Corner", "Front", "Goal", "Lowest"]

# Two values closer than this are the same: energies are sums of floating-point numbers.
SAME = 1e-9

Corner: TypeAlias = tuple[float, float]  # J and cycles that mappings spend at least


class Claim(NamedTuple):
    """What is claimed of a part: that no mapping is better, but some that spend at least `least`.

    Attributes:
        keep: Number of the choice of what is kept.
        spread: Iterations across the instances of each group of fan-outs, by dimension.
        least: None where there are no such mappings.
    """

    keep: int
    spread: tuple[tuple[int, ...], ...]
    least: Corner | None


class Lowest:
    """The mapping of the lowest value.

    Attributes:
        objective: What is minimized.
        value: The lowest value found; infinite when there is none.
        best: Its mapping (one row); None when the value was given.
    """

    def __init__(self, objective: Objective, value: float = float("inf")) -> None:
        self.objective, self.value = objective, value
        self.best: Candidates | None = None

    def open(self, energy: Floats, cycles: Floats | Integers) -> Booleans:
        """Whether a mapping that spends at least that might be better than what is known."""
        better: Booleans = value_of(self.objective, energy, cycles) < self.value * (1 - SAME)
        return better

    def add(self, candidates: Candidates, costs: Costs) -> None:
        """Learn what mappings cost."""
        row = int(costs.value.argmin())
        if costs.value[row] < self.value:
            self.value = float(costs.value[row])
            self.best = candidates.take([row])


class Front:
    """The mappings than which none has less energy and no more cycles, or the other way round.

    Energies are sums in some order of rounding: of two that are the `SAME` the one of fewer cycles
    is kept, whichever was found first.

    Attributes:
        objective: What mappings are ordered by where one comes first.
        points: `(J, cycles, mapping)`, least energy first.
    """

    objective: Objective = "edp"

    def __init__(self) -> None:
        self.points: list[tuple[float, int, Candidates]] = []
        self._energy, self._cycles = np.empty(0), np.empty(0)

    @property
    def value(self) -> float:
        """The lowest energy times cycles."""
        return min((energy * cycles for energy, cycles, _ in self.points), default=float("inf"))

    @property
    def best(self) -> Candidates | None:
        """The mapping of that value."""
        return min(self.points, key=lambda each: each[0] * each[1])[2] if self.points else None

    def open(self, energy: Floats, cycles: Floats | Integers) -> Booleans:
        """Whether a mapping that spends at least that might belong to the front."""
        energy, cycles = np.broadcast_arrays(energy, cycles)
        # of the points with as little energy, the last has the fewest cycles
        number = np.searchsorted(self._energy * (1 - SAME), energy, side="right")
        fewest = np.concatenate([[np.inf], self._cycles])[number]
        result: Booleans = np.asarray(fewest > cycles)
        return result

    def add(self, candidates: Candidates, costs: Costs) -> None:
        """Learn what mappings cost."""
        rows = np.flatnonzero(np.isfinite(costs.value))
        rows = rows[np.lexsort((costs.cycles[rows], costs.energy[rows]))]
        if not len(rows):
            return
        cycles = costs.cycles[rows]
        lowest = np.minimum.accumulate(cycles)
        rows = rows[np.concatenate([[True], cycles[1:] < lowest[:-1]])]
        rows = rows[self.open(costs.energy[rows], costs.cycles[rows])]
        if not len(rows):
            return
        new = [
            (float(costs.energy[row]), int(costs.cycles[row]), candidates.take([row]))
            for row in rows.tolist()
        ]
        found: list[tuple[float, int, Candidates]] = []
        for point in sorted([*self.points, *new], key=lambda each: (each[1], each[0])):
            if not found or point[0] < found[-1][0] * (1 - SAME):
                found.append(point)
        found.reverse()
        self.points = found
        self._energy = np.array([energy for energy, _, _ in found])
        self._cycles = np.array([float(cycles) for _, cycles, _ in found])


Goal: TypeAlias = Lowest | Front
