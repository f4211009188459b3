"""Sweeps over whole chips give what `red-timeloop chip` gives at each point, and keep it."""

from __future__ import annotations

import io
import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from close import near
from rich.console import Console

from red_timeloop import designs
from red_timeloop.chip.budget import Budget
from red_timeloop.chip.chips import load_chip
from red_timeloop.chip.run import on_chips
from red_timeloop.designs.evaluator import Evaluator
from red_timeloop.engines.base import engine
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.sweeps import load_sweep, sweep
from red_timeloop.sweeps.analysis import best, pareto, sensitivity
from red_timeloop.sweeps.measures import Condition, Objective
from red_timeloop.sweeps.table import Results, load_results
from red_timeloop.views import sweep_table
from red_timeloop.workload import load_workload

DEFINITION: dict[str, Any] = {
    "name": "chips",
    "workloads": "dcgan",
    "designs": ["red", "zero_padding"],
    "chip": "isaac",
    "parameters": {
        "chip.crossbars_per_tile": {"from": 48, "to": 96, "steps": 2},
        "chip.link_bits_per_s": 1e9,
        "budget.area_m2": ["70mm2", 9.0e-5],
        "cell_bits": [1, 2],
    },
    "sqnr": False,
}
TWO = {"budget.area_m2": "90mm2", "budget.chips": 1}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    done = sweep(DEFINITION, folder)
    assert (done.points, done.evaluated, done.failed) == (8, 8, 4)  # cells of a bit, in 70 mm2
    return folder


def test_every_point_is_what_the_chip_gives(store: Path) -> None:
    results = load_results(store)
    assert len(results) == 12
    evaluators = {
        bits: Evaluator(Hardware.load().replace(cell_bits=bits), engine("embedded"))
        for bits in (1, 2)
    }
    assert all("one copy of the weights takes" in reason for reason in results.failed)
    for index in range(len(results)):
        row = results.row(index)
        chip = replace(
            load_chip("isaac"),
            crossbars_per_tile=row["chip.crossbars_per_tile"],
            link_bits_per_s=float(row["chip.link_bits_per_s"]),
        )
        budget = Budget("area", row["budget.area_m2"])
        chosen = designs.choose(["zero_padding", row["design"]])
        (alone,) = on_chips(
            load_workload("dcgan"), chosen, evaluators[row["cell_bits"]], chip, [budget]
        )
        wanted = {each.design: each.as_dict() for each in alone.results}
        mine, base = wanted[row["design"]], wanted["zero_padding"]
        for name in ("images_per_s", "latency_s", "energy_J_per_image", "power_W", "area_m2"):
            assert row[name] == near(mine[name], rel=1e-12)
        for name in ("crossbars", "crossbars_used", "tiles", "chips", "tops_per_W"):
            assert row[name] == near(mine[name], rel=1e-12)
        assert row["utilization_time"] == near(mine["utilization"]["time"], rel=1e-12)
        assert row["speedup"] == near(mine["images_per_s"] / base["images_per_s"], rel=1e-12)


def test_layers_in_turn_are_a_parameter(tmp_path: Path) -> None:
    parameters = {"budget.crossbars": [500], "reprogram": [10, 1000]}
    sweep({**DEFINITION, "designs": ["red"], "parameters": parameters}, tmp_path)
    evaluator = Evaluator(Hardware.load(), engine("embedded"))
    network, chosen, budget = (
        load_workload("dcgan"),
        designs.choose(["red"]),
        [Budget("crossbars", 500)],
    )
    rows = _rows(load_results(tmp_path))
    assert len(rows) == 2
    for row in rows:
        assert "sqnr_dB" not in row  # nobody asked
        (alone,) = on_chips(
            network, chosen, evaluator, load_chip("isaac"), budget, reprogram=row["reprogram"]
        )
        assert row["images_per_s"] == near(alone.results[0].rate)


def test_fronts_bounds_and_effects_are_over_the_chips_measures(store: Path) -> None:
    results = load_results(store)
    assert results.objectives == (Objective("images_per_s", True), Objective("energy_J_per_image"))
    rates, areas = results.numbers["images_per_s"], results.numbers["area_m2"]
    (top,) = (r for r in _rows(best(results, results.objectives[0])) if r["design"] == "red")
    assert top["images_per_s"] == rates[results.words["design"] == "red"].max()
    assert pareto(results).row(0)["images_per_s"] == rates.max()
    small = results.feasible([Condition.parse("area_m2 <= 70mm2")])
    assert len(small) == (areas <= 70e-6).sum()
    assert 0 < len(small) < len(results)
    assert {e.parameter for e in sensitivity(results, results.objectives[0])} == {
        *("chip.crossbars_per_tile", "budget.area_m2", "cell_bits")
    }
    with pytest.raises(InputError, match="no point has a value of energy_J "):
        best(results, Objective("energy_J"))


def test_a_point_is_its_content_whatever_said_it(store: Path, tmp_path: Path) -> None:
    """The chip's own numbers, given as parameters, are the points that are there."""
    chip = load_chip("isaac")
    own = {**DEFINITION, "name": "own", "parameters": {"budget.area_m2": ["90mm2"]}}
    assert sweep(own, store).evaluated == 1  # with the chip's own links
    said = {**own["parameters"], "chip.tiles": chip.tiles, "chip.mesh_columns": [6.0]}
    assert sweep({**own, "name": "said", "parameters": said}, store).reused == 1
    assert len(load_results(store, "said")) == 2
    edited = tmp_path / "mine.yaml"
    text = Path("arch/chips/isaac.yaml").read_text(encoding="utf-8")
    edited.write_text(text.replace("area_m2: 8.3e-8", "area_m2: 8.4e-8"), encoding="utf-8")
    assert sweep({**own, "name": "mine", "chip": str(edited)}, store).reused == 0
    plain = {key: value for key, value in own.items() if key not in ("chip", "parameters")}
    assert sweep({**plain, "name": "plain"}, store).evaluated == 1  # and layers stay apart
    assert "images_per_s" not in load_results(store, "plain").numbers


def test_a_changed_measure_is_found(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "sweep.sqlite"
    copy.write_bytes((store / "sweep.sqlite").read_bytes())
    connection = sqlite3.connect(copy)
    text = "SELECT chip FROM evaluations WHERE chip IS NOT NULL LIMIT 1"
    assert json.loads(connection.execute(text).fetchone()[0])["tiles"] > 0
    connection.execute("UPDATE evaluations SET chip = replace(chip, '\"tiles\":', '\"tiles\":1')")
    connection.commit()
    connection.close()
    with pytest.raises(Exception, match="is damaged: row"):
        load_results(copy, "chips")


def _rows(results: Results) -> list[dict[str, Any]]:
    return [results.row(index) for index in range(len(results))]


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        ({"chip": "isac"}, "chip", "did you mean 'isaac'?"),
        ({"chip": None}, "parameters.budget.area_m2", "with chip: the name of a chip"),
        ({"engine": "timeloop"}, "engine", "legal: embedded"),
        ({"parameters": {"cell_bits": [2]}}, "parameters", "one of budget.area_m2, budget.power_W"),
        ({"parameters": TWO}, "parameters", "more than one budget: budget.area_m2, budget.chips"),
        ({"parameters": {"chip.tile": 1}}, "parameters.chip.tile", "mean 'chip.tiles'?"),
        ({"parameters": {"budget.area_m2": ["9W"]}}, "parameters.budget.area_m2[0]", "with mm2"),
        ({"parameters": {"budget.power_W": [0]}}, "parameters.budget.power_W[0]", "above 0"),
        ({"parameters": {"budget.chips": [1.5]}}, "parameters.budget.chips[0]", "whole number"),
        ({"parameters": {"budget.chips": ["2mm2"]}}, "parameters.budget.chips[0]", "got '2mm2'"),
        ({"parameters": {"chip.tiles": [True]}}, "parameters.chip.tiles[0]", "got True"),
        ({"parameters": {"budget.power_W": [1.01e15]}}, "parameters.budget.power_W[0]", "1e+15"),
        ({"parameters": {"budget.power_W": [None]}}, "parameters.budget.power_W[0]", "got None"),
        ({"objectives": ["energy_J"]}, "objectives[0]", "images_per_s, latency_s"),
        ({"constraints": ["cycles < 9"]}, "constraints[0]", "or parameter 'cycles' on a chip"),
        ({"constraints": ["power_W < 9mm2"]}, "constraints[0]", "with mW, W, kW"),
    ],
)
def test_bad_chips_are_refused(change: dict[str, Any], key: str, words: str) -> None:
    plain = {"chip": "isaac", "parameters": {"budget.area_m2": ["90mm2"]}}
    with pytest.raises(InputError) as caught:
        load_sweep({**plain, **change})
    assert caught.value.key == key
    assert words in str(caught.value)


def test_as_much_as_a_chip_may_be_given() -> None:
    ((axis,),) = [
        load_sweep({"chip": "isaac", "parameters": {"budget.power_W": [1e15, "1e-4"]}}).space.axes
    ]
    assert axis.values == (1e15, 1e-4)


def test_measures_of_a_chip_need_one() -> None:
    with pytest.raises(InputError, match="no measure 'images_per_s' without a chip"):
        load_sweep({"objectives": ["images_per_s"]})


@pytest.mark.parametrize(
    ("width", "left"), [("200", ""), ("120", "J/image, area, speedup, saving")]
)
def test_a_table_fits_the_terminal(
    width: str, left: str, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.StringIO()
    monkeypatch.setattr(sweep_table, "plain", lambda: Console(file=file, width=int(width)))
    sweep_table.print_results(load_results(store, "chips"), ["tops_per_W"])
    text = file.getvalue()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= int(width)
    heads = text.split("\n", 1)[0].split()
    assert ("TOPS/W" in heads, "saving" in heads) == (True, not left)
    assert (f"No room for {left} " in text) == bool(left)
