"""`simulate` and `verify` as a user runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from red_timeloop import designs
from red_timeloop.cli.main import main
from red_timeloop.dataflow import verification

WORKLOAD = """\
schema: 1
name: tiny
source: made up
layers:
  - {name: up, type: transposed_conv, in_channels: 6, out_channels: 4, input_size: [3, 3],
     kernel_size: 4, stride: 2, padding: 1}
  - {name: same, type: transposed_conv, in_channels: 6, out_channels: 4, input_size: [3, 3],
     kernel_size: 4, stride: 2, padding: 1}
  - {name: down, type: conv, in_channels: 4, out_channels: 6, input_size: [5, 5], kernel_size: 3,
     stride: 2, padding: 1}
"""


@pytest.fixture
def workload(tmp_path: Path) -> str:
    path = tmp_path / "tiny.yaml"
    path.write_text(WORKLOAD)
    return str(path)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "red_timeloop.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def code_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def test_simulate_prints_the_proof_and_both_counts(workload: str) -> None:
    result = run("simulate", f"{workload}:up", "--design", "red")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == (
        "up on red, 8-bit converters: max error 0: 144 outputs equal the integer convolution bit "
        "for bit"
    )
    assert lines[1].strip() == (
        "3x3x6 to 6x6x4, kernel 4x4, stride 2; tensors uniform over all bits"
    )
    assert ["steps", "9", "9"] in [line.split() for line in lines]
    assert ["cell", "reads", "nonzero"] in [line.split()[:3] for line in lines]
    assert "All 15 events that the engine sees are equal." in result.stdout


def test_simulate_reports_the_error_of_real_converters(
    workload: str, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ("simulate", f"{workload}:up", "--design", "red", "--design", "zero_padding")
    ratios = {}
    for bits in ("2", "3"):
        assert code_of(*common, "--adc-bits", bits, "--format", "json") == 0
        results = json.loads(capsys.readouterr().out)["results"]
        assert [result["design"] for result in results] == ["red", "zero_padding"]
        assert all(result["differing"] == [] for result in results)
        ratios[bits] = results[0]["sqnr_dB"]
        assert results[0]["max_error"] > 0
    assert ratios["2"] < ratios["3"]
    assert code_of(*common, "--set", "adc_bits=2", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["results"][0]["sqnr_dB"] == ratios["2"]
    assert code_of(*common, "--variation", "0.3", "--seed", "4") == 0
    assert capsys.readouterr().out.startswith("up on red, 8-bit converters: SQNR ")


def test_simulate_runs_the_converters_of_the_set_unless_told_otherwise(
    workload: str, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ("simulate", f"{workload}:up", "--design", "zero_padding", "--format", "json")
    settings = ("--set", "cell_bits=4", "--set", "dac_bits=2", "--set", "adc_bits=6")
    found = []
    for more in ((), ("--set", "adc_bits=null")):
        assert code_of(*common, *settings, *more) == 0
        found += json.loads(capsys.readouterr().out)["results"]
    assert [each["adc_bits"] for each in found] == [6, None]
    assert 0 < found[0]["sqnr_dB"] < 60
    assert found[1]["sqnr_dB"] == "inf"


def test_simulate_ends_with_1_when_a_count_differs(
    workload: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from red_timeloop.cli import simulate

    counted = simulate.engine_events

    def wrong(*arguments: object) -> dict[str, int | float]:
        return {**counted(*arguments), "adc_conversions": 1}  # type: ignore[arg-type]

    monkeypatch.setattr(simulate, "engine_events", wrong)
    assert code_of("simulate", f"{workload}:up", "--design", "red") == 1
    assert "MISMATCH: the engine counts adc_conversions otherwise" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--adc-bits", "0"], "adc_bits: got 0 (legal: a whole number from 1"),
        (["--adc-step", "0"], "adc_step: got 0"),
        (["--variation", "-1"], "variation: got -1.0"),
        (["--design", "eyeriss"], "design: eyeriss has no crossbars to execute"),
        (["--seed", "-1"], "seed: got -1"),
    ],
)
def test_simulate_refuses_bad_input(
    workload: str, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert code_of("simulate", f"{workload}:up", *arguments) == 2
    assert capsys.readouterr().err.startswith(f"Error: {message}")


def test_verify_ends_with_one_line_to_trust(workload: str) -> None:
    result = run("verify", workload)
    assert result.returncode == 0, result.stderr
    # Two layers, since two of the three are alike; 10 checks; 144 + 54 outputs, 5 times.
    assert result.stdout.splitlines() == [
        "Verified: 2 layers, 8 executions with lossless converters on random tensors (uniform over "
        "all bits), seed 0: 990 outputs equal the integer convolution bit for bit, 120 event "
        "counts equal the engine's."
    ]


def test_verify_finds_a_wrong_output(
    workload: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = verification.convolve

    def off_by_one(*arguments: object) -> np.ndarray:
        outputs = exact(*arguments)  # type: ignore[arg-type]
        outputs.flat[7] += 1
        return outputs

    monkeypatch.setattr(verification, "convolve", off_by_one)
    assert code_of("verify", f"{workload}:up", "--design", "red") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "MISMATCH: up, decomposition: outputs differ by up to 1"
    assert lines[-1] == "FAILED: 1 of 2 checks on 1 layers, seed 0."


def test_verify_finds_a_wrong_count(
    workload: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = verification.engine_events

    def wrong(*arguments: object) -> dict[str, int | float]:
        return {**counted(*arguments), "rows_driven": 0.5}  # type: ignore[arg-type]

    monkeypatch.setattr(verification, "engine_events", wrong)
    assert code_of("verify", f"{workload}:up", "--format", "json") == 1
    content = json.loads(capsys.readouterr().out)
    assert not content["passed"]
    assert [check["passed"] for check in content["checks"]] == [True] + [False] * 4
    assert content["checks"][1]["differences"]["rows_driven"][1] == 0.5


def test_verify_says_what_it_could_not_run(
    workload: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of("verify", f"{workload}:up", "--set", "fold=5") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("not run: up on red: fold: no computation mode has 5")
    assert lines[-1].startswith("Verified: 1 layers, 3 executions with")
    assert code_of("verify", workload, "--design", "simba") == 2


def test_a_real_benchmark_layer_is_verified() -> None:
    from red_timeloop.workload import load_workload

    checks = verification.verify(load_workload("red_date2019:FCN_Deconv1"))
    assert [check.subject for check in checks] == ["decomposition", *designs.names()]
    assert all(check.passed and check.not_run is None for check in checks)
