"""How much a compound component may be made of, from both sides of each limit."""

from __future__ import annotations

from pathlib import Path

import pytest

from red_timeloop.errors import InputError
from red_timeloop.spec import compound
from red_timeloop.spec.compound import Resolved, read_classes, resolve
from red_timeloop.spec.loader import load_file

# Three parts, two ways to call an action of six steps, two lists in one, classes two deep.
TEXT = """\
classes:
- [{name: inner, subcomponents: [{name: p, class: wire}, {name: q, class: wire}],
    actions: [{name: go, subcomponents: [{name: p, actions: [{name: read}, {name: write}]},
                                         {name: q, actions: [{name: read}]}]}]}]
- name: outer
  subcomponents: [{name: a, class: inner}, {name: c, class: wire}]
  actions:
  - name: turn
    arguments: {n: 1..2}
    subcomponents: [{name: a, actions: [{name: go}, {name: go, repeat: n}]}]
"""
# Eight parts; eight entries of a list and of the lists in it.
PARTS = ", ".join(f"{{name: c{n}, class: wire}}" for n in range(6))
LISTS = "- [" + "{name: idle}, " * 5 + "{name: inner"


def made(folder: Path, text: str = TEXT) -> Resolved:
    (folder / "classes.yaml").write_text(text)
    return resolve("whole", "outer", {}, read_classes(load_file(folder / "classes.yaml")))


def test_parts_and_steps_by_hand(tmp_path: Path) -> None:
    found = made(tmp_path)
    assert [part.name for part in found.parts] == ["whole.a.p", "whole.a.q", "whole.c"]
    once, twice = found.actions["turn"]
    assert [(step.part.name[-1], step.action) for step in once] == [
        ("p", "read"), ("p", "write"), ("q", "read")] * 2  # fmt: skip
    assert [step.times for step in once] == [1.0] * 6
    assert [step.times for step in twice] == [1.0] * 3 + [2.0] * 3


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("classes:", "clases: []\nclasses:", "components.clases"),
        ("name: outer\n", "name: outer\n  areas: 1\n", "outer.areas"),
        ("{name: c, class: wire}", "{name: c, class: wire, area: 1}", "outer.c.area"),
        ("name: turn\n", "name: turn\n    times: 1\n", "outer.turn.times"),
        ("{name: go, repeat: n}", "{name: go, times: n}", "whole.turn.times"),
    ],
)
def test_unknown_keys_are_refused_wherever_they_stand(
    old: str, new: str, place: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="unknown key") as caught:
        made(tmp_path, TEXT.replace(old, new))
    assert caught.value.key == place


@pytest.mark.parametrize(
    ("limit", "least", "change", "message"),
    [
        ("_MOST", 6, ("", ""), "subcomponents: there are 6 entries (legal: at most 5)"),
        ("_MOST", 8, ("{name: c, class: wire}", PARTS), "there are 8 entries (legal: at most 7)"),
        ("_MOST", 8, ("- [{name: inner", LISTS), "classes: there are 8 entries (legal: at most 7)"),
        ("_MOST", 8, ("n: 1..2", "n: 1..8"), "the ranges of the arguments (legal: 1 .. 7 values)"),
        ("_DEEPEST", 2, ("", ""), "too many classes in each other (legal: 1)"),
    ],
)  # fmt: skip
def test_as_much_fits_and_no_more(
    limit: str,
    least: int,
    change: tuple[str, str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = TEXT.replace(*change) if change[0] else TEXT
    monkeypatch.setattr(compound, limit, least)
    made(tmp_path, text)
    monkeypatch.setattr(compound, limit, least - 1)
    with pytest.raises(InputError) as caught:
        made(tmp_path, text)
    assert message in str(caught.value)
