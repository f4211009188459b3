"""The signal-to-noise ratio as a measure of a sweep, and the small layer it is taken on."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sweeps.stored import rows

from red_timeloop.cli.main import cli
from red_timeloop.errors import InputError
from red_timeloop.sweeps import sweep
from red_timeloop.sweeps.analysis import best
from red_timeloop.sweeps.measures import Condition, Objective
from red_timeloop.sweeps.table import load_results


def test_sqnr_is_a_measure(workload: str, tmp_path: Path) -> None:
    definition = {
        "workloads": workload,
        "designs": ["red", "split_kernel"],
        "parameters": {"adc_bits": [3, 5, None], "read_voltage_v": [0.1, 0.2]},
        "constraints": ["sqnr_dB >= 20"],
    }
    assert sweep(definition, tmp_path).failed == 0
    found = rows(
        tmp_path,
        "SELECT d.name, json_extract(p.changes, '$.adc_bits'), e.sqnr_dB FROM evaluations e"
        " JOIN points p ON p.id = e.point JOIN designs d ON d.id = e.design",
    )
    by_bits: dict[tuple[str, int | None], set[float]] = {}
    for name, bits, sqnr in found:
        by_bits.setdefault((name, bits), set()).add(sqnr)
    for name in ("red", "split_kernel"):
        (low,), (high,), (exact,) = (by_bits[name, bits] for bits in (3, 5, None))
        assert low < high < exact == math.inf
    results = load_results(tmp_path)
    assert 0 < len(results.feasible()) < len(results)
    assert (results.feasible().numbers["sqnr_dB"] >= 20).all()


def test_points_that_lose_more_than_their_set_are_left_out_and_said(
    workload: str, tmp_path: Path
) -> None:
    """256 rows of 4-bit cells want 12 bits: on 8, nobody is told to buy them."""
    definition = {
        "workloads": workload,
        "designs": ["red", "zero_padding"],
        "parameters": {"cell_bits": [2, 4], "adc_bits": [4, 8], "read_voltage_v": [0.1, 0.2]},
    }
    sweep(definition, tmp_path)
    results = load_results(tmp_path)
    assert np.isinf(results.stated).all()  # 8 bits tell the few rows of so small a layer apart
    lossy = np.isfinite(results.numbers["sqnr_dB"])
    assert 0 < lossy.sum() < len(results)
    kept = results.feasible()
    assert len(kept) == len(results) - lossy.sum()
    (note,) = kept.notes
    assert note.startswith(f"{lossy.sum()} of {len(results)} evaluations are left out: their conv")
    # A bound of the user's own takes its place, in a question or in the file.
    free = results.feasible([Condition.parse("sqnr_dB >= -100")])
    assert (len(free), free.notes) == (len(results), ())
    done = CliRunner().invoke(cli, ["best", str(tmp_path), "--format", "json"])
    content = json.loads(done.stdout)
    assert (content["feasible"], content["notes"]) == (len(kept), [note])
    assert done.stderr.strip() == note
    with pytest.raises(InputError, match=r"no point keeps to the constraints: .*are left out"):
        best(results.select(lossy).feasible(), Objective.parse("energy_J"))


def test_a_sweep_that_executes_nothing_says_that_nothing_bounds_it(
    workload: str, tmp_path: Path
) -> None:
    sweep({"workloads": workload, "designs": ["red"], "sqnr": False}, tmp_path)
    (note,) = load_results(tmp_path).feasible().notes
    assert note.startswith("The accuracy of 1 evaluations is not known, and nothing bounds it")


def test_points_are_held_to_what_their_own_set_reaches(workload: str, tmp_path: Path) -> None:
    """A set that states converters that lose something is no reason to leave its points out.

    And when the file behind its name changes, so does what the sweep of that name is about.
    """
    file = tmp_path / "coarse.yaml"
    definition = {
        "workloads": workload,
        "designs": ["red"],
        "hardware": str(file),
        "parameters": {"adc_bits": [3, 4, 5]},
    }
    kept = []
    for bits in (4, 3):
        file.write_text(f"base: isaac_32nm\nadc_bits: {bits}\n")
        sweep(definition, tmp_path / "store")
        results = load_results(tmp_path / "store")
        assert len(results) == 3
        assert len(set(results.stated)) == 1
        kept.append(sorted(results.feasible().numbers["adc_bits"]))
    assert kept == [[4, 5], [3, 4, 5]]
