"""Finding the real tools: timeloop-model, timeloop-mapper, accelergy and pytimeloop."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from red_timeloop.errors import InputError

__all__ = ["PYTHON_VARIABLE", "TimeloopError", "Tools", "find_tools", "usable"]

# Names the Python that has pytimeloop, where it is another than the one that runs this.
PYTHON_VARIABLE = "RED_TIMELOOP_PYTHON"
_IMPORT = "import pytimeloop.timeloopfe.v4"
_SECONDS = 60.0


class TimeloopError(InputError):
    """The real Timeloop is missing, failed or gave an answer that cannot be right."""


@dataclass(frozen=True)
class Tools:
    """What was found.

    Attributes:
        model: `timeloop-model`, None when it is not on PATH.
        mapper: `timeloop-mapper`, likewise.
        accelergy: `accelergy`, likewise.
        python: A Python that imports timeloopfe, None when none does.
        import_error: Why it does not, as the interpreter says.
    """

    model: Path | None
    mapper: Path | None
    accelergy: Path | None
    python: Path | None
    import_error: str = ""

    def missing(self, command: str) -> str:
        """Return what stands in the way of running `model` or `mapper`; empty when nothing."""
        found = self.mapper if command == "mapper" else self.model
        if found is None:
            return f"timeloop-{command} is not on PATH"
        if self.python is None:
            return f"timeloopfe cannot be imported: {self.import_error}"
        return ""


def find_tools() -> Tools:
    """Look for the tools on PATH, and for a Python with pytimeloop."""
    accelergy = _which("accelergy")
    python, error = _find_python(
        os.environ.get(PYTHON_VARIABLE), str(accelergy or ""), os.environ.get("PYTHONPATH")
    )
    return Tools(_which("timeloop-model"), _which("timeloop-mapper"), accelergy, python, error)


def usable(command: str = "model") -> bool:
    """Return whether the real Timeloop can be run; quick when it is not on PATH."""
    return _which(f"timeloop-{command}") is not None and not find_tools().missing(command)


def _which(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found) if found else None


@lru_cache(maxsize=8)
def _find_python(
    named: str | None, accelergy: str, search_path: str | None
) -> tuple[Path | None, str]:
    """Return the first Python that imports timeloopfe, or why the first candidate does not.

    Candidates: the one that the environment names, this one, the one that has `accelergy`.
    `search_path` is only a key of the cache.
    """
    candidates = [Path(named)] if named else [Path(sys.executable)]
    if accelergy and not named:
        candidates.append(Path(accelergy).parent / "python")
    reason = ""
    for candidate in candidates:
        failure = _import_failure(candidate)
        if not failure:
            return candidate, ""
        reason = reason or failure
    return None, reason


def _import_failure(python: Path) -> str:
    try:
        done = subprocess.run(
            [str(python), "-c", _IMPORT],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{python}: {error}"
    if done.returncode == 0:
        return ""
    last = (done.stderr.strip().splitlines() or ["no message"])[-1]
    if "bindings" in done.stderr or "libtimeloop" in done.stderr or ".so" in last:
        last += " (pytimeloop's C++ bindings must be built, although timeloopfe does without)"
    return last
