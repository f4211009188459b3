"""Sweeps give what `compare` gives, run a point once, and record what fails."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from close import near
from designs.test_registry import own_file
from sweeps.stored import rows

from red_timeloop.comparison import compare
from red_timeloop.designs import names as design_names
from red_timeloop.designs.evaluate import evaluate
from red_timeloop.hardware import Hardware
from red_timeloop.sweeps import Store, SweepError, load_sweep, run, sweep
from red_timeloop.sweeps import evaluation as evaluation_module
from red_timeloop.sweeps.definition import apply
from red_timeloop.sweeps.space import Block
from red_timeloop.sweeps.table import load_results
from red_timeloop.workload import load_workload

CIRCUIT = {
    "on_resistance_ohm": {"from": 2e4, "to": 2e5, "scale": "log"},
    "adc_rate_hz": {"from": 1e7, "to": 3e9, "scale": "log"},
    "off_current_a_per_m": {"from": 1e-4, "to": 1e-1, "scale": "log"},
}


def everything(folder: Path) -> list[tuple[Any, ...]]:
    """Return all results, whatever the order in which they were stored."""
    evaluations = rows(
        folder,
        "SELECT hex(p.key), d.name, e.error, e.cycles, e.latency_s, e.energy_J, e.area_m2"
        " FROM evaluations e JOIN points p ON p.id = e.point JOIN designs d ON d.id = e.design",
    )
    layers = rows(
        folder,
        "SELECT hex(p.key), d.name, r.layer, r.cycles, r.cycle_time_s, r.energy_J, r.area_m2"
        " FROM layers r JOIN points p ON p.id = r.point JOIN designs d ON d.id = r.design",
    )
    return sorted(evaluations, key=repr) + sorted(layers, key=repr)


def test_every_stored_number_is_what_compare_says(workload: str, tmp_path: Path) -> None:
    """Random points, evaluated together where they share a mapping, against one at a time."""
    definition = {
        "workloads": workload,
        "parameters": {
            "rows": [16, 64],
            "merge": ["digital", "current"],
            "technology": ["32nm", "45nm"],
            "adc_bits": [6, None],
            **CIRCUIT,
        },
        "sampling": "latin_hypercube",
        "points": 6,
        "seed": 5,
    }
    result = sweep(definition, tmp_path / "store")
    assert (result.points, result.evaluated, result.reused, result.failed) == (6, 6, 0, 0)
    layers = rows(
        tmp_path / "store",
        "SELECT point, design, layer, cycles, cycle_time_s, latency_s, energy_J, area_m2,"
        " programming_energy_J, crossbars, changes FROM results",
    )
    assert len(layers) == 6 * 4 * 2
    base = Hardware.load("isaac_32nm")
    entries = {entry.name: entry for entry in load_workload(workload).layers}
    totals: dict[tuple[int, str], np.ndarray[Any, Any]] = {}
    for changes in {row[-1] for row in layers}:
        alone = compare(
            load_workload(workload), engine="embedded", hardware=apply(base, json.loads(changes))
        )
        for one in alone.results:
            wanted = one.as_dict()
            (stored,) = (
                r for r in layers if (r[1], r[2], r[-1]) == (one.design, one.layer, changes)
            )
            keys = ("cycles", "cycle_time_s", "latency_s", "energy_J", "area_m2")
            keys += ("programming_energy_J", "crossbars")
            assert stored[3:-1] == near([wanted[key] for key in keys], rel=1e-12)
            total = totals.setdefault((stored[0], one.design), np.zeros(6))
            kept = ("cycles", "latency_s", "energy_J", "area_m2", "programming_energy_J")
            total += entries[one.layer].repeat * np.array([wanted[k] for k in (*kept, "crossbars")])
    evaluations = rows(
        tmp_path / "store",
        "SELECT point, d.name, cycles, latency_s, energy_J, area_m2, programming_energy_J,"
        " crossbars FROM evaluations e JOIN designs d ON d.id = e.design",
    )
    assert len(evaluations) == len(totals) == 6 * 4
    for point, design, *stored in evaluations:
        assert stored == near(totals[point, design], rel=1e-12)


def test_a_design_that_is_code_gives_what_the_one_that_it_renames_gives(
    workload: str, tmp_path: Path
) -> None:
    mine = f"{own_file(tmp_path)}:MINE"
    definition = {"workloads": workload, "parameters": {"fold": [1, 2]}}
    told: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        told.append((done, total))

    asked = {"designs": ["red", mine], "progress": progress}
    assert sweep(definition, tmp_path / "store", **asked).failed == 0
    assert sweep(definition, tmp_path / "store", **asked).reused == 2
    assert told == [(1, 2), (2, 2)] * 2  # a mapping for each fold
    energies = (
        "SELECT e.energy_J FROM evaluations e JOIN designs d ON d.id = e.design"
        " WHERE d.name = '{}' ORDER BY e.point"
    )
    own, red = (rows(tmp_path / "store", energies.format(name)) for name in ("mine", "red"))
    assert len(own) == 2
    assert own == red
    for chosen in (mine, "red"):
        assert len(load_results(tmp_path / "store", designs=[chosen])) == 2


def test_points_that_share_a_mapping_are_one_evaluation(
    workload: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(
        evaluation_module, "evaluate", lambda *arguments: calls.append(1) or evaluate(*arguments)
    )
    definition = {
        "workloads": workload,
        "designs": ["red"],
        "parameters": {
            "rows": [16, 32],
            "read_voltage_v": {"from": 0.1, "to": 0.3, "steps": 500},
        },
    }
    assert sweep(definition, tmp_path / "store").evaluated == 1000
    assert len(calls) == 2 * 2  # two layers, two mappings


def test_designs_that_the_mapper_maps_have_a_mapping_for_each_point(
    workload: str, tmp_path: Path
) -> None:
    definition = {
        "workloads": workload,
        "layers": ["flat"],
        "designs": ["eyeriss", "red"],
        "parameters": {"technology_node_m": [32e-9], "sram_energy_j": [1e-12, 1e-11]},
    }
    assert sweep(definition, tmp_path).failed == 0
    found = rows(
        tmp_path,
        "SELECT design, json_extract(changes, '$.sram_energy_j'), energy_J FROM results",
    )
    for name, energy, stored in found:
        hardware = Hardware.load().replace(sram_energy_j=energy)
        alone = compare(workload, [name], "embedded", layers=["flat"], hardware=hardware)
        assert stored == near(alone.results[0].design_result.energy, rel=1e-12)
    assert len({stored for name, _, stored in found if name == "eyeriss"}) == 2


def refuse(*_: object) -> Iterator[Any]:
    raise AssertionError("a stored point was run again")


def test_a_stored_point_is_never_run_again(
    workload: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows_ = {"workloads": workload, "designs": ["red"], "parameters": {"rows": [16, 32, 64]}}
    assert sweep(rows_, tmp_path).evaluated == 3
    before = everything(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(run, "_evaluated", refuse)
        again = sweep(rows_, tmp_path)
        assert (again.evaluated, again.reused) == (0, 3)
        # The same points, said otherwise: 128 columns and 2-bit cells are in the set already.
        zipped = {
            "name": "other",
            "workloads": workload,
            "designs": ["red"],
            "sampling": "zip",
            "parameters": {"columns": [128, 128], "cell_bits": [2, 2], "rows": [64, 16]},
        }
        assert sweep(zipped, tmp_path).reused == 2
    assert everything(tmp_path) == before
    # Another design runs alone on the points that are there.
    both = sweep({**rows_, "designs": ["red", "zero_padding"]}, tmp_path)
    assert (both.evaluated, both.reused) == (3, 0)
    assert len(everything(tmp_path)) == 2 * len(before)
    assert [row for row in everything(tmp_path) if row[1] == "red"] == before
    # Another sweep's new points join; the store tells the sweeps apart.
    more = sweep({**rows_, "name": "more", "parameters": {"rows": [32, 128]}}, tmp_path)
    assert (more.evaluated, more.reused) == (1, 1)
    members = rows(
        tmp_path,
        "SELECT s.name, count(*) FROM members m JOIN sweeps s ON s.id = m.sweep GROUP BY s.id",
    )
    assert sorted(members) == [("more", 2), ("other", 2), ("sweep", 3), ("sweep", 3)]


def test_equal_points_of_two_sets_are_evaluated_once(workload: str, tmp_path: Path) -> None:
    for name in ("mine", "yours"):
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\nbase: isaac_32nm\n")
    sets = [str(tmp_path / f"{name}.yaml") for name in ("mine", "yours")]
    done = sweep({"workloads": workload, "designs": ["red"], "hardware": sets}, tmp_path / "store")
    assert (done.points, done.evaluated, done.reused) == (2, 1, 1)


def test_two_processes_and_one_store_the_same(workload: str, tmp_path: Path) -> None:
    definition = {
        "workloads": workload,
        "designs": ["red", "padding_free"],
        "parameters": {"rows": [16, 32, 64], "columns": [32, 64], "adc_rate_hz": [1e8, 1e9]},
    }
    assert sweep(definition, tmp_path / "one").evaluated == 12
    assert sweep(definition, tmp_path / "two", jobs=2).evaluated == 12
    assert everything(tmp_path / "one") == everything(tmp_path / "two")


def test_a_failing_point_is_recorded_and_the_sweep_goes_on(workload: str, tmp_path: Path) -> None:
    definition = {
        "workloads": workload,
        "parameters": {"columns": [3, 64], "adc_rate_hz": [1e8, 1e9]},
    }
    result = sweep(definition, tmp_path)
    assert (result.evaluated, result.failed) == (4, 2 * len(design_names()))
    errors = rows(
        tmp_path,
        "SELECT json_extract(p.changes, '$.columns'), e.error, e.energy_J FROM evaluations e"
        " JOIN points p ON p.id = e.point",
    )
    for columns, error, energy in errors:
        if columns == 3:
            assert "up: columns: a weight of 8 bits takes 4 cells" in error
            assert energy is None
        else:
            assert error is None
            assert energy > 0
    assert len(errors) == 16
    with Store.read(tmp_path) as store:
        assert store.counts() == {"points": 4, "evaluations": 16, "failed": 8}
    failed = load_results(tmp_path).failed
    assert [reason.split(":")[0] for reason in sorted(failed)] == sorted(design_names())
    assert set(failed.values()) == {2}
    assert sweep(definition, tmp_path).evaluated == 0
    retried = sweep(definition, tmp_path, retry_failed=True)
    assert (retried.evaluated, retried.reused, retried.failed) == (2, 2, 8)


def test_one_bad_circuit_does_not_cost_the_others(
    workload: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that breaks down on some numbers of a block, by an exception or by a NaN."""

    def fragile(design: Any, layer: Any, hardware: Any, counter: Any) -> Any:
        voltages = np.atleast_1d(hardware.circuit.read_voltage_v)
        if (voltages == 0.25).any():
            raise ZeroDivisionError("no such voltage")
        if (voltages == 0.15).any():
            circuit = hardware.circuit
            bad = np.where(voltages == 0.15, np.nan, circuit.read_voltage_v)
            object.__setattr__(circuit, "read_voltage_v", bad)
        return evaluate(design, layer, hardware, counter)

    monkeypatch.setattr(evaluation_module, "evaluate", fragile)
    voltages = [0.1, 0.15, 0.2, 0.25, 0.3, 0.35]
    definition = {
        "workloads": workload,
        "designs": ["red"],
        "parameters": {"read_voltage_v": voltages},
    }
    assert sweep(definition, tmp_path).failed == 2
    found = rows(
        tmp_path,
        "SELECT json_extract(p.changes, '$.read_voltage_v'), e.error FROM evaluations e"
        " JOIN points p ON p.id = e.point ORDER BY 1",
    )
    wanted = dict.fromkeys(voltages)
    wanted |= {0.15: "up: the model gives no finite number"}
    wanted |= {0.25: "up: ZeroDivisionError: no such voltage"}
    assert dict(found) == wanted


def test_the_full_input_of_a_point_is_stored(workload: str, tmp_path: Path) -> None:
    sweep({"workloads": workload, "designs": ["red"], "parameters": {"rows": [16]}}, tmp_path)
    ((context, base, changes),) = rows(
        tmp_path,
        "SELECT c.content, b.content, p.changes FROM points p"
        " JOIN contexts c ON c.id = p.context JOIN bases b ON b.id = p.base",
    )
    assert json.loads(changes) == {"rows": 16}
    assert json.loads(base)["on_resistance_ohm"] == 5e4
    shared = json.loads(context)
    assert shared["engine"] == "embedded"
    assert shared["version"]["package"]
    assert [layer["name"] for layer in shared["layers"]] == ["up", "flat"]
    assert shared["layers"][0]["repeat"] == 3


@pytest.mark.parametrize("jobs", [0, -2])
def test_bad_numbers_of_jobs(jobs: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one a core"):
        sweep({}, tmp_path / "store", jobs=jobs)
    assert not (tmp_path / "store").exists()


def test_stores_that_are_not_ours_are_left_alone(tmp_path: Path) -> None:
    small = load_sweep({"layers": ["GAN_Deconv3"], "designs": ["red"]})
    store = tmp_path / "sweep.sqlite"

    def refused(words: str) -> None:
        before = store.read_bytes()
        for action in (lambda: sweep(small, tmp_path), lambda: Store.read(tmp_path)):
            with pytest.raises(SweepError, match=words) as caught:
                action()
            assert str(store) in str(caught.value)
        assert store.read_bytes() == before

    store.write_text("these are my notes, not a database\n" * 50)
    refused("damaged or no sweep store")

    store.unlink()
    connection = sqlite3.connect(store)
    connection.execute("CREATE TABLE mine (a)")
    connection.close()
    refused("not a sweep store")

    store.unlink()
    sweep(small, tmp_path)
    good = store.read_bytes()
    connection = sqlite3.connect(store)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    refused("schema 99, written by a newer")

    # Pages in the middle are overwritten: found before anything is written.
    damaged = bytearray(good)
    damaged[4096 : len(good) - 4096] = b"\xa5" * (len(good) - 8192)
    store.write_bytes(damaged)
    with pytest.raises(SweepError, match=r"sweep\.sqlite: is damaged"):
        sweep(small, tmp_path)
    assert store.read_bytes() == bytes(damaged)

    store.write_bytes(good)
    assert sweep(small, tmp_path).reused == 1


def test_numbers_that_do_not_go_together_fail_alone(workload: str, tmp_path: Path) -> None:
    """A cell that is off may not conduct more than one that is on."""
    definition = {
        "workloads": workload,
        "designs": ["red"],
        "parameters": {
            "on_resistance_ohm": [1e4, 1e5, 1e6],
            "off_resistance_ohm": [5e4, 5e5, 5e6],
            "rows": [16],
        },
    }
    assert sweep(definition, tmp_path).failed == 3
    found = rows(
        tmp_path,
        "SELECT json_extract(p.changes, '$.on_resistance_ohm'), e.error, e.energy_J,"
        " json_extract(p.changes, '$.off_resistance_ohm') FROM evaluations e"
        " JOIN points p ON p.id = e.point",
    )
    assert len(found) == 9
    for on, error, energy, off in found:
        assert (energy is None) == (on > off)
        assert ("would conduct more" in (error or "")) == (on > off)
        if energy is not None:
            hardware = Hardware.load().replace(
                rows=16, on_resistance_ohm=on, off_resistance_ohm=off
            )
            alone = compare(workload, ["red"], "embedded", hardware=hardware)
            total = sum(r.entry.repeat * r.design_result.energy for r in alone.results)
            assert energy == near(total, rel=1e-12)


@pytest.mark.parametrize("count", [2, 5, 8])
def test_a_failed_block_is_halved_until_each_point_says_why(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone, the points whose number is a multiple of three fail, with it as the reason."""

    def alone(task: Any, design: Any, layer: Any, block: Block) -> Any:
        if block.count > 1:
            return evaluation_module._in_halves(task, design, layer, block)
        point = block.varied["x"][0]
        return evaluation_module._nothing(1), {0: f"{point:g}"} if point % 3 == 0 else {}

    monkeypatch.setattr(evaluation_module, "_on_layer", alone)
    given: Any = None
    block = Block(count, {}, {"x": np.arange(count, dtype=float)})
    columns, errors = evaluation_module._in_halves(given, given, given, block)
    assert errors == {n: str(n) for n in range(0, count, 3)}
    assert len(columns.cycles) == count
