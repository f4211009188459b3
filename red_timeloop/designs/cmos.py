"""Accelerators of convolutions, mapped by the mapper: the shipped arrays and any of a user's own.

Each runs a transposed convolution in two ways: as the convolution over the zero-inserted map, or
(`_split`) as the sub-convolutions of the computation modes, one after the other, which is what
software alone buys. What is special about one stands in its Timeloop files:

* the variable `parameters`: node, supply and operand bits are those of the parameter set that all
  designs share, and the clock moves with the node; without it all of them are what the files say;
* the variable `active_share`: the share of the inputs that are real, where the array gates zeros
  by itself and no sparse optimizations say what it does;
* the key `scaled_ignored_by_timeloop: {fan_outs: [...], depths: [...]}`: the variables that grow
  when the accelerator is scaled to an area;
* sparse optimizations: the density of `Inputs` is exactly the share of real pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from red_timeloop import resources
from red_timeloop.components.registry import parse_technology
from red_timeloop.decomposition import decompose
from red_timeloop.designs.constraints import ANY_LAYER
from red_timeloop.designs.convolutions import Convolution, convolutions
from red_timeloop.designs.lanes import Lane
from red_timeloop.designs.modes import mode_count
from red_timeloop.designs.plan import Part, Plan
from red_timeloop.designs.specification import CONSTANTS, sizes_as_variables, tables
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.mapper.padding import divisible
from red_timeloop.spec.loader import load_file
from red_timeloop.spec.reader import read_specification, specification_files
from red_timeloop.spec.sparsity import Density
from red_timeloop.spec.types import Problem, Specification, Value

__all__ = ["CMOS_DESIGNS", "ArraySizes", "CmosDesign", "variants"]

_NOT_THE_ARRAYS = (*CONSTANTS, "input_bits", "accumulator_bits", "active_share")
_SCALED = "scaled_ignored_by_timeloop"
_CYCLE = 1e-9  # s, where the files say none: what the public exercises set
_SPARSE = "density of Inputs: the share of real pixels, fixed structured; mapped as dense tensors"
_NEVER_PADDED = "NGTRS"  # images, groups and kernel pixels


@dataclass(frozen=True)
class ArraySizes:
    """The variables of a CMOS array.

    Attributes:
        input_bits: Bits of an operand; None where the files say them.
        accumulator_bits: Bits of a sum; likewise.
        active_share: Share of the inputs that are real, where a zero gates what it meets; None on
            an array that gates nothing.
        array: The array's own variables (processing elements, rows of buffers) by name.
    """

    input_bits: int | None
    accumulator_bits: int | None
    active_share: float | None
    array: Mapping[str, Value]


@dataclass(frozen=True)
class CmosDesign:
    """A way to run a transposed convolution on an accelerator, as well as it can be mapped.

    Attributes:
        name: Name in commands, files and results.
        summary: What it does, in one line.
        architecture: Its Timeloop architecture: a file, a template, or a folder of them.
        constraints: The constraints on its mappings that are not in there.
        split: Whether it runs the sub-convolutions instead of the zero-inserted map.
        jinja: Data of the templates, as pairs.
        estimator: Who prices it where the parameter set does not; see `engines.pricing`.
        area: Area in m^2 to scale the accelerator to; its own size when None.
        label: Name in pictures; the name in words if empty.
        colour: Colour in pictures, `#rrggbb`; one that is free if empty.
    """

    name: str
    summary: str
    architecture: Path
    constraints: Path | None = None
    split: bool = False
    jinja: tuple[tuple[str, Any], ...] = ()
    estimator: str = "auto"
    area: float | None = None
    label: str = ""
    colour: str = ""

    def __post_init__(self) -> None:
        # the dataclass is frozen; this is its construction
        object.__setattr__(self, "label", self.label or self.name.replace("_", " "))

    @property
    def assumption(self) -> str:
        """What the numbers rest on."""
        size = "the area of RED, layer by layer"
        shared = "parameters" in self.read().variables
        if self.area is None:
            size = (
                "their published size" if shared else "sizes, bits, node and clock of their files"
            )
        bits = "; operand bits, node and supply of the ReRAM designs" if shared else ""
        counted = "; DRAM counted, wires between PEs not" if shared else ""
        return f"{size}{bits}; mapped for {self._objective}{counted}."

    @property
    def _objective(self) -> str:
        objective = self.read().objective or "edp"
        return {"edp": "energy times delay"}.get(objective, objective)

    def read(self, variables: Mapping[str, Value] | None = None) -> Specification:
        """Return what its files say, without a problem and with other values of `variables`.

        Raises:
            InputError: They are not legal, or about ranks that no convolution has.
        """
        data = dict(self.jinja)
        return read_specification(
            self.architecture, variables=variables, jinja=data, unmapped=True, problem=ANY_LAYER
        )

    def plan(self, layer: Layer, hardware: Hardware) -> Plan:
        """Turn `layer` into the problems that are mapped, one after the other."""
        read = self.read()
        shared = "parameters" in read.variables
        own = _shared(read, layer, hardware) if shared else _as_written(read, hardware)
        sizes, clock, notes = own
        notes = (f"{self._title}: {notes[0]}", *notes[1:], *read.notes)
        if self.area is not None:
            grown = self._scaled(sizes, hardware, clock)
            sizes = replace(sizes, array={**sizes.array, **grown})
            grid = "x".join(str(sizes.array[name]) for name in list(grown)[:2])
            notes = (*notes, f"{grid} processing elements, for the area of RED")
        machine = self.read(sizes_as_variables(sizes))
        if machine.architecture.sparse:
            notes = (*notes, _SPARSE)
        parts = convolutions(layer, split=self.split)
        return Plan(
            layer,
            hardware,
            tuple(_part(each, layer, parts, sizes, machine) for each in parts),
            modes=mode_count(decompose(layer)) if self.split else 1,
            steps=None,
            order="in_turn",
            clock=clock,
            notes=notes,
            architecture=self.architecture,
            constraints=self.constraints,
            jinja=self.jinja,
            estimator=None if shared else self.estimator,
        )

    def lanes(self, plan: Plan) -> tuple[Lane, ...]:
        """Return (): there are no crossbars to execute."""
        return ()

    def scaled(self, area: float) -> CmosDesign:
        """Return the design at about `area` m^2: processing elements and buffers grow alike."""
        return replace(self, area=area)

    @property
    def _title(self) -> str:
        return self.name.removesuffix("_split") if self.split else self.name

    def _scaled(self, sizes: ArraySizes, hardware: Hardware, clock: float) -> dict[str, Value]:
        """Return the variables that grow, fan-outs first, at their new sizes."""
        fan_outs, depths = self._growing(sizes)
        node = f"{hardware.circuit.technology_node_m * 1e9!r}nm"
        constants: dict[str, Value] = {"technology": node, "global_cycle_seconds": clock}
        read = self.read({**constants, **sizes_as_variables(sizes)})
        shared = "parameters" in read.variables
        art = tables(read, hardware.circuit if shared else self.estimator)[1]
        levels = read.architecture.levels
        assert self.area is not None
        factor = self.area / float(sum(art.areas[x.name] * x.instances for x in levels))
        grown: dict[str, Value] = {
            name: max(1, round(int(str(sizes.array[name])) * math.sqrt(factor)))
            for name in fan_outs
        }
        return grown | {
            name: max(16, round(int(str(sizes.array[name])) * factor)) for name in depths
        }

    def _growing(self, sizes: ArraySizes) -> tuple[list[str], list[str]]:
        """Return the variables of the array's columns and rows, and of the buffers."""
        found: dict[str, list[str]] = {}
        for file in specification_files(self.architecture):
            found |= load_file(file, dict(self.jinja)).get(_SCALED) or {}
        fan_outs, depths = found.get("fan_outs", []), found.get("depths", [])
        legal = [name for name, value in sizes.array.items() if isinstance(value, int)]
        if len(fan_outs) != 2 or not set(fan_outs + depths) <= set(legal):
            raise InputError(
                "which variables grow with the area is not said",
                file=self.architecture,
                key=_SCALED,
                legal=f"{{fan_outs: [COLUMNS, ROWS], depths: [...]}} of {', '.join(legal)}",
            )
        return fan_outs, depths


def variants(dense: CmosDesign) -> tuple[CmosDesign, CmosDesign]:
    """Return a design that runs the zero-inserted map, and the same array with sub-convolutions."""
    split = replace(
        dense,
        name=f"{dense.name}_split",
        summary="the same array, sub-convolutions",
        split=True,
        label="",
        colour="",
    )
    return dense, split


def _shared(
    read: Specification, layer: Layer, hardware: Hardware
) -> tuple[ArraySizes, float, tuple[str, ...]]:
    """Return sizes, clock [s] and notes of an array that is moved to the parameter set's node."""
    file, node = read.variables, float(hardware.circuit.technology_node_m)
    clock = float(str(file["global_cycle_seconds"])) * node / parse_technology(file["technology"])
    sizes = ArraySizes(
        input_bits=max(layer.input_bits, layer.weight_bits),
        accumulator_bits=8 * math.ceil((layer.input_bits + layer.weight_bits + 8) / 8),
        active_share=1.0 if "active_share" in file else None,
        array={name: value for name, value in file.items() if name not in _NOT_THE_ARRAYS},
    )
    return sizes, clock, (f"{node * 1e9!r}nm, {1e-6 / clock:.0f} MHz",)


def _as_written(
    read: Specification, hardware: Hardware
) -> tuple[ArraySizes, float, tuple[str, ...]]:
    """Return sizes, clock [s] and notes of an array that is what its files say it is."""
    file, notes = dict(read.variables), []
    node = f"{hardware.circuit.technology_node_m * 1e9!r}nm"
    for name, value in (("global_cycle_seconds", _CYCLE), ("technology", node)):
        if name not in file:
            file[name] = value
            notes.append(f"no variable {name} in its files: {value} where nothing else is said")
    clock = float(str(file["global_cycle_seconds"]))
    active = 1.0 if file.pop("active_share", None) is not None else None
    sizes = ArraySizes(input_bits=None, accumulator_bits=None, active_share=active, array=file)
    return sizes, clock, (f"{1e-6 / clock:.0f} MHz", *notes)


def _part(
    convolution: Convolution,
    layer: Layer,
    parts: tuple[Convolution, ...],
    sizes: ArraySizes,
    machine: Specification,
) -> Part:
    """Return a part for the mapper, as it is and with sizes rounded up that divide better."""
    levels = machine.architecture.levels
    columns = _odd_part(math.prod(level.mesh_x for level in levels if level.kind == "spatial"))
    rows = _odd_part(math.prod(level.mesh_y for level in levels if level.kind == "spatial"))
    computes = sum(each.problem.operations for each in parts)
    active = Fraction(layer.macs, computes)
    ways = [
        _way(replace(convolution, problem=problem), convolution.problem, active, sizes, machine)
        for problem in _paddings(convolution.problem, columns, rows)
    ]
    return replace(ways[0], alternatives=tuple(ways[1:]))


def _way(
    way: Convolution,
    given: Problem,
    active: Fraction,
    sizes: ArraySizes,
    machine: Specification,
) -> Part:
    problem = way.problem
    sparse = machine.architecture.sparse
    if sizes.active_share is not None and not sparse:  # what is sparse says itself what is gated
        share = active * Fraction(given.operations, problem.operations)
        sizes = replace(sizes, active_share=float(share))
    if sparse:
        density = Density("fixed_structured", way.real_inputs / way.input_points)
        problem = replace(problem, densities={"Inputs": density})
    notes = tuple(
        f"{name}: {given.sizes[name]} padded to {size} to divide over the array"
        for name, size in problem.sizes.items()
        if size != given.sizes[name]
    )
    return Part(way.name, "all", problem, sizes, None, notes=notes)


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


def _shipped(name: str, summary: str) -> CmosDesign:
    array = name.partition("_")[0]
    files = resources.path(f"arch/{name}.yaml"), resources.path(f"mappings/{array}.yaml")
    return CmosDesign(name, summary, *files)


CMOS_DESIGNS = (
    *variants(_shipped("eyeriss", "a row-stationary CMOS array, zeros inserted")),
    *variants(_shipped("simba", "a weight-stationary CMOS array, zeros inserted")),
    _shipped("eyeriss_gated", "eyeriss, MACs and sums gated by Sparseloop's statistics"),
    _shipped("eyeriss_skip", "eyeriss, inserted zeros skipped by Sparseloop's statistics"),
    _shipped("simba_skip", "simba, inserted zeros skipped by Sparseloop's statistics"),
)
