"""The main job: a workload on several designs, and what that says against zero padding."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from red_timeloop import designs as known
from red_timeloop.designs import BASELINE, Design
from red_timeloop.designs.evaluator import Evaluator
from red_timeloop.designs.red import RED
from red_timeloop.designs.result import DesignResult
from red_timeloop.designs.words import assumptions, reasons
from red_timeloop.engines.base import engine as get_engine
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.summary import LayerResult, Summary, summarised
from red_timeloop.workload import Workload, load_workload

__all__ = ["Comparison", "Failure", "LayerResult", "Progress", "Summary", "compare", "compare_on"]

# Called before each evaluation with (done, total, "layer on design").
Progress = Callable[[int, int, str], None]


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
        iso_area: Whether the designs have the area of RED, layer by layer.
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
        return tuple(summarised(name, self.results, self.baseline) for name in self.designs)

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

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What the numbers rest on, one sentence each."""
        lines = list(assumptions(self.hardware, self.engine, self._named))
        if self.crossbars is not None:
            lines.append(
                "ReRAM designs mapped for energy times delay: buffer tiles, loop order, fold and "
                f"copies, with at most {self.crossbars} crossbars a layer."
            )
        if self.iso_area and self.crossbars is None:
            lines.append(
                "ReRAM designs have as many copies of their weights, layer by layer, as fit into "
                "RED's area and share the output pixels evenly; one where even that is larger."
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
    jobs: int = 1,
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
        iso_area: Give the designs, layer by layer, the area of RED: CMOS arrays are scaled, ReRAM
            designs get copies of their crossbars (not with `crossbars`, which is their budget).
        crossbars: Let the mapper choose buffer tiles, loop order, fold and copies of the ReRAM
            designs, with at most so many crossbars; their fixed mapping when None.
        jobs: Processes that evaluate the layers, -1 for one a core.

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
    evaluator.prepare(*layers_and_designs([loaded], chosen), jobs, by_layers(progress))
    return compare_on(loaded, chosen, evaluator, progress=progress, keep_going=keep_going)


def layers_and_designs(
    workloads: Iterable[Workload], designs: Sequence[Design]
) -> tuple[list[Layer], list[Design]]:
    """Return what comparisons of `workloads` evaluate: their layers, and designs and baseline."""
    layers = [entry.layer for workload in workloads for entry in workload.layers]
    return layers, list(dict.fromkeys([*designs, BASELINE]))


def by_layers(progress: Progress | None) -> Callable[[int, int], None]:
    """Return what tells `progress` of layers that processes are done with."""
    return lambda done, total: progress(done, total, "layers") if progress else None


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
