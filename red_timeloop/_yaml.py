"""Reading YAML that somebody else may have written, into plain values that remember their lines.

Scalars follow YAML 1.2, as in Timeloop (`1e-9` is a number, `yes` is a word), and a quoted string
(`Quoted`) is told from a bare word, because Timeloop evaluates bare words as expressions. Nothing
is ever constructed but dicts, lists, numbers, strings, booleans and None; a tag that the caller
does not name is refused. Values are built from the parser's events, so that depth, number and
aliases are bounded while reading and not after it.
"""

from __future__ import annotations

import os
import stat
from collections import abc
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from red_timeloop._yaml_values import (
    Quoted,
    YamlList,
    YamlMap,
    bare_word,
    merge_into,
    type_name,
    values_in,
)
from red_timeloop.errors import InputError

__all__ = ["Quoted", "Tags", "YamlList", "YamlMap", "load", "parse", "read_text", "type_name"]

LARGEST_FILE = 16 * 2**20  # bytes; a specification has a few kB, a table a few MB
MOST_VALUES = 1_000_000  # in one file, those that aliases repeat included; 0.3 GB
DEEPEST = 100

_STANDARD = "tag:yaml.org,2002:"
# explicit standard tag of a scalar -> types that the bare word must have
_SCALAR_TAGS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "null": (type(None),),
}


@dataclass(frozen=True)
class Tags:
    """Tags that a file may have beside YAML's own.

    Attributes:
        kept: Those that a `YamlMap` or `YamlList` remembers, with the kinds of value that they may
            stand before (`mapping`, `list`, `scalar`).
        replaced: Those of words that stand for a value: a function of the word and of `file:line`.
    """

    kept: abc.Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    replaced: abc.Mapping[str, abc.Callable[[str, str], Any]] = field(default_factory=dict)


_NO_TAGS = Tags()


def load(path: str | Path, *, tags: Tags = _NO_TAGS) -> Any:
    """Read the YAML file `path`.

    Raises:
        InputError: It cannot be read, is no regular file, too large, not UTF-8 or not YAML, has a
            key twice, a tag that is not in `tags`, is nested too deeply or has too many values;
            names file and line.
    """
    return parse(read_text(path), file=path, tags=tags)


def read_text(path: str | Path) -> str:
    """Return the text of the regular file `path`, which is at most `LARGEST_FILE` bytes large.

    Kind and size are asked of the open file before a byte of it is read, so that no device, pipe or
    sparse file can hold or fill the machine.

    Raises:
        InputError: It cannot be read, is no regular file, is too large or not UTF-8.
    """
    try:
        stream = open(path, "rb", opener=_open)  # noqa: SIM115 - a path may be no Path
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read: {reason}", file=path) from error
    with stream:
        state = os.fstat(stream.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise InputError("cannot read: not a regular file", file=path)
        limit = f"up to {LARGEST_FILE // 2**20} MiB"
        if state.st_size > LARGEST_FILE:
            size = f"{state.st_size / 2**20:.0f} MiB"
            raise InputError(f"the file is too large: {size}", file=path, legal=limit)
        data = stream.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:  # it grows, or says 0 as files of /proc do
        raise InputError("the file is too large", file=path, legal=limit)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"not a text file: no UTF-8 at byte {error.start}", file=path) from None


def _open(path: str, flags: int) -> int:
    """Open without waiting for the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def parse(
    text: str,
    *,
    file: str | Path | None = None,
    tags: Tags = _NO_TAGS,
    lines: abc.Sequence[int] | None = None,
) -> Any:
    """Read YAML text; see `load`.

    Args:
        text: The text.
        file: The file's name, for positions.
        tags: Tags that are legal beside YAML's own.
        lines: For each line of `text`, that of the file it was made from.

    >>> parse("{base: &b {rows: 128, fold: 1}, mine: {<<: *b, fold: 2}}")["mine"]
    {'fold': 2, 'rows': 128}
    >>> parse("technology: '32nm'\\nrows: 2 * 64\\nperiod: 1e-9")
    {'technology': '32nm', 'rows': '2 * 64', 'period': 1e-09}
    """
    name = str(file) if file is not None else ""
    try:
        return _Builder(_events(text), name, tags, lines).document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        last = text.count("\n") + 1  # libyaml counts one more at the end of the file
        where = name
        if mark is not None:
            where = _line(name, _made_from(min(mark.line + 1, last), lines))
        if "nesting" in problem:  # libyaml has a limit of its own
            raise InputError("nested too deeply", file=where, legal=f"{DEEPEST} levels") from None
        raise InputError(f"not valid YAML: {problem}", file=where) from None
    except InputError:
        raise
    except (ValueError, OverflowError) as error:  # half a surrogate pair, from a command line
        raise InputError(f"not valid YAML: {error}", file=name) from None


def _events(text: str) -> abc.Iterator[yaml.Event]:
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    depth = 0
    for event in yaml.parse(text, Loader=base):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > 2 * DEEPEST:  # the builder says it with the line; this spares the parser
                yield event
                return
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        yield event


def _line(file: str, line: int) -> str:
    return f"{file}:{line}" if file else f"line {line}"


def _made_from(line: int, lines: abc.Sequence[int] | None) -> int:
    return lines[line - 1] if lines and line <= len(lines) else line


class _Builder:
    """Turns events into values; an aliased value is built once and shared, never changed."""

    def __init__(
        self,
        events: abc.Iterable[yaml.Event],
        file: str,
        tags: Tags,
        lines: abc.Sequence[int] | None,
    ) -> None:
        self.events: abc.Iterator[Any] = iter(events)
        self.file, self.tags, self.lines = file, tags, lines
        self.anchors: dict[str, Any] = {}
        self.open: set[str] = set()
        self.merged = 0  # entries that merges have copied

    def document(self) -> Any:
        value, seen = None, False
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if seen:
                    raise self._fail("a second document begins", event)
                value, seen = self._value(next(self.events), 0), True
        return value

    def _fail(self, message: str, event: Any, legal: Any = None, key: Any = None) -> Any:
        return InputError(message, file=self._where(event), key=key, legal=legal)

    def _where(self, event: Any) -> str:
        return _line(self.file, self._number(event))

    def _number(self, event: Any) -> int:
        return _made_from(event.start_mark.line + 1, self.lines)

    def _value(self, event: Any, depth: int) -> Any:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if depth > DEEPEST:
            raise self._fail("nested too deeply", event, f"{DEEPEST} levels")
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self.open.add(anchor)
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(event, depth)
        else:
            value = self._mapping(event, depth)
        if anchor is not None:
            self.open.discard(anchor)
            self.anchors[anchor] = value
        return value

    def _alias(self, event: Any) -> Any:
        if event.anchor in self.open:
            raise self._fail("an alias refers to itself", event)
        if event.anchor not in self.anchors:
            raise self._fail(f"no anchor is called {event.anchor!r}", event)
        return self.anchors[event.anchor]

    def _tag(self, event: Any, kind: str) -> str:
        """Return the tag that a value keeps; YAML's own for its kind is none."""
        tag = event.tag
        own = {"mapping": "map", "list": "seq"}.get(kind)
        if tag is None or tag == "!" or tag == f"{_STANDARD}{own}":
            return ""
        if kind not in self.tags.kept.get(tag, ()):
            raise self._wrong_tag(tag, kind, event)
        return str(tag)

    def _wrong_tag(self, tag: str, kind: str, event: Any) -> Any:
        if tag in self.tags.kept:
            legal = " or ".join(f"a {each}" for each in self.tags.kept[tag])
            return self._fail(f"{tag} must stand before {legal}", event)
        if tag in self.tags.replaced:
            return self._fail(f"{tag} must stand before a word", event)
        known = [f"!!{each}" for each in (*_SCALAR_TAGS, "map", "seq")]
        shown = tag.replace(_STANDARD, "!!")
        if shown in known:
            return self._fail(f"{shown} stands before a {kind}", event)
        return self._fail(f"unknown tag {shown}", event, (*self.tags.kept, *known))

    def _scalar(self, event: Any) -> Any:
        text, tag = event.value, event.tag
        if tag is None:
            if event.style in ("'", '"'):
                return Quoted(text)
            return text if event.style in ("|", ">") else bare_word(text)
        if tag == "!":
            return Quoted(text)
        if tag in self.tags.replaced:
            return self.tags.replaced[tag](text, self._where(event))
        name = tag.removeprefix(_STANDARD)
        if tag == _STANDARD + name and name in _SCALAR_TAGS:
            if name == "str":
                return Quoted(text)
            value: Any = bare_word(text)
            if isinstance(value, _SCALAR_TAGS[name]) and (type(value) is bool) == (name == "bool"):
                return float(str(value)) if name == "float" else value
            raise self._fail(f"{text!r} is no !!{name}", event)
        self._tag(event, "scalar")
        return bare_word(text)

    def _sequence(self, event: Any, depth: int) -> YamlList:
        tag = self._tag(event, "list")
        values = YamlList(self.file, self._number(event), tag)
        for child in self.events:
            if isinstance(child, yaml.SequenceEndEvent):
                break
            value = self._value(child, depth + 1)
            values.append(value)
            values.size = self._grown(values.size + values_in(value), child)
        return values

    def _grown(self, size: int, event: Any) -> int:
        if size > MOST_VALUES:
            legal = f"at most {MOST_VALUES:,}, what aliases and merges repeat included"
            raise self._fail("too many values", event, legal)
        return size

    def _mapping(self, event: Any, depth: int) -> YamlMap:
        tag = self._tag(event, "mapping")
        values = YamlMap(self.file, self._number(event), tag)
        merges: list[tuple[Any, Any, bool]] = []
        for key_event in self.events:
            if isinstance(key_event, yaml.MappingEndEvent):
                break
            key = self._key(key_event)
            value_event = next(self.events)
            value = self._value(value_event, depth + 1)
            values.size = self._grown(values.size + values_in(value), key_event)
            if key in ("<<", "<<<") and not key_event.style:
                merges.append((value, value_event, key == "<<<"))
                continue
            if key in values:
                first = values.lines[key].rpartition(":")[2].removeprefix("line ")
                raise self._fail(f"key given twice, first in line {first}", key_event, key=key)
            values[key] = value
            values.lines[key] = self._where(key_event)
        for value, value_event, deep in merges:
            self._merge(values, value, value_event, deep)
        return values

    def _key(self, event: Any) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise self._fail("a key must be one word", event)
        if event.tag not in (None, "!", f"{_STANDARD}str"):
            raise self._fail("a key has no tag", event, "!!str")
        return str(event.value)

    def _merge(self, values: YamlMap, found: Any, event: Any, deep: bool) -> None:
        for source in found if isinstance(found, YamlList) else [found]:
            if not isinstance(source, YamlMap):
                raise self._fail(
                    f"<< needs a mapping or a list of mappings, got {type_name(source)}", event
                )
            self.merged += source.size
            self._grown(self.merged, event)
            merge_into(values, source, deep)
