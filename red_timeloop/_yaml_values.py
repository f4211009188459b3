"""The plain values that YAML is read into, what a bare word is, and where a value stands.

Scalars follow YAML 1.2, as in Timeloop: `1e-9` is a number, `yes` is a word.
"""

from __future__ import annotations

import re
from typing import Any

_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LONGEST_NUMBER = 400  # digits; a float has 309 before its point
_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", "+.inf"), float("inf")),
    "-.inf": float("-inf"),
    ".nan": float("nan"),
}


class Quoted(str):
    """A string that was quoted in the file: text, never an expression."""

    __slots__ = ()


class YamlMap(dict[str, Any]):
    """A mapping with its tag (`""` when none), its file and the line of each key."""

    __slots__ = ("file", "line", "lines", "size", "tag")

    def __init__(self, file: str = "", line: int = 0, tag: str = "") -> None:
        super().__init__()
        self.file, self.line, self.tag = file, line, tag
        self.lines: dict[str, str] = {}
        self.size = 1  # values in it, when it was read

    def where(self, key: str | None = None) -> str:
        """Return `file:line` of `key`, or of the mapping itself."""
        if key is not None and key in self.lines:
            return self.lines[key]
        return f"{self.file}:{self.line}" if self.line else self.file


class YamlList(list[Any]):
    """A sequence with its tag, file and line."""

    __slots__ = ("file", "line", "size", "tag")

    def __init__(self, file: str = "", line: int = 0, tag: str = "") -> None:
        super().__init__()
        self.file, self.line, self.tag = file, line, tag
        self.size = 1

    def where(self) -> str:
        """Return `file:line`."""
        return f"{self.file}:{self.line}" if self.line else self.file


def type_name(value: object) -> str:
    """Return what a YAML user calls the type of `value`."""
    if value is None:
        return "nothing"
    for kind, name in ((bool, "a boolean"), (dict, "a mapping"), (list, "a list"), (str, "text")):
        if isinstance(value, kind):
            return name
    return "a number"


def values_in(value: object) -> int:
    """Return the values in a value, those that aliases repeat included."""
    return value.size if isinstance(value, YamlMap | YamlList) else 1


def merge_into(values: YamlMap, source: YamlMap, deep: bool) -> None:
    """Add the keys of `source` that `values` lacks; `deep` (`<<<`) merges inner values too.

    Only `values` itself is changed: what stands in it may be shared with where it was taken from.
    """
    for key, value in source.items():
        if key not in values:
            values[key] = value
            values.lines[key] = source.where(key)
        elif deep:
            values[key] = _both(values[key], value)


def _both(mine: Any, other: Any) -> Any:
    """Return a new value of two; `!nomerge` and what is no collection stay as they are."""
    if getattr(mine, "tag", "") == "!nomerge":
        return mine
    if isinstance(mine, YamlMap) and isinstance(other, YamlMap):
        united = YamlMap(mine.file, mine.line, mine.tag)
        united.update(mine)
        united.lines.update(mine.lines)
        merge_into(united, other, True)
        united.size = mine.size + other.size
        return united
    if isinstance(mine, YamlList) and isinstance(other, YamlList):
        joined = YamlList(mine.file, mine.line, mine.tag)
        joined.extend([*mine, *other])
        joined.size = mine.size + other.size
        return joined
    return mine


def bare_word(text: str) -> Any:
    """Return what a bare word is in YAML 1.2: a number, a truth value, None or text."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) >= _LONGEST_NUMBER:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text
