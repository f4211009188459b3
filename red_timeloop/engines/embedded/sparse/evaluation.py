"""Evaluate one mapping of sparse tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from red_timeloop.engines.embedded.arithmetic import leakage
from red_timeloop.engines.embedded.cost import level_cycles
from red_timeloop.engines.embedded.imperfect import imperfect_movement
from red_timeloop.engines.embedded.machine import Machine, Shape, build_machine, build_shape
from red_timeloop.engines.embedded.movement import Traffic, data_movement
from red_timeloop.engines.embedded.nest import build_nest
from red_timeloop.engines.embedded.sparse.accesses import Accesses, Counts, count_accesses
from red_timeloop.engines.embedded.sparse.capacity import Fullest, fill_storage
from red_timeloop.engines.embedded.sparse.computes import Computes, Operand, count_computes
from red_timeloop.engines.embedded.sparse.cost import (
    Actions,
    count_actions,
    demand,
    overflow_energy,
)
from red_timeloop.engines.embedded.sparse.density import density_model
from red_timeloop.engines.embedded.sparse.instances import Instances, count_instances
from red_timeloop.engines.embedded.sparse.loops import box, build_full_nest
from red_timeloop.engines.embedded.sparse.machine import (
    COMPUTE_ACTIONS,
    SparseStorage,
    build_storages,
    energies,
)
from red_timeloop.engines.embedded.sparse.savings import find_savings
from red_timeloop.engines.embedded.sparse.tiles import Tile, build_tiles
from red_timeloop.engines.result import (
    ComputeCounts,
    EngineResult,
    LevelResult,
    SpaceResult,
    SparseAccesses,
    SparseSpace,
)
from red_timeloop.spec.sparsity import SparseOptimizations
from red_timeloop.spec.tables import PICOJOULE
from red_timeloop.spec.types import Architecture, ArtTable, ErtTable, Mapping, Problem

__all__ = ["SparseResult", "evaluate_sparse"]


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


def evaluate_sparse(
    architecture: Architecture,
    problem: Problem,
    mapping: Mapping,
    ert: ErtTable | None = None,
    art: ArtTable | None = None,
) -> SparseResult:
    """Evaluate `mapping` with Sparseloop's semantics; see `embedded.evaluation.evaluate`.

    Raises:
        InputError: As for dense tensors; or formats, densities and optimizations do not fit the
            mapping; names level and data space.
    """
    dense = replace(
        architecture,
        levels=tuple(replace(x, sparse=SparseOptimizations()) for x in architecture.levels),
    )
    shape = build_shape(problem)
    machine = build_machine(dense, problem.data_space_names, ert, art)
    spatial = any(
        x.type == "spatial_skipping" for y in architecture.levels for x in y.sparse.actions
    )
    nest = build_nest(mapping, machine, shape, imperfect=True, fan_out=not spatial)
    walked = imperfect_movement(mapping, nest, machine, shape) if mapping.imperfect else None
    traffic = walked.traffic if walked else data_movement(nest, machine, shape)
    full = build_full_nest(mapping, machine, shape)
    storages = build_storages(architecture, ert)
    tiles = [
        build_tiles(
            number,
            shape,
            full,
            traffic[number],
            storages,
            density_model(problem.densities.get(tensor.name), box(tensor, full.whole)),
        )
        for number, tensor in enumerate(shape.tensors)
    ]
    copies = walked.copies if walked else nest.copies
    total = walked.computes * copies[0] if walked else float(shape.operations)
    savings = find_savings(shape, full, machine, storages, tiles)
    instances = count_instances(shape, full, machine, storages, tiles, copies)
    accesses, operands = [], []
    for number, tensor in enumerate(shape.tensors):
        found, saved = count_accesses(
            traffic[number],
            tiles[number],
            {level: each for (space, level), each in savings.items() if space == number},
            {level: each for (space, level), each in instances.skipped.items() if space == number},
            tensor.read_write,
        )
        accesses.append(found)
        innermost = next(tile for tile in tiles[number] if tile is not None)
        if not tensor.read_write:
            operands.append(Operand(innermost.model.scalar, bool(innermost.formats), saved))
    computes = Computes(int(total))
    if architecture.sparse:
        computes = count_computes(total, operands, architecture.compute.sparse.compute)
    compute_cycles = math.ceil((computes.actual + computes.gated) / instances.compute)
    if walked:
        compute_cycles = walked.cycles
    prices = energies(architecture.compute, ert, COMPUTE_ACTIONS)
    compute_energy = 0.0
    for action in COMPUTE_ACTIONS:
        compute_energy += getattr(computes, action) * prices[action]
    compute_energy *= PICOJOULE
    return _cost(
        architecture.sparse,
        machine,
        shape,
        storages,
        traffic,
        tiles,
        accesses,
        instances,
        (int(total), computes, compute_cycles, compute_energy),
    )


def _cost(
    sparse: bool,
    machine: Machine,
    shape: Shape,
    storages: Sequence[SparseStorage],
    traffic: Sequence[Sequence[Traffic]],
    tiles: Sequence[Sequence[Tile | None]],
    accesses: Sequence[Sequence[Accesses | None]],
    instances: Instances,
    computing: tuple[int, Computes, int, float],
) -> SparseResult:
    algorithmic, computes, compute_cycles, compute_energy = computing
    spaces = range(len(shape.tensors))
    fullest, cycles, actions = [], [], []
    for level, storage in enumerate(machine.levels):
        here = [tiles[number][level] for number in spaces]
        fullest.append(fill_storage(storage, storages[level], here))
        counts = [accesses[number][level] for number in spaces]
        done = [
            count_actions(storage, storages[level], tile, each)
            if tile is not None and each is not None
            else None
            for tile, each in zip(here, counts, strict=True)
        ]
        actions.append(done)
        demands = {
            number: demand(
                storages[level],
                each,
                act,
                instances.average[number][level + 1] / math.prod(instances.most[number][level + 1]),
            )
            for number, (each, act) in enumerate(zip(counts, done, strict=True))
            if each is not None and act is not None
        }
        running = compute_cycles and level_cycles(storage, demands, compute_cycles)
        cycles.append(running)
    longest = max([compute_cycles, *cycles])
    in_use: list[Any] = [
        max(1.0, *(average[level + 1] for average in instances.average))
        for level in range(len(machine.levels))
    ]
    spent = _energies(machine, storages, tiles, fullest, actions, instances)
    return SparseResult(
        sparse=sparse,
        machine=machine,
        shape=shape,
        traffic=traffic,
        tiles=tiles,
        accesses=accesses,
        fullest=fullest,
        instances=instances,
        algorithmic_computes=algorithmic,
        computes=computes,
        compute_cycles=compute_cycles,
        level_cycles=cycles,
        cycles=longest + machine.latency,
        compute_energy=compute_energy,
        energies=spent,
        leakage=[leakage(machine, level, in_use, longest) for level in range(len(machine.levels))],
    )


def _energies(
    machine: Machine,
    storages: Sequence[SparseStorage],
    tiles: Sequence[Sequence[Tile | None]],
    fullest: Sequence[Sequence[Fullest]],
    actions: Sequence[Sequence[Actions | None]],
    instances: Instances,
) -> list[list[float]]:
    """Return J of all instances, `[level][data space]`."""
    result = []
    for level, storage in enumerate(machine.levels):
        row = []
        for number, done in enumerate(actions[level]):
            if done is None:
                row.append(0.0)
                continue
            cluster = done.energy(storages[level].energies, fullest[level][number].confidence)
            for inner in range(level):
                tile, within = tiles[number][inner], actions[inner][number]
                confidence = fullest[inner][number].confidence
                if tile and within and tile.parent == level and confidence != 1.0:
                    cluster += overflow_energy(within, storages[level].energies, confidence)
            most = math.prod(instances.most[number][level + 1])
            row.append(
                cluster
                / (most / min(most, storage.clusters))
                * instances.average[number][level + 1]
                * PICOJOULE
            )
        result.append(row)
    return result
