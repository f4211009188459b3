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

    def __repr__(self) -> str:
        return f"<{self.layer} on {repr(self.design_result)[1:]}"

    @property
    def tops_per_W(self) -> float:
        """Useful operations (two a multiply-accumulate, none for inserted zeros) for a joule, T."""
        energy = self.design_result.energy
        return 2e-12 * self.entry.layer.macs / energy if energy else 0.0

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
            "tops_per_W": self.tops_per_W,
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
            "accesses": {
                name: {"reads": reads, "writes": writes}
                for name, (reads, writes) in result.accesses.items()
            },
            "notes": list(result.notes),
        }

    def row(self) -> dict[str, Any]:
        """Return the result as a line of a table, the accesses of a level in columns of its own."""
        values = {key: v for key, v in self.as_dict().items() if not isinstance(v, dict | list)}
        for name, (reads, writes) in self.design_result.accesses.items():
            values |= {f"{name}_reads": reads, f"{name}_writes": writes}
        return values


@dataclass(frozen=True)
class Summary:
    """A design against zero padding.

    Attributes:
        design: Name of the design.
        latency: Time in s of the layers it ran, one after the other, each as often as it repeats.
        energy: Their energy in J.
        area: Area in m^2: layers on crossbars have crossbars of their own, each repeat too; a
            machine that maps layers in turn is there once.
        crossbars: Crossbars of all layers.
        tops_per_W: Useful operations for a joule, in 10^12.
        speedup: Latency of zero padding over that of the design, over the layers it ran; infinite
            where the design computes nothing.
        energy_saving: Share of zero padding's energy that the design saves over them.
        layers: `(speedup, energy saving)` of each layer.
        mean_speedup: Geometric mean of the layers' speedups, each repeat a layer.
        mean_energy_ratio: Geometric mean of the layers' energies over zero padding's.
        time_by_stage: Where the design's time goes, in s, over the layers it ran: the parts of a
            step, as far as they are not hidden behind others.
        energy_by_stage: Where its energy goes, in J, by the same names and those of memories
            (`store`) and digital arithmetic (`compute`).
    """

    design: str
    latency: float
    energy: float
    area: float
    crossbars: int
    tops_per_W: float  # noqa: N815 - the unit as it is written
    speedup: float
    energy_saving: float
    layers: dict[str, tuple[float, float]]
    mean_speedup: float
    mean_energy_ratio: float
    time_by_stage: dict[str, float]
    energy_by_stage: dict[str, float]

    @property
    def energy_ratio(self) -> float:
        """Energy over that of zero padding."""
        return 1 - self.energy_saving

    def as_dict(self) -> dict[str, Any]:
        """Return the summary in the keys of the JSON output."""
        return {
            "design": self.design,
            "latency_s": self.latency,
            "energy_J": self.energy,
            "area_m2": self.area,
            "crossbars": self.crossbars,
            "tops_per_W": self.tops_per_W,
            "speedup_vs_zero_padding": self.speedup,
            "energy_saving_vs_zero_padding": self.energy_saving,
            "energy_ratio_vs_zero_padding": self.energy_ratio,
            "mean_speedup_vs_zero_padding": self.mean_speedup,
            "mean_energy_ratio_vs_zero_padding": self.mean_energy_ratio,
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
    stages = _totals((r.entry.repeat, r.design_result.energy_by_stage()) for r in mine)
    energy = sum(r.entry.repeat * r.design_result.energy for r in mine)
    macs = sum(r.entry.repeat * r.entry.layer.macs for r in mine)
    crossbars = sum(r.entry.repeat * r.design_result.plan.crossbars for r in mine)
    areas = [(r.entry.repeat if crossbars else 1) * r.design_result.area for r in mine]
    repeats = [result.entry.repeat for result, _ in pairs]
    return Summary(
        design=design,
        latency=sum(r.entry.repeat * r.design_result.latency for r in mine),
        energy=energy,
        area=sum(areas) if crossbars else max(areas, default=0.0),
        crossbars=crossbars,
        tops_per_W=2e-12 * macs / energy if energy else 0.0,
        speedup=speedup,
        energy_saving=saving,
        layers=layers,
        mean_speedup=_mean([factor for factor, _ in layers.values()], repeats),
        mean_energy_ratio=_mean([1 - share for _, share in layers.values()], repeats),
        time_by_stage=time,
        energy_by_stage=stages,
    )


def _mean(factors: Sequence[float], repeats: Sequence[int]) -> float:
    """Return the geometric mean of factors, each counted as often as its layer repeats.

    >>> _mean([4.0, 1.0], [1, 1]), _mean([8.0, 1.0], [1, 2])
    (2.0, 2.0)
    """
    if not factors or 0 in factors:
        return 0.0 if factors else 1.0
    logarithms = (n * math.log(factor) for n, factor in zip(repeats, factors, strict=True))
    return math.exp(sum(logarithms) / sum(repeats))


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
