"""What a plan costs: run its parts on an engine and put them together.

Parts run side by side on crossbars of their own. Cycles are the longest part's. Energies and areas
add up, except in the levels above the crossbars: these serve all parts at once, so their inputs,
areas and leakage are those of the one part whose role says so, while every part's outputs pass
through them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from red_timeloop.components import STAGES, Component, build
from red_timeloop.components.base import plain
from red_timeloop.components.crossbar import ReramArray
from red_timeloop.components.tables import components_of, stage
from red_timeloop.components.timing import StepTime, slowest, step_time
from red_timeloop.designs.assemble import priced, sized
from red_timeloop.designs.plan import MappedPlan, Part, Plan
from red_timeloop.spec.types import Specification

__all__ = ["Clock", "Counts", "DesignResult", "LevelTotal", "Run", "evaluate"]

# An engine's `evaluate_specification`; it returns the dict of `red_timeloop.model`.
Run = Callable[[Specification], dict[str, Any]]

_INPUTS = "Inputs"
_COUNTS = ("reads", "fills", "updates", "temporal_reductions")


@dataclass(frozen=True)
class Counts:
    """Accesses of one data space at one level, over all instances, as the engine counts them."""

    reads: int = 0
    fills: int = 0
    updates: int = 0
    temporal_reductions: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, key) + getattr(other, key) for key in _COUNTS))


@dataclass(frozen=True)
class LevelTotal:
    """One level of a design, over all its parts.

    Attributes:
        instances: Copies of the level.
        energy: Energy of the layer in J, leakage included, programming not.
        area: Area in m^2.
        data_spaces: Counts by data space.
        stage: What the energy is spent on, one of `components.STAGES`.
    """

    instances: int = 0
    energy: float = 0.0
    area: float = 0.0
    data_spaces: Mapping[str, Counts] = field(default_factory=dict)
    stage: str = "store"

    def __add__(self, other: LevelTotal) -> LevelTotal:
        return LevelTotal(
            self.instances + other.instances,
            self.energy + other.energy,
            self.area + other.area,
            {
                name: self.data_spaces.get(name, Counts()) + other.data_spaces.get(name, Counts())
                for name in {**self.data_spaces, **other.data_spaces}
            },
            other.stage,
        )


@dataclass(frozen=True)
class Clock:
    """The step of a design with a clock: one cycle of `cycle` seconds, all of it computing."""

    cycle: float

    def shares(self) -> dict[str, Any]:
        """Return the time in s that each part adds, by the names of `components.STAGES`."""
        return {"compute": self.cycle}


@dataclass(frozen=True)
class DesignResult:
    """A layer on a design, evaluated.

    Times, energies and areas are numbers, or arrays where the plan's circuit holds arrays.

    Attributes:
        plan: What was evaluated.
        engine: The engine that counted.
        cycles: Cycles of the whole batch; a step of a fold is several.
        computes: Multiply-accumulates that Timeloop counts, borders and inserted zeros included.
        step_time: What a cycle is made of.
        levels: Totals by level, outermost first.
        programming_energy: Energy in J of writing the weights once; not part of `energy`.
        programming_time: Time in s of that; not part of `latency`.
        line_drop: Share of the read voltage that bit lines and pass gates take, at worst; above
            the circuit's `line_drop_limit` the currents are no longer sums of the weights.
    """

    plan: Plan | MappedPlan
    engine: str
    cycles: int
    computes: int
    step_time: StepTime | Clock
    levels: Mapping[str, LevelTotal]
    programming_energy: Any
    programming_time: Any
    line_drop: Any = 0.0

    @property
    def cycle_time(self) -> Any:
        """Length of a cycle in s."""
        return plain(self.step_time.cycle)

    @property
    def latency(self) -> Any:
        """Time of the whole batch in s."""
        return self.cycles * self.cycle_time

    @cached_property
    def energy(self) -> Any:
        """Energy of the whole batch in J, without programming."""
        return sum(level.energy for level in self.levels.values())

    def energy_by_stage(self) -> dict[str, Any]:
        """Return the energy in J of each of `components.STAGES` that has any, their sum `energy`.

        The first four have the names of the parts of a step.
        """
        sums = {
            name: sum(level.energy for level in self.levels.values() if level.stage == name)
            for name in STAGES
        }
        return {name: energy for name, energy in sums.items() if np.any(energy)}

    @cached_property
    def area(self) -> Any:
        """Area in m^2."""
        return sum(level.area for level in self.levels.values())


def evaluate(plan: Plan, run: Run) -> DesignResult:
    """Evaluate all parts of `plan` with the engine's `run` and combine them."""
    bare = [(part, sized(plan, part)) for part in plan.parts]
    crossbars = [
        components_of(specification.architecture, plan.hardware.circuit)
        for part, specification in bare
        if part.crossbars
    ]
    step = _slowest(plan, crossbars)
    runs = []
    for part, unpriced in bare:
        specification = priced(unpriced, plan, part, plain(step.cycle))
        runs.append((part, specification, run(specification)))
    own = [(specification, result) for part, specification, result in runs if part.crossbars]
    cycles = max(result["cycles"] for _, result in own)
    levels: dict[str, LevelTotal] = {}
    for part, specification, result in runs:
        for name, total in _level_totals(part, specification, result, cycles):
            levels[name] = levels.get(name, LevelTotal()) + total
    programming_energy, programming_time = _programming(plan)
    return DesignResult(
        plan=plan,
        engine=runs[0][2]["engine"],
        cycles=cycles,
        computes=sum(result["computes"] for _, result in own),
        step_time=step,
        levels=levels,
        programming_energy=programming_energy,
        programming_time=programming_time,
        line_drop=_line_drop(crossbars),
    )


def _slowest(plan: Plan, crossbars: list[dict[str, Component]]) -> StepTime:
    """Return the step time of the slowest of the parts with crossbars; all keep in step."""
    pulses, pipeline = plan.hardware.input_slices(plan.layer.input_bits), plan.hardware.pipeline
    return slowest([step_time(each.values(), pulses, pipeline) for each in crossbars])


def _line_drop(crossbars: list[dict[str, Component]]) -> Any:
    """Return the share of the read voltage that the worst part's lines lose."""
    arrays = [x for each in crossbars for x in each.values() if isinstance(x, ReramArray)]
    return plain(np.maximum.reduce(np.broadcast_arrays(0.0, *(x.line_drop for x in arrays))))


def _level_totals(
    part: Part, specification: Specification, result: dict[str, Any], cycles: int
) -> Iterator[tuple[str, LevelTotal]]:
    """Yield what the part adds to each level."""
    assert specification.art is not None
    above = True
    for level in specification.architecture.levels:
        if level.kind == "spatial":
            above = False
            continue
        reported = result["levels"][level.name]
        shared = above and _INPUTS in reported["data_spaces"]
        mine = {
            name: space
            for name, space in reported["data_spaces"].items()
            if part.role in ("inputs" if shared and name == _INPUTS else "group", "all")
        }
        energy = sum(space["energy_J"] for space in mine.values())
        instances, area = 0, 0.0
        if part.role in ("inputs" if shared else "group", "all"):
            instances = level.instances
            area = specification.art.areas[level.name] * instances
            spaces = reported["data_spaces"].values()
            leakage = reported["energy_J"] - sum(space["energy_J"] for space in spaces)
            energy += leakage * cycles / result["cycles"]
        counts = {name: _over_instances(space) for name, space in mine.items()}
        yield level.name, LevelTotal(instances, energy, area, counts, stage(level))


def _over_instances(space: dict[str, Any]) -> Counts:
    return Counts(*(round(space[key] * space["utilized_instances"]) for key in _COUNTS))


def _programming(plan: Plan) -> tuple[Any, Any]:
    """Return the energy in J and the time in s of writing all weights once.

    All crossbars are written at the same time, row by row, the cells of a row at once.
    """
    layer, circuit = plan.layer, plan.hardware.circuit
    weights = layer.in_channels * layer.out_channels // layer.groups * math.prod(layer.kernel_size)
    cell = build(
        "reram_cell",
        {
            "weight_slices": plan.hardware.weight_slices(layer.weight_bits),
            "input_slices": plan.hardware.input_slices(layer.input_bits),
            "cell_bits": plan.hardware.cell_bits,
        },
        circuit,
    )
    rows = max(
        int(part.variables["rows_used"]) * int(part.variables["fold"])
        for part in plan.parts
        if part.crossbars
    )
    seconds = rows * circuit.write_pulse_s * circuit.write_pulses
    return weights * cell.action_energy("write"), seconds
