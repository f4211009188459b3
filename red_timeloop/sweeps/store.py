"""The store: one SQLite file with every point, its input, its results or its error.

A block of points is written in one transaction, so that a process that is killed leaves whole
points or none (write-ahead log: Hipp et al., sqlite.org/wal.html). Content keys are unique: whoever
writes a point second changes nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from red_timeloop.errors import InputError, shown
from red_timeloop.files import make_folder
from red_timeloop.sweeps.content import canonical, checksum, digest
from red_timeloop.sweeps.errors import SweepError, explained
from red_timeloop.sweeps.rows import Columns
from red_timeloop.sweeps.schema import check, prepare

__all__ = ["FILE_NAME", "Store", "find_store"]

FILE_NAME = "sweep.sqlite"
_WAIT_SECONDS = 60.0  # for another sweep that is writing

_EVALUATION = """
INSERT INTO evaluations (point, design, error, cycles, latency_s, energy_J, area_m2,
    programming_energy_J, crossbars, sqnr_dB, chip, checksum)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (point, design) DO UPDATE SET
    error = excluded.error, cycles = excluded.cycles, latency_s = excluded.latency_s,
    energy_J = excluded.energy_J, area_m2 = excluded.area_m2,
    programming_energy_J = excluded.programming_energy_J, crossbars = excluded.crossbars,
    sqnr_dB = excluded.sqnr_dB, chip = excluded.chip, checksum = excluded.checksum
WHERE evaluations.error IS NOT NULL
"""
_LAYER = "INSERT OR IGNORE INTO layers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


def find_store(path: str | Path) -> Path:
    """Return the store in a folder, or the file itself.

    Raises:
        InputError: There is none.
    """
    path = Path(path)
    file = path / FILE_NAME if path.is_dir() else path
    if not file.is_file():
        raise InputError(
            "there is no sweep store here", file=path, legal=f"a folder with {FILE_NAME}"
        )
    return file


class Store:
    """An open store; use it as a context manager. One process may write while others read.

    Every method raises SweepError, naming the file, when the store cannot be read or written.
    """

    def __init__(self, file: Path, connection: sqlite3.Connection) -> None:
        self.file = file
        self._connection = connection

    @classmethod
    def create(cls, folder: str | Path) -> Store:
        """Open the store in `folder` for writing; make it when there is none.

        Raises:
            InputError: The folder cannot be made.
            SweepError: The store cannot be written, is damaged, or is a newer version's.
        """
        file = make_folder(folder) / FILE_NAME
        with explained(file):
            connection = sqlite3.connect(file, timeout=_WAIT_SECONDS, isolation_level=None)
        store = cls(file, connection)
        try:
            with explained(file):
                prepare(connection, file, _WAIT_SECONDS)
        except BaseException:
            connection.close()
            raise
        return store

    @classmethod
    def read(cls, path: str | Path) -> Store:
        """Open an existing store for reading only; its folder need not be writable.

        Raises:
            InputError: There is no store.
            SweepError: It is damaged, or a newer version's.
        """
        file = find_store(path)
        uri = file.resolve().as_uri()
        for options in ("mode=ro", "immutable=1"):
            # A write-ahead log cannot be opened in a folder that cannot be written; without one
            # the file alone holds everything.
            with explained(file):
                connection = sqlite3.connect(f"{uri}?{options}", uri=True, timeout=_WAIT_SECONDS)
            store = cls(file, connection)
            try:
                with explained(file):
                    check(connection, file)
                return store
            except SweepError:
                connection.close()
                if options == "immutable=1" or file.with_name(f"{file.name}-wal").exists():
                    raise
        raise AssertionError("unreachable")

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    # Writing -----------------------------------------------------------------------------------

    def add_context(self, workload: str, content: Mapping[str, Any]) -> tuple[int, bytes]:
        """Return id and key of what the points of a workload share; remember it when new."""
        text = canonical(content)
        key = digest(text)
        return self._add("contexts", "key, workload, content", (key, workload, text)), key

    def add_base(self, name: str, content: Mapping[str, Any]) -> int:
        """Return the id of a parameter set; remember it when new."""
        text = canonical(content)
        return self._add("bases", "key, name, content", (digest(text), name, text))

    def add_design(self, name: str) -> int:
        """Return the id of a design; remember it when new."""
        return self._add("designs", "name", (name,))

    def add_sweep(self, name: str, content: Mapping[str, Any]) -> int:
        """Return the id of a sweep; remember it when new."""
        text = canonical([name, content])
        row = (digest(text), name, canonical(content))
        return self._add("sweeps", "key, name, content", row)

    def _add(self, table: str, columns: str, row: tuple[object, ...]) -> int:
        marks = ", ".join("?" * len(row))
        unique = columns.split(",")[0]
        with explained(self.file):
            self._connection.execute(
                f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})", row
            )
            found = self._connection.execute(
                f"SELECT id FROM {table} WHERE {unique} = ?", (row[0],)
            )
            (number,) = found.fetchone()
            return int(number)

    def known(
        self, keys: Sequence[bytes], failed_too: bool = True
    ) -> dict[bytes, tuple[int, set[int]]]:
        """Return id and evaluated designs of each of the points that are there.

        Args:
            keys: Keys of points.
            failed_too: Whether an evaluation that ended in an error counts.
        """
        condition = "" if failed_too else " AND e.error IS NULL"
        query = (
            "SELECT p.key, p.id, e.design FROM points p LEFT JOIN evaluations e"
            f" ON e.point = p.id{condition} WHERE p.key IN"
        )
        found: dict[bytes, tuple[int, set[int]]] = {}
        with explained(self.file):
            for key, point, design in self._select(query, keys):
                designs = found.setdefault(key, (point, set()))[1]
                if design is not None:
                    designs.add(design)
        return found

    def add_members(self, sweep: int, points: Sequence[int]) -> None:
        """Note that points belong to a sweep."""
        with self._transaction():
            self._connection.executemany(
                "INSERT OR IGNORE INTO members VALUES (?, ?)", [(sweep, point) for point in points]
            )

    def add_points(
        self,
        sweep: int,
        context: int,
        base: int,
        keys: Sequence[bytes],
        changes: Sequence[str],
        evaluations: Columns,
        layers: Columns,
    ) -> None:
        """Store points with their evaluations, all or nothing.

        Args:
            sweep: Id of the sweep that they belong to.
            context: Id of their context.
            base: Id of their parameter set.
            keys: Their keys.
            changes: What they change in the base, as JSON.
            evaluations: Rows of the table of that name.
            layers: Rows of that one.
        """
        many = self._connection.executemany
        with self._transaction():
            many(
                "INSERT OR IGNORE INTO points (key, context, base, changes, checksum)"
                " VALUES (?, ?, ?, ?, ?)",
                [
                    (key, context, base, change, checksum(key, context, base, change))
                    for key, change in zip(keys, changes, strict=True)
                ],
            )
            found = dict(self._select("SELECT key, id FROM points WHERE key IN", keys))
            ids = np.array([found[key] for key in keys])
            many("INSERT OR IGNORE INTO members VALUES (?, ?)", [(sweep, i) for i in ids.tolist()])
            # Rows in the order of the tables' keys, so that each goes to the end.
            many(
                _EVALUATION,
                (
                    (*row, _evaluation_checksum(*row))
                    for row in zip(
                        ids[evaluations.points].tolist(), *evaluations.values, strict=True
                    )
                ),
            )
            many(_LAYER, zip(ids[layers.points].tolist(), *layers.values, strict=True))

    def _select(self, query: str, keys: Sequence[bytes]) -> Iterator[tuple[Any, ...]]:
        """Yield what a query that ends in `IN` finds."""
        for start in range(0, len(keys), 500):
            some = keys[start : start + 500]
            yield from self._connection.execute(f"{query} ({', '.join('?' * len(some))})", some)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with explained(self.file):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    # Reading -----------------------------------------------------------------------------------

    def sweeps(self) -> dict[str, dict[str, Any]]:
        """Return the sweeps in the store by name: their ids and files, the latest of a name."""
        with explained(self.file):
            rows = self._connection.execute(
                "SELECT id, name, content, key FROM sweeps ORDER BY id"
            ).fetchall()
        found: dict[str, dict[str, Any]] = {}
        for number, name, content, key in rows:
            sweep = self._content("sweeps", number, content)
            self._require("sweeps", number, digest(canonical([name, sweep])) == key)
            found[name] = {"id": number, **sweep}
        return found

    def bases(self) -> dict[int, dict[str, Any]]:
        """Return every number of each parameter set by its id, and its `name`."""
        with explained(self.file):
            rows = self._connection.execute("SELECT id, name, content, key FROM bases").fetchall()
        found: dict[int, dict[str, Any]] = {}
        for number, name, content, key in rows:
            base = self._content("bases", number, content)
            self._require("bases", number, digest(content) == key and isinstance(name, str))
            found[number] = {**base, "name": name}
        return found

    def contexts(self) -> dict[int, str]:
        """Return the workload of each context by its id."""
        with explained(self.file):
            rows = self._connection.execute(
                "SELECT id, workload, content, key FROM contexts"
            ).fetchall()
        for number, workload, content, key in rows:
            self._content("contexts", number, content)
            self._require("contexts", number, digest(content) == key and isinstance(workload, str))
        return {number: workload for number, workload, *_ in rows}

    def _content(self, table: str, number: object, text: object) -> dict[str, Any]:
        """Return the JSON of a row."""
        content = None
        if isinstance(text, str):
            with suppress(ValueError, RecursionError):
                content = json.loads(text)
        self._require(table, number, isinstance(content, dict))
        return dict(content or {})

    def _require(self, table: str, number: object, intact: bool) -> None:
        """Refuse a row that is not what was written."""
        if not intact:
            raise SweepError(
                f"{self.file}: is damaged: row {shown(number)} of {table} is not what was written;"
                " it was left as it is: move it away or name another folder"
            )

    def evaluations(self, sweep: int | None = None) -> Iterator[tuple[Any, ...]]:
        """Yield a row for each point and design, by the point's key and the design's name.

        Columns: point, workload, base, changes, design, error, cycles, latency_s, energy_J,
        area_m2, programming_energy_J, crossbars, sqnr_dB, chip (its measures, or None).

        Args:
            sweep: Id of the sweep whose points are wanted; None for all.
        """
        only = "" if sweep is None else "JOIN members m ON m.point = p.id AND m.sweep = ?"
        workloads = self.contexts()
        with explained(self.file):
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
            sums = "p.checksum, e.checksum" if version > 1 else "NULL, NULL"
            chip = "e.chip" if version > 2 else "NULL"
            rows = self._connection.execute(
                "SELECT p.id, p.key, p.context, p.base, p.changes, e.design, d.name, e.error,"
                " e.cycles, e.latency_s, e.energy_J, e.area_m2, e.programming_energy_J,"
                f" e.crossbars, e.sqnr_dB, {chip}, {sums}"
                f" FROM points p {only} JOIN evaluations e ON e.point = p.id"
                " LEFT JOIN designs d ON d.id = e.design ORDER BY p.key, d.name",
                () if sweep is None else (sweep,),
            )
            last, changes = None, dict[str, Any]()
            for point, key, context, base, text, design, name, *measured, whole, mine in rows:
                if point != last:
                    good = whole in (None, checksum(key, context, base, text))
                    self._require("points", point, good and context in workloads)
                    last, changes = point, self._content("points", point, text)
                good = mine in (None, _evaluation_checksum(point, design, *measured))
                self._require("evaluations", point, good and isinstance(name, str))
                *plain, chip = measured
                found = chip if chip is None else self._content("evaluations", point, chip)
                yield point, workloads[context], base, changes, name, *plain, found

    def failures(self, most: int) -> list[tuple[str, int]]:
        """Return the reasons of failed evaluations and how many have each, the most usual first."""
        with explained(self.file):
            rows = self._connection.execute(
                "SELECT d.name || ': ' || e.error AS reason, count(*) AS number"
                " FROM evaluations e JOIN designs d ON d.id = e.design WHERE e.error IS NOT NULL"
                " GROUP BY reason ORDER BY number DESC, reason LIMIT ?",
                (most,),
            )
            return rows.fetchall()

    def counts(self) -> dict[str, int]:
        """Return the number of points, evaluations and failed evaluations."""
        queries = {
            "points": "SELECT count(*) FROM points",
            "evaluations": "SELECT count(*) FROM evaluations",
            "failed": "SELECT count(*) FROM evaluations WHERE error IS NOT NULL",
        }
        with explained(self.file):
            return {
                name: int(self._connection.execute(query).fetchone()[0])
                for name, query in queries.items()
            }


def _evaluation_checksum(*row: object) -> int:
    """Return the checksum of a row, whose last value, if any, is that of schema 3."""
    return checksum(*(row if row[-1] is not None else row[:-1]))
