"""CMOS accelerators, mapped by the mapper: row-stationary (Eyeriss) and weight-stationary (Simba).

Each runs a transposed convolution in two ways: as the convolution over the zero-inserted map, zeros
stored and moved like any other value, or (`_split`) as the sub-convolutions of the computation
modes, one group of alike modes after the other, which is what software alone buys (TDC, Chang et
al., TCSVT 2020; split deconvolution, Xu et al., TCSVT 2021).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from red_timeloop import resources
from red_timeloop.components.tables import price, stage
from red_timeloop.decomposition import decompose
from red_timeloop.designs.evaluate import Clock, Counts, DesignResult, LevelTotal, Run
from red_timeloop.designs.parts import channel_sizes
from red_timeloop.designs.plan import MappedPlan
from red_timeloop.designs.ranks import gather_problem, modes, pixels, taps
from red_timeloop.engines.result import EngineResult
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer, TransposedConv
from red_timeloop.mapper.padding import divisible
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import (
    ArtTable,
    Constraints,
    DataSpace,
    FactorConstraint,
    Problem,
    Specification,
)

__all__ = ["ARRAYS", "CmosArray", "evaluate_layer"]

BUDGET = 20_000  # mappings tried for each problem
_FILE_NODE = 65e-9  # m, the node of the clocks in arch/*.yaml
_NEVER_PADDED = "NGTRSDAB"  # images, groups, kernel pixels and modes


@dataclass(frozen=True)
class CmosArray:
    """An accelerator: files `arch/NAME.yaml` and `mappings/NAME.yaml`.

    Attributes:
        name: Name of the files.
        clock: Length of a cycle at 65 nm in s.
        gates_zeros: Whether a zero input spares its MAC and its filter read.
        fan_outs: Variables of the array of PEs, which grow in the iso-area option.
        depths: Variables of the buffers, which grow likewise.
    """

    name: str
    clock: float
    gates_zeros: bool
    fan_outs: tuple[str, str]
    depths: tuple[str, ...]


ARRAYS = {
    "eyeriss": CmosArray(
        "eyeriss",
        5.0e-9,
        True,
        ("pe_columns", "pe_rows"),
        ("input_buffer_depth", "output_buffer_depth"),
    ),
    "simba": CmosArray(
        "simba", 4.0625e-9, False, ("pe_columns", "pe_rows"), ("global_buffer_depth",)
    ),
}


@dataclass(frozen=True)
class _Task:
    """A problem and the share of its inputs that are real pixels."""

    name: str
    problem: Problem
    active: Fraction


def evaluate_layer(
    design: str,
    array: CmosArray,
    split: bool,
    layer: Layer,
    hardware: Hardware,
    run: Run,
    target_area: float | None = None,
) -> DesignResult:
    """Map `layer` on an array as well as the mapper can, and evaluate it.

    Operands have the layer's bits, as on the ReRAM designs; node, supply and gate delay are those
    of `hardware`'s circuit.

    Args:
        design: Name of the design.
        array: The accelerator.
        split: Whether a transposed convolution runs as its sub-convolutions.
        layer: The layer.
        hardware: The parameter set.
        run: An engine's `evaluate_specification`.
        target_area: Area in m^2 that the array is scaled to; its own size when None.

    Raises:
        InputError: The layer computes nothing, or no mapping fits the array.
    """
    variables = _variables(array, layer, hardware)
    notes = [f"{array.name}: {variables['technology']}, {1e-6 / _cycle(array, hardware):.0f} MHz"]
    if target_area is not None:
        variables = _scaled(array, variables, hardware, target_area)
        grid = "x".join(str(variables[name]) for name in array.fan_outs)
        notes.append(f"{grid} processing elements, for the area of RED")
    tasks = _split_tasks(layer) if split else [_dense_task(layer)]
    levels: dict[str, LevelTotal] = {}
    runs: list[tuple[str, Specification]] = []
    cycles = computes = 0
    for task in tasks:
        specification, result, padded = _best(array, task, variables, hardware, run)
        notes += padded
        runs.append((task.name, specification))
        cycles += result.cycles
        computes += result.computes
        for name, total in _totals(specification, result):
            levels[name] = levels.get(name, LevelTotal(stage=total.stage)) + total
    levels = {name: replace(total, **_once(total, len(tasks))) for name, total in levels.items()}
    return DesignResult(
        plan=MappedPlan(
            design=design,
            layer=layer,
            hardware=hardware,
            architecture=array.name,
            modes=sum(math.prod(g.modes_per_axis) for g in decompose(layer).groups) if split else 1,
            steps=cycles,
            notes=tuple(dict.fromkeys(notes)),
            runs=tuple(runs),
        ),
        engine=result.engine,
        cycles=cycles,
        computes=computes,
        step_time=Clock(_cycle(array, hardware)),
        levels=levels,
        programming_energy=0.0,
        programming_time=0.0,
    )


def _once(total: LevelTotal, runs: int) -> dict[str, Any]:
    """The runs share one machine: its area and instances count once."""
    return {"area": total.area / runs, "instances": total.instances // runs}


def _cycle(array: CmosArray, hardware: Hardware) -> float:
    """Return the length of a cycle in s; it follows the gate delay, which follows the node."""
    return array.clock * float(hardware.circuit.technology_node_m) / _FILE_NODE


def _variables(array: CmosArray, layer: Layer, hardware: Hardware) -> dict[str, int | float | str]:
    accumulator = 8 * math.ceil((layer.input_bits + layer.weight_bits + 8) / 8)
    return {
        "technology": f"{hardware.circuit.technology_node_m * 1e9!r}nm",
        "global_cycle_seconds": _cycle(array, hardware),
        "input_bits": max(layer.input_bits, layer.weight_bits),
        "accumulator_bits": accumulator,
    }


def _scaled(
    array: CmosArray,
    variables: Mapping[str, int | float | str],
    hardware: Hardware,
    target_area: float,
) -> dict[str, int | float | str]:
    """Return the variables of an array of about `target_area`: PEs and buffers grow alike."""
    base = _read(array, variables, None)
    own = _area(base, price(base.architecture, hardware.circuit)[1])
    factor = target_area / own
    scaled = dict(variables)
    for name in array.fan_outs:
        scaled[name] = max(1, round(int(str(base.variables[name])) * math.sqrt(factor)))
    for name in array.depths:
        scaled[name] = max(16, round(int(str(base.variables[name])) * factor))
    return scaled


def _area(specification: Specification, art: ArtTable) -> float:
    levels = specification.architecture.levels
    return float(sum(art.areas[level.name] * level.instances for level in levels))


def _read(
    array: CmosArray,
    variables: Mapping[str, int | float | str],
    problem: Problem | None,
) -> Specification:
    files = [resources.path(f"arch/{array.name}.yaml")]
    if problem is None:
        return read_specification(files, variables=variables)
    # The constraints are written for a 2-D problem; those on ranks that are not there say nothing.
    files.append(resources.path(f"mappings/{array.name}.yaml"))
    spaces = tuple(DataSpace(s.name, (), s.read_write) for s in problem.data_spaces)
    planar = Problem("planar", tuple("NCMRSPQ"), dict.fromkeys("NCMRSPQ", 1), spaces)
    specification = read_specification(files, variables=variables, problem=planar)
    levels = {}
    for name, found in specification.constraints.levels.items():
        kept = {
            kind: replace(loops, factors=_known(loops.factors, problem))
            for kind, loops in (("temporal", found.temporal), ("spatial", found.spatial))
        }
        levels[name] = replace(found, temporal=kept["temporal"], spatial=kept["spatial"])
    return replace(specification, problem=problem, constraints=Constraints(levels))


def _known(factors: tuple[FactorConstraint, ...], problem: Problem) -> tuple[FactorConstraint, ...]:
    return tuple(each for each in factors if each.dimension in problem.dimensions)


def _dense_task(layer: Layer) -> _Task:
    """Return the convolution over the (zero-inserted) map."""
    stride = (1,) * layer.ndim if isinstance(layer, TransposedConv) else layer.stride
    return _task(layer, layer.kernel_size, (), layer.output_size, stride, layer.dilation)


def _split_tasks(layer: Layer) -> list[_Task]:
    """Return one convolution for each group of alike modes."""
    if not isinstance(layer, TransposedConv):
        return [_dense_task(layer)]
    groups = decompose(layer).groups
    if not groups:
        raise InputError(
            "no kernel pixel reaches an output pixel, so there is nothing to map",
            key=layer.name or "layer",
        )
    tasks = [
        _task(
            layer,
            group.taps_per_axis,
            group.modes_per_axis,
            group.output_count_per_axis,
            (1,) * layer.ndim,
            group.tap_stride_per_axis,
        )
        for group in groups
    ]
    computes = sum(task.problem.operations for task in tasks)
    share = Fraction(layer.macs, computes)
    return [replace(task, active=share) for task in tasks]


def _task(
    layer: Layer,
    kernel: tuple[int, ...],
    mode_counts: tuple[int, ...],
    outputs: tuple[int, ...],
    pixel_stride: tuple[int, ...],
    tap_stride: tuple[int, ...],
) -> _Task:
    ndim = layer.ndim
    sizes = {
        **channel_sizes(layer),
        **dict(zip(taps(ndim), kernel, strict=True)),
        **dict(zip(modes(ndim), mode_counts, strict=False)),
        **dict(zip(pixels(ndim), outputs, strict=True)),
    }
    shape = "sub_convolution" if mode_counts else "convolution"
    problem = gather_problem(shape, sizes, ndim, pixel_stride, tap_stride)
    name = "taps " + "x".join(map(str, kernel))
    return _Task(name, problem, Fraction(layer.macs, problem.operations))


def _best(
    array: CmosArray,
    task: _Task,
    variables: Mapping[str, int | float | str],
    hardware: Hardware,
    run: Run,
) -> tuple[Specification, EngineResult, list[str]]:
    """Return the best of the problem as it is and with its awkward sizes padded."""
    from red_timeloop.mapper.run import search_specification

    found: list[tuple[float, Specification, list[str]]] = []
    reasons: list[InputError] = []
    for problem in _variants(task.problem, array, variables):
        active = task.active * Fraction(task.problem.operations, problem.operations)
        share = {"active_share": float(active)} if array.gates_zeros else {}
        specification = _read(array, {**variables, **share}, problem)
        cycle = float(variables["global_cycle_seconds"])
        ert, art = price(specification.architecture, hardware.circuit, cycle)
        specification = replace(specification, ert=ert, art=art)
        try:
            mapping, _, report = search_specification(
                specification, budget=BUDGET, interruptible=False
            )
        except InputError as error:
            reasons.append(error)
            continue
        specification = replace(specification, mapping=mapping)
        found.append((report.value, specification, _padding_notes(task.problem, problem)))
    if not found:
        raise reasons[0]
    _, specification, notes = min(found, key=lambda each: each[0])
    return specification, run(specification), notes


def _variants(
    problem: Problem, array: CmosArray, variables: Mapping[str, int | float | str]
) -> list[Problem]:
    """Return the problem, and with sizes rounded up to numbers that divide better.

    Channels and pixels get small prime factors; further, output channels become a multiple of the
    columns' odd part and input channels one of the rows', so that they can fill the array.
    """
    base = _read(array, variables, None).variables
    columns, rows = (_odd_part(int(str(base[name]))) for name in array.fan_outs)
    smooth = {
        name: size if name in _NEVER_PADDED else divisible(size, 1)
        for name, size in problem.sizes.items()
    }
    filling = {**smooth, "C": divisible(smooth["C"], rows), "M": divisible(smooth["M"], columns)}
    found = [problem]
    for sizes in (smooth, filling):
        padded = replace(problem, sizes=sizes)
        if padded not in found:
            found.append(padded)
    return found


def _odd_part(number: int) -> int:
    return number // (number & -number)


def _padding_notes(before: Problem, after: Problem) -> list[str]:
    return [
        f"{name}: {before.sizes[name]} padded to {after.sizes[name]} to divide over the array"
        for name in before.dimensions
        if before.sizes[name] != after.sizes[name]
    ]


def _totals(specification: Specification, result: EngineResult) -> list[tuple[str, LevelTotal]]:
    assert specification.art is not None
    totals = []
    for level in specification.architecture.levels:
        if level.kind == "spatial":
            continue
        reported = result.levels[level.name]
        spaces = {name: Counts.of(space) for name, space in reported.data_spaces.items()}
        area = specification.art.areas[level.name] * level.instances
        totals.append(
            (
                level.name,
                LevelTotal(level.instances, reported.energy, area, spaces, stage(level)),
            )
        )
    return totals
