"""Points that the real Timeloop evaluates, a process each; a stand-in plays it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sweeps.stored import rows

from red_timeloop.sweeps import sweep

RECORDED = """
schema: 1
name: recorded
source: made for the tests
layers:
  - {name: up, type: transposed_conv, in_channels: 8, out_channels: 4, input_size: [3, 3],
     kernel_size: 4, stride: 2}
"""


def test_timeloop_points_run_one_by_one_within_a_time_limit(
    behave: Callable[[str], None], tmp_path: Path
) -> None:
    (tmp_path / "recorded.yaml").write_text(RECORDED)
    definition = {
        "workloads": str(tmp_path / "recorded.yaml"),
        "designs": ["red"],
        "engine": "timeloop",
        "parameters": {"read_voltage_v": [0.1, 0.2], "on_resistance_ohm": [1e4, 1e6]},
        "timeout_s": 60,
    }
    behave("good")
    result = sweep(definition, tmp_path / "good")
    assert (result.evaluated, result.failed) == (4, 2)  # 1 Mohm is above the resistance when off
    found = rows(tmp_path / "good", "SELECT e.cycles, e.error FROM evaluations e")
    assert sorted(found, key=repr)[:2] == [(16, None), (16, None)]
    assert all("would conduct more" in error for _, error in sorted(found, key=repr)[2:])
    behave("hang")
    begin = time.monotonic()
    result = sweep({**definition, "timeout_s": 1}, tmp_path / "hung")
    assert time.monotonic() - begin < 30
    assert result.failed == 4
    reasons = [error for (error,) in rows(tmp_path / "hung", "SELECT error FROM evaluations")]
    assert sum("time limit of 1 s" in error for error in reasons) == 2
    # The other engine's points are others.
    embedded = sweep({**definition, "engine": "embedded"}, tmp_path / "good")
    assert embedded.reused == 0


def test_timeloop_must_be_there_before_the_first_point(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="engine: timeloop-model is not on PATH"):
        sweep({"engine": "timeloop"}, tmp_path / "store")
    assert not (tmp_path / "store").exists()
