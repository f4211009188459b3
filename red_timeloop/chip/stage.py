"""A layer as a stage of a chip's pipeline: what one copy of its weights takes and gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.chip.chips import Chip
from red_timeloop.comparison import LayerResult
from red_timeloop.designs.result import DesignResult
from red_timeloop.errors import InputError
from red_timeloop.layer import Layer

__all__ = ["Chain", "Stage", "map_bits", "stage_of"]


@dataclass(frozen=True)
class Stage:
    """A layer on a design, for one image, in one copy of its weights.

    Attributes:
        name: Name of the layer.
        layer: The layer.
        repeat: How many stages of this kind the network has, one after the other.
        steps: Steps of an image.
        step_time: Time of a step in s.
        crossbars: Physical crossbars of a copy.
        leakage: Power in W that leaks from the crossbars of a copy.
        shared_leakage: Power in W that leaks from what copies share.
        area: Area in m^2 of what no part of the chip stands for, of a copy.
        energy_by_stage: Energy in J of an image without leakage, by `components.STAGES`; copies
            share the work, and add none.
        programming_energy: Energy in J of writing a copy.
        programming_time: Time in s of that.
        rows: Share of the word lines that are used, 0 to 1.
        columns: Share of the bit lines that are used.
        lines: Output lines (along the first axis) of one row of steps.
    """

    name: str
    layer: Layer
    repeat: int
    steps: int
    step_time: float
    crossbars: int
    leakage: float
    shared_leakage: float
    area: float
    energy_by_stage: dict[str, float]
    programming_energy: float
    programming_time: float
    rows: float
    columns: float
    lines: int

    @property
    def energy(self) -> float:
        """Energy in J of an image without leakage."""
        return sum(self.energy_by_stage.values())

    @cached_property
    def input_bits(self) -> int:
        """Bits of the input map."""
        return map_bits(self.layer)[0]

    @cached_property
    def output_bits(self) -> int:
        """Bits of the output map."""
        return map_bits(self.layer)[1]

    @cached_property
    def words(self) -> int:
        """Bits of both maps, which pass the ports of the stage's tiles."""
        return self.input_bits + self.output_bits

    def time(self, copies: int) -> float:
        """Return the time in s of an image when `copies` share its steps."""
        return -(-self.steps // copies) * self.step_time


@dataclass(frozen=True)
class Chain:
    """Stages as arrays, one behind the other.

    Attributes:
        stage: The index of each, among stages that may stand for several.
        crossbars: Those of one copy of each.
        words: Bits of its input map and its output map.
        bits: Bits of its input map, and behind these the ones of the last one's output map.
    """

    stage: NDArray[np.int64]
    crossbars: NDArray[np.int64]
    words: NDArray[np.int64]
    bits: NDArray[np.float64]

    @classmethod
    def of(cls, stages: Sequence[Stage]) -> Chain:
        """Return the chain of stages."""
        index = np.repeat(np.arange(len(stages)), [stage.repeat for stage in stages])
        crossbars = np.array([stage.crossbars for stage in stages], dtype=np.int64)
        words = np.array([stage.words for stage in stages], dtype=np.int64)
        bits = np.array([float(stage.input_bits) for stage in stages])
        last = stages[-1].output_bits
        return cls(index, crossbars[index], words[index], np.append(bits[index], last))

    def sizes(self, copies: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the crossbars that each of the chain has in so many copies of the stages.

        The last axis is that of the stages, and becomes that of the chain.
        """
        return np.asarray(self.crossbars * copies[..., self.stage], dtype=np.int64)


def map_bits(layer: Layer) -> tuple[int, int]:
    """Return the bits of the input map and of the output map, which the next layer reads."""
    outputs = layer.batch * layer.out_channels * math.prod(layer.output_size)
    return math.prod(layer.input_shape) * layer.input_bits, outputs * layer.input_bits


def stage_of(result: LayerResult, chip: Chip) -> Stage:
    """Return a layer's stage on `chip`.

    Raises:
        InputError: The design holds no weights in crossbars, or its crossbars are as large as the
            layer.
    """
    found, layer = result.design_result, result.entry.layer
    plan = found.plan
    if plan.searched:
        raise InputError(
            f"{result.design} has no crossbars that hold the weights of a layer",
            key="design",
            legal="designs of crossbars",
        )
    if plan.hardware.rows is None or plan.hardware.columns is None:
        raise InputError(
            f"the arrays of {plan.hardware.name} are as large as the layer, and fill no tile",
            key="hardware",
            legal="a parameter set with rows and columns",
        )
    latency = float(found.latency)
    return Stage(
        name=result.layer,
        layer=layer,
        repeat=result.entry.repeat,
        steps=found.cycles,
        step_time=float(found.cycle_time),
        crossbars=plan.crossbars,
        leakage=_leaked(found, chip, shared=False) / latency if latency else 0.0,
        shared_leakage=_leaked(found, chip, shared=True) / latency if latency else 0.0,
        area=sum(x.area for name, x in found.levels.items() if name not in chip.replaced),
        energy_by_stage=_dynamic(found),
        programming_energy=float(found.programming_energy),
        programming_time=float(found.programming_time),
        rows=_used(found, "rows_used", "fold", "crossbar_rows"),
        columns=_used(found, "columns_used", "weight_slices", "crossbar_columns"),
        lines=layer.stride[0] if layer.transposed and _scatters(found) else 1,
    )


def _scatters(found: DesignResult) -> bool:
    """Whether a row of steps gives as many lines as the stride: all modes at once, or scattered."""
    layer = found.plan.layer
    return found.plan.modes > 1 or found.steps < math.prod(layer.output_size)


def _dynamic(found: DesignResult) -> dict[str, float]:
    sums: dict[str, float] = {}
    for level in found.levels.values():
        sums[level.stage] = sums.get(level.stage, 0.0) + float(level.energy - level.leakage)
    return sums


def _leaked(found: DesignResult, chip: Chip, *, shared: bool) -> float:
    """Return the energy in J that leaks from what copies share (a tile's parts), or from a copy."""
    tile = {level for part in chip.at("tile", "chip") for level in part.stands_for}
    return float(sum(x.leakage for name, x in found.levels.items() if (name in tile) == shared))


def _used(found: DesignResult, used: str, times: str, whole: str) -> float:
    """Return the share of a crossbar's lines that is used, over the crossbars of all parts."""
    parts: list[tuple[int, Any]] = [(p.crossbars, p.sizes) for p in found.plan.parts if p.crossbars]
    total = sum(count for count, _ in parts)
    shares = (
        count * getattr(sizes, used) * getattr(sizes, times) / getattr(sizes, whole)
        for count, sizes in parts
    )
    return min(1.0, sum(shares) / total) if total else 0.0
