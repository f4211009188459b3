"""Sizing the crossbars for one evaluation: packing, architecture variables and mapping.

All ReRAM designs share one hierarchy (see `arch/red.yaml`): a mode's outputs meet in an output
register; below it stand the sub-crossbars, tiled onto physical crossbars. They differ in which
ranks run over the rows, the columns and the sub-crossbars.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from red_timeloop.designs.packing import Packing, divisors, pack
from red_timeloop.designs.plan import TargetLoops
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.spec.types import Loop

__all__ = ["Matrix", "Mounted", "mount"]


@dataclass(frozen=True)
class Matrix:
    """The logical matrices of one evaluation.

    Attributes:
        groups: Groups of channels, each with a matrix of its own.
        rows: Input channels of a group.
        columns: Output channels of a group.
        row_ranks: Ranks that share the rows with `C`, with their sizes.
        column_ranks: Ranks that share the columns with `M`.
        mode_ranks: Ranks of the modes, each with sub-crossbars of its own.
        tap_ranks: Ranks of the kernel pixels that have a sub-crossbar each.
        input_bits: Bits of an input.
        weight_bits: Bits of a weight.
    """

    groups: int
    rows: int
    columns: int
    row_ranks: tuple[Loop, ...] = ()
    column_ranks: tuple[Loop, ...] = ()
    mode_ranks: tuple[Loop, ...] = ()
    tap_ranks: tuple[Loop, ...] = ()
    input_bits: int = 8
    weight_bits: int = 8


@dataclass(frozen=True)
class Mounted:
    """A matrix on crossbars.

    Attributes:
        sizes: Sizes of the ranks `C`, `M` and the taps after padding.
        variables: Architecture variables of the levels from the modes down.
        loops: Loops of the targets from the modes down.
        crossbars: Physical crossbars.
        sub_crossbars: Logical matrices (sub-crossbars; groups of channels not counted twice).
        column_tiles: Crossbars side by side that share a row's inputs.
        tap_blocks: (taps in one crossbar, crossbars or turns) for each tap rank.
        input_share: Share of the modelled input channels that the layer has.
        output_share: The same for output channels.
        cell_share: Share of the modelled weights that the layer has.
        lost_bits: Bits that the converters have fewer than exact sums take.
        notes: What was padded, as sentences.
    """

    sizes: Mapping[str, int]
    variables: Mapping[str, int | float | str]
    loops: Mapping[str, TargetLoops]
    crossbars: int
    sub_crossbars: int
    column_tiles: int
    tap_blocks: tuple[tuple[int, int], ...]
    input_share: Fraction
    output_share: Fraction
    cell_share: Fraction
    lost_bits: int
    notes: tuple[str, ...]


def mount(matrix: Matrix, hardware: Hardware) -> Mounted:
    """Tile `matrix` onto the crossbars of `hardware`.

    Raises:
        InputError: One weight needs more columns than a crossbar has.
    """
    slices = hardware.weight_slices(matrix.weight_bits)
    columns = _logical_columns(hardware, slices, matrix.weight_bits)
    fold = _fold(matrix.tap_ranks, hardware.fold)
    turns = math.prod(fold.values())
    blocks = _blocks(matrix, hardware.rows, columns, turns)
    rows, stacked = _rows_per_turn(matrix, hardware.rows, blocks, turns)
    row_pack = pack("C", matrix.rows, matrix.row_ranks, rows)
    column_pack = pack(
        "M", matrix.columns, matrix.column_ranks, None if columns is None else columns // blocks
    )
    taps = {rank: math.ceil(size / fold[rank]) for rank, size in matrix.tap_ranks}
    padded_taps = {rank: taps[rank] * fold[rank] for rank in taps}
    tap_share = _share([size for _, size in matrix.tap_ranks], list(padded_taps.values()))
    turn_share = _share(
        [math.ceil(size / taps[rank]) for rank, size in matrix.tap_ranks], list(fold.values())
    )
    modes = math.prod(size for _, size in matrix.mode_ranks)
    tap_count = math.prod(taps.values())
    idle = 1 if stacked else turns
    crossbars = (
        modes * (matrix.groups // blocks) * tap_count * row_pack.count * column_pack.count * idle
    )
    digital = hardware.merge == "digital"
    input_share = Fraction(matrix.rows, row_pack.channels)
    output_share = Fraction(matrix.columns, column_pack.channels)
    conversion_share = float(output_share * (tap_share if digital else turn_share))
    merged = 1 if digital else tap_count * row_pack.count
    variables = {
        "modes": modes,
        "channel_groups": matrix.groups // blocks,
        "column_tiles": column_pack.count,
        "sub_crossbars": tap_count if digital else 1,
        "row_tiles": row_pack.count * idle if digital else 1,
        "joined_sub_crossbars": 1 if digital else tap_count,
        "joined_row_tiles": 1 if digital else row_pack.count * idle,
        "blocks": blocks,
        "rows_per_turn": row_pack.lines if blocks > 1 or rows is None else rows,
        "logical_columns": column_pack.lines if blocks > 1 or columns is None else columns,
        "fold": turns,
        "crossbar_rows": hardware.rows or row_pack.lines * turns,
        "crossbar_columns": hardware.columns or column_pack.lines * slices,
        "rows_used": blocks * row_pack.lines,
        "columns_used": blocks * column_pack.lines,
        "weight_slices": slices,
        "input_slices": hardware.input_slices(matrix.input_bits),
        "cell_bits": hardware.cell_bits,
        "dac_bits": hardware.dac_bits,
        "adc_resolution": hardware.resolution(row_pack.lines * merged),
        "partial_sums": tap_count * row_pack.count if digital else 1,
        "accumulator_bits": matrix.input_bits
        + matrix.weight_bits
        + math.ceil(math.log2(max(2, row_pack.lines * row_pack.count * tap_count * turns))),
        "weight_bits": matrix.weight_bits,
        "input_bits": matrix.input_bits,
        "driver_share": float(input_share * tap_share),
        "array_share": float(tap_share),
        "conversion_share": conversion_share,
        # Where bit lines are joined, Timeloop adds up a fold's turns in the joint, which cannot
        # be told not to, and counts one conversion; the hardware converts in every turn.
        "adc_share": conversion_share
        * (turns if not digital and tap_count * row_pack.count * idle > 1 else 1),
        "register_share": float(output_share),
    }
    return Mounted(
        sizes={"C": row_pack.channels, "M": column_pack.channels, **padded_taps},
        variables=variables,
        loops=_loops(matrix, row_pack, column_pack, taps, fold, blocks, digital),
        crossbars=crossbars,
        sub_crossbars=modes * tap_count,
        column_tiles=column_pack.count,
        tap_blocks=tuple(
            [(row_pack.inside[rank], row_pack.tiles[rank]) for rank, _ in matrix.row_ranks]
            or [(1, size) for size in padded_taps.values()]
        ),
        input_share=input_share,
        output_share=output_share,
        cell_share=input_share * output_share * tap_share,
        lost_bits=hardware.lost_bits(row_pack.lines * merged),
        notes=_notes(matrix, row_pack, column_pack, padded_taps, stacked, turns),
    )


def _share(real: Sequence[int], padded: Sequence[int]) -> Fraction:
    return Fraction(math.prod(real), math.prod(padded))


def _logical_columns(hardware: Hardware, slices: int, weight_bits: int) -> int | None:
    if hardware.columns is None:
        return None
    if hardware.columns < slices:
        raise InputError(
            f"a weight of {weight_bits} bits takes {slices} cells of {hardware.cell_bits} bits, "
            f"but a crossbar has {hardware.columns} columns",
            key="columns",
            legal=f"{slices} or more, or null for arrays as large as the matrix",
        )
    return hardware.columns // slices


def _fold(tap_ranks: tuple[Loop, ...], fold: int) -> dict[str, int]:
    """Split the fold over the tap ranks so that the fewest sub-crossbars are left.

    A mode with fewer kernel pixels than the fold keeps one sub-crossbar.
    """
    best = {rank: 1 for rank, _ in tap_ranks}
    if fold == 1 or not tap_ranks:
        return best
    candidates: list[dict[str, int]] = [{}]
    for rank, _ in tap_ranks:
        candidates = [
            {**done, rank: factor}
            for done in candidates
            for factor in divisors(fold)
            if fold % (math.prod(done.values()) * factor) == 0
        ]
    whole = [c for c in candidates if math.prod(c.values()) == fold]
    return min(
        whole,
        key=lambda c: (
            math.prod(math.ceil(size / c[rank]) for rank, size in tap_ranks),
            math.prod(math.ceil(size / c[rank]) * c[rank] for rank, size in tap_ranks),
            tuple(c.values()),
        ),
    )


def _blocks(matrix: Matrix, rows: int | None, columns: int | None, turns: int) -> int:
    """Return how many groups of channels share a crossbar, on its block diagonal."""
    if matrix.groups == 1 or rows is None or columns is None:
        return 1
    height = matrix.rows * math.prod(size for _, size in matrix.row_ranks) * turns
    width = matrix.columns * math.prod(size for _, size in matrix.column_ranks)
    fitting = [d for d in divisors(matrix.groups) if d * height <= rows and d * width <= columns]
    return max(fitting, default=1)


def _rows_per_turn(
    matrix: Matrix, rows: int | None, blocks: int, turns: int
) -> tuple[int | None, bool]:
    """Return the rows one kernel pixel may use, and whether folded pixels share a crossbar."""
    if rows is None:
        return None, True
    if turns == 1:
        return rows // blocks, True
    if matrix.rows * blocks * turns <= rows:
        return rows // turns // blocks, True
    return rows // blocks, False


def _loops(
    matrix: Matrix,
    rows: Packing,
    columns: Packing,
    taps: Mapping[str, int],
    fold: Mapping[str, int],
    blocks: int,
    digital: bool,
) -> dict[str, TargetLoops]:
    tiles = TargetLoops(x=tuple(taps.items()), y=tuple(rows.tiles.items()))
    group = (("G", matrix.groups // blocks),) if matrix.groups > 1 else ()
    block = (("G", blocks),) if matrix.groups > 1 else ()
    return {
        "mode": TargetLoops(x=matrix.mode_ranks, y=group),
        "column_tile": TargetLoops(x=tuple(columns.tiles.items())),
        "adder": TargetLoops(temporal=tuple(fold.items())),
        "sub_crossbar": tiles if digital else TargetLoops(),
        "joined": TargetLoops() if digital else tiles,
        "block": TargetLoops(x=block),
        "column": TargetLoops(x=tuple(columns.inside.items())),
        "row": TargetLoops(y=tuple(rows.inside.items())),
    }


def _notes(
    matrix: Matrix,
    rows: Packing,
    columns: Packing,
    padded_taps: Mapping[str, int],
    stacked: bool,
    turns: int,
) -> tuple[str, ...]:
    notes = []
    if rows.channels != matrix.rows:
        notes.append(f"{matrix.rows} input channels padded to {rows.channels} to tile the rows")
    if columns.channels != matrix.columns:
        notes.append(
            f"{matrix.columns} output channels padded to {columns.channels} to tile the columns"
        )
    if padded_taps != dict(matrix.tap_ranks):
        notes.append("kernel pixels padded to share sub-crossbars evenly")
    if turns > 1 and not stacked:
        notes.append(
            "folded kernel pixels do not fit one crossbar's rows: the fold saves no crossbars"
        )
    return tuple(notes)
