"""The embedded engine against 200 evaluations by the real timeloop-model.

`data/reference/ARCHITECTURE/` holds, for each architecture, its ERT and ART and for each problem
the specification (`PROBLEM.yaml`) and ten mappings with what timeloop-model (4cf6d4c) printed for
them (`PROBLEM.json`): counts exact, energies rounded to 0.01 pJ and 0.01 fJ a compute.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from places import DATA

import red_timeloop
from red_timeloop.engines.embedded.cost import evaluate_cost
from red_timeloop.engines.embedded.machine import build_machine, build_shape
from red_timeloop.engines.embedded.movement import data_movement
from red_timeloop.engines.embedded.nest import build_nest
from red_timeloop.spec.reader import read_specification

REFERENCE = DATA / "reference"
CASES = [(file, number) for file in sorted(REFERENCE.glob("*/*.json")) for number in range(10)]
ROUNDING = 0.005 * (1 + 1e-9)


def test_all_cases_are_there() -> None:
    assert len(CASES) == 200


@pytest.mark.parametrize(
    ("file", "number"), CASES, ids=[f"{f.parent.name}-{f.stem}-{n}" for f, n in CASES]
)
def test_every_number_is_timeloops(file: Path, number: int, tmp_path: Path) -> None:
    case = json.loads(file.read_text())[number]
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(json.dumps({"mapping": case["mapping"]}))
    result = red_timeloop.model(
        file.with_suffix(".yaml"),
        mapping=mapping,
        ert=file.with_name("ERT.yaml"),
        art=file.with_name("ART.yaml"),
    )
    check(result, case["expected"])


def check(result: dict[str, Any], expected: dict[str, Any]) -> None:
    assert result["engine"] == "embedded"
    assert result["cycles"] == expected["cycles"]
    assert result["computes"] == expected["computes"]
    assert result["energy_J"] * 1e6 == pytest.approx(expected["energy_uJ"], abs=ROUNDING)
    for name, femtojoule in expected["fJ_per_compute"].items():
        energy = result["energy_J"] if name == "Total" else result["levels"][name]["energy_J"]
        assert energy * 1e15 / result["computes"] == pytest.approx(femtojoule, abs=ROUNDING), name
    assert list(result["levels"]) == list(expected["levels"])
    for name, (instances, *numbers) in expected["levels"].items():
        level = result["levels"][name]
        assert level["instances"] == instances
        if len(numbers) == 3:  # compute
            assert level["utilized_instances"] == numbers[0]
            assert level["energy_J"] * 1e12 == pytest.approx(numbers[1], abs=ROUNDING)
            continue
        spaces = numbers[1]
        assert list(level["data_spaces"]) == list(spaces)
        for space, (capacity, used, *counts, energy) in spaces.items():
            found = level["data_spaces"][space]
            assert [found[key] for key in ("reads", "fills", "updates", "temporal_reductions")] == (
                counts
            ), (name, space)
            assert found["utilized_capacity"] == capacity
            assert found["utilized_instances"] == used
            assert found["energy_J"] * 1e12 == pytest.approx(energy, abs=ROUNDING), (name, space)


@pytest.mark.parametrize("file", sorted(REFERENCE.glob("*/*.json")), ids=lambda file: file.stem)
def test_cycles_of_every_level(file: Path, tmp_path: Path) -> None:
    """Cycles of a single level are not part of the public result."""
    for case in json.loads(file.read_text()):
        mapping = tmp_path / "mapping.yaml"
        mapping.write_text(json.dumps({"mapping": case["mapping"]}))
        parsed = read_specification(file.with_suffix(".yaml"), mapping=mapping)
        assert parsed.problem is not None
        assert parsed.mapping is not None
        names = parsed.problem.data_space_names
        machine = build_machine(parsed.architecture, names, None, None)
        shape = build_shape(parsed.problem)
        nest = build_nest(parsed.mapping, machine, shape)
        moved = data_movement(nest, machine, shape)
        levels = evaluate_cost(nest, machine, moved, parsed.problem.operations).levels
        for storage, cost in zip(machine.levels, levels, strict=True):
            if storage.name in case["expected"]["levels"]:
                assert cost.cycles == case["expected"]["levels"][storage.name][1]
