"""Densities, sparse optimizations and imperfect factors: read, refused and written again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from spec.texts import ARCHITECTURE, MAPPING, PROBLEM

from red_timeloop.errors import InputError
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.sparse import metadata_storage
from red_timeloop.spec.sparsity import (
    ActionOptimization,
    Condition,
    Density,
    MetadataStorage,
    Rank,
    SparseOptimizations,
)
from red_timeloop.spec.types import Specification
from red_timeloop.spec.write import mapping_text, specification_text

Read = Callable[..., Specification]
Message = Callable[..., str]
OPTIMIZED = """\
representation_format:
  data_spaces:
  - name: Inputs
    ranks: [{format: uop}, {format: CP, flattened_rankIDs: [[C, P]], payload_word_bits: 0}]
action_optimization:
- {type: gating, options: [{target: Weights, condition_on: [Inputs]}]}
- {type: skipping, target: Outputs, condition_on: [Inputs, Weights]}
"""
EXPECTED = SparseOptimizations(
    {"Inputs": (Rank("UOP"), Rank("CP", (("C", "P"),), payload_word_bits=0))},
    (
        ActionOptimization("gating", (Condition("Weights", ("Inputs",)),)),
        ActionOptimization("skipping", (Condition("Outputs", ("Inputs", "Weights")),)),
    ),
)


def targets(text: str, target: str = "target: buffer") -> str:
    body = "\n".join(f"    {line}" for line in text.splitlines())
    return f"sparse_optimizations:\n  targets:\n  - {target}\n{body}\n"


def test_optimizations_of_a_level_are_read(read: Read) -> None:
    found = read(ARCHITECTURE, PROBLEM, targets(OPTIMIZED)).architecture
    assert found.level("buffer").sparse == EXPECTED
    assert found.sparse
    assert not found.level("cell").sparse
    assert found.dense == read(ARCHITECTURE, PROBLEM).architecture
    assert not found.dense.sparse


def test_timeloops_own_words_mean_the_same(read: Read) -> None:
    text = targets(
        "action_optimization: [{type: skipping_spatial, target: Outputs, condition_on: [Inputs]}]"
    )
    action = read(ARCHITECTURE, PROBLEM, text).architecture.level("buffer").sparse.actions[0]
    assert action.type == "spatial_skipping"
    compute = targets("compute_optimization: [{type: gate_on_zero_operand}]", "name: mac")
    assert read(ARCHITECTURE, PROBLEM, compute).architecture.compute.sparse.compute == ("gating",)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("0.5", Density("fixed_structured", 0.5)),
        ("{distribution: fixed, density: 1 / 4}", Density("fixed_structured", 0.25)),
        ("{distribution: hypergeometric, density: 0.3}", Density("hypergeometric", 0.3)),
        ("{distribution: banded, band_width: 2}", Density("banded", 1.0, 2)),
        ("{distribution: hypergeometric, density: 1}", Density("hypergeometric", 1.0)),
        ("0", Density("fixed_structured", 0.0)),
    ],
)
def test_densities_are_read(read: Read, given: str, expected: Density) -> None:
    problem = read(
        ARCHITECTURE, PROBLEM.replace("stride: 2", f"stride: 2, densities: {{Inputs: {given}}}")
    ).problem
    assert problem is not None
    assert problem.densities == {"Inputs": expected}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            "{Input: 0.5}",
            "densities.Input: unknown key; did you mean 'Inputs'? (legal: Inputs, Outp",
        ),
        ("{Inputs: 1.5}", "densities.Inputs: 1.5 is more than 1 (legal: 0 to 1)"),
        ("{Inputs: {distribution: hypergeometric}}", "Inputs: the key 'density' is missing"),
        (
            "{Inputs: {distribution: actual, density: 1}}",
            "the distribution 'actual' is not modelled (legal: fixed_structured, hypergeo",
        ),
    ],
)
def test_densities_are_refused_by_name(message: Message, given: str, expected: str) -> None:
    problem = PROBLEM.replace("stride: 2", f"stride: 2, densities: {given}")
    assert expected in message(ARCHITECTURE, problem)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("format: CP", "format: UB", "the format 'UB' is not modelled (legal: UOP, CP, B, RLE)"),
        ("uop}, {format: CP", "CP}, {format: UOP", "an uncompressed rank (UOP) below a compressed"),
        ("[[C, P]]", "[[C, K]]", "sparse_optimizations: unknown dimension 'K' (legal: C, M, P, R)"),
        ("name: Inputs", "name: Input", "unknown data space 'Input' (legal: Weights, Inputs"),
        (
            "type: gating",
            "type: guessing",
            "unknown type 'guessing' (legal: gating, skipping, spat",
        ),
        (", condition_on: [Inputs, Weights]", "", "the key 'condition_on' is missing"),
        ("representation_format", "format", "sparse_optimizations.buffer.format: unknown key"),
    ],
)
def test_optimizations_are_refused_by_name(
    message: Message, old: str, new: str, expected: str
) -> None:
    assert old in OPTIMIZED
    assert expected in message(ARCHITECTURE, PROBLEM, targets(OPTIMIZED.replace(old, new)))


def test_optimizations_stand_at_a_level_that_can_do_them(message: Message) -> None:
    compute = "compute_optimization: [{type: gating}]"
    assert "no compute level" in message(ARCHITECTURE, PROBLEM, targets(compute))
    assert "unknown level 'bufer'" in message(
        ARCHITECTURE, PROBLEM, targets(compute, "target: bufer")
    )
    assert "the compute level stores nothing" in message(
        ARCHITECTURE, PROBLEM, targets(OPTIMIZED, "target: mac")
    )


def test_what_is_read_survives_being_written(read: Read, tmp_path: Path) -> None:
    densities = "densities: {Inputs: {distribution: hypergeometric, density: 0.3}}"
    problem = PROBLEM.replace("stride: 2", f"stride: 2, {densities}")
    compute = targets("compute_optimization: [{type: skipping}]", "target: mac")
    problem = problem.replace("P: 6", "P: 5")
    mapping = MAPPING.replace("P=6", "P=1").replace("[M=2, R=0]", "[M=2, R=0, 'P=5,5']")
    first = read(ARCHITECTURE, problem, targets(OPTIMIZED), compute, mapping)
    (tmp_path / "again.yaml").write_text(specification_text(first))
    again = read_specification(tmp_path / "again.yaml")
    assert again.problem == first.problem
    assert again.mapping == first.mapping
    sparse = [level.sparse for level in again.architecture.levels]
    assert sparse == [level.sparse for level in first.architecture.levels]


def test_where_metadata_is_kept(read: Read) -> None:
    """In words of Timeloop's or of its older names; nowhere unless a level says so."""

    def storage(attributes: str) -> MetadataStorage:
        text = ARCHITECTURE.replace("read_bandwidth: 4", f"read_bandwidth: 4{attributes}")
        return metadata_storage(read(text, PROBLEM).architecture.level("buffer"))

    assert storage("") == MetadataStorage(0, 0, 0, False, False)
    own = ", metadata_storage_width: 16, metadata_storage_depth: 9, metadata_datawidth: 4"
    assert storage(own) == MetadataStorage(16, 9, 4, False, False)
    older = ", metadata_width: 8, metadata_depth: 7, metadata_word_bits: 2"
    assert storage(older) == MetadataStorage(8, 7, 2, False, False)
    assert storage(own + older) == storage(own)
    for said, there in (("True", True), ("'true'", True), ("1", True), ("'False'", False)):
        found = storage(f", decompression_supported: {said}")
        assert (found.decompression, found.compression) == (there, False)
        assert storage(f", compression_supported: {said}").compression == there
    for wrong in ("metadata_depth: -1", "metadata_depth: True", "compression_supported: maybe"):
        with pytest.raises(InputError, match=rf"buffer.{wrong.split(':')[0]}: expected"):
            storage(f", {wrong.replace('maybe', repr('maybe'))}")


@pytest.mark.parametrize(
    "factors",
    ["[R=3, 'M=2', 'C=9,8']", "[R=3, M=2, C=9,8]", "'R3 M2 C9,8'", "[R=3,3, M=2,2, C=9,8]"],
)
def test_imperfect_factors_are_read_and_written(read: Read, tmp_path: Path, factors: str) -> None:
    """C = 17 as a pass of 9 and one of 8, in every spelling."""
    problem = PROBLEM.replace("C: 16", "C: 17")
    mapping = MAPPING.replace("[C=8]", "[C=1]").replace("[M=2, R=0]", factors)
    found = read(ARCHITECTURE, problem, mapping)
    assert found.mapping is not None
    cell = found.mapping.levels["cell"]
    assert dict(cell.temporal)["C"] == 9
    assert cell.temporal_remainders == (("C", 8),)
    assert found.mapping.imperfect
    assert found.problem is not None
    text = mapping_text(found.mapping, found.architecture, found.problem)
    assert "C9,8" in text
    (tmp_path / "again.yaml").write_text(text)
    assert read(ARCHITECTURE, problem, text).mapping == found.mapping


def test_a_mapping_ignores_constraints_that_exceed_the_dimension(
    read: Read, message: Message
) -> None:
    """Timeloop warns of such a constraint, and the public sparse tensor core has one."""
    text = "constraints: {targets: [{target: cell, type: temporal, factors: [M=SIZE]}]}"
    found = read(ARCHITECTURE, PROBLEM, text.replace("SIZE", "16"), MAPPING).mapping
    assert found is not None
    assert ("M", 2) in found.levels["cell"].temporal
    assert "M=2 contradicts M=8" in message(
        ARCHITECTURE, PROBLEM, text.replace("SIZE", "8"), MAPPING
    )


def test_imperfect_factors_are_no_constraint(message: Message) -> None:
    text = "constraints: {targets: [{target: cell, type: temporal, factors: ['C=4,2']}]}"
    assert "imperfect factors stand in mappings only" in message(ARCHITECTURE, PROBLEM, text)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "representation_format: {data_spaces: [{name: Inputs, ranks: []}, {name: Inputs}]}",
            "representation_format.name: 'Inputs' given twice",
        ),
        (
            "action_optimization: [{type: spatial_skipping, options: [{target: Inputs,"
            " condition_on: [Weights]}, {target: Outputs, condition_on: [Weights]}]}]",
            "spatial skipping has no options to choose from",
        ),
        (
            "representation_format: {data_spaces: [{name: Inputs, ranks: [{format: CP},"
            " {format: UOP}]}]}",
            "an uncompressed rank (UOP) below a compressed one",
        ),
    ],
)
def test_what_a_level_cannot_do_at_once(message: Message, body: str, expected: str) -> None:
    assert expected in message(ARCHITECTURE, PROBLEM, targets(body))


def test_a_level_is_optimized_once(message: Message) -> None:
    twice = message(ARCHITECTURE, PROBLEM, targets(OPTIMIZED), targets(OPTIMIZED))
    assert "sparse_optimizations.target: 'buffer' given twice" in twice


def test_one_density_for_all_data_spaces(read: Read, message: Message) -> None:
    problem = read(ARCHITECTURE, PROBLEM.replace("C: 16", "C: 16, commonDensity: 0.5")).problem
    assert problem is not None
    assert problem.densities == dict.fromkeys(
        ("Weights", "Inputs", "Outputs"), Density("fixed_structured", 0.5)
    )
