"""The whole zoo on all ReRAM designs as one process on one core; the aim is 60 s."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

COMMAND = [
    sys.executable,
    "-m",
    "red_timeloop.cli.main",
    "compare",
    "--all",
    "--engine",
    "embedded",
]


def _on_one_core() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def _run() -> None:
    subprocess.run(COMMAND, check=True, capture_output=True, preexec_fn=_on_one_core)


def test_compare_all_process(benchmark: Any) -> None:
    benchmark.pedantic(_run, rounds=1)
    print(f"\ncompare --all: {benchmark.stats['min']:.1f} s")
