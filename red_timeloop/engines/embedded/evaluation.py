"""Evaluate one mapping: from the specification's values to the result that users see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from red_timeloop.engines.embedded.cost import Cost, evaluate_cost
from red_timeloop.engines.embedded.machine import Machine, Shape, build_machine, build_shape
from red_timeloop.engines.embedded.movement import Traffic, data_movement
from red_timeloop.engines.embedded.nest import Nest, build_nest
from red_timeloop.engines.result import EngineResult, LevelResult, SpaceResult
from red_timeloop.spec.types import Architecture, ArtTable, ErtTable, Mapping, Problem

__all__ = ["Result", "evaluate", "evaluate_nest"]


@dataclass(frozen=True)
class Result:
    """What a mapping costs, and all counts behind it.

    Attributes:
        machine, shape: The engine's view of architecture and problem.
        traffic: `traffic[data space][level]`, levels innermost first, counts for each instance.
        cost: Cycles and energies.
    """

    machine: Machine
    shape: Shape
    traffic: Sequence[Sequence[Traffic]]
    cost: Cost

    @property
    def cycles(self) -> int:
        """Cycles of the whole problem."""
        return self.cost.cycles

    @property
    def energy(self) -> float:
        """Energy in J."""
        return self.cost.energy

    @property
    def area(self) -> float:
        """Area in m^2."""
        return self.machine.area

    def as_engine_result(self) -> EngineResult:
        """Return what users see of it."""
        compute, cost = self.machine.compute, self.cost
        levels = {
            compute.name: LevelResult(compute.instances, cost.utilized_compute, cost.compute_energy)
        }
        for position, storage in enumerate(self.machine.levels):
            level = cost.levels[position]
            if storage.spatial and not level.energy:
                continue
            used = level.utilized_instances
            spaces = {
                tensor.name: SpaceResult(
                    reads=traffic[position].reads,
                    fills=traffic[position].fills,
                    updates=traffic[position].updates,
                    temporal_reductions=traffic[position].temporal_reductions,
                    utilized_instances=used,
                    utilized_capacity=traffic[position].size,
                    energy=energy,
                )
                for tensor, traffic, energy in zip(
                    self.shape.tensors, self.traffic, level.energies, strict=True
                )
                if traffic[position].kept
            }
            levels[storage.name] = LevelResult(storage.instances, used, level.energy, spaces)
        return EngineResult("embedded", cost.cycles, cost.computes, cost.energy, self.area, levels)


def evaluate(
    architecture: Architecture,
    problem: Problem,
    mapping: Mapping,
    ert: ErtTable | None = None,
    art: ArtTable | None = None,
) -> Result:
    """Evaluate `mapping` with the semantics of Timeloop's model.

    Args:
        architecture: The levels.
        problem: The operation space and its tensors.
        mapping: The loops and what is kept where.
        ert: Energies in J; all 0 when None.
        art: Areas in m^2; all 0 when None.

    Returns:
        The counts for each level and data space, the cycles and the energies.

    Raises:
        InputError: The mapping does not belong to the problem, needs more instances or words than
            a level has, or uses what is not supported; names level, dimension or data space.
    """
    shape = build_shape(problem)
    machine = build_machine(architecture, problem.data_space_names, ert, art)
    return evaluate_nest(build_nest(mapping, machine, shape), machine, shape)


def evaluate_nest(nest: Nest, machine: Machine, shape: Shape) -> Result:
    """Evaluate a mapping that is already in the engine's form; see `evaluate`."""
    traffic = data_movement(nest, machine, shape)
    computes = 1
    for size in shape.sizes:
        computes *= size
    return Result(machine, shape, traffic, evaluate_cost(nest, machine, traffic, computes))
