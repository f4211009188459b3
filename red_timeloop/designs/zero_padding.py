"""Zero padding: a convolution over the zero-inserted map, the usual way and the baseline.

An ordinary convolution is mapped in the same manner on every ReRAM design, so that whole networks
differ only where they should.
"""

from __future__ import annotations

import math

from red_timeloop import resources
from red_timeloop._remembered import remembered
from red_timeloop.designs.design import CrossbarDesign
from red_timeloop.designs.gather import Gather, finish, gather_part
from red_timeloop.designs.plan import Phases, Plan
from red_timeloop.designs.reads import AxisReads
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer

__all__ = ["ZERO_PADDING", "axis_phases", "axis_reads"]


@remembered  # all ReRAM designs ask for that of an ordinary convolution
def plan(layer: Layer, hardware: Hardware) -> Plan:
    """Map `layer` as one (K * C) x M matrix; one step for each output pixel.

    Inserted zeros are made at the row drivers: they cost no buffer access (unless
    `hardware.zeros_stored`) and conduct no current, but their rows are selected and their steps
    taken.
    """
    gather = Gather(
        name="all taps",
        role="all",
        reads=tuple(axis_reads(layer, axis) for axis in range(layer.ndim)),
        phases=tuple(axis_phases(layer, axis) for axis in range(layer.ndim)),
        taps_on="rows",
        mode_ranks=False,
    )
    return Plan(
        layer,
        hardware,
        finish([gather_part(layer, hardware, gather)], math.prod(layer.kernel_size)),
        modes=1,
        steps=math.prod(layer.output_size),
    )


def axis_reads(layer: Layer, axis: int) -> AxisReads:
    """Return what the convolution over the (zero-inserted) map reads along one axis."""
    before, d, s = layer.padding[axis][0], layer.dilation[axis], layer.stride[axis]
    # In the zero-inserted map, input pixel i stands at i * s, and i * s = o + before - k * d.
    return AxisReads(
        steps=layer.output_size[axis],
        offsets=tuple(
            before - k * d if layer.transposed else k * d - before for k in _order(layer, axis)
        ),
        pixels=layer.input_size[axis],
        stride=1 if layer.transposed else s,
        spacing=s if layer.transposed else 1,
        tap_stride=d,
    )


def axis_phases(layer: Layer, axis: int) -> Phases:
    """Return the one phase of such an axis: all kernel pixels, every output pixel."""
    return Phases((tuple(_order(layer, axis)),), (range(layer.output_size[axis]),))


def _order(layer: Layer, axis: int) -> range:
    """Return the kernel pixels in the order of what they read."""
    taps = range(layer.kernel_size[axis])
    return taps[::-1] if layer.transposed else taps


ZERO_PADDING = CrossbarDesign(
    name="zero_padding",
    summary="a convolution over the zero-inserted map",
    transposed=plan,
    architecture=resources.path("arch/zero_padding.yaml"),
    constraints=resources.path("mappings/zero_padding.yaml"),
    ordinary=None,
    colour="#999999",
)
