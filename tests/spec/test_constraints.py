"""Constraints in all spellings, their macros, and the ways through the children of `!Parallel`."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product

import pytest
from spec.texts import ARCHITECTURE, MAPPING, PROBLEM

from red_timeloop.spec.types import FactorConstraint, Specification

Read = Callable[..., Specification]
Message = Callable[..., str]
EVERY = ("Weights", "Inputs", "Outputs")


def constrained(read: Read, *entries: str) -> Specification:
    targets = "".join(f"  - {entry}\n" for entry in entries)
    return read(ARCHITECTURE, PROBLEM, f"mapspace_constraints:\n  targets:\n{targets}")


def factors(found: Specification, level: str, kind: str = "temporal") -> dict[str, str]:
    constraint = getattr(found.constraints.levels[level], kind)
    return {each.dimension: str(each) for each in constraint.factors}


def test_a_list_of_constraints_is_that_of_their_targets(read: Read) -> None:
    entry = "- {target: buffer, type: temporal, factors: [M=2]}\n"
    bare = read(ARCHITECTURE, PROBLEM, f"constraints:\n{entry}")
    assert factors(bare, "buffer") == {"M": "M=2"}
    assert bare.constraints == constrained(read, entry[2:-1]).constraints


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
    free = constrained(
        read,
        "{target: buffer, type: temporal, permutation: [C, M]}",
        "{target: buffer, type: temporal, permutation: []}",
    )
    assert free.constraints.levels["buffer"].temporal.permutation == ("C", "M")


def test_data_space_macros(read: Read) -> None:
    keep = constrained(read, "{target: buffer, type: dataspace, keep_only: [Inputs]}")
    bypass = constrained(read, "{target: buffer, type: dataspace, bypass_only: ['*']}")
    spaces = keep.constraints.levels["buffer"].data_spaces
    assert (spaces.keep, spaces.bypass) == (("Inputs",), ("Weights", "Outputs"))
    assert bypass.constraints.levels["buffer"].data_spaces.bypass == EVERY
    for macro, kept in (("keep_only", ()), ("bypass_only", EVERY)):
        none = constrained(read, f"{{target: buffer, type: dataspace, {macro}: []}}")
        assert none.constraints.levels["buffer"].data_spaces.keep == kept


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


def test_a_parallel_inside_a_child_deals_what_the_child_keeps(read: Read) -> None:
    memory = "class: regfile, attributes: {depth: 512, width: 8, datawidth: 8}"
    text = f"""\
architecture:
  nodes:
  - !Component {{name: buffer, {memory}}}
  - !Parallel
    nodes:
    - !Component {{name: w, {memory}, constraints: {{dataspace: {{keep: [Weights]}}}}}}
    - !Hierarchical
      nodes:
      - !Parallel
        nodes:
        - !Component {{name: i, {memory}, constraints: {{dataspace: {{keep: [Inputs]}}}}}}
        - !Component {{name: o, {memory}, constraints: {{dataspace: {{keep: [Outputs]}}}}}}
  - !Component {{name: mac, class: compute}}
"""
    found = read(text, PROBLEM).constraints.levels
    bypass = {name: found[name].data_spaces.bypass for name in "wio"}
    assert bypass == {
        "w": ("Inputs", "Outputs"),
        "i": ("Weights", "Outputs"),
        "o": ("Weights", "Inputs"),
    }


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


@pytest.mark.parametrize("sign", ["=", "<=", ">="])
@pytest.mark.parametrize("other", ["=", "<=", ">="])
def test_conditions_contradict_each_other_where_no_factor_meets_both(
    sign: str, other: str, read: Read, message: Message
) -> None:
    """Of one kind they have to be the same, as for timeloopfe."""
    meets = {"=": int.__eq__, "<=": int.__le__, ">=": int.__ge__}
    for one, two in product((1, 2, 4), repeat=2):
        alike = [n for n in range(1, 9) if meets[sign](n, one) and meets[other](n, two)]
        entry = f"{{target: buffer, type: temporal, factors: ['C{sign}{one}', 'C{other}{two}']}}"
        if one == two if sign == other else alike:
            assert len(factors(constrained(read, entry), "buffer")) >= 1
            continue
        text = f"constraints:\n  targets:\n  - {entry}\n"
        found = message(ARCHITECTURE, PROBLEM, text)
        assert f"C{other}{two} contradicts C{sign}{one}" in found


def test_shares_end_at_one(read: Read, message: Message) -> None:
    entry = "{target: buffer, type: max_overbooked_proportion, proportion: 1}"
    found = constrained(read, entry).constraints.levels["buffer"]
    assert found.max_overbooked_proportion == 1.0
    none = constrained(read, entry.replace(", proportion: 1", "")).constraints.levels["buffer"]
    assert none.max_overbooked_proportion == 0.0
    text = f"constraints: {{targets: [{entry.replace('1}', '1.01}')}]}}"
    assert "1.01 is more than 1 (legal: 0 to 1)" in message(ARCHITECTURE, PROBLEM, text)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("P4 C2", {"P": "P=4", "C": "C=2"}),
        ("P = 2, C<=4 # R3", {"P": "P=2", "C": "C<=4"}),
        ("P==2,C >= 4", {"P": "P=2", "C": "C>=4"}),
        (["P", "C2"], None),
        ("P=0", {"P": "P=0"}),
        ("P<=0", None),
        ("K=2", None),
    ],
)
def test_factors_in_all_spellings(
    given: object, expected: dict[str, str] | None, read: Read, message: Message
) -> None:
    entry = f"{{target: buffer, type: temporal, factors: {given!r}}}"
    if expected is not None:
        assert factors(constrained(read, entry), "buffer") == expected
        return
    text = f"constraints:\n  targets:\n  - {entry}\n"
    reason = r"malformed factor 'P'|'P<=0' must be 1 or more|unknown dimension 'K' in 'K=2'"
    assert re.search(reason, message(ARCHITECTURE, PROBLEM, text))


@pytest.mark.parametrize(
    ("target", "kind", "factor", "reason"),
    [
        *(("chip", "temporal", factor, "") for factor in ("C=1", "C<=4", "C>=1")),
        *(("chip", "temporal", factor, "is no memory") for factor in ("C=2", "C>=2", "C=0")),
        *(("buffer", "spatial", factor, "") for factor in ("C=1", "C<=4")),
        *(("buffer", "spatial", factor, "has no fan-out") for factor in ("C=2", "C=0")),
        *(("inter_row_spatial", "temporal", factor, "") for factor in ("C=1", "C<=4")),
        ("inter_row_spatial", "temporal", "C=2", "has no loops in time"),
    ],
)
def test_nodes_without_loops_may_be_told_to_have_none(
    target: str, kind: str, factor: str, reason: str, read: Read, message: Message
) -> None:
    entry = f"{{target: {target}, type: {kind}, factors: ['{factor}']}}"
    if not reason:
        assert constrained(read, entry).constraints == constrained(read).constraints
        return
    text = f"constraints:\n  targets:\n  - {entry}\n"
    assert reason in message(ARCHITECTURE, PROBLEM, text)
