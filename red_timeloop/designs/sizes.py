"""What sizes an architecture: the joint between a plan and the YAML of its accelerator.

Every field is a variable of `arch/NAME.yaml`, and every variable there is a field (or one of
`spec`'s constants, see `specification.CONSTANTS`): one that is missing on either side is an error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeVar

__all__ = ["BANK_BITS", "BufferShape", "CrossbarSizes", "OverlapSizes", "buffer_shape"]

_ROW_BITS = 256  # width of the buffers' rows: ISAAC's eDRAM bus (ISCA 2016, table 1)
BANK_BITS = 64 * 1024 * 8  # ISAAC's eDRAM buffer, 64 KB (ISCA 2016, table 1)

_Sizes = TypeVar("_Sizes", bound="CrossbarSizes")


@dataclass(frozen=True, kw_only=True)
class CrossbarSizes:
    """The variables of an architecture of crossbars, for one evaluation.

    Attributes:
        input_bits: Bits of an input.
        weight_bits: Bits of a weight.
        accumulator_bits: Bits of a sum.
        crossbar_rows: Word lines of a physical crossbar.
        crossbar_columns: Bit lines of it.
        rows_used: Word lines that one activation drives.
        columns_used: Logical columns (outputs) of one crossbar.
        driver_depth: Inputs that Timeloop places in the row drivers of one crossbar.
        line_columns: Cells along a driven word line: `crossbar_columns`, or those of all crossbars
            that it runs on through.
        cell_bits: Bits of a cell.
        weight_slices: Cells of a weight, side by side.
        dac_bits: Bits of a pulse.
        input_slices: Pulses of an input.
        adc_resolution: Bits of a converter.
        rows_per_turn: Rows that a turn may use.
        logical_columns: Logical columns of a crossbar, used or not.
        fold: Turns that are stacked on the rows of a crossbar.
        copies: Copies of all crossbars, each with its share of the output pixels.
        modes: Computation modes side by side.
        channel_groups: Groups of channels on crossbars of their own.
        column_tiles: Crossbars side by side that share a row's inputs.
        sub_crossbars: Sub-crossbars whose sums are added digitally.
        row_tiles: Crossbars of a sub-crossbar one below the other, added digitally.
        joined_sub_crossbars: Sub-crossbars whose bit lines are joined.
        joined_row_tiles: Crossbars one below the other whose bit lines are joined.
        blocks: Groups of channels on the diagonal of one crossbar.
        partial_sums: Sums that meet in one output.
        served_arrays: Crossbars under the buffers.
        reached_arrays: Crossbars that one input goes to.
        edram_depth: Rows of the eDRAM; `_width` bits each, in so many `_banks`, of which
            `_stored_share` is there; so of the input buffer.
        edram_read_share: Share of Timeloop's counts that happen in hardware, 0 to 1: inserted
            zeros, borders and padded channels of the dense problem are neither fetched nor
            converted. So are all that end in `_share`.
        adc_share: The same; above 1 where several conversions stand behind one count.
    """

    input_bits: int
    weight_bits: int
    accumulator_bits: int
    crossbar_rows: int
    crossbar_columns: int
    line_columns: int
    rows_used: int
    columns_used: int
    driver_depth: int
    cell_bits: int
    weight_slices: int
    dac_bits: int
    input_slices: int
    adc_resolution: int
    rows_per_turn: int
    logical_columns: int
    fold: int
    copies: int = 1
    modes: int
    channel_groups: int
    column_tiles: int
    sub_crossbars: int
    row_tiles: int
    joined_sub_crossbars: int
    joined_row_tiles: int
    blocks: int
    partial_sums: int
    served_arrays: int = 1
    reached_arrays: float = 1.0
    edram_depth: int
    edram_width: int
    edram_banks: int
    edram_stored_share: float
    input_buffer_depth: int
    input_buffer_width: int
    input_buffer_banks: int
    input_buffer_stored_share: float
    edram_read_share: float
    edram_write_share: float
    edram_output_share: float
    input_buffer_read_share: float
    input_buffer_write_share: float
    register_share: float
    conversion_share: float
    adc_share: float
    array_share: float
    driver_share: float
    driver_real_share: float
    cell_real_share: float

    def copied(self: _Sizes, count: int) -> _Sizes:
        """Return the sizes of `count` copies of the crossbars; the buffers hold what all need."""
        return replace(
            self,
            copies=count,
            served_arrays=self.served_arrays * count,
            edram_depth=self.edram_depth * count,
            input_buffer_depth=self.input_buffer_depth * count,
        )


@dataclass(frozen=True, kw_only=True)
class OverlapSizes(CrossbarSizes):
    """Those of an architecture whose output buffer adds what overlaps."""

    output_buffer_depth: int
    output_buffer_width: int
    output_buffer_banks: int
    output_buffer_stored_share: float
    output_buffer_share: float

    def copied(self, count: int) -> OverlapSizes:
        """Return the sizes of `count` copies of the crossbars; the buffers hold what all need."""
        return replace(super().copied(count), output_buffer_depth=self.output_buffer_depth * count)


@dataclass(frozen=True)
class BufferShape:
    """A buffer: rows, bits of a row, banks, and the share of the capacity that is really there."""

    depth: int
    width: int
    banks: int
    stored_share: float

    def named(self, buffer: str) -> dict[str, int | float]:
        """Return the values as the sizes of the buffer that is called so."""
        return {f"{buffer}_{key}": value for key, value in vars(self).items()}


def buffer_shape(words: int, real_words: int, bits: int) -> BufferShape:
    """Return the shape of a buffer.

    Args:
        words: Words that Timeloop must be able to place.
        real_words: Words that the hardware holds.
        bits: Bits of a word.
    """
    per_row = max(1, _ROW_BITS // bits)
    depth = math.ceil(max(words, real_words) / per_row)
    return BufferShape(
        depth=depth,
        width=per_row * bits,
        banks=max(1, math.ceil(real_words * bits / BANK_BITS)),
        stored_share=min(1.0, max(1, real_words) / (depth * per_row)),
    )
