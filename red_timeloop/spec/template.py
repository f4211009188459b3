"""Specification files are Jinja2 templates, with the helper functions that timeloopfe gives them.

`add_to_path`, `cwd`, `include`, `include_all`, `include_text`, `path_exists`, `find_path` and
`find_paths` behave as in Accelergy's `utils/yaml.py`, which timeloopfe reads files with. What a
template may read is limited: YAML files and templates below the folder of the file that the user
named, the folder around it (`../problem_base.yaml` is how layer files share one problem), folders
that a template adds, and folders of files that the user's `jinja` data name.
"""

from __future__ import annotations

import collections.abc as abc
import glob
import os
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from red_timeloop import _yaml
from red_timeloop._yaml import YamlList, YamlMap, type_name
from red_timeloop.errors import InputError, shown

if TYPE_CHECKING:
    from red_timeloop.spec.sandbox import StepLimit

__all__ = ["Templates", "jinja_data", "says_all"]

SUFFIXES = (".yaml", ".yml", ".jinja", ".jinja2")
_MOST_FILES = 1000  # read for one specification
_MOST_TEXT = 2 * _yaml.LARGEST_FILE  # characters of them all
_LARGEST_TEXT = 4_000_000  # characters of a rendered template
_LARGEST_TEMPLATE = 200_000  # characters of a file that has templates in it
_MARKS = ("{{", "{%", "{#")
_WORTH_KEEPING = 100_000  # characters of a file whose values are kept; larger ones are read once
_NAME = re.compile(r"[A-Za-z_]\w*")


def jinja_data(settings: abc.Iterable[str]) -> dict[str, Any]:
    """Return the data of `KEY=VALUE` words: numbers and truth values as such, the rest as text.

    A number that would not be written the same again stays text (`layer=07`).

    Raises:
        InputError: A setting is not KEY=VALUE, or a value is not one of YAML.

    >>> jinja_data(["architecture=eyeriss_like", "layer=07", "bits=8"])
    {'architecture': 'eyeriss_like', 'layer': '07', 'bits': 8}
    """
    found: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not _NAME.fullmatch(key):
            raise InputError(f"got {shown(setting)}", key="--jinja", legal="KEY=VALUE")
        value: Any = text
        try:
            value = _yaml.parse(text)
        except InputError:
            value = text  # {a or the like: text that is no YAML
        if isinstance(value, int | float) and not isinstance(value, bool) and str(value) != text:
            value = text
        found[key] = str(value) if isinstance(value, str) else value
    return found


@dataclass
class Templates:
    """Reads the files of one specification.

    Attributes:
        data: What the user set.
        roots: Folders below which files may be read.
    """

    data: abc.Mapping[str, Any] = field(default_factory=dict)
    roots: list[Path] = field(default_factory=list)
    files: int = 0
    size: int = 0
    open: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)  # of templates, for the count of steps

    @cached_property
    def steps(self) -> StepLimit:
        """The steps that all templates together may take."""
        from red_timeloop.spec.sandbox import StepLimit  # jinja2 takes longer than most files

        return StepLimit(self.names.__contains__)

    def load(self, path: str | Path, tags: abc.Mapping[str, tuple[str, ...]]) -> Any:
        """Read the file `path` that the user named.

        Raises:
            InputError: It cannot be read, its template fails, or it is not YAML.
        """
        if "\0" in str(path):
            raise InputError("cannot read: a zero in its name", file=path)
        folder = _real(path).parent
        self.roots += [folder, folder.parent]
        for value in self.data.values():
            if isinstance(value, str) and "/" in value and os.path.isfile(folder / value):  # noqa: PTH113
                given = _real(folder / value).parent
                self.roots += [given, given.parent]
        return self.load_piece(str(path), [], tags)

    def load_piece(
        self, path: str, folders: list[str], tags: abc.Mapping[str, tuple[str, ...]]
    ) -> Any:
        """Read a file that a template includes and that has been checked."""
        render = _Rendering(self, path, list(folders), tags, [])
        text = render.text()
        if says_all(render.source):
            return _plain(text, path, tuple(tags.items()))
        made = _yaml.Tags(tags, render.replaced)
        return _yaml.parse(text, file=path, tags=made, lines=_lines(render.source, text))

    def read(self, path: str) -> str:
        """Return the text of a file, counting it."""
        self.files += 1
        if self.files > _MOST_FILES:
            raise InputError("too many files are included", file=path, legal=f"{_MOST_FILES}")
        text = _yaml.read_text(path)
        self.size += len(text)
        if self.size > _MOST_TEXT:
            legal = f"{_MOST_TEXT} characters in all"
            raise InputError("too much is included", file=path, legal=legal)
        return text

    def check(self, path: str) -> None:
        """Refuse a file outside of the folders that may be read, or of another kind."""
        real = _real(path)
        if not any(real.is_relative_to(root) for root in self.roots):
            legal = "files below the template's folder, the one around it, and what it adds"
            raise InputError(f"{shown(path)} lies outside", key="include", legal=legal)
        if real.suffix not in SUFFIXES:
            raise InputError(f"{shown(path)} is no YAML file", key="include", legal=SUFFIXES)


def says_all(text: str) -> bool:
    """Tell whether the values of a file follow from its text alone, and are worth keeping."""
    return len(text) < _WORTH_KEEPING and not any(each in text for each in (*_MARKS, "!include"))


@lru_cache(maxsize=32)
def _plain(text: str, path: str, tags: tuple[tuple[str, tuple[str, ...]], ...]) -> Any:
    """Return the values of a file without templates and includes, which nobody changes."""
    return _yaml.parse(text, file=path, tags=_yaml.Tags(dict(tags)))


class _Rendering:
    """One file: its template's functions, and the values that it includes."""

    def __init__(
        self,
        templates: Templates,
        path: str,
        folders: list[str],
        tags: abc.Mapping[str, tuple[str, ...]],
        included: list[Any],
    ) -> None:
        self.templates, self.path, self.folders, self.tags = templates, path, folders, tags
        self.folder = str(_real(path).parent)
        self.included = included
        self.source = ""
        self.replaced = {
            "!include_loaded": self._loaded,
            "!include": lambda word, where: self._beside([word.rstrip(",")]),
            "!includedir": lambda word, where: self._beside_all(word.rstrip(",")),
        }

    def text(self) -> str:
        """Return the file's text, rendered where it is a template."""
        real = str(_real(self.path))
        if real in self.templates.open:
            raise InputError(f"{self.path} includes itself")
        self.source = self.templates.read(self.path)
        if not any(mark in self.source for mark in _MARKS):
            return self.source
        if len(self.source) > _LARGEST_TEMPLATE:
            size = f"{len(self.source)} characters"
            raise InputError(
                f"the template is too large: {size}",
                file=self.path,
                legal=f"up to {_LARGEST_TEMPLATE}",
            )
        self.templates.open.append(real)
        self.templates.names.add(self.path)
        try:
            with self.templates.steps:
                return self._rendered()
        except InputError as error:
            raise error.located(file=self._at(error)) from error.__cause__
        except (RecursionError, MemoryError, SyntaxError) as error:
            raise InputError("template: nested too deeply", file=self._at(error)) from error
        except Exception as error:  # whatever an expression of the template can raise
            raise InputError(f"template: {_reason(error)}", file=self._at(error)) from error
        finally:
            self.templates.open.pop()

    def _rendered(self) -> str:
        from jinja2 import FunctionLoader

        from red_timeloop.spec.sandbox import Sandbox

        loader = FunctionLoader(self._source)
        sandbox = Sandbox(loader, self._functions(), self.templates.steps)
        pieces, size = [], 0
        for piece in sandbox.get_template(self.path).generate(self.templates.data):
            pieces.append(piece)
            size += len(piece)
            if size > _LARGEST_TEXT:
                raise InputError(f"the text is larger than {_LARGEST_TEXT:,} characters")
        return "".join(pieces)

    def _at(self, error: Any) -> str:
        """Return file and line of the innermost template that `error` came through."""
        if getattr(error, "lineno", None) is not None:  # jinja's own about syntax
            return f"{getattr(error, 'filename', None) or self.path}:{error.lineno}"
        found, trace = self.path, error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename in self.templates.names:
                found = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
            trace = trace.tb_next
        return found

    def _source(self, name: str) -> tuple[str, str, abc.Callable[[], bool]]:
        """Return a template for jinja: the file itself, or what it `{% include %}`s."""
        if name == self.path:
            return self.source, self.path, lambda: True
        path = str(Path(self.folder) / name)
        self.templates.check(path)
        self.templates.names.add(path)
        return self.templates.read(path), path, lambda: True

    def _functions(self) -> dict[str, Any]:
        return {
            "cwd": lambda: self.folder,
            "add_to_path": self._add_to_path,
            "find_path": self._find_path,
            "find_paths": self._find_paths,
            "path_exists": self._path_exists,
            "include": lambda path, key="": self._include(path, key, single=True),
            "include_all": lambda path, key="": self._include(path, key, single=False),
            "include_text": self._include_text,
            "setenv": self._setenv,
        }

    def _candidates(self, path: object) -> list[str]:
        if not isinstance(path, str):
            raise InputError(f"a path is {shown(path)}", legal="text")
        if "\0" in path:
            raise InputError(f"a path is {shown(path)}", legal="text without zeros")
        starts = [""] if os.path.isabs(path) else [self.folder, *self.folders]  # noqa: PTH117
        return [os.path.normpath(os.path.join(start, path)) for start in starts]  # noqa: PTH118

    def _within(self, path: str) -> bool:
        fixed = Path(re.split(r"[*?\[]", path)[0])
        real = _real(fixed)
        return any(real.is_relative_to(root) for root in self.templates.roots)

    def _missing(self, path: object, searched: list[str]) -> InputError:
        return InputError(f"no file {shown(path)} in any of {', '.join(searched)}")

    def _find_paths(self, path: object) -> list[str]:
        if isinstance(path, list):
            return list(dict.fromkeys(p for each in path for p in self._find_paths(each)))
        found: list[str] = []
        searched = self._candidates(path)
        for candidate in searched:
            if self._within(candidate):
                found += sorted(glob.glob(candidate))  # noqa: PTH207
            elif os.path.exists(candidate):  # noqa: PTH110
                self.templates.check(candidate)
        if not found:
            raise self._missing(path, searched)
        return list(dict.fromkeys(str(_real(each)) for each in found))

    def _find_path(self, path: object) -> str:
        searched = self._candidates(path)
        for candidate in searched:
            if os.path.exists(candidate):  # noqa: PTH110 - no error for what is no path
                return str(_real(candidate))
        raise self._missing(path, searched)

    def _path_exists(self, path: object) -> bool:
        return any(os.path.exists(each) for each in self._candidates(path))  # noqa: PTH110

    def _add_to_path(self, path: object) -> str:
        folders = path if isinstance(path, list) else [path]
        for folder in folders:
            found = self._find_path(folder)
            self.folders.append(found)
            self.templates.roots.append(Path(found))
        return ""

    def _include(self, path: object, key: object, *, single: bool) -> str:
        if not isinstance(key, str):
            raise InputError(f"the key to include is {shown(key)}", legal="text")
        paths = self._find_paths(path)
        if single and len(paths) > 1:
            raise InputError(f"{len(paths)} files are {shown(path)}", legal="include_all")
        self.included.append(self._beside(paths) if single else self._all(paths))
        return f"!include_loaded {len(self.included) - 1}.{key.lstrip('.')}".rstrip(".")

    def _all(self, paths: list[str]) -> Any:
        values = YamlList(self.path)
        for path in paths:
            values.append(self._beside([path]))
            values.size += getattr(values[-1], "size", 1)
        values.tag = "!all" if len(values) > 1 else ""
        return values if len(values) > 1 else values[0]

    def _beside(self, paths: list[str]) -> Any:
        path = str(Path(self.folder) / paths[0])
        self.templates.check(path)
        return self.templates.load_piece(path, self.folders, self.tags)

    def _beside_all(self, folder: str) -> Any:
        return self._all(self._find_paths(f"{folder}/*.yaml"))

    def _include_text(self, path: object) -> str:
        texts = []
        for found in self._find_paths(path):
            self.templates.check(found)
            inner = _Rendering(self.templates, found, self.folders, self.tags, self.included)
            texts.append(inner.text())
        return "\n".join(texts)

    def _setenv(self, *_: object) -> str:
        raise InputError(
            "setenv is not read", legal="globals.environment_variables, or the shell's environment"
        )

    def _loaded(self, word: str, where: str) -> Any:
        """Return what `include` put aside; `word` is its number and keys with dots between."""
        number, *keys = word.split(".")
        if not number.isdecimal() or int(number) >= len(self.included):
            raise InputError(f"unknown tag !include_loaded {number}", file=where)
        found = self.included[int(number)]
        for key in keys:
            found = _member(found, key, where)
        if isinstance(found, YamlList) and found.tag == "!all":
            members = YamlList(found.file, found.line)
            members.extend(found)
            members.size = found.size
            return members
        return found


def _real(path: str | Path) -> Path:
    """Return the path without links; a link that leads to itself is left as it is."""
    return Path(os.path.realpath(path))


def _lines(source: str, text: str) -> list[int] | None:
    """Return, for each line of a rendered text, the line of the template that it comes from.

    A line that stands in the template is that one, the next or, in a loop, an earlier one; others
    are of the line with braces that follows the last known one, or of that one itself.
    """
    if text is source or text.count("\n") == source.rstrip("\n").count("\n"):
        return None
    written = source.split("\n")
    places: dict[str, list[int]] = {}
    for number, line in enumerate(written):
        places.setdefault(line, []).append(number)
    found, last = [], -1
    for line in text.split("\n"):
        known = places.get(line, ()) if line.strip() else ()
        later = known[bisect_right(known, last) :] if known else ()
        if later:
            last = later[0]
        elif known:
            last = known[0]
        elif last + 1 < len(written) and any(mark in written[last + 1] for mark in _MARKS):
            last += 1
        found.append(max(last, 0) + 1)
    return found


def _member(found: Any, key: str, where: str) -> Any:
    if isinstance(found, YamlList) and found.tag == "!all":
        members = YamlList(found.file, found.line, "!all")
        for each in found:
            members.append(_member(each, key, where))
            members.size += getattr(members[-1], "size", 1)
        return members
    if not isinstance(found, YamlMap):
        raise InputError(f"no key {key!r} in {type_name(found)} that is included", file=where)
    if key not in found:
        raise InputError(f"no key {key!r} in {found.file}", file=where, legal=list(found))
    return found[key]


def _reason(error: Exception) -> str:
    text = getattr(error, "message", None) or str(error)
    return text or type(error).__name__
