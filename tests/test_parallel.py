"""Work dealt to processes; how they end is tested where commands run."""

from __future__ import annotations

import pytest

from red_timeloop import parallel


def test_a_single_process_does_the_work_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the parent, and must not end because its own parent is another process."""
    watched: list[int] = []
    monkeypatch.setattr(parallel, "serve", watched.append)
    assert dict(parallel.deal(abs, [-1, -2], 1)) == {0: 1, 1: 2}
    assert not watched
