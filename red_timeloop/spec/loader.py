"""YAML as Timeloop's front end reads it, into plain values that remember where they stood.

Two things differ from `yaml.safe_load`. Scalars follow YAML 1.2, as in Timeloop (`1e-9` is a
number, `yes` is a word), and a quoted string (`Quoted`) is told from a bare word, because
Timeloop evaluates bare words as expressions. Nothing is ever constructed but dicts, lists, numbers,
strings, booleans and None; a tag that is not Timeloop's is refused.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from red_timeloop.errors import InputError

__all__ = ["TAGS", "Quoted", "YamlList", "YamlMap", "load_file", "load_text"]

TAGS = ("!Component", "!Container", "!Hierarchical", "!Parallel", "!Pipelined", "!Nothing")

_STANDARD = "tag:yaml.org,2002:"
_STANDARD_TAGS = frozenset(
    _STANDARD + name for name in ("str", "int", "float", "bool", "null", "map", "seq", "merge")
) | {f"{_STANDARD}timestamp", f"{_STANDARD}value"}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", "+.inf"), float("inf")),
    "-.inf": float("-inf"),
    ".nan": float("nan"),
}
_LARGEST_FILE = 32 * 2**20  # bytes; a specification has a few kB, a table a few MB
_LARGEST_TREE = 2_000_000  # values after aliases are followed
_DEEPEST = 100
_DEEP_ENOUGH = 1000  # brackets; the stack holds tens of thousands of levels
_DEEP_LINE = re.compile(r"(?m)^[-?: \t]{1000}")


class Quoted(str):
    """A string that was quoted in the file: text, never an expression."""

    __slots__ = ()


class YamlMap(dict[str, Any]):
    """A mapping with its tag (`""` when none), its file and the line of each key."""

    __slots__ = ("file", "line", "lines", "tag")

    def __init__(self, file: str = "", line: int = 0, tag: str = "") -> None:
        super().__init__()
        self.file, self.line, self.tag = file, line, tag
        self.lines: dict[str, str] = {}

    def where(self, key: str | None = None) -> str:
        """Return `file:line` of `key`, or of the mapping itself."""
        if key is not None and key in self.lines:
            return self.lines[key]
        return f"{self.file}:{self.line}" if self.line else self.file


class YamlList(list[Any]):
    """A sequence with its file and line."""

    __slots__ = ("file", "line", "tag")

    def __init__(self, file: str = "", line: int = 0, tag: str = "") -> None:
        super().__init__()
        self.file, self.line, self.tag = file, line, tag

    def where(self) -> str:
        """Return `file:line`."""
        return f"{self.file}:{self.line}" if self.line else self.file


def load_file(path: str | Path) -> YamlMap:
    """Read the YAML file `path`, whose top must be a mapping.

    Raises:
        InputError: The file is missing, unreadable, empty, too large, not YAML, has a key twice,
            has a tag that is not Timeloop's, or does not hold a mapping; names file and line.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read: {error.strerror}", file=path) from error
    if len(data) > _LARGEST_FILE:
        raise InputError(
            f"too large: {len(data)} bytes", file=path, legal=f"at most {_LARGEST_FILE}"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text (byte {error.start})", file=path) from error
    return load_text(text, file=str(path))


def load_text(text: str, *, file: str = "") -> YamlMap:
    """Read YAML text, whose top must be a mapping; see `load_file`.

    >>> load_text("technology: '32nm'\\nrows: 2 * 64\\nperiod: 1e-9")
    {'technology': '32nm', 'rows': '2 * 64', 'period': 1e-09}
    """
    try:
        node = _compose(text)
    except yaml.YAMLError as error:
        raise _syntax_error(error, file) from error
    except RecursionError as error:
        raise InputError("nested too deeply", file=file) from error
    if node is None:
        raise InputError("the file is empty", file=file, legal="a YAML mapping")
    value = _Builder(file).build(node)
    if not isinstance(value, YamlMap):
        raise InputError(
            f"expected a mapping at the top, got {type_name(value)}", file=_line(file, 1)
        )
    return value


@lru_cache(maxsize=16)
def _compose(text: str) -> yaml.Node | None:
    """Return the nodes of `text`, which are only read: a shipped file is parsed once a process."""
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    if _may_be_deep(text):
        _check_depth(text, base)
    return yaml.compose(text, Loader=base)


def _may_be_deep(text: str) -> bool:
    """Tell cheaply whether `text` could be nested so deeply that composing it overflows the stack.

    Libyaml's composer calls itself for each level and ends the process when the stack is full. A
    level takes a bracket, or a column of indentation for each key and each item in it.
    """
    brackets = text.count("[") + text.count("{")
    return brackets > _DEEP_ENOUGH or _DEEP_LINE.search(text) is not None


def _check_depth(text: str, base: Any) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=base):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise RecursionError
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def type_name(value: object) -> str:
    """Return what a YAML user calls the type of `value`."""
    if value is None:
        return "nothing"
    for kind, name in ((bool, "a boolean"), (dict, "a mapping"), (list, "a list"), (str, "text")):
        if isinstance(value, kind):
            return name
    return "a number"


def _syntax_error(error: yaml.YAMLError, file: str) -> InputError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    where = _line(file, mark.line + 1) if mark is not None else file
    return InputError(f"malformed YAML: {problem}", file=where)


def _line(file: str, line: int) -> str:
    return f"{file}:{line}" if file else f"line {line}"


class _Builder:
    """Turns composed nodes into values; an aliased node is built once and shared."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.done: dict[int, tuple[Any, int]] = {}  # id of node -> value, size of its tree
        self.open: set[int] = set()

    def build(self, node: yaml.Node) -> Any:
        return self._build(node, 0)[0]

    def _where(self, node: yaml.Node) -> str:
        return _line(self.file, node.start_mark.line + 1)

    def _build(self, node: yaml.Node, depth: int) -> tuple[Any, int]:
        key = id(node)
        if key in self.done:
            return self.done[key]
        if key in self.open:
            raise InputError("an alias refers to itself", file=self._where(node))
        if depth > _DEEPEST:
            raise InputError("nested too deeply", file=self._where(node), legal=f"{_DEEPEST}")
        self.open.add(key)
        tag = self._tag(node)
        if isinstance(node, yaml.ScalarNode):
            result = _scalar(node), 1
        elif isinstance(node, yaml.SequenceNode):
            result = self._sequence(node, tag, depth)
        else:
            assert isinstance(node, yaml.MappingNode)
            result = self._mapping(node, tag, depth)
        if result[1] > _LARGEST_TREE:
            raise InputError("too many values after following aliases", file=self._where(node))
        self.open.discard(key)
        self.done[key] = result
        return result

    def _tag(self, node: yaml.Node) -> str:
        tag = node.tag
        if tag in _STANDARD_TAGS:
            return ""
        if tag not in TAGS:
            shown = tag.replace(_STANDARD, "!!")
            raise InputError(f"unknown tag {shown}", file=self._where(node), legal=TAGS)
        if tag != "!Nothing" and not isinstance(node, yaml.MappingNode):
            raise InputError(f"{tag} must stand before a mapping", file=self._where(node))
        return str(tag)

    def _sequence(self, node: yaml.SequenceNode, tag: str, depth: int) -> tuple[YamlList, int]:
        values, size = YamlList(self.file, node.start_mark.line + 1, tag), 1
        for child in node.value:
            value, count = self._build(child, depth + 1)
            values.append(value)
            size += count
        return values, size

    def _mapping(self, node: yaml.MappingNode, tag: str, depth: int) -> tuple[YamlMap, int]:
        values, size = YamlMap(self.file, node.start_mark.line + 1, tag), 1
        merges: list[tuple[yaml.Node, bool]] = []
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None:
                raise InputError(
                    "a key must be one word (Jinja templates are not read)",
                    file=self._where(key_node),
                )
            if key in ("<<", "<<<"):
                merges.append((value_node, key == "<<<"))
                continue
            if key in values:
                first = values.lines[key].rpartition(":")[2]
                raise InputError(
                    f"key given twice, first in line {first}", file=self._where(key_node), key=key
                )
            value, count = self._build(value_node, depth + 1)
            values[key] = value
            values.lines[key] = self._where(key_node)
            size += count
        for value_node, deep in merges:
            size += self._merge(values, value_node, deep, depth)
        return values, size

    def _merge(self, values: YamlMap, node: yaml.Node, deep: bool, depth: int) -> int:
        merged, size = self._build(node, depth + 1)
        for source in merged if isinstance(merged, YamlList) else [merged]:
            if not isinstance(source, YamlMap):
                raise InputError(
                    f"<< needs a mapping or a list of mappings, got {type_name(source)}",
                    file=self._where(node),
                )
            _merge_into(values, source, deep)
        return size


def _merge_into(values: YamlMap, source: YamlMap, deep: bool) -> None:
    """Add the keys of `source` that `values` lacks; `deep` (`<<<`) merges inner values too."""
    for key, value in source.items():
        if key not in values:
            values[key] = value
            values.lines[key] = source.where(key)
        elif deep and isinstance(values[key], YamlMap) and isinstance(value, YamlMap):
            _merge_into(values[key], value, deep)
        elif deep and isinstance(values[key], YamlList) and isinstance(value, YamlList):
            combined = YamlList(values[key].file, values[key].line, values[key].tag)
            combined.extend([*values[key], *value])
            values[key] = combined


def _scalar(node: yaml.ScalarNode) -> Any:
    text: str = node.value
    if node.style in ("'", '"'):
        return Quoted(text)
    if node.style in ("|", ">"):  # block text
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text) and len(text) < 400:
        return int(text)
    if _BASED.fullmatch(text) and len(text) < 400:
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
