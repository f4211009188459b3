"""How long one step of a design takes, from its array and its pipeline.

A step presents the input bits in `input_slices` pulses. For each pulse the rows are driven, the
bit lines settle, the converters go through the columns that share them, and the partial sums are
added. The pipeline says which of these overlap between pulses: `none`; `two_stage`, where the
array reads the next pulse while the last one is converted and added from the sampled values; or
`full`, where all four overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from red_timeloop.circuit import Circuit
from red_timeloop.components import array
from red_timeloop.components.digital import adder_delay
from red_timeloop.errors import InputError

__all__ = ["PIPELINES", "StepTime", "slowest", "step_time"]

PIPELINES = ("none", "two_stage", "full")
_STAGES = {
    "none": (("drive", "settle", "convert", "accumulate"),),
    "two_stage": (("drive", "settle"), ("convert", "accumulate")),
    "full": (("drive",), ("settle",), ("convert",), ("accumulate",)),
}


@dataclass(frozen=True)
class StepTime:
    """The parts of one step.

    Attributes:
        drive: Time [s] a pulse takes to reach the last gate of a row.
        settle: Time [s] the bit lines then take; at least until the end of the read pulse.
        convert: Time [s] of the conversions that share one converter.
        accumulate: Time [s] of the shift-add and of the adder tree.
        pulses: Pulses of one step.
        pipeline: `none`, `two_stage` or `full`.
    """

    drive: Any
    settle: Any
    convert: Any
    accumulate: Any
    pulses: int
    pipeline: str

    @property
    def stages(self) -> dict[tuple[str, ...], Any]:
        """Time [s] of each stage in one pulse, by the parts in it."""
        return {
            parts: sum(getattr(self, part) for part in parts) for parts in _STAGES[self.pipeline]
        }

    @property
    def cycle(self) -> Any:
        """Time [s] of one step: its pulses follow each other at the pace of the longest stage."""
        longest = np.asarray(list(np.broadcast_arrays(*self.stages.values()))).max(axis=0)
        return self.pulses * longest[()]

    def shares(self) -> dict[str, Any]:
        """Return the time [s] that each part adds to the step; parts that overlap add none.

        The sum is `cycle`. Of stages that take equally long the first counts.
        """
        times = np.asarray(list(np.broadcast_arrays(*self.stages.values())))
        chosen = times.argmax(axis=0)
        return {
            part: np.where(chosen == index, self.pulses * getattr(self, part), 0.0)[()]
            for index, parts in enumerate(self.stages)
            for part in parts
        }


def slowest(times: Sequence[StepTime]) -> StepTime:
    """Return the longest of several step times, the first of equals; of arrays, one by one.

    They have the same pulses and the same pipeline.
    """
    cycles = np.asarray(list(np.broadcast_arrays(*(time.cycle for time in times))))
    chosen = cycles.argmax(axis=0)
    if not chosen.ndim:
        return times[int(chosen)]

    def of_chosen(part: str) -> Any:
        values = [np.broadcast_to(getattr(time, part), chosen.shape) for time in times]
        return np.take_along_axis(np.asarray(values), chosen[None], axis=0)[0]

    parts = {part: of_chosen(part) for part in ("drive", "settle", "convert", "accumulate")}
    return replace(times[0], **parts)


def step_time(
    circuit: Circuit,
    *,
    rows: Any,
    columns: Any,
    rows_used: Any,
    columns_used: Any,
    weight_slices: int,
    input_slices: int,
    resolution: Any,
    merged: Any = 1,
    joined_arrays: Any = 1,
    sum_bits: Any = 24,
    pipeline: str = "two_stage",
) -> StepTime:
    """Return the parts of one step of a design.

    Args:
        circuit: The circuit numbers.
        rows: Physical rows of an array.
        columns: Physical columns of it.
        rows_used: Rows that hold weights, in the fullest array.
        columns_used: Logical columns that hold weights, in the fullest array.
        weight_slices: Physical columns of one logical column.
        input_slices: Pulses of one step.
        resolution: Bits of the converter.
        merged: Digital partial sums that are added for one output (depth of the adder tree).
        joined_arrays: Arrays whose bit lines are joined.
        sum_bits: Width of the adders.
        pipeline: One of `PIPELINES`.

    Raises:
        InputError: The pipeline is not one of them.
    """
    if pipeline not in PIPELINES:
        raise InputError(f"unknown pipeline {pipeline!r}", key="pipeline", legal=PIPELINES)
    drive = array.drive_seconds(columns, circuit)
    total = array.activation_seconds(
        rows * joined_arrays, columns, rows_used * joined_arrays, resolution, circuit
    )
    converters = array.converters(columns, circuit)
    conversions = np.ceil(columns_used * weight_slices / converters)
    depth = np.ceil(np.log2(np.maximum(merged, 1)))
    return StepTime(
        drive=drive,
        settle=total - drive,
        convert=(conversions / circuit.adc_rate_hz)[()],
        accumulate=((1 + depth) * adder_delay(sum_bits, circuit))[()],
        pulses=input_slices,
        pipeline=pipeline,
    )
