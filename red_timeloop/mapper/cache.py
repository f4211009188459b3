"""Searches that were done before, in one SQLite file of the user's cache folder.

A search is told by a digest of the models and of all that it depends on; one that was cut short is
not kept. Rows are written in transactions, so that several processes may write at a time, and each
has a checksum. A file that cannot be read or written is as good as none.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from red_timeloop.resources import model_version

__all__ = ["MOST_BYTES", "SWITCH", "key_of", "load", "store"]

SWITCH = "RED_TIMELOOP_CACHE"  # environment variable: a folder, or `off`
MOST_BYTES = 64 * 2**20  # of answers; what was asked for longest ago goes first
_FILE = "searches.sqlite"
_WAIT = 10.0  # s, for another process that is writing
_TABLE = """
CREATE TABLE IF NOT EXISTS searches (
    key TEXT PRIMARY KEY, answer TEXT NOT NULL, checksum TEXT NOT NULL, used REAL NOT NULL
)
"""


def key_of(*question: object) -> str:
    """Return the key of a search: what it depends on must show all of itself in its `repr`."""
    content = json.dumps(model_version(), sort_keys=True) + repr(question)
    return hashlib.sha256(content.encode()).hexdigest()


def load(keys: Sequence[str]) -> dict[str, object]:
    """Return the answers that were stored under some of the keys."""
    file = _file()
    if not keys or file is None or not file.is_file():
        return {}
    found: dict[str, object] = {}
    try:
        with closing(_open(file)) as connection, connection:
            for key in keys:
                row = connection.execute(
                    "SELECT answer, checksum FROM searches WHERE key = ?", (key,)
                ).fetchone()
                if row is not None and _checksum(key, row[0]) == row[1]:
                    found[key] = json.loads(row[0])
            used = [(time.time(), key) for key in found]
            connection.executemany("UPDATE searches SET used = ? WHERE key = ?", used)
    except (OSError, sqlite3.Error, ValueError):
        pass  # what was found is found
    return found


def store(answers: Mapping[str, object]) -> None:
    """Store answers that JSON can hold, and forget the oldest beyond `MOST_BYTES`."""
    file = _file()
    if not answers or file is None:
        return
    rows = [(key, json.dumps(answer)) for key, answer in answers.items()]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with closing(_open(file)) as connection, connection:
            connection.execute(_TABLE)
            connection.executemany(
                "INSERT OR REPLACE INTO searches VALUES (?, ?, ?, ?)",
                [(key, text, _checksum(key, text), time.time()) for key, text in rows],
            )
            connection.execute(
                "DELETE FROM searches WHERE key IN (SELECT key FROM (SELECT key,"
                " SUM(LENGTH(answer)) OVER (ORDER BY used DESC, key) AS total FROM searches)"
                " WHERE total > ?)",
                (MOST_BYTES,),
            )
    except (OSError, sqlite3.Error):
        return


def _open(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=_WAIT)


def _checksum(key: str, text: str) -> str:
    return hashlib.sha256(f"{key} {text}".encode()).hexdigest()


def _file() -> Path | None:
    chosen = os.environ.get(SWITCH, "")
    if chosen == "off":
        return None
    if chosen:
        return Path(chosen) / _FILE
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "red-timeloop" / _FILE
