"""Evaluate one mapping: from the specification's values to the result that users see."""

from __future__ import annotations

from dataclasses import replace

from red_timeloop.engines.embedded.cost import evaluate_cost
from red_timeloop.engines.embedded.machine import Machine, Shape, build_machine, build_shape
from red_timeloop.engines.embedded.movement import data_movement
from red_timeloop.engines.embedded.nest import Nest, build_nest
from red_timeloop.engines.embedded.sparse.evaluation import evaluate_sparse
from red_timeloop.engines.result import EngineResult, LevelResult, SpaceResult
from red_timeloop.spec.types import Architecture, ArtTable, ErtTable, Mapping, Problem

__all__ = ["evaluate", "evaluate_nest"]


def evaluate(
    architecture: Architecture,
    problem: Problem,
    mapping: Mapping,
    ert: ErtTable | None = None,
    art: ArtTable | None = None,
) -> EngineResult:
    """Evaluate `mapping` with the semantics of Timeloop's model; of Sparseloop where it is sparse.

    Args:
        architecture: The levels.
        problem: The operation space and its tensors.
        mapping: The loops and what is kept where.
        ert: Energies in J; all 0 when None, and the result says that nobody priced them.
        art: Areas in m^2; None for none.

    Returns:
        The counts for each level and data space, the cycles and the energies.

    Raises:
        InputError: The mapping does not belong to the problem, needs more instances or words than
            a level has, or uses what is not supported; names level, dimension or data space.
    """
    if architecture.sparse or mapping.imperfect:
        found = evaluate_sparse(architecture, problem, mapping, ert, art).as_engine_result()
    else:
        shape = build_shape(problem)
        machine = build_machine(architecture, problem.data_space_names, ert, art)
        found = evaluate_nest(build_nest(mapping, machine, shape), machine, shape)
    by, area = ert.priced_by if ert else None, found.area if art else None
    return replace(found, priced_by=by, area=area)


def evaluate_nest(nest: Nest, machine: Machine, shape: Shape) -> EngineResult:
    """Evaluate a mapping that is already in the engine's form; see `evaluate`."""
    traffic = data_movement(nest, machine, shape)
    cost = evaluate_cost(nest, machine, traffic, shape.operations)
    compute = machine.compute
    levels = {
        compute.name: LevelResult(compute.instances, cost.utilized_compute, cost.compute_energy)
    }
    for position, (storage, level) in enumerate(zip(machine.levels, cost.levels, strict=True)):
        if storage.spatial and not level.energy:
            continue
        spaces = {}
        for tensor, moved, energy in zip(shape.tensors, traffic, level.energies, strict=True):
            here = moved[position]
            if here.kept:
                spaces[tensor.name] = SpaceResult(
                    reads=here.reads,
                    fills=here.fills,
                    updates=here.updates,
                    temporal_reductions=here.temporal_reductions,
                    utilized_instances=level.utilized_instances,
                    utilized_capacity=here.size,
                    energy=energy,
                )
        levels[storage.name] = LevelResult(
            storage.instances, level.utilized_instances, level.energy, spaces
        )
    return EngineResult("embedded", cost.cycles, cost.computes, cost.energy, machine.area, levels)
