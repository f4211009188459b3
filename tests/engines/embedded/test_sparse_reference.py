"""The embedded engine against 218 evaluations of sparse problems, imperfect factors and rare keys.

`data/sparse_reference/FAMILY.yaml` is a specification with its tables, `FAMILY.json` mappings with
what timeloop-model (4cf6d4c) printed for them: counts exact, energies rounded to 0.01 pJ. Of sparse
problems, accesses are [algorithmic, actual, gated, skipped] and format accesses [actual, gated,
skipped] by rank, the innermost first; zeros are left out.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from places import DATA

from red_timeloop.engines.base import model
from red_timeloop.engines.embedded.sparse.evaluation import evaluate_sparse
from red_timeloop.spec.reader import read_specification

REFERENCE = DATA / "sparse_reference"
CASES = [
    pytest.param(file.with_suffix(".yaml"), case, id=f"{file.stem}-{case['number']}")
    for file in sorted(REFERENCE.glob("*.json"))
    for case in json.loads(file.read_text())
]
# Where a saving knows less than the one around it, Timeloop's count is negative and wraps around:
# the engine saves nothing there.
WRAPPED = "a negative count wrapped to 2^64"
HOW = ("algorithmic_", "", "gated_", "skipped_")


def test_all_cases_are_there() -> None:
    assert len(CASES) == 218


def near(printed: float) -> Any:
    """Return what a number may be that is printed with two decimals."""
    return pytest.approx(printed, abs=0.005 * (1 + 1e-9))


@pytest.mark.parametrize(("file", "case"), CASES)
def test_every_number_is_timeloops(file: Path, case: dict[str, Any], tmp_path: Path) -> None:
    mapping, expected = tmp_path / "mapping.yaml", case["expected"]
    mapping.write_text(json.dumps({"mapping": case["mapping"]}))
    result = model(file, mapping=mapping)
    wrapped = WRAPPED in case.get("quirk", ())
    computes = expected.get("algorithmic_computes", expected["computes"])
    assert (result["cycles"], result["computes"]) == (expected["cycles"], computes)
    if not wrapped:
        assert result["energy_J"] * 1e6 == near(expected["energy_uJ"])
    assert list(result["levels"]) == list(expected["levels"])
    for name, level in expected["levels"].items():
        found = result["levels"][name]
        assert found["instances"] == level["instances"]
        if "computes" in level:
            check_computes(found, level)
            continue
        assert list(found["data_spaces"]) == list(level["data_spaces"])
        for space, numbers in level["data_spaces"].items():
            if wrapped and numbers["reads"][-1] > 2**63:
                assert found["data_spaces"][space]["skipped_reads"] == 0
                continue
            check_space(found["data_spaces"][space], numbers, f"{name} {space}")


def check_computes(found: dict[str, Any], level: dict[str, Any]) -> None:
    assert found["utilized_instances"] == level["utilized_instances"]
    assert found["energy_J"] * 1e12 == near(level["energy_pJ"])
    if isinstance(level["computes"], list):
        words = ("computes", "actual_computes", "gated_computes", "skipped_computes")
        assert [found[word] for word in words] == level["computes"]


def check_space(found: dict[str, Any], numbers: dict[str, Any], where: str) -> None:
    for kind in ("reads", "fills", "updates"):
        if isinstance(numbers[kind], int):
            assert found[kind] == numbers[kind], (where, kind)
            continue
        assert [found[f"{how}{kind}"] for how in HOW] == numbers[kind], (where, kind)
        none = [[0, 0]] * len(found["format_capacity"])
        formats = numbers.get(f"format_{kind}", [none] * 3)
        assert [found[f"{how}format_{kind}"] for how in HOW[1:]] == formats, (where, kind)
    if "tile_shape" in numbers:
        average = numbers["utilized_instances_average"]
        assert found["utilized_instances_average"] == near(average), where
        assert found["format_capacity"] == numbers["format_capacity"], where
    for word in ("tile_shape", "utilized_capacity", "utilized_instances", "temporal_reductions"):
        if word in numbers:
            assert found[word] == numbers[word], (where, word)
    assert found["energy_J"] * 1e12 == near(numbers["energy_pJ"]), where


@pytest.mark.parametrize(("file", "case"), CASES)
def test_cycles_and_leakage_of_every_level(
    file: Path, case: dict[str, Any], tmp_path: Path
) -> None:
    """Cycles and leakage of a single level are not part of the public result."""
    mapping, levels = tmp_path / "mapping.yaml", case["expected"]["levels"]
    mapping.write_text(json.dumps({"mapping": case["mapping"]}))
    spec = read_specification(file, mapping=mapping)
    assert spec.problem is not None
    assert spec.mapping is not None
    result = evaluate_sparse(spec.architecture, spec.problem, spec.mapping, spec.ert)
    assert result.compute_cycles == levels[result.machine.compute.name]["cycles"]
    for number, storage in enumerate(result.machine.levels):
        if storage.name in levels:
            assert result.level_cycles[number] == levels[storage.name]["cycles"]
            leakage = levels[storage.name]["leakage_energy_pJ"]
            assert result.leakage[number] * 1e12 == near(leakage), storage.name
