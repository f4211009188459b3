"""`red-timeloop model` as a user runs it, and the messages for bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from places import DATA

import red_timeloop
from red_timeloop.errors import InputError
from red_timeloop.spec.types import LevelMapping, Mapping

FAMILY = DATA / "reference" / "row_stationary"
SPEC = FAMILY / "conv_k3.yaml"
TABLES = {"ert": FAMILY / "ERT.yaml", "art": FAMILY / "ART.yaml"}


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    file = tmp_path / "mapping.yaml"
    case = json.loads(SPEC.with_suffix(".json").read_text())[0]
    file.write_text(json.dumps({"mapping": case["mapping"]}))
    return file


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "red_timeloop.cli.main", "model", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_json_is_the_result_of_the_call(mapping: Path) -> None:
    done = run(SPEC, "--mapping", mapping, "--ert", TABLES["ert"], "--art", TABLES["art"],
               "--format", "json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == red_timeloop.model(SPEC, mapping=mapping, **TABLES)


def test_table_names_levels_and_totals(mapping: Path) -> None:
    done = run(SPEC, "--mapping", mapping, "--ert", TABLES["ert"], "--art", TABLES["art"])
    assert done.returncode == 0, done.stderr
    assert "shared_glb" in done.stdout
    assert "147,456 computes in 18,432 cycles, 1.191 uJ" in done.stdout.replace("\n", " ")


def test_table_of_sparse_problems_shows_what_is_saved(mapping: Path) -> None:
    spec = FAMILY.parents[1] / "sparse_reference" / "zi_rs_skipping_a.yaml"
    case = json.loads(spec.with_suffix(".json").read_text())[0]
    mapping.write_text(json.dumps({"mapping": case["mapping"]}))
    done = run(spec, "--mapping", mapping)
    assert done.returncode == 0, done.stderr
    assert "16,384 computes (4,096 actual, 0 gated, 0 skipped) in 512 cycles" in done.stdout
    row = next(row for row in done.stdout.splitlines() if "skipped  " in row)
    assert row.replace("│", " ").split() == ["skipped", "1,536", "0", "0"]


def test_bad_input_exits_with_2_and_one_message(mapping: Path) -> None:
    mapping.write_text(mapping.read_text().replace('"M4"', '"M2"', 1))
    done = run(SPEC, "--mapping", mapping)
    assert done.returncode == 2
    assert "dimension M multiply to 8" in done.stderr
    assert "Traceback" not in done.stderr


def test_unknown_engine_is_refused(mapping: Path) -> None:
    with pytest.raises(InputError, match="unknown engine 'timelop'"):
        red_timeloop.model(SPEC, mapping=mapping, engine="timelop")


def test_missing_mapping_is_named() -> None:
    with pytest.raises(InputError, match="no file has a mapping"):
        red_timeloop.model(SPEC)


def test_capacity_violation_names_the_level(mapping: Path) -> None:
    case = json.loads(mapping.read_text())
    for entry in case["mapping"]:
        if entry["type"] == "temporal" and entry["target"] == "shared_glb":
            entry["factors"] = "S3"
        if entry["type"] == "temporal" and entry["target"] == "psum_spad":
            entry["factors"] = "M16 P8 Q4"
    mapping.write_text(json.dumps(case))
    with pytest.raises(InputError, match=r"psum_spad: .* 512 words, the capacity is 64"):
        red_timeloop.model(SPEC, mapping=mapping, **TABLES)


def test_rules_of_a_design_are_checked_by_name(tmp_path: Path) -> None:
    from red_timeloop import TransposedConv, designs
    from red_timeloop.designs.specification import assemble
    from red_timeloop.hardware import Hardware
    from red_timeloop.spec.write import mapping_text, specification_text

    design = designs.find("red")
    plan = design.plan(TransposedConv(32, 16, (4, 4), 4, stride=2), Hardware.load())
    specification = assemble(plan, plan.parts[0], 1e-6)
    assert specification.mapping is not None
    assert specification.problem is not None
    machine = replace(specification, mapping=None, ert=None, art=None)
    (tmp_path / "red.yaml").write_text(specification_text(machine))
    levels = dict(specification.mapping.levels)

    def check(changed: dict[str, LevelMapping]) -> subprocess.CompletedProcess[str]:
        mapping = Mapping({**levels, **changed})
        text = mapping_text(mapping, specification.architecture, specification.problem)
        (tmp_path / "mapping.yaml").write_text(text)
        return run(tmp_path / "red.yaml", "--mapping", tmp_path / "mapping.yaml", "--rules", "red")

    assert check({}).returncode == 0, check({}).stderr
    rows = levels["inter_row_spatial"]
    outside = replace(levels["edram"], temporal=(*levels["edram"].temporal, ("C", 2)))
    half = tuple((rank, count // 2 if rank == "C" else count) for rank, count in rows.spatial_y)
    broken = check({"edram": outside, "inter_row_spatial": replace(rows, spatial_y=half)})
    assert broken.returncode == 2
    assert "C=2 at edram (temporal) breaks the constraint resident_weights" in broken.stderr
    unknown = run(tmp_path / "red.yaml", "--rules", "redd")
    assert "unknown design 'redd'; did you mean 'red'?" in unknown.stderr
