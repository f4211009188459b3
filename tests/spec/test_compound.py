"""How much a compound component may be made of, from both sides of each limit."""

from __future__ import annotations

from pathlib import Path

import pytest
from close import near

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


COUNTED = """\
classes:
- name: outer
  attributes: {n: 3, width: must_specify, twice: width * 2, technology: "32nm"}
  subcomponents:
  - {name: "a[0..n-1]", class: inner, area_scale: 2, energy_scale: width / 2,
     attributes: {depth: n + 1, deep: depth * 2}}
  - {name: c, class: wire, attributes: {area_scale: 4, energy_scale: 0.5, technology: "45nm"}}
  actions:
  - name: go
    repeat: 5
    arguments: {k: 0..n-2, j: 1..2}
    subcomponents:
    - {name: "a[0..1]", actions: [{name: run, repeat: k + 1, arguments: {x: k, y: x + j}}]}
    - {name: c, actions: [{name: read, energy_scale: 0.25}]}
  - {name: rest, energy_scale: 7, subcomponents: [{name: c, actions: [{name: read}]}]}
- name: inner
  attributes: {depth: 7, half: depth / 2}
  subcomponents: [{name: "p[1..2]", class: cell, area_scale: depth, attributes: {own: half}}]
  actions:
  - name: run
    subcomponents:
    - name: "p[1..2]"
      actions: [{name: write, energy_scale: 0.1, arguments: {z: depth}}]
"""


def counted(folder: Path, text: str = COUNTED, **attributes: object) -> Resolved:
    (folder / "classes.yaml").write_text(text)
    given = {"width": 6, "own": None, **attributes}
    return resolve("whole", "outer", given, read_classes(load_file(folder / "classes.yaml")))


def test_counts_scales_and_attributes_by_hand(tmp_path: Path) -> None:
    found = counted(tmp_path)
    p, c = found.parts
    assert (p.name, p.component_class, p.count, p.area_scale, p.energy_scale) == (
        *("whole.a.p", "cell", 3 * 2, 2 * 4, 6 / 2),
    )
    assert p.attributes == {"own": 2.0, "technology": "32nm"}
    assert (c.name, c.component_class, c.count, c.area_scale, c.energy_scale) == (
        *("whole.c", "wire", 1, 4.0, 0.5),
    )
    assert c.attributes["technology"] == "45nm"
    ways = found.actions["go"]
    assert len(ways) == 2 * 2  # k 0 or 1, j 1 or 2
    for number, (write, read) in enumerate(ways):
        k = number // 2
        assert (write.part.name, write.action, dict(write.arguments)["z"]) == (p.name, "write", 4)
        assert write.times == near(5 * 2 * (k + 1) * 2 * 0.1 * 3)
        assert (read.part.name, read.times) == ("whole.c", near(5 * 0.25 * 0.5))
    (((rest,),)) = found.actions["rest"]
    assert rest.times == near(7 * 0.5)
    fewer = counted(tmp_path, n=2, depth=9)
    assert (fewer.parts[0].count, fewer.parts[0].area_scale) == (2 * 2, 2 * 3)
    assert len(fewer.actions["go"]) == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("width: must", "height: must", "whole.height: the class 'outer' needs this attribute"),
        ("a[0..n-1]", "a[0..0-1]", "whole.a: 'a[0..0-1]' stands for 0 components (legal: 1 or"),
        ("a[0..n-1]", "a['x'..n-1]", "whole.a: \"a['x'..n-1]\": 'x' is no number"),
        ("a[0..n-1]", "a[1 > 0..n-1]", "True is no number"),
        ("energy_scale: width / 2", "energy_scale: True", "whole.a.energy_scale: True is no numb"),
        ("k: 0..n-2", "k: 3", "whole.go.k: 3 is no range (legal: FIRST..LAST)"),
        ("k: 0..n-2", "k: 1..0", "whole.go: the ranges of the arguments (legal: 1 .. 10000 val"),
        ('{name: "a[0..1]", act', '{name: "b[0..1]", act', "no subcomponent 'b' (legal: a, c)"),
        ("[{name: run, repeat", "[{name: walk, repeat", "the class 'inner' has no action 'walk'"),
        ("class: cell", "class: outer", "whole.a.p.class: the class 'outer' holds itself"),
        ("[{name: read}]", "[3]", "whole.rest.actions: an entry is a number, not a mapping"),
    ],
)
def test_what_no_component_can_be_made_of(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert old in COUNTED
    with pytest.raises(InputError) as caught:
        counted(tmp_path, COUNTED.replace(old, new, 1))
    assert message in str(caught.value)
