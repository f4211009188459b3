"""What the analysis of sparse tensors finds, and what users see of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from red_timeloop.engines.embedded.machine import Machine, Shape
from red_timeloop.engines.embedded.movement import Traffic
from red_timeloop.engines.embedded.sparse.accesses import Accesses, Counts
from red_timeloop.engines.embedded.sparse.capacity import Fullest
from red_timeloop.engines.embedded.sparse.computes import Computes
from red_timeloop.engines.embedded.sparse.instances import Instances
from red_timeloop.engines.embedded.sparse.tiles import Tile
from red_timeloop.engines.result import (
    ComputeCounts,
    EngineResult,
    LevelResult,
    SpaceResult,
    SparseAccesses,
    SparseSpace,
)

__all__ = ["SparseResult"]


@dataclass(frozen=True)
class SparseResult:
    """What a mapping of sparse tensors costs, and all counts behind it.

    Lists are by level, innermost first, and within by data space; None where it is not kept.

    Attributes:
        sparse: Whether any level does something about zeros (imperfect mappings come here too).
        machine, shape: The engine's view of architecture and problem.
        traffic: The dense counts, `traffic[data space][level]`.
        tiles: The tiles, `tiles[data space][level]`.
        accesses: `accesses[data space][level]`.
        fullest: `fullest[level][data space]`.
        instances: Instances in use.
        algorithmic_computes: Computes of the dense problem.
        computes: What becomes of them.
        compute_cycles: Cycles of the compute level.
        level_cycles: Cycles of every level.
        cycles: Cycles of the problem.
        compute_energy: J of all computes.
        energies: J of all instances, `energies[level][data space]`.
        leakage: J by level.
    """

    sparse: bool
    machine: Machine
    shape: Shape
    traffic: Sequence[Sequence[Traffic]]
    tiles: Sequence[Sequence[Tile | None]]
    accesses: Sequence[Sequence[Accesses | None]]
    fullest: Sequence[Sequence[Fullest]]
    instances: Instances
    algorithmic_computes: int
    computes: Computes
    compute_cycles: int
    level_cycles: Sequence[int]
    cycles: int
    compute_energy: float
    energies: Sequence[Sequence[float]]
    leakage: Sequence[float]

    @property
    def energy(self) -> float:
        """Energy in J."""
        return self.compute_energy + sum(map(sum, self.energies)) + sum(self.leakage)

    def as_engine_result(self) -> EngineResult:
        """Return what users see of it."""
        machine = self.machine
        across = self.instances.compute_most
        computes = ComputeCounts(
            self.algorithmic_computes,
            self.computes.actual,
            self.computes.gated,
            self.computes.skipped,
        )
        levels = {
            machine.compute.name: LevelResult(
                machine.compute.instances,
                across[0] * across[1],
                self.compute_energy,
                computes=computes if self.sparse else None,
            )
        }
        for level, storage in enumerate(machine.levels):
            energy = sum(self.energies[level]) + self.leakage[level]
            if storage.spatial and not energy:
                continue
            spaces = {
                tensor.name: self._space(number, level)
                for number, tensor in enumerate(self.shape.tensors)
                if self.tiles[number][level] is not None
            }
            used = max(math.prod(most[level + 1]) for most in self.instances.most)
            levels[storage.name] = LevelResult(storage.instances, used, energy, spaces)
        return EngineResult(
            "embedded", self.cycles, self.algorithmic_computes, self.energy, machine.area, levels
        )

    def _space(self, number: int, level: int) -> SpaceResult:
        accesses, dense = self.accesses[number][level], self.traffic[number][level]
        fullest, average = self.fullest[level][number], self.instances.average[number][level + 1]
        assert accesses is not None
        sparse = SparseSpace(
            _sparse(accesses.read, dense.reads),
            _sparse(accesses.fill, dense.fills),
            _sparse(accesses.update, dense.updates),
            average,
            dense.size,
            fullest.units,
        )
        used = math.prod(self.instances.most[number][level + 1]) if self.sparse else int(average)
        return SpaceResult(
            reads=accesses.read.actual,
            fills=accesses.fill.actual,
            updates=accesses.update.actual,
            temporal_reductions=accesses.temporal_reductions,
            utilized_instances=used,
            utilized_capacity=fullest.words,
            energy=self.energies[level][number],
            sparse=sparse if self.sparse else None,
        )


def _sparse(counts: Counts, algorithmic: int) -> SparseAccesses:
    return SparseAccesses(
        algorithmic,
        counts.gated,
        counts.skipped,
        counts.format_actual,
        counts.format_gated,
        counts.format_skipped,
    )
