"""Work dealt to processes, and what is said when one is lost."""

from __future__ import annotations

import math
import os
import sys
import time
from pathlib import Path

import pytest

from red_timeloop import parallel
from red_timeloop.cli import main as command
from red_timeloop.errors import WorkerError
from red_timeloop.parallel import deal


def end_elsewhere(parent: int) -> None:
    if os.getpid() != parent:
        os._exit(3)


def where(item: int) -> int:
    time.sleep(0.1)
    return os.getpid()


def test_every_item_comes_back_with_its_number() -> None:
    assert sorted(deal(math.sqrt, [16.0, 9.0, 4.0], 2)) == [(0, 4.0), (1, 3.0), (2, 2.0)]


def test_a_process_that_ends_before_its_work_is_one_line_and_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ends(parents: list[int]) -> list[tuple[int, None]]:
        return list(deal(end_elsewhere, parents, 2))

    monkeypatch.setattr(command.cli, "main", lambda **_: ends([os.getpid()] * 2))
    with pytest.raises(SystemExit) as ended:
        command.main([])
    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        "Error: a worker process ended before its work did (killed, or out of memory?)\n"
    )
    with pytest.raises(WorkerError):
        ends([os.getpid()] * 7)


def test_a_single_process_does_the_work_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the parent, and must not end because its own parent is another process."""
    watched: list[int] = []
    monkeypatch.setattr(parallel, "serve", watched.append)
    assert dict(parallel.deal(abs, [-1, -2], 1)) == {0: 1, 1: 2}
    assert dict(parallel.deal(abs, [-1], 2)) == {0: 1}
    assert not watched


@pytest.mark.parametrize("count", [2, 3, 9])
def test_this_process_works_beside_the_others(count: int) -> None:
    worked = dict(deal(where, range(count), 2))
    assert sorted(worked) == list(range(count))
    assert len(set(worked.values())) == 2
    assert worked[count - 1] == os.getpid() != worked[0]


def command_of(item: int) -> str:
    time.sleep(0.1)
    return Path("/proc/self/cmdline").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
@pytest.mark.parametrize(("threads", "forked"), [(1, True), (2, False)])
def test_processes_are_forked_where_no_other_thread_may_hold_a_lock(
    threads: int, forked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel.threading, "active_count", lambda: threads)
    found = dict(deal(command_of, range(4), 2))
    own = Path("/proc/self/cmdline").read_text()
    assert found[3] == own
    assert (found[0] == own) == forked


def sleep(seconds: float) -> None:
    time.sleep(seconds)


@pytest.mark.parametrize("threads", [1, 2])
def test_closing_ends_the_processes(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for what they do; the next work has others."""
    monkeypatch.setattr(parallel.threading, "active_count", lambda: threads)
    started = time.monotonic()
    dealt = deal(sleep, [60.0, 60.0, 0.0], 2)
    assert next(dealt) == (2, None)
    dealt.close()
    assert sorted(deal(math.sqrt, [4.0, 9.0], 2)) == [(0, 2.0), (1, 3.0)]
    assert time.monotonic() - started < 50
