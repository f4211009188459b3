"""A design of one's own: split the kernel along the last axis, insert zeros along the others."""

from __future__ import annotations

import math

from red_timeloop.designs.parts import Gather, finish, gather_part
from red_timeloop.designs.real import Sweep

from red_timeloop import TransposedConv, decompose
from red_timeloop.decomposition import Decomposition
from red_timeloop.designs import Design, Plan
from red_timeloop.hardware import Hardware

__all__ = ["HALF_SPLIT"]


def plan(layer: TransposedConv, hardware: Hardware) -> Plan:
    """Map `layer` with one dense matrix for each phase of its last axis."""
    phases = decompose(last_axis(layer))
    zeros = [zero_inserted(layer, axis) for axis in range(layer.ndim - 1)]
    ones = (1,) * len(zeros)
    gathers = [
        Gather(
            name=f"taps {group.taps_per_axis[0]} of the last axis",
            role="group",
            sweeps=(
                *zeros,
                Sweep(
                    steps=group.output_count_per_axis[0],
                    offsets=group.offsets_per_axis[0],
                    pixels=layer.input_size[-1],
                    tap_stride=group.tap_stride_per_axis[0],
                ),
            ),
            taps=(*layer.kernel_size[:-1], *group.taps_per_axis),
            modes=(*ones, *group.modes_per_axis),
            taps_on="rows",
        )
        for group in phases.groups
    ]
    window = (*zeros, shared_window(layer, phases))
    gathers.append(
        Gather(
            name="inputs",
            role="inputs",
            sweeps=window,
            taps=tuple(sweep.box for sweep in window),
            modes=(1,) * layer.ndim,
            taps_on="sub_crossbars",
        )
    )
    parts = [gather_part(layer, hardware, gather) for gather in gathers]
    return Plan(
        design="half_split",
        layer=layer,
        hardware=hardware,
        architecture="split_kernel",
        parts=finish(parts, math.prod(len(sweep.offsets) for sweep in window)),
        modes=sum(math.prod(group.modes_per_axis) for group in phases.groups),
        steps=math.prod(layer.output_size[:-1]) * phases.steps,
    )


def last_axis(layer: TransposedConv) -> TransposedConv:
    """The layer's last axis as a layer of its own."""
    return TransposedConv(
        1,
        1,
        (layer.input_size[-1],),
        layer.kernel_size[-1:],
        layer.stride[-1:],
        layer.padding[-1:],
        layer.output_padding[-1:],
        layer.dilation[-1:],
    )


def zero_inserted(layer: TransposedConv, axis: int) -> Sweep:
    """A step for every output pixel, over a map with stride - 1 zeros between the pixels."""
    before, dilation = layer.padding[axis][0], layer.dilation[axis]
    return Sweep(
        steps=layer.output_size[axis],
        offsets=tuple(before - k * dilation for k in reversed(range(layer.kernel_size[axis]))),
        pixels=layer.input_size[axis],
        spacing=layer.stride[axis],
        tap_stride=dilation,
    )


def shared_window(layer: TransposedConv, phases: Decomposition) -> Sweep:
    """What one step reads of the last axis for all phases together."""
    return Sweep(
        steps=phases.steps,
        offsets=phases.window_offsets[0],
        pixels=layer.input_size[-1],
    )


HALF_SPLIT = Design("half_split", "zeros are skipped along the last axis only", plan)
