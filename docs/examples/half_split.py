"""A design of one's own: split the kernel along the last axis, insert zeros along the others."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from bias_adder import BiasAdder

from red_timeloop import TransposedConv, decompose, resources
from red_timeloop.components import register
from red_timeloop.designs import ZERO_PADDING, CrossbarDesign, Plan
from red_timeloop.designs.gather import Gather, finish, gather_part
from red_timeloop.designs.modes import group_phases, group_reads, mode_count, window_reads
from red_timeloop.designs.zero_padding import axis_phases, axis_reads
from red_timeloop.hardware import Hardware

__all__ = ["HALF_SPLIT"]

register("bias_adder", BiasAdder)


def plan(layer: TransposedConv, hardware: Hardware) -> Plan:
    """Map `layer` with one dense matrix for each phase of its last axis."""
    line = decompose(last_axis(layer))
    others = range(layer.ndim - 1)
    zeros = tuple(axis_reads(layer, axis) for axis in others)
    gathers = [
        Gather(
            name=f"taps {group.taps_per_axis[0]} of the last axis",
            role="group",
            reads=(*zeros, *group_reads(line, group)),
            phases=(*(axis_phases(layer, axis) for axis in others), *group_phases(group)),
            taps_on="rows",
        )
        for group in line.groups
    ]
    window = (*zeros, *window_reads(line))
    gathers.append(Gather("inputs", "inputs", window, (), "sub_crossbars"))
    parts = [gather_part(layer, hardware, gather) for gather in gathers]
    return Plan(
        layer,
        hardware,
        finish(parts, math.prod(len(axis.offsets) for axis in window)),
        modes=mode_count(line),
        steps=math.prod(layer.output_size[:-1]) * line.steps,
    )


def last_axis(layer: TransposedConv) -> TransposedConv:
    """The layer's last axis as a layer of its own."""
    spatial = ("input_size", "kernel_size", "stride", "padding", "output_padding", "dilation")
    return replace(layer, **{name: getattr(layer, name)[-1:] for name in spatial})


HALF_SPLIT = CrossbarDesign(
    name="half_split",
    summary="zeros are skipped along the last axis only",
    transposed=plan,
    architecture=Path(__file__).with_suffix(".yaml"),
    constraints=resources.path("mappings/split_kernel.yaml"),
    ordinary=ZERO_PADDING,
    colour="#0072b2",
)
