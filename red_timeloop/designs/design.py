"""The designs by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from red_timeloop.designs import padding_free, red, split_kernel, zero_padding
from red_timeloop.designs.plan import Plan
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Conv, Layer, TransposedConv

__all__ = ["Design", "get", "names"]


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
        if isinstance(layer, Conv):
            return zero_padding.plan_convolution(self.name, layer, hardware)
        return self.transposed(layer, hardware)


_DESIGNS = (
    Design("red", "a sub-crossbar per kernel pixel, all modes side by side", red.plan),
    Design("zero_padding", "a convolution over the zero-inserted map", zero_padding.plan),
    Design(
        "padding_free", "all kernel pixels at once, overlapping outputs added", padding_free.plan
    ),
    Design("split_kernel", "a dense matrix per mode on a plain PIM", split_kernel.plan),
)


def names() -> tuple[str, ...]:
    """Return the names of the designs.

    >>> names()
    ('red', 'zero_padding', 'padding_free', 'split_kernel')
    """
    return tuple(design.name for design in _DESIGNS)


def get(name: str) -> Design:
    """Return the design called `name`.

    Raises:
        InputError: There is none; lists those there are.
    """
    for design in _DESIGNS:
        if design.name == name:
            return design
    raise InputError(f"unknown design {name!r}", key="design", legal=names())
