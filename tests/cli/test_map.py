"""`red-timeloop map` as a user runs it, and its results beside timeloop-mapper's."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from places import DATA

import red_timeloop
from red_timeloop.cli.check import command as check
from red_timeloop.errors import InputError

REFERENCE = DATA / "reference"
RED = REFERENCE / "crossbar_red"
RESULTS = json.loads((REFERENCE.parent / "reference_mapper.json").read_text())


def tables(family: Path) -> dict[str, Path]:
    return {"ert": family / "ERT.yaml", "art": family / "ART.yaml"}


def arguments(family: Path, problem: str, *more: str) -> list[str]:
    files = [str(family / f"{problem}.yaml"), "--ert", str(family / "ERT.yaml")]
    return [sys.executable, "-m", "red_timeloop.cli.main", "map", *files, *more]


@pytest.mark.parametrize("name", RESULTS)
def test_edp_is_at_least_as_low_as_timeloop_mapper_s(name: str) -> None:
    """The recorded runs: random_pruned, 2 threads, victory condition 5000, 50 s to 228 s."""
    family, problem = name.split("__")
    _, result = red_timeloop.search(
        REFERENCE / family / f"{problem}.yaml", **tables(REFERENCE / family), budget=12_000
    )
    assert result["search"]["value"] <= RESULTS[name]["edp_J_cycles"] * (1 + 1e-5)


def test_the_mapping_file_gives_the_same_result(tmp_path: Path) -> None:
    done = subprocess.run(
        arguments(RED, "deconv_k4s2", "-o", str(tmp_path), "--format", "json"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["search"]["optimal"] is True
    assert result["cycles"] == 256
    again = red_timeloop.model(
        RED / "deconv_k4s2.yaml", mapping=tmp_path / "mapping.yaml", ert=RED / "ERT.yaml"
    )
    stats = json.loads((tmp_path / "stats.json").read_text())
    assert again == stats == {key: result[key] for key in result if key != "search"}
    certificate = tmp_path / "search.json"
    report = json.loads(certificate.read_text())
    assert {key: report[key] for key in result["search"]} == result["search"]
    told = CliRunner().invoke(check, [str(certificate)], standalone_mode=False)
    assert (told.return_value, told.stdout.split(";")[0]) == (0, "confirmed: 0.00933573, optimal")
    certificate.write_text(json.dumps(report | {"value": report["value"] / 2}))
    told = CliRunner().invoke(check, [str(certificate)], standalone_mode=False)
    assert told.return_value == 1
    assert told.stdout.startswith("refused: value: ")


def test_front_is_written_mapping_by_mapping(tmp_path: Path) -> None:
    done = subprocess.run(
        arguments(RED, "deconv_k4s2", "--objective", "pareto", "-o", str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "search.json").read_text())
    assert report["optimal"] is True
    assert report["left"] == []
    assert len(report["front"]) == len(list(tmp_path.glob("mapping-*.yaml"))) >= 1
    assert f"proved: the {len(report['front'])} are the whole front" in done.stdout
    for number, point in enumerate(report["front"], 1):
        again = red_timeloop.model(
            RED / "deconv_k4s2.yaml",
            mapping=tmp_path / f"mapping-{number}.yaml",
            ert=RED / "ERT.yaml",
        )
        assert again["cycles"] == point["cycles"]
        assert again["energy_J"] == pytest.approx(point["energy_J"], rel=1e-9, abs=0)
    best = min(point["energy_J"] * point["cycles"] for point in report["front"])
    stats = json.loads((tmp_path / "stats.json").read_text())
    assert stats["energy_J"] * stats["cycles"] == pytest.approx(best, rel=1e-9, abs=0)


def test_table_ends_with_the_certificate() -> None:
    done = subprocess.run(
        arguments(RED, "deconv_k4s2"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "proved: no mapping of the 1,225 ways to deal the dimensions is better" in done.stdout


def test_control_c_prints_the_best_so_far() -> None:
    family = REFERENCE / "weight_stationary"
    for seconds in (2, 4, 8, 16, 32):  # until the search has begun, on a machine however busy
        process = subprocess.Popen(
            arguments(family, "conv_k3", "--budget", "100000000", "--format", "json"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
        if process.returncode != 130:
            break
        assert "Traceback" not in errors
    assert process.returncode == 0, errors
    report = json.loads(output)["search"]
    assert report["optimal"] is False
    assert 0 < report["evaluated"] < 100_000_000


def test_control_c_ends_a_comparison_as_a_whole() -> None:
    command = ["compare", "--all", "--design", "eyeriss", "--engine", "embedded"]  # minutes
    process = subprocess.Popen(
        [sys.executable, "-m", "red_timeloop.cli.main", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(2.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors


def test_constraint_that_cannot_be_met_exits_with_2(tmp_path: Path) -> None:
    text = (RED / "deconv_k4s2.yaml").read_text().replace("factors: [M=2,", "factors: [M=3,")
    (tmp_path / "spec.yaml").write_text(text)
    command = [*arguments(tmp_path, "spec")[:5], "--objective", "delay"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "inter_column_tile_spatial (spatial): M=3 cannot be met" in done.stderr
    assert "Traceback" not in done.stderr


def test_padding_is_reported_and_the_larger_problem_written(tmp_path: Path) -> None:
    family = REFERENCE / "weight_stationary"
    text = (family / "conv1d_k8.yaml").read_text()
    text = text.replace("{N: 2, C: 16, M: 12, R: 8, P: 30}", "{N: 1, C: 17, M: 1, R: 1, P: 31}")
    (tmp_path / "spec.yaml").write_text(text)
    command = [*arguments(tmp_path, "spec")[:5], "--padding", "--budget", "4000",
               "--objective", "delay", "-o", str(tmp_path / "out")]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "padded C 17 to 18, P 31 to 32" in done.stdout
    problem = (tmp_path / "out" / "problem.yaml").read_text()
    assert "P: 32" in problem
    without = text[: text.index("problem:")]
    (tmp_path / "machine.yaml").write_text(without)
    again = red_timeloop.model(
        [tmp_path / "machine.yaml", tmp_path / "out" / "problem.yaml"],
        mapping=tmp_path / "out" / "mapping.yaml",
        estimator="none",
    )
    assert again == json.loads((tmp_path / "out" / "stats.json").read_text())


def test_mapper_needs_a_problem(tmp_path: Path) -> None:
    text = (RED / "deconv_k4s2.yaml").read_text()
    start, end = text.index("problem:"), text.index("mapper:")
    (tmp_path / "spec.yaml").write_text(text[:start] + text[end:])
    with pytest.raises(InputError, match="no file has a problem"):
        red_timeloop.search(tmp_path / "spec.yaml")
