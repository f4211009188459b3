"""One specification of everything, written and read back part by part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from spec.texts import ARCHITECTURE, PROBLEM

from red_timeloop.spec.emit import Text, to_yaml
from red_timeloop.spec.loader import load_file
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.template import _lines
from red_timeloop.spec.types import Mapping, Specification
from red_timeloop.spec.write import mapping_text, specification_text

Read = Callable[..., Specification]

MACHINE = """\
architecture:
  version: 0.4
  nodes:
  - !Container {name: chip}
  - !Component
    name: buffer
    class: SRAM
    subclass: wide
    area_scale: 2.5
    energy_scale: 0.5
    required_actions: [update]
    attributes: {depth: 64, width: 32, datawidth: 8, note: 'a "b" \\ c'}
    sparse_optimizations:
      representation_format: {data_spaces: [{name: Weights, ranks: [{format: CP}]}]}
  - !Component {name: tile, class: SRAM, spatial: {meshX: 4}, attributes: {width: 8, datawidth: 8}}
  - !Container {name: row, spatial: {meshY: 8}}
  - !Component {name: cell, class: SRAM, spatial: {meshX: 1, meshY: 1},
                attributes: {depth: 4, width: 8, datawidth: 8}}
  - !Component {name: mac, class: compute}
"""
DENSE = PROBLEM.replace(", stride: 2}", ", stride: 2, commonDensity: 0.5}")
CONSTRAINTS = {
    "factors": "{target: buffer, type: temporal, factors: [C<=4, M>=2, R=3]}",
    "inside": "{target: buffer, type: temporal, permutation: [C, M]}",
    "outside": "{target: buffer, type: temporal, permutation: CM_P}",
    "both": "{target: buffer, type: temporal, permutation: _PR}",
    "defaults": "{target: buffer, type: temporal, default_max_factor: 8, default_min_factor: 2}",
    "remainders": "{target: buffer, type: temporal, remainders: 1}",
    "reuse": "{target: buffer, type: temporal, no_reuse: [Weights], rmw_first_update: [Outputs]}",
    "spaces": "{target: buffer, type: dataspace, keep: [Inputs], bypass: [Weights]}",
    "apart": "{target: buffer, type: dataspace, no_coalesce: [Outputs]}",
    "overbooked": "{target: buffer, type: max_overbooked_proportion, proportion: 0.25}",
    "across": "{target: row, type: spatial, factors: [M=4], permutation: [M], split: 1}",
    "links": "{target: row, type: spatial, no_reuse: [Inputs], no_link_transfer: [Weights]}",
    "utilization": "{target: mac, type: utilization, min: 0.5}",
}
MAPPED = """\
mapping:
- {target: buffer, type: temporal, factors: [C=2, P=6], permutation: [P, C], no_reuse: [Weights]}
- {target: buffer, type: dataspace, bypass: [Weights], no_coalesce: [Outputs]}
- {target: inter_tile_spatial, type: spatial, factors: [M=4], no_link_transfer: [Inputs]}
- {target: tile, type: temporal, factors: [R=3], rmw_first_update: [Outputs]}
- {target: inter_row_spatial, type: spatial, factors: [C=4, M=2], permutation: [C, M], split: 1,
   no_reuse: [Outputs]}
- {target: cell, type: temporal, factors: [C=2]}
"""


def again(given: Specification, folder: Path) -> Specification:
    (folder / "again.yaml").write_text(specification_text(given))
    return read_specification(folder / "again.yaml")


@pytest.mark.parametrize("rule", CONSTRAINTS)
def test_every_constraint_is_written(rule: str, read: Read, tmp_path: Path) -> None:
    text = f"constraints:\n  targets:\n  - {CONSTRAINTS[rule]}\n"
    given, free = read(MACHINE, PROBLEM, text), read(MACHINE, PROBLEM)
    found = again(given, tmp_path)
    assert found.constraints == given.constraints != free.constraints
    assert found.architecture == given.architecture


@pytest.mark.parametrize("change", ["", "split: 1", "C=4, M=2", "factors: [R=3]"])
def test_a_mapping_is_written_in_both_spellings(change: str, read: Read, tmp_path: Path) -> None:
    other = {"split: 1": "split: 2", "C=4, M=2": "M=2, C=4", "factors: [R=3]": "factors: [R=0]"}
    given = read(MACHINE, DENSE, MAPPED.replace(change, other.get(change, change)))
    assert given.problem is not None
    assert given.mapping is not None
    found = again(given, tmp_path)
    assert (found.mapping, found.problem) == (given.mapping, given.problem)
    assert {each.density for each in given.problem.densities.values()} == {0.5}
    assert len(given.problem.densities) == 3
    text = mapping_text(given.mapping, given.architecture, given.problem)
    (tmp_path / "own.yaml").write_text(text)
    (tmp_path / "bare.yaml").write_text(specification_text(replace(given, mapping=None)))
    own = read_specification(tmp_path / "bare.yaml", mapping=tmp_path / "own.yaml").mapping
    assert own == given.mapping


def test_last_passes_are_written(read: Read, tmp_path: Path) -> None:
    imperfect = MAPPED.replace("P=6]", "P=2]").replace("factors: [R=3]", 'factors: [R=3, "P=4,2"]')
    given = read(MACHINE, PROBLEM, imperfect)
    assert isinstance(given.mapping, Mapping)
    assert given.mapping.imperfect
    assert again(given, tmp_path).mapping == given.mapping


@pytest.mark.parametrize("text", ["True", "false", "TRUE", "0", "1", "False"])
def test_truth_values_may_be_text(text: str, read: Read) -> None:
    quoted = f'"{text}"' if text not in "01" else text
    given = ARCHITECTURE.replace("width: 32,", f"width: 32, reduction_supported: {quoted},")
    level = next(each for each in read(given, PROBLEM).architecture.levels if each.name == "buffer")
    assert level.reduction_supported == (text.lower() in ("true", "1"))


@pytest.mark.parametrize(
    "value",
    [*(float("inf"), -float("inf"), 1e-9, -0.5, 3, True, None), 'a "b" \\ c', "é\n\t~ ", "{{1}}"],
)
def test_values_are_written_as_they_are(value: object, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        to_yaml({"a": Text(value) if isinstance(value, str) else value})
    )
    assert load_file(tmp_path / "a.yaml") == {"a": value}
    assert to_yaml({"a": float("nan")}) == "a: .nan\n"


@pytest.mark.parametrize(
    ("source", "text", "lines"),
    [
        ("x: 1\n{% f %}\ny: 2\nz: 3\n{% e %}\nw", "x: 1\n\ny: 2\nz: 3\n\ny: 2\nz: 3\n\nw",
         [1, 2, 3, 4, 5, 3, 4, 5, 6]),
        # of two equal lines the next one, and from the first one on where the loop begins anew
        ("{% f %}\ny\ny\n{% e %}", "\ny\ny\n\ny\ny\n", [1, 2, 3, 4, 2, 3, 4]),
        ("a\n{{b}}\nc", "a\nd\ne\nf\nc", [1, 2, 2, 2, 3]),  # several lines of one
        ("a\nb\nc", "z\na", [1, 1]),
        ("{{a}}\nb", "x\ny\n\nb", [1, 1, 1, 2]),
    ],
)  # fmt: skip
def test_lines_of_a_rendered_text_are_found_in_the_template(
    source: str, text: str, lines: list[int]
) -> None:
    assert _lines(source, text) == lines
    assert _lines(source, source) is None


def test_what_is_no_yaml_is_not_written() -> None:
    with pytest.raises(TypeError, match="cannot write complex as YAML"):
        to_yaml({"a": 1j})


def test_a_problem_knows_its_data_spaces_by_name(read: Read) -> None:
    problem = read(ARCHITECTURE, PROBLEM).problem
    assert problem is not None
    assert problem.data_space("Inputs").dimensions == ("C", "P", "R")
    with pytest.raises(KeyError, match="Input"):
        problem.data_space("Input")
