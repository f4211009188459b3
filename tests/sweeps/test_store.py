"""The store's file: many points at once, the log beside it, folders that cannot be written."""

from __future__ import annotations

import shutil
import sqlite3
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from red_timeloop.errors import InputError
from red_timeloop.sweeps import SweepError, backends, run, schema
from red_timeloop.sweeps import store as module
from red_timeloop.sweeps.errors import explained
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


def test_rows_are_summed_as_every_version_sums_them(tmp_path: Path) -> None:
    """CRC-32 of the values, a line each; rows without a chip as before there were chips."""
    chip = '{"tiles": 4}'
    fill(tmp_path / "plain", [2e-9])
    fill(tmp_path / "chip", [2e-9], chip=chip)
    for folder, last in (("plain", ""), ("chip", f"\n{chip}")):
        connection = sqlite3.connect(tmp_path / folder / FILE_NAME)
        ((mine, whole),) = connection.execute(
            "SELECT e.checksum, p.checksum FROM evaluations e JOIN points p ON p.id = e.point"
        )
        connection.close()
        text = "1.0\n1.0\n\n7.0\n1e-06\n2e-09\n1e-09\n0.0\n3.0\n"
        assert mine == zlib.crc32(f"{text}{last}".encode())
        key = f"{0:032d}".encode().hex()
        assert whole == zlib.crc32(f'{key}\n1.0\n1.0\n{{"rows":0}}'.encode())


def test_a_block_that_cannot_be_stored_leaves_nothing_and_the_store_as_it_was(
    tmp_path: Path,
) -> None:
    with Store.create(tmp_path) as store:
        nothing = Columns(np.zeros(0, np.intp), [[] for _ in range(8)])
        uneven = Columns(np.arange(1), [[1]] * 9 + [[None, None]])
        with pytest.raises(ValueError, match="longer"):
            store.add_points(1, 1, 1, [b"a"], ["{}"], uneven, nothing)
        assert store.counts() == {"points": 0, "evaluations": 0, "failed": 0}
        store.add_points(1, 1, 1, [b"a"], ["{}"], nothing, nothing)
        assert store.counts()["points"] == 1


def test_what_cannot_be_opened_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect
    monkeypatch.setattr(
        module.sqlite3,
        "connect",
        lambda *place, **options: opened.append(connect(*place, **options)) or opened[-1],
    )
    connect(tmp_path / FILE_NAME).execute("CREATE TABLE mine (a)").connection.close()
    for action in (Store.create, Store.read):
        with pytest.raises(SweepError, match="not a sweep store"):
            action(tmp_path)
    fill(tmp_path / "good", [1e-9])
    assert len(opened) == 1 + 2 + 1
    for each in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            each.execute("SELECT 1")


def test_a_store_is_written_as_it_is_meant_to_be(tmp_path: Path) -> None:
    with Store.create(tmp_path) as store:
        for name, value in (
            ("synchronous", 1),
            ("wal_autocheckpoint", 10_000),
            ("cache_size", -(2**16)),
        ):
            assert store._connection.execute(f"PRAGMA {name}").fetchone() == (value,)


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert 0.01 < seconds < 0.1
        self.now += seconds


@pytest.mark.parametrize("answers", [["delete", None, "wal"], [None] * 99, ["disk I/O error"]])
def test_who_waits_for_the_log_waits_as_long_as_asked(
    answers: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """None: another process has the store locked just now."""
    clock, given = Clock(), iter(answers)

    class Connection:
        def execute(self, _: str) -> Any:
            answer = next(given)
            if answer is None or "error" in answer:
                raise sqlite3.OperationalError(answer or "database is locked")
            return SimpleNamespace(fetchone=lambda: (answer,))

    monkeypatch.setattr(schema, "time", clock)
    connection = cast(sqlite3.Connection, Connection())
    if answers[-1] == "wal":
        schema._log_ahead(connection, 1.0)
        assert next(given, "none") == "none"
        return
    with pytest.raises(sqlite3.OperationalError, match=answers[0] or "locked"):
        schema._log_ahead(connection, 1.0)
    assert 0 <= clock.now - 100.0 < 1.2
    assert (clock.now > 101.0) == (answers[0] is None)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (sqlite3.OperationalError("Could not decode to UTF-8"), "is damaged (Could not decode"),
        (sqlite3.OperationalError("database or disk is full"), "cannot write (database or disk"),
        (sqlite3.OperationalError("disk I/O error"), "cannot write (disk I/O error): make room"),
        (sqlite3.OperationalError("database is locked"), "another process keeps the store locked"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "is the folder read-on"),
        (sqlite3.OperationalError("unable to open database file"), "is the folder read-only?"),
        (sqlite3.OperationalError("filesystem is read-only"), "is the folder read-only?"),
        (sqlite3.OperationalError("no such table: a"), "f: no such table: a"),
        (sqlite3.DatabaseError("file is not a database"), "is damaged or no sweep store (file is"),
    ],
)
def test_what_sqlite_says_is_explained(error: sqlite3.Error, said: str) -> None:
    with pytest.raises(SweepError) as caught, explained(Path("f")):
        raise error
    assert said in str(caught.value)
    assert str(SweepError("a " * 1500)) == ("a " * 1500)[:2000]


def test_limits_stay_what_they_are() -> None:
    """A block is what a killed process loses; a wave, what workers get at a time."""
    assert (run._BLOCK, run._WAVE, run._CLUSTER) == (8192, 4, 16)
    assert (module._WAIT_SECONDS, backends._CONNECT_SECONDS) == (60.0, 20)


def test_tasks_are_evaluated_here_unless_somebody_says_where(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backends, "evaluate_task", lambda task: (task, "here"))
    with backends.workers() as evaluate:
        found: Any = list(evaluate(cast(Any, ["a", "b"])))
    assert found == [(0, ("a", "here")), (1, ("b", "here"))]
