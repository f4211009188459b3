"""Typed access to the values of a YAML mapping, with errors that name file, line and key."""

from __future__ import annotations

import collections.abc as abc
import re
from typing import Any

from red_timeloop.errors import InputError, meant
from red_timeloop.spec.expressions import evaluate
from red_timeloop.spec.loader import Quoted, YamlList, YamlMap, type_name
from red_timeloop.spec.types import Value

__all__ = [
    "boolean",
    "check_count",
    "check_keys",
    "check_version",
    "error",
    "integer",
    "mapping",
    "names",
    "number",
    "sequence",
    "text",
    "value",
]

Names = abc.Mapping[str, object]
_NONE: Names = {}
VERSIONS = ("0.4",)


def error(
    message: str,
    section: YamlMap,
    key: str | None = None,
    *,
    path: str = "",
    legal: str | abc.Iterable[object] | None = None,
) -> InputError:
    """Return an InputError at `key` of `section`; `path` names the section for the reader."""
    shown = ".".join(part for part in (path, key or "") if part)
    return InputError(message, file=section.where(key) or None, key=shown or None, legal=legal)


def check_keys(section: YamlMap, legal: abc.Collection[str], path: str) -> None:
    """Refuse keys that are not in `legal`; keys that hold `ignore` are free, as in Timeloop."""
    for key in section:
        if key not in legal and "ignore" not in key:
            message = f"unknown key{meant(key, legal)}"
            raise error(message, section, key, path=path, legal=sorted(legal))


def check_version(section: YamlMap, path: str, legal: abc.Sequence[str] = VERSIONS) -> None:
    """Refuse a version that is not Timeloop's 0.4 (or one of `legal`)."""
    version = section.get("version", "0.4")
    if str(version) not in legal:
        raise error(f"version {version} is not read", section, "version", path=path, legal=legal)


def value(
    section: YamlMap,
    key: str,
    path: str,
    known: Names = _NONE,
    *,
    bare_is_text: bool = False,
) -> Value:
    """Return what is at `key`: quoted text as text, a bare word as an expression.

    A list is a tuple of its items as they are written, since timeloopfe evaluates none of them.
    """
    raw = section[key]
    if isinstance(raw, list):
        return _items(raw, section, key, path)
    if isinstance(raw, dict):
        raise error(f"expected a number or text, got {type_name(raw)}", section, key, path=path)
    if not isinstance(raw, str) or isinstance(raw, Quoted) or bare_is_text:
        return str(raw) if isinstance(raw, str) else raw
    return evaluate(raw, known, file=section.where(key) or None, key=f"{path}.{key}")


def _items(raw: list[Any], section: YamlMap, key: str, path: str) -> Value:
    items: list[Value] = []
    for item in raw:
        if isinstance(item, dict):
            raise error("a list holds a mapping", section, key, path=path, legal="numbers, text")
        plain = str(item) if isinstance(item, str) else item
        items.append(_items(item, section, key, path) if isinstance(item, list) else plain)
    return tuple(items)


def text(section: YamlMap, key: str, path: str, default: str | None = None) -> str:
    """Return the text at `key`; without `default` it must be there."""
    raw = section.get(key)
    if (raw is None or raw == "") and default is not None:
        return default
    if raw is None:
        raise error(f"the key {key!r} is missing", section, path=path)
    if not isinstance(raw, str) or not raw:
        raise error(f"expected text, got {_shown(raw)}", section, key, path=path)
    return str(raw)


def integer(section: YamlMap, key: str, path: str, known: Names = _NONE, *, least: int = 0) -> int:
    """Return the whole number at `key` (an expression may give it)."""
    raw = value(section, key, path, known)
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    if isinstance(raw, bool) or not isinstance(raw, int) or raw < least:
        raise error(
            f"expected a whole number, got {_shown(section[key], raw)}",
            section,
            key,
            path=path,
            legal=f"{least} or more",
        )
    return raw


def number(
    section: YamlMap, key: str, path: str, known: Names = _NONE, *, least: float = 0.0
) -> float:
    """Return the number at `key` (an expression may give it)."""
    raw = value(section, key, path, known)
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not least <= raw < float("inf"):
        raise error(
            f"expected a number, got {_shown(section[key], raw)}",
            section,
            key,
            path=path,
            legal=f"{least:g} or more",
        )
    return raw


def boolean(section: YamlMap, key: str, path: str, default: bool, known: Names = _NONE) -> bool:
    """Return the truth value at `key`."""
    if section.get(key) is None:
        return default
    raw = value(section, key, path, known)
    if isinstance(raw, bool) or raw in (0, 1):
        return bool(raw)
    if isinstance(raw, str) and raw.lower() in ("true", "false"):
        return raw.lower() == "true"
    raise error(f"expected true or false, got {_shown(section[key])}", section, key, path=path)


def mapping(section: YamlMap, key: str, path: str) -> YamlMap:
    """Return the mapping at `key`; an absent or empty one is an empty mapping."""
    raw = section.get(key)
    if raw is None or raw == []:  # timeloopfe writes either for what is empty
        return YamlMap(section.file, section.line)
    if not isinstance(raw, YamlMap):
        raise error(f"expected a mapping, got {_shown(raw)}", section, key, path=path)
    return raw


def sequence(section: YamlMap, key: str, path: str) -> YamlList:
    """Return the list at `key`; an absent one is empty."""
    raw = section.get(key)
    if raw is None:
        return YamlList(section.file, section.line)
    if not isinstance(raw, YamlList):
        raise error(f"expected a list, got {_shown(raw)}", section, key, path=path)
    return raw


def check_count(found: abc.Sized, most: int, section: YamlMap, key: str, path: str) -> None:
    """Refuse more entries than `most`, before anything is done with them."""
    if len(found) > most:
        message = f"there are {len(found)} entries"
        raise error(message, section, key, path=path, legal=f"at most {most}")


def names(
    section: YamlMap, key: str, path: str, legal: abc.Sequence[str], what: str
) -> tuple[str, ...]:
    """Return the names listed at `key`; `*` stands for all of `legal`, one word for a list."""
    raw = section.get(key)
    if raw is None:
        return ()
    items: list[Any] = re.split(r"[,\s]+", raw.strip()) if isinstance(raw, str) else raw
    if not isinstance(items, list):
        raise error(f"expected a list of names, got {_shown(raw)}", section, key, path=path)
    result: list[str] = []
    for item in items:
        chosen = legal if item == "*" else [item]
        for name in chosen:
            if name not in legal:
                raise error(f"unknown {what} {name!r}", section, key, path=path, legal=legal)
            if name not in result:
                result.append(str(name))
    return tuple(result)


def _shown(raw: object, result: object = None) -> str:
    if isinstance(raw, str | int | float) and not isinstance(raw, bool):
        return repr(raw) if result is None or result == raw else f"{str(raw)!r} = {result!r}"
    return type_name(raw) if not isinstance(raw, bool) else str(raw).lower()
