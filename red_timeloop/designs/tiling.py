"""Tiling the logical matrices of one evaluation onto crossbars: tile, sizes, shares and loops.

All ReRAM designs share one hierarchy (see `arch/red.yaml`): a mode's outputs meet in an output
register; below it stand the sub-crossbars, tiled onto physical crossbars. They differ in which
ranks run over the rows, the columns and the sub-crossbars.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from red_timeloop._remembered import remembered
from red_timeloop.designs.packing import Packing, divisors, pack
from red_timeloop.designs.plan import TargetLoops
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.spec.types import Loop

__all__ = [
    "Matrix",
    "Shares",
    "Tiling",
    "tile",
    "tiling_loops",
    "tiling_lost_bits",
    "tiling_notes",
    "tiling_sizes",
]


@dataclass(frozen=True)
class Matrix:
    """The logical matrices of one evaluation.

    Attributes:
        groups: Groups of channels, each with a matrix of its own.
        rows: Input channels of a group.
        columns: Output channels of a group.
        input_bits: Bits of an input.
        weight_bits: Bits of a weight.
        row_ranks: Ranks that share the rows with `C`, with their sizes.
        column_ranks: Ranks that share the columns with `M`.
        mode_ranks: Ranks of the modes, each with sub-crossbars of its own.
        tap_ranks: Ranks of the kernel pixels that have a sub-crossbar each.
        turns: Sub-crossbars of each mode, descending, where modes take turns on the same crossbars;
            () where they stand side by side.
    """

    groups: int
    rows: int
    columns: int
    input_bits: int
    weight_bits: int
    row_ranks: tuple[Loop, ...] = ()
    column_ranks: tuple[Loop, ...] = ()
    mode_ranks: tuple[Loop, ...] = ()
    tap_ranks: tuple[Loop, ...] = ()
    turns: tuple[int, ...] = ()


@dataclass(frozen=True)
class Tiling:
    """A matrix tiled onto crossbars.

    Attributes:
        matrix: The logical matrices.
        rows: How their rows lie on crossbars.
        columns: How their columns do.
        fold: Turns that each tap rank takes on a sub-crossbar.
        taps: Sub-crossbars of each tap rank, the fold's turns sharing one.
        blocks: Groups of channels on the diagonal of one crossbar.
        stacked: Turns that lie on the rows of one crossbar.
        idle: Crossbars in place of one, where a fold's turns do not fit its rows.
        held: Sub-crossbars of a mode, or of all modes that take turns.
        sets: Crossbars in place of one, where the rows do not hold all modes that take turns.
    """

    matrix: Matrix
    rows: Packing
    columns: Packing
    fold: Mapping[str, int]
    taps: Mapping[str, int]
    blocks: int
    stacked: int
    idle: int
    held: int
    sets: int

    @cached_property
    def fold_turns(self) -> int:
        """Turns that kernel pixels take on a sub-crossbar."""
        return math.prod(self.fold.values())

    @cached_property
    def modes(self) -> int:
        """Modes side by side."""
        return math.prod(size for _, size in self.matrix.mode_ranks)

    @cached_property
    def tap_count(self) -> int:
        """Sub-crossbars of a mode."""
        return math.prod(self.taps.values())

    @cached_property
    def padded_taps(self) -> dict[str, int]:
        """Sizes of the tap ranks that the fold's turns fill evenly."""
        return {rank: self.taps[rank] * self.fold[rank] for rank in self.taps}

    @cached_property
    def row_tiles(self) -> int:
        """Crossbars of a sub-crossbar one below the other, those that wait for a turn included."""
        return self.rows.count * self.idle

    @cached_property
    def crossbars(self) -> int:
        """Physical crossbars."""
        beside = self.modes * (self.matrix.groups // self.blocks) * self.columns.count
        return beside * self.held * self.row_tiles

    @cached_property
    def sub_crossbars(self) -> int:
        """Logical matrices (sub-crossbars; groups of channels not counted twice)."""
        return self.modes * self.held

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Sizes of the ranks `C`, `M` and the taps after padding."""
        return {"C": self.rows.channels, "M": self.columns.channels, **self.padded_taps}

    @cached_property
    def tap_blocks(self) -> tuple[tuple[int, int], ...]:
        """(taps in one crossbar, crossbars or turns) for each tap rank."""
        inside = [(self.rows.inside[r], self.rows.tiles[r]) for r, _ in self.matrix.row_ranks]
        return tuple(inside or [(1, size) for size in self.padded_taps.values()])

    @cached_property
    def shares(self) -> Shares:
        """What the layer has of the channels, kernel pixels and turns."""
        ranks = self.matrix.tap_ranks
        return Shares(
            inputs=Fraction(self.matrix.rows, self.rows.channels),
            outputs=Fraction(self.matrix.columns, self.columns.channels),
            taps=_share([size for _, size in ranks], list(self.padded_taps.values())),
            turns=_share(
                [math.ceil(size / self.taps[rank]) for rank, size in ranks],
                list(self.fold.values()),
            ),
        )


@dataclass(frozen=True)
class Shares:
    """What the layer has of what the padded matrix holds, each 0 to 1.

    Attributes:
        inputs: Of the input channels.
        outputs: Of the output channels.
        taps: Of the kernel pixels.
        turns: Of the turns of a fold.
    """

    inputs: Fraction
    outputs: Fraction
    taps: Fraction
    turns: Fraction

    @property
    def cells(self) -> Fraction:
        """Share of the modelled weights that the layer has."""
        return self.inputs * self.outputs * self.taps


@remembered
def tile(matrix: Matrix, hardware: Hardware) -> Tiling:
    """Tile `matrix` onto the crossbars of `hardware`.

    Raises:
        InputError: One weight needs more columns than a crossbar has.
    """
    columns = _logical_columns(hardware, matrix.weight_bits)
    fold = _fold(matrix.tap_ranks, hardware.fold)
    turns = math.prod(fold.values())
    blocks = _blocks(matrix, hardware.rows, columns, turns)
    rows, stacked = _rows_per_turn(matrix, hardware.rows, blocks, turns)
    row_pack = pack("C", matrix.rows, matrix.row_ranks, rows)
    column_pack = pack(
        "M", matrix.columns, matrix.column_ranks, None if columns is None else columns // blocks
    )
    taps = {rank: math.ceil(size / fold[rank]) for rank, size in matrix.tap_ranks}
    held, sets = math.prod(taps.values()), 1
    idle = 1 if stacked else turns
    if matrix.turns:  # as many modes one below the other as the rows hold
        whole = len(matrix.turns)
        turns = whole if hardware.rows is None else hardware.rows // (blocks * row_pack.lines)
        turns = min(turns, whole)
        sets = math.ceil(whole / turns)
        digital = hardware.merge == "digital"
        held = sum(matrix.turns[::turns]) if digital else sets * matrix.turns[0]
    return Tiling(
        matrix=matrix,
        rows=row_pack,
        columns=column_pack,
        fold=fold,
        taps=taps,
        blocks=blocks,
        stacked=turns,
        idle=idle,
        held=held,
        sets=sets,
    )


def tiling_sizes(tiling: Tiling, hardware: Hardware) -> dict[str, int | float]:
    """Return the architecture's sizes and shares from the modes down; see `CrossbarSizes`."""
    matrix, rows, columns = tiling.matrix, tiling.rows, tiling.columns
    shares, turns = tiling.shares, tiling.fold_turns
    slices, digital = hardware.weight_slices(matrix.weight_bits), hardware.merge == "digital"
    conversion_share = float(shares.outputs * (shares.taps if digital else shares.turns))
    alone, through = tiling.blocks == 1, hardware.word_lines == "joined"
    width = hardware.columns or columns.lines * slices
    summed = rows.lines * rows.count * tiling.tap_count * turns
    joined = 1 if digital else tiling.tap_count * tiling.row_tiles
    return {
        "modes": tiling.modes,
        "channel_groups": matrix.groups // tiling.blocks,
        "column_tiles": columns.count,
        "sub_crossbars": tiling.held if digital else tiling.sets,
        "row_tiles": tiling.row_tiles if digital else 1,
        "joined_sub_crossbars": 1 if digital else tiling.held // tiling.sets,
        "joined_row_tiles": 1 if digital else tiling.row_tiles,
        "blocks": tiling.blocks,
        "rows_per_turn": _rows_of_turn(tiling, hardware.rows),
        "logical_columns": columns.lines
        if hardware.columns is None or not alone
        else hardware.columns // slices,
        "fold": tiling.stacked,
        "crossbar_rows": hardware.rows or rows.lines * tiling.stacked,
        "crossbar_columns": width,
        # Those of other parts join them; see `gather.finish`.
        "line_columns": math.ceil(width * columns.count * tiling.modes / turns) if through else 0,
        "rows_used": tiling.blocks * rows.lines,
        "columns_used": tiling.blocks * columns.lines,
        "weight_slices": slices,
        "input_slices": hardware.input_slices(matrix.input_bits),
        "cell_bits": hardware.cell_bits,
        "dac_bits": hardware.dac_bits,
        "adc_resolution": hardware.resolution(_rows_summed(tiling, digital)),
        "partial_sums": tiling.tap_count * rows.count if digital else 1,
        "accumulator_bits": matrix.input_bits
        + matrix.weight_bits
        + math.ceil(math.log2(max(2, summed))),
        "weight_bits": matrix.weight_bits,
        "input_bits": matrix.input_bits,
        "driver_share": float(shares.inputs * shares.taps),
        "array_share": float(shares.taps),
        "conversion_share": conversion_share,
        # Where bit lines are joined, Timeloop adds up a fold's turns in the joint, which cannot
        # be told not to, and counts one conversion; the hardware converts in every turn.
        "adc_share": conversion_share * (turns if joined > 1 else 1),
        "register_share": float(shares.outputs),
    }


def tiling_loops(tiling: Tiling, hardware: Hardware) -> dict[str, TargetLoops]:
    """Return the mapping's loops of the targets from the modes down."""
    matrix = tiling.matrix
    tiles = TargetLoops(x=tuple(tiling.taps.items()), y=tuple(tiling.rows.tiles.items()))
    group, block = (("G", matrix.groups // tiling.blocks),), (("G", tiling.blocks),)
    digital = hardware.merge == "digital"
    return {
        "mode": TargetLoops(x=matrix.mode_ranks, y=group),
        "column_tile": TargetLoops(x=tuple(tiling.columns.tiles.items())),
        "adder": TargetLoops(temporal=tuple(tiling.fold.items())),
        "sub_crossbar": tiles if digital else TargetLoops(),
        "joined": TargetLoops() if digital else tiles,
        "block": TargetLoops(x=block),
        "column": TargetLoops(x=tuple(tiling.columns.inside.items())),
        "row": TargetLoops(y=tuple(tiling.rows.inside.items())),
    }


def tiling_lost_bits(tiling: Tiling, hardware: Hardware) -> int:
    """Return the bits that the converters have fewer than exact sums take."""
    return hardware.lost_bits(_rows_summed(tiling, hardware.merge == "digital"))


def tiling_notes(tiling: Tiling) -> tuple[str, ...]:
    """Return what was padded, and where turns save no crossbars, as sentences."""
    matrix, rows, columns = tiling.matrix, tiling.rows, tiling.columns
    notes = []
    if rows.channels != matrix.rows:
        notes.append(f"{matrix.rows} input channels padded to {rows.channels} to tile the rows")
    if columns.channels != matrix.columns:
        notes.append(
            f"{matrix.columns} output channels padded to {columns.channels} to tile the columns"
        )
    if tiling.padded_taps != dict(matrix.tap_ranks):
        notes.append("kernel pixels padded to share sub-crossbars evenly")
    if tiling.idle > 1:
        notes.append(
            "folded kernel pixels do not fit one crossbar's rows: the fold saves no crossbars"
        )
    if tiling.sets > 1:
        notes.append(
            f"a crossbar's rows hold {tiling.stacked} of {len(matrix.turns)} modes: {tiling.sets} "
            "sets of crossbars take turns"
        )
    return tuple(notes)


def _rows_of_turn(tiling: Tiling, rows: int | None) -> int:
    """Return the rows of a crossbar that a turn may use."""
    if rows is None or tiling.blocks > 1:
        return tiling.rows.lines
    shared = tiling.fold_turns > 1 and tiling.idle == 1
    return rows // tiling.fold_turns if shared else rows


def _rows_summed(tiling: Tiling, digital: bool) -> int:
    """Return the rows whose currents one converter sees."""
    return tiling.rows.lines * (1 if digital else tiling.tap_count * tiling.rows.count)


def _share(real: Sequence[int], padded: Sequence[int]) -> Fraction:
    return Fraction(math.prod(real), math.prod(padded))


def _logical_columns(hardware: Hardware, weight_bits: int) -> int | None:
    slices = hardware.weight_slices(weight_bits)
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
    if not tap_ranks:
        return {}
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
            tuple(c.values()),
        ),
    )


def _blocks(matrix: Matrix, rows: int | None, columns: int | None, turns: int) -> int:
    """Return how many groups of channels share a crossbar, on its block diagonal."""
    if rows is None or columns is None:
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
    if matrix.rows * blocks * turns <= rows:
        return rows // turns // blocks, True
    return rows // blocks, False
