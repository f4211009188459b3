"""The parts of a design that runs the computation modes side by side (RED, split kernels)."""

from __future__ import annotations

import math
from functools import reduce
from itertools import pairwise
from typing import Literal

from red_timeloop.decomposition import Decomposition, ModeGroup
from red_timeloop.designs.parts import Gather, finish, gather_part
from red_timeloop.designs.plan import Part
from red_timeloop.designs.real import Sweep
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware

__all__ = ["mode_parts"]


def mode_parts(
    decomposition: Decomposition,
    hardware: Hardware,
    taps_on: Literal["sub_crossbars", "rows"],
) -> tuple[Part, ...]:
    """Return one part for each group of modes, and one for the inputs that serve them all.

    Raises:
        InputError: No mode has both taps and outputs, so nothing is computed.
    """
    layer, groups = decomposition.layer, decomposition.groups
    if not groups:
        raise InputError(
            "no kernel pixel reaches an output pixel, so there is nothing to map",
            key=layer.name or "layer",
        )
    window = _window(decomposition)
    # Folded kernel pixels take turns; their window is read once a step all the same.
    alone = (
        len(groups) == 1
        and groups[0].offsets_per_axis == decomposition.window_offsets
        and (hardware.fold == 1 or taps_on == "rows")
    )
    gathers = [
        Gather(
            name="taps " + "x".join(map(str, group.taps_per_axis)),
            role="all" if alone else "group",
            sweeps=_sweeps(decomposition, group),
            taps=group.taps_per_axis,
            modes=group.modes_per_axis,
            taps_on=taps_on,
        )
        for group in groups
    ]
    if not alone:
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
    return finish(parts, math.prod(len(sweep.offsets) for sweep in window))


def _sweeps(decomposition: Decomposition, group: ModeGroup) -> tuple[Sweep, ...]:
    return tuple(
        Sweep(steps=steps, offsets=offsets, pixels=pixels, tap_stride=tap_stride)
        for steps, offsets, pixels, tap_stride in zip(
            group.output_count_per_axis,
            group.offsets_per_axis,
            decomposition.layer.input_size,
            group.tap_stride_per_axis,
            strict=True,
        )
    )


def _window(decomposition: Decomposition) -> tuple[Sweep, ...]:
    """Return the envelope: all offsets that some mode reads, over the longest mode's steps."""
    steps = [
        max(group.output_count_per_axis[axis] for group in decomposition.groups)
        for axis in range(decomposition.layer.ndim)
    ]
    return tuple(
        Sweep(
            steps=count,
            offsets=offsets,
            pixels=pixels,
            tap_stride=reduce(math.gcd, (b - a for a, b in pairwise(offsets)), 0) or 1,
        )
        for count, offsets, pixels in zip(
            steps, decomposition.window_offsets, decomposition.layer.input_size, strict=True
        )
    )
