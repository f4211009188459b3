"""What a layer costs on a design: run the plan's parts on an engine and put them together.

Parts run side by side on crossbars of their own: cycles are the longest part's, energies and areas
add up. Or they run in turn on one machine: cycles add up too, and the machine is there once, as
large as its largest part. In the levels above the crossbars, which serve all parts at once, inputs,
areas and leakage are those of the one part whose role says so, while every part's outputs pass
through them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from red_timeloop.components import Component, build
from red_timeloop.components.base import plain
from red_timeloop.components.crossbar import ReramArray
from red_timeloop.components.tables import components_of, stage
from red_timeloop.components.timing import StepTime, slowest, step_time
from red_timeloop.designs.design import Design
from red_timeloop.designs.plan import Part, Plan
from red_timeloop.designs.result import COUNTS, Clock, Counts, DesignResult, Evaluation, LevelTotal
from red_timeloop.designs.searched import Mapped, map_parts
from red_timeloop.designs.specification import priced, sized
from red_timeloop.designs.variants import copied, folded, tiled
from red_timeloop.engines.result import EngineResult
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.spec.types import Specification

__all__ = ["Run", "evaluate", "evaluate_all", "within_area"]

# An engine's `evaluate_specification`.
Run = Callable[[Specification], EngineResult]

_INPUTS = "Inputs"


def evaluate(
    design: Design,
    layer: Layer,
    hardware: Hardware,
    run: Run,
    *,
    crossbars: int | None = None,
    known: Iterable[DesignResult] = (),
) -> DesignResult:
    """Evaluate `layer` on `design`.

    Args:
        design: The design.
        layer: The layer.
        hardware: The parameter set.
        run: An engine's `evaluate_specification`.
        crossbars: Choose fold, copies, buffer tiles and loop order with the lowest energy times
            latency, with at most so many crossbars; the plan as it is when None.
        known: Results that `run` gave before: a plan says all that a result follows from, so that
            of an equal one is taken, as where designs run ordinary convolutions alike.

    Raises:
        InputError: The design or the hardware cannot run the layer, no mapping is legal, or the
            layer needs more crossbars.
    """
    if crossbars is None:
        plan = design.plan(layer, hardware)
        for result in known:
            if result.plan == plan:
                return replace(result, design=design)
        return _evaluate(design, plan, run)
    best: DesignResult | None = None
    smallest: list[int] = []
    for plan in folded(design, layer, hardware):
        smallest.append(plan.crossbars)
        if plan.crossbars > crossbars:
            continue
        machines = [sized(plan, part) for part in plan.parts]
        components = _components(plan, machines)
        cycle = plain(_step(plan, _crossbars(plan.parts, components)).cycle)
        for copies in copied(plan, crossbars):
            cut = tiled(copies, cycle)
            for candidate in (copies,) if cut is copies else (copies, cut):
                tried = _evaluate(design, candidate, run)
                if best is None or tried.energy * tried.latency < best.energy * best.latency:
                    best = tried
    if best is None:
        raise InputError(
            f"the layer needs more than {crossbars} crossbars",
            key="crossbars",
            legal=f"{min(smallest)} or more",
        )
    return best


def within_area(
    design: Design, layer: Layer, hardware: Hardware, run: Run, area: float
) -> DesignResult:
    """Evaluate `layer` on as many copies of the design's crossbars as an area holds.

    Numbers of copies are those that share the output pixels evenly; the fastest within the area is
    returned. A design that is larger with one copy keeps that one, and one without crossbars its
    array.

    Args:
        design: The design.
        layer: The layer.
        hardware: The parameter set.
        run: An engine's `evaluate_specification`.
        area: The area in m^2.
    """
    plan = design.plan(layer, hardware)
    one = _evaluate(design, plan, run)
    if plan.searched or not plan.crossbars or one.area >= area:
        return one
    tried = (
        _evaluate(design, each, run) for each in copied(plan, int(plan.crossbars * area / one.area))
    )
    fit = [result for result in tried if result.area <= area]
    return min(fit, key=lambda result: float(result.latency), default=one)


def _evaluate(design: Design, plan: Plan, run: Run) -> DesignResult:
    """Evaluate all parts of `plan` with the engine's `run` and combine them."""
    [found] = evaluate_all([(design, plan)], run)
    if isinstance(found, InputError):
        raise found
    return found


def evaluate_all(asked: Sequence[tuple[Design, Plan]], run: Run) -> list[DesignResult | InputError]:
    """Evaluate plans, for all of which mappings are searched for side by side.

    Returns:
        For each plan what the design makes of it, or why it cannot.
    """
    prepared: list[_Prepared | InputError] = []
    for _, plan in asked:
        try:
            prepared.append(_Prepared.of(plan))
        except InputError as error:  # noqa: PERF203 - it reads an architecture
            prepared.append(error)
    tasks = [
        (own, part)
        for own in prepared
        if not isinstance(own, InputError)
        for part in own.parts
        if part.loops is None
    ]
    mapped = iter(map_parts([(own.plan, part, plain(own.step.cycle)) for own, part in tasks]))
    results: list[DesignResult | InputError] = []
    for (design, _), own in zip(asked, prepared, strict=True):
        if isinstance(own, InputError):
            results.append(own)
            continue
        found = [next(mapped) if part.loops is None else None for part in own.parts]
        try:
            results.append(own.evaluated(design, run, found))
        except InputError as error:
            results.append(error)
    return results


@dataclass(frozen=True)
class _Prepared:
    """A plan's parts that an engine tells apart, and for all parts the numbers of their own.

    `machines` and `components` are the parts' before the length of a cycle is known.
    """

    plan: Plan
    parts: list[Part]
    numbers: list[int]
    machines: list[Specification]
    components: list[dict[str, Component]]
    step: StepTime | Clock

    @staticmethod
    def of(plan: Plan) -> _Prepared:
        parts, numbers = _distinct(plan.parts)
        machines = [sized(plan, part) for part in parts]
        components = _components(plan, machines)
        step = _step(plan, _crossbars(parts, components))
        return _Prepared(plan, parts, numbers, machines, components, step)

    def evaluated(
        self, design: Design, run: Run, mapped: Sequence[Mapped | InputError | None]
    ) -> DesignResult:
        """Run all parts, with the mappings of those that were searched for, and combine them."""
        plan, cycle = self.plan, plain(self.step.cycle)
        ran = []
        for part, machine, own, found in zip(
            self.parts, self.machines, self.components, mapped, strict=True
        ):
            if isinstance(found, InputError):
                raise found
            if found is None:
                said, specification = part, priced(machine, plan, part, cycle, own)
            else:
                said, specification = found.part, found.specification
            ran.append(Evaluation(said, specification, run(specification)))
        runs = tuple(
            ran[number] if part is self.parts[number] else replace(ran[number], part=part)
            for part, number in zip(plan.parts, self.numbers, strict=True)
        )
        own_runs = [each.result for each in runs if each.part.role != "inputs"]
        counted = [result.cycles for result in own_runs]
        cycles = sum(counted) if plan.order == "in_turn" else max(counted, default=0)
        programming_energy, programming_time = _programming(plan)
        return DesignResult(
            design=design,
            plan=plan,
            evaluations=runs,
            engine=runs[0].result.engine if runs else "",
            cycles=cycles,
            computes=sum(result.computes for result in own_runs),
            step_time=self.step,
            levels=_levels(plan, runs, cycles),
            programming_energy=programming_energy,
            programming_time=programming_time,
            line_drop=_line_drop(_crossbars(self.parts, self.components)),
        )


def _distinct(parts: Sequence[Part]) -> tuple[list[Part], list[int]]:
    """Return the parts that an engine tells apart, and for every part the number of its own.

    Groups of modes that read alike on different sides of a pixel are equal to it.
    """
    distinct: list[Part] = []
    numbers = []
    for part in parts:
        alike = (number for number, other in enumerate(distinct) if _alike(part, other))
        numbers.append(next(alike, len(distinct)))
        if numbers[-1] == len(distinct):
            distinct.append(part)
    return distinct, numbers


def _alike(part: Part, other: Part) -> bool:
    if part.loops is None or part.loops != other.loops:
        return False
    return part.sizes == other.sizes and part.problem == other.problem


def _components(plan: Plan, machines: Sequence[Specification]) -> list[dict[str, Component]]:
    """Return the components of every part's levels; none where a clock says the step."""
    if plan.clock is not None:
        return [{} for _ in machines]
    return [components_of(machine.architecture, plan.hardware.circuit) for machine in machines]


def _crossbars(
    parts: Sequence[Part], components: Sequence[Mapping[str, Component]]
) -> list[Iterable[Component]]:
    """Return the components of each part with crossbars."""
    pairs = zip(parts, components, strict=True)
    return [known.values() for part, known in pairs if part.role != "inputs" and known]


def _step(plan: Plan, crossbars: Sequence[Iterable[Component]]) -> StepTime | Clock:
    """Return the step time of the slowest of the parts with crossbars; all keep in step.

    Where there are none, no step is taken: it has no length.
    """
    if plan.clock is not None or not crossbars:
        return Clock(plan.clock or 0.0)
    pulses, pipeline = plan.hardware.input_slices(plan.layer.input_bits), plan.hardware.pipeline
    return slowest([step_time(each, pulses, pipeline) for each in crossbars])


def _line_drop(crossbars: Sequence[Iterable[Component]]) -> Any:
    """Return the share of the read voltage that the worst part's lines lose."""
    arrays = [each for known in crossbars for each in known if isinstance(each, ReramArray)]
    return plain(np.maximum.reduce(np.broadcast_arrays(0.0, *(x.line_drop for x in arrays))))


def _levels(plan: Plan, runs: Sequence[Evaluation], cycles: int) -> dict[str, LevelTotal]:
    """Return the totals of all parts by level, outermost first."""
    in_turn = plan.order == "in_turn"
    largest: dict[str, int] = {}
    if in_turn:
        for each in runs:
            for level in each.specification.architecture.levels:
                largest[level.name] = max(level.instances, largest.get(level.name, 0))
    levels: dict[str, LevelTotal] = {}
    made: dict[tuple[int, str], list[tuple[str, LevelTotal]]] = {}  # by result and role
    for each in runs:
        key = id(each.result), each.part.role
        if key not in made:
            made[key] = list(_level_totals(each, cycles, largest))
        for name, total in made[key]:
            known = levels.get(name, LevelTotal())
            levels[name] = known + total if name in levels else total
            if in_turn:  # one machine, as large as the largest part needs it
                levels[name] = replace(
                    levels[name],
                    instances=max(known.instances, total.instances),
                    area=np.maximum(known.area, total.area)[()],
                )
    return levels


def _level_totals(
    each: Evaluation, cycles: int, largest: Mapping[str, int]
) -> Iterator[tuple[str, LevelTotal]]:
    """Yield what a part adds to each level.

    Args:
        each: The part.
        cycles: Cycles of all parts together.
        largest: Instances that the machine has of each level, where the parts take turns on it.
    """
    specification, role = each.specification, each.part.role
    assert specification.art is not None
    above = True
    for level in specification.architecture.levels:
        if level.kind == "spatial":
            above = False
            continue
        reported = each.result.levels[level.name]
        shared = above and _INPUTS in reported.data_spaces
        mine = {
            name: space
            for name, space in reported.data_spaces.items()
            if role in ("inputs" if shared and name == _INPUTS else "group", "all")
        }
        energy = sum(space.energy for space in mine.values())
        instances, area, leakage = 0, 0.0, 0.0
        if role in ("inputs" if shared else "group", "all"):
            instances = level.instances
            area = specification.art.areas[level.name] * instances
            if largest and role != "inputs":  # every part pays for its turn
                leakage = reported.leakage * largest[level.name] / instances
            else:  # leaks until the last part is done
                leakage = reported.leakage * cycles / each.result.cycles
        counts = {
            name: Counts(*(space.total(key) for key in COUNTS)) for name, space in mine.items()
        }
        yield (
            level.name,
            LevelTotal(instances, energy + leakage, area, counts, stage(level), leakage),
        )


def _programming(plan: Plan) -> tuple[Any, Any]:
    """Return the energy in J and the time in s of writing all weights once.

    All crossbars are written at the same time, row by row, the cells of a row at once.
    """
    rows = [_rows_written(part.sizes) for part in plan.parts if part.crossbars]
    if not rows:
        return 0.0, 0.0
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
    seconds = max(rows) * circuit.write_pulse_s * circuit.write_pulses
    return weights * cell.action_energy("write"), seconds


def _rows_written(sizes: Any) -> int:
    """Return the rows of one crossbar that hold weights: of all turns, if they fit."""
    stacked: int = sizes.rows_used * sizes.fold
    return stacked if stacked <= sizes.crossbar_rows else int(sizes.rows_used)
