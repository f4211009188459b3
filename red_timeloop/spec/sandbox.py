"""Jinja2 in a sandbox whose templates end soon and stay small, whoever wrote them.

Jinja's own sandbox keeps templates from Python's internals. Beyond that every value that a template
makes is bounded when it is made, what multiplies sizes is checked before it runs, filters and
methods are those listed here, and the lines that run are counted.
"""

from __future__ import annotations

import collections.abc as abc
import sys
from types import FrameType
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

__all__ = ["Sandbox", "StepLimit"]

LARGEST_VALUE = 200_000  # characters of a text, or values in a list and the lists in it
MOST_STEPS = 500_000  # for one specification: lines of templates that run, and the work of values
_VALUES_A_STEP = 200  # characters that are written in the time of a line
_LARGEST_NUMBER = 2**64

FILTERS = (
    *("abs", "attr", "d", "default", "dictsort", "first", "float", "int", "items", "join", "last"),
    *("length", "count", "list", "lower", "map", "max", "min", "reject", "rejectattr", "replace"),
    *("reverse", "round", "select", "selectattr", "sort", "string", "sum", "title", "tojson"),
    *("capitalize", "trim", "unique", "upper", "indent"),
)
_METHODS = {
    str: (
        *("capitalize", "count", "endswith", "find", "index", "isalnum", "isalpha", "isdigit"),
        *("join", "lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace"),
        *("rfind", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith"),
        *("strip", "title", "upper"),
    ),
    dict: ("get", "items", "keys", "values"),
    list: ("count", "index"),
    tuple: ("count", "index"),
}
_REMOVED_GLOBALS = ("lipsum", "cycler", "joiner")


def _measured(value: object, seen: dict[int, int]) -> int:
    """Return how many values (characters) `value` is when written out; shared ones count again."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, dict):
        parts: abc.Iterable[object] = [*value, *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        parts = value
    else:
        return 1
    if id(value) not in seen:
        seen[id(value)] = 1 + sum(_measured(part, seen) for part in parts)
    return seen[id(value)]


def _check_product(*sizes: int) -> None:
    product = 1
    for size in sizes:
        product *= max(size, 1)
    if product > LARGEST_VALUE:
        raise SecurityError(f"a text would be larger than {LARGEST_VALUE:,} characters")


def _check_replace(text: str, old: object, new: object) -> None:
    _check_product(text.count(str(old)) + 1, len(str(new)))


def _check_join(glue: object, parts: object) -> None:
    if isinstance(parts, list | tuple | dict | str):
        _check_product(len(parts), len(str(glue)))


class _Bounding(NodeTransformer):
    """Lets every list, tuple, dict and text of a template go through `bounded` when it is made."""

    def _wrap(self, node: Any) -> nodes.Node:
        self.generic_visit(node)
        if getattr(node, "ctx", "load") != "load":
            return node  # type: ignore[no-any-return]
        return nodes.Filter(node, "bounded", [], [], None, None, lineno=node.lineno)

    visit_List = visit_Tuple = visit_Dict = _wrap  # noqa: N815 - jinja's names

    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.Node:
        text = nodes.Const(node.data, lineno=node.lineno)
        return nodes.Filter(text, "bounded", [], [], None, None, lineno=node.lineno)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        parts = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(parts, "concatenated", [], [], None, None, lineno=node.lineno)


class Sandbox(ImmutableSandboxedEnvironment):
    """Reads templates with Jinja's own syntax; what is not defined is an error."""

    intercepted_binops = frozenset(("*", "**", "+", "%", "/", "//", "-"))

    def __init__(
        self, loader: jinja2.BaseLoader, functions: abc.Mapping[str, Any], limit: StepLimit
    ) -> None:
        self.limit = limit
        super().__init__(
            loader=loader, undefined=jinja2.StrictUndefined, finalize=self.bounded, cache_size=0
        )
        plain = self.filters
        self.filters = {name: self._checked(name, plain[name]) for name in FILTERS}
        self.filters.update(bounded=self._in_template, concatenated=self._concatenated)
        for name in _REMOVED_GLOBALS:
            del self.globals[name]
        self.globals.update(functions)

    def bounded(self, value: Any) -> Any:
        """Return `value`, which is not too large.

        Raises:
            SecurityError: It is.
        """
        if isinstance(value, int) and abs(value) > _LARGEST_NUMBER:
            raise SecurityError("a number is larger than 2**64")
        size = _measured(value, {})
        if size > LARGEST_VALUE:
            raise SecurityError(f"a value is larger than {LARGEST_VALUE:,} characters")
        self.limit.take(size // _VALUES_A_STEP)
        return value

    @jinja2.pass_context  # which keeps it from being computed once, when the template is compiled
    def _in_template(self, context: Any, value: Any) -> Any:
        return self.bounded(value)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for block in tree.find_all(nodes.FilterBlock):
            raise jinja2.TemplateSyntaxError("filter blocks are not read", block.lineno)
        return _Bounding().visit(tree)  # type: ignore[no-any-return]

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute `left operator right` on what cannot grow."""
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**":
            if not numbers or abs(left) > LARGEST_VALUE or abs(right) > 64:
                most = f"{LARGEST_VALUE:,}"
                raise SecurityError(f"a power is of numbers up to {most}, to at most 64")
        elif operator == "*" and not numbers:
            raise SecurityError("only numbers are multiplied")
        elif operator == "%" and not numbers:
            raise SecurityError("only numbers have a remainder; join text with ~")
        return self.bounded(super().call_binop(context, operator, left, right))

    def wrap_str_format(self, value: Any) -> None:
        """Leave `str.format` what it is, a method that is not listed: it pads without limit."""

    def is_safe_callable(self, obj: Any) -> bool:
        """Allow the helper functions, macros, what Jinja itself gives, and harmless methods."""
        owner = getattr(obj, "__self__", None)
        for kind, names in _METHODS.items():
            if isinstance(owner, kind):
                return obj.__name__ in names
        return super().is_safe_callable(obj)

    def call(self, context: Any, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call `obj`, checking before and after that nothing grows."""
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        if isinstance(owner, str):
            self.bounded(owner)
        if isinstance(owner, str) and name == "replace" and len(args) >= 2:
            _check_replace(owner, args[0], args[1])
        if isinstance(owner, str) and name == "join" and args:
            _check_join(owner, args[0])
        return self.bounded(super().call(context, obj, *args, **kwargs))

    def _concatenated(self, parts: list[Any]) -> str:
        self.bounded(parts)
        return self.bounded("".join(str(part) for part in parts))  # type: ignore[no-any-return]

    def _checked(self, name: str, function: Any) -> Any:
        """Return the filter with its result bounded; what multiplies sizes is checked first."""
        passes = hasattr(function, "jinja_pass_arg")  # the first argument is Jinja's own

        def run(*args: Any, **kwargs: Any) -> Any:
            value, *rest = args[1:] if passes else args
            if name == "default" or name == "d":
                return function(*args, **kwargs)  # of what may be undefined
            self.bounded(value)
            if name == "replace" and len(rest) >= 2:
                _check_replace(str(value), rest[0], rest[1])
            if name == "join":
                _check_join(rest[0] if rest else kwargs.get("d", ""), value)
            if name == "indent":
                width = rest[0] if rest else kwargs.get("width", 4)
                width = len(width) if isinstance(width, str) else width
                _check_product(str(value).count("\n") + 2, width)
            return self.bounded(function(*args, **kwargs))

        if passes:
            run.jinja_pass_arg = function.jinja_pass_arg  # type: ignore[attr-defined]
        return run


class StepLimit:
    """Counts the lines of templates that run while it is entered, and ends what runs too long."""

    def __init__(self, is_template: abc.Callable[[str], bool]) -> None:
        self.left = MOST_STEPS
        self.is_template = is_template
        self.before: list[Any] = []

    def __enter__(self) -> StepLimit:
        self.before.append(sys.gettrace())
        sys.settrace(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self.before.pop())

    def _called(self, frame: FrameType, event: str, argument: object) -> Any:
        return self._stepped if self.is_template(frame.f_code.co_filename) else None

    def _stepped(self, frame: FrameType, event: str, argument: object) -> Any:
        self.take(1)
        return self._stepped

    def take(self, steps: int) -> None:
        """Count `steps`; SecurityError when none is left."""
        self.left -= steps
        if self.left < 0:
            raise SecurityError(f"the template does not end within {MOST_STEPS:,} steps")
