"""The parts of a design that runs computation modes as convolutions (RED, split kernels)."""

from __future__ import annotations

import math
from functools import reduce
from itertools import pairwise
from typing import Literal

from red_timeloop.decomposition import Decomposition, ModeGroup
from red_timeloop.designs.gather import Gather, finish, gather_part
from red_timeloop.designs.plan import Order, Part, Phases
from red_timeloop.designs.reads import AxisReads
from red_timeloop.hardware import Hardware

__all__ = [
    "group_phases",
    "group_reads",
    "mode_count",
    "mode_parts",
    "window_reads",
]


def mode_parts(
    decomposition: Decomposition,
    hardware: Hardware,
    taps_on: Literal["sub_crossbars", "rows"],
    order: Order = "side_by_side",
) -> tuple[Part, ...]:
    """Return one part for each group of modes, and one for the inputs that serve them all.

    Args:
        decomposition: The modes.
        hardware: The parameter set.
        taps_on: Where the kernel pixels go: a sub-crossbar each, or onto the rows.
        order: Whether the modes stand side by side, or take turns on one set of crossbars.

    There are none where no mode has both taps and outputs: then nothing is computed.
    """
    layer, groups = decomposition.layer, decomposition.groups
    if not groups:
        return ()
    in_turn = order == "in_turn"
    taps = sorted(
        (math.prod(mode.sub_kernel_shape) for g in groups for mode in g.modes), reverse=True
    )
    window = window_reads(decomposition)
    # The window is read once a step, whatever takes turns in it.
    alone = (
        len(groups) == 1
        and groups[0].offsets_per_axis == decomposition.window_offsets
        and (hardware.fold == 1 or taps_on == "rows")
        and not in_turn
    )
    gathers = [
        Gather(
            name="taps " + "x".join(map(str, group.taps_per_axis)),
            role="all" if alone else "group",
            reads=group_reads(decomposition, group),
            phases=group_phases(group),
            taps_on=taps_on,
            turns=tuple(taps) if in_turn else (),
        )
        for group in groups
    ]
    if not alone:
        gathers.append(
            Gather(name="inputs", role="inputs", reads=window, phases=(), taps_on="sub_crossbars")
        )
    parts = [gather_part(layer, hardware, gather) for gather in gathers]
    return finish(parts, math.prod(len(axis.offsets) for axis in window), in_turn=in_turn)


def mode_count(decomposition: Decomposition) -> int:
    """Return the modes that have both taps and outputs."""
    return sum(len(group.modes) for group in decomposition.groups)


def group_reads(decomposition: Decomposition, group: ModeGroup) -> tuple[AxisReads, ...]:
    """Return what the modes of `group` read, per axis."""
    return tuple(
        AxisReads(steps=steps, offsets=offsets, pixels=pixels, tap_stride=tap_stride)
        for steps, offsets, pixels, tap_stride in zip(
            group.output_count_per_axis,
            group.offsets_per_axis,
            decomposition.layer.input_size,
            group.tap_stride_per_axis,
            strict=True,
        )
    )


def group_phases(group: ModeGroup) -> tuple[Phases, ...]:
    """Return the phases of `group`, per axis: kernel pixels in the order of what they read."""
    axes = []
    for axis in range(len(group.taps_per_axis)):
        found = {
            mode.phase[axis]: (
                tuple(
                    tap for _, tap in sorted(zip(mode.offsets[axis], mode.taps[axis], strict=True))
                ),
                mode.outputs[axis],
            )
            for mode in group.modes
        }
        kernel, outputs = zip(*found.values(), strict=True)
        axes.append(Phases(kernel, outputs))
    return tuple(axes)


def window_reads(decomposition: Decomposition) -> tuple[AxisReads, ...]:
    """Return the envelope: all offsets that some mode reads, over the longest mode's steps."""
    steps = [
        max(group.output_count_per_axis[axis] for group in decomposition.groups)
        for axis in range(decomposition.layer.ndim)
    ]
    return tuple(
        AxisReads(
            steps=count,
            offsets=offsets,
            pixels=pixels,
            tap_stride=reduce(math.gcd, (b - a for a, b in pairwise(offsets)), 0) or 1,
        )
        for count, offsets, pixels in zip(
            steps, decomposition.window_offsets, decomposition.layer.input_size, strict=True
        )
    )
