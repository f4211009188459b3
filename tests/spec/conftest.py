"""Helpers that write YAML to a file and read it as a specification."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from red_timeloop.errors import InputError
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import Specification

Read = Callable[..., Specification]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return a function that reads the given texts as the files of one specification."""

    def reader(*texts: str, **options: object) -> Specification:
        files = []
        for index, text in enumerate(texts):
            file = tmp_path / f"file{index}.yaml"
            file.write_text(text)
            files.append(file)
        return read_specification(files, **options)  # type: ignore[arg-type]

    return reader


@pytest.fixture
def message(read: Read, tmp_path: Path) -> Callable[..., str]:
    """Return a function that gives the message that reading the texts ends with."""

    def failing(*texts: str, **options: object) -> str:
        with pytest.raises(InputError) as caught:
            read(*texts, **options)
        return str(caught.value).replace(f"{tmp_path}/", "")

    return failing
