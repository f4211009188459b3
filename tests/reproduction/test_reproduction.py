"""Published figures beside modelled ones."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from close import near
from places import ROOT

from red_timeloop.comparison import compare
from red_timeloop.hardware import Hardware
from red_timeloop.reproduction.published import PUBLISHED, judge
from red_timeloop.reproduction.sensitivity import tornado
from red_timeloop.reproduction.variants import Cases, evaluate, load_cases

PAGE = ROOT / "docs" / "reproduction.md"
COMMAND = [sys.executable, "-m", "red_timeloop.cli.main", "reproduce"]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """The command run once, in a process of its own."""
    folder = tmp_path_factory.mktemp("page") / "new"
    command = [*COMMAND, "--format", "json", "-o", str(folder)]
    done = subprocess.run(command, capture_output=True, check=True)
    return json.loads(done.stdout), folder


def figure(result: dict[str, Any], key: str, variant: str, rival: str) -> dict[str, Any]:
    (found,) = (
        each
        for each in result["figures"]
        if (each["figure"], each["variant"], each["rival"])
        == (PUBLISHED[key].figure, variant, rival)
    )
    return dict(found)


def test_json(written: tuple[dict[str, Any], Path]) -> None:
    result, folder = written
    assert json.loads((folder / "reproduction.json").read_text()) == result
    verdicts = {"reproduced", "lower end only", "upper end only", "not reproduced"}
    for each in result["figures"]:
        assert each["verdict"] in verdicts
        assert each["source"]
    for published in list(PUBLISHED.values())[1:]:
        mine = [each for each in result["figures"] if each["figure"] == published.figure]
        assert {tuple(each["published"]) for each in mine} == {(published.low, published.high)}
        for name in ("isaac_32nm", "red_paper"):
            own = [each["rival"] for each in mine if each["variant"] == each["set"] == name]
            assert own == ["zero_padding", "padding_free", "cmos"]
    first = result["figures"][0]  # 16 real pixels on 11 x 11
    assert (first["published"], first["set"], first["rival"]) == (0.8678, None, None)
    assert first["modelled"] == near(1 - 16 / 121)


def test_the_page_in_the_documentation_is_what_the_command_writes(
    written: tuple[dict[str, Any], Path],
) -> None:
    made = (written[1] / "reproduction.md").read_text()
    assert PAGE.read_text() == made, "docs/reproduction.md is old: red-timeloop reproduce -o docs"
    assert "not published" not in made
    for each in written[0]["figures"]:
        if each["variant"] in ("isaac_32nm", "red_paper"):
            assert f"| {each['rival']} | {each['variant']} | " in made


def test_one_set_explains_the_published_ends(written: tuple[dict[str, Any], Path]) -> None:
    """Speedups within 5 %; energies within 10 points and 20 %, but for one end, which is named."""
    result = written[0]
    layers = figure(result, "layer_speedup", "red_paper", "zero_padding")
    networks = figure(result, "network_speedup", "red_paper", "zero_padding")
    assert layers["modelled"] == near([3.69, 31.15], rel=0.03)
    assert networks["modelled"] == [
        pytest.approx(4.0, rel=0.03),
        pytest.approx(56.16, rel=0.05),
    ]
    assert layers["verdict"] == networks["verdict"] == "reproduced"
    assert (layers["ends"][1], networks["ends"][1]) == ("FCN_Deconv2", "voc_fcn8s:upscore8")
    saved = figure(result, "layer_saving", "red_paper", "zero_padding")
    assert saved["modelled"][1] == pytest.approx(0.8836, abs=0.10)
    low = figure(result, "network_efficiency", "red_paper", "padding_free")["modelled"][0]
    high = figure(result, "network_efficiency", "red_paper", "zero_padding")["modelled"][1]
    assert [low, high] == near([1.05, 18.17], rel=0.20)
    # What is left: sub-crossbars with 21 of 128 rows in use, each converted for itself.
    assert saved["modelled"][0] < 0.08 - 0.10
    assert "FCN_Deconv1: zero padding" in saved["note"]
    assert "21 of 128 rows of 16 crossbars" in saved["note"]
    summary = result["summary"][PUBLISHED["layer_saving"].figure]["red_paper"]
    assert summary.startswith("lower end missed, -")


def test_the_default_set_tells_what_the_steps_tell(written: tuple[dict[str, Any], Path]) -> None:
    """256 / 64 at the least and 322624 / 5041 at the most, half of that with a fold of 2."""
    for variant, key, ends in (
        ("isaac_32nm", "layer_speedup", [4.0, 32.0]),
        ("isaac_32nm, no fold", "layer_speedup", [4.0, 64.0]),
        ("red_paper, a line for each crossbar", "layer_speedup", [4.0, 32.0]),
        ("isaac_32nm", "network_speedup", [4.0, 64.0]),
    ):
        found = figure(written[0], key, variant, "zero_padding")["modelled"]
        assert found == pytest.approx(ends, rel=0.02), variant


def test_the_picture_says_what_it_shows(written: tuple[dict[str, Any], Path]) -> None:
    drawn = ElementTree.parse(written[1] / "reproduction.svg").getroot()
    words = " ".join(drawn.itertext())
    assert "Published and modelled figures of RED" in words
    assert "3.69x to 31.15x" in words
    assert (written[1] / "reproduction.pdf").read_bytes().startswith(b"%PDF")


def test_sensitivities_have_one_scale(written: tuple[dict[str, Any], Path]) -> None:
    found = written[0]["sensitivity"]
    assert len(found) == 4 * 2 * 2 * 2  # figures, ends, sets, ReRAM rivals
    for each in found:
        factors = [bar["factor"] for bar in each["bars"]]
        assert factors == sorted(factors, reverse=True)
        assert factors[-1] >= 1


@pytest.mark.parametrize(
    ("key", "low", "high", "verdict"),
    [
        ("layer_speedup", 3.69, 31.15, "reproduced"),
        ("layer_speedup", 3.87, 29.6, "reproduced"),
        ("layer_speedup", 3.88, 29.6, "upper end only"),
        ("layer_speedup", 3.5, 31.15, "upper end only"),
        ("layer_speedup", 3.69, 64.0, "lower end only"),
        ("layer_speedup", 1.0, 100.0, "not reproduced"),
        ("layer_saving", -0.019, 0.983, "reproduced"),
        ("layer_saving", -0.021, 0.983, "upper end only"),
        ("layer_saving", -0.08, 0.6, "not reproduced"),
        ("network_efficiency", 1.25, 14.6, "reproduced"),
    ],
)
def test_verdicts(key: str, low: float, high: float, verdict: str) -> None:
    assert judge(PUBLISHED[key], low, high) == verdict


@pytest.fixture(scope="module")
def few() -> Cases:
    """Two layers, one of them large, and one network."""
    cases = load_cases()
    layers = {name: cases["layer"][name] for name in ("FCN_Deconv1", "FCN_Deconv2")}
    return {"layer": layers, "network": {"voc_fcn8s": cases["network"]["voc_fcn8s"]}}


def test_a_bar_is_the_comparison_with_that_number(few: Cases) -> None:
    """The tornado prices all numbers at once; one by one they give the same."""
    hardware = Hardware.load("isaac_32nm")

    def figures(changed: Hardware) -> dict[str, Any]:
        found = evaluate(few, changed, ("zero_padding",))
        return found.values("layer", "zero_padding", "efficiency")

    bars = {bar.parameter: bar for bar in tornado(figures, hardware)["FCN_Deconv1"]}
    assert set(hardware.circuit.spreads) < set(bars)
    for name in ("adc_bit_energy_j", "edram_retention_s", "columns_per_adc"):
        bar = bars[name]
        for value, at in zip(
            hardware.circuit.spreads[name], (bar.at_low, bar.at_high), strict=True
        ):
            changed = hardware.replace(**{name: value})
            one = compare("red_date2019:FCN_Deconv1", ["red"], "embedded", hardware=changed)
            assert at == near(1 / (1 - one.summary[0].energy_saving))
        assert bar.swing == near(abs(math.log(bar.at_high / bar.at_low)))


def test_large_layers_of_the_first_paper_fold_and_networks_do_not(few: Cases) -> None:
    def speedups(fold: int) -> dict[str, float]:
        found = evaluate(few, Hardware.load(), ("zero_padding",), fold)
        kinds = (found.values(kind, "zero_padding", "speedup") for kind in few)
        return {name: value for values in kinds for name, value in values.items()}

    folded, plain = speedups(2), speedups(1)
    assert folded["FCN_Deconv1"] == plain["FCN_Deconv1"]
    assert folded["FCN_Deconv2"] == near(plain["FCN_Deconv2"] / 2, rel=0.02)
    summary = compare("voc_fcn8s", ["red"], "embedded").summary[0]
    assert folded["voc_fcn8s"] == plain["voc_fcn8s"] == near(summary.speedup)


def test_an_unwritable_folder_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    command = [*COMMAND, "-o", str(tmp_path / "file" / "page")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "cannot make the folder" in done.stderr
    assert "Traceback" not in done.stderr
