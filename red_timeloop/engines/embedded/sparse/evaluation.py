"""Evaluate one mapping of sparse tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping as AbstractMapping
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from red_timeloop.engines.embedded.arithmetic import leakage
from red_timeloop.engines.embedded.cost import level_cycles
from red_timeloop.engines.embedded.imperfect import imperfect_movement
from red_timeloop.engines.embedded.machine import Machine, Shape, build_machine, build_shape
from red_timeloop.engines.embedded.movement import Traffic, data_movement
from red_timeloop.engines.embedded.nest import build_nest
from red_timeloop.engines.embedded.sparse.accesses import Accesses, count_accesses
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
from red_timeloop.engines.embedded.sparse.result import SparseResult
from red_timeloop.engines.embedded.sparse.savings import Saving, find_savings
from red_timeloop.engines.embedded.sparse.tiles import Tile, build_tiles
from red_timeloop.spec.tables import PICOJOULE
from red_timeloop.spec.types import Architecture, ArtTable, ErtTable, Mapping, Problem

__all__ = ["SparseProblem", "SparseResult", "evaluate_sparse"]


@dataclass(frozen=True, eq=False)
class SparseProblem:
    """A problem of sparse tensors on a machine, prepared for many mappings.

    Attributes:
        problem: The problem, with its densities.
        shape, machine: The engine's view of the dense problem.
        storages: What the levels do about zeros.
        sparse: Whether any of them does something.
        prices: pJ of the actions of the compute level.
        optimizations: What the compute level does about zeros.
    """

    problem: Problem
    shape: Shape
    machine: Machine
    storages: tuple[SparseStorage, ...]
    sparse: bool
    prices: AbstractMapping[str, float]
    optimizations: tuple[str, ...]

    @classmethod
    def of(
        cls,
        architecture: Architecture,
        problem: Problem,
        ert: ErtTable | None = None,
        art: ArtTable | None = None,
    ) -> SparseProblem:
        """Prepare a problem.

        Raises:
            InputError: As `build_shape` and `build_machine`; or a metadata storage is malformed.
        """
        return cls(
            problem,
            build_shape(problem),
            build_machine(architecture.dense, problem.data_space_names, ert, art),
            build_storages(architecture, ert),
            architecture.sparse,
            energies(architecture.compute, ert, COMPUTE_ACTIONS),
            architecture.compute.sparse.compute,
        )

    @property
    def uncompressed(self) -> Machine:
        """The machine without the capacities of levels that compressed tiles may go beyond."""
        levels = tuple(
            replace(level, capacity=None) if sparse.sparse.formats or sparse.overbooking else level
            for level, sparse in zip(self.machine.levels, self.storages, strict=True)
        )
        return replace(self.machine, levels=levels)

    @property
    def least_computes(self) -> int:
        """Computes that take place, or at least take time, whatever the mapping.

        A saving leaves out no compute whose operands are both not zero, and these are the product
        of the densities on average. Less what rounding takes away: densities to six decimals,
        counts at each saving and each state of the operands.
        """
        share = 1.0
        for tensor in self.shape.tensors:
            if not tensor.read_write:
                given = self.problem.densities.get(tensor.name)
                model = density_model(given, box(tensor, self.shape.sizes))
                share *= max(0.0, model.scalar - 1e-6)
        return max(0, int(self.shape.operations * share) - 6)

    def evaluate(self, mapping: Mapping) -> SparseResult:
        """Evaluate a mapping; see `evaluate_sparse`."""
        shape, machine, storages = self.shape, self.machine, self.storages
        spatial = any(
            action.type == "spatial_skipping"
            for storage in storages
            for action in storage.sparse.actions
        )
        nest = build_nest(mapping, machine, shape, imperfect=True, fan_out=not spatial)
        walked = imperfect_movement(mapping, nest, machine, shape) if mapping.imperfect else None
        traffic = walked.traffic if walked else data_movement(nest, machine, shape)
        full = build_full_nest(mapping, machine, shape)
        tiles = [
            build_tiles(
                number,
                shape,
                full,
                traffic[number],
                storages,
                density_model(self.problem.densities.get(tensor.name), box(tensor, full.whole)),
            )
            for number, tensor in enumerate(shape.tensors)
        ]
        copies = walked.copies if walked else nest.copies
        total = walked.computes * copies[0] if walked else float(shape.operations)
        savings = find_savings(shape, full, machine, storages, tiles)
        instances = count_instances(shape, full, machine, storages, tiles, copies)
        accesses, operands = _accesses(shape, traffic, tiles, savings, instances)
        computes = Computes(int(total))
        if self.sparse:
            computes = count_computes(total, operands, self.optimizations)
        compute_cycles = math.ceil((computes.actual + computes.gated) / instances.compute)
        if walked:
            compute_cycles = walked.cycles
        compute_energy = 0.0
        for action in COMPUTE_ACTIONS:
            compute_energy += getattr(computes, action) * self.prices[action]
        compute_energy *= PICOJOULE
        return _cost(
            self.sparse,
            machine,
            shape,
            storages,
            traffic,
            tiles,
            accesses,
            instances,
            (int(total), computes, compute_cycles, compute_energy),
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
    return SparseProblem.of(architecture, problem, ert, art).evaluate(mapping)


def _accesses(
    shape: Shape,
    traffic: Sequence[Sequence[Traffic]],
    tiles: Sequence[Sequence[Tile | None]],
    savings: AbstractMapping[tuple[int, int], Saving],
    instances: Instances,
) -> tuple[list[list[Accesses | None]], list[Operand]]:
    """Return the accesses of every data space and level, and the operands of the computes."""
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
    return accesses, operands


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
            count_actions(storage, storages[level], tile, each) if tile and each else None
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
            if each and act
        }
        cycles.append(compute_cycles and level_cycles(storage, demands, compute_cycles))
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
