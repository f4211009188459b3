"""The store's file: many points at once, the log beside it, folders that cannot be written."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from red_timeloop.errors import InputError
from red_timeloop.sweeps import SweepError
from red_timeloop.sweeps import store as module
from red_timeloop.sweeps.rows import Columns
from red_timeloop.sweeps.store import FILE_NAME, Store

COUNT = 1203  # more than two questions of 500 keys


def fill(
    folder: Path,
    energies: list[float],
    errors: list[str | None] | None = None,
    chip: str | None = None,
) -> None:
    count = len(energies)
    keys = [f"{number:032d}".encode() for number in range(count)]
    empty = Columns(np.zeros(0, np.intp), [[] for _ in range(8)])
    with Store.create(folder) as store:
        context, _ = store.add_context("tiny", {"layers": []})
        base = store.add_base("set", {"rows": 8})
        sweep = store.add_sweep("s", {"name": "s"})
        design = store.add_design("red")
        columns: list[list[object]] = [[design] * count, errors or [None] * count, [7] * count]
        columns += [[1e-6] * count, energies, [1e-9] * count, [0.0] * count, [3] * count]
        columns += [[None] * count, [chip] * count]
        changes = [f'{{"rows":{number}}}' for number in range(count)]
        evaluations = Columns(np.arange(count), columns)
        store.add_points(sweep, context, base, keys, changes, evaluations, empty)


def test_a_block_of_many_points_is_found_whole(tmp_path: Path) -> None:
    energies = [1e-9 * (number + 1) for number in range(COUNT)]
    fill(tmp_path, energies)
    keys = [f"{number:032d}".encode() for number in range(COUNT + 100)]
    with Store.read(tmp_path) as store:
        found = store.known(keys)
        assert list(found) == keys[:COUNT]
        assert {len(designs) for _, designs in found.values()} == {1}
        assert len({point for point, _ in found.values()}) == COUNT
        rows = list(store.evaluations(1))
        assert [row[8] for row in rows] == energies  # by the points' keys
        assert [row[3] for row in rows] == [{"rows": number} for number in range(COUNT)]
        assert store.counts() == {"points": COUNT, "evaluations": COUNT, "failed": 0}


def test_a_point_written_twice_stays_and_a_failed_one_is_replaced(tmp_path: Path) -> None:
    fill(tmp_path, [1e-9, 2e-9], [None, "no"])
    with Store.read(tmp_path) as store:
        assert store.failures(10) == [("red: no", 1)]
        keys = [f"{number:032d}".encode() for number in range(2)]
        assert [len(designs) for _, designs in store.known(keys, failed_too=False).values()] == [
            1,
            0,
        ]
        assert [len(designs) for _, designs in store.known(keys).values()] == [1, 1]
    fill(tmp_path, [5e-9, 6e-9])
    with Store.read(tmp_path) as store:
        assert [row[8] for row in store.evaluations()] == [1e-9, 6e-9]
        assert store.failures(10) == []


def test_the_most_usual_reasons_of_failures_come_first(tmp_path: Path) -> None:
    fill(tmp_path, [1e-9] * 7, ["c", "b", "a", "b", None, "b", "c"])
    with Store.read(tmp_path) as store:
        reasons = [("red: b", 3), ("red: c", 2), ("red: a", 1)]
        assert [store.failures(most) for most in (1, 2, 5)] == [reasons[:1], reasons[:2], reasons]
        assert store.counts() == {"points": 7, "evaluations": 7, "failed": 6}


def test_what_is_no_store_or_no_measure_of_a_chip_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.sqlite"):
        with pytest.raises(InputError, match=r"no sweep store here .legal: a folder with"):
            Store.read(path)
    fill(tmp_path, [1e-9], chip="[1]")
    with (
        Store.read(tmp_path) as store,
        pytest.raises(SweepError, match="is damaged: row 1 of evaluations is not what was written"),
    ):
        list(store.evaluations())


def test_it_logs_ahead_so_that_readers_and_a_writer_do_not_wait(tmp_path: Path) -> None:
    fill(tmp_path, [1e-9])
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DELETE FROM members")
    with Store.read(tmp_path) as store:
        assert len(list(store.evaluations(1))) == 1  # what was there before the writer began
    connection.rollback()
    connection.close()


class Unreadable:
    """What SQLite opens in a folder where it cannot make the index of the log."""

    def execute(self, *_: object) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    def close(self) -> None:
        pass


@pytest.mark.parametrize("left_over", [False, True])
def test_a_log_that_cannot_be_read_is_not_passed_over(
    left_over: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a read-only folder the file alone is read, unless a log says that it is an old state."""
    fill(tmp_path, [1e-9])
    connect = sqlite3.connect

    def connected(place: str, **options: object) -> object:
        return Unreadable() if "mode=ro" in place else connect(place, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(module.sqlite3, "connect", connected)
    if left_over:
        (tmp_path / f"{FILE_NAME}-wal").write_bytes(b"")
        with pytest.raises(SweepError, match="unable to open database file"):
            Store.read(tmp_path)
        return
    with Store.read(tmp_path) as store:
        assert len(list(store.evaluations())) == 1


def test_a_store_that_is_locked_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, [1e-9])
    shutil.copytree(tmp_path, tmp_path / "copy")
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.05)
    other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(SweepError, match="another process keeps the store locked"):
        Store.create(tmp_path)
    other.close()
    Store.create(tmp_path).__exit__()
