"""Work dealt to processes, and what is said when one is lost."""

from __future__ import annotations

import math
import os

import pytest

from red_timeloop import parallel
from red_timeloop.cli import main as command
from red_timeloop.errors import WorkerError
from red_timeloop.parallel import deal


def test_every_item_comes_back_with_its_number() -> None:
    assert sorted(deal(math.sqrt, [16.0, 9.0, 4.0], 2)) == [(0, 4.0), (1, 3.0), (2, 2.0)]


def test_a_process_that_ends_before_its_work_is_one_line_and_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command.cli, "main", lambda **_: list(deal(os._exit, [3, 3], 2)))
    with pytest.raises(SystemExit) as ended:
        command.main([])
    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        "Error: a worker process ended before its work did (killed, or out of memory?)\n"
    )
    with pytest.raises(WorkerError):
        list(deal(os._exit, [3], 2))


def test_a_single_process_does_the_work_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the parent, and must not end because its own parent is another process."""
    watched: list[int] = []
    monkeypatch.setattr(parallel, "serve", watched.append)
    assert dict(parallel.deal(abs, [-1, -2], 1)) == {0: 1, 1: 2}
    assert not watched
