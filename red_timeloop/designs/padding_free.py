"""Padding free: each input pixel meets all kernel pixels at once; overlapping outputs are added.

One C x (K * M) matrix; a step yields K * M partial sums that are added into the output buffer where
they overlap, and the uncropped map is cropped at the end (the padding-free design that RED is
compared with; Fan et al., DATE 2019).
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from fractions import Fraction

from red_timeloop.designs.crossbar import Matrix, Mounted, mount
from red_timeloop.designs.parts import buffer_shape, channel_sizes, edram_shape, finish, named
from red_timeloop.designs.plan import Part, Plan, TargetLoops
from red_timeloop.designs.ranks import modes, pixels, scatter_problem, taps
from red_timeloop.hardware import Hardware
from red_timeloop.layer import TransposedConv

__all__ = ["plan"]


def plan(layer: TransposedConv, hardware: Hardware) -> Plan:
    """Map `layer` as one C x (K * M) matrix; one step for each input pixel."""
    classes = [_tap_classes(layer, axis) for axis in range(layer.ndim)]
    parts = [
        _part(layer, hardware, choice, role="all" if index == 0 else "group")
        for index, choice in enumerate(itertools.product(*classes))
    ]
    return Plan(
        design="padding_free",
        layer=layer,
        hardware=hardware,
        architecture="padding_free",
        parts=finish(parts, 1),
        modes=1,
        steps=math.prod(layer.input_size),
    )


def _tap_stride(layer: TransposedConv, axis: int) -> int:
    """Return the outputs of one phase between its neighbouring taps."""
    return layer.dilation[axis] // math.gcd(layer.stride[axis], layer.dilation[axis])


def _tap_classes(layer: TransposedConv, axis: int) -> list[tuple[int, int]]:
    """Return (taps, phases) for each number of taps that an output phase of the axis has.

    Where a phase's taps leave gaps (dilation), Timeloop's boxes would count the gaps as outputs.
    There each tap is a phase of its own; what overlaps then is counted at each tap, and the share
    of outputs that leave the chip sets it right.
    """
    kernel, s, d = layer.kernel_size[axis], layer.stride[axis], layer.dilation[axis]
    if _tap_stride(layer, axis) > 1:
        return [(1, kernel)]
    counts = Counter(k * d % s for k in range(kernel))
    return sorted(Counter(counts.values()).items(), reverse=True)


def _part(
    layer: TransposedConv,
    hardware: Hardware,
    choice: tuple[tuple[int, int], ...],
    role: str,
) -> Part:
    """Build the part of the output phases that have `choice[axis] = (taps, phases)`."""
    ndim = layer.ndim
    tap_ranks = tuple(zip(taps(ndim), (t for t, _ in choice), strict=True))
    mode_ranks = tuple(zip(modes(ndim), (p for _, p in choice), strict=True))
    pixel_ranks = tuple(zip(pixels(ndim), layer.input_size, strict=True))
    mounted = mount(
        Matrix(
            groups=layer.groups,
            rows=layer.in_channels // layer.groups,
            columns=layer.out_channels // layer.groups,
            column_ranks=tap_ranks + mode_ranks,
            input_bits=layer.input_bits,
            weight_bits=layer.weight_bits,
        ),
        hardware,
    )
    sizes = {**channel_sizes(layer), **dict(tap_ranks), **dict(mode_ranks), **dict(pixel_ranks)}
    sizes |= {rank: size for rank, size in mounted.sizes.items() if rank in sizes}
    problem = scatter_problem("overlapping_outputs", sizes, ndim)
    first, *rest = pixel_ranks
    share = float(mounted.input_share)
    variables = {
        **mounted.variables,
        **edram_shape(layer, problem),
        **_output_buffer(layer, choice, mounted),
        **named(
            "input_buffer",
            buffer_shape(sizes["C"] * layer.groups, layer.in_channels, layer.input_bits),
        ),
        "accumulator_bits": int(mounted.variables["accumulator_bits"])
        + math.ceil(math.log2(max(2, math.prod(layer.kernel_size)))),
        "edram_read_share": share,
        "edram_write_share": share,
        "edram_output_share": float(mounted.output_share * _kept(layer)),
        "input_buffer_read_share": share,
        "input_buffer_write_share": share,
        "driver_depth": mounted.variables["rows_used"],
        "driver_real_share": 1.0,
        "cell_real_share": float(mounted.cell_share),
    }
    return Part(
        name="taps " + "x".join(str(t) for t, _ in choice),
        role="all" if role == "all" else "group",
        problem=problem,
        variables=variables,
        loops={
            **mounted.loops,
            "host": TargetLoops(temporal=(first, ("N", layer.batch))),
            "output_buffer": TargetLoops(temporal=tuple(reversed(rest))),
        },
        crossbars=mounted.crossbars,
        sub_crossbars=1 if role == "all" else 0,
        drives=mounted.column_tiles,
        notes=mounted.notes,
    )


def _kept(layer: TransposedConv) -> Fraction:
    """Return the share of the outputs counted over all parts that the crop keeps.

    Parts differ in what they lose; over all parts together the share is exact.
    """
    result = Fraction(1)
    for axis in range(layer.ndim):
        kernel, size = layer.kernel_size[axis], layer.input_size[axis]
        s, d = layer.stride[axis], layer.dilation[axis]
        (before, _), out = layer.padding[axis], layer.output_size[axis]
        counted = sum(phases * (size + n - 1) for n, phases in _tap_classes(layer, axis))
        kept: set[int] = set()
        for k in range(kernel):  # input pixel i and tap k write output i * s + k * d - before
            start = k * d - before
            low, high = max(0, -(start // s)), min(size - 1, (out - 1 - start) // s)
            kept.update(range(start + low * s, start + high * s + 1, s))
        result *= Fraction(len(kept), counted)
    return result


def _output_buffer(
    layer: TransposedConv, choice: tuple[tuple[int, int], ...], mounted: Mounted
) -> dict[str, int | float]:
    """Return the shape of the buffer that adds: the lines of outputs that one input line meets."""
    counted = real = 1
    for axis, (tap_count, phases) in enumerate(choice):
        lines = 1 if axis == 0 else layer.input_size[axis]
        counted *= (lines + tap_count - 1) * phases
        kernel, s, d = layer.kernel_size[axis], layer.stride[axis], layer.dilation[axis]
        real *= min((lines + tap_count - 1) * phases, (lines - 1) * s + (kernel - 1) * d + 1)
    bits = layer.input_bits + layer.weight_bits
    shape = buffer_shape(
        counted * mounted.sizes["M"] * layer.groups, real * layer.out_channels, bits
    )
    return {
        **named("output_buffer", shape),
        "output_buffer_share": float(mounted.output_share),
    }
