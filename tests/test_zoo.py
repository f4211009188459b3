"""Every shipped workload on every design, and what is said of layers that a design cannot hold."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import pytest

from red_timeloop import zoo
from red_timeloop.designs import BASELINE, names
from red_timeloop.hardware import Hardware
from red_timeloop.layer import TransposedConv
from red_timeloop.views.comparison_table import print_zoo
from red_timeloop.workload import Workload, WorkloadLayer, load_workload, workload_names


def _run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "red_timeloop.cli.main", "compare", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """The whole zoo, run once as a process."""
    folder = tmp_path_factory.mktemp("zoo")
    run = _run("--all", "--engine", "embedded", "-o", str(folder))
    assert run.returncode == 0, run.stderr
    return run.stdout, folder


def test_no_layer_of_the_zoo_fails_on_any_design(everything):
    comparisons = json.loads((everything[1] / "zoo.json").read_text())["comparisons"]
    assert [comparison["workload"] for comparison in comparisons] == workload_names()
    for comparison in comparisons:
        layers = load_workload(comparison["workload"]).layers
        assert comparison["failures"] == []
        assert len(comparison["results"]) == len(layers) * len(names())


def test_red_takes_the_steps_of_its_decomposition_and_never_more_than_zero_padding(everything):
    comparisons = json.loads((everything[1] / "zoo.json").read_text())["comparisons"]
    for comparison in comparisons:
        steps = {(r["layer"], r["design"]): r["steps"] for r in comparison["results"]}
        for entry in load_workload(comparison["workload"]).layers:
            if entry.layer.transposed:
                assert steps[entry.name, "red"] <= steps[entry.name, BASELINE.name]
            else:  # an ordinary convolution runs alike everywhere
                assert len({steps[entry.name, design] for design in names()}) == 1


def test_the_table_and_the_csv_hold_every_workload(everything):
    lines = [line.split()[0] for line in everything[0].splitlines() if line.split()]
    assert set(workload_names()) <= set(lines)
    rows = list(csv.DictReader((everything[1] / "zoo.csv").open()))
    assert {row["workload"] for row in rows} == set(workload_names())
    assert len(rows) == len(names()) * sum(len(load_workload(n).layers) for n in workload_names())


def _small_zoo(monkeypatch):
    good = TransposedConv(8, 8, (4, 4), 4, 2, 1, name="good")
    # a weight takes 32 cells, of which a row of 16 columns holds half
    wide = TransposedConv(8, 8, (4, 4), 4, 2, 1, weight_bits=64, name="wide")
    entries = tuple(WorkloadLayer(layer, "made up") for layer in (good, wide))
    monkeypatch.setattr(zoo, "workload_names", lambda: ["a", "b"])
    monkeypatch.setattr(zoo, "load_workload", lambda name: Workload(name, "", entries))


def test_layers_that_a_design_cannot_hold_say_why(monkeypatch, capsys):
    _small_zoo(monkeypatch)
    seen = []
    comparisons = zoo.compare_zoo(
        ["red"],
        "embedded",
        hardware=Hardware(columns=16),
        progress=lambda *event: seen.append(event),
    )
    assert [failure.layer for c in comparisons for failure in c.failures] == ["wide", "wide"]
    print_zoo(comparisons)
    assert "not run: a:wide on red: " in capsys.readouterr().out
    assert seen[0] == (0, 4, "a: good on red")
    assert seen[-1] == (4, 4, "")
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    assert len([row for each in comparisons for row in each.rows()]) == 2


def test_all_excludes_a_workload_and_layers():
    for arguments in (("dcgan", "--all"), ("--all", "--layer", "conv1")):
        run = _run(*arguments)
        assert run.returncode == 2
        assert "and --all exclude each other" in run.stderr
