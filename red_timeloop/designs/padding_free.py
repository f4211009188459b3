"""Padding free: each input pixel meets all kernel pixels at once; overlapping outputs are added.

One C x (K * M) matrix; a step yields K * M partial sums that are added into the output buffer where
they overlap, and the uncropped map is cropped at the end (the padding-free design that RED is
compared with; Fan et al., DATE 2019).
"""

from __future__ import annotations

import math
from fractions import Fraction

from red_timeloop.designs.crossbar import Matrix, Mounted, mount
from red_timeloop.designs.parts import buffer_shape, channel_sizes, edram_shape, finish, named
from red_timeloop.designs.plan import Part, Plan, TargetLoops
from red_timeloop.designs.ranks import modes, pixels, scatter_problem, taps
from red_timeloop.hardware import Hardware
from red_timeloop.layer import TransposedConv

__all__ = ["plan"]


def plan(layer: TransposedConv, hardware: Hardware) -> Plan:
    """Map `layer` as one C x (K * M) matrix; one step for each input pixel.

    Every kernel pixel is an output phase of its own in the problem, so that outputs of different
    kernel pixels are different words to Timeloop. Were they the overlapping words that they are
    in the layer, Timeloop would keep them in the converters from step to step and add them up
    there; but all partial sums of a step are converted and added in the output buffer. The share
    of outputs that leave the chip sets right that each word is there once for every kernel pixel.
    """
    return Plan(
        design="padding_free",
        layer=layer,
        hardware=hardware,
        architecture="padding_free",
        parts=finish([_part(layer, hardware)], 1),
        modes=1,
        steps=math.prod(layer.input_size),
    )


def _part(layer: TransposedConv, hardware: Hardware) -> Part:
    ndim = layer.ndim
    tap_ranks = tuple((rank, 1) for rank in taps(ndim))
    mode_ranks = tuple(zip(modes(ndim), layer.kernel_size, strict=True))
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
        **_output_buffer(layer, mounted),
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
        name="all taps",
        role="all",
        problem=problem,
        variables=variables,
        loops={
            **mounted.loops,
            "host": TargetLoops(temporal=(first, ("N", layer.batch))),
            "output_buffer": TargetLoops(temporal=tuple(reversed(rest))),
        },
        crossbars=mounted.crossbars,
        sub_crossbars=1,
        drives=mounted.column_tiles,
        notes=mounted.notes,
        lost_bits=mounted.lost_bits,
    )


def _kept(layer: TransposedConv) -> Fraction:
    """Return the outputs that the crop keeps over those of all kernel pixels."""
    result = Fraction(1)
    for axis in range(layer.ndim):
        kernel, size = layer.kernel_size[axis], layer.input_size[axis]
        s, d = layer.stride[axis], layer.dilation[axis]
        (before, _), out = layer.padding[axis], layer.output_size[axis]
        spans: dict[int, list[tuple[int, int]]] = {}
        for k in range(kernel):  # input pixel i and tap k write output i * s + k * d - before
            shift, residue = divmod(k * d - before, s)
            low, high = max(0, -shift), min(size - 1, (out - 1 - residue) // s - shift)
            if low <= high:
                spans.setdefault(residue, []).append((low + shift, high + shift))
        result *= Fraction(sum(map(_covered, spans.values())), kernel * size)
    return result


def _covered(spans: list[tuple[int, int]]) -> int:
    """Return how many integers the spans, ends included, hold together.

    >>> _covered([(4, 6), (0, 2), (1, 4), (9, 9)])
    8
    """
    count, end = 0, min(spans)[0] - 1
    for first, last in sorted(spans):
        count += max(0, last - max(first - 1, end))
        end = max(end, last)
    return count


def _output_buffer(layer: TransposedConv, mounted: Mounted) -> dict[str, int | float]:
    """Return the shape of the buffer that adds: the lines of outputs that one input line meets."""
    counted = real = 1
    for axis, kernel in enumerate(layer.kernel_size):
        lines = 1 if axis == 0 else layer.input_size[axis]
        s, d = layer.stride[axis], layer.dilation[axis]
        counted *= lines * kernel
        real *= min(lines * kernel, (lines - 1) * s + (kernel - 1) * d + 1)
    bits = layer.input_bits + layer.weight_bits
    shape = buffer_shape(
        counted * mounted.sizes["M"] * layer.groups, real * layer.out_channels, bits
    )
    return {
        **named("output_buffer", shape),
        "output_buffer_share": float(mounted.output_share),
    }
