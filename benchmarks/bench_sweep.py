"""Points per second and peak memory of a sweep of the six layers on the four ReRAM designs.

A point is one assignment of the parameters, evaluated on all four designs with all six layers and
stored with totals and layers: 24 evaluations. The points of a block share their mapping; how many
mappings there are is printed, for that is what a sweep's time starts with.

    python benchmarks/bench_sweep.py [POINTS] [JOBS]
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

from red_timeloop.sweeps import sweep

MAPPINGS = {"rows": [64, 128], "cell_bits": [1, 2]}


def definition(points: int) -> dict[str, object]:
    """Return a sweep of about that many points on four mappings."""
    steps = max(2, round((points / 4 / 2.5) ** 0.5))
    return {
        "parameters": {
            **MAPPINGS,
            "on_resistance_ohm": {
                "from": 2e4,
                "to": 4e5,
                "steps": round(2.5 * steps),
                "scale": "log",
            },
            "adc_rate_hz": {"from": 2e8, "to": 2e9, "steps": steps, "scale": "log"},
        }
    }


def processes_below(pid: str = "self") -> list[str]:
    """Return this process and all that it has started."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += processes_below(child)
    return found


def memory(pid: str) -> int:
    """Return the memory of a process in bytes; pages that processes share count once in all."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def seconds_run(pid: str) -> float:
    """Return the processor time of a process in s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Watch(threading.Thread):
    """Samples memory and processor time of all processes until it is stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self.seconds: dict[str, float] = {}
        self.before = seconds_run("self")
        self._stop_it = threading.Event()

    def run(self) -> None:
        while not self._stop_it.wait(0.1):
            with contextlib.suppress(OSError):  # a process ended while it was looked at
                pids = processes_below()
                self.peak = max(self.peak, sum(map(memory, pids)))
                self.seconds |= {pid: seconds_run(pid) for pid in pids}

    def stop(self) -> None:
        self._stop_it.set()
        self.join()


def measure(points: int, jobs: int) -> None:
    """Run one sweep into an empty store, then again, and print what it took."""
    with tempfile.TemporaryDirectory() as folder:
        watch = Watch()
        watch.start()
        begin = time.perf_counter()
        result = sweep(definition(points), folder, jobs=jobs)
        seconds = time.perf_counter() - begin
        watch.stop()
        size = result.store.stat().st_size
        begin = time.perf_counter()
        sweep(definition(points), folder, jobs=1)
        again = time.perf_counter() - begin
        worked = sum(watch.seconds.values()) - watch.before
        assert result.failed == 0
        print(
            f"{result.points:>7,} points (4 mappings, {24 * result.points:,} layer evaluations), "
            f"{jobs} processes: {seconds:.1f} s, {result.points / seconds:,.0f} points/s, "
            f"{worked:.1f} s of processor time, "
            f"{1e6 * seconds / result.points:.0f} us a point, peak {watch.peak / 2**20:.0f} MiB, "
            f"store {size / 2**20:.0f} MiB; the same again: {again:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    processes = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    for count in (wanted // 10, wanted):
        measure(count, processes)
