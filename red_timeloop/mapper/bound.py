"""A value that no legal mapping can be better than."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from red_timeloop.engines.embedded.arithmetic import Floats, Integers
from red_timeloop.mapper.candidates import Objective
from red_timeloop.mapper.space import Space, divisors
from red_timeloop.spec.tables import PICOJOULE

__all__ = ["Bound", "access_energy", "build_bound"]


@dataclass(frozen=True)
class Bound:
    """Lower bounds of cycles and energy.

    Attributes:
        objective: What is minimized.
        computes: Operations.
        energy: J that every mapping spends.
        instances: Most compute instances that a mapping can use.
        latency: Cycles that networks add to every mapping.
    """

    objective: Objective
    computes: int
    energy: float
    instances: int
    latency: int

    def value(self, used: Integers) -> Floats:
        """Return the lowest value of mappings that use `used` compute instances."""
        cycles = self.computes / used + self.latency
        if self.objective in ("edp", "pareto"):
            return cycles * self.energy
        if self.objective == "energy":
            return np.full(len(used), self.energy)
        return np.asarray(cycles, dtype=np.float64)

    @property
    def lowest(self) -> float:
        """The lowest value of any mapping."""
        return float(self.value(np.asarray([self.instances]))[0])


def build_bound(space: Space, objective: Objective) -> Bound:
    """Return the bounds of all mappings of `space`.

    The energy counts the operations, an access of every operand at the innermost level that keeps
    it (unless instances could pass it on to each other) and the leakage of one instance of each
    level. Of sparse tensors, it counts the computes that no saving does without.
    """
    computes = space.shape.operations
    instances = prod(_most_used(space, level) for level in range(len(space.machine.levels)))
    instances = min(instances, space.machine.compute.instances)
    if space.sparse is not None:
        computes = space.sparse.least_computes
        energy = computes * space.sparse.prices["actual"] * PICOJOULE
        return Bound(objective, computes, energy, instances, space.machine.latency)
    energy = computes * space.machine.compute.energy
    if space.keep_count == len(space.keeps):
        energy += min(access_energy(space, keep, computes) for keep in range(len(space.keeps)))
    cycles = -(-computes // instances)
    energy += sum(level.leakage for level in space.machine.levels) * cycles
    return Bound(objective, computes, energy, instances, space.machine.latency)


def _most_used(space: Space, level: int) -> int:
    """Return the largest number of children that factors of the dimensions can fill."""
    most = 1
    for number, (place, fan_out) in enumerate(zip(space.places, space.fan_outs, strict=True)):
        if place.level != level or fan_out is None:
            continue
        products = {1}
        for dimension, size in enumerate(space.shape.sizes):
            limits = space.limits[number][dimension]
            factors = [f for f in divisors(size) if limits.least <= f <= limits.most]
            products = {p * f for p in products for f in factors if p * f <= fan_out}
        most *= max(products, default=1)
    return most


def access_energy(space: Space, keep: int, computes: int) -> float:
    """Return J of the operands' accesses at least, with the given choice of what is kept."""
    levels = space.keeps[keep]
    energy = 0.0
    for index, tensor in enumerate(space.shape.tensors):
        kept = [level for level, nest in enumerate(levels) if nest.keep[index]]
        if _fed_by_neighbours(space, kept[0]):
            continue
        inner = space.machine.levels[kept[0]]
        each = inner.update_energy if tensor.read_write else inner.read_energy
        cluster_size = inner.instances // inner.clusters
        energy += computes / inner.block_size * each / cluster_size
    return energy


def _fed_by_neighbours(space: Space, innermost: int) -> bool:
    """Whether the operands could come from neighbours, so that nothing need be read here."""
    return any(_most_used(space, level) > 1 for level in range(innermost + 1))
