"""What was read before stands for what would be read now, and for nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from red_timeloop import resources
from red_timeloop.errors import InputError
from red_timeloop.spec import known
from red_timeloop.spec.loader import load_file
from red_timeloop.spec.reader import Sections, read_sections, read_specification
from red_timeloop.spec.types import DataSpace, Problem, Value

ARCHITECTURE = """
variables: {version: 0.4, depth: 8, width: 2, copies: 2, on: true}
architecture:
  version: 0.4
  nodes:
  - !Container {name: chip, attributes: {lanes: width * 2, scale: width}}
  - !Component
    name: outer
    class: storage
    attributes: {depth: depth, width: lanes * 8, datawidth: 8, listed: [depth, 1], share: width / 2}
    constraints: {dataspace: {keep: [Inputs, Outputs]}, temporal: {no_reuse: [Inputs]}}
  - !Container {name: lane, spatial: {meshX: copies}, attributes: {width: 7}}
  - !Component
    name: inner
    class: storage
    enabled: on
    area_scale: scale
    attributes:
      depth: outer.attributes["depth"]
      width: width + 1
      datawidth: 1
    constraints: {temporal: {default_max_factor: copies}}
  - !Component
    name: last
    class: storage
    spatial:
      meshX: outer.get_fanout()
      meshY: variables.get("copies", 3)
    attributes: {depth: 1 if on else depth, width: 8, datawidth: 8, technology: "depth"}
  - !Component {name: mac, class: intmac, attributes: {copied: outer.spatial.meshX}}
"""
SPACES = (DataSpace("Inputs", ((("C", 1),),)), DataSpace("Outputs", ((("M", 1),),), True))
NUMBERS = st.sampled_from([1, 2, 3, 1.0, 2.0, 0, 0.0, -0.0, 0.5, True, "4", None])
VALUES = st.dictionaries(st.sampled_from(["depth", "width", "copies", "on"]), NUMBERS)


def problem(channels: int) -> Problem:
    return Problem("", ("C", "M"), {"C": channels, "M": 4}, SPACES)


def said(sections: Sections, values: dict[str, Value], channels: int) -> str:
    try:
        return repr(sections.specification(values, problem(channels)))
    except InputError as error:
        return str(error)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("known") / "arch.yaml"
    path.write_text(ARCHITECTURE)
    return path


@settings(max_examples=60, deadline=None)
@given(points=st.lists(st.tuples(VALUES, st.sampled_from([4, 8])), min_size=2, max_size=5))
def test_reading_again_gives_what_reading_anew_gives(
    file: Path, points: list[tuple[dict[str, Value], int]]
) -> None:
    first = read_sections(file)
    assert read_sections(file) is first
    for values, channels in points:
        anew = Sections([load_file(file)], str(file), False)
        assert said(first, values, channels) == said(anew, values, channels)


def test_nodes_whose_numbers_stay_are_the_same_ones(file: Path) -> None:
    first, second = (
        read_specification(file, variables={"depth": depth}, problem=problem(4)).architecture
        for depth in (8, 16)
    )
    same = [a is b for a, b in zip(first.levels, second.levels, strict=True)]
    assert dict(zip(first.names, same, strict=True)) == {
        "outer": False,
        "inter_lane_spatial": True,
        "inner": False,  # its depth is the outer one's
        "last": False,
        "inter_last_spatial": False,
        "mac": False,
    }


def test_a_design_s_levels_are_read_once() -> None:
    path = resources.path("arch/red.yaml")
    one, two, again = (
        read_specification(path, variables={"rows_used": rows}).architecture.levels
        for rows in (5, 6, 5)
    )
    changed = [a.name for a, b in zip(one, two, strict=True) if a is not b]
    assert changed == ["adc", "array", "cell"]
    assert all(a is b for a, b in zip(one, again, strict=True))


def test_when_too_much_is_kept_all_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "_MOST", 2)
    kept = known.Known()
    made: list[str] = []

    def asked(*names: str) -> list[str]:
        made.clear()
        for name in names:
            kept.constraints([], (name,), lambda name=name: made.append(name) or name)
        return list(made)

    assert asked("a", "b", "a", "b") == ["a", "b"]
    assert asked("c", "c", "a", "c") == ["c", "a"]


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "arch.yaml"
    for depth in ("8", "9"):  # of the same size, and perhaps in the same tick
        path.write_text(ARCHITECTURE.replace("depth: 8,", f"depth: {depth},"))
        os.utime(path, ns=(int(depth), int(depth)))
        assert read_specification(path).architecture.level("outer").depth == int(depth)


def test_several_files_are_read_again_when_one_of_them_changes(tmp_path: Path) -> None:
    machine, variables = tmp_path / "arch.yaml", tmp_path / "variables.yaml"
    head, body = ARCHITECTURE.split("architecture:", 1)
    machine.write_text(f"architecture:{body}")
    for depth in ("8", "9"):
        variables.write_text(head.replace("depth: 8,", f"depth: {depth},"))
        os.utime(variables, ns=(int(depth), int(depth)))
        found = read_specification([machine, variables])
        assert found.architecture.level("outer").depth == int(depth)
    assert read_sections([machine, variables]) is read_sections([machine, variables])
    with pytest.raises(InputError, match=r"gone\.yaml"):
        read_sections([machine, tmp_path / "gone.yaml"])


def test_a_template_is_read_every_time(tmp_path: Path) -> None:
    path = tmp_path / "arch.yaml"
    path.write_text(ARCHITECTURE.replace("depth: 8,", "depth: {{ depth }},"))
    for depth in (8, 9):
        found = read_specification(path, jinja={"depth": depth}).architecture
        assert found.level("outer").depth == depth
