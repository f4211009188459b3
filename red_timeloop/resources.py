"""What comes with the package: its models, and YAML files in `arch/`, `mappings/`, `workloads/`.

These stand at the top of a checkout, where a Timeloop user looks for them, and travel inside the
wheel as `red_timeloop/_data/`.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

__all__ = ["model_files", "model_version", "names", "path"]

_PACKAGE = Path(__file__).resolve().parent
# What no result depends on: what reads models, and what shows results. All else in the package, and
# all that it ships for its models, is part of the version.
_BESIDE = ("networks", "reproduction", "report", "cli")
_ARCHITECTURES = ("arch", "mappings")


def _root() -> Path:
    installed = _PACKAGE / "_data"
    return installed if installed.is_dir() else _PACKAGE.parent


def path(relative: str) -> Path:
    """Return where the shipped file or folder `relative` is.

    >>> path("workloads").is_dir()
    True
    """
    return _root() / relative


def names(folder: str) -> list[str]:
    """Return the names, without `.yaml`, of the YAML files that `folder` ships, sorted."""
    return sorted(file.stem for file in path(folder).glob("*.yaml"))


@lru_cache(maxsize=1)
def model_version() -> dict[str, str]:
    """Return the package's version and a digest of the models, which change between releases."""
    from red_timeloop import __version__  # the package imports this module

    hashes = sorted(
        f"{path.parent.name}/{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in model_files()
    )
    whole = hashlib.sha256("\n".join(hashes).encode()).hexdigest()
    return {"package": __version__, "models": whole[:16]}


def model_files() -> list[Path]:
    """Return the files of the package that results can depend on, but for the input."""
    found = [
        each
        for each in _PACKAGE.rglob("*.py")
        if each.relative_to(_PACKAGE).parts[0] not in (*_BESIDE, "_data")
    ]
    for folder in _ARCHITECTURES:
        found += path(folder).rglob("*.yaml")
    return found
