"""A small sweep as a benchmark; `bench_sweep.py` has the large one with its memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench_sweep import definition

from red_timeloop.sweeps import sweep


def test_sweep_of_10_000_points(benchmark: Any, tmp_path: Path) -> None:
    result = benchmark.pedantic(sweep, args=(definition(10_000), tmp_path), rounds=1)
    print(f"\nsweep: {result.points / benchmark.stats['min']:.0f} points/s in one process")
