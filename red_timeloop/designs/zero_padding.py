"""Zero padding: a convolution over the zero-inserted map, the usual way and the baseline.

An ordinary convolution is mapped in the same manner on every ReRAM design, so that whole networks
differ only where they should.
"""

from __future__ import annotations

import math

from red_timeloop.designs.parts import Gather, finish, gather_part
from red_timeloop.designs.plan import Plan
from red_timeloop.designs.real import Sweep
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer, TransposedConv

__all__ = ["plan", "plan_convolution"]


def plan(layer: TransposedConv, hardware: Hardware) -> Plan:
    """Map `layer` as one (K * C) x M matrix; one step for each output pixel.

    Inserted zeros are made at the row drivers: they cost no buffer access (unless
    `hardware.zeros_stored`) and conduct no current, but their rows are selected and their steps
    taken.
    """
    sweeps = tuple(
        Sweep(
            steps=layer.output_size[axis],
            # In the zero-inserted map, input pixel i stands at i * s: o = i * s + k * d - before.
            offsets=tuple(
                layer.padding[axis][0] - k * layer.dilation[axis]
                for k in reversed(range(layer.kernel_size[axis]))
            ),
            pixels=layer.input_size[axis],
            spacing=layer.stride[axis],
            tap_stride=layer.dilation[axis],
        )
        for axis in range(layer.ndim)
    )
    return _plan("zero_padding", layer, hardware, sweeps)


def plan_convolution(design: str, layer: Layer, hardware: Hardware) -> Plan:
    """Map an ordinary convolution as `design` does, which is the same on every ReRAM design."""
    sweeps = tuple(
        Sweep(
            steps=layer.output_size[axis],
            offsets=tuple(
                k * layer.dilation[axis] - layer.padding[axis][0]
                for k in range(layer.kernel_size[axis])
            ),
            pixels=layer.input_size[axis],
            stride=layer.stride[axis],
            tap_stride=layer.dilation[axis],
        )
        for axis in range(layer.ndim)
    )
    return _plan(design, layer, hardware, sweeps)


def _plan(design: str, layer: Layer, hardware: Hardware, sweeps: tuple[Sweep, ...]) -> Plan:
    gather = Gather(
        name="all taps",
        role="all",
        sweeps=sweeps,
        taps=layer.kernel_size,
        modes=None,
        taps_on="rows",
    )
    return Plan(
        design=design,
        layer=layer,
        hardware=hardware,
        architecture="zero_padding",
        parts=finish([gather_part(layer, hardware, gather)], math.prod(layer.kernel_size)),
        modes=1,
        steps=math.prod(layer.output_size),
    )
