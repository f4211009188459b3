"""The designs by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from red_timeloop.designs import cmos, mapped, padding_free, red, split_kernel, zero_padding
from red_timeloop.designs.evaluate import DesignResult, Run, evaluate
from red_timeloop.designs.plan import Plan
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer, TransposedConv

__all__ = ["AnyDesign", "CmosDesign", "Design", "all_names", "get", "names"]


@dataclass(frozen=True)
class Design:
    """A way to run a transposed convolution on ReRAM crossbars.

    Attributes:
        name: Name in commands, files and results.
        summary: What it does, in one line.
        transposed: Maps a transposed convolution.
    """

    name: str
    summary: str
    transposed: Callable[[TransposedConv, Hardware], Plan]

    def plan(self, layer: Layer, hardware: Hardware) -> Plan:
        """Turn `layer` into the evaluations that say what it costs on this design.

        Raises:
            InputError: The hardware cannot hold the layer, or the layer computes nothing.
        """
        if not isinstance(layer, TransposedConv):
            return zero_padding.plan_convolution(self.name, layer, hardware)
        return self.transposed(layer, hardware)

    def evaluate(self, layer: Layer, hardware: Hardware, run: Run) -> DesignResult:
        """Evaluate `layer` with an engine's `run`; raises as `plan` does."""
        return evaluate(self.plan(layer, hardware), run)

    def evaluate_mapped(
        self, layer: Layer, hardware: Hardware, run: Run, crossbars: int
    ) -> DesignResult:
        """Evaluate `layer`, what the design leaves open chosen; see `designs.mapped`."""
        return mapped.evaluate_mapped(self, layer, hardware, run, crossbars)


@dataclass(frozen=True)
class CmosDesign:
    """A way to run a transposed convolution on a CMOS accelerator, as well as it can be mapped.

    Attributes:
        name: Name in commands, files and results.
        summary: What it does, in one line.
        array: The accelerator.
        split: Whether it runs the sub-convolutions instead of the zero-inserted map.
        area: Area in m^2 to scale the accelerator to; its own size when None.
    """

    name: str
    summary: str
    array: cmos.CmosArray
    split: bool
    area: float | None = None

    def evaluate(self, layer: Layer, hardware: Hardware, run: Run) -> DesignResult:
        """Map and evaluate `layer`; see `red_timeloop.designs.cmos.evaluate_layer`."""
        return cmos.evaluate_layer(
            self.name, self.array, self.split, layer, hardware, run, self.area
        )


AnyDesign: TypeAlias = Design | CmosDesign

_DESIGNS = (
    Design("red", "a sub-crossbar per kernel pixel, all modes side by side", red.plan),
    Design("zero_padding", "a convolution over the zero-inserted map", zero_padding.plan),
    Design(
        "padding_free", "all kernel pixels at once, overlapping outputs added", padding_free.plan
    ),
    Design("split_kernel", "a dense matrix per mode on a plain PIM", split_kernel.plan),
)


_CMOS_DESIGNS = (
    CmosDesign(
        "eyeriss", "a row-stationary CMOS array, zeros inserted", cmos.ARRAYS["eyeriss"], False
    ),
    CmosDesign("eyeriss_split", "the same array, sub-convolutions", cmos.ARRAYS["eyeriss"], True),
    CmosDesign(
        "simba", "a weight-stationary CMOS array, zeros inserted", cmos.ARRAYS["simba"], False
    ),
    CmosDesign("simba_split", "the same array, sub-convolutions", cmos.ARRAYS["simba"], True),
)


def names() -> tuple[str, ...]:
    """Return the names of the ReRAM designs, which have a fixed mapping.

    >>> names()
    ('red', 'zero_padding', 'padding_free', 'split_kernel')
    """
    return tuple(design.name for design in _DESIGNS)


def all_names() -> tuple[str, ...]:
    """Return the names of all designs: the ReRAM designs, then those the mapper maps.

    >>> all_names()[4:]
    ('eyeriss', 'eyeriss_split', 'simba', 'simba_split')
    """
    return names() + tuple(design.name for design in _CMOS_DESIGNS)


def get(name: str) -> AnyDesign:
    """Return the design called `name`.

    Raises:
        InputError: There is none; lists those there are.
    """
    for design in (*_DESIGNS, *_CMOS_DESIGNS):
        if design.name == name:
            return design
    raise InputError(f"unknown design {name!r}", key="design", legal=all_names())
