"""The main job: a workload on several designs, and what that says against zero padding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from red_timeloop import designs as known
from red_timeloop._comparison import Comparison, Failure
from red_timeloop.accuracy import Accuracy, RandomTensors, cheapest_converters, row_choices
from red_timeloop.designs import BASELINE, Design
from red_timeloop.designs.evaluator import Evaluator
from red_timeloop.designs.red import RED
from red_timeloop.engines.base import engine as get_engine
from red_timeloop.errors import InputError
from red_timeloop.frontends.read import read_workload
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.summary import LayerResult, Summary
from red_timeloop.workload import Workload

__all__ = ["Comparison", "Failure", "LayerResult", "Progress", "Summary", "compare", "compare_on"]

# Called before each evaluation with (done, total, "layer on design").
Progress = Callable[[int, int, str], None]


def compare(
    workload: str | Path | Workload | Layer | Iterable[Layer] = "red_date2019",
    designs: str | Iterable[str | Design] | None = None,
    engine: str = "embedded",
    *,
    layers: Sequence[str] | None = None,
    hardware: str | Path | Mapping[str, Any] | Hardware = "isaac_32nm",
    progress: Progress | None = None,
    keep_going: bool = False,
    iso_area: bool = False,
    crossbars: int | None = None,
    at_least: str | float | Accuracy | None = None,
    jobs: int = 1,
) -> Comparison:
    """Run every layer of a workload on every design.

    Args:
        workload: Name of a shipped workload, a YAML, ONNX or Keras file, a workload, a layer, or
            several layers.
        designs: Names of designs, or designs of your own, or where these are (`FILE.py:NAME`,
            `package.module:NAME`), or Timeloop architectures (`ARCH.yaml`, a template or a folder),
            each of which is the designs `NAME` and `NAME_split`; the four ReRAM designs when None.
        engine: `embedded`, `timeloop`, or `auto`: timeloop where it works, else embedded.
        layers: Names of layers; all of them when None.
        hardware: Name of a parameter set, a YAML file, a parameter set, or what differs from the
            default one, such as `{"rows": 256}`.
        progress: Told what comes next.
        keep_going: Record what a design cannot hold under `failures` instead of raising.
        iso_area: Give the designs, layer by layer, the area of RED: CMOS arrays are scaled, ReRAM
            designs get copies of their crossbars (not with `crossbars`, which is their budget).
        crossbars: Let the mapper choose buffer tiles, loop order, fold and copies of the ReRAM
            designs, with at most so many crossbars; their fixed mapping when None.
        at_least: Compare at equal accuracy: give each design the cheapest converters with which
            its outputs on random tensors have this signal to quantization noise ratio, in dB or as
            `35dB` or `lossless`; or what else they must reach, as a
            `red_timeloop.networks.quality.NetworkAccuracy`. See
            `red_timeloop.accuracy.cheapest_converters`.
        jobs: Processes that evaluate the layers, -1 for one a core.

    Raises:
        InputError: Something named does not exist or is not legal, or a design cannot hold a
            layer, or does not reach `at_least`.

    >>> result = compare("red_date2019", ["red"], "embedded", layers=["GAN_Deconv3"])
    >>> result.results[0].design_result.cycles
    16
    """
    loaded = read_workload(workload, layers or ())
    parameters = Hardware.load(hardware)
    chosen = known.choose(designs)
    evaluator = Evaluator(parameters, get_engine(engine), iso_area=iso_area, crossbars=crossbars)
    if at_least is not None:
        accuracy = (
            RandomTensors(loaded, at_least) if isinstance(at_least, str | float | int) else at_least
        )
        return _compare_at(loaded, chosen, evaluator, accuracy, progress)
    evaluator.prepare(*layers_and_designs([loaded], chosen), jobs, by_layers(progress))
    return compare_on(loaded, chosen, evaluator, progress=progress, keep_going=keep_going)


def _compare_at(
    workload: Workload,
    designs: Sequence[Design],
    evaluator: Evaluator,
    accuracy: Accuracy,
    progress: Progress | None,
) -> Comparison:
    """Compare with the cheapest converters that are accurate enough, design by design."""
    searched = list(dict.fromkeys([*designs, BASELINE, *([RED] if evaluator.iso_area else [])]))
    total, done = len(searched) * len(row_choices(evaluator.hardware)), 0

    def step(text: str) -> None:
        nonlocal done
        if progress:
            progress(min(done, total), total, text)
        done += 1

    evaluators: dict[Hardware, Evaluator] = {}

    def under(hardware: Hardware) -> Evaluator:
        return evaluators.setdefault(hardware, evaluator.under(hardware))

    found = [
        cheapest_converters(workload, design, under, evaluator.hardware, accuracy, step)
        for design in searched
    ]
    sizes = {each.design: each.hardware for each in found}
    for each in found:  # what is as large as RED is as large as RED with its own converters
        if each.digital and evaluator.iso_area:
            sizes[each.design] = sizes[RED.name]
    own = {name: under(hardware) for name, hardware in sizes.items()}
    compared = compare_on(workload, designs, evaluator, own=own)
    ratios = {each.design: each.sqnr_db for each in found}

    def with_ratio(results: Iterable[LayerResult]) -> tuple[LayerResult, ...]:
        return tuple(replace(r, sqnr_db=ratios[r.design].get(r.layer)) for r in results)

    return replace(
        compared,
        results=with_ratio(compared.results),
        baseline=with_ratio(compared.baseline),
        accuracy=accuracy,
        converters=tuple(found),
    )


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
    own: Mapping[str, Evaluator] | None = None,
    progress: Progress | None = None,
    keep_going: bool = False,
) -> Comparison:
    """Run every layer of a workload on every design; several workloads may share an evaluator.

    Designs may have evaluators of their `own`, by name.

    Raises:
        InputError: A design cannot hold a layer, and `keep_going` is not set.
    """
    own = own or {}
    tasks = [(entry, design) for entry in workload.layers for design in designs]
    results: list[LayerResult] = []
    failures: list[Failure] = []
    for done, (entry, design) in enumerate(tasks):
        if progress:
            progress(done, len(tasks), f"{entry.name} on {design.name}")
        try:
            evaluate = own.get(design.name, evaluator)
            results.append(LayerResult(entry, evaluate(entry.layer, design)))
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
    baseline = tuple(_baseline(workload, results, own.get(BASELINE.name, evaluator)))
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
