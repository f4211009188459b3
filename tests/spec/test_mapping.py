"""Mappings and constraints in both spellings, macros, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from spec.texts import ARCHITECTURE, MAPPING, PROBLEM

from red_timeloop.spec.types import LevelMapping, Specification

Read = Callable[..., Specification]
Message = Callable[..., str]
EVERY = ("Weights", "Inputs", "Outputs")
TIMELOOP = """\
mapping:
- {target: cell, type: datatype, keep: [Weights], bypass: [Inputs, Outputs]}
- {target: cell, type: temporal, factors: C1 M2 P1 R3, permutation: RMCP}
- {target: inter_row_spatial, type: datatype, keep: [], bypass: [Weights, Inputs, Outputs]}
- {target: inter_row_spatial, type: spatial, factors: C=8 M1 P1 R1, permutation: CMPR, split: 0}
- {target: inter_row_spatial, type: temporal, factors: C1 M1 P1 R1, permutation: CMPR}
- {target: inter_column_spatial, type: spatial, factors: "M4, C=1", permutation: "M,C,P,R"}
- {target: buffer, type: temporal, factors: C2 M1 P0 # a comment
  , permutation: PCMR}
"""


def mapped(read: Read, mapping: str) -> dict[str, LevelMapping]:
    found = read(ARCHITECTURE, PROBLEM, mapping)
    assert found.mapping is not None
    return dict(found.mapping.levels)


def test_a_mapping_as_people_write_it(read: Read) -> None:
    found = mapped(read, MAPPING)
    assert list(found) == ["buffer", "inter_column_spatial", "inter_row_spatial", "cell"]
    assert found["buffer"] == LevelMapping(temporal=(("P", 6), ("C", 2)), keep=EVERY)
    assert found["inter_column_spatial"].spatial_x == (("M", 4),)
    assert found["inter_row_spatial"].spatial_y == (("C", 8),)
    assert found["inter_row_spatial"].bypass == EVERY
    assert found["cell"] == LevelMapping(
        temporal=(("R", 3), ("M", 2)), keep=("Weights",), bypass=("Inputs", "Outputs")
    )


def test_timeloops_own_spelling_means_the_same(read: Read) -> None:
    assert mapped(read, TIMELOOP.replace(" # a comment\n  ", "")) == mapped(read, MAPPING)


def test_factors_of_a_dimension_are_collected_outermost_first(read: Read) -> None:
    found = read(ARCHITECTURE, PROBLEM, MAPPING)
    assert found.mapping is not None
    assert found.mapping.factors("C") == (2, 8)
    assert found.mapping.factors("M") == (4, 2)


def test_split_counts_unit_dimensions_as_the_tools_do(read: Read) -> None:
    """timeloopfe puts unlisted unit dimensions first; Timeloop's own spelling has no such step."""
    mapping = MAPPING.replace("[M=4], permutation: [M], split: 99", "[M=4, P=1], split: 1")
    assert mapped(read, mapping)["inter_column_spatial"].spatial_y == (("M", 4),)
    raw = mapping.replace("target: column", "target: inter_column_spatial").replace(
        "[M=4, P=1], split: 1", "[M=4, P=1], permutation: [M], split: 1"
    )
    assert mapped(read, raw)["inter_column_spatial"].spatial_x == (("M", 4),)


def test_reuse_switches_and_bypass(read: Read) -> None:
    found = mapped(
        read,
        MAPPING.replace(
            "split: 99", "split: 99, no_reuse: [Inputs], no_link_transfer: '*'"
        ).replace(
            "permutation: [R, M]",
            "permutation: [R, M], no_reuse: Weights, rmw_first_update: [Outputs]",
        )
        + "- {target: buffer, type: dataspace, bypass: [Weights], no_coalesce: [Outputs]}\n",
    )
    assert found["inter_column_spatial"].no_spatial_reuse == ("Inputs",)
    assert found["inter_column_spatial"].no_link_transfer == EVERY
    assert found["cell"].no_temporal_reuse == ("Weights",)
    assert found["cell"].rmw_first_update == ("Outputs",)
    assert (found["buffer"].bypass, found["buffer"].no_coalesce) == (("Weights",), ("Outputs",))
    assert found["buffer"].keep == ("Inputs", "Outputs")


def test_a_mapping_chooses_among_what_constraints_allow(read: Read) -> None:
    bounds = (
        "extra_mapping_constraints: {version: 0.4, targets: [{target: buffer, type: temporal, "
        "factors: [P<=6, C>=2], permutation: [C]}, {target: row, type: spatial, split: 99}]}"
    )
    found = read(ARCHITECTURE, PROBLEM, bounds, MAPPING)
    assert found.mapping is not None
    assert found.mapping.levels["buffer"].temporal == (("P", 6), ("C", 2))
    assert found.constraints.levels["buffer"].temporal.permutation == ("C",)
    assert found.constraints.levels["inter_row_spatial"].spatial.split == 99


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "P=6",
            "P=5",
            "file2.yaml: mapping: the factors of dimension P multiply to 5 (5 at buffer) "
            "(legal: 6, the size of P)",
        ),
        (
            "C=2, ",
            "",
            "the factors of dimension C multiply to 8 (8 at inter_row_spatial) (legal: 16",
        ),
        ("R=0", "R=1", "dimension R multiply to 1 (1 at every level) (legal: 3, the size of R)"),
        (
            "[M=2, R=0]",
            "[M=2, R=0, C=2]",
            "multiply to 32 (2 at buffer x 8 at inter_row_spatial x 2 at cell) (legal: 16",
        ),
        (
            "target: row",
            "target: rows",
            "file2.yaml:4: mapping[2] (rows).target: unknown level 'rows' (legal: chip, buffer, "
            "column, row, cell, mac, inter_column_spatial, inter_row_spatial)",
        ),
        ("C=8", "K=8", "factors: unknown dimension 'K' in 'K=8' (legal: C, M, P, R)"),
        (
            "permutation: [M]",
            "permutation: [K]",
            "permutation: unknown dimension 'K' (legal: C, M,",
        ),
        ("permutation: [M]", "permutation: [M, M]", "permutation: dimension 'M' twice"),
        ("permutation: [M]", "permutation: [3]", "permutation: expected a list of dimensions"),
        ("permutation: [M]", "permutation: 3", "expected dimensions, got a number (legal: [Q, P]"),
        (
            "[C=8]",
            "[C8x]",
            'malformed factor \'C8x\' (legal: P=4, "P<=4", "P>=4", P4 or P=4,2 (imp',
        ),
        ("[C=8]", "['C4,5']", "the last pass of 'C4,5' has 5 iterations (legal: 1 to 4)"),
        ("[C=8]", "[C=8,0]", "the last pass of 'C=8,0' has 0 iterations (legal: 1 to 8)"),
        ("[C=8]", "'C8,7'", "the factors of dimension C multiply to"),
        ("[C=8]", "[C=rows]", "malformed factor 'C=rows'"),
        ("[C=8]", "[C<=0]", "'C<=0' must be 1 or more"),
        ("[C=8]", "{C: 8}", "factors: expected a list, got a mapping"),
        ("[C=8]", "[C=8, C=4]", "factors: C=4 contradicts C=8"),
        ("split: 0", "split: -1", "split: expected a whole number, got -1 (legal: 0 or more)"),
        (
            "split: 0",
            "spilt: 0",
            "mapping[2] (row).spilt: unknown key; did you mean 'split'? (legal: d",
        ),
        (
            "split: 0",
            "no_reuse: [Weight]",
            "no_reuse: unknown data space 'Weight' (legal: Weights,",
        ),
        ("split: 0", "no_reuse: 3", "no_reuse: expected a list of names, got 3"),
        (
            "type: spatial",
            "type: spacial",
            "type: unknown type 'spacial' (legal: temporal, spatial",
        ),
        ("type: spatial, ", "", "the key 'type' is missing"),
        ("target: row, ", "", "the key 'target' is missing"),
        ("spatial, factors: [C=8], split: 0", "temporal, factors: [C=8]", "so it has no loops in "),
        (
            "target: row, type: spatial",
            "target: cell, type: spatial",
            "C=8 at 'cell', which has no fan-out",
        ),
        ("target: row,", "target: chip,", "C=8 at 'chip', which has no fan-out"),
        (
            "- {target: row",
            "- 3\n- {target: row",
            "mapping[2]: an entry is a number, not a mapping",
        ),
        ("mapping:\n", "mapping: {a: 1}\nignore:\n", "mapping: expected a list of targets, got a"),
    ],
)
def test_refusals(message: Message, old: str, new: str, expected: str) -> None:
    assert old in MAPPING
    assert expected in message(ARCHITECTURE, PROBLEM, MAPPING.replace(old, new, 1))


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (
            "{target: cell, type: bypass, bypass: [Weights]}",
            "'cell' both keeps and bypasses Weights",
        ),
        (
            "{target: cell, type: datatype, keep: [X]}",
            "unknown data space 'X' (legal: Weights, Inp",
        ),
        ("{target: row, type: dataspace, keep: [X]}", "unknown data space 'X'"),
        (
            "{target: inter_row_spatial, type: datatype, keep: [Weights]}",
            "'inter_row_spatial' is no memory and cannot keep data",
        ),
        (
            "{target: inter_row_spatial, type: temporal, factors: C2}",
            "'inter_row_spatial' has no loops in time",
        ),
        ("{target: mac, type: temporal, factors: [C=2]}", "C=2 at 'mac', which is no memory"),
        ("{target: buffer, type: temporal, factors: [P=3]}", "P=3 contradicts P=6"),
        (
            "{target: buffer, type: temporal, maximize_dims: [[C]]}",
            "a mapping has factors and no macro",
        ),
        (
            "{target: buffer, type: max_overbooked_proportion, proportion: 2}",
            "2 is more than 1 (legal: 0 to 1)",
        ),
    ],
)
def test_refused_additions(message: Message, extra: str, expected: str) -> None:
    assert expected in message(ARCHITECTURE, PROBLEM, MAPPING + f"- {extra}\n")


def test_lists_of_several_files_are_one_that_stands_in_the_first(message: Message) -> None:
    joined = message(ARCHITECTURE, PROBLEM, MAPPING, "mapping:\n- 3\n")
    assert joined.startswith("file2.yaml:2: mapping[4]: an entry is a number, not a mapping")
