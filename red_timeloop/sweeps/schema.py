"""The tables of a store, and how they are made. A change to them is a new number of `SCHEMA`."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

from red_timeloop.sweeps.errors import SweepError

__all__ = ["APPLICATION", "SCHEMA", "TABLES", "UPGRADES", "check", "prepare"]

SCHEMA = 3
UPGRADES = {  # from the schema before
    2: (
        "ALTER TABLE points ADD COLUMN checksum INTEGER",
        "ALTER TABLE evaluations ADD COLUMN checksum INTEGER",
    ),
    3: ("ALTER TABLE evaluations ADD COLUMN chip TEXT",),
}
APPLICATION = 0x52454453  # marks a SQLite file as a store of sweeps

TABLES = """
CREATE TABLE contexts (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    workload TEXT NOT NULL,
    content TEXT NOT NULL            -- JSON: layers, engine, versions
);
CREATE TABLE bases (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    content TEXT NOT NULL            -- JSON: every number of the parameter set
);
CREATE TABLE designs (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE points (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,        -- digest of context and effective parameter set
    context INTEGER NOT NULL REFERENCES contexts,
    base INTEGER NOT NULL REFERENCES bases,
    changes TEXT NOT NULL,           -- JSON: what the point changes in its base
    checksum INTEGER                 -- of the row; NULL in rows that schema 1 wrote
);
CREATE TABLE evaluations (
    point INTEGER NOT NULL REFERENCES points,
    design INTEGER NOT NULL REFERENCES designs,
    error TEXT,                      -- why there are no numbers
    cycles INTEGER,
    latency_s REAL,
    energy_J REAL,
    area_m2 REAL,
    programming_energy_J REAL,
    crossbars INTEGER,
    sqnr_dB REAL,
    checksum INTEGER,                -- of the row, with its point and its design
    chip TEXT,                       -- JSON: measures of a network on a chip, in place of the rest
    PRIMARY KEY (point, design)
) WITHOUT ROWID;
CREATE TABLE layers (
    point INTEGER NOT NULL,
    design INTEGER NOT NULL,
    layer INTEGER NOT NULL,          -- position in the context's layers
    cycles INTEGER NOT NULL,
    cycle_time_s REAL NOT NULL,
    energy_J REAL NOT NULL,
    area_m2 REAL NOT NULL,
    programming_energy_J REAL NOT NULL,
    crossbars INTEGER NOT NULL,
    PRIMARY KEY (point, design, layer)
) WITHOUT ROWID;
CREATE TABLE sweeps (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    content TEXT NOT NULL            -- JSON: the sweep file
);
CREATE TABLE members (
    sweep INTEGER NOT NULL REFERENCES sweeps,
    point INTEGER NOT NULL REFERENCES points,
    PRIMARY KEY (sweep, point)
) WITHOUT ROWID;
CREATE VIEW results AS               -- for people: one line for each layer, design and point
SELECT p.id AS point, c.workload, d.name AS design,
    json_extract(c.content, '$.layers[' || l.layer || '].name') AS layer,
    l.cycles, l.cycle_time_s, l.cycles * l.cycle_time_s AS latency_s, l.energy_J, l.area_m2,
    l.programming_energy_J, l.crossbars, b.name AS hardware, p.changes
FROM layers l
JOIN points p ON p.id = l.point
JOIN designs d ON d.id = l.design
JOIN contexts c ON c.id = p.context
JOIN bases b ON b.id = p.base;
"""


def prepare(connection: sqlite3.Connection, file: Path, wait_seconds: float) -> None:
    """Make the tables, or bring those of an older version up to date, and log ahead.

    Raises:
        sqlite3.Error: The file cannot be written, is locked for `wait_seconds`, or damaged.
        SweepError: See `check`.
    """
    run = connection.execute
    run("BEGIN IMMEDIATE")  # of several sweeps that start at once, one makes the tables
    if not _asked(connection, "PRAGMA user_version") and not _has_tables(connection):
        for statement in TABLES.split(";\n"):
            if statement.strip():
                run(statement)
        run(f"PRAGMA application_id = {APPLICATION}")
        run(f"PRAGMA user_version = {SCHEMA}")
    check(connection, file)
    for version in range(_asked(connection, "PRAGMA user_version") + 1, SCHEMA + 1):
        for statement in UPGRADES[version]:
            run(statement)
        run(f"PRAGMA user_version = {version}")
    run("COMMIT")
    found = _asked(connection, "PRAGMA quick_check(1)")
    if found != "ok":
        raise sqlite3.DatabaseError(found)
    _log_ahead(connection, wait_seconds)
    run("PRAGMA synchronous = NORMAL")  # a killed process loses nothing; nor does the file
    run("PRAGMA wal_autocheckpoint = 10000")  # pages: a few blocks at a time
    run("PRAGMA cache_size = -65536")  # KiB


def _log_ahead(connection: sqlite3.Connection, wait_seconds: float) -> None:
    """Switch to the write-ahead log; SQLite does not wait for another process that does so."""
    deadline = time.monotonic() + wait_seconds
    while not _logs_ahead(connection):
        if time.monotonic() > deadline:
            raise sqlite3.OperationalError("database is locked")
        time.sleep(0.05)


def _logs_ahead(connection: sqlite3.Connection) -> bool:
    try:
        mode = _asked(connection, "PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
        return False
    return bool(mode == "wal")


def check(connection: sqlite3.Connection, file: Path) -> None:
    """Raise SweepError for a database that is not ours or not ours yet."""
    version = _asked(connection, "PRAGMA user_version")
    application = _asked(connection, "PRAGMA application_id")
    if application != APPLICATION:
        raise SweepError(f"{file}: is a database, but not a sweep store; left as it is")
    if version > SCHEMA:
        raise SweepError(
            f"{file}: the store has schema {version}, written by a newer red-timeloop; "
            f"this one knows up to {SCHEMA}"
        )


def _has_tables(connection: sqlite3.Connection) -> bool:
    return bool(_asked(connection, "SELECT count(*) FROM sqlite_master"))


def _asked(connection: sqlite3.Connection, question: str) -> Any:
    (answer,) = connection.execute(question).fetchone()
    return answer
