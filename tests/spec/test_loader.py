"""YAML loading: Timeloop's scalars and tags, lines of errors, nothing executed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from red_timeloop.errors import InputError
from red_timeloop.spec.emit import Node, Text, to_yaml
from red_timeloop.spec.loader import Quoted, YamlMap, load_file, load_text


def refusal(text: str) -> str:
    with pytest.raises(InputError) as caught:
        load_text(text, file="spec.yaml")
    return str(caught.value)


def test_scalars_follow_yaml_1_2() -> None:
    found = load_text(
        "a: 1e-9\nb: 010\nc: yes\nd: 0x10\ne: -3\nf: null\ng: True\nh: .inf\ni: 1_000\nj: 12:30"
    )
    assert found == {
        **{"a": 1e-9, "b": 10, "c": "yes", "d": 16, "e": -3, "f": None, "g": True},
        **{"h": float("inf"), "i": "1_000", "j": "12:30"},
    }


def test_quoted_text_is_told_from_a_bare_word() -> None:
    found = load_text("a: 32nm\nb: '32nm'\nc: \"7\"")
    assert not isinstance(found["a"], Quoted)
    assert isinstance(found["b"], Quoted)
    assert found["c"] == "7"


def test_tags_and_lines_are_kept() -> None:
    found = load_text("nodes:\n- !Component {name: a}\n- !Parallel\n  nodes: []\n", file="x")
    first, second = found["nodes"]
    assert (first.tag, second.tag) == ("!Component", "!Parallel")
    assert second.where("nodes") == "x:4"


def test_merge_keys_add_what_is_missing() -> None:
    found = load_text("base: &b {x: 1, y: {p: 1}}\none: {<<: *b, x: 2}\ndeep: {<<<: *b, y: {q: 2}}")
    assert found["one"] == {"x": 2, "y": {"p": 1}}
    assert found["deep"] == {"x": 1, "y": {"q": 2, "p": 1}}
    assert found["base"] == {"x": 1, "y": {"p": 1}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "spec.yaml: the file is empty (legal: a YAML mapping)"),
        ("# only a comment\n", "spec.yaml: the file is empty (legal: a YAML mapping)"),
        ("- 1\n- 2\n", "spec.yaml:1: expected a mapping at the top, got a list"),
        ("word", "spec.yaml:1: expected a mapping at the top, got text"),
        ("a: 1\nb: 2\na: 3\n", "spec.yaml:3: a: key given twice, first in line 1"),
        ("a: !!python/object:os.system x", "spec.yaml:1: unknown tag !!python/object:os.system"),
        ("a:\n  !Magic {b: 1}", "spec.yaml:2: unknown tag !Magic (legal: !Component, !Container"),
        ("a: !Component 3", "spec.yaml:1: !Component must stand before a mapping"),
        ("a: {{ rows }}", "spec.yaml:1: a key must be one word"),
        ("a: [1, 2\nb: 3", "spec.yaml:2: not valid YAML:"),
        ("a: &x [*x]", "spec.yaml:1: an alias refers to itself"),
        ("a: {<<: 3}", "spec.yaml:1: << needs a mapping or a list of mappings, got a number"),
    ],
)
def test_refusals_name_file_and_line(text: str, expected: str) -> None:
    assert refusal(text).startswith(expected)


def test_alias_bombs_are_refused() -> None:
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 12)]
    assert "too many values" in refusal("\n".join(lines))


def test_deep_nesting_is_refused() -> None:
    assert "nested too deeply" in refusal("a: " + "[" * 150 + "]" * 150)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 400_000,
        "{a: " * 100_000,
        "- " * 100_000 + "a",
        "? " * 100_000 + "a",
        "\n".join("  " * depth + "a:" for depth in range(3000)),
    ],
    ids=["lists", "mappings", "items", "keys", "lines"],
)
def test_nesting_that_would_overflow_the_stack_is_refused(text: str) -> None:
    assert refusal(text)


def test_many_brackets_side_by_side_are_read() -> None:
    assert len(load_text("a: [" + "[1], " * 5000 + "]")["a"]) == 5000


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read: No such file"):
        load_file(tmp_path / "none.yaml")
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"a: \xff")
    with pytest.raises(InputError, match="not a text file"):
        load_file(file)


WORDS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False),
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=8),
)
TREES = st.recursive(
    WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abcN_-9 :#", min_size=1, max_size=5), inner, max_size=3)
    ),
    max_leaves=12,
)


def quote(tree: object) -> object:
    """Mark text as text, since bare words may be numbers."""
    if isinstance(tree, dict):
        return {key: quote(item) for key, item in tree.items()}
    if isinstance(tree, list):
        return [quote(item) for item in tree]
    return Text(tree) if isinstance(tree, str) else tree


@given(st.dictionaries(st.text("xyz", min_size=1, max_size=3), TREES, min_size=1, max_size=3))
def test_what_is_written_reads_the_same_here_and_in_pyyaml(tree: dict[str, object]) -> None:
    text = to_yaml(quote(tree))  # type: ignore[arg-type]
    assert load_text(text) == tree
    # PyYAML (YAML 1.1) takes 1e-9 for text, so compare with floats written back
    assert yaml.load(text, Loader=yaml.BaseLoader).keys() == tree.keys()


@pytest.mark.parametrize("tag", ["", "!Container"])
def test_a_line_has_a_hundred_characters_at_most(tag: str) -> None:
    room = 100 - len("top: {k: }") - len(tag) - bool(tag)
    for length, lines in ((room, 1), (room + 1, 2)):
        value = Node(tag, k="a" * length) if tag else {"k": "a" * length}
        text = to_yaml({"top": value}).splitlines()
        assert (len(text), max(map(len, text)) <= 100) == (lines, True)


def test_tags_are_written() -> None:
    text = to_yaml({"nodes": [Node("!Container", name="row", spatial={"meshX": 4})]})
    assert text == "nodes:\n  - !Container {name: row, spatial: {meshX: 4}}\n"
    found = load_text(text)["nodes"][0]
    assert isinstance(found, YamlMap)
    assert found.tag == "!Container"
