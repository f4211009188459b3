"""Problems: projections, coefficients, sizes, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from spec.texts import ARCHITECTURE, PROBLEM

from red_timeloop.spec.types import Specification

Read = Callable[..., Specification]


def test_projections_and_coefficients(read: Read) -> None:
    problem = read(ARCHITECTURE, PROBLEM).problem
    assert problem is not None
    assert (problem.name, problem.dimensions) == ("conv", ("C", "M", "P", "R"))
    assert problem.sizes == {"C": 16, "M": 8, "P": 6, "R": 3}
    assert problem.operations == 16 * 8 * 6 * 3
    weights, inputs, outputs = problem.data_spaces
    assert weights.projection == ((("C", 1),), (("M", 1),), (("R", 1),))
    assert inputs.projection == ((("C", 1),), (("P", 2), ("R", 1)))
    assert (inputs.dimensions, outputs.read_write) == (("C", "P", "R"), True)


def test_sizes_may_be_expressions(read: Read) -> None:
    problem = read(ARCHITECTURE, PROBLEM.replace("C: 16", "C: rows * 2")).problem
    assert problem is not None
    assert problem.sizes["C"] == 16


def test_other_sizes_are_passed_over_and_told(read: Read) -> None:
    text = PROBLEM.replace("stride: 2", "Stride: 2, H: 224, dilatoin: 2, Hpad: 1")
    found = read(ARCHITECTURE, text)
    assert found.problem == read(ARCHITECTURE, PROBLEM.replace("stride: 2", "ignored: 0")).problem
    notes = [note.partition(": ")[2] for note in found.notes]
    assert notes == [
        "problem.instance.Stride: not read, did you mean 'stride'?",
        "problem.instance.dilatoin: not read, did you mean 'dilation'?",
        "problem.instance: H, Hpad: no dimension, not read",
    ]
    assert read(ARCHITECTURE, PROBLEM).notes == ()
    both = read(ARCHITECTURE, PROBLEM.replace("stride: 2", "stride: 1, Stride: 2")).notes
    assert both[0].endswith("problem.instance.Stride: not read, did you mean 'stride'?")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("version: 0.4", "version: 0.5", "problem.version: version 0.5 is not read (legal: 0.4)"),
        ("  instance:", "  instances:", "problem.instances: unknown key; did you mean 'instance'?"),
        ("C: 16", "C: 0", "problem.instance.C: expected a whole number, got 0 (legal: 1 or more)"),
        ("C: 16", "C: 1.5", "problem.instance.C: expected a whole number, got 1.5"),
        ("C: 16, ", "", "problem.instance: dimension 'C' has no size (legal: C, M, P, R)"),
        ("C: 16", "C: 16, K: x", "problem.instance.K: expression 'x': the name 'x' is not"),
        ("C: 16", "C: 16, K: 1.5", "problem.instance.K: expected a whole number, got 1.5"),
        ("C: 16", "C: 2147483649", "problem.instance.C: 2147483649 is too large (legal: up to 2**"),
        ("stride: 2", "stride: 1e10", "problem.instance.stride: 10000000000 is too large"),
        ("C: 16, M: 8", "C: 2**31, M: 2**31", "there are 83010348331692982272 operations (legal"),
        ("P: 6, R: 3, stride: 2", "P: 2**31, R: 1, stride: 2**31", "words of Inputs (legal: up to"),
        ("[C, M, P, R]", "[C, M, P, C]", "problem.shape.dimensions: dimension 'C' given twice"),
        ("[C, M, P, R]", "[C, M, P, 3]", "problem.shape.dimensions: 3 is not a name"),
        ("[C, M, P, R]", "[]", "problem.shape: the key 'dimensions' is missing"),
        ("[C, M, R]", "[C, M, K]", "Weights.projection: unknown dimension 'K' (legal: C, M, P, R)"),
        ("[P, stride]", "[P, pace]", "unknown coefficient 'pace' (legal: stride, dilation)"),
        ("[P, stride]", "[P, stride, 1]", "a term is ['P', 'stride', 1] (legal: [dimension] or"),
        ("[P, stride]", "[P, {a: 1}]", "unknown coefficient {'a': 1} (legal: stride, dilation)"),
        ("[P, stride]", "[[P], stride]", "unknown dimension ['P'] (legal: C, M, P, R)"),
        ("[[[C]], [[P", "[[C], [[P", "a term is 'C' (legal: [dimension] or [dimension, coeff"),
        ("[[[C]], [[P", "[C, [[P", "an axis is 'C' (legal: [C, M] or a list of axes"),
        ("name: Inputs", "name: Weights", "data space 'Weights' given twice"),
        ("name: Inputs, ", "", "problem.shape.data_spaces: the key 'name' is missing"),
        ("read_write: True", "read_write: 7", "read_write: expected true or false, got 7"),
        (", read_write: True", "", "no data space is written; mark the output with 'read_write"),
        ("default: 1}, {name: d", "defaults: 1}, {name: d", "coefficients.defaults: unknown key"),
        (
            "{name: dilation, default: 1}",
            "{name: dilation}",
            "coefficient 'dilation' has neither a value nor a default",
        ),
        (
            "  instance: {C: 16, M: 8, P: 6, R: 3, stride: 2}",
            "  instance: {}",
            "the key 'instance' i",
        ),
        ("  shape:\n", "  shape: {}\n  ignore:\n", "problem: the key 'shape' is missing"),
        ("name: conv", "name: conv\n    flatten: [1]", "flattened dimensions are not modelled"),
        ("  shape:\n", "  shape: cnn\n  ignore:\n", "the shape 'cnn' is given by name; write the"),
        ("[{name: stride", "[7, {name: stride", "coefficients: entry 0 is a number, not a mapping"),
    ],
)
def test_refusals(message: Callable[..., str], old: str, new: str, expected: str) -> None:
    assert old in PROBLEM
    found = message(ARCHITECTURE, PROBLEM.replace(old, new, 1))
    assert found.startswith("file1.yaml:")
    assert expected in found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("C: 16", "C: 2**31"),
        ("stride: 2", "stride: 2**31"),
        ("C: 16, M: 8, P: 6, R: 3", "C: 2**31, M: 2**31, P: 1, R: 1"),  # 2**62 operations
    ],
)
def test_a_limit_itself_is_legal(read: Read, old: str, new: str) -> None:
    assert old in PROBLEM
    problem = read(ARCHITECTURE, PROBLEM.replace(old, new)).problem
    assert problem is not None
    assert problem.operations == {"C: 16": 2**31 * 8 * 6 * 3, "stride: 2": 16 * 8 * 6 * 3}.get(
        old, 2**62
    )


@pytest.mark.parametrize(("count", "shown"), [(10, "k9"), (11, "k9 and 1 more")])
def test_ten_names_are_listed(count: int, shown: str, read: Read) -> None:
    more = ", ".join(f"k{number}: 1" for number in range(count))
    (note,) = read(ARCHITECTURE, PROBLEM.replace("C: 16", f"C: 16, {more}")).notes
    assert f", {shown}: no dimension, not read" in note


def test_densities_end_at_one(read: Read, message: Callable[..., str]) -> None:
    text = PROBLEM.replace("C: 16", "C: 16, densities: {Weights: 1.0, Inputs: 0}")
    found = read(ARCHITECTURE, text).problem
    assert found is not None
    assert [found.densities[name].density for name in ("Weights", "Inputs")] == [1.0, 0.0]
    beyond = message(ARCHITECTURE, text.replace("1.0", "1.001"))
    assert "densities.Weights: 1.001 is more than 1 (legal: 0 to 1)" in beyond
