"""Reading plain YAML that somebody else may have written, with one kind of error for all of it.

Timeloop's own files have scalars and tags of their own: see `red_timeloop.spec.loader`.
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from red_timeloop.errors import InputError

__all__ = ["load", "parse"]

_LARGEST_FILE = 16 * 2**20  # bytes; the largest network of the zoo takes 0.03 MB


class _Loader(yaml.SafeLoader):
    """Plain YAML in which a key given twice is an error, not the last one's victory.

    Not the faster CSafeLoader: a deeply nested file overflows its stack and ends the process.
    """

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be one word", key.start_mark
                )
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key.value!r} is given twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def flatten_mapping(self, node: Any) -> None:
        """Merge `<<`, each key once: merges of merges would grow without end."""
        super().flatten_mapping(node)
        last = {key.value: (key, value) for key, value in node.value if _is_word(key)}
        node.value = [pair for pair in node.value if not _is_word(pair[0])] + list(last.values())


def _is_word(key: Any) -> bool:
    return isinstance(key, yaml.ScalarNode)


def load(path: Path) -> object:
    """Read the YAML file `path`.

    Raises:
        InputError: It cannot be read, is too large, not UTF-8 or not YAML, has a key twice, or is
            nested too deeply; names the file, and the line where there is one.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InputError("the file is too large", file=path, legal="up to 16 MiB")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read: {error.strerror}", file=path) from error
    except UnicodeDecodeError:
        raise InputError("not a text file", file=path, legal="YAML in UTF-8") from None
    return parse(text, file=path)


def parse(text: str, *, file: Path | None = None) -> object:
    """Read YAML text; see `load`.

    >>> parse("{base: &b {rows: 128, fold: 1}, mine: {<<: *b, fold: 2}}")["mine"]
    {'rows': 128, 'fold': 2}
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}" if mark is not None else None
        problem = getattr(error, "problem", None) or str(error)
        raise InputError(f"not valid YAML: {problem}", file=file, key=line) from None
    except RecursionError:
        raise InputError("nested too deeply", file=file) from None
    except ValueError as error:  # a timestamp or a number that cannot be
        raise InputError(f"not valid YAML: {error}", file=file) from None
