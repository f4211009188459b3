"""Writing files so that a reader never sees half of one, and JSON that every reader takes."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from red_timeloop.errors import InputError

__all__ = ["folder_for", "make_folder", "to_csv", "to_json", "write_atomic"]


def make_folder(path: str | Path) -> Path:
    """Make the folder `path` with its parents and return it.

    Raises:
        InputError: The folder cannot be made; names it and the system's reason.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder: {error.strerror}", file=path) from error
    return path


@contextmanager
def folder_for(path: str | Path) -> Iterator[Path]:
    """Make a folder for what a block finds; if the block fails, none that is empty stays behind.

    Raises:
        InputError: As `make_folder`.
    """
    path = Path(path)
    made = [each for each in (path, *path.parents) if not each.exists()]
    try:
        yield make_folder(path)
    except BaseException:
        for each in made:
            with suppress(OSError):  # it is not there, or holds something
                each.rmdir()
        raise


def write_atomic(path: str | Path, content: str | bytes) -> Path:
    """Write `content` to a temporary name beside `path`, then rename it; return `path`.

    Raises:
        InputError: The file cannot be written; names it and the system's reason.
    """
    path = Path(path)
    data = content.encode() if isinstance(content, str) else content
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # noqa: PTH101 - mkstemp hands out 0600
        os.replace(temporary, path)  # noqa: PTH105
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise InputError(f"cannot write: {error.strerror}", file=path) from error
    return path


def to_json(content: object) -> str:
    """Return JSON with a newline; a number that is infinite, which JSON has not, is text: `inf`."""

    def finite(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: finite(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [finite(each) for each in value]
        return str(value) if isinstance(value, float) and math.isinf(value) else value

    return json.dumps(finite(content), indent=2, allow_nan=False) + "\n"


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV; columns that a row has not are empty."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
