"""How large a design's memories and arrays are, by hand: banks of 64 KB, rows of 256 bits."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from math import ceil

import pytest
from close import near

from red_timeloop import Conv, TransposedConv, designs
from red_timeloop.designs.evaluate import evaluate
from red_timeloop.designs.gather import finish
from red_timeloop.designs.plan import Part, Plan
from red_timeloop.designs.result import Counts, LevelTotal
from red_timeloop.designs.sizes import CrossbarSizes, buffer_shape
from red_timeloop.engines.embedded.engine import evaluate_specification
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer

BANK = 64 * 1024  # bytes: words of 8 bits, 32 in a row of 256
WIDE = TransposedConv(512, 256, (64, 64), 4, stride=2, padding=1)


def plan(design: str, layer: Layer, **numbers: object) -> Plan:
    return designs.find(design).plan(layer, Hardware.load().replace(**numbers))


def shape(plan: Plan, buffer: str) -> tuple[int, int, int, float]:
    sizes = plan.parts[-1].sizes  # of the inputs, where they are a part of their own
    keys = ("depth", "width", "banks", "stored_share")
    return tuple(getattr(sizes, f"{buffer}_{key}") for key in keys)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("layer", "words", "boxes"),
    [
        # Three lines of inputs are read for two lines of outputs. What the loop nest places for
        # a line of outputs: 4 x (127 + 4) inputs of the zero-inserted map, and 128 outputs.
        (WIDE, 3 * 64 * 512 + 2 * 128 * 256, 4 * 131 * 512 + 128 * 256),
        # The whole map has two lines only.
        (
            TransposedConv(512, 256, (2, 600), 4, stride=2, padding=1),
            2 * 600 * 512 + 2 * 1200 * 256,
            4 * (1199 + 4) * 512 + 1200 * 256,
        ),
        # An ordinary convolution makes a line at a time.
        (
            Conv(512, 512, (200, 200), 3, padding=1),
            3 * 200 * 512 + 200 * 512,
            3 * 202 * 512 + 200 * 512,
        ),
        # No kernel pixel reaches a line: no lines of inputs are held for three of outputs.
        (
            TransposedConv(512, 256, (1, 600), 1, (3, 1), ((1, 0), (0, 0)), (1, 0)),
            3 * 600 * 256,
            600 * 512 + 600 * 256,
        ),
        # One bank at least.
        (TransposedConv(8, 4, (4, 4), 4, stride=2, padding=1), BANK, 4 * 11 * 8 + 8 * 4),
    ],
)
def test_the_edram_holds_the_lines_in_use(layer: Layer, words: int, boxes: int) -> None:
    depth = ceil(max(words, boxes) / 32)
    share = min(1, words / (32 * depth))
    found = shape(plan("zero_padding", layer), "edram")
    assert found == (depth, 256, ceil(words / BANK), near(share))


@pytest.mark.parametrize(
    ("design", "stored", "words", "boxes"),
    [
        ("zero_padding", False, 2 * 64 * 512, 4 * 131 * 512),  # of four lines two are zeros
        ("zero_padding", True, 4 * 131 * 512, 4 * 131 * 512),
        ("red", False, 3 * 64 * 512, 3 * 66 * 512),  # one step's window, and a pixel of border
    ],
)
def test_the_input_buffer_holds_the_lines_of_the_window(
    design: str, stored: bool, words: int, boxes: int
) -> None:
    found = shape(plan(design, WIDE, zeros_stored=stored), "input_buffer")
    assert found == (boxes // 32, 256, ceil(words / BANK), near(words / boxes))


def test_the_output_buffer_holds_what_one_line_of_inputs_meets() -> None:
    """Four lines of (63 * 2 + 4) sums of 16 bits, where the loop nest has 64 * 4 in each."""
    found = shape(plan("padding_free", WIDE), "output_buffer")
    words, boxes = 4 * 130 * 256, 4 * 256 * 256
    assert found == (boxes // 16, 256, ceil(2 * words / BANK), near(words / boxes))


@pytest.mark.parametrize(
    ("words", "real", "bits", "expected"),
    [
        (100, 60, 8, (4, 256, 1, 60 / 128)),
        (60, 100, 8, (4, 256, 1, 100 / 128)),  # what the hardware holds is placed too
        (512, 512, 1, (2, 256, 1, 1.0)),
        (64, 64, 128, (32, 256, 1, 1.0)),
        (64, 1, 129, (64, 129, 1, 1 / 64)),  # a row holds a word at least
        (64, 0, 300, (64, 300, 1, 1 / 64)),
        (1, BANK, 8, (BANK // 32, 256, 1, 1.0)),
        (1, BANK + 1, 8, (BANK // 32 + 1, 256, 2, (BANK + 1) / (BANK + 32))),
    ],
)
def test_a_buffer_by_hand(words: int, real: int, bits: int, expected: tuple[float, ...]) -> None:
    found = buffer_shape(words, real, bits)
    assert (found.depth, found.width, found.banks, near(found.stored_share)) == expected


def test_a_crossbar_is_whole_however_little_of_it_is_used() -> None:
    """21 channels of 4 cells on 16 sub-crossbars: every one has 128 rows and 128 columns."""
    layer = TransposedConv(21, 21, (16, 16), 4, stride=2)
    result = evaluate(designs.find("red"), layer, Hardware.load(), evaluate_specification)
    cells = 16 * 128 * (128 // 4)
    assert result.levels["cell"].instances == cells
    assert {part.sizes.blocks for part in result.plan.parts} == {1}


def test_channels_that_are_padded_are_told() -> None:
    layer = TransposedConv(129, 33, (4, 4), 4, stride=2, padding=1)
    result = evaluate(designs.find("red"), layer, Hardware.load(), evaluate_specification)
    assert result.notes == (
        "129 input channels padded to 130 to tile the rows",
        "33 output channels padded to 34 to tile the columns",
    )
    even = TransposedConv(256, 64, (4, 4), 4, stride=2, padding=1)
    assert not [note for part in plan("red", even).parts for note in part.notes]


@pytest.mark.parametrize(("fold", "rows"), [(1, 50), (2, 100), (4, 50)])
def test_rows_are_programmed_one_after_the_other(fold: int, rows: int) -> None:
    """Ten pulses of 50 ns a row, of all crossbars at once; a fold stacks its turns if they fit."""
    layer = TransposedConv(50, 20, (4, 4), 4, stride=2, padding=1)
    hardware = Hardware.load().replace(fold=fold)
    result = evaluate(designs.find("red"), layer, hardware, evaluate_specification)
    assert result.programming_time == near(rows * 10 * 50e-9)
    cell = 10 * 2.0 * 1e-4 * 50e-9
    assert result.programming_energy == near(50 * 20 * 16 * 4 * cell)
    assert list(result.energy_by_stage()) == ["drive", "settle", "convert", "accumulate", "store"]


@pytest.mark.parametrize(
    ("drives", "in_turn", "reached"),
    [((1, 1), False, 1.0), ((4, 1), False, 1.25), ((3, 5), False, 2.0), ((3, 5), True, 1.25)],
)
def test_a_step_reaches_the_arrays_of_all_parts_or_of_the_largest(
    drives: tuple[int, ...], in_turn: bool, reached: float
) -> None:
    """Of a window of four positions, and at least one array of each."""
    part = plan("zero_padding", WIDE).parts[0]
    parts = [
        replace(part, drives=each, crossbars=count)
        for each, count in zip(drives, (2, 7), strict=True)
    ]
    columns = part.sizes.line_columns * (1 if in_turn else 2)
    for found in finish(parts, 4, in_turn=in_turn):
        assert found.sizes.reached_arrays == reached
        assert found.sizes.served_arrays == (7 if in_turn else 9)
        assert found.sizes.line_columns == max(columns, part.sizes.crossbar_columns)
    (none, _) = finish([replace(part, crossbars=0), part], 4)
    assert none.sizes.line_columns == max(part.sizes.line_columns, part.sizes.crossbar_columns)


def test_rows_are_those_of_the_part_with_the_most_crossbars() -> None:
    layer = TransposedConv(8, 4, (4, 4), 4, stride=2, padding=1)
    design = designs.find("zero_padding")
    found = evaluate(design, layer, Hardware.load(), evaluate_specification)
    part = found.plan.parts[0]
    few, most = (
        replace(part, crossbars=count, sizes=replace(part.sizes, rows_used=rows, crossbar_rows=9))
        for count, rows in ((2, 7), (5, 6))
    )
    for parts, rows in (
        ((few, most), (6, 9)),
        ((most, few), (6, 9)),
        ((few,), (7, 9)),
        ((), (0, 0)),
    ):
        assert replace(found, plan=replace(found.plan, parts=parts)).rows == rows


def test_what_a_level_or_a_part_does_not_say_is_nothing() -> None:
    assert not any(vars(Counts()).values())
    sizes = {each.name: each.default for each in fields(CrossbarSizes)}
    given = {name: value for name, value in sizes.items() if value is not MISSING}
    assert given == {"copies": 1, "served_arrays": 1, "reached_arrays": 1.0}
    total = LevelTotal()
    assert not any((total.instances, total.energy, total.area, total.leakage, total.data_spaces))
    problem = plan("zero_padding", WIDE).parts[0].problem
    part = Part("own", "all", problem, None, None)
    assert not any((part.crossbars, part.sub_crossbars, part.drives, part.lost_bits))
