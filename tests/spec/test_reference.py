"""All reference specifications and their 200 mappings, and what timeloopfe made of them.

`data/timeloopfe_levels.json` is an excerpt of the `parsed-processed-input.yaml` that timeloopfe
(b8aaf2c) wrote for one specification of each architecture: the flattened levels with all
attributes, and keep and bypass.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from places import DATA

from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.write import mapping_text, specification_text

LEVELS = json.loads((DATA / "timeloopfe_levels.json").read_text())
NAMES = [
    f"{file.parent.name}/{file.stem}"
    for file in sorted((DATA / "reference").glob("*/*.yaml"))
    if file.stem not in ("ERT", "ART")
]


def test_all_are_there() -> None:
    assert len(NAMES) == 21  # the twenty of the 200 cases, and one that only the mapper ran
    assert (
        len({name.split("/")[0] for name in NAMES} - {name.split("/")[0] for name in LEVELS}) == 0
    )


@pytest.mark.parametrize("name", LEVELS)
def test_levels_are_those_of_timeloopfe(name: str) -> None:
    found = read_specification(DATA / "reference" / f"{name}.yaml")
    levels = found.architecture.levels
    assert [level.name for level in levels] == [each["name"] for each in LEVELS[name]["levels"]]
    for level, expected in zip(levels, LEVELS[name]["levels"], strict=True):
        attributes = dict(expected["attributes"])
        assert (level.instances_x, level.instances_y) == (
            attributes.pop("meshX"),
            attributes.pop("meshY"),
        )
        assert level.attributes == attributes
        assert level.component_class == expected["class"]
        assert level.subclass == expected.get("subclass")
    for target, (keep, bypass) in LEVELS[name]["data_spaces"].items():
        spaces = found.constraints.levels[target].data_spaces
        assert (sorted(spaces.keep), sorted(spaces.bypass)) == (keep, bypass)


@pytest.mark.parametrize("name", NAMES)
def test_everything_reads_and_survives_being_written(name: str, tmp_path: Path) -> None:
    spec = DATA / "reference" / f"{name}.yaml"
    tables = {"ert": spec.with_name("ERT.yaml"), "art": spec.with_name("ART.yaml")}
    given, written, again = (tmp_path / f"{each}.yaml" for each in ("given", "written", "again"))
    free = read_specification(spec, **tables)
    written.write_text(specification_text(free))
    assert read_specification(written) == free
    cases = spec.with_suffix(".json")
    for number, case in enumerate(json.loads(cases.read_text()) if cases.exists() else []):
        given.write_text(json.dumps({"mapping": case["mapping"]}))
        found = read_specification(spec, mapping=given, **tables)
        assert found.mapping is not None
        assert found.problem is not None
        again.write_text(mapping_text(found.mapping, found.architecture, found.problem))
        assert read_specification(spec, mapping=again).mapping == found.mapping
        if number > 2:
            continue
        written.write_text(specification_text(found))
        copy = read_specification(written)
        assert (copy.architecture, copy.problem, copy.mapping, copy.ert, copy.art) == (
            *(found.architecture, found.problem, found.mapping, found.ert, found.art),
        )
