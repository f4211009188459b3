"""Evaluating a block of points: all layers on all designs, by the same path as `compare`.

With the embedded engine, points that differ in circuit numbers only are one evaluation: the plan
and the engine's counts are the same for all of them, prices and times are arrays over the points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.chip.chips import Chip
from red_timeloop.circuit import Circuit
from red_timeloop.dataflow.quality import workload_sqnr
from red_timeloop.designs import Design, find
from red_timeloop.designs.evaluate import Run, evaluate
from red_timeloop.designs.evaluator import Evaluator
from red_timeloop.designs.result import DesignResult
from red_timeloop.engines.base import engine as get_engine
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.sweeps.chip_points import CHIP_PARAMETERS, measured_on_chip
from red_timeloop.sweeps.definition import TECHNOLOGY, apply
from red_timeloop.sweeps.space import Block
from red_timeloop.workload import WorkloadLayer

__all__ = ["LayerColumns", "Outcome", "Task", "evaluate_task", "varying_parameters"]

_QUANTITIES = ("cycle_time", "energy", "area", "programming_energy")


@dataclass(frozen=True)
class Task:
    """A block of points to evaluate; travels to a worker.

    Attributes:
        layers: The workload's layers.
        designs: The designs, their names, or where they are: what travels to a worker.
        engine: Name of the engine.
        base: Parameter set that the points change.
        block: The points.
        sqnr: Whether the signal to quantization noise ratio is wanted.
        timeout: Longest time in s for one layer on one design with the timeloop engine.
        chip: The chip that the points change; they differ in its numbers only.
    """

    layers: tuple[WorkloadLayer, ...]
    designs: tuple[str | Design, ...]
    engine: str
    base: Hardware
    block: Block
    sqnr: bool
    timeout: float
    chip: Chip | None


@dataclass(frozen=True)
class LayerColumns:
    """One layer on one design: an array over the points for each quantity, in SI units."""

    cycles: NDArray[np.int64]
    cycle_time: NDArray[np.float64]
    energy: NDArray[np.float64]
    area: NDArray[np.float64]
    programming_energy: NDArray[np.float64]
    crossbars: NDArray[np.int64]

    @property
    def finite(self) -> NDArray[np.bool_]:
        """Where every quantity is a number."""
        held = np.ones(len(self.cycles), dtype=np.bool_)
        for quantity in _QUANTITIES:
            held &= np.isfinite(getattr(self, quantity))
        return held

    def spread(self, rows: Sequence[int], count: int) -> LayerColumns:
        """Return columns of `count` points, of which these are at `rows`."""
        whole = _nothing(count)
        spread = {name: getattr(whole, name).copy() for name in self.__dataclass_fields__}
        for name, column in spread.items():
            column[list(rows)] = getattr(self, name)
        return LayerColumns(**spread)


@dataclass(frozen=True)
class Outcome:
    """A block of points on one design.

    Attributes:
        design: Name of the design.
        layers: Its layers; without a meaning where there is an error.
        errors: For each point why it has no numbers; None where it has.
        sqnr: Signal to quantization noise ratio in dB, None when it was not asked for.
        chip: For each point of a sweep over chips its measures, None where there is an error;
            such an outcome has no layers.
    """

    design: str
    layers: tuple[LayerColumns, ...]
    errors: tuple[str | None, ...]
    sqnr: float | None = None
    chip: tuple[Mapping[str, float] | None, ...] = ()

    def spread(self, rows: Sequence[int], errors: Mapping[int, str], layers: int) -> Outcome:
        """Return the outcome of a larger block: these points at `rows`, the others failed."""
        count = len(rows) + len(errors)
        reasons: list[str | None] = [errors.get(row) for row in range(count)]
        for row, reason in zip(rows, self.errors, strict=True):
            reasons[row] = reason
        columns = self.layers or (_nothing(0),) * layers
        return replace(
            self,
            layers=tuple(column.spread(rows, count) for column in columns),
            errors=tuple(reasons),
        )


def varying_parameters(engine: str, *, chip: bool = False) -> frozenset[str]:
    """Return the parameters in which points of one evaluation may differ.

    The node also chooses the supply and moves anchors, so it counts as another parameter set.

    >>> "rows" in varying_parameters("embedded"), varying_parameters("timeloop")
    (False, frozenset())
    """
    if chip:  # its layers are evaluated with numbers, and once
        return frozenset(CHIP_PARAMETERS)
    if engine != "embedded":
        return frozenset()
    return frozenset(Circuit.names()) - {"technology_node_m"}


def evaluate_task(task: Task) -> tuple[Outcome, ...]:
    """Evaluate a block on each of its designs; what goes wrong is in the outcomes."""
    chosen = [find(reference, code=True) for reference in task.designs]
    if task.chip is not None:
        return tuple(_on_chip(task, task.chip, design) for design in chosen)
    illegal = _illegal(task.base, task.block)
    if not illegal:
        return tuple(_on_design(task, design) for design in chosen)
    legal = [row for row in range(task.block.count) if row not in illegal]
    rest = replace(task, block=task.block.select(legal))
    return tuple(
        (_on_design(rest, design) if legal else Outcome(design.name, (), ())).spread(
            legal, illegal, len(task.layers)
        )
        for design in chosen
    )


def _illegal(base: Hardware, block: Block) -> dict[int, str]:
    """Return the points whose numbers do not go together, and why."""
    try:
        apply(base, {**block.shared, **block.varied})
    except InputError as error:
        if block.count == 1:
            return {0: str(error)}
        middle = block.count // 2
        last = _illegal(base, block.select(range(middle, block.count)))
        return _illegal(base, block.select(range(middle))) | {
            r + middle: e for r, e in last.items()
        }
    return {}


def _on_chip(task: Task, chip: Chip, design: Design) -> Outcome:
    count = task.block.count
    found: list[Mapping[str, float] | None] = [None] * count
    errors: list[str | None] = [None] * count
    evaluator: Evaluator | None = None
    for row in range(count):
        values = {name: float(column[row]) for name, column in task.block.varied.items()}
        try:
            if evaluator is None:
                hardware = apply(task.base, task.block.shared)
                evaluator = Evaluator(hardware, get_engine(task.engine))
            found[row] = measured_on_chip(task.layers, design, evaluator, chip, values)
        except Exception as error:  # a point that fails is recorded, whatever the reason
            errors[row] = _reason(error)
    sqnr = _sqnr(task, design, errors)
    return Outcome(design.name, (), tuple(errors), sqnr, tuple(found))


def _on_design(task: Task, design: Design) -> Outcome:
    count = task.block.count
    columns: list[LayerColumns] = []
    errors: list[str | None] = [None] * count
    known: dict[Layer, tuple[LayerColumns, dict[int, str]]] = {}  # equal layers run once
    for entry in task.layers:
        layer = entry.layer.unnamed
        if layer not in known:
            known[layer] = _on_layer(task, design, layer, task.block)
        found, failed = known[layer]
        columns.append(found)
        for row, reason in failed.items():
            # The first layer that fails speaks for the point.
            errors[row] = errors[row] or f"{entry.name}: {reason}"
    sqnr = _sqnr(task, design, errors)
    return Outcome(design.name, tuple(columns), tuple(errors), sqnr)


def _sqnr(task: Task, design: Design, errors: Sequence[str | None]) -> float | None:
    """Return the ratio in dB, which no point of a block changes, where it is wanted and any ran."""
    if not task.sqnr or None not in errors:
        return None
    layers = dict.fromkeys(entry.layer.unnamed for entry in task.layers)
    return workload_sqnr(layers, design, _without_circuit(task))


def _without_circuit(task: Task) -> Hardware:
    """Return the block's parameter set with the numbers of a standard circuit."""
    names = {TECHNOLOGY, *Circuit.names()}
    values = {name: value for name, value in task.block.shared.items() if name not in names}
    return apply(replace(task.base, name="", circuit=Circuit.load()), values)


def _on_layer(
    task: Task, design: Design, layer: Layer, block: Block
) -> tuple[LayerColumns, dict[int, str]]:
    """Evaluate one layer on one design for all points of a block; return also why some fail.

    When the block fails it is halved until the points that fail stand alone: what is wrong with
    one circuit must not cost the others their results.
    """
    count = block.count
    try:
        if count > 1 and design.plan(layer, _hardware(task, block)).searched:
            return _in_halves(task, design, layer, block)  # every point has a mapping of its own
        result = _run(task, design, layer, block)
        columns = _columns(result, count)
    except Exception as error:  # a point that fails is recorded, whatever the reason
        if count > 1 and not isinstance(error, InputError):
            return _in_halves(task, design, layer, block)
        return _nothing(count), dict.fromkeys(range(count), _reason(error))
    failed = np.flatnonzero(~columns.finite).tolist()
    return columns, dict.fromkeys(failed, "the model gives no finite number")


def _hardware(task: Task, block: Block) -> Hardware:
    varied = {
        name: values if block.count > 1 else float(values[0])
        for name, values in block.varied.items()
    }
    return apply(task.base, {**block.shared, **varied})


def _run(task: Task, design: Design, layer: Layer, block: Block) -> DesignResult:
    run = _counter(task.engine, task.timeout)
    with np.errstate(all="ignore"):  # no finite number is an error of the point, reported there
        return evaluate(design, layer, _hardware(task, block), run)


def _counter(engine: str, seconds: float) -> Run:
    """Return what evaluates a specification, within the time limit where an engine has one."""
    counter: Any = get_engine(engine)
    if hasattr(counter, "run_model"):  # the real Timeloop, in a process and a folder of its own
        return lambda specification: counter.run_model(specification, seconds=seconds).result
    run: Run = counter.evaluate_specification
    return run


def _in_halves(
    task: Task, design: Design, layer: Layer, block: Block
) -> tuple[LayerColumns, dict[int, str]]:
    middle = block.count // 2
    first, first_errors = _on_layer(task, design, layer, block.select(range(middle)))
    last, last_errors = _on_layer(task, design, layer, block.select(range(middle, block.count)))
    names = LayerColumns.__dataclass_fields__
    joined = {n: np.concatenate([getattr(first, n), getattr(last, n)]) for n in names}
    errors = first_errors | {row + middle: reason for row, reason in last_errors.items()}
    return LayerColumns(**joined), errors


def _columns(result: DesignResult, count: int) -> LayerColumns:
    def spread(value: Any, kind: type) -> NDArray[Any]:
        return np.broadcast_to(np.asarray(value, dtype=kind), (count,))

    return LayerColumns(
        cycles=spread(result.cycles, np.int64),
        crossbars=spread(result.plan.crossbars, np.int64),
        **{name: spread(getattr(result, name), np.float64) for name in _QUANTITIES},
    )


def _nothing(count: int) -> LayerColumns:
    whole, real = np.zeros(count, np.int64), np.full(count, math.nan)
    return LayerColumns(whole, real, real, real, real, whole)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
