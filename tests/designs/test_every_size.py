"""Every size that an architecture of crossbars is given, by hand for one uneven layer."""

from __future__ import annotations

from dataclasses import asdict
from math import ceil, log2
from typing import Any

import pytest
from close import near

from red_timeloop import TransposedConv, designs
from red_timeloop.designs.plan import Part
from red_timeloop.hardware import Hardware

# 5 x 8 outputs; modes of 3 or 2 by 2 kernel pixels, 3 or 2 by 4 outputs each.
LAYER = TransposedConv(
    40, 14, (3, 4), (5, 4), stride=2, padding=((2, 2), (1, 1)), input_bits=6, weight_bits=7
)
# Weights of four 2-bit cells, inputs of three 2-bit pulses; 6 logical columns.
SMALL = Hardware.load().replace(rows=32, columns=24, dac_bits=2)
BANK = 64 * 1024 * 8
ALWAYS = {
    **{"input_bits": 6, "weight_bits": 7, "cell_bits": 2, "dac_bits": 2, "copies": 1},
    **{"weight_slices": 4, "input_slices": 3, "modes": 1, "adc_resolution": 8},
}
WHOLE = dict.fromkeys(("array_share", "driver_share"), 1.0)


def buffer(name: str, words: int, real: int, bits: int = 6) -> dict[str, float]:
    """A buffer's rows take 256 bits, in whole words; the share is of the hardware's own words."""
    per_row = 256 // bits
    depth = ceil(max(words, real) / per_row)
    return {
        f"{name}_depth": depth,
        f"{name}_width": per_row * bits,
        f"{name}_banks": 1,
        f"{name}_stored_share": real / (depth * per_row),
    }


def edram(words: int) -> dict[str, float]:
    """One bank, which holds more than the lines in use."""
    assert words < BANK // 6
    return buffer("edram", words, BANK // 6)


def shares(real: float, fills: float, outputs: float, cells: float) -> dict[str, float]:
    return {
        "edram_read_share": fills,
        "edram_write_share": fills,
        "input_buffer_read_share": real,
        "input_buffer_write_share": fills,
        "edram_output_share": outputs,
        "register_share": outputs,
        "driver_real_share": real,
        "cell_real_share": cells,
    }


# Steps 3 x 4. Along the first axis offsets -1, 0, 1 (two of nine reads are border), or 0, 1 in two
# steps; along the second -1, 0 in four steps (one of eight is border), or 0, 1.
RED = {
    **{"crossbar_rows": 32, "crossbar_columns": 24, "line_columns": 24},
    # 40 channels in two tiles of 20 rows, 14 in three of 5 columns: one column is padding.
    **{"rows_used": 20, "columns_used": 5, "driver_depth": 20, "rows_per_turn": 32},
    **{"logical_columns": 6, "fold": 1, "channel_groups": 1, "column_tiles": 3, "blocks": 1},
    # 20 kernel pixels times six crossbars; an input goes to 20 * 3 of them, from 3 x 3 positions.
    **{"served_arrays": 20 * 6, "reached_arrays": 60 / 9},
    **edram(5 * 5 * 40 + 8 * 15),
    # Its lines: 3 of 3, 4 pixels and one of border each in the loop nest.
    **buffer("input_buffer", 3 * 5 * 40, 3 * 4 * 40),
    **shares(7 / 9 * 7 / 8, 3 / 5 * 4 / 5, 14 / 15, 7 / 9 * 7 / 8 * 14 / 15),
    "conversion_share": 14 / 15,
    "adc_share": 14 / 15,
    # Sums of 6 kernel pixels times 40 channels: 8 bits more than a product.
    "accumulator_bits": 6 + 7 + 8,
}
DIGITAL = {"sub_crossbars": 6, "row_tiles": 2, "joined_sub_crossbars": 1, "joined_row_tiles": 1}
CURRENT = {"sub_crossbars": 1, "row_tiles": 1, "joined_sub_crossbars": 6, "joined_row_tiles": 2}


def part(design: str, **numbers: Any) -> Part:
    return designs.find(design).plan(LAYER, SMALL.replace(**numbers)).parts[0]


def require(found: Part, expected: dict[str, float]) -> None:
    sizes = asdict(found.sizes)
    assert sizes.keys() == expected.keys()
    assert sizes == {name: near(value) for name, value in expected.items()}


@pytest.mark.parametrize(
    ("merge", "own"), [("digital", DIGITAL | {"partial_sums": 12}), ("current", CURRENT)]
)
def test_red(merge: str, own: dict[str, float]) -> None:
    own = {"partial_sums": 1, **own}
    found = part("red", merge=merge)
    require(found, {**ALWAYS, **WHOLE, **RED, **own})
    assert (found.crossbars, found.sub_crossbars, found.drives) == (36, 6, 18)
    # Sums of 20 rows of two-bit cells and pulses reach 180; of 6 x 2 joined tiles 2160.
    exact = 8 if merge == "digital" else 12
    assert part("red", merge=merge, adc_bits=None).sizes.adc_resolution == exact
    assert part("red", merge=merge, adc_bits=5).lost_bits == exact - 1 - 5  # an offset saves one


@pytest.mark.parametrize("merge", ["digital", "current"])
def test_red_folded_where_turns_do_not_fit_the_rows(merge: str) -> None:
    """Three turns along the first axis on three times as many crossbars: 2 x 3 x 2 x 3 a mode."""
    own = {**RED, "fold": 3, "served_arrays": 4 * 36}
    if merge == "digital":
        own |= {**DIGITAL, "sub_crossbars": 2, "row_tiles": 6, "partial_sums": 4}
    else:  # each turn is converted, though a joint is counted once
        own |= {**CURRENT, "joined_sub_crossbars": 2, "joined_row_tiles": 6, "partial_sums": 1}
        own["adc_share"] = 3 * own["adc_share"]
    found = part("red", merge=merge, fold=3)
    require(found, {**ALWAYS, **WHOLE, **own})
    assert (found.crossbars, found.sub_crossbars, found.drives) == (36, 2, 18)
    assert found.notes[1:] == (
        "folded kernel pixels do not fit one crossbar's rows: the fold saves no crossbars",
    )


@pytest.mark.parametrize("merge", ["digital", "current"])
def test_red_folded_on_tall_crossbars(merge: str) -> None:
    """Two by two kernel pixels of the last group in three turns, on 120 of 128 rows."""
    found = designs.find("red").plan(LAYER, SMALL.replace(rows=128, fold=3, merge=merge)).parts[-2]
    assert found.name == "taps 2x2"
    assert found.notes[1:] == ("kernel pixels padded to share sub-crossbars evenly",)
    own = {
        **RED,
        **{"crossbar_rows": 128, "rows_used": 40, "rows_per_turn": 42, "driver_depth": 40},
        **{"fold": 3, "served_arrays": 4 * 2 * 3, "column_tiles": 3},
        **buffer("input_buffer", 2 * 6 * 40, 2 * 4 * 40),  # a third kernel pixel is padding
        # Of three turns two take a kernel pixel; both steps along the first axis are inside.
        **shares(7 / 8, 3 / 3 * 4 / 5, 14 / 15, 7 / 8 * 14 / 15 * 2 / 3),
        "input_buffer_read_share": 7 / 8 * 2 / 3,
        **dict.fromkeys(("array_share", "driver_share"), 2 / 3),
        **dict.fromkeys(("conversion_share", "adc_share"), 14 / 15 * 2 / 3),
    }
    if merge == "digital":
        own |= {**DIGITAL, "sub_crossbars": 2, "row_tiles": 1, "partial_sums": 2}
    else:
        own |= {**CURRENT, "joined_sub_crossbars": 2, "joined_row_tiles": 1, "partial_sums": 1}
        own["adc_share"] = 14 / 15 * 2
    require(found, {**ALWAYS, **own})


def test_split_kernel() -> None:
    """3 x 2 kernel pixels of five channels on 30 rows of eight crossbars, one below the other."""
    own = {
        **RED,
        **DIGITAL,
        **{"rows_used": 30, "driver_depth": 30, "sub_crossbars": 1, "row_tiles": 8},
        **{"partial_sums": 8, "served_arrays": 2 * 3 * (8 + 5), "reached_arrays": 60 / 9},
    }
    found = part("split_kernel")
    require(found, {**ALWAYS, **WHOLE, **own})
    assert (found.crossbars, found.sub_crossbars, found.drives) == (24, 1, 18)


# Of 8 x 4 kernel positions (5 x 8 outputs times 5 x 4 kernel pixels) these see an input pixel.
MET = (3 + 2 * 4) / (5 * 5) * 14 / (8 * 4)


@pytest.mark.parametrize(("aware", "stored"), [(True, False), (False, False), (True, True)])
def test_zero_padding(aware: bool, stored: bool) -> None:
    """20 kernel pixels of 40 channels on 32 rows: 4 of a line and 8 channels, 25 crossbars."""
    met = float(MET)
    real = met if aware else 1.0
    own = {
        **RED,
        **DIGITAL,
        **{"rows_used": 32, "driver_depth": 32, "sub_crossbars": 1, "row_tiles": 25},
        **{"partial_sums": 25, "served_arrays": 25 * 3, "reached_arrays": 3.0},
        "accumulator_bits": 6 + 7 + ceil(log2(40 * 20)),
        # The map with its border has 9 x 11 positions.
        **shares(real, 3 / 9 * 4 / 11, 14 / 15, real * 14 / 15),
        "input_buffer_read_share": met,
        # Of five lines three are pixels; of 11 positions four.
        **buffer("input_buffer", 5 * 11 * 40, 3 * 4 * 40),
    }
    if stored:
        ones = ("edram_read_share", "edram_write_share")
        own |= dict.fromkeys((*ones, "input_buffer_read_share", "input_buffer_write_share"), 1.0)
        own |= buffer("input_buffer", 5 * 11 * 40, 5 * 11 * 40)
    found = part("zero_padding", zero_aware=aware, zeros_stored=stored)
    require(found, {**ALWAYS, **WHOLE, **own})
    assert (found.crossbars, found.sub_crossbars, found.drives) == (75, 1, 60)


def test_padding_free() -> None:
    """One input pixel at a time: 20 kernel pixels of 14 channels, 2 x 3 of them on 6 columns."""
    own = {
        **RED,
        **DIGITAL,
        **{"sub_crossbars": 1, "partial_sums": 2, "columns_used": 6, "column_tiles": 5 * 2 * 5},
        **{"served_arrays": 50 * 2, "reached_arrays": 50.0},
        **buffer("input_buffer", 40, 40),
        # A line of inputs meets five lines of 10 outputs, 4 * 4 in the loop nest.
        **buffer("output_buffer", 5 * 16 * 15, 5 * 10 * 14, 6 + 7),
        **shares(1.0, 1.0, 14 / 15, 14 / 15),
        # All 5 x 8 outputs hold something, of 15 x 16 that are sent out in the loop nest.
        "edram_output_share": 14 / 15 * 5 / 15 * 8 / 16,
        "output_buffer_share": 14 / 15,
        "accumulator_bits": 6 + 7 + ceil(log2(40)) + ceil(log2(20)),
    }
    found = part("padding_free")
    require(found, {**ALWAYS, **WHOLE, **own})
    assert (found.crossbars, found.sub_crossbars, found.drives) == (100, 1, 50)


@pytest.mark.parametrize(("merge", "held"), [("digital", 6 + 4), ("current", 6 + 6)])
def test_red_with_its_modes_in_turn(merge: str, held: int) -> None:
    """On 120 rows three modes of 40 channels; 6, 6, 4 and 4 kernel pixels in two sets."""
    found = part("red_serial", merge=merge, rows=120)
    own = {
        **RED,
        **{"crossbar_rows": 120, "rows_used": 40, "driver_depth": 40, "rows_per_turn": 120},
        **{"fold": 3, "served_arrays": held * 3, "reached_arrays": held * 3 / 9},
        **(
            {**DIGITAL, "sub_crossbars": held, "row_tiles": 1, "partial_sums": 6}
            if merge == "digital"
            else {**CURRENT, "sub_crossbars": 2, "joined_row_tiles": 1, "partial_sums": 1}
        ),
    }
    require(found, {**ALWAYS, **WHOLE, **own})
    assert (found.crossbars, found.sub_crossbars, found.drives) == (3 * held, held, 3 * held)
    assert found.notes[1:] == (
        "a crossbar's rows hold 3 of 4 modes: 2 sets of crossbars take turns",
    )
    assert part("red_serial", merge=merge, rows=159).sizes.fold == 3
    assert part("red_serial", merge=merge, rows=160).sizes.fold == 4
    assert len(part("red_serial", merge=merge, rows=160).notes) == 1


def test_groups_of_channels_on_the_diagonal() -> None:
    """Two of six groups of 4 x 3 channels fit 8 rows and 6 columns, one where either is less."""
    layer = TransposedConv(24, 18, (3, 4), 2, stride=2, groups=6, input_bits=6, weight_bits=7)
    for less in ({"rows": 7}, {"rows": 8, "columns": 20}):
        (alone,) = designs.find("red").plan(layer, SMALL.replace(**less)).parts
        assert (alone.sizes.blocks, alone.crossbars) == (1, 24)
    (cut,) = designs.find("red").plan(layer, SMALL.replace(rows=3)).parts
    assert (cut.sizes.blocks, cut.sizes.row_tiles) == (1, 2)  # not even one fits
    (found,) = designs.find("red").plan(layer, SMALL.replace(rows=8)).parts
    own = {
        **RED,
        **DIGITAL,
        **{"crossbar_rows": 8, "rows_used": 8, "columns_used": 6, "driver_depth": 8},
        **{"rows_per_turn": 4, "logical_columns": 3, "column_tiles": 1, "channel_groups": 3},
        **{"blocks": 2, "sub_crossbars": 1, "row_tiles": 1, "partial_sums": 1, "modes": 4},
        **{"served_arrays": 12, "reached_arrays": 4.0, "accumulator_bits": 6 + 7 + 2},
        **buffer("input_buffer", 4 * 24, 4 * 24),
        **shares(1.0, 1.0, 1.0, 1.0),
        **dict.fromkeys(("conversion_share", "adc_share"), 1.0),
    }
    require(found, {**ALWAYS, **WHOLE, **own})
    assert (found.crossbars, found.sub_crossbars, found.drives) == (12, 4, 4)


def test_arrays_as_large_as_the_matrix_on_joined_lines() -> None:
    """Three turns on 120 rows; a line runs through the 14 outputs of a third of the four modes."""
    found = part("red", rows=None, columns=None, word_lines="joined", fold=3)
    own = {
        **RED,
        **{"crossbar_rows": 120, "crossbar_columns": 56, "line_columns": 4 * ceil(56 / 3)},
        **{"rows_used": 40, "columns_used": 14, "driver_depth": 40, "rows_per_turn": 40},
        **{"logical_columns": 14, "fold": 3, "column_tiles": 1, "partial_sums": 2},
        **{**DIGITAL, "sub_crossbars": 2, "row_tiles": 1},
        **{"served_arrays": 4 * 2, "reached_arrays": 20 / 9},
        **shares(7 / 9 * 7 / 8, 3 / 5 * 4 / 5, 1.0, 7 / 9 * 7 / 8),
        **dict.fromkeys(("conversion_share", "adc_share"), 1.0),
    }
    require(found, {**ALWAYS, **WHOLE, **own})
    one = part("red", columns=None, word_lines="joined", fold=3)
    assert (one.sizes.crossbar_columns, one.sizes.line_columns) == (56, 4 * ceil(56 / 3))


# 9 x 12 outputs of 3 x 4 inputs three apart, which taps two apart seldom meet.
SPARSE = TransposedConv(4, 3, (3, 4), 2, stride=3, dilation=2, input_bits=6, weight_bits=7)
ONE = {
    **{**RED, **DIGITAL, "sub_crossbars": 1, "row_tiles": 1, "partial_sums": 1, "column_tiles": 1},
    **{"served_arrays": 1, "reached_arrays": 1.0},
    **dict.fromkeys(("conversion_share", "adc_share"), 1.0),
}


def test_dilated_taps_on_the_rows() -> None:
    """2 x 2 taps of four channels on 16 rows, whose box has 3 x 3 positions."""
    (found,) = designs.find("zero_padding").plan(SPARSE, SMALL).parts
    own = {
        **ONE,
        **{"rows_used": 16, "columns_used": 3, "driver_depth": 4 * 3 * 3},
        "accumulator_bits": 6 + 7 + 4,
        # Each tap meets each of 3 x 4 pixels once, in 9 x 12 steps; a map of 11 x 14 positions.
        **shares(6 / 18 * 8 / 24, 3 / 11 * 4 / 14, 1.0, 6 / 18 * 8 / 24),
        "input_buffer_read_share": 6 / (9 * 3) * 8 / (12 * 3),
        **buffer("input_buffer", 3 * 14 * 4, 1 * 4 * 4),  # of three lines one is of pixels
    }
    require(found, {**ALWAYS, **WHOLE, **own})
    assert (found.crossbars, found.drives, found.lost_bits) == (1, 4, 0)


def test_sums_that_do_not_overlap() -> None:
    """Two taps of a line stay apart from the next one's: 2 of 3 lines, 8 of 12 pixels."""
    (found,) = designs.find("padding_free").plan(SPARSE, SMALL).parts
    own = {
        **ONE,
        **{"rows_used": 4, "columns_used": 6, "driver_depth": 4, "column_tiles": 2},
        **{"served_arrays": 2, "reached_arrays": 2.0, "accumulator_bits": 6 + 7 + 2 + 2},
        **shares(1.0, 1.0, 1.0, 1.0),
        **buffer("input_buffer", 4, 4),
        **buffer("output_buffer", 2 * 8 * 3, 2 * 8 * 3, 6 + 7),
        "output_buffer_share": 1.0,
    }
    require(found, {**ALWAYS, **WHOLE, **own})


def test_edram_of_more_than_a_bank_and_of_a_layer_in_which_nothing_is_computed() -> None:
    """Lines of the widest window; none are held where no kernel pixel reaches an output."""
    nothing = TransposedConv(4, 3, (2, 2), 1, stride=3, padding=1, input_bits=6, weight_bits=7)
    (found,) = designs.find("zero_padding").plan(nothing, SMALL).parts
    assert found.sizes.edram_stored_share == near(BANK // 6 / (found.sizes.edram_depth * 42))
    assert found.sizes.edram_banks == 1


@pytest.mark.parametrize(("rows", "stacked"), [(120, True), (119, False)])
def test_turns_share_the_rows_that_just_hold_them(rows: int, stacked: bool) -> None:
    """Three times 40 channels."""
    found = part("red", rows=rows, fold=3)
    assert found.sizes.row_tiles == (1 if stacked else 3)
    assert found.sizes.rows_per_turn == (40 if stacked else rows)


def test_one_crossbar_of_a_mode_is_converted_in_the_turns_that_are_counted() -> None:
    """Nothing is joined, so that no turn is hidden."""
    layer = TransposedConv(4, 3, (3,), 2, input_bits=6, weight_bits=7)
    (found,) = designs.find("red").plan(layer, SMALL.replace(fold=2, merge="current")).parts[:1]
    assert (found.sizes.joined_sub_crossbars, found.sizes.joined_row_tiles) == (1, 1)
    assert found.sizes.adc_share == found.sizes.conversion_share == 1.0


def test_a_weight_as_wide_as_a_crossbar_fits() -> None:
    assert part("red", columns=4).sizes.columns_used == 1


@pytest.mark.parametrize(("channels", "more"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
@pytest.mark.parametrize(("kernel", "overlapping"), [(1, 1), (2, 1), (3, 2)])
def test_sums_have_a_bit_of_headroom_at_least(
    channels: int, more: int, kernel: int, overlapping: int
) -> None:
    """Bits beyond a product: of what a crossbar adds, and of what overlaps."""
    layer = TransposedConv(channels, 1, (4,), kernel, stride=3)
    (found,) = designs.find("padding_free").plan(layer, SMALL).parts
    assert found.sizes.accumulator_bits == 16 + more + overlapping
    (one,) = designs.find("red").plan(layer, SMALL).parts[:1]
    assert one.sizes.accumulator_bits == 16 + more


@pytest.mark.parametrize("rows", [80, 79])
def test_two_turns_share_the_rows_or_say_that_they_do_not(rows: int) -> None:
    found = part("red", rows=rows, fold=2)
    told = "folded kernel pixels do not fit one crossbar's rows: the fold saves no crossbars"
    assert (told in found.notes) == (rows < 80)
    assert found.sizes.rows_per_turn == (40 if rows == 80 else rows)


@pytest.mark.parametrize(
    ("design", "modes", "steps"),
    [
        ("red", 4, 3 * 4),
        ("red_serial", 4, 5 * 8),  # all outputs in turn
        ("split_kernel", 4, 3 * 4),
        ("zero_padding", 1, 5 * 8),
        ("padding_free", 1, 3 * 4),  # input pixels
    ],
)
def test_modes_and_steps(design: str, modes: int, steps: int) -> None:
    plan = designs.find(design).plan(LAYER, SMALL)
    assert (plan.modes, plan.steps) == (modes, steps)
