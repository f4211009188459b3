"""The one YAML reader: explicit tags, merges, kinds and sizes of files, messages of one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from red_timeloop import _yaml
from red_timeloop._yaml import Quoted, load, parse, read_text
from red_timeloop.errors import InputError


def refusal(text: str) -> str:
    with pytest.raises(InputError) as caught:
        parse(text, file="f.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_explicit_tags_say_what_a_word_is() -> None:
    found = parse("a: !!str 5\nb: !!float 5\nc: !!int '5'\nd: !!bool true\ne: !!null ''\nf: ! 5")
    assert found == {"a": "5", "b": 5.0, "c": 5, "d": True, "e": None, "f": "5"}
    assert isinstance(found["a"], Quoted)
    assert isinstance(found["b"], float)
    assert parse("a: !!map {b: 1}\nc: !!seq [1]") == {"a": {"b": 1}, "c": [1]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rows: !!bool x", "f.yaml:1: 'x' is no !!bool"),
        ('rows: !!int ""', "f.yaml:1: '' is no !!int"),
        ("rows: !!int 1.5", "f.yaml:1: '1.5' is no !!int"),
        ("rows: !!int true", "f.yaml:1: 'true' is no !!int"),
        ("rows: !!map [1]", "f.yaml:1: !!map stands before a list"),
        ("rows: !!seq {a: 1}", "f.yaml:1: !!seq stands before a mapping"),
        ("rows: !!map x", "f.yaml:1: !!map stands before a scalar"),
        ("rows: !!int [1]", "f.yaml:1: !!int stands before a list"),
        ("a: 1\nrows: !!set {a}", "f.yaml:2: unknown tag !!set (legal: !!str, !!int"),
        ("rows: !!binary aGk=", "f.yaml:1: unknown tag !!binary"),
        ("rows: !!timestamp 2020-01-01", "f.yaml:1: unknown tag !!timestamp"),
        ("rows: !!python/name:os.system x", "f.yaml:1: unknown tag !!python/name:os.system"),
        ("rows: !mine x", "f.yaml:1: unknown tag !mine"),
        ("!!int 3: x", "f.yaml:1: a key has no tag (legal: !!str)"),
        ("a: b\n---\nc: d", "f.yaml:2: a second document begins"),
        ("a: *b", "f.yaml:1: no anchor is called 'b'"),
        ("a: \x00", "f.yaml: not valid YAML: "),
        ("a: [1,", "f.yaml:1: not valid YAML: "),
        ("a\n  b: [\n\n\n", "f.yaml:2: not valid YAML: "),
        ("%YAML 3.0\n---\na", "f.yaml:1: not valid YAML: "),
        ('"a\\nb": 1\n"a\\nb": 2', "f.yaml:3: a\\nb: key given twice, first in line 1"),
    ],
)
def test_refusals_are_one_line(text: str, message: str) -> None:
    if text.startswith('"a'):
        message = message.replace(":3:", ":2:")
    assert refusal(text).startswith(message)


def test_long_keys_are_cut_short() -> None:
    key = "k" * 5000
    assert len(refusal(f"{key}: 1\n{key}: 2")) < 400


def test_a_merge_never_changes_what_it_merges_from() -> None:
    found = parse(
        "a: &a {x: {p: 1}, l: [1]}\nb: &b {x: {q: 2}, l: [2]}\n"
        "c: {<<<: [*a, *b], x: {r: 3}}\nd: {<<<: *a, x: {p: 9}, l: [3]}"
    )
    assert found["c"] == {"x": {"r": 3, "p": 1, "q": 2}, "l": [1, 2]}
    assert found["d"] == {"x": {"p": 9}, "l": [3, 1]}
    assert (found["a"], found["b"]) == ({"x": {"p": 1}, "l": [1]}, {"x": {"q": 2}, "l": [2]})


NODES = st.recursive(
    st.integers(0, 9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)


def merged(into: dict, source: dict, deep: bool) -> dict:  # type: ignore[type-arg]
    """What a merge is, on plain values."""
    result = dict(into)
    for key, value in source.items():
        mine = result.get(key)
        if key not in result:
            result[key] = value
        elif deep and isinstance(mine, dict) and isinstance(value, dict):
            result[key] = merged(mine, value, deep)
        elif deep and isinstance(mine, list) and isinstance(value, list):
            result[key] = mine + value
    return result


@given(
    st.dictionaries(st.sampled_from("abc"), NODES),
    st.dictionaries(st.sampled_from("abc"), NODES),
    st.dictionaries(st.sampled_from("abc"), NODES),
    st.booleans(),
)
def test_merges_are_those_of_plain_values(one: dict, two: dict, own: dict, deep: bool) -> None:  # type: ignore[type-arg]
    sign = "<<<" if deep else "<<"
    inside = "".join(f", {key}: {value!r}".replace("'", "") for key, value in own.items())
    text = f"one: &one {one!r}\ntwo: &two {two!r}\n".replace("'", "")
    found = parse(f"{text}own: {{{sign}: [*one, *two]{inside}}}")
    assert found["own"] == merged(merged(own, one, deep), two, deep)
    assert (found["one"], found["two"]) == (one, two)


def test_merges_that_grow_without_end_are_refused() -> None:
    lines = ["l0: &l0 {l: [1, 2, 3]}"]
    lines += [f"l{n}: &l{n} {{<<<: [*l{n - 1}, *l{n - 1}]}}" for n in range(1, 60)]
    assert "too many values (legal: at most 1,000,000" in refusal("\n".join(lines))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(InputError, match=r"pipe\.yaml: cannot read: not a regular file"):
        load(tmp_path / "pipe.yaml")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device")
def test_a_device_is_refused() -> None:
    with pytest.raises(InputError, match="/dev/zero: cannot read: not a regular file"):
        load("/dev/zero")


def test_a_file_with_a_hole_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "hole.yaml"
    with path.open("wb") as stream:
        stream.truncate(6 * 2**30)
    with pytest.raises(InputError, match=r"too large: 6144 MiB \(legal: up to 16 MiB\)"):
        load(path)


def test_names_that_are_no_paths(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read: "):
        load("a\0b")
    with pytest.raises(InputError, match="cannot read: Is a directory"):
        load(tmp_path)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory as Linux says it")
def test_the_largest_file_stays_within_memory(tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"
    path.write_text("[" + "a," * (_yaml.LARGEST_FILE // 2 - 2) + "]")
    # Not ru_maxrss: across fork and exec it keeps the peak of the process that started this one.
    code = (
        "import sys; from pathlib import Path; from red_timeloop import _yaml\n"
        "from red_timeloop.errors import InputError\n"
        "try: _yaml.load(sys.argv[1])\n"
        "except InputError as error: print(error)\n"
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    message, kilobytes = run.stdout.splitlines()
    assert "too many values" in message
    assert int(kilobytes) < 1_000_000


def test_text_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa: 1")
    assert read_text(tmp_path / "a.yaml") == "a: 1"
