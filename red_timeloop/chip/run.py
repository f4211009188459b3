"""A network on several designs: the same chip, the same budget."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from red_timeloop import designs as known
from red_timeloop.chip.budget import Budget, Site
from red_timeloop.chip.chips import Chip, load_chip
from red_timeloop.chip.network import schedule
from red_timeloop.chip.result import ChipComparison, ChipFailure, ChipResult, LayerShare, result_of
from red_timeloop.chip.stage import map_bits, stage_of
from red_timeloop.comparison import LayerResult, Progress, by_layers, compare_on, layers_and_designs
from red_timeloop.designs import Design
from red_timeloop.designs.evaluator import Evaluator
from red_timeloop.engines.base import engine as get_engine
from red_timeloop.errors import InputError
from red_timeloop.frontends.read import read_workload
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Conv
from red_timeloop.units import percent
from red_timeloop.workload import Workload

__all__ = ["on_chip", "on_chips", "site_of"]


def on_chip(
    workload: str | Path | Workload,
    designs: str | Iterable[str | Design] | None = None,
    engine: str = "auto",
    *,
    chip: str | Path | Chip = "isaac",
    budget: Budget | None = None,
    hardware: str | Path | Hardware = "isaac_32nm",
    reprogram: int | None = None,
    evaluated: Iterable[LayerResult] = (),
    progress: Progress | None = None,
    jobs: int = 1,
) -> ChipComparison:
    """Run a network on every design within the same budget, each in its best allocation.

    Args:
        workload: Name of a shipped workload, a YAML file, or a workload.
        designs: As in `red_timeloop.compare`.
        engine: As there.
        chip: Name of a shipped chip, a YAML file, or a chip.
        budget: What each design may use; None: as many whole chips as hold one copy of the weights
            on every design.
        hardware: As in `red_timeloop.compare`.
        reprogram: Program layers that do not fit in turn, after so many images each; None: an
            error.
        evaluated: Results of a comparison before, with the same engine and parameter set: these are
            not evaluated again.
        progress: Told what comes next.
        jobs: Processes that evaluate the layers, -1 for one a core.

    Raises:
        InputError: Something named does not exist or is not legal, or no design fits.

    >>> found = on_chip("red_date2019", ["red"], "embedded").results[0]
    >>> found.crossbars, found.bottleneck
    (16128, 'mesh')
    """
    loaded = read_workload(workload)
    parameters = Hardware.load(hardware)
    evaluator = Evaluator(parameters, get_engine(engine))
    for result in evaluated:
        evaluator.know(result.entry.layer, result.design_result)
    budgets = None if budget is None else [budget]
    found = on_chips(
        loaded,
        known.choose(designs),
        evaluator,
        chip if isinstance(chip, Chip) else load_chip(chip),
        budgets,
        reprogram=reprogram,
        progress=progress,
        jobs=jobs,
    )[0]
    if not found.results:
        raise found.failures[0].error
    return found


def on_chips(
    workload: Workload,
    designs: Sequence[Design],
    evaluator: Evaluator,
    chip: Chip,
    budgets: Sequence[Budget] | None,
    *,
    reprogram: int | None = None,
    progress: Progress | None = None,
    jobs: int = 1,
) -> list[ChipComparison]:
    """Run a network on every design within each of several budgets; layers are evaluated once.

    Arguments are those of `on_chip`; what does not fit is recorded under `failures`.
    """
    held: list[Design] = []
    sites: dict[str, Site] = {}
    refused: dict[str, InputError] = {}
    for design in designs:
        try:
            if not _searched(design, workload, evaluator.hardware):
                held.append(design)
        except InputError as error:  # noqa: PERF203 - a plan takes longer than a try
            refused[design.name] = error
    evaluator.prepare(*layers_and_designs([workload], held), jobs, by_layers(progress))
    for done, design in enumerate(held):
        if progress:
            progress(done, len(held), f"{workload.name} on {design.name}")
        try:
            sites[design.name] = site_of(workload, design, evaluator, chip)
        except InputError as error:
            refused[design.name] = error
    if progress:
        progress(len(held), len(held), "")
    if budgets is None:
        needed = (site.chips(chip.tiles_of(site.needed)) for site in sites.values())
        budgets = [Budget("chips", max(needed, default=1))]
    found = [
        _compared(workload, designs, evaluator, chip, budget, sites, refused, reprogram)
        for budget in budgets
    ]
    there = [evaluator(workload.layers[0].layer, each) for each in held if each.name in sites]
    levels = {level for result in there for level in result.levels}
    unmatched = tuple(sorted(chip.replaced - levels)) if there else ()
    return [replace(each, unmatched=unmatched) for each in found]


def _compared(
    workload: Workload,
    designs: Sequence[Design],
    evaluator: Evaluator,
    chip: Chip,
    budget: Budget,
    sites: Mapping[str, Site],
    refused: Mapping[str, InputError],
    reprogram: int | None,
) -> ChipComparison:
    results: list[ChipResult] = []
    failures = [ChipFailure(name, error) for name, error in refused.items()]
    for design in designs:
        if design.name in refused:
            continue
        try:
            if design.name in sites:
                planned = schedule(sites[design.name], budget, reprogram)
                results.append(result_of(design.name, planned, _peak(workload, design, evaluator)))
            else:
                results.append(_array(workload, design, evaluator, chip, budget))
        except InputError as error:
            failures.append(ChipFailure(design.name, error))
    name = evaluator.hardware.name
    return ChipComparison(workload, chip, name, tuple(results), tuple(failures))


def _searched(design: Design, workload: Workload, hardware: Hardware) -> bool:
    """Whether a mapper maps the design: an array that all layers share, without crossbars."""
    return design.plan(workload.layers[0].layer, hardware).searched


def site_of(workload: Workload, design: Design, evaluator: Evaluator, chip: Chip) -> Site:
    """Return a chip as a design of crossbars builds it for a network.

    Raises:
        InputError: The design cannot hold a layer, or has no crossbars of a fixed size.
    """
    done = compare_on(workload, [design], evaluator)
    return Site(chip, tuple(stage_of(result, chip) for result in done.results))


def _peak(workload: Workload, design: Design, evaluator: Evaluator) -> float:
    """Return the operations a second of one crossbar that is full and never waits."""
    first, hardware = workload.layers[0].layer, evaluator.hardware
    assert hardware.rows is not None
    assert hardware.columns is not None  # `stage_of` has refused arrays without a size
    outputs = max(1, hardware.columns // hardware.weight_slices(first.weight_bits))
    full = Conv(
        hardware.rows,
        outputs,
        (1, 1),
        1,
        input_bits=first.input_bits,
        weight_bits=first.weight_bits,
    )
    found = evaluator(full, design)
    return 2.0 * full.macs / float(found.latency)


def _array(
    workload: Workload, design: Design, evaluator: Evaluator, chip: Chip, budget: Budget
) -> ChipResult:
    """Return a network on an array of processing elements as large as the budget's area.

    The array runs one layer after the other, and one image after the other.
    """
    links = chip.area("chip")
    if budget.kind != "area" or budget.amount <= links:
        raise InputError(
            f"{design.name} has no crossbars: its array is as large as an area allows",
            key=budget.kind,
            legal=f"an area above that of the links, {links * 1e6:.3g} mm2",
        )
    scaled = design.scaled(budget.amount - links)
    each = Evaluator(evaluator.hardware, evaluator.engine)
    layers = [(entry, each(entry.layer, scaled)) for entry in workload.layers]
    times = [float(found.latency) for _, found in layers]
    latency = sum(entry.repeat * time for (entry, _), time in zip(layers, times, strict=True))
    bits = max(map_bits(workload.layers[0].layer)[0], map_bits(workload.layers[-1].layer)[1])
    period = max(latency, bits / chip.link_bits_per_s)
    area = max(float(found.area) for _, found in layers)
    power = chip.power("always", place="chip")
    energies: dict[str, float] = {}
    for entry, found in layers:
        for key, energy in found.energy_by_stage().items():
            energies[key] = energies.get(key, 0.0) + entry.repeat * float(energy)
    energies["links"] = power * period
    largest = layers[times.index(max(times))]
    elements = list(largest[1].levels.values())[-1].instances
    macs = sum(entry.repeat * entry.layer.macs for entry in workload.layers)
    peak = 2.0 * elements / float(largest[1].cycle_time)
    notes = ["one array runs the layers, and the images, one after the other"]
    if area + links > budget.amount:
        over = percent((area + links) / budget.amount - 1)
        notes.append(f"its sizes are whole numbers: it is {over} larger than the budget")
    return ChipResult(
        design=design.name,
        budget=budget,
        crossbars=0,
        crossbars_used=0,
        tiles=0,
        chips=1,
        period=period,
        latency=latency,
        fill=latency,
        drain=0.0,
        energy=sum(energies.values()),
        area=area + links,
        peak_ops=peak,
        macs=macs,
        rows=0.0,
        columns=0.0,
        time=2.0 * macs / peak / period,
        bottleneck=largest[0].name if latency >= period else "link",
        area_by_part={"array": area, "link": links},
        energy_by_part=energies,
        layers=tuple(
            LayerShare(entry.name, 1, 0, time)
            for (entry, _), time in zip(layers, times, strict=True)
        ),
        notes=tuple(notes),
    )
