"""Building the evaluations of designs that gather: what a step reads, tiled onto crossbars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from red_timeloop.decomposition import decompose
from red_timeloop.designs.plan import Part, Phases, TargetLoops
from red_timeloop.designs.ranks import gather_problem, modes, pixels, taps
from red_timeloop.designs.reads import AxisReads, share
from red_timeloop.designs.sizes import BANK_BITS, BufferShape, CrossbarSizes, buffer_shape
from red_timeloop.designs.tiling import (
    Matrix,
    Tiling,
    tile,
    tiling_loops,
    tiling_lost_bits,
    tiling_notes,
    tiling_sizes,
)
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.spec.types import Loop, Problem

__all__ = ["Gather", "channel_sizes", "edram_shape", "finish", "gather_part"]


@dataclass(frozen=True)
class Gather:
    """A set of alike modes (or an ordinary convolution) before it is tiled onto crossbars.

    Attributes:
        name: Name of the part.
        role: See `Part`.
        reads: What each axis reads; its box holds the taps.
        phases: The computation modes that read so, per axis; () for a part of role `inputs`.
        taps_on: Where the kernel pixels go: a sub-crossbar each, or onto the rows.
        mode_ranks: Whether the problem has ranks for the modes.
        turns: Kernel pixels of each mode, of this part and of others, descending, where the modes
            take turns on the same crossbars; () where they stand side by side.
    """

    name: str
    role: Literal["group", "inputs", "all"]
    reads: tuple[AxisReads, ...]
    phases: tuple[Phases, ...]
    taps_on: Literal["sub_crossbars", "rows"]
    mode_ranks: bool = True
    turns: tuple[int, ...] = ()

    @property
    def taps(self) -> tuple[int, ...]:
        """Kernel pixels per axis."""
        return tuple(axis.box for axis in self.reads)

    @property
    def modes(self) -> tuple[int, ...]:
        """Computation modes per axis."""
        return tuple(len(axis.kernel) for axis in self.phases) or (1,) * len(self.reads)


def channel_sizes(layer: Layer) -> dict[str, int]:
    """Return the sizes of the ranks `N`, `G` (grouped layers only), `C` and `M`."""
    group = {"G": layer.groups} if layer.groups > 1 else {}
    return {
        "N": layer.batch,
        **group,
        "C": layer.in_channels // layer.groups,
        "M": layer.out_channels // layer.groups,
    }


def gather_part(layer: Layer, hardware: Hardware, gather: Gather) -> Part:
    """Tile one gather problem; build its sizes and its mapping."""
    shared = gather.role == "inputs"
    # The envelope's window is held for all turns of a fold: it is read once a step.
    crossbars = replace(hardware, fold=1) if shared and hardware.fold > 1 else hardware
    tiling = tile(_matrix(layer, gather), crossbars)
    problem = _problem(layer, gather, tiling)
    counts = tuple(axis.steps for axis in gather.reads)
    first, *rest = zip(pixels(layer.ndim), counts, strict=True)
    turns = _mode_ranks(gather) if gather.turns else ()
    loops = {
        **tiling_loops(tiling, crossbars),
        "host": TargetLoops(temporal=(first, ("N", layer.batch))),
        "input_buffer": TargetLoops(temporal=(*turns, *reversed(rest))),
    }
    sizes = _sizes(layer, crossbars, gather, tiling, problem)
    if shared:
        return Part(gather.name, gather.role, problem, sizes, loops, gather.reads)
    return Part(
        name=gather.name,
        role=gather.role,
        problem=problem,
        sizes=sizes,
        loops=loops,
        reads=gather.reads,
        phases=gather.phases,
        crossbars=tiling.crossbars,
        sub_crossbars=tiling.sub_crossbars,
        drives=tiling.columns.count
        * (tiling.held if gather.turns else math.prod((*gather.taps, *gather.modes))),
        notes=tiling_notes(tiling),
        lost_bits=tiling_lost_bits(tiling, hardware),
    )


def _mode_ranks(gather: Gather) -> tuple[Loop, ...]:
    if not gather.mode_ranks:
        return ()
    return tuple(zip(modes(len(gather.reads)), gather.modes, strict=True))


def _matrix(layer: Layer, gather: Gather) -> Matrix:
    """Return the logical matrices of a gather problem."""
    tap_ranks = tuple(zip(taps(layer.ndim), gather.taps, strict=True))
    on_rows = gather.taps_on == "rows"
    return Matrix(
        groups=layer.groups,
        rows=layer.in_channels // layer.groups,
        columns=layer.out_channels // layer.groups,
        row_ranks=tap_ranks if on_rows else (),
        mode_ranks=() if gather.turns else _mode_ranks(gather),
        tap_ranks=() if on_rows else tap_ranks,
        turns=gather.turns,
        input_bits=layer.input_bits,
        weight_bits=layer.weight_bits,
    )


def _problem(layer: Layer, gather: Gather, tiling: Tiling) -> Problem:
    """Return the problem with the sizes that the tiling pads."""
    ndim = layer.ndim
    sizes = {
        **channel_sizes(layer),
        **dict(zip(taps(ndim), gather.taps, strict=True)),
        **dict(_mode_ranks(gather)),
        **dict(zip(pixels(ndim), (axis.steps for axis in gather.reads), strict=True)),
    }
    sizes |= {rank: size for rank, size in tiling.sizes.items() if rank in sizes}
    return gather_problem(
        "deconvolution_modes" if gather.mode_ranks else "convolution",
        sizes,
        ndim,
        [axis.stride for axis in gather.reads],
        [axis.tap_stride for axis in gather.reads],
    )


def _sizes(
    layer: Layer, hardware: Hardware, gather: Gather, tiling: Tiling, problem: Problem
) -> CrossbarSizes:
    """Return all sizes of the architecture but those that `finish` knows."""
    shares, reads = tiling.shares, gather.reads
    stored = hardware.zeros_stored and any(axis.spacing > 1 for axis in reads)
    read, fill = (_stored_shares if stored else _input_shares)(reads, tiling)
    real = share([(axis.reads, axis.positions_read) for axis in reads])
    real = real if hardware.zero_aware else Fraction(1)
    values = {
        **tiling_sizes(tiling, hardware),
        **edram_shape(layer, problem).named("edram"),
        **_input_buffer(layer, reads, problem, hardware.zeros_stored).named("input_buffer"),
        "edram_read_share": float(fill),
        "edram_write_share": float(fill),
        "edram_output_share": float(shares.outputs),
        "input_buffer_read_share": float(read),
        "input_buffer_write_share": float(fill),
        "driver_depth": _driver_words(reads, tiling),
        "driver_real_share": float(real),
        "cell_real_share": float(real * shares.cells),
    }
    return CrossbarSizes(**values)  # type: ignore[arg-type]


def finish(parts: Sequence[Part], window: int, *, in_turn: bool = False) -> tuple[Part, ...]:
    """Fill in what a part can only know of its neighbours: how far its input wires and lines reach.

    Args:
        parts: All evaluations of a plan.
        window: Positions that the input level above the crossbars reads in one step.
        in_turn: Whether the parts share one set of crossbars.
    """
    together = max if in_turn else sum
    served = together(part.crossbars for part in parts)
    reached = max(1.0, together(part.drives for part in parts) / window)
    line = together(part.sizes.line_columns for part in parts if part.crossbars)
    return tuple(
        replace(
            part,
            sizes=replace(
                part.sizes,
                served_arrays=served,
                reached_arrays=reached,
                line_columns=max(line, part.sizes.crossbar_columns),
            ),
        )
        for part in parts
    )


def _input_shares(reads: tuple[AxisReads, ...], tiling: Tiling) -> tuple[Fraction, Fraction]:
    """Return the real share of what Timeloop counts of the inputs: of reads, and of fills."""
    first, *rest = reads
    inner = [(s.fills(sliding=False), s.positions_filled(sliding=False)) for s in rest]
    slid = (first.fills(sliding=True), first.positions_filled(sliding=True))
    read = [
        (axis.reads, axis.steps * crossbars * _box(axis, inside))
        for axis, (inside, crossbars) in zip(reads, tiling.tap_blocks, strict=True)
    ]
    channels = tiling.shares.inputs
    return channels * share(read), channels * share([slid, *inner])


def _stored_shares(reads: tuple[AxisReads, ...], tiling: Tiling) -> tuple[Fraction, Fraction]:
    """Return the same where inserted zeros are stored like pixels: only gaps are not read."""
    read = [
        (len(axis.offsets), crossbars * _box(axis, inside))
        for axis, (inside, crossbars) in zip(reads, tiling.tap_blocks, strict=True)
    ]
    channels = tiling.shares.inputs
    return channels * share(read), channels


def _box(reads: AxisReads, taps: int) -> int:
    """Return the positions that `taps` neighbouring taps span; dilated ones leave gaps."""
    return (taps - 1) * reads.tap_stride + 1


def _driver_words(reads: tuple[AxisReads, ...], tiling: Tiling) -> int:
    """Return the inputs that Timeloop places in the row drivers of one crossbar."""
    rows, box = tiling.blocks * tiling.rows.lines, 1
    for axis, (inside, _) in zip(reads, tiling.tap_blocks, strict=True):
        rows //= inside
        box *= _box(axis, inside)
    return rows * box


def _extent(problem: Problem, data_space: str, *, one_of: str = "N") -> int:
    """Return the points of the box that holds a data space, for one index of some ranks."""
    sizes = {**problem.sizes, **dict.fromkeys(one_of, 1)}
    return math.prod(
        sum(coefficient * (sizes[rank] - 1) for rank, coefficient in axis) + 1
        for axis in problem.data_space(data_space).projection
    )


def edram_shape(layer: Layer, problem: Problem) -> BufferShape:
    """Return the eDRAM's shape: it holds the lines in use, but is one bank at least.

    The lines are those of the inputs that a step reads and of the outputs that it makes, as in
    ISAAC, whose layers work on each other's lines (ISCA 2016, section 4); all designs alike.
    """
    one_line = "N" + pixels(layer.ndim)[0]
    boxes = sum(_extent(problem, space, one_of=one_line) for space in ("Inputs", "Outputs"))
    offsets = decompose(layer).window_offsets[0]
    lines = min(layer.input_size[0], offsets[-1] - offsets[0] + 1) if offsets else 0
    made = layer.stride[0] if layer.transposed else 1
    words = lines * math.prod(layer.input_size[1:]) * layer.in_channels
    words += made * math.prod(layer.output_size[1:]) * layer.out_channels
    held = max(words, BANK_BITS // layer.input_bits)
    return buffer_shape(boxes, held, layer.input_bits)


def _input_buffer(
    layer: Layer, reads: tuple[AxisReads, ...], problem: Problem, zeros_stored: bool
) -> BufferShape:
    """Return the shape of the buffer that holds the window's lines."""
    first, *rest = reads
    span = first.offsets[-1] - first.offsets[0] + 1
    lines = span if zeros_stored else min(first.pixels, math.ceil(span / first.spacing))
    held = lines * math.prod(
        axis.positions_filled(sliding=False) if zeros_stored else axis.fills(sliding=False)
        for axis in rest
    )
    words = _extent(problem, "Inputs", one_of="N" + pixels(layer.ndim)[0])
    return buffer_shape(words, held * layer.in_channels, layer.input_bits)
