"""Values of every kind by hand: what is taken, what is refused, and where the message points."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from red_timeloop.errors import InputError
from red_timeloop.spec import fields
from red_timeloop.spec.loader import YamlMap, load_file

KNOWN = {"n": 3}


@pytest.fixture
def at(tmp_path: Path) -> Callable[[str], YamlMap]:
    """Return a function that reads `first: 1` and, in line 2, `a` with the given text."""

    def section(text: str) -> YamlMap:
        (tmp_path / "f.yaml").write_text(f"first: 1\n{text}\n")
        return load_file(tmp_path / "f.yaml")

    return section


def integer(section: YamlMap) -> int:
    return fields.integer(section, "a", "p", KNOWN)


def from_two(section: YamlMap) -> int:
    return fields.integer(section, "a", "p", least=2)


def number(section: YamlMap) -> float:
    return fields.number(section, "a", "p", KNOWN)


def from_half(section: YamlMap) -> float:
    return fields.number(section, "a", "p", least=0.5)


def boolean(section: YamlMap) -> bool:
    return fields.boolean(section, "a", "p", True)


def listed(section: YamlMap) -> tuple[str, ...]:
    return fields.names(section, "a", "p", ("x", "y", "z"), "data space")


def text(section: YamlMap) -> str:
    return fields.text(section, "a", "p")


def text_or_d(section: YamlMap) -> str:
    return fields.text(section, "a", "p", "d")


def value(section: YamlMap) -> object:
    return fields.value(section, "a", "p", KNOWN)


def bare(section: YamlMap) -> object:
    return fields.value(section, "a", "p", bare_is_text=True)


@pytest.mark.parametrize(
    ("reader", "given", "expected"),
    [
        *((integer, *each) for each in (("0", 0), ("2.0", 2), ("n + 1", 4), ("4 / 2", 2))),
        (from_two, "2", 2),
        *((number, *each) for each in (("0", 0), ("0.5", 0.5), ("n / 2", 1.5), ("1e308", 1e308))),
        (from_half, "0.5", 0.5),
        *((boolean, *each) for each in (("0", False), ("1", True), ("1.0", True), ("", True))),
        *((boolean, *each) for each in (('"TRUE"', True), ('"False"', False), ("false", False))),
        *((listed, *each) for each in (("", ()), ("[y, x, y]", ("y", "x")), ("z", ("z",)))),
        *((listed, *each) for each in (('"*"', ("x", "y", "z")), ('[z, "*"]', ("z", "x", "y")))),
        *((listed, *each) for each in (("x,  y", ("x", "y")), ("x y ", ("x", "y")))),
        (text, "word", "word"),
        *((text_or_d, *each) for each in (("", "d"), ('""', "d"), ("word", "word"))),
        *((value, *each) for each in (('"n"', "n"), ("n", 3), ("2", 2), ("true", True))),
        (value, '[1, n, ["n", [2]]]', (1, "n", ("n", (2,)))),
        *((bare, *each) for each in (("n", "n"), ("n / 2", "n / 2"), ("7", 7))),
    ],
)
def test_what_is_taken(
    reader: Callable[[YamlMap], Any], given: str, expected: object, at: Callable[[str], YamlMap]
) -> None:
    found = reader(at(f"a: {given}"))
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("reader", "given", "message"),
    [
        (integer, "-1", "expected a whole number, got -1 (legal: 0 or more)"),
        (integer, "1.5", "expected a whole number, got 1.5 (legal: 0 or more)"),
        (integer, "n / 2", "expected a whole number, got 'n / 2' = 1.5 (legal: 0 or more)"),
        (integer, "true", "expected a whole number, got true (legal: 0 or more)"),
        (integer, "[1]", "expected a whole number, got a list (legal: 0 or more)"),
        (from_two, "1", "expected a whole number, got 1 (legal: 2 or more)"),
        (number, "-0.5", "expected a number, got -0.5 (legal: 0 or more)"),
        (number, ".inf", "expected a number, got inf (legal: 0 or more)"),
        (number, ".nan", "expected a number, got 'nan' = nan (legal: 0 or more)"),
        (number, "false", "expected a number, got false (legal: 0 or more)"),
        (number, '"n"', "expected a number, got 'n' (legal: 0 or more)"),
        (from_half, "0.4", "expected a number, got 0.4 (legal: 0.5 or more)"),
        (boolean, "2", "expected true or false, got 2"),
        (boolean, '"yes"', "expected true or false, got 'yes'"),
        (listed, "[x, w]", "unknown data space 'w' (legal: x, y, z)"),
        (listed, "{x: 1}", "expected a list of names, got a mapping"),
        (text, "3", "expected text, got 3"),
        (text, '""', "expected text, got ''"),
        (text_or_d, "3", "expected text, got 3"),
        (value, "{x: 1}", "expected a number or text, got a mapping"),
        (value, "[{x: 1}]", "a list holds a mapping (legal: numbers, text)"),
        (lambda at: fields.mapping(at, "a", "p"), "3", "expected a mapping, got 3"),
        (lambda at: fields.mapping(at, "a", "p"), "[1]", "expected a mapping, got a list"),
        (lambda at: fields.sequence(at, "a", "p"), "3", "expected a list, got 3"),
    ],
)
def test_what_is_refused_and_where(
    reader: Callable[[YamlMap], Any], given: str, message: str, at: Callable[[str], YamlMap]
) -> None:
    with pytest.raises(InputError) as caught:
        reader(at(f"a: {given}"))
    assert f"f.yaml:2: p.a: {message}" in str(caught.value)


def test_what_is_not_there(at: Callable[[str], YamlMap]) -> None:
    section = at("b: 2")
    with pytest.raises(InputError, match=r"f\.yaml:1: p: the key 'a' is missing"):
        text(section)
    for given in ("a:", "a: []"):
        empty = fields.mapping(at(given), "a", "p")
        assert empty == {}
        assert empty.where().endswith("f.yaml:1")
    none = fields.sequence(section, "a", "p")
    assert none == []
    assert (none.file, none.line) == (section.file, 1)


def test_keys_versions_and_counts(at: Callable[[str], YamlMap]) -> None:
    section = at("naem: 2\nignored_too: 3")
    fields.check_keys(section, ("first", "naem"), "p")
    with pytest.raises(InputError) as caught:
        fields.check_keys(section, ("name", "first"), "p")
    message = "f.yaml:2: p.naem: unknown key; did you mean 'name'? (legal: first, name)"
    assert str(caught.value).endswith(message)
    fields.check_version(section, "p")
    fields.check_version(at("version: 0.4"), "p")
    with pytest.raises(InputError, match=r"p\.version: version 0.3 is not read \(legal: 0\.4\)"):
        fields.check_version(at("version: 0.3"), "p")
    fields.check_version(at("version: 0.3"), "p", ("0.3",))
    fields.check_count([1, 2], 2, section, "naem", "p")
    with pytest.raises(InputError, match=r":2: p\.naem: there are 3 entries \(legal: at most 2\)"):
        fields.check_count([1, 2, 3], 2, section, "naem", "p")
