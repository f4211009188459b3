"""One layer on one design, and a design against zero padding over many layers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from red_timeloop.components.base import plain
from red_timeloop.designs.result import DesignResult
from red_timeloop.workload import WorkloadLayer

__all__ = ["LayerResult", "Summary", "summarised"]


@dataclass(frozen=True)
class LayerResult:
    """One layer on one design. Energies and latencies are those of one pass over its batch.

    Attributes:
        entry: The layer as the workload has it, with the times it is repeated.
        design_result: All counts and energies behind the numbers.
        sqnr_db: Signal to quantization noise ratio in dB, where it was asked for; see
            `dataflow.quality.layer_sqnr`.
    """

    entry: WorkloadLayer
    design_result: DesignResult
    sqnr_db: float | None = None

    @property
    def layer(self) -> str:
        """Name of the layer."""
        return self.entry.name

    @property
    def design(self) -> str:
        """Name of the design."""
        return self.design_result.design.name

    def as_dict(self) -> dict[str, Any]:
        """Return the result in the keys of the JSON output."""
        result, plan = self.design_result, self.design_result.plan
        return {
            "layer": self.layer,
            "design": self.design,
            "repeat": self.entry.repeat,
            "crossbars": plan.crossbars,
            "sub_crossbars": plan.sub_crossbars,
            "rows_used": result.rows[0],
            "rows": result.rows[1],
            "conversions": result.conversions,
            "adc_bits": result.adc_bits,
            **({} if self.sqnr_db is None else {"sqnr_dB": self.sqnr_db}),
            "modes": plan.modes,
            "steps": result.steps,
            "cycles": result.cycles,
            "cycle_time_s": result.cycle_time,
            "latency_s": result.latency,
            "energy_J": result.energy,
            "area_m2": result.area,
            "macs": self.entry.layer.macs,
            "zero_inserted_macs": self.entry.layer.zero_inserted_macs,
            "computes": result.computes,
            "programming_energy_J": result.programming_energy,
            "programming_time_s": result.programming_time,
            "energy_breakdown_J": {
                name: level.energy for name, level in result.levels.items() if level.energy
            },
            "energy_by_stage_J": result.energy_by_stage(),
            "cycle_time_breakdown_s": {
                part: float(time) for part, time in result.cycle_shares.items()
            },
            "notes": list(result.notes),
        }


@dataclass(frozen=True)
class Summary:
    """A design against zero padding.

    Attributes:
        design: Name of the design.
        speedup: Latency of zero padding over that of the design, over the layers it ran; infinite
            where the design computes nothing.
        energy_saving: Share of zero padding's energy that the design saves over them.
        layers: `(speedup, energy saving)` of each layer.
        time_by_stage: Where the design's time goes, in s, over the layers it ran: the parts of a
            step, as far as they are not hidden behind others.
        energy_by_stage: Where its energy goes, in J, by the same names and those of memories
            (`store`) and digital arithmetic (`compute`).
    """

    design: str
    speedup: float
    energy_saving: float
    layers: dict[str, tuple[float, float]]
    time_by_stage: dict[str, float]
    energy_by_stage: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return the summary in the keys of the JSON output."""
        return {
            "design": self.design,
            "speedup_vs_zero_padding": self.speedup,
            "energy_saving_vs_zero_padding": self.energy_saving,
            "time_by_stage_s": self.time_by_stage,
            "energy_by_stage_J": self.energy_by_stage,
            "layers": {
                name: {
                    "speedup_vs_zero_padding": speedup,
                    "energy_saving_vs_zero_padding": saving,
                }
                for name, (speedup, saving) in self.layers.items()
            },
        }


def summarised(
    design: str, results: Sequence[LayerResult], baseline: Sequence[LayerResult]
) -> Summary:
    """Return what the results say of a design against those of zero padding."""
    base = {result.layer: result for result in baseline}
    pairs = [
        (result, base[result.layer])
        for result in results
        if result.design == design and result.layer in base
    ]
    layers = {mine.layer: _against([(mine, zero_padding)]) for mine, zero_padding in pairs}
    speedup, saving = _against(pairs)
    mine = [result for result in results if result.design == design]
    time = _totals(
        (r.entry.repeat * r.design_result.cycles, r.design_result.cycle_shares) for r in mine
    )
    energy = _totals((r.entry.repeat, r.design_result.energy_by_stage()) for r in mine)
    return Summary(design, speedup, saving, layers, time, energy)


def _totals(weighted: Iterable[tuple[int, dict[str, Any]]]) -> dict[str, Any]:
    """Return the weighted sum of numbers by name."""
    sums: dict[str, Any] = {}
    for weight, values in weighted:
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + weight * value
    return {name: plain(value) for name, value in sums.items()}


def _against(pairs: Sequence[tuple[LayerResult, LayerResult]]) -> tuple[float, float]:
    """Return speedup and energy saving of the first of each pair over the second."""
    latency = [
        sum(result.entry.repeat * result.design_result.latency for result in side)
        for side in zip(*pairs, strict=True)
    ]
    energy = [
        sum(result.entry.repeat * result.design_result.energy for result in side)
        for side in zip(*pairs, strict=True)
    ]
    if not pairs:
        return 1.0, 0.0
    speedup = latency[1] / latency[0] if latency[0] else math.inf
    return speedup, 1 - energy[0] / energy[1]
