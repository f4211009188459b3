"""YAML files as Timeloop's front end reads them: its tags, and a mapping at the top."""

from __future__ import annotations

import collections.abc as abc
from pathlib import Path
from typing import Any

from red_timeloop import _yaml
from red_timeloop._yaml import Quoted, YamlList, YamlMap, type_name
from red_timeloop.errors import InputError
from red_timeloop.spec.template import Templates, says_all

__all__ = [
    "TAGS",
    "Quoted",
    "YamlList",
    "YamlMap",
    "load_file",
    "load_plain",
    "load_text",
    "type_name",
]

TAGS = ("!Component", "!Container", "!Hierarchical", "!Parallel", "!Pipelined", "!Nothing")

_KEPT = {
    **dict.fromkeys(TAGS, ("mapping",)),
    "!Nothing": ("mapping", "list", "scalar"),
    "!nomerge": ("mapping", "list"),
}


def load_file(path: str | Path, jinja: abc.Mapping[str, Any] | None = None) -> YamlMap:
    """Read the YAML file `path`, a Jinja2 template perhaps, whose top must be a mapping.

    Args:
        path: The file.
        jinja: Data of the template; see `red_timeloop.spec.template`.

    Raises:
        InputError: The file is missing, unreadable, empty, too large, not YAML, has a key twice,
            has a tag that is not Timeloop's, does not hold a mapping, or its template fails;
            names file and line.
    """
    return _top(Templates(jinja or {}).load(path, _KEPT), str(path))


def load_plain(path: str | Path) -> YamlMap | None:
    """Read a file as `load_file`; None where it is a template, includes others or is large."""
    text = _yaml.read_text(path)
    return load_text(text, file=str(path)) if says_all(text) else None


def load_text(text: str, *, file: str = "") -> YamlMap:
    """Read YAML text, whose top must be a mapping; see `load_file`.

    >>> load_text("technology: '32nm'\\nrows: 2 * 64\\nperiod: 1e-9")
    {'technology': '32nm', 'rows': '2 * 64', 'period': 1e-09}
    """
    return _top(_yaml.parse(text, file=file, tags=_yaml.Tags(_KEPT)), file)


def _top(value: Any, file: str) -> YamlMap:
    if value is None:
        raise InputError("the file is empty", file=file, legal="a YAML mapping")
    if not isinstance(value, YamlMap):
        line = f"{file}:1" if file else "line 1"
        raise InputError(f"expected a mapping at the top, got {type_name(value)}", file=line)
    return value
