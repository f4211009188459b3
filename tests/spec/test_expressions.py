"""Expressions: arithmetic only, exact, bounded."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from red_timeloop.errors import InputError
from red_timeloop.spec.expressions import FUNCTIONS, evaluate

NAMES = {"rows": 128, "columns": 32, "share": 0.25, "technology": "32nm", "on": True}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rows", 128),
        ("technology", "32nm"),
        ("on", True),
        ("65536 * columns", 2097152),
        ("-rows + 2**10", 896),
        ("rows / columns", 4.0),
        ("rows // 3 % 5", 2),
        ("ceil(rows / 3)", 43),
        ("floor(log2(rows))", 7),
        ("round(2.5) + abs(-1) + min(3, 2) + max(1, 2, 3)", 8),
        ("sqrt(16) * pow(2, 3)", 32.0),
        ("rows * share", 32.0),
        (" ( 1 + 2 ) * 3 ", 9),
        ("2**1000 // 2**990", 1024),
        ("1e-9 * 2", 2e-9),
        ("[1, 2][0] + len([rows, 3])", 3),
        ("[rows, 2] + [1] * 3", (128, 2, 1, 1, 1)),
        ("1 if rows > 3 and not on else 2", 2),
        ("64 <= rows < 256", True),
        ("64 <= rows < 128", False),
        ("rows < 128 <= rows", False),
        ("technology + 'x'", "32nmx"),
        ("sum(range(4)) + max([1, 5]) + prod([2, 3])", 17),
        ("variables.get('rows', 1) + spec.variables.get('cells', 1)", 129),
        ("variables['rows']", 128),
        ("factorial(5) + gcd(12, 18) + comb(4, 2)", 132),
        ("min(inf, 3)", 3),
        ("pi", 3.141592653589793),
        ("str(rows)", "128"),
    ],
)
def test_values(text: str, expected: object) -> None:
    found = evaluate(text, NAMES)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("32nm", "not arithmetic; quote it if it is text"),
        ("rows +", "not arithmetic"),
        ("a = 3", "not arithmetic"),
        ("depth", "the name 'depth' is not defined; quote it if it is text (legal: columns, on"),
        ("depth * 2", "the name 'depth' is not defined"),
        ("technology * 2", "the value '32nm' of technology is not a number"),
        ("on + 1", "the value True of on is not a number"),
        ("ceil", "the function ceil needs arguments in brackets"),
        ("__import__('os').system('x')", "is not allowed"),
        ("rows.bit_length()", "is not allowed"),
        ("(1).__class__", "is not allowed"),
        ("[1, 2][:1]", "is not allowed"),
        ("[1, 2][2]", "tuple index out of range"),
        ("[1, 2]['a']", "'a' is no position"),
        ("rows is 3", "is not allowed"),
        ("[each for each in [1]]", "is not allowed"),
        ("round(5, -1000000000)", "the digits of round is too large: 1000000000 (legal: up to"),
        ("factorial(10**9)", "factorial is too large"),
        ("comb(10**9, 5 * 10**8)", "comb is too large"),
        ("range(10**9)", "range is too large"),
        ("[1] * 10**9", "a list is too long (legal: at most 10000 items)"),
        ("prod([2**1000, 2**1000])", "a number is too large"),
        ("ldexp(1, 10**9)", "the exponent of ldexp is too large"),
        ("'%9999999999d' % 1", "is not a number"),
        ("str(variables)", "no text is made of a node"),
        ("variables", "the value is a mapping"),
        ("variables.rosw", "'variables.rosw' is not defined"),
        ("inf * 2", "a number is too large"),
        ("lambda: 3", "is not allowed"),
        ("f'{rows}'", "is not allowed"),
        ("'a' * 3", "'a' is not a number"),
        ("1j + 1", "is not a number"),
        ("open(rows)", "the function 'open' is not allowed (legal: abs, acos"),
        ("max(*[1])", "is not allowed"),
        ("round(number=2)", "is not allowed"),
        ("max(3)", "max needs two arguments or more"),
        ("pow(2, 3, 4)", "pow got 3 arguments"),
        ("sqrt(1, 2)", "argument"),
        ("sqrt(-1)", "math domain error"),
        ("[1][0](2)", "'[1][0](2)' is not allowed"),
        ("sqrt([4])", "[4] is not a number"),
        ("max([1], 2)", "[1] is not a number"),
        ("min(technology, 2)", "the value '32nm' of technology is not a number"),
        ("sum()", "at least 1 positional argument"),
        ("int('x')", "invalid literal"),
        ("len(3)", "has no len()"),
        ("prod([1, technology])", "prod is not a number"),
        ("variables.get(3)", "is not allowed"),
        ("variables.get('a', 1, 2)", "is not allowed"),
        ("rows.get('a')", "is not allowed"),
        ("spec.rows", "'spec.rows' is not defined (legal: variables)"),
        ("(-8) ** 0.5", "the result is not a real number"),
        ("rows / 0", "division by zero"),
        ("0 ** -1", "division by zero"),
        ("9**9**9", "9 ** 387420489 is too large"),
        ("pow(9, pow(9, 9))", "is too large"),
        ("1e308 * 10", "a number is too large"),
        ("2**1000 * 2**1000", "a number is too large"),
        ("2**1025", "is too large"),
        ("10.0 ** 400", "too large"),
        ("1 + " * 600 + "1", "too long"),
        ("+".join("1" * 300), "too many terms"),
        ("-" * 900 + "1", "expression"),
        ("", "not arithmetic"),
    ],
)
def test_refusals(text: str, expected: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(InputError) as caught:
        evaluate(text, NAMES, file="spec.yaml:7", key="cell.attributes.depth")
    assert time.perf_counter() - begun < 1
    assert str(caught.value).startswith("spec.yaml:7: cell.attributes.depth: expression ")
    assert expected in str(caught.value)


NUMBERS = st.integers(-99, 99).map(str) | st.sampled_from(["rows", "columns"])
TERMS = st.recursive(
    NUMBERS,
    lambda inner: (
        st.tuples(inner, st.sampled_from(["+", "-", "*", "//", "%", "/"]), inner).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        )
        | inner.map(lambda part: f"ceil({part})")
        | inner.map(lambda part: f"-({part})")
    ),
    max_leaves=12,
)


@given(TERMS)
def test_agrees_with_python(text: str) -> None:
    names = {"rows": 128, "columns": 32}
    try:
        expected = eval(text, {"__builtins__": {}, "ceil": math.ceil}, names)  # noqa: S307
    except ZeroDivisionError:
        with pytest.raises(InputError, match="division by zero"):
            evaluate(text, names)
    else:
        assert evaluate(text, names) == expected


@given(st.text(max_size=40))
def test_any_text_is_a_value_or_one_clear_refusal(text: str) -> None:
    try:
        found: object = evaluate(text, {})
    except InputError as error:
        found = error
    assert isinstance(found, int | float | str | tuple | InputError)


def test_functions_are_those_of_the_tools() -> None:
    """Accelergy has all of them under the same names, so that a file means the same there."""
    legal = (
        "ceil comb copysign fabs factorial floor fmod fsum gcd isclose isfinite isinf isnan isqrt"
        " ldexp perm prod remainder trunc exp expm1 log log1p log2 log10 pow sqrt acos asin atan"
        " atan2 cos dist hypot sin tan degrees radians acosh asinh atanh cosh sinh tanh erf erfc"
        " gamma lgamma abs round sum range len min max float int str bool list tuple"
    )
    assert sorted(FUNCTIONS) == sorted(legal.split())


@pytest.mark.parametrize(
    ("legal", "one_more"),
    [
        ("1" + " " * 999, "1" + " " * 1000),  # characters
        ("+".join(["1"] * 99 + ["share"]), "+".join(["1"] * 98 + ["share"] * 2)),  # parts: 300, 301
        ("2**1023 + (2**1023 - 1)", "2**1023 + 2**1023"),  # 1024 bits
        ("len([1] * 10000)", "len([1] * 10001)"),
        ("len([[1, 2]] * 3333 + [1])", "len([[1, 2]] * 3333 + [1, 1])"),  # items of lists in lists
        ("len([] * 10000)", "[] * 10001"),
        ("len(range(10000))", "len(range(10001))"),
        ("factorial(170)", "factorial(171)"),
        ("comb(170, 85)", "comb(171, 85)"),
        ("round(1.5, 400)", "round(1.5, 401)"),
        ("ldexp(0.0, 10240)", "ldexp(0.0, 10241)"),
    ],
)
def test_a_limit_itself_is_legal_and_one_more_is_not(legal: str, one_more: str) -> None:
    expected = eval(legal, {**vars(math), **NAMES})  # noqa: S307
    assert evaluate(legal, NAMES) == expected
    with pytest.raises(InputError, match="too "):
        evaluate(one_more, NAMES)
