"""Arithmetic in YAML values, evaluated by walking the syntax tree; nothing is ever executed.

Legal are numbers, names of variables and attributes, `+ - * / // % **`, brackets and calls of the
functions in `FUNCTIONS`, a subset of what Accelergy allows. Integers are exact up to 1024 bits and
`**` is refused before it could exceed that, so that no expression can take long.
"""

from __future__ import annotations

import ast
import collections.abc as abc
import math
import operator
from typing import Any

from red_timeloop.errors import InputError
from red_timeloop.spec.types import Value

__all__ = ["FUNCTIONS", "NodeName", "evaluate"]

_LONGEST = 1000  # characters
_MOST_NODES = 300
_MOST_BITS = 1024  # of an integer; a float ends there too

FUNCTIONS: dict[str, abc.Callable[..., Any]] = {
    "abs": abs,
    "ceil": math.ceil,
    "exp": math.exp,
    "float": float,
    "floor": math.floor,
    "int": int,
    "log": math.log,
    "log10": math.log10,
    "log2": math.log2,
    "max": max,
    "min": min,
    "pow": pow,
    "round": round,
    "sqrt": math.sqrt,
}
_OPERATORS: dict[type[ast.AST], abc.Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: pow,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}


class NodeName:
    """The value of a name that a node of the architecture has: no expression can use it.

    timeloopfe puts the nodes where the variables are, so a variable of the same name is lost.
    """


_LEGAL = "numbers, names, + - * / // % ** and calls of " + ", ".join(FUNCTIONS)


def evaluate(
    text: str,
    names: abc.Mapping[str, object],
    *,
    file: str | None = None,
    key: str | None = None,
) -> Value:
    """Return the value of the expression `text` over `names`.

    A text that is just one name may have any value; in arithmetic the names must be numbers.

    Raises:
        InputError: `text` is no expression, uses something that is not legal, a name that is not
            defined or no number, divides by zero, or grows too large; names file and key.

    >>> evaluate("ceil(channels / rows) * 2", {"channels": 513, "rows": 128})
    10
    """
    shown = text if len(text) <= 80 else text[:77] + "..."

    def fail(message: str, legal: str | None = None) -> InputError:
        return InputError(f"expression {shown!r}: {message}", file=file, key=key, legal=legal)

    if len(text) > _LONGEST:
        raise fail(f"too long ({len(text)} characters)", f"at most {_LONGEST}")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise fail('not arithmetic; quote it if it is text, as in "32nm"', _LEGAL) from None
    if sum(1 for _ in ast.walk(tree)) > _MOST_NODES:
        raise fail("too many terms", f"at most {_MOST_NODES} parts")
    if isinstance(tree.body, ast.Name):
        named: Value = _name(tree.body.id, names, fail)
        return named
    try:
        result: Value = _number(tree.body, names, fail)
    except ZeroDivisionError:
        raise fail("division by zero") from None
    except OverflowError:
        raise fail("a number is too large") from None
    except (ValueError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise fail(str(error)) from None
    return result


def _name(name: str, names: abc.Mapping[str, object], fail: abc.Callable[..., InputError]) -> Any:
    if name in names:
        if isinstance(names[name], NodeName):
            raise fail(
                f"{name!r} is the name of a node, which hides a variable of that name",
                "another name for the variable",
            )
        return names[name]
    if name in FUNCTIONS:
        raise fail(f"the function {name} needs arguments in brackets")
    legal = ", ".join(sorted(names)) or "none defined"
    raise fail(f"the name {name!r} is not defined; quote it if it is text", legal)


def _number(
    node: ast.expr, names: abc.Mapping[str, object], fail: abc.Callable[..., InputError]
) -> Any:
    if isinstance(node, ast.Constant):
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise fail(f"{ast.unparse(node)} is not a number", _LEGAL)
        return _bounded(value, fail)
    if isinstance(node, ast.Name):
        value = _name(node.id, names, fail)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise fail(f"the value {value!r} of {node.id} is not a number")
        return value
    if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_number(node.operand, names, fail))
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _number(node.left, names, fail), _number(node.right, names, fail)
        if isinstance(node.op, ast.Pow):
            return _power(left, right, fail)
        return _bounded(_OPERATORS[type(node.op)](left, right), fail)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return _call(node.func.id, [_number(each, names, fail) for each in node.args], fail)
    raise fail(f"{ast.unparse(node)!r} is not allowed", _LEGAL)


def _call(name: str, arguments: list[Any], fail: abc.Callable[..., InputError]) -> Any:
    if name not in FUNCTIONS:
        raise fail(f"the function {name!r} is not allowed", ", ".join(FUNCTIONS))
    if name == "pow" and len(arguments) == 2:
        return _power(arguments[0], arguments[1], fail)
    if name in ("min", "max") and len(arguments) < 2:
        raise fail(f"{name} needs two arguments or more")
    if name in ("pow", "int", "float") and len(arguments) != (2 if name == "pow" else 1):
        raise fail(f"{name} got {len(arguments)} arguments")
    return _bounded(FUNCTIONS[name](*arguments), fail)


def _power(base: Any, exponent: Any, fail: abc.Callable[..., InputError]) -> Any:
    whole = isinstance(base, int) and isinstance(exponent, int) and abs(base) > 1
    if whole and math.log2(abs(base)) * abs(exponent) > _MOST_BITS:
        raise fail(f"{base} ** {exponent} is too large", f"at most {_MOST_BITS} bits")
    result = base**exponent
    if isinstance(result, complex):
        raise fail("the result is not a real number")
    return _bounded(result, fail)


def _bounded(value: Any, fail: abc.Callable[..., InputError]) -> Any:
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise fail("a number is too large", f"at most {_MOST_BITS} bits")
    if isinstance(value, float) and not math.isfinite(value):
        raise fail("a number is too large")
    return value
