"""What can stop a sweep that was asked for correctly."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["SweepError", "explained"]


class SweepError(RuntimeError):
    """The store cannot be used, or a worker was lost. What was stored before stays stored.

    Commands print the message, one line, and exit with code 1; those that only read a store, 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split())[:2000])


@contextmanager
def explained(file: Path) -> Iterator[None]:
    """Say what SQLite's errors of a store mean to the user, as SweepError."""
    try:
        yield
    except sqlite3.Error as error:
        text = str(error)
        if "decode" in text:  # bytes that are not text
            reason = f"is damaged ({text}); it was left as it is"
        elif "full" in text or "disk I/O" in text:
            reason = f"cannot write ({text}): make room and run again; what is stored stays stored"
        elif "locked" in text:
            reason = "another process keeps the store locked; run again when it has ended"
        elif "readonly" in text or "unable to open" in text or "read-only" in text:
            reason = f"cannot open for writing ({text}): is the folder read-only?"
        elif isinstance(error, sqlite3.OperationalError):
            reason = text
        else:
            reason = (
                f"is damaged or no sweep store ({text}); it was left as it is: move it away or name"
                " another folder"
            )
        raise SweepError(f"{file}: {reason}") from error
