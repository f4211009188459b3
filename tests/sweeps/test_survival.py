"""Sweeps in real processes that are killed, interrupted, starved of disk, or share a store."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from red_timeloop.cli.main import cli, main
from red_timeloop.sweeps import Store, SweepError, sweep

COMMAND = [sys.executable, "-m", "red_timeloop.cli.main"]
POINTS = 48
SWEEP = f"""
workloads: WORKLOAD
designs: [red, zero_padding]
parameters:
  rows: {{from: 8, to: {POINTS + 7}, steps: {POINTS}}}
  read_voltage_v: [0.2]
"""
WORKLOAD = """
schema: 1
name: tiny
source: made for the tests
layers:
  - {name: up, type: transposed_conv, in_channels: 12, out_channels: 6, input_size: [3, 3],
     kernel_size: 2, stride: 2}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tiny.yaml").write_text(WORKLOAD)
    (tmp_path / "sweep.yaml").write_text(SWEEP.replace("WORKLOAD", str(tmp_path / "tiny.yaml")))
    return tmp_path


def start(folder: Path, *options: str, file: str = "sweep.yaml", **more: Any) -> Any:
    return subprocess.Popen(
        [*COMMAND, "sweep", str(folder / file), "-o", str(folder / "store"), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def stored(folder: Path) -> int:
    """Return the points in the store so far."""
    file = folder / "store" / "sweep.sqlite"
    if not file.exists():
        return 0
    try:
        with Store.read(file) as store:
            return store.counts()["points"]
    except SweepError:  # its tables are being made
        return 0


def wait_for(condition: Callable[[], bool], process: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def results(folder: Path) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(folder / "store" / "sweep.sqlite")
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    orphans = "SELECT count(*) FROM points WHERE id NOT IN (SELECT point FROM evaluations)"
    assert connection.execute(orphans).fetchone()[0] == 0
    found = connection.execute(
        "SELECT changes, design, layer, energy_J, latency_s FROM results ORDER BY 1, 2, 3"
    ).fetchall()
    connection.close()
    return found


@pytest.fixture(scope="module")
def undisturbed() -> Iterator[list[tuple[Any, ...]]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tiny.yaml").write_text(WORKLOAD)
        definition = {
            "workloads": str(folder / "tiny.yaml"),
            "designs": ["red", "zero_padding"],
            "parameters": {
                "rows": {"from": 8, "to": POINTS + 7, "steps": POINTS},
                "read_voltage_v": [0.2],
            },
        }
        sweep(definition, folder / "store")
        yield results(folder)


def test_killed_again_and_again_it_loses_and_doubles_nothing(
    folder: Path, undisturbed: list[tuple[Any, ...]]
) -> None:
    process = start(folder, "-j", "1")
    wait_for(lambda: (folder / "store" / "sweep.sqlite").exists(), process)  # not yet its tables
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = 0
    for goal in (1, 10, 11, 20):
        process = start(folder, "-j", "1")
        wait_for(lambda goal=goal: stored(folder) >= goal, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        after = stored(folder)
        assert after >= max(goal, before)
        before = after
    assert before < POINTS
    process = start(folder, "-j", "1")
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert f"{POINTS} points, {POINTS - before} evaluated now, {before} there before" in out
    assert results(folder) == undisturbed


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_ended_with_workers_none_of_them_lives_on(
    number: int, folder: Path, undisturbed: list[tuple[Any, ...]]
) -> None:
    process = start(folder, "-j", "2")
    wait_for(lambda: stored(folder) >= 1, process)
    workers = descendants(process.pid)
    assert workers
    process.send_signal(number)
    _, err = process.communicate()
    assert "Traceback" not in err
    before = stored(folder)
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    process = start(folder, "-j", "1")
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert f" {before} there before" in out
    assert results(folder) == undisturbed


def descendants(pid: int) -> list[int]:
    """Return the processes below `pid`."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def is_worker(pid: int) -> bool:
    return b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the workers in /proc")
def test_a_worker_that_dies_ends_the_run_with_a_message(folder: Path) -> None:
    process = start(folder, "-j", "2")
    wait_for(lambda: stored(folder) >= 1, process)
    workers = [pid for pid in descendants(process.pid) if is_worker(pid)]
    os.kill(workers[0], signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "a worker process ended before its work did" in err
    assert "Traceback" not in err
    count = stored(folder)
    assert 1 <= count < POINTS
    assert len(results(folder)) == 2 * count  # each stored point is whole


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_says_so_and_keeps_what_is_stored(folder: Path, jobs: str) -> None:
    process = start(folder, "-j", jobs, start_new_session=True)
    wait_for(lambda: stored(folder) >= 1, process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: workers get it too
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.strip() == "Interrupted; what was stored stays. Run the same command to go on."
    count = stored(folder)
    assert 1 <= count < POINTS
    assert len(results(folder)) == 2 * count


def test_two_sweeps_at_once_in_one_store(folder: Path, undisturbed: list[tuple[Any, ...]]) -> None:
    """The same sweep twice, started at the same moment, making the store in a race."""
    processes = [start(folder, "-j", "1") for _ in range(2)]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert results(folder) == undisturbed


def test_a_full_disk_ends_the_run_and_spares_the_store(
    folder: Path, undisturbed: list[tuple[Any, ...]]
) -> None:
    """A limit on the size of files makes writing fail as a full disk does."""
    first = (
        (folder / "sweep.yaml")
        .read_text()
        .replace(f"to: {POINTS + 7}, steps: {POINTS}", "to: 9, steps: 2")
    )
    (folder / "first.yaml").write_text(first)
    process = start(folder, "-j", "1", file="first.yaml")
    assert process.wait() == 0
    process.communicate()
    size = (folder / "store" / "sweep.sqlite").stat().st_size
    limit = size + 8192

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    process = start(folder, "-j", "1", preexec_fn=limited)
    _, err = process.communicate()
    assert process.returncode == 1, err
    assert "make room and run again" in err
    assert "sweep.sqlite" in err
    assert "Traceback" not in err
    count = stored(folder)
    assert 2 <= count < POINTS
    assert len(results(folder)) == 2 * count
    process = start(folder, "-j", "1")
    process.communicate()
    assert results(folder) == undisturbed


def as_nobody(arguments: list[str]) -> tuple[int, str]:
    """Run the command as a user who may not write; return exit code and output.

    The process is a copy of this one, since that user may not be able to read this Python.
    """
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if not child:
            try:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
                if os.geteuid() == 0:  # root may write anywhere
                    os.setgid(65534)
                    os.setuid(65534)
                main(arguments)
            except SystemExit as end:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(end.code if isinstance(end.code, int) else 1)
            finally:
                os._exit(99)
        _, status = os.waitpid(child, 0)
        output.seek(0)
        return os.waitstatus_to_exitcode(status), output.read().decode()


def test_a_folder_that_cannot_be_written(folder: Path) -> None:
    public = Path(tempfile.mkdtemp(prefix="sweep-read-only-"))
    store = public / "store"
    try:
        for name in ("tiny.yaml", "sweep.yaml"):
            text = (folder / name).read_text().replace(str(folder), str(public))
            (public / name).write_text(text)
        run = ["sweep", str(public / "sweep.yaml"), "-o", str(store), "-j", "1"]
        look = ["best", str(store), "--format", "csv"]
        for arguments in (run, look):  # for what they import, too
            assert CliRunner().invoke(cli, arguments).exit_code == 0
        public.chmod(0o755)
        store.chmod(0o555)
        (store / "sweep.sqlite").chmod(0o444)
        before = (store / "sweep.sqlite").read_bytes()
        # What is in such a folder can be looked at, not added to.
        code, output = as_nobody(look)
        assert code == 0, output
        assert "min energy_J,tiny,isaac_32nm,red" in output
        code, output = as_nobody(run)
        assert code == 1, output
        assert f"{store}/sweep.sqlite: cannot open for writing" in output
        assert "is the folder read-only?" in output
        assert "Traceback" not in output
        assert (store / "sweep.sqlite").read_bytes() == before
        (store).chmod(0o755)
        (store / "sweep.sqlite").unlink()
        store.chmod(0o555)
        code, output = as_nobody(run)
        assert code == 1, output
        assert "is the folder read-only?" in output
    finally:
        store.chmod(0o755)
        shutil.rmtree(public)


def test_a_file_in_place_of_the_folder(folder: Path) -> None:
    (folder / "store").write_text("in the way")
    process = start(folder)
    _, err = process.communicate()
    assert process.returncode == 2
    assert "store' is a file" in err
    assert (folder / "store").read_text() == "in the way"
