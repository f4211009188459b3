"""Pareto fronts, best points and sensitivities, against brute force and known effects."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from close import near
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from red_timeloop.cli.main import cli
from red_timeloop.errors import InputError
from red_timeloop.sweeps import load_sweep, sweep
from red_timeloop.sweeps.analysis import best, pareto, pareto_mask, sensitivity
from red_timeloop.sweeps.measures import Condition, Objective
from red_timeloop.sweeps.table import Results, load_results
from red_timeloop.units import scaled
from red_timeloop.views.sweep_figure import pareto_figure, pareto_panels

ENERGY, LATENCY = Objective.parse("energy_J"), Objective.parse("latency_s")
DEFINITION = {
    "name": "small",
    "layers": ["GAN_Deconv3"],
    "designs": ["red", "zero_padding", "padding_free"],
    "parameters": {
        "rows": [64, 128],
        "columns": [3, 128],
        "adc_rate_hz": {"from": 1e8, "to": 1e9, "steps": 4, "scale": "log"},
    },
    "constraints": ["area_m2 <= 1"],
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    sweep(DEFINITION, folder)
    return folder


@given(
    hnp.arrays(
        float,
        st.tuples(st.integers(1, 60), st.integers(1, 4)),
        elements=st.integers(0, 6).map(float),
    )
)
@settings(max_examples=200, deadline=None)
def test_the_front_is_what_nothing_beats(costs: np.ndarray[Any, Any]) -> None:
    beaten = [any((other <= one).all() and (other < one).any() for other in costs) for one in costs]
    assert pareto_mask(costs).tolist() == [not b for b in beaten]


def test_front_over_all_designs(store: Path) -> None:
    results = load_results(store)
    front = pareto(results)
    energies, latencies = (results.numbers[m] for m in ("energy_J", "latency_s"))
    wanted = {
        (e, t)
        for e, t in zip(energies, latencies, strict=True)
        if not ((energies <= e) & (latencies <= t) & ((energies < e) | (latencies < t))).any()
    }
    found = list(zip(front.numbers["energy_J"], front.numbers["latency_s"], strict=True))
    assert set(found) == wanted
    assert found == sorted(found)


def test_best_is_the_least_of_each_design(store: Path) -> None:
    results = load_results(store)
    found = best(results, ENERGY, top=2)
    for design in ("red", "zero_padding", "padding_free"):
        mine = np.sort(results.numbers["energy_J"][results.words["design"] == design])
        assert found.numbers["energy_J"][found.words["design"] == design].tolist() == list(mine[:2])
    worst = best(results, Objective.parse("max energy_J")).numbers["energy_J"]
    assert worst[0] == results.numbers["energy_J"].max()


def test_speedup_and_saving_are_against_zero_padding_at_the_same_point(store: Path) -> None:
    results = load_results(store)
    rows = [results.row(index) for index in range(len(results))]
    base = {(r["rows"], r["adc_rate_hz"]): r for r in rows if r["design"] == "zero_padding"}
    for row in rows:
        other = base[row["rows"], row["adc_rate_hz"]]
        assert row["speedup"] == near(other["latency_s"] / row["latency_s"])
        assert row["energy_saving"] == near(1 - row["energy_J"] / other["energy_J"])
        assert row["energy_delay_Js"] == near(row["energy_J"] * row["latency_s"])
    without = load_results(store, designs=["red"])
    assert set(without.words["design"]) == {"red"}
    assert not np.isnan(without.numbers["speedup"]).any()


def made_up(**columns: np.ndarray[Any, Any]) -> Results:
    """Return results of one design with the given parameters and energies."""
    count = len(columns["energy_J"])
    words = {name: np.full(count, "x") for name in ("workload", "hardware", "design")}
    return Results(
        words=words,
        numbers=columns,
        parameters=tuple(name for name in columns if name != "energy_J"),
        objectives=(ENERGY,),
        constraints=(),
        failed={},
        stated=np.full(count, np.nan),
    )


def test_sensitivity_finds_the_effects_that_were_put_in() -> None:
    """Energy = a * b^2 on a full grid: the logarithm's variance splits as 1 to 4."""
    a, b, c = (v.ravel() for v in np.meshgrid([1.0, 2, 4], [1.0, 2, 4], [1.0, 2, 4]))
    effects = {
        e.parameter: e for e in sensitivity(made_up(a=a, b=b, c=c, energy_J=a * b**2), ENERGY)
    }
    assert list(effects) == ["b", "a", "c"]
    assert effects["a"].share == near(0.2)
    assert effects["b"].share == near(0.8)
    assert effects["c"].share == pytest.approx(0, abs=1e-12)
    assert effects["b"].factor == near(16)
    assert (effects["a"].best, effects["b"].best) == ("1", "1")


def test_sensitivity_leaves_out_points_that_compute_nothing() -> None:
    results = made_up(a=np.array([1.0, 2, 3]), energy_J=np.array([4.0, 1, np.inf]))
    (effect,) = sensitivity(results, ENERGY)
    assert (effect.best, effect.factor) == ("2", near(4))


def test_sensitivity_bins_what_has_many_values() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.uniform(1, 100, 5000), rng.uniform(1, 100, 5000)
    effects = {e.parameter: e for e in sensitivity(made_up(a=a, b=b, energy_J=1 / a), ENERGY)}
    assert effects["a"].share > 0.8
    assert effects["b"].share < 0.01
    low, high = (float(end) for end in effects["a"].best.split(" .. "))
    assert 85 < low < high <= 100


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_pareto_command(store: Path, tmp_path: Path) -> None:
    front = json.loads(run("pareto", str(store), "--format", "json"))
    assert front["objectives"] == ["min energy_J", "min latency_s"]
    assert len(front["front"]) == len(pareto(load_results(store)))
    only = json.loads(
        run("pareto", str(store), "--design", "red", "--objective", "area_m2", "--format", "json")
    )
    assert {row["design"] for row in only["front"]} == {"red"}
    table = run("pareto", str(store), "--where", "rows <= 64", "-o", str(tmp_path / "out"))
    assert "of 12 feasible evaluations" in table
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"pareto.csv", "pareto.json", "pareto_red_date2019.svg"}
    lines = (tmp_path / "out" / "pareto.csv").read_text().splitlines()
    assert lines[0].startswith("workload,hardware,design,rows,columns,adc_rate_hz,latency_s")
    assert all(line.split(",")[3] == "64" for line in lines[1:])


def test_best_command(store: Path) -> None:
    found = json.loads(run("best", str(store), "--top", "1", "--format", "json"))
    assert found["feasible"] == 24
    assert [row["design"] for row in found["best"]["min energy_J"]] != []
    limited = json.loads(
        run("best", str(store), "--where", "latency_s <= 3e-5", "--format", "json")
    )
    assert all(row["latency_s"] <= 3e-5 for row in limited["best"]["min energy_J"])
    assert limited["feasible"] < found["feasible"]
    csv = run("best", str(store), "--format", "csv", "--objective", "max speedup").splitlines()
    assert csv[0].startswith("objective,workload")
    assert csv[1].startswith("max speedup,")
    table = run("best", str(store))
    assert "min energy_J, of 24 evaluations" in table
    assert "min latency_s" in table


def test_sensitivity_command(store: Path) -> None:
    effects = json.loads(run("sensitivity", str(store), "--format", "json"))["effects"]
    assert {effect["parameter"] for effect in effects["min latency_s"]} == {"rows", "adc_rate_hz"}
    assert "share of variance" in run("sensitivity", str(store))
    assert run("sensitivity", str(store), "--format", "csv").startswith("objective,design")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--where", "energy"], "--where: got 'energy'"),
        (["--where", "power < 1"], "no measure or parameter 'power'"),
        (["--objective", "speed"], "--objective: got 'speed'"),
        (["--design", "split_kernel"], "no results of 'split_kernel'"),
        (["--sweep", "large"], "there is no sweep 'large' (legal: small)"),
        (["--where", "area_m2 < 0"], "no point keeps to the constraints"),
        (["--where", "rows > 128"], "no point keeps to the constraints"),
    ],
)
@pytest.mark.parametrize("command", ["pareto", "best", "sensitivity"])
def test_bad_questions(store: Path, command: str, arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(cli, [command, str(store), *arguments])
    assert isinstance(result.exception, InputError)
    assert words in str(result.exception)


def test_a_store_of_several_sweeps_asks_which(tmp_path: Path) -> None:
    one = {**DEFINITION, "designs": ["red"], "constraints": []}
    sweep(one, tmp_path)
    sweep({**one, "name": "other", "parameters": {"rows": [64]}}, tmp_path)
    with pytest.raises(InputError, match="several sweeps"):
        load_results(tmp_path)
    assert len(load_results(tmp_path, "small")) == 8
    assert len(load_results(tmp_path, "other")) == 1
    # Other designs on the same points are another sweep's, but zero padding is compared with.
    assert np.isnan(load_results(tmp_path, "small").numbers["speedup"]).all()
    sweep({**one, "name": "base", "designs": ["zero_padding"]}, tmp_path)
    small = load_results(tmp_path, "small")
    assert set(small.words["design"]) == {"red"}
    assert (small.numbers["speedup"] > 1).all()


def test_a_sweep_without_results_says_why(tmp_path: Path) -> None:
    sweep({**DEFINITION, "parameters": {"columns": [3]}}, tmp_path)
    with pytest.raises(InputError, match="a weight of 8 bits takes 4 cells"):
        load_results(tmp_path)


def test_commands_in_a_real_process(store: Path, tmp_path: Path) -> None:
    (tmp_path / "again.yaml").write_text(json.dumps(DEFINITION))  # JSON is YAML
    command = [sys.executable, "-m", "red_timeloop.cli.main"]
    again = subprocess.run(
        [*command, "sweep", str(tmp_path / "again.yaml"), "-o", str(store), "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(again.stdout)["reused"] == 16
    assert again.stderr == ""
    bad = subprocess.run(
        [*command, "pareto", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert bad.returncode == 2
    assert "there is no sweep store here" in bad.stderr
    (tmp_path / "sweep.sqlite").write_text("not a store at all, and long enough" * 100)
    bad = subprocess.run(
        [*command, "best", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert bad.returncode == 2
    assert "damaged or no sweep store" in bad.stderr
    assert "Traceback" not in bad.stderr


def test_the_figure_is_the_same_again_and_shows_the_designs(store: Path) -> None:
    results = load_results(store)
    figure = pareto_figure(results, (ENERGY, LATENCY))
    assert figure == pareto_figure(results, (ENERGY, LATENCY))
    assert b"<svg" in figure
    assert pareto_figure(results, (ENERGY, LATENCY), "png").startswith(b"\x89PNG")
    condition = Condition.parse("area_m2 < 0")
    with pytest.raises(InputError, match="no point keeps"):
        pareto_figure(results.feasible([condition]), (ENERGY, LATENCY))


def test_what_is_exact_stands_beyond_the_largest_number_in_every_panel(store: Path) -> None:
    results = load_results(store).feasible()
    ratios = np.linspace(20.0, 40.0, len(results))
    ratios[-1] = np.inf
    results = replace(results, numbers={**results.numbers, "sqnr_dB": ratios})
    goals = (ENERGY, LATENCY, Objective.parse("sqnr_dB"))
    panels = pareto_panels(results, goals).axes
    assert len(panels) == 3
    front = pareto(results, goals)
    for axes in panels:
        named = [url for each in axes.collections for url in each.get_urls()]
        assert len(set(named)) == len(front), "every point of the front can be pointed at"
    heights = sorted(y for each in panels[-1].collections for _, y in each.get_offsets())
    assert heights[-1] > 40.0 >= heights[-2]
    (exact,) = (t for t in panels[-1].get_yticks() if t > 40.0)
    assert panels[-1].yaxis.get_major_formatter()(exact) == "exact"


def test_the_report_shows_sweeps(store: Path, tmp_path: Path) -> None:
    run("report", "red_date2019", "--design", "red", "--sweep", str(store), "-o", str(tmp_path))
    page = (tmp_path / "report.html").read_text()
    assert "Sweep small" in page
    assert "24 of 24 evaluations keep to the constraints (area_m2 &lt;= 1)" in page
    assert page.count('data-point="red_date2019') == len(pareto(load_results(store)))
    assert 'data-tip="RED, ' in page
    assert "What moves energy_J" in page
    assert "a weight of 8 bits takes 4 cells" in page
    front = pareto(load_results(store))
    energy = front.row(0)["energy_J"]
    assert f'<td data-v="{energy}">{scaled(energy, "J")}</td>' in page


@pytest.mark.parametrize("objective", ["energy_J", "max cycles"])
def test_equal_sweeps_answer_alike_in_whatever_order_their_points_came(
    objective: str, tmp_path: Path
) -> None:
    """A CMOS number does not matter to ReRAM designs: every point ties with another."""
    whole = {
        "name": "whole",
        "layers": ["GAN_Deconv3"],
        "designs": ["red", "zero_padding"],
        "parameters": {"fold": [1, 2], "multiplier_energy_j": [1e-13, 2e-13]},
    }
    answers = []
    for first in (1e-13, 2e-13):
        part = {"fold": [2], "multiplier_energy_j": [first]}
        folder = tmp_path / str(first)
        sweep(load_sweep({**whole, "name": "part", "parameters": part}), folder)
        sweep(load_sweep(whole), folder)
        results = load_results(folder, "whole")
        wanted = Objective.parse(objective)
        found = (best(results, wanted), pareto(results, [wanted]))
        answers.append([[some.row(i) for i in range(len(some))] for some in found])
    assert answers[0] == answers[1]
    ties = {row["multiplier_energy_j"] for row in answers[0][1]}
    assert ties == {1e-13, 2e-13}, "the front has both"
