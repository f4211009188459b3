"""The comparison as users call it: as a function, and as a process."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from close import near
from rich.console import Console

import red_timeloop
from red_timeloop import designs
from red_timeloop.errors import InputError
from red_timeloop.export import export
from red_timeloop.hardware import Hardware
from red_timeloop.layer import TransposedConv
from red_timeloop.views.comparison_table import print_comparison, print_zoo
from red_timeloop.workload import Workload, WorkloadLayer


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "red_timeloop.cli.main", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "80"},
        check=False,
    )


KEYS = {
    *("layer", "design", "crossbars", "sub_crossbars", "modes", "steps", "cycles"),
    *("cycle_time_s", "latency_s", "energy_J", "area_m2", "macs", "zero_inserted_macs"),
    "energy_breakdown_J",
}


def test_json_has_the_documented_keys_and_adds_up() -> None:
    done = run("compare", "--layer", "GAN_Deconv3", "--format", "json")
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    assert content["schema"] == 1
    assert content["workload"] == "red_date2019"
    assert len(content["results"]) == 4
    for result in content["results"]:
        assert set(result) >= KEYS
        assert result["latency_s"] == near(result["cycles"] * result["cycle_time_s"])
        assert sum(result["energy_breakdown_J"].values()) == near(result["energy_J"])
        parts = result["cycle_time_breakdown_s"].values()
        assert sum(parts) == near(result["cycle_time_s"])
    by_design = {result["design"]: result for result in content["results"]}
    base = by_design["zero_padding"]
    for summary in content["summary"]:
        mine = by_design[summary["design"]]
        speedup = base["latency_s"] / mine["latency_s"]
        assert summary["speedup_vs_zero_padding"] == near(speedup)
        saving = 1 - mine["energy_J"] / base["energy_J"]
        assert summary["energy_saving_vs_zero_padding"] == near(saving)


def test_csv_has_a_line_for_each_result() -> None:
    done = run("compare", "--layer", "GAN_Deconv3", "--design", "red", "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert (row["design"], row["cycles"], row["macs"]) == ("red", "16", "25690112")


def test_table_fits_eighty_columns_and_states_its_assumptions() -> None:
    done = run("compare", "--layer", "GAN_Deconv3")
    lines = done.stdout.splitlines()
    table = lines[: lines.index("All layers") + 5]
    assert max(map(len, table)) <= 80
    assert "128x128 crossbars" in done.stdout
    assert "ratio: the design's energy over that of zero_padding." in done.stdout


def test_output_folder_gets_json_and_csv(tmp_path: Path) -> None:
    done = run("compare", "--layer", "FCN_Deconv1", "-o", str(tmp_path / "out"))
    assert done.returncode == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "comparison.csv",
        "comparison.json",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--design", "rde"],
            "design: unknown design 'rde'; did you mean 'red'? (legal: red, zero_padding",
        ),
        (["--layer", "GAN_Deconv9"], "GAN_Deconv9"),
        (["no_such_workload"], "no_such_workload"),
        (["--hardware", "isac"], "no parameter set 'isac'"),
        (["--set", "fold"], "--set: got 'fold' (legal: KEY=VALUE)"),
        (["--set", "fold=0"], "fold: got 0 (legal: a whole number from 1 to 1048576)"),
        (["--set", "folds=2"], "folds: unknown parameter; did you mean 'fold'? (legal: "),
        (["-o", "/dev/null/x"], "/dev/null/x: cannot make the folder"),
    ],
)
def test_bad_input_gives_one_message_and_exit_code_2(arguments: list[str], message: str) -> None:
    done = run("compare", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_equal_layers_are_evaluated_once_and_repeats_weigh_the_total() -> None:
    def layer(name: str, channels: int) -> TransposedConv:
        return TransposedConv(channels, 8, (4, 4), 4, stride=2, padding=1, name=name)

    workload = Workload(
        name="w",
        description="",
        source="",
        layers=(
            WorkloadLayer(layer("a", 16), "", repeat=3),
            WorkloadLayer(layer("b", 16), ""),
            WorkloadLayer(layer("c", 600), ""),
        ),
    )
    comparison = red_timeloop.compare(workload, ["red"])
    a, b, c = (result.design_result for result in comparison.results)
    assert a is b
    zero_a, _, zero_c = (result.design_result for result in comparison.baseline)
    expected = (4 * zero_a.latency + zero_c.latency) / (4 * a.latency + c.latency)
    (summary,) = comparison.summary
    assert summary.speedup == near(expected)
    assert summary.latency == near(4 * a.latency + c.latency)
    assert summary.crossbars == 4 * a.plan.crossbars + c.plan.crossbars
    assert summary.area == near(4 * a.area + c.area)
    factors = [zero_a.latency / a.latency] * 4 + [zero_c.latency / c.latency]
    assert summary.mean_speedup == near(math.prod(factors) ** (1 / 5))
    ratios = [a.energy / zero_a.energy] * 4 + [c.energy / zero_c.energy]
    assert summary.mean_energy_ratio == near(math.prod(ratios) ** (1 / 5))
    macs = 4 * 8 * 8 * 16 * 8 * 4 + 8 * 8 * 600 * 8 * 4  # four kernel pixels reach an output
    useful = sum(entry.repeat * entry.layer.macs for entry in workload.layers)
    assert useful <= macs
    assert summary.tops_per_W == near(2e-12 * useful / (4 * a.energy + c.energy))


def test_a_machine_that_maps_layers_in_turn_is_there_once() -> None:
    comparison = red_timeloop.compare(
        [TransposedConv(4, 4, (4, 4), 4, stride=2), TransposedConv(8, 4, (4, 4), 4, stride=2)],
        ["eyeriss"],
    )
    (summary,) = comparison.summary
    assert summary.area == near(comparison["layer1", "eyeriss"].area)


def test_a_comparison_is_looked_into_and_written(tmp_path: Path) -> None:
    comparison = red_timeloop.compare(designs=["red", "zero_padding"], layers=["GAN_Deconv3"])
    found = comparison["GAN_Deconv3", "red"]
    assert comparison["red", "GAN_Deconv3"] is found
    assert [result.design for result in comparison["red"].results] == ["red"]
    assert comparison["red"].summary[0] == comparison.summary[0]
    assert max(len(repr(comparison).splitlines()), len(repr(found).splitlines())) <= 10
    assert "speedup 4.01x" in repr(comparison)
    html = comparison._repr_html_()
    assert html.count("<tr>") == 1 + 2 + 2  # the head, totals, layers
    assert found._repr_html_().count("<tr>") == 1 + len(found.levels)
    architecture = found.evaluations[0].specification.architecture
    assert architecture._repr_html_().count("<tr>") == 1 + len(architecture.levels)
    assert comparison.to_json(tmp_path / "c.json") == (tmp_path / "c.json").read_text()
    text = comparison.to_csv(tmp_path / "c.csv")
    row = next(csv.DictReader(io.StringIO(text)))
    assert (row["workload"], row["hardware"], row["engine"]) == (
        *("red_date2019", "isaac_32nm"),
        "embedded",
    )
    assert int(row["adc_reads"]) + int(row["adc_writes"]) > 0
    assert float(row["energy_ratio_vs_zero_padding"]) == near(
        1 - comparison.summary[0].energy_saving
    )
    frame = comparison.to_pandas()
    assert frame.loc[("GAN_Deconv3", "red"), "cycles"] == found.cycles == 16


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("rde", r"no 'rde' here; did you mean 'red'\? \(legal: GAN_Deconv3, red"),
        (("red", "red"), r"got \('red', 'red'\) \(legal: a layer and a design"),
        (3, "no 3 here"),
    ],
)
def test_what_is_not_in_a_comparison_is_named(key: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        red_timeloop.compare(designs=["red"], layers=["GAN_Deconv3"])[key]


def test_the_totals_say_when_one_layer_decides() -> None:
    (line,) = [x for x in red_timeloop.compare().assumptions if x.startswith("All layers")]
    assert line.startswith("All layers: FCN_Deconv2 alone takes 99.4 % of the baseline's time")
    two = red_timeloop.compare(layers=["GAN_Deconv2", "GAN_Deconv3"])
    assert not [x for x in two.assumptions if "50.0 %" in x and x.startswith("All layers")]


def test_rivals_that_tie_share_a_sentence_and_others_get_their_reason() -> None:
    layers = ["GAN_Deconv2", "GAN_Deconv3", "FCN_Deconv1"]
    first, tie = red_timeloop.compare(layers=layers).reasons
    assert re.match(
        r"FCN_Deconv1: split kernel takes 0.\d+x the energy of RED: it fills 84 of 128 rows of 4 "
        r"crossbars and converts 777 k times; RED fills 21 of 128 rows of 16 ",
        first,
    )
    assert tie.startswith("GAN_Deconv2, GAN_Deconv3: split kernel ties with RED")
    designs = ["red", "eyeriss_split"]
    (cmos,) = red_timeloop.compare(designs=designs, layers=["FCN_Deconv1"]).reasons
    assert re.search(
        r"eyeriss.* of RED: it has no crossbars, and RED spends 9.* in 'convert'", cmos
    )


def test_what_a_design_cannot_hold_is_named_or_recorded() -> None:
    hardware = Hardware.load().replace(columns=2)
    with pytest.raises(InputError, match=r"columns: GAN_Deconv3 on red: a weight of 8 bits"):
        red_timeloop.compare(designs=["red"], layers=["GAN_Deconv3"], hardware=hardware)
    comparison = red_timeloop.compare(
        designs=["red"], layers=["GAN_Deconv3"], hardware=hardware, keep_going=True
    )
    (failure,) = comparison.failures
    assert (failure.layer, failure.design) == ("GAN_Deconv3", "red")
    assert "a weight of 8 bits takes 4 cells" in failure.reason


def test_crossbars_are_copied_to_the_area_of_red() -> None:
    names = ["red", "zero_padding", "padding_free"]
    layers = ["FCN_Deconv1", "FCN_Deconv2"]
    plain, same = (
        red_timeloop.compare(designs=names, layers=layers, iso_area=x) for x in (False, True)
    )
    area = {r.layer: r.design_result.area for r in same.results if r.design == "red"}
    for before, after in zip(plain.results, same.results, strict=True):
        one, found = before.design_result, after.design_result
        copies = found.plan.crossbars // one.plan.crossbars
        assert found.plan.crossbars == copies * one.plan.crossbars
        assert found.cycles * copies == one.cycles
        assert found.area <= max(area[before.layer], one.area)
    assert [s.design_result.plan.crossbars for s in same.results][4] == 84  # 2 copies of 42
    assert same.baseline[1].design_result.plan.crossbars == 84  # and so has the baseline


def test_progress_is_told_of_each_evaluation() -> None:
    seen: list[tuple[int, int, str]] = []
    red_timeloop.compare(
        designs=["red"], layers=["GAN_Deconv3"], progress=lambda *now: seen.append(now)
    )
    assert seen == [(0, 1, "GAN_Deconv3 on red"), (1, 1, "")]


def test_workload_file_of_a_user_runs(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "schema: 1\nname: mine\ndescription: one layer\nsource: this test\nlayers:\n"
        "  - {name: up, type: transposed_conv, in_channels: 3, out_channels: 5,\n"
        "     input_size: [7], kernel_size: 4, stride: 2, padding: 1}\n"
    )
    done = run("compare", str(path), "--format", "json")
    assert done.returncode == 0, done.stderr
    assert {r["layer"] for r in json.loads(done.stdout)["results"]} == {"up"}


def test_converters_too_coarse_for_their_sums_are_told() -> None:
    def told(**changes: object) -> list[str]:
        hardware = Hardware.load().replace(**changes)
        result = red_timeloop.compare(engine="embedded", layers=["GAN_Deconv3"], hardware=hardware)
        return [line for line in result.assumptions if line.startswith("Converters")]

    assert told() == []  # 128 rows of 2-bit cells take 9 bits, of which an offset saves one
    # 16 kernel pixels of 512 channels: 8192 cells of up to 3, 24576 < 2^15, less the same one
    (line,) = told(merge="current")
    assert "up to 6 bits fewer than exact sums take (zero_padding on GAN_Deconv3)" in line
    (line,) = told(weight_encoding="twos_complement")
    assert "up to 1 bit fewer" in line
    assert told(merge="current", adc_bits=None) == []


def test_a_layer_that_computes_nothing_leaves_every_output_whole(tmp_path: Path) -> None:
    nothing = TransposedConv(4, 3, (2, 2), 1, stride=3, padding=1)
    workload = Workload("empty", "", (WorkloadLayer(nothing, "made up"),))
    comparison = red_timeloop.compare(workload, ["red", "eyeriss_split"], "embedded")
    assert comparison.summary[0].speedup == math.inf
    assert comparison.summary[0].energy_saving == 1
    assert comparison.engine == "embedded"
    comparison.report(tmp_path)
    told = json.loads((tmp_path / "empty.json").read_text(), parse_constant=pytest.fail)
    assert told["summary"][0]["speedup_vs_zero_padding"] == "inf"
    print_comparison(comparison, Console(file=(stream := io.StringIO())))
    print_zoo([comparison], Console(file=stream))
    pages = stream.getvalue() + (tmp_path / "report.html").read_text() + comparison.to_csv()
    assert not re.search(r"\bnan\b", pages, re.IGNORECASE)
    with pytest.raises(InputError, match=r"empty: no kernel pixel reaches an output pixel: red "):
        export(designs.find("red"), nothing, Hardware.load(), tmp_path / "bundle", "empty")
