"""The YAML files that come with the package: `arch/`, `mappings/` and `workloads/`.

They stand at the top of a checkout, where a Timeloop user looks for them, and travel inside the
wheel as `red_timeloop/_data/`.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["names", "path"]

_PACKAGE = Path(__file__).resolve().parent


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
