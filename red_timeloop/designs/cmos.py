"""CMOS accelerators, mapped by the mapper: row-stationary (Eyeriss) and weight-stationary (Simba).

Each runs a transposed convolution in two ways: as the convolution over the zero-inserted map, zeros
stored and moved like any other value, or (`_split`) as the sub-convolutions of the computation
modes, one group of alike modes after the other, which is what software alone buys (TDC, Chang et
al., TCSVT 2020; split deconvolution, Xu et al., TCSVT 2021).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from red_timeloop import resources
from red_timeloop.components.registry import parse_technology
from red_timeloop.components.tables import price
from red_timeloop.decomposition import decompose
from red_timeloop.designs.gather import channel_sizes
from red_timeloop.designs.lanes import Lane
from red_timeloop.designs.modes import mode_count
from red_timeloop.designs.plan import Part, Plan
from red_timeloop.designs.ranks import gather_problem, modes, pixels, taps
from red_timeloop.designs.specification import CONSTANTS, sizes_as_variables
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.mapper.padding import divisible
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import Problem, Specification, Value

__all__ = ["CMOS_DESIGNS", "ArraySizes", "CmosDesign"]

_NOT_THE_ARRAYS = (*CONSTANTS, "input_bits", "accumulator_bits", "active_share")
_NEVER_PADDED = "NGTRSDAB"  # images, groups, kernel pixels and modes


@dataclass(frozen=True)
class ArraySizes:
    """The variables of a CMOS array.

    Attributes:
        input_bits: Bits of an operand.
        accumulator_bits: Bits of a sum.
        active_share: Share of the inputs that are real, where a zero gates what it meets; None on
            an array that gates nothing.
        array: The array's own variables (processing elements, rows of buffers) by name.
    """

    input_bits: int
    accumulator_bits: int
    active_share: float | None
    array: Mapping[str, Value]


@dataclass(frozen=True)
class CmosDesign:
    """A way to run a transposed convolution on a CMOS accelerator, as well as it can be mapped.

    Operands have the layer's bits, as on the ReRAM designs; node, supply and gate delay are those
    of the parameter set's circuit. The clock is the architecture's, moved with the node.

    Attributes:
        name: Name in commands, files and results.
        summary: What it does, in one line.
        architecture: Its Timeloop architecture. Where it has a variable `active_share`, a zero
            input spares its MAC and its filter read.
        constraints: The constraints on its mappings.
        split: Whether it runs the sub-convolutions instead of the zero-inserted map.
        fan_outs: Variables of the array's columns and rows, which grow when it is scaled.
        depths: Variables of the buffers, which grow likewise.
        area: Area in m^2 to scale the accelerator to; its own size when None.
        label: Name in pictures; the name in words if empty.
        colour: Colour in pictures, `#rrggbb`; one that is free if empty.
    """

    name: str
    summary: str
    architecture: Path
    constraints: Path | None
    split: bool
    fan_outs: tuple[str, str]
    depths: tuple[str, ...]
    area: float | None = None
    label: str = ""
    colour: str = ""

    def __post_init__(self) -> None:
        # the dataclass is frozen; this is its construction
        object.__setattr__(self, "label", self.label or self.name.replace("_", " "))

    @property
    def assumption(self) -> str:
        """What the numbers rest on."""
        size = "their published size" if self.area is None else "the area of RED, layer by layer"
        return (
            f"{size}; operand bits, node and supply of the ReRAM designs; "
            "mapped for energy times delay; DRAM counted, wires between PEs not."
        )

    def plan(self, layer: Layer, hardware: Hardware) -> Plan:
        """Turn `layer` into the problems that are mapped, one after the other."""
        file = read_specification(self.architecture).variables
        array = {name: value for name, value in file.items() if name not in _NOT_THE_ARRAYS}
        clock = float(str(file["global_cycle_seconds"]))
        clock = clock * float(hardware.circuit.technology_node_m)
        clock = clock / parse_technology(file["technology"])
        sizes = ArraySizes(
            input_bits=max(layer.input_bits, layer.weight_bits),
            accumulator_bits=8 * math.ceil((layer.input_bits + layer.weight_bits + 8) / 8),
            active_share=1.0 if "active_share" in file else None,
            array=array,
        )
        node = f"{hardware.circuit.technology_node_m * 1e9!r}nm"
        notes = [f"{self.architecture.stem}: {node}, {1e-6 / clock:.0f} MHz"]
        if self.area is not None:
            sizes = replace(sizes, array={**array, **self._scaled(sizes, hardware, clock)})
            grid = "x".join(str(sizes.array[name]) for name in self.fan_outs)
            notes.append(f"{grid} processing elements, for the area of RED")
        decomposition = decompose(layer)
        return Plan(
            layer,
            hardware,
            tuple(self._part(task, sizes) for task in _tasks(layer, self.split)),
            modes=mode_count(decomposition) if self.split else 1,
            steps=None,
            order="in_turn",
            clock=clock,
            notes=tuple(notes),
            architecture=self.architecture,
            constraints=self.constraints,
        )

    def lanes(self, plan: Plan) -> tuple[Lane, ...]:
        """Return (): there are no crossbars to execute."""
        return ()

    def scaled(self, area: float) -> CmosDesign:
        """Return the design at about `area` m^2: processing elements and buffers grow alike."""
        return replace(self, area=area)

    def _scaled(self, sizes: ArraySizes, hardware: Hardware, clock: float) -> dict[str, Value]:
        variables = {
            **sizes_as_variables(sizes),
            "technology": f"{hardware.circuit.technology_node_m * 1e9!r}nm",
            "global_cycle_seconds": clock,
        }
        own = read_specification(self.architecture, variables=variables)
        assert self.area is not None
        factor = self.area / _area(own, hardware)
        grown: dict[str, Value] = {
            name: max(1, round(int(str(sizes.array[name])) * math.sqrt(factor)))
            for name in self.fan_outs
        }
        return grown | {
            name: max(16, round(int(str(sizes.array[name])) * factor)) for name in self.depths
        }

    def _part(self, task: _Task, sizes: ArraySizes) -> Part:
        """Return a part for the mapper, as it is and with sizes rounded up that divide better."""
        columns, rows = (_odd_part(int(str(sizes.array[name]))) for name in self.fan_outs)
        ways = [_way(task, problem, sizes) for problem in _paddings(task.problem, columns, rows)]
        return replace(ways[0], alternatives=tuple(ways[1:]))


@dataclass(frozen=True)
class _Task:
    """A problem and the share of its inputs that are real pixels."""

    name: str
    problem: Problem
    active: Fraction


def _way(task: _Task, problem: Problem, sizes: ArraySizes) -> Part:
    active = task.active * Fraction(task.problem.operations, problem.operations)
    if sizes.active_share is not None:
        sizes = replace(sizes, active_share=float(active))
    notes = tuple(
        f"{name}: {task.problem.sizes[name]} padded to {size} to divide over the array"
        for name, size in problem.sizes.items()
        if size != task.problem.sizes[name]
    )
    return Part(task.name, "all", problem, sizes, None, notes=notes)


def _area(specification: Specification, hardware: Hardware) -> float:
    art = price(specification.architecture, hardware.circuit)[1]
    levels = specification.architecture.levels
    return float(sum(art.areas[level.name] * level.instances for level in levels))


def _tasks(layer: Layer, split: bool) -> Iterator[_Task]:
    """Yield the convolution over the (zero-inserted) map, or one for each group of alike modes."""
    if not split or not layer.transposed:
        stride = (1,) * layer.ndim if layer.transposed else layer.stride
        sizes = (layer.kernel_size, (), layer.output_size)
        problem = _convolution(layer, *sizes, stride, layer.dilation)
        yield _Task(_name(layer.kernel_size), problem, Fraction(layer.macs, problem.operations))
        return
    groups = decompose(layer).groups
    problems = [
        _convolution(
            layer,
            group.taps_per_axis,
            group.modes_per_axis,
            group.output_count_per_axis,
            (1,) * layer.ndim,
            group.tap_stride_per_axis,
        )
        for group in groups
    ]
    computes = sum(problem.operations for problem in problems)
    for group, problem in zip(groups, problems, strict=True):
        yield _Task(_name(group.taps_per_axis), problem, Fraction(layer.macs, computes))


def _name(kernel: tuple[int, ...]) -> str:
    return "taps " + "x".join(map(str, kernel))


def _convolution(
    layer: Layer,
    kernel: tuple[int, ...],
    mode_counts: tuple[int, ...],
    outputs: tuple[int, ...],
    pixel_stride: tuple[int, ...],
    tap_stride: tuple[int, ...],
) -> Problem:
    ndim = layer.ndim
    sizes = {
        **channel_sizes(layer),
        **dict(zip(taps(ndim), kernel, strict=True)),
        **dict(zip(modes(ndim), mode_counts, strict=False)),
        **dict(zip(pixels(ndim), outputs, strict=True)),
    }
    shape = "sub_convolution" if mode_counts else "convolution"
    return gather_problem(shape, sizes, ndim, pixel_stride, tap_stride)


def _paddings(problem: Problem, columns: int, rows: int) -> list[Problem]:
    """Return the problem, and with sizes rounded up to numbers that divide better.

    Channels and pixels get small prime factors; further, output channels become a multiple of the
    columns' odd part and input channels one of the rows', so that they can fill the array.
    """
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


def _pair(name: str, kind: str, depths: tuple[str, ...]) -> tuple[CmosDesign, CmosDesign]:
    """Return the design that runs the zero-inserted map, and the one that splits."""
    dense = CmosDesign(
        name=name,
        summary=f"a {kind} CMOS array, zeros inserted",
        architecture=resources.path(f"arch/{name}.yaml"),
        constraints=resources.path(f"mappings/{name}.yaml"),
        split=False,
        fan_outs=("pe_columns", "pe_rows"),
        depths=depths,
    )
    split = replace(
        dense,
        name=f"{name}_split",
        summary="the same array, sub-convolutions",
        split=True,
        label="",
    )
    return dense, split


CMOS_DESIGNS = (
    *_pair("eyeriss", "row-stationary", ("input_buffer_depth", "output_buffer_depth")),
    *_pair("simba", "weight-stationary", ("global_buffer_depth",)),
)
