"""Sets of candidate mappings as arrays, and their cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from red_timeloop.engines.embedded.arithmetic import Floats, Integers
from red_timeloop.engines.embedded.batch import evaluate_batch
from red_timeloop.engines.embedded.nest import LevelNest
from red_timeloop.engines.embedded.row import MappingBatch
from red_timeloop.mapper.space import Space

__all__ = ["Candidates", "Costs", "Objective", "evaluate_candidates", "order_of"]

Objective: TypeAlias = Literal["edp", "energy", "delay"]

_ENERGY_SCALE = 1e-6  # J


@dataclass(frozen=True)
class Candidates:
    """Mappings that keep the same data spaces.

    Attributes:
        levels: What is kept where.
        factors: `[N, places, D]`.
        order: Dimensions of the loops over time, innermost first, `[N, L, D]`.
    """

    levels: tuple[LevelNest, ...]
    factors: Integers
    order: Integers

    def __len__(self) -> int:
        return len(self.factors)

    def batch(self, space: Space) -> MappingBatch:
        """Return the candidates in the engine's form."""
        count, _, dimensions = self.factors.shape
        size = (count, len(space.machine.levels), dimensions)
        parts = {kind: np.ones(size, dtype=np.int64) for kind in ("temporal", "x", "y")}
        for number, place in enumerate(space.places):
            parts[place.kind][:, place.level] = self.factors[:, number]
        across = np.asarray(space.spatial_order, dtype=np.int64)[None]
        return MappingBatch(
            self.levels, parts["temporal"], parts["x"], parts["y"], self.order, across
        )


@dataclass(frozen=True)
class Costs:
    """Value of the objective (infinite for mappings that are not legal), cycles, energies in J."""

    value: Floats
    cycles: Integers
    energy: Floats


def evaluate_candidates(
    candidates: Candidates, space: Space, objective: Objective, chunk: int = 2048
) -> Costs:
    """Return the costs of all candidates.

    Among equal delays less energy is better: it adds less than half a cycle.
    """
    values, cycles, energies = [], [], []
    for start in range(0, len(candidates), chunk):
        part = Candidates(
            candidates.levels,
            candidates.factors[start : start + chunk],
            candidates.order[start : start + chunk],
        )
        result = evaluate_batch(part.batch(space), space.machine, space.shape)
        legal = result.legal
        if space.least_used > 1:
            legal = legal & (space.used(part.factors).prod(axis=1) >= space.least_used)
        if objective == "edp":
            value = result.energy * result.cycles
        elif objective == "energy":
            value = result.energy
        else:
            value = result.cycles + 0.5 * result.energy / (result.energy + _ENERGY_SCALE)
        values.append(np.where(legal, value, np.inf))
        cycles.append(result.cycles)
        energies.append(result.energy)
    return Costs(np.concatenate(values), np.concatenate(cycles), np.concatenate(energies))


def order_of(keys: Floats, space: Space) -> Integers:
    """Return the orders of loops that `keys[N, L, D]` sort to, pinned dimensions in their place."""
    keys = keys.copy()
    dimensions = keys.shape[2]
    for level, (inside, outside) in enumerate(zip(space.innermost, space.outermost, strict=True)):
        for rank, dimension in enumerate(inside):
            keys[:, level, dimension] = rank - dimensions - 1
        for rank, dimension in enumerate(outside):
            keys[:, level, dimension] = rank + 2
    return np.argsort(keys, axis=2, kind="stable")
