"""The main job: a workload on several designs, and what that says against zero padding."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from red_timeloop import designs as known
from red_timeloop.components.base import plain
from red_timeloop.designs import BASELINE, Design
from red_timeloop.designs.evaluator import Evaluator
from red_timeloop.designs.red import RED
from red_timeloop.designs.result import DesignResult
from red_timeloop.designs.words import assumptions, reasons
from red_timeloop.engines.base import engine as get_engine
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.workload import Workload, WorkloadLayer, load_workload

__all__ = ["Comparison", "Failure", "LayerResult", "Progress", "Summary", "compare", "compare_on"]

# Called before each evaluation with (done, total, "layer on design").
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class LayerResult:
    """One layer on one design. Energies and latencies are those of one pass over its batch.

    Attributes:
        entry: The layer as the workload has it, with the times it is repeated.
        design_result: All counts and energies behind the numbers.
    """

    entry: WorkloadLayer
    design_result: DesignResult

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
            "cycle_time_breakdown_s": {part: float(time) for part, time in _step(self).items()},
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


@dataclass(frozen=True)
class Failure:
    """A layer that a design cannot hold, and why."""

    layer: str
    design: str
    reason: str


@dataclass(frozen=True)
class Comparison:
    """A workload on several designs.

    Attributes:
        workload: The workload.
        hardware: The parameter set that all designs share.
        engine: The engine that counted.
        results: One for each layer and design, in the workload's order.
        baseline: Zero padding's results, whether it was asked for or not.
        failures: What a design cannot hold.
        iso_area: Whether the CMOS designs have the area of RED.
        crossbars: Crossbars that mapped ReRAM designs may use; None for their fixed mapping.
    """

    workload: Workload
    hardware: Hardware
    engine: str
    results: tuple[LayerResult, ...]
    baseline: tuple[LayerResult, ...]
    failures: tuple[Failure, ...] = ()
    iso_area: bool = False
    crossbars: int | None = None

    @cached_property
    def designs(self) -> tuple[str, ...]:
        """Names of the designs that have results, in the order they were asked for."""
        return tuple(dict.fromkeys(result.design for result in self.results))

    @cached_property
    def summary(self) -> tuple[Summary, ...]:
        """Each design against zero padding."""
        return tuple(self._summary(name) for name in self.designs)

    @property
    def labels(self) -> dict[str, str]:
        """How the designs are printed, and the baseline, by name."""
        return {name: design.label for name, design in self._known.items()}

    @property
    def colours(self) -> dict[str, str]:
        """Colours that designs have of their own, by name, those of all shipped ones included."""
        own = {name: design.colour for name, design in self._known.items() if design.colour}
        return known.registry.colours() | own

    @cached_property
    def _known(self) -> dict[str, Design]:
        ran = (result.design_result.design for result in (*self.results, *self.baseline))
        return {BASELINE.name: BASELINE} | {design.name: design for design in ran}

    def _summary(self, design: str) -> Summary:
        base = {result.layer: result for result in self.baseline}
        pairs = [
            (result, base[result.layer])
            for result in self.results
            if result.design == design and result.layer in base
        ]
        layers = {mine.layer: _against([(mine, zero_padding)]) for mine, zero_padding in pairs}
        speedup, saving = _against(pairs)
        mine = [result for result in self.results if result.design == design]
        time = _totals((r.entry.repeat * r.design_result.cycles, _step(r)) for r in mine)
        energy = _totals((r.entry.repeat, r.design_result.energy_by_stage()) for r in mine)
        return Summary(design, speedup, saving, layers, time, energy)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What the numbers rest on, one sentence each."""
        lines = list(assumptions(self.hardware, self.engine, self._named))
        if self.crossbars is not None:
            lines.append(
                "ReRAM designs mapped for energy times delay: buffer tiles, loop order, fold and "
                f"copies, with at most {self.crossbars} crossbars a layer."
            )
        own: dict[str, dict[str, None]] = {}
        for result in self.results:
            own.setdefault(result.design_result.rests_on, {})[result.design] = None
        lines += [f"{', '.join(names)}: {clause}" for clause, names in own.items() if clause]
        unsure = [entry for entry in self.workload.layers if entry.unconfirmed]
        lines += [f"{entry.name}: unconfirmed: {'; '.join(entry.unconfirmed)}" for entry in unsure]
        return tuple(lines)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why, for each transposed convolution on which a ReRAM rival needs no more energy."""
        return tuple(reasons(RED.name, self._named))

    @property
    def _named(self) -> list[tuple[str, DesignResult]]:
        return [(result.layer, result.design_result) for result in self.results]

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison in the keys of the JSON output (schema 1)."""
        return {
            "schema": 1,
            "workload": self.workload.name,
            "engine": self.engine,
            "hardware": self.hardware.name,
            "zero_aware": self.hardware.zero_aware,
            "zeros_stored": self.hardware.zeros_stored,
            "assumptions": list(self.assumptions),
            "reasons": list(self.reasons),
            "results": [result.as_dict() for result in self.results],
            "summary": [summary.as_dict() for summary in self.summary],
            "failures": [vars(failure) for failure in self.failures],
        }

    def report(self, folder: str | Path, *, figures: bool = False) -> Path:
        """Write `report.html` and its data into `folder` and return the page's path.

        Args:
            folder: Where to write; made if there is none.
            figures: Also write every chart as SVG, PDF and PNG.

        Raises:
            InputError: There is nothing to show, or a file cannot be written.
        """
        from red_timeloop.report.write import write_report  # drawing is loaded when it is needed

        return write_report([self], folder, figures=figures)[0]

    def to_csv(self) -> str:
        """Return the results as CSV, one line for each layer and design."""
        nested = ("energy_breakdown_J", "energy_by_stage_J", "cycle_time_breakdown_s", "notes")
        rows = [
            {key: value for key, value in result.as_dict().items() if key not in nested}
            for result in self.results
        ]
        stream = io.StringIO()
        if rows:
            writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return stream.getvalue()


def compare(
    workload: str | Path | Workload = "red_date2019",
    designs: str | Iterable[str | Design] | None = None,
    engine: str = "embedded",
    *,
    layers: Sequence[str] | None = None,
    hardware: str | Path | Hardware = "isaac_32nm",
    progress: Progress | None = None,
    keep_going: bool = False,
    iso_area: bool = False,
    crossbars: int | None = None,
) -> Comparison:
    """Run every layer of a workload on every design.

    Args:
        workload: Name of a shipped workload, a YAML file, or a workload.
        designs: Names of designs, or designs of your own, or where these are (`FILE.py:NAME`,
            `package.module:NAME`), or Timeloop architectures (`ARCH.yaml`, a template or a folder),
            each of which is the designs `NAME` and `NAME_split`; the four ReRAM designs when None.
        engine: `embedded`, `timeloop`, or `auto`: timeloop where it works, else embedded.
        layers: Names of layers; all of them when None.
        hardware: Name of a parameter set, a YAML file, or a parameter set.
        progress: Told what comes next.
        keep_going: Record what a design cannot hold under `failures` instead of raising.
        iso_area: Scale the CMOS designs, layer by layer, to the area of RED.
        crossbars: Let the mapper choose buffer tiles, loop order, fold and copies of the ReRAM
            designs, with at most so many crossbars; their fixed mapping when None.

    Raises:
        InputError: Something named does not exist or is not legal, or a design cannot hold a
            layer.

    >>> result = compare("red_date2019", ["red"], "embedded", layers=["GAN_Deconv3"])
    >>> result.results[0].design_result.cycles
    16
    """
    loaded = workload if isinstance(workload, Workload) else load_workload(workload)
    if layers:
        loaded = loaded.select([layers] if isinstance(layers, str) else list(layers))
    parameters = hardware if isinstance(hardware, Hardware) else Hardware.load(hardware)
    chosen = known.choose(designs)
    evaluator = Evaluator(parameters, get_engine(engine), iso_area=iso_area, crossbars=crossbars)
    return compare_on(loaded, chosen, evaluator, progress=progress, keep_going=keep_going)


def compare_on(
    workload: Workload,
    designs: Sequence[Design],
    evaluator: Evaluator,
    *,
    progress: Progress | None = None,
    keep_going: bool = False,
) -> Comparison:
    """Run every layer of a workload on every design; several workloads may share an evaluator.

    Raises:
        InputError: A design cannot hold a layer, and `keep_going` is not set.
    """
    tasks = [(entry, design) for entry in workload.layers for design in designs]
    results: list[LayerResult] = []
    failures: list[Failure] = []
    for done, (entry, design) in enumerate(tasks):
        if progress:
            progress(done, len(tasks), f"{entry.name} on {design.name}")
        try:
            results.append(LayerResult(entry, evaluator(entry.layer, design)))
        except InputError as error:
            if not keep_going:
                raise InputError(
                    f"{entry.name} on {design.name}: {error.message}",
                    file=error.file,
                    key=error.key,
                    legal=error.legal,
                ) from error
            failures.append(Failure(entry.name, design.name, str(error)))
    if progress:
        progress(len(tasks), len(tasks), "")
    baseline = tuple(_baseline(workload, results, evaluator))
    engines = (result.design_result.engine for result in (*results, *baseline))
    return Comparison(
        workload=workload,
        hardware=evaluator.hardware,
        engine=next(filter(None, engines), evaluator.engine_name),
        results=tuple(results),
        baseline=baseline,
        failures=tuple(failures),
        iso_area=evaluator.iso_area,
        crossbars=evaluator.crossbars,
    )


def _baseline(
    workload: Workload, results: Sequence[LayerResult], evaluator: Evaluator
) -> Iterable[LayerResult]:
    """Yield zero padding's results for the layers that have any result."""
    ran = {result.layer for result in results}
    for entry in workload.layers:
        if entry.name in ran:
            try:
                yield LayerResult(entry, evaluator(entry.layer, BASELINE))
            except InputError:  # a layer that zero padding cannot hold has nothing to compare with
                continue


def _step(result: LayerResult) -> dict[str, Any]:
    """Return what each part of a step adds to a cycle in s."""
    return result.design_result.step_time.shares()


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
