"""How a design is named, one way beside the other, and what is said of names that are none."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from places import ROOT

from red_timeloop import designs
from red_timeloop.designs import registry
from red_timeloop.designs.red import RED
from red_timeloop.designs.registry import colours, content_digest, label, origin
from red_timeloop.errors import InputError

ARRAY = ROOT / "docs/examples/small_array.yaml"
OWN = ROOT / "docs/examples/half_split.py"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (f"{OWN}:HALF_SPLIT", "is code, which a file does not make run .legal: a name; code where"),
        (f"{OWN}:HALF_SPLIT:fold=2", "is code, which a file does not make run"),
        ("no.such.module:X", "is code, which a file does not make run"),
        (":red", "unknown design ':red'"),
        ("red:", "unknown design 'red:'"),
        ("reds", "unknown design 'reds'; did you mean 'red'"),
        (f"{ARRAY}", r"is two designs \(legal: .*small_array, .*small_array_split\)"),
        (f"{ARRAY}:other", r"is no design \(legal: .*small_array.yaml:small_array, "),
        ("no_such_folder.yaml", "no_such_folder.yaml"),
    ],
)
def test_names_that_are_no_design(reference: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        designs.find(reference)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("no_such_module:X", "cannot import 'no_such_module': ModuleNotFoundError"),
        ("red_timeloop.designs.red:GREEN", r"red_timeloop.designs.red has no 'GREEN' .* RED\)"),
        ("red_timeloop.designs.plan:Plan", "Plan is no design: it has no name, summary, label,"),
    ],
)
def test_code_that_has_no_design(reference: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        designs.find(reference, code=True)


def test_every_way_to_name_one() -> None:
    assert designs.find("red") is RED
    assert designs.find(RED) is RED
    assert designs.find("red_timeloop.designs.red:RED", code=True) is RED
    assert designs.find(f"{OWN}:HALF_SPLIT", code=True).name == "half_split"
    assert designs.find(f"{ARRAY}:small_array").name == "small_array"
    assert designs.find(f"mine={ARRAY}:mine_split").name == "mine_split"
    adjusted = designs.find("red:fold=2, merge=current")
    assert adjusted.name == "red:fold=2,merge=current"
    assert adjusted.label == "RED, fold=2, merge=current"
    assert designs.find(f"{ARRAY}:small_array_split:rows=64").name == "small_array_split:rows=64"


def test_what_is_asked_for_is_chosen_once() -> None:
    assert designs.choose(None) == designs.choose([]) == designs.choose(designs.names())
    assert [each.name for each in designs.choose("eyeriss")] == ["eyeriss"]
    assert designs.choose(["red", RED, "red"]) == (RED,)
    chosen = designs.choose([str(ARRAY), "red"])
    assert [each.name for each in chosen] == ["small_array", "small_array_split", "red"]
    for each in chosen[:2]:
        assert (each.estimator, each.jinja) == ("auto", ())  # type: ignore[attr-defined]
    (first, _) = designs.choose(str(ARRAY), {"b": 1, "a": 2}, "builtin")
    assert (first.estimator, first.jinja) == (  # type: ignore[attr-defined]
        "builtin",
        (("a", 2), ("b", 1)),
    )


def test_files_whose_names_look_like_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is there is that file, whatever its name could mean."""
    monkeypatch.chdir(tmp_path)
    text = ARRAY.read_text()
    for name, expected in (
        ("mine=array.yaml", "mine_array"),
        ("1=array.yaml", "design_1_array"),
        ("top.yaml", tmp_path.name.strip("_")),
    ):
        Path(name).write_text(text)
        found = designs.choose(name)[0].name
        assert found == expected or (name == "top.yaml" and found.endswith(expected))
    Path("other=array.yaml").unlink(missing_ok=True)
    Path("array.yaml").write_text(text)
    assert designs.choose("other=array.yaml")[0].name == "other"
    with pytest.raises(InputError, match=r"2=array\.yaml"):
        designs.choose("2=array.yaml")  # no name, and no such file
    Path("red:fold=2").touch()
    assert registry._parted("red:fold=2") == ("red:fold=2", "")
    assert registry._parted("red:fold=3") == ("red", "fold=3")
    assert registry._parted("red:fold") == ("red:fold", "")
    assert registry._parted("red") == ("red", "")


@pytest.mark.parametrize(
    ("path", "architecture", "name"),
    [
        ("a/b.c.yaml", "", "b"),
        ("a/arch.yaml", "", "a"),
        ("a/Top.yaml", "", "a"),
        ("a/spec.yaml.jinja2", "told", "told"),
        ("a/own.yaml", "told", "own"),
        ("a/7nm.yaml", "", "design_7nm"),
        ("a/-x-y-.yaml", "", "x_y"),
        ("a", "", "a"),
        ("a", "b/c", "b_c"),
    ],
)
def test_names_of_files(path: str, architecture: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert registry._name_of(tmp_path / path, architecture) == name


def test_where_a_design_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    dist = SimpleNamespace(name="thing", version="3")
    points: dict[str, Any] = {
        "theirs": SimpleNamespace(dist=dist, name="theirs", value="x:Y", load=lambda: RED),
        "red": SimpleNamespace(dist=dist, name="red"),
        "loose": SimpleNamespace(dist=None, name="loose", value="x:Y", load=lambda: 3),
    }
    monkeypatch.setattr(registry, "_installed", lambda: points)
    names = ("theirs", "red", "loose", "nobody")
    assert [origin(name) for name in names] == ["thing 3", *["red_timeloop"] * 3]
    assert designs.all_names()[-2:] == ("theirs", "loose")
    with pytest.raises(InputError, match="'theirs' of thing gives a design called 'red'"):
        designs.find("theirs")
    with pytest.raises(InputError, match="x:Y is no design"):
        designs.find("loose")
    assert designs.find("red") is RED
    assert (label("red"), label("no_such")) == ("RED", "no such")


def test_own_colours_are_those_of_the_shipped_designs() -> None:
    found = colours()
    assert found["red"] == RED.colour
    assert "eyeriss" not in found  # any that is free
    assert set(found) < set(designs.all_names())


@pytest.mark.parametrize("name", ["a b", "", "1a", "red:fold 2", 3, None])
def test_a_design_s_name_is_a_word(name: object) -> None:
    own = SimpleNamespace(**dict.fromkeys(registry._NEEDED), own=1)
    own.name = name
    with pytest.raises(InputError, match=r"SimpleNamespace\.name: got .* a word, e\.g\. half"):
        designs.find(own)  # type: ignore[arg-type]
    own.name = "word:fold=2.5,rows=-1"
    assert designs.find(own) is own  # type: ignore[arg-type,comparison-overlap]


def test_a_template_s_included_files_are_part_of_a_design(tmp_path: Path) -> None:
    inner = tmp_path / "inner.yaml.jinja2"
    inner.write_text(ARRAY.read_text())
    outer = tmp_path / "arch" / "own.yaml.jinja2"
    outer.parent.mkdir()
    outer.write_text("{{ include_text('../inner.yaml.jinja2') }}")
    digests = set()
    for depth in ("4096", "8192"):
        inner.write_text(ARRAY.read_text().replace("4096", depth))
        digests.add(content_digest(designs.choose(str(outer))[0]))
    assert len(digests - {""}) == 2
    assert content_digest(designs.find("eyeriss")) == ""
