"""Building the evaluations of a design: what is common to all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from red_timeloop.decomposition import decompose
from red_timeloop.designs.crossbar import Matrix, Mounted, mount
from red_timeloop.designs.plan import Part, TargetLoops
from red_timeloop.designs.ranks import gather_problem, modes, pixels, taps
from red_timeloop.designs.real import Sweep, share
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.spec.types import Problem

__all__ = [
    "Gather",
    "buffer_shape",
    "channel_sizes",
    "edram_shape",
    "finish",
    "gather_part",
    "named",
]

_ROW_BITS = 256  # width of the buffers' rows: ISAAC's eDRAM bus (ISCA 2016, table 1)
_BANK_BITS = 64 * 1024 * 8  # ISAAC's eDRAM buffer, 64 KB (ISCA 2016, table 1)


@dataclass(frozen=True)
class Gather:
    """A set of alike modes (or an ordinary convolution) before it is mounted on crossbars.

    Attributes:
        name: Name of the part.
        role: See `Part`.
        sweeps: What each axis reads.
        taps: Kernel pixels per axis.
        modes: Modes per axis; None for a problem without mode ranks.
        taps_on: Where the kernel pixels go: a sub-crossbar each, or onto the rows.
    """

    name: str
    role: Literal["group", "inputs", "all"]
    sweeps: tuple[Sweep, ...]
    taps: tuple[int, ...]
    modes: tuple[int, ...] | None
    taps_on: Literal["sub_crossbars", "rows"]


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
    """Mount one gather problem and build its variables and mapping."""
    ndim = layer.ndim
    tap_ranks = tuple(zip(taps(ndim), gather.taps, strict=True))
    mode_ranks = tuple(zip(modes(ndim), gather.modes or (), strict=False))
    on_rows = gather.taps_on == "rows"
    shared = gather.role == "inputs"
    mounted = mount(
        Matrix(
            groups=layer.groups,
            rows=layer.in_channels // layer.groups,
            columns=layer.out_channels // layer.groups,
            row_ranks=tap_ranks if on_rows else (),
            mode_ranks=mode_ranks,
            tap_ranks=() if on_rows else tap_ranks,
            input_bits=layer.input_bits,
            weight_bits=layer.weight_bits,
        ),
        # The envelope's window is held for all turns of a fold: it is read once a step.
        replace(hardware, fold=1) if shared else hardware,
    )
    counts = tuple(sweep.steps for sweep in gather.sweeps)
    sizes = {
        **channel_sizes(layer),
        **dict(tap_ranks),
        **dict(mode_ranks),
        **dict(zip(pixels(ndim), counts, strict=True)),
    }
    sizes |= {rank: size for rank, size in mounted.sizes.items() if rank in sizes}
    problem = gather_problem(
        "deconvolution_modes" if gather.modes else "convolution",
        sizes,
        ndim,
        [sweep.stride for sweep in gather.sweeps],
        [sweep.tap_stride for sweep in gather.sweeps],
    )
    first, *rest = zip(pixels(ndim), counts, strict=True)
    loops = {
        **mounted.loops,
        "host": TargetLoops(temporal=(first, ("N", layer.batch))),
        "input_buffer": TargetLoops(temporal=tuple(reversed(rest))),
    }
    shares = _input_shares(gather.sweeps, mounted)
    if hardware.zeros_stored and any(sweep.spacing > 1 for sweep in gather.sweeps):
        shares = _stored_shares(gather.sweeps, mounted)
    real = share([(sweep.reads, sweep.positions_read) for sweep in gather.sweeps])
    variables = {
        **mounted.variables,
        **edram_shape(layer, problem),
        "edram_read_share": float(shares["fill"]),
        "edram_write_share": float(shares["fill"]),
        **_input_buffer(layer, gather.sweeps, problem, shares, hardware.zeros_stored),
        "edram_output_share": float(mounted.output_share),
        "driver_depth": _driver_words(layer, gather.sweeps, mounted),
        "driver_real_share": float(real),
        "cell_real_share": float(real * mounted.cell_share),
    }
    return Part(
        name=gather.name,
        role=gather.role,
        problem=problem,
        variables=variables,
        loops=loops,
        crossbars=0 if shared else mounted.crossbars,
        sub_crossbars=0 if shared else mounted.sub_crossbars,
        drives=0
        if shared
        else math.prod(gather.taps) * math.prod(gather.modes or ()) * mounted.column_tiles,
        notes=() if shared else mounted.notes,
        lost_bits=0 if shared else mounted.lost_bits,
    )


def finish(parts: Sequence[Part], window: int) -> tuple[Part, ...]:
    """Fill in what a part can only know of its neighbours: how far its input wires reach.

    Args:
        parts: All evaluations of a plan.
        window: Positions that the input level above the crossbars reads in one step.
    """
    chip = {
        "served_arrays": sum(part.crossbars for part in parts),
        "reached_arrays": max(1.0, sum(part.drives for part in parts) / window),
    }
    return tuple(replace(part, variables={**part.variables, **chip}) for part in parts)


def _input_shares(sweeps: tuple[Sweep, ...], mounted: Mounted) -> dict[str, Fraction]:
    """Return the real share of what Timeloop counts on the way of the inputs."""
    first, *rest = sweeps
    inner = [(s.fills(sliding=False), s.positions_filled(sliding=False)) for s in rest]
    slid = (first.fills(sliding=True), first.positions_filled(sliding=True))
    reads = [
        (sweep.reads, sweep.steps * crossbars * _box(sweep, inside))
        for sweep, (inside, crossbars) in zip(sweeps, mounted.tap_blocks, strict=True)
    ]
    return {
        "read": mounted.input_share * share(reads),
        "fill": mounted.input_share * share([slid, *inner]),
    }


def _stored_shares(sweeps: tuple[Sweep, ...], mounted: Mounted) -> dict[str, Fraction]:
    """Return the same where inserted zeros are stored like pixels: only gaps are not read."""
    reads = [
        (len(sweep.offsets), crossbars * _box(sweep, inside))
        for sweep, (inside, crossbars) in zip(sweeps, mounted.tap_blocks, strict=True)
    ]
    return {
        "read": mounted.input_share * share(reads),
        "fill": mounted.input_share,
    }


def _box(sweep: Sweep, taps: int) -> int:
    """Return the positions that `taps` neighbouring taps span; dilated ones leave gaps."""
    return (taps - 1) * sweep.tap_stride + 1


def _driver_words(layer: Layer, sweeps: tuple[Sweep, ...], mounted: Mounted) -> int:
    """Return the inputs that Timeloop places in the row drivers of one crossbar."""
    rows, box = int(mounted.variables["rows_used"]), 1
    for sweep, (inside, _) in zip(sweeps, mounted.tap_blocks, strict=True):
        rows //= inside
        box *= _box(sweep, inside)
    return rows * box


def buffer_shape(words: int, real_words: int, bits: int) -> dict[str, int | float]:
    """Return depth, width, banks and the share that is really there, of a buffer.

    Args:
        words: Words that Timeloop must be able to place.
        real_words: Words that the hardware holds.
        bits: Bits of a word.
    """
    per_row = max(1, _ROW_BITS // bits)
    depth = math.ceil(max(words, real_words) / per_row)
    return {
        "depth": depth,
        "width": per_row * bits,
        "banks": max(1, math.ceil(real_words * bits / _BANK_BITS)),
        "stored_share": min(1.0, max(1, real_words) / (depth * per_row)),
    }


def named(prefix: str, values: Mapping[str, int | float]) -> dict[str, int | float]:
    """Return `values` with `prefix_` before each name."""
    return {f"{prefix}_{key}": value for key, value in values.items()}


def _extent(problem: Problem, data_space: str, *, one_of: str = "N") -> int:
    """Return the points of the box that holds a data space, for one index of some ranks."""
    sizes = {**problem.sizes, **dict.fromkeys(one_of, 1)}
    return math.prod(
        sum(coefficient * (sizes[rank] - 1) for rank, coefficient in axis) + 1
        for axis in problem.data_space(data_space).projection
    )


def edram_shape(layer: Layer, problem: Problem) -> dict[str, int | float]:
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
    held = max(words, _BANK_BITS // layer.input_bits)
    return named("edram", buffer_shape(boxes, held, layer.input_bits))


def _input_buffer(
    layer: Layer,
    sweeps: tuple[Sweep, ...],
    problem: Problem,
    shares: Mapping[str, Fraction],
    zeros_stored: bool,
) -> dict[str, int | float]:
    """Return the shape of the buffer that holds the window's lines, and its shares."""
    first, *rest = sweeps
    span = first.offsets[-1] - first.offsets[0] + 1
    lines = span if zeros_stored else min(first.pixels, math.ceil(span / first.spacing))
    held = lines * math.prod(
        sweep.positions_filled(sliding=False) if zeros_stored else sweep.fills(sliding=False)
        for sweep in rest
    )
    words = _extent(problem, "Inputs", one_of="N" + pixels(layer.ndim)[0])
    shape = buffer_shape(words, held * layer.in_channels, layer.input_bits)
    return {
        **named("input_buffer", shape),
        "input_buffer_read_share": float(shares["read"]),
        "input_buffer_write_share": float(shares["fill"]),
    }
