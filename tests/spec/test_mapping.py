"""Mappings and constraints in both spellings, macros, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from spec.texts import ARCHITECTURE, MAPPING, PROBLEM

from red_timeloop.spec.types import FactorConstraint, LevelMapping, Specification

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


def constrained(read: Read, *entries: str) -> Specification:
    targets = "".join(f"  - {entry}\n" for entry in entries)
    return read(ARCHITECTURE, PROBLEM, f"mapspace_constraints:\n  targets:\n{targets}")


def factors(found: Specification, level: str, kind: str = "temporal") -> dict[str, str]:
    constraint = getattr(found.constraints.levels[level], kind)
    return {each.dimension: str(each) for each in constraint.factors}


def test_macros(read: Read) -> None:
    found = constrained(
        read,
        "{target: buffer, type: temporal, factors_only: [P=0], factors: [C<=4]}",
        "{target: row, type: spatial, no_iteration_over_dataspaces: [Outputs]}",
        "{target: column, type: spatial, must_iterate_over_dataspaces: [Weights]}",
        "{target: cell, type: temporal, factors_only: []}",
    )
    assert factors(found, "buffer") == {"C": "C<=4", "P": "P=0", "M": "M=1", "R": "R=1"}
    assert factors(found, "inter_row_spatial", "spatial") == {"M": "M=1", "P": "P=1"}
    assert factors(found, "inter_column_spatial", "spatial") == {"P": "P=1"}
    assert factors(found, "cell") == dict(zip("CMPR", ["C=1", "M=1", "P=1", "R=1"], strict=True))


def test_data_space_macros(read: Read) -> None:
    keep = constrained(read, "{target: buffer, type: dataspace, keep_only: [Inputs]}")
    bypass = constrained(read, "{target: buffer, type: dataspace, bypass_only: ['*']}")
    spaces = keep.constraints.levels["buffer"].data_spaces
    assert (spaces.keep, spaces.bypass) == (("Inputs",), ("Weights", "Outputs"))
    assert bypass.constraints.levels["buffer"].data_spaces.bypass == EVERY


def test_constraints_of_all_kinds(read: Read) -> None:
    found = constrained(
        read,
        "{target: buffer, type: temporal, factors: 'P>=2 C=4', permutation: CP_MR, "
        "default_max_factor: 8, remainders: 1}",
        "{target: buffer, type: max_overbooked_proportion, proportion: 0.5}",
        "{target: cell, type: utilization, min: 0.25}",
        "{target: row, type: spatial, factors: [[C, '=', 8]], no_link_transfer: [Inputs]}",
    )
    temporal = found.constraints.levels["buffer"].temporal
    assert temporal.factors == (FactorConstraint("P", ">=", 2), FactorConstraint("C", "=", 4))
    assert (temporal.permutation, temporal.outermost) == (("C", "P"), ("M", "R"))
    assert (temporal.default_max_factor, temporal.remainders) == (8, 1)
    assert temporal.factor("C") == 4
    assert temporal.factor("M") is None
    assert found.constraints.levels["buffer"].max_overbooked_proportion == 0.5
    assert found.constraints.min_utilization == 0.25
    assert factors(found, "inter_row_spatial", "spatial") == {"C": "C=8"}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            "{target: buffer, type: temporal, factors: [C=2], "
            "no_iteration_over_dataspaces: [Inputs]}",
            "C=2 contradicts no_iteration_over_dataspaces, which needs C=1",
        ),
        (
            "{target: buffer, type: temporal, factors: [P=2], "
            "must_iterate_over_dataspaces: [Weights]}",
            "P=2 contradicts must_iterate_over_dataspaces, which needs P=1",
        ),
        ("{target: buffer, type: temporal, factors: ['P<=2', 'P>=3']}", "P>=3 contradicts P<=2"),
        (
            "{target: cell, type: dataspace, bypass_only: [Weights]}",
            "both keeps and bypasses Weigh",
        ),
        (
            "{target: cell, type: dataspace, keep_onyl: [Weights]}",
            "keep_onyl: unknown key; did you mean 'keep_only'?",
        ),
        ("{target: cell, type: utilization, min: lots}", "the name 'lots' is not defined"),
    ],
)
def test_constraint_refusals(message: Message, entry: str, expected: str) -> None:
    text = f"architecture_constraints:\n  targets:\n  - {entry}\n"
    assert expected in message(ARCHITECTURE, PROBLEM, text)


def test_a_broken_bound_is_named(message: Message) -> None:
    text = "constraints: {targets: [{target: buffer, type: temporal, factors: ['P<=3']}]}"
    found = message(ARCHITECTURE, PROBLEM, text, MAPPING)
    assert "P=6 contradicts P<=3" in found
    text = "constraints: {targets: [{target: cell, type: temporal, factors: ['C>=2']}]}"
    found = message(ARCHITECTURE, PROBLEM, text, MAPPING)
    assert "C=1 at 'cell' breaks a constraint (legal: C>=2)" in found


def test_conflicting_permutations_and_splits(message: Message) -> None:
    one = "{target: row, type: spatial, permutation: [C, M], split: 1}"
    text = "constraints: {targets: [%s, %s]}"
    found = message(ARCHITECTURE, PROBLEM, text % (one, one.replace("C, M", "M, C")))
    assert "permutation: MC contradicts CM, given before" in found
    found = message(ARCHITECTURE, PROBLEM, text % (one, one.replace("split: 1", "split: 0")))
    assert "split: 0 contradicts 1, given before" in found


PARALLEL = """\
architecture:
  nodes:
  - !Component {name: buffer, class: SRAM, attributes: {depth: 512, width: 8, datawidth: 8}}
  - !Parallel
    nodes:
    - !Component
      name: weights
      class: regfile
      attributes: {depth: 8, width: 8, datawidth: 8}
      constraints: {dataspace: {keep: [Weights]}}
    - !Hierarchical
      nodes:
      - !Component
        name: inputs
        class: regfile
        attributes: {depth: 8, width: 8, datawidth: 8}
        constraints: {dataspace: {keep: [Inputs]}}
      - !Component
        name: both
        class: regfile
        attributes: {depth: 8, width: 8, datawidth: 8}
        constraints: {dataspace: {keep: [Inputs, Outputs]}}
  - !Component {name: mac, class: compute}
"""


def test_data_spaces_go_through_one_child_of_a_parallel(read: Read) -> None:
    found = read(PARALLEL, PROBLEM)
    spaces = {name: each.data_spaces for name, each in found.constraints.levels.items()}
    assert spaces["weights"].bypass == ("Inputs", "Outputs")
    assert spaces["inputs"].bypass == ("Weights",)
    assert spaces["both"].bypass == ("Weights",)
    assert spaces["buffer"].bypass == ()
    groups = [(x.parallel_group, x.parallel_child) for x in found.architecture.levels]
    assert groups == [(None, None), (0, 0), (0, 1), (0, 1), (None, None)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[Inputs, Outputs]", "[Inputs]", "no child of a !Parallel keeps the data space 'Outputs'"),
        ("{keep: [Weights]}", "{keep: [Weights, Inputs]}", "several children of a !Parallel keep"),
        ("constraints: {dataspace: {keep: [Weights]}}", "constraints: {spaces: {}}", "unknown key"),
        (
            "constraints: {dataspace: {keep: [Weights]}}",
            "constraints: {dataspace: 3}",
            "expected a m",
        ),
    ],
)
def test_parallel_refusals(message: Message, old: str, new: str, expected: str) -> None:
    assert expected in message(PARALLEL.replace(old, new, 1), PROBLEM)


def test_what_a_mapping_keeps_in_one_child_goes_past_the_others(read: Read) -> None:
    """The architecture keeps the weights; the mapping chooses the child of the other two."""
    text = re.sub(r"\n +constraints: .*Inputs.*", "", PARALLEL)
    mapping = """\
mapping:
- {target: buffer, type: temporal, factors: [C=16, M=8, P=6, R=3]}
- {target: inputs, type: dataspace, keep: [Inputs], bypass: [Outputs]}
- {target: both, type: dataspace, keep: [Outputs], bypass: [Inputs]}
"""
    found = read(text, PROBLEM, mapping)
    spaces = {name: each.data_spaces for name, each in found.constraints.levels.items()}
    assert spaces["weights"].bypass == ()  # nothing but the weights is owned by a child so far
    assert spaces["inputs"].bypass == spaces["both"].bypass == ("Weights",)
    levels = found.mapping.levels
    assert levels["weights"].keep == ("Weights",)
    assert levels["weights"].bypass == ("Inputs", "Outputs")
    assert (levels["inputs"].keep, levels["both"].keep) == (("Inputs",), ("Outputs",))


def test_a_conflict_between_children_says_where_one_of_them_is(message: Message) -> None:
    """At the constraints of the first child, not at those of the level above."""
    text = PARALLEL.replace(
        "{depth: 512, width: 8, datawidth: 8}}",
        "{depth: 512, width: 8, datawidth: 8},\n      constraints: {dataspace: {keep: [Weights]}}}",
        1,
    ).replace("{dataspace: {keep: [Inputs]}}", "{dataspace: {keep: [Inputs, Weights]}}")
    first = text.index("name: weights")
    line = text[: text.index("keep: [Weights]", first)].count("\n") + 1
    assert message(text, PROBLEM).startswith(f"file0.yaml:{line}: ")
