"""What a sweep's store holds."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(folder / "sweep.sqlite")
    found = connection.execute(query).fetchall()
    connection.close()
    return found
