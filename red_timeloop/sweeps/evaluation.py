"""Evaluating a block of points: all layers on all designs, by the same path as `compare`.

With the embedded engine, points that differ in circuit numbers only are one evaluation: the plan
and the engine's counts are the same for all of them, prices and times are arrays over the points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop import designs
from red_timeloop.circuit import Circuit
from red_timeloop.designs.design import CmosDesign
from red_timeloop.designs.evaluate import DesignResult
from red_timeloop.engines.base import engine as get_engine
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.sweeps.definition import apply
from red_timeloop.sweeps.space import Block
from red_timeloop.workload import WorkloadLayer

__all__ = ["LayerColumns", "Outcome", "Task", "evaluate_task", "varying_parameters"]

_QUANTITIES = ("cycle_time", "energy", "area", "programming_energy")


@dataclass(frozen=True)
class Task:
    """A block of points to evaluate; travels to a worker.

    Attributes:
        layers: The workload's layers.
        designs: Names of the designs.
        engine: Name of the engine.
        base: Parameter set that the points change.
        block: The points.
        sqnr: Whether the signal to quantization noise ratio is wanted.
        timeout: Longest time in s for one layer on one design with the timeloop engine.
    """

    layers: tuple[WorkloadLayer, ...]
    designs: tuple[str, ...]
    engine: str
    base: Hardware
    block: Block
    sqnr: bool = False
    timeout: float = 600.0


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


@dataclass(frozen=True)
class Outcome:
    """A block of points on one design.

    Attributes:
        design: Name of the design.
        layers: Its layers; without a meaning where there is an error.
        errors: For each point why it has no numbers; None where it has.
        sqnr: Signal to quantization noise ratio in dB, None when it was not asked for.
    """

    design: str
    layers: tuple[LayerColumns, ...]
    errors: tuple[str | None, ...]
    sqnr: float | None = None


def varying_parameters(engine: str) -> frozenset[str]:
    """Return the parameters in which points of one evaluation may differ.

    The node also chooses the supply and moves anchors, so it counts as another parameter set.

    >>> "rows" in varying_parameters("embedded"), varying_parameters("timeloop")
    (False, frozenset())
    """
    if engine != "embedded":
        return frozenset()
    return frozenset(Circuit.names()) - {"technology_node_m"}


def evaluate_task(task: Task) -> tuple[Outcome, ...]:
    """Evaluate a block on each of its designs; what goes wrong is in the outcomes."""
    return tuple(_on_design(task, name) for name in task.designs)


def _on_design(task: Task, design: str) -> Outcome:
    count = task.block.count
    columns: list[LayerColumns] = []
    errors: list[str | None] = [None] * count
    known: dict[object, tuple[LayerColumns, dict[int, str]]] = {}  # equal layers run once
    for entry in task.layers:
        layer = replace(entry.layer, name=None)
        if layer not in known:
            known[layer] = _on_layer(task, design, layer, task.block)
        found, failed = known[layer]
        columns.append(found)
        for row, reason in failed.items():
            # The first layer that fails speaks for the point.
            errors[row] = errors[row] or f"{entry.name}: {reason}"
    return Outcome(design, tuple(columns), tuple(errors))


def _on_layer(
    task: Task, design: str, layer: Layer, block: Block
) -> tuple[LayerColumns, dict[int, str]]:
    """Evaluate one layer on one design for all points of a block; return also why some fail.

    When the block fails it is halved until the points that fail stand alone: what is wrong with
    one circuit must not cost the others their results.
    """
    count = block.count
    if count > 1 and isinstance(designs.get(design), CmosDesign):
        return _in_halves(task, design, layer, block)  # every point has a mapping of its own
    try:
        result = _run(task, design, layer, block)
        columns = _columns(result, count)
    except Exception as error:  # a point that fails is recorded, whatever the reason
        if count > 1 and not isinstance(error, InputError):
            return _in_halves(task, design, layer, block)
        return _nothing(count), dict.fromkeys(range(count), _reason(error))
    failed = np.flatnonzero(~columns.finite).tolist()
    return columns, dict.fromkeys(failed, "the model gives no finite number")


def _run(task: Task, design: str, layer: Layer, block: Block) -> DesignResult:
    varied = {
        name: values if block.count > 1 else float(values[0])
        for name, values in block.varied.items()
    }
    hardware = apply(task.base, {**block.shared, **varied})
    counter = get_engine(task.engine)
    with np.errstate(all="ignore"):  # no finite number is an error of the point, reported there
        return designs.get(design).evaluate(layer, hardware, counter.evaluate_specification)


def _in_halves(
    task: Task, design: str, layer: Layer, block: Block
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
