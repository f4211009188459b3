"""Sets of candidate mappings as arrays, and their cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from red_timeloop.engines.embedded.arithmetic import Booleans, Floats, Integers
from red_timeloop.engines.embedded.batch import evaluate_batch
from red_timeloop.engines.embedded.mappings import MappingBatch
from red_timeloop.engines.embedded.nest import LevelNest, mapping_of
from red_timeloop.engines.embedded.sparse.evaluation import SparseProblem
from red_timeloop.errors import InputError
from red_timeloop.mapper.space import Space

__all__ = ["Candidates", "Costs", "Objective", "evaluate_candidates", "order_of", "value_of"]

Objective: TypeAlias = Literal["edp", "energy", "delay", "pareto"]

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

    def take(self, rows: Sequence[int] | Integers | slice) -> Candidates:
        """Return some of the candidates."""
        return Candidates(self.levels, self.factors[rows], self.order[rows])

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

    def take(self, rows: slice) -> Costs:
        """Return those of some of the mappings."""
        return Costs(self.value[rows], self.cycles[rows], self.energy[rows])


def evaluate_candidates(
    candidates: Candidates,
    space: Space,
    objective: Objective,
    chunk: int = 2048,
    prices: Floats | None = None,
) -> Costs:
    """Return the costs of all candidates, at `prices` of their own if given (`evaluate_batch`)."""
    if not len(candidates):
        return Costs(np.empty(0), np.empty(0, np.int64), np.empty(0))
    values, cycles, energies = [], [], []
    for start in range(0, len(candidates), chunk):
        own = slice(start, start + chunk)
        part = Candidates(candidates.levels, candidates.factors[own], candidates.order[own])
        batch = part.batch(space)
        priced = None if prices is None else prices[:, own]
        dense = evaluate_batch(batch, space.machine, space.shape, priced)
        legal, spent, joules = dense.legal, dense.cycles, dense.energy
        if space.least_used > 1:
            legal = legal & (space.used(part.factors).prod(axis=1) >= space.least_used)
        if space.sparse is not None:
            legal, spent, joules = _sparse_costs(batch, legal, space, space.sparse)
        value = value_of(objective, joules, spent)
        values.append(np.where(legal, value, np.inf))
        cycles.append(spent)
        energies.append(joules)
    return Costs(np.concatenate(values), np.concatenate(cycles), np.concatenate(energies))


def _sparse_costs(
    batch: MappingBatch, dense: Booleans, space: Space, sparse: SparseProblem
) -> tuple[Booleans, Integers, Floats]:
    """Return what is legal, cycles and energies, of mappings that are legal as dense ones."""
    legal, cycles, energy = dense.copy(), np.zeros(len(dense), np.int64), np.zeros(len(dense))
    for row in np.flatnonzero(dense):
        mapping = mapping_of(batch.nest(int(row)), space.machine, space.shape)
        try:
            found = sparse.evaluate(mapping)
        except InputError:  # too large compressed, or the ranks do not take the loops
            legal[row] = False
            continue
        cycles[row], energy[row] = found.cycles, found.energy
    return legal, cycles, energy


def value_of(objective: Objective, energy: Floats, cycles: Floats | Integers) -> Floats:
    """Return the value of J and cycles.

    Among equal delays less energy is better: it adds less than half a cycle. The value of a front
    (`pareto`) orders its mappings: energy times cycles.
    """
    if objective in ("edp", "pareto"):
        return energy * cycles
    if objective == "energy":
        return energy + 0.0 * cycles
    return cycles + 0.5 * energy / (energy + _ENERGY_SCALE)


def order_of(keys: Floats, space: Space) -> Integers:
    """Return the orders of loops that `keys[N, L, D]` sort to, pinned dimensions in their place.

    Keys lie from 0 to below 1.
    """
    keys = keys.copy()
    dimensions = keys.shape[2]
    for level, (inside, outside) in enumerate(zip(space.innermost, space.outermost, strict=True)):
        for rank, dimension in enumerate(inside):
            keys[:, level, dimension] = rank - dimensions
        for rank, dimension in enumerate(outside):
            keys[:, level, dimension] = 1 + rank
    return np.argsort(keys, axis=2, kind="stable")
