"""Padding free: each input pixel meets all kernel pixels at once; overlapping outputs are added.

One C x (K * M) matrix; a step yields K * M partial sums that are added into the output buffer where
they overlap, and the uncropped map is cropped at the end (the padding-free design that RED is
compared with; Fan et al., DATE 2019).
"""

from __future__ import annotations

import math
from fractions import Fraction

from red_timeloop import resources
from red_timeloop.designs.design import CrossbarDesign
from red_timeloop.designs.gather import channel_sizes, edram_shape, finish
from red_timeloop.designs.plan import Part, Phases, Plan, TargetLoops
from red_timeloop.designs.ranks import modes, pixels, scatter_problem, taps
from red_timeloop.designs.reads import AxisReads
from red_timeloop.designs.sizes import BufferShape, OverlapSizes, buffer_shape
from red_timeloop.designs.tiling import (
    Matrix,
    Tiling,
    tile,
    tiling_loops,
    tiling_lost_bits,
    tiling_notes,
    tiling_sizes,
)
from red_timeloop.designs.zero_padding import ZERO_PADDING
from red_timeloop.hardware import Hardware
from red_timeloop.layer import TransposedConv
from red_timeloop.spec.types import Problem

__all__ = ["PADDING_FREE"]


def plan(layer: TransposedConv, hardware: Hardware) -> Plan:
    """Map `layer` as one C x (K * M) matrix; one step for each input pixel.

    Every kernel pixel is an output phase of its own in the problem, so that outputs of different
    kernel pixels are different words to Timeloop. Were they the overlapping words that they are
    in the layer, Timeloop would keep them in the converters from step to step and add them up
    there; but all partial sums of a step are converted and added in the output buffer. The share
    of outputs that leave the chip sets right that each word is there once for every kernel pixel.
    """
    return Plan(
        layer,
        hardware,
        finish([_part(layer, hardware)], 1),
        modes=1,
        steps=math.prod(layer.input_size),
    )


def _part(layer: TransposedConv, hardware: Hardware) -> Part:
    ndim = layer.ndim
    tap_ranks = tuple((rank, 1) for rank in taps(ndim))
    mode_ranks = tuple(zip(modes(ndim), layer.kernel_size, strict=True))
    pixel_ranks = tuple(zip(pixels(ndim), layer.input_size, strict=True))
    matrix = Matrix(
        groups=layer.groups,
        rows=layer.in_channels // layer.groups,
        columns=layer.out_channels // layer.groups,
        column_ranks=tap_ranks + mode_ranks,
        input_bits=layer.input_bits,
        weight_bits=layer.weight_bits,
    )
    tiling = tile(matrix, hardware)
    sizes = {**channel_sizes(layer), **dict(tap_ranks), **dict(mode_ranks), **dict(pixel_ranks)}
    sizes |= {rank: size for rank, size in tiling.sizes.items() if rank in sizes}
    problem = scatter_problem("overlapping_outputs", sizes, ndim)
    first, *rest = pixel_ranks
    return Part(
        name="all taps",
        role="all",
        problem=problem,
        sizes=_sizes(layer, hardware, tiling, problem),
        loops={
            **tiling_loops(tiling, hardware),
            "host": TargetLoops(temporal=(first, ("N", layer.batch))),
            "output_buffer": TargetLoops(temporal=tuple(reversed(rest))),
        },
        reads=tuple(AxisReads(steps=size, offsets=(0,), pixels=size) for size in layer.input_size),
        phases=tuple(Phases(tuple((k,) for k in range(taps))) for taps in layer.kernel_size),
        crossbars=tiling.crossbars,
        sub_crossbars=1,
        drives=tiling.columns.count,
        notes=tiling_notes(tiling),
        lost_bits=tiling_lost_bits(tiling, hardware),
    )


def _sizes(
    layer: TransposedConv, hardware: Hardware, tiling: Tiling, problem: Problem
) -> OverlapSizes:
    shares, own = tiling.shares, tiling_sizes(tiling, hardware)
    words = problem.sizes["C"] * layer.groups
    inputs = float(shares.inputs)
    values = {
        **own,
        **edram_shape(layer, problem).named("edram"),
        **_output_buffer(layer, tiling).named("output_buffer"),
        **buffer_shape(words, layer.in_channels, layer.input_bits).named("input_buffer"),
        "accumulator_bits": own["accumulator_bits"]
        + math.ceil(math.log2(max(2, math.prod(layer.kernel_size)))),
        "output_buffer_share": float(shares.outputs),
        "edram_read_share": inputs,
        "edram_write_share": inputs,
        "edram_output_share": float(shares.outputs * _kept(layer)),
        "input_buffer_read_share": inputs,
        "input_buffer_write_share": inputs,
        "driver_depth": own["rows_used"],
        "driver_real_share": 1.0,
        "cell_real_share": float(shares.cells),
    }
    return OverlapSizes(**values)  # type: ignore[arg-type]


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


def _output_buffer(layer: TransposedConv, tiling: Tiling) -> BufferShape:
    """Return the shape of the buffer that adds: the lines of outputs that one input line meets."""
    counted = real = 1
    for axis, kernel in enumerate(layer.kernel_size):
        lines = 1 if axis == 0 else layer.input_size[axis]
        s, d = layer.stride[axis], layer.dilation[axis]
        counted *= lines * kernel
        real *= min(lines * kernel, (lines - 1) * s + (kernel - 1) * d + 1)
    return buffer_shape(
        counted * tiling.sizes["M"] * layer.groups,
        real * layer.out_channels,
        layer.input_bits + layer.weight_bits,
    )


PADDING_FREE = CrossbarDesign(
    name="padding_free",
    summary="all kernel pixels at once, overlapping outputs added",
    transposed=plan,
    architecture=resources.path("arch/padding_free.yaml"),
    constraints=resources.path("mappings/padding_free.yaml"),
    ordinary=ZERO_PADDING,
    colour="#56b4e9",
)
