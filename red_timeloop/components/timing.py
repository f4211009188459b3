"""How long one step of a design takes, from its components and its pipeline.

A step presents the input bits in `input_slices` pulses. For each pulse the rows are driven, the
bit lines settle, the converters go through the columns that share them, and the partial sums are
added. The pipeline says which of these overlap between pulses: `none`; `unsampled`, where columns
are converted while their rows are driven and only the additions overlap; `two_stage`, where the
array reads the next pulse while the last one is converted and added from the sampled values; or
`full`, where all four overlap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from red_timeloop._remembered import remembered
from red_timeloop.components.base import STEP_STAGES, Component
from red_timeloop.errors import InputError

__all__ = ["PIPELINES", "StepTime", "slowest", "step_time"]

PIPELINES = ("none", "unsampled", "two_stage", "full")
_STAGES = {
    "none": (STEP_STAGES,),
    "unsampled": (("drive", "settle", "convert"), ("accumulate",)),
    "two_stage": (("drive", "settle"), ("convert", "accumulate")),
    "full": tuple((part,) for part in STEP_STAGES),
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
        pipeline: One of `PIPELINES`.
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

    parts = {part: of_chosen(part) for part in STEP_STAGES}
    return replace(times[0], **parts)


def step_time(components: Iterable[Component], pulses: int, pipeline: str) -> StepTime:
    """Return the parts of one step of a crossbar: what its components say, added by stage.

    Components of one stage stand one behind the other: a pulse spends its time in each of them.
    What works side by side is one component that has more of it (`converters` of `adc`).

    Args:
        components: What a crossbar consists of, in any order; an energy-only part of a step and
            what stands outside of it has a latency of 0.
        pulses: Pulses of one step.
        pipeline: One of `PIPELINES`.

    Raises:
        InputError: The pipeline is not one of them; or a component that is no part of a step (a
            memory, CMOS arithmetic) has a latency, which would go nowhere.
    """
    if pipeline not in PIPELINES:
        raise InputError(f"unknown pipeline {pipeline!r}", key="pipeline", legal=PIPELINES)
    times: dict[str, Any] = dict.fromkeys(STEP_STAGES, 0.0)
    for component in components:
        latency = _latency(component)
        if component.stage in times:
            times[component.stage] = times[component.stage] + latency
        elif np.any(latency):
            name = type(component).__name__
            raise InputError(
                f"{name} is no part of a step, in stage {component.stage!r}, but has a latency",
                legal=f"a latency of 0, or one of the stages {', '.join(STEP_STAGES)}",
            )
    return StepTime(**times, pulses=pulses, pipeline=pipeline)


@remembered
def _latency(component: Component) -> Any:
    return component.latency
