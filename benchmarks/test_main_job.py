"""The main job as a whole process: wall time and peak memory on one core.

Run with `make benchmark`. The aims: `compare` in 2 s and 200 MB, the import in 0.3 s.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from typing import Any

COMPARE = [sys.executable, "-m", "red_timeloop.cli.main", "compare"]
IMPORT = [sys.executable, "-c", "import red_timeloop"]


def _on_one_core() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, preexec_fn=_on_one_core)


def test_compare_process(benchmark: Any) -> None:
    benchmark.pedantic(_run, args=(COMPARE,), rounds=5, warmup_rounds=1)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    benchmark.extra_info["peak_memory_MB"] = peak
    print(f"\ncompare: best {benchmark.stats['min']:.2f} s, peak memory {peak:.0f} MB")


def test_import_process(benchmark: Any) -> None:
    benchmark.pedantic(_run, args=(IMPORT,), rounds=5, warmup_rounds=1)
    print(f"\nimport red_timeloop: best {benchmark.stats['min']:.3f} s")
