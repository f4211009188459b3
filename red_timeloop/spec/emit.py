"""Turning plain values into YAML text that Timeloop's tools and this package read alike.

A writer of its own, because a reader of Timeloop tells quoted text from bare words: `Text` is
always quoted, a plain `str` is a bare word where YAML allows one. Short leaves are written in one
line, as people write Timeloop files.
"""

from __future__ import annotations

import collections.abc as abc
import math
import re
from typing import Any

__all__ = ["Node", "Text", "to_yaml"]

_WIDTH = 100
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*((<=|>=|=|\.)[A-Za-z0-9_]+)?(\[1\.\.\d+\])?")
_TEMPLATE = re.compile(r"\{(?=[{%#])")  # would begin something of a Jinja2 template
_NOT_PLAIN = frozenset(("null", "true", "false", "yes", "no", "on", "off", "nan", "inf"))


class Text(str):
    """Text that must stay text: written in double quotes."""

    __slots__ = ()


class Node(dict[str, Any]):
    """A mapping with a tag, `!Component` for instance."""

    def __init__(self, tag: str, **values: Any) -> None:
        super().__init__(values)
        self.tag = tag


def to_yaml(value: abc.Mapping[str, Any]) -> str:
    """Return `value` (mappings, sequences, text, numbers, booleans, None) as a YAML document.

    >>> print(to_yaml({"problem": {"dimensions": ["C", "M"], "technology": Text("32nm")}}), end="")
    problem: {dimensions: [C, M], technology: "32nm"}
    """
    return "\n".join(_block(value, 0)) + "\n"


def _block(value: Any, indent: int) -> list[str]:
    pad = "  " * indent
    lines: list[str] = []
    if isinstance(value, abc.Mapping):
        for key, item in value.items():
            lines += _entry(f"{pad}{_scalar(str(key))}:", item, indent + 1)
        return lines
    for item in value:
        lines += _entry(f"{pad}-", item, indent + 1)
    return lines


def _entry(head: str, item: Any, indent: int) -> list[str]:
    """Write `item` after `head`, on one line where it fits."""
    tag = f" {item.tag}" if isinstance(item, Node) else ""
    flow = _flow(item, top=True)
    if flow is not None and len(head) + len(tag) + len(flow) < _WIDTH:
        return [f"{head}{tag} {flow}"]
    if head.endswith("-") and isinstance(item, abc.Mapping) and not tag:
        body = _block(item, indent)
        return [f"{head} {body[0].lstrip()}", *body[1:]]
    return [f"{head}{tag}", *_block(item, indent)]


def _flow(value: Any, *, top: bool = False) -> str | None:
    """Return `value` in one line; None where that would hide a structure (tags, lists of maps)."""
    if isinstance(value, Node) and not top:
        return None
    if isinstance(value, abc.Mapping):
        parts = [(_scalar(str(key)), _flow(item)) for key, item in value.items()]
        if any(part is None for _, part in parts):
            return None
        return "{" + ", ".join(f"{key}: {part}" for key, part in parts) + "}"
    if isinstance(value, list | tuple):
        if top and any(isinstance(item, abc.Mapping) for item in value):
            return None
        items = [_flow(item) for item in value]
        if any(item is None for item in items):
            return None
        return "[" + ", ".join(str(item) for item in items) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _float(value)
    if not isinstance(value, str):
        raise TypeError(f"cannot write {type(value).__name__} as YAML")
    if not isinstance(value, Text) and _PLAIN.fullmatch(value) and value.lower() not in _NOT_PLAIN:
        return str(value)
    quoted = "".join(map(_escaped, str(value)))
    return '"' + _TEMPLATE.sub(r"\\x7b", quoted) + '"'


def _escaped(character: str) -> str:
    """Return a character of double-quoted text."""
    if character in '"\\':
        return "\\" + character
    if " " <= character <= "~":
        return character
    return f"\\U{ord(character):08x}"


def _float(value: float) -> str:
    if not math.isfinite(value):
        return {math.inf: ".inf", -math.inf: "-.inf"}.get(value, ".nan")
    return repr(value)
