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
from red_timeloop.layer import Conv, Layer, TransposedConv

__all__ = ["plan", "plan_convolution"]


def plan(layer: TransposedConv, hardware: Hardware) -> Plan:
    """Map `layer` as one (K * C) x M matrix; one step for each output pixel.

    Inserted zeros are made at the row drivers: they cost no buffer access (unless
    `hardware.zeros_stored`) and conduct no current, but their rows are selected and their steps
    taken.
    """
    sweeps = tuple(
        Sweep(
            steps=out,
            # In the zero-inserted map, input pixel i stands at i * s: o = i * s + k * d - before.
            offsets=tuple(before - k * d for k in reversed(range(kernel))),
            pixels=pixels,
            spacing=stride,
            tap_stride=d,
        )
        for out, kernel, d, stride, (before, _), pixels in zip(
            layer.output_size,
            layer.kernel_size,
            layer.dilation,
            layer.stride,
            layer.padding,
            layer.input_size,
            strict=True,
        )
    )
    return _plan("zero_padding", layer, hardware, sweeps, "zero_padding")


def plan_convolution(design: str, layer: Conv, hardware: Hardware) -> Plan:
    """Map an ordinary convolution as `design` does, which is the same on every ReRAM design."""
    sweeps = tuple(
        Sweep(
            steps=out,
            offsets=tuple(k * d - before for k in range(kernel)),
            pixels=pixels,
            stride=stride,
            tap_stride=d,
        )
        for out, kernel, d, stride, (before, _), pixels in zip(
            layer.output_size,
            layer.kernel_size,
            layer.dilation,
            layer.stride,
            layer.padding,
            layer.input_size,
            strict=True,
        )
    )
    return _plan(design, layer, hardware, sweeps, "zero_padding")


def _plan(
    design: str, layer: Layer, hardware: Hardware, sweeps: tuple[Sweep, ...], architecture: str
) -> Plan:
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
        architecture=architecture,
        parts=finish([gather_part(layer, hardware, gather)], math.prod(layer.kernel_size)),
        modes=1,
        steps=math.prod(layer.output_size),
    )
