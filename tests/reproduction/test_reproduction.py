"""Published figures beside modelled ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from close import near
from places import ROOT

from red_timeloop.comparison import compare
from red_timeloop.hardware import Hardware
from red_timeloop.reproduction.published import PUBLISHED, judge
from red_timeloop.reproduction.sensitivity import tornado
from red_timeloop.reproduction.variants import LIMITED, Results, Variant, layer_ratios
from red_timeloop.workload import load_workload


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """The command run once, in a process of its own."""
    folder = tmp_path_factory.mktemp("page") / "new"
    command = [sys.executable, "-m", "red_timeloop.cli.main", "reproduce"]
    done = subprocess.run(
        [*command, "--format", "json", "-o", str(folder)], capture_output=True, check=True
    )
    return json.loads(done.stdout), folder


def test_json(written: tuple[dict[str, Any], Path]) -> None:
    result, folder = written
    assert json.loads((folder / "reproduction.json").read_text()) == result
    keys = ["figure", "source", "published", "modelled", "verdict", "note"]
    assert all(list(figure) == keys and figure["source"] for figure in result["figures"])
    assert {figure["verdict"] for figure in result["figures"]} <= {
        "reproduced",
        "lower end only",
        "upper end only",
        "not reproduced",
    }
    for published in PUBLISHED.values():
        mine = [f for f in result["figures"] if f["figure"].startswith(published.figure)]
        assert len(mine) == (1 if published.key == "zero_redundancy" else 12)
    for merge in ("digital", "current"):
        for fold in ("fold 1)", "fold 2)"):
            assert any(f"{merge}, {fold}" in figure["figure"] for figure in result["figures"])


def test_page(written: tuple[dict[str, Any], Path]) -> None:
    result, folder = written
    page = (folder / "reproduction.md").read_text()
    for figure in result["figures"]:
        assert f"| {figure['verdict']} |" in page
    assert "3.69x to 31.15x" in page
    assert "8.0 % to 88.4 %" in page


def test_page_in_the_documentation_is_what_the_command_writes(
    written: tuple[dict[str, Any], Path],
) -> None:
    """Up to the networks, whose CMOS rival is mapped by a search that may get better."""
    made = (written[1] / "reproduction.md").read_text()
    kept = (ROOT / "docs" / "reproduction.md").read_text()
    last = "## Speedup of RED over other accelerators"
    said = "docs/reproduction.md is old: red-timeloop reproduce -o docs"
    assert _layers_only(made.partition(last)[0]) == _layers_only(kept.partition(last)[0]), said


def _layers_only(page: str) -> list[str]:
    return [line for line in page.splitlines() if "networks:" not in line]


def test_speedups_follow_the_steps(written: tuple[dict[str, Any], Path]) -> None:
    """Where equal crossbars make equal cycles, speedups are ratios of steps.

    256 / 64 at the least and 322624 / 5041 at the most; half of that with a fold of 2. The
    accumulation of more partial sums moves cycle times by less than 2 %.
    """
    figures = {figure["figure"]: figure for figure in written[0]["figures"]}
    name = "speedup of RED over zero padding, six layers (isaac_32nm, digital, fold {})"
    for fold, low, high in (
        ("1", 4.0, 64.0),
        ("2", 2.0, 32.0),
        ("2 above 128 sub-crossbars", 4, 32),
    ):
        modelled = figures[name.format(fold)]["modelled"]
        assert modelled == near([low, high], rel=0.02)


def test_zero_redundancy(written: tuple[dict[str, Any], Path]) -> None:
    """16 real pixels on 11 x 11: 86.78 %, as published."""
    figure = written[0]["figures"][0]
    assert figure["modelled"] == near(1 - 16 / 121)
    assert figure["verdict"] == "reproduced"


@pytest.mark.parametrize(
    ("key", "low", "high", "verdict"),
    [
        ("layer_speedup", 3.69, 31.15, "reproduced"),
        ("layer_speedup", 4.05, 28.1, "reproduced"),
        ("layer_speedup", 4.07, 28.1, "upper end only"),
        ("layer_speedup", 3.3, 31.15, "upper end only"),
        ("layer_speedup", 3.69, 64.0, "lower end only"),
        ("layer_speedup", 1.0, 100.0, "not reproduced"),
        ("layer_saving", 0.031, 0.933, "reproduced"),
        ("layer_saving", 0.029, 0.933, "upper end only"),
        ("layer_saving", -0.08, 0.6, "not reproduced"),
    ],
)
def test_verdicts(key: str, low: float, high: float, verdict: str) -> None:
    assert judge(PUBLISHED[key], low, high) == verdict


def test_a_bar_is_the_comparison_with_that_number() -> None:
    """The tornado prices all numbers at once; one by one they give the same."""
    workload = load_workload("red_date2019").select(["FCN_Deconv1", "GAN_Deconv3"])
    hardware = Hardware.load("isaac_32nm")
    figures = {"saving": lambda every: min(ratio.saving for ratio in every)}
    found = tornado(lambda changed: layer_ratios(workload, changed), hardware, figures)
    bars = {bar.parameter: bar for bar in found["saving"]}
    assert set(hardware.circuit.spreads) < set(bars)
    swings = [bar.swing for bar in bars.values()]
    assert swings == sorted(swings, reverse=True)
    for name in ("adc_bit_energy_j", "edram_retention_s", "columns_per_adc"):
        low, high = hardware.circuit.spreads[name]
        for value, found in ((low, bars[name].at_low), (high, bars[name].at_high)):
            changed = hardware.replace(**{name: value})
            summary = compare(workload, ["red"], "embedded", hardware=changed).summary[0]
            assert found == near(min(saving for _, saving in summary.layers.values()))


def test_a_limit_folds_large_layers_only() -> None:
    workload = load_workload("red_date2019").select(["GAN_Deconv3", "FCN_Deconv2"])
    results = Results()
    by_fold = {
        fold: {
            ratio.name: ratio.speedup
            for ratio in results.layers(workload, Variant("isaac_32nm", "digital", fold))
        }
        for fold in (1, 2, LIMITED)
    }
    assert by_fold[LIMITED] == {
        "GAN_Deconv3": by_fold[1]["GAN_Deconv3"],
        "FCN_Deconv2": by_fold[2]["FCN_Deconv2"],
    }
    assert by_fold[1]["FCN_Deconv2"] == near(2 * by_fold[2]["FCN_Deconv2"], rel=0.02)


def test_a_network_is_the_sum_of_its_layers() -> None:
    workload = load_workload("voc_fcn8s")
    variant = Variant("isaac_32nm", "digital", 1)
    ratios = Results().network(workload, variant, ("zero_padding",))
    summary = compare(workload, ["red"], "embedded").summary[0]
    assert ratios[0].speedup == near(summary.speedup)
    assert ratios[0].saving == near(summary.energy_saving)


def test_an_unwritable_folder_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-m", "red_timeloop.cli.main", "reproduce"]
    done = subprocess.run(
        [*command, "-o", str(tmp_path / "file" / "page")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "cannot make the folder" in done.stderr
    assert "Traceback" not in done.stderr
