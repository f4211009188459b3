"""Stands in for timeloopfe: starts the command as the real one does, and nothing else."""

from __future__ import annotations

import os
import subprocess
from typing import Any


class Specification:
    """Holds the file names."""

    def __init__(self, files: tuple[str, ...]) -> None:
        self.files = files

    @classmethod
    def from_yaml_files(cls, *files: str) -> Specification:
        """Remember the files."""
        if os.environ.get("STANDIN") == "frontend":
            raise ValueError("Expected one of ('spatial', 'temporal'), got 3")
        return cls(files)


def call_model(
    specification: Specification, output_dir: str, log_to: str, return_proc: bool
) -> Any:
    """Start timeloop-model through a shell, as timeloopfe does."""
    return _call("timeloop-model", specification, output_dir, log_to)


def call_mapper(
    specification: Specification, output_dir: str, log_to: str, return_proc: bool
) -> Any:
    """Start timeloop-mapper through a shell, as timeloopfe does."""
    return _call("timeloop-mapper", specification, output_dir, log_to)


def _call(command: str, specification: Specification, folder: str, log: str) -> Any:
    with open(log, "w") as stream:  # noqa: PTH123
        line = f'cd "{folder}" ; {command} "{specification.files[0]}"'
        return subprocess.Popen(line, shell=True, stdout=stream, stderr=subprocess.STDOUT)  # noqa: S602
