"""A small sweep as a benchmark; `bench_sweep.py` by itself runs the large one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("bench_sweep.py")


def _run() -> str:
    command = [sys.executable, str(SCRIPT), "10000", "2"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_sweep_of_10_000_points(benchmark: Any) -> None:
    print("\n" + benchmark.pedantic(_run, rounds=1))
