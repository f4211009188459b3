"""Arithmetic in YAML values, evaluated by walking the syntax tree; nothing is ever executed.

Legal are numbers, text, lists, names of variables and attributes, members of nodes that stand
before (`buffer.attributes["depth"]`, `row.spatial.meshX`, `row.get_fanout()`), `variables.get(name,
default)`, `+ - * / // % **`, comparisons, `and or not`, `a if b else c`, brackets and calls of the
functions in `FUNCTIONS`, which are those of Accelergy that give a value. Integers are exact up to
1024 bits, texts and lists end at 10000 items, and what could exceed that is refused before it is
computed, so that no expression can take long.
"""

from __future__ import annotations

import ast
import collections.abc as abc
import math
import operator
from functools import lru_cache
from keyword import iskeyword
from typing import Any

from red_timeloop.errors import InputError, shown
from red_timeloop.spec.types import Value

__all__ = ["CONSTANTS", "FUNCTIONS", "NodeName", "evaluate", "parsed"]

_LONGEST = 1000  # characters
_MOST_NODES = 300
_MOST_BITS = 1024  # of an integer; a float ends there too
_MOST_ITEMS = 10_000  # of a text or a list, those of lists in it included
_MOST_DIGITS = 400  # that round() counts
_LARGEST_FACTORIAL = 170  # the last that a float can hold

FUNCTIONS: dict[str, abc.Callable[..., Any]] = {
    **{
        name: getattr(math, name)
        for name in (
            *("acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "comb"),
            *("copysign", "cos", "cosh", "degrees", "dist", "erf", "erfc", "exp", "expm1", "fabs"),
            *("factorial", "floor", "fmod", "fsum", "gamma", "gcd", "hypot", "isclose"),
            *("isfinite", "isinf", "isnan", "isqrt", "ldexp", "lgamma", "log", "log10", "log1p"),
            *("log2", "perm", "prod", "radians", "remainder", "sin", "sinh", "sqrt", "tan"),
            *("tanh", "trunc"),
        )
    },
    "abs": abs,
    "bool": bool,
    "float": float,
    "int": int,
    "len": len,
    "list": tuple,
    "max": max,
    "min": min,
    "pow": pow,
    "range": range,
    "round": round,
    "str": str,
    "sum": sum,
    "tuple": tuple,
}
CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau, "inf": math.inf}
# functions that take text, lists or truth values beside numbers
_OF_ANYTHING = ("bool", "float", "int", "len", "list", "str", "tuple")
_OF_LISTS = ("dist", "fsum", "max", "min", "prod", "sum")
_NUMBERS = (float, int)
_ARGUMENTS = {"bool": 1, "float": 1, "int": 1, "len": 1, "list": 1, "pow": 2, "str": 1, "tuple": 1}
_OPERATORS: dict[type[ast.AST], abc.Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
_COMPARISONS: dict[type[ast.cmpop], abc.Callable[..., Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda item, items: item in items,
    ast.NotIn: lambda item, items: item not in items,
}


class NodeName:
    """The value of a name that a node of the architecture has: only its members can be used.

    timeloopfe puts the nodes where the variables are, so a variable of the same name is lost.

    Attributes:
        members: What a node that stands before has: `attributes` and `spatial`, evaluated.
    """

    def __init__(self) -> None:
        self.members: abc.Mapping[str, Any] = {}


_LEGAL = (
    "numbers, names, lists, + - * / // % **, comparisons, a if b else c and calls of "
    + ", ".join(sorted(FUNCTIONS))
)


def evaluate(
    text: str,
    names: abc.Mapping[str, object],
    *,
    file: str | None = None,
    key: str | None = None,
) -> Value:
    """Return the value of the expression `text` over `names`; lists are tuples.

    A text that is just one name may have any value; in arithmetic the names must be numbers.

    Raises:
        InputError: `text` is no expression, uses something that is not legal, a name that is not
            defined or no number, divides by zero, or grows too large; names file and key.

    >>> evaluate("ceil(channels / rows) * 2", {"channels": 513, "rows": 128})
    10
    """
    value = names.get(text)
    if type(value) in _NUMBERS and text.isascii() and text.isidentifier() and not iskeyword(text):
        return value  # type: ignore[return-value] # the name of a number, as most texts are
    found = _Evaluation(text, names, file, key)
    try:
        return found.result()
    except ZeroDivisionError:
        raise found.fail("division by zero") from None
    except OverflowError:
        raise found.fail("a number is too large") from None
    except InputError:
        raise
    except (ValueError, TypeError, IndexError) as error:
        raise found.fail(str(error)) from None


@lru_cache(maxsize=512)
def parsed(text: str) -> tuple[ast.Expression, int]:
    """Return the tree of an expression and its nodes; each layer asks for the same few."""
    tree = ast.parse(text, mode="eval")
    return tree, sum(1 for _ in ast.walk(tree))


class _Evaluation:
    """One expression and the names that it may use."""

    def __init__(
        self, text: str, names: abc.Mapping[str, object], file: str | None, key: str | None
    ) -> None:
        self.text, self.names, self.file, self.key = text, names, file, key

    def fail(self, message: str, legal: str | None = None) -> InputError:
        text = f"expression {shown(self.text)}: {message}"
        return InputError(text, file=self.file, key=self.key, legal=legal)

    def result(self) -> Value:
        if len(self.text) > _LONGEST:
            raise self.fail(f"too long ({len(self.text)} characters)", f"at most {_LONGEST}")
        try:
            tree, nodes = parsed(self.text.strip())
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise self.fail(
                'not arithmetic; quote it if it is text, as in "32nm"', _LEGAL
            ) from None
        if nodes > _MOST_NODES:
            raise self.fail("too many terms", f"at most {_MOST_NODES} parts")
        value = self._value(tree.body)
        if isinstance(value, NodeName):
            raise self.fail(
                f"{ast.unparse(tree.body)!r} is the name of a node, which hides a variable of that"
                " name",
                "another name for the variable, or a member of the node",
            )
        if isinstance(value, abc.Mapping):
            raise self.fail("the value is a mapping", "one member of it")
        return value  # type: ignore[no-any-return]

    def _value(self, node: ast.expr) -> Any:
        """Return the value of any legal expression."""
        if isinstance(node, ast.Constant):
            return self._constant(node)
        if isinstance(node, ast.Name):
            return self._name(node.id)
        if isinstance(node, ast.Attribute):
            return self._member(self._value(node.value), node.attr, node)
        if isinstance(node, ast.Subscript):
            return self._item(node)
        if isinstance(node, ast.List | ast.Tuple):
            return self._bounded(tuple(self._value(each) for each in node.elts))
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.IfExp):
            return self._value(node.body if self._value(node.test) else node.orelse)
        if isinstance(node, ast.Compare):
            return self._comparison(node)
        if isinstance(node, ast.BoolOp):
            return self._choice(node)
        return self._arithmetic(node)

    def _constant(self, node: ast.Constant) -> Any:
        value = node.value
        if not isinstance(value, bool | int | float | str):
            raise self.fail(f"{ast.unparse(node)} is not a number", _LEGAL)
        return self._bounded(value)

    def _name(self, name: str) -> Any:
        if name in ("variables", "spec") and isinstance(self.names.get(name, {}), abc.Mapping):
            return self._sections(name)
        if name in self.names:
            return self.names[name]
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name in FUNCTIONS:
            raise self.fail(f"the function {name} needs arguments in brackets")
        legal = ", ".join(sorted(self.names)) or "none defined"
        raise self.fail(f"the name {name!r} is not defined; quote it if it is text", legal)

    def _sections(self, name: str) -> abc.Mapping[str, object]:
        """Return what timeloopfe calls `variables` and `spec`."""
        hidden = (NodeName, abc.Mapping)
        known = {key: each for key, each in self.names.items() if not isinstance(each, hidden)}
        given = self.names.get("spec", {})
        assert isinstance(given, abc.Mapping)
        return known if name == "variables" else {**given, "variables": known}

    def _member(self, value: Any, name: object, node: ast.expr) -> Any:
        if isinstance(value, NodeName):
            value = value.members
            if not value:
                raise self.fail(f"{ast.unparse(node)!r} is of a node that does not stand before")
        if not isinstance(value, abc.Mapping):
            raise self.fail(f"{ast.unparse(node)!r} is not allowed", _LEGAL)
        if name not in value:
            legal = ", ".join(map(str, value)) or "none defined"
            raise self.fail(f"{ast.unparse(node)!r} is not defined", legal)
        return value[name]

    def _item(self, node: ast.Subscript) -> Any:
        if isinstance(node.slice, ast.Slice):
            raise self.fail(f"{ast.unparse(node)!r} is not allowed", _LEGAL)
        value, index = self._value(node.value), self._value(node.slice)
        if isinstance(value, tuple | str):
            if isinstance(index, bool) or not isinstance(index, int):
                raise self.fail(f"{shown(index)} is no position", "a whole number")
            return value[index]
        return self._member(value, index, node)

    def _comparison(self, node: ast.Compare) -> bool:
        left = self._value(node.left)
        for sign, each in zip(node.ops, node.comparators, strict=True):
            right = self._value(each)
            if type(sign) not in _COMPARISONS:
                raise self.fail(f"{ast.unparse(node)!r} is not allowed", _LEGAL)
            if not _COMPARISONS[type(sign)](left, right):
                return False
            left = right
        return True

    def _choice(self, node: ast.BoolOp) -> Any:
        value: Any = None
        for each in node.values:
            value = self._value(each)
            if bool(value) == isinstance(node.op, ast.Or):
                break
        return value

    def _arithmetic(self, node: ast.expr) -> Any:
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return not self._value(node.operand)
        if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](self._number(node.operand))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            return self._power(self._number(node.left), self._number(node.right))
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            left, right = self._value(node.left), self._value(node.right)
            listed = self._of_lists(node.op, left, right)
            if listed is not None:
                return listed
            numbers = self._checked(left, node.left), self._checked(right, node.right)
            return self._bounded(_OPERATORS[type(node.op)](*numbers))
        raise self.fail(f"{ast.unparse(node)!r} is not allowed", _LEGAL)

    def _of_lists(self, sign: ast.operator, left: Any, right: Any) -> Any:
        """Return a sum of texts or lists, or a repeated list; None for other values."""
        if (
            isinstance(sign, ast.Add)
            and isinstance(left, str | tuple)
            and type(left) is type(right)
        ):
            return self._bounded(operator.add(left, right))
        if isinstance(sign, ast.Mult) and isinstance(left, tuple) and type(right) is int:
            if max(len(left), 1) * right > _MOST_ITEMS:
                raise self.fail("a list is too long", f"at most {_MOST_ITEMS} items")
            return self._bounded(left * right)
        return None

    def _number(self, node: ast.expr) -> Any:
        return self._checked(self._value(node), node)

    def _checked(self, value: Any, node: ast.expr) -> Any:
        if isinstance(value, NodeName):
            raise self.fail(
                f"{ast.unparse(node)!r} is the name of a node, which hides a variable of that name",
                "another name for the variable",
            )
        if isinstance(value, bool) or not isinstance(value, int | float):
            named = f"the value {shown(value)} of " if isinstance(node, ast.Name) else ""
            raise self.fail(f"{named}{ast.unparse(node)} is not a number")
        return value

    def _call(self, node: ast.Call) -> Any:
        if node.keywords or any(isinstance(each, ast.Starred) for each in node.args):
            raise self.fail(f"{ast.unparse(node)!r} is not allowed", _LEGAL)
        if isinstance(node.func, ast.Attribute):
            return self._method(node, node.func)
        if not isinstance(node.func, ast.Name):
            raise self.fail(f"{ast.unparse(node)!r} is not allowed", _LEGAL)
        name = node.func.id
        if name not in FUNCTIONS:
            raise self.fail(f"the function {name!r} is not allowed", ", ".join(sorted(FUNCTIONS)))
        values = [self._value(each) for each in node.args]
        if name not in _OF_ANYTHING and not (
            name in _OF_LISTS and all(isinstance(each, tuple) for each in values)
        ):
            values = [self._checked(v, each) for v, each in zip(values, node.args, strict=True)]
        if len(values) != _ARGUMENTS.get(name, len(values)):
            raise self.fail(f"{name} got {len(values)} arguments")
        if name in ("min", "max") and len(values) < 2 and not isinstance(values[0], tuple):
            raise self.fail(f"{name} needs two arguments or more")
        return self._apply(name, values)

    def _method(self, node: ast.Call, function: ast.Attribute) -> Any:
        value = self._value(function.value)
        if function.attr == "get_fanout" and isinstance(value, NodeName) and not node.args:
            spatial = self._member(value, "spatial", node)
            return spatial["meshX"] * spatial["meshY"]
        if function.attr == "get" and isinstance(value, abc.Mapping) and 1 <= len(node.args) <= 2:
            arguments = [self._value(each) for each in node.args]
            if isinstance(arguments[0], str):
                return value.get(*arguments)
        raise self.fail(f"{ast.unparse(node)!r} is not allowed", _LEGAL)

    def _apply(self, name: str, values: list[Any]) -> Any:
        """Call a function, after looking at what it would take."""
        if name == "pow":
            return self._power(*values)
        if name in ("factorial", "comb", "perm"):
            self._check(max(values, default=0), _LARGEST_FACTORIAL, name)
        if name == "round" and len(values) > 1:
            self._check(abs(values[1]), _MOST_DIGITS, "the digits of round")
        if name == "ldexp" and len(values) > 1:
            self._check(abs(values[1]), 10 * _MOST_BITS, "the exponent of ldexp")
        if name == "range" and values:
            self._check(max(abs(each) for each in values), _MOST_ITEMS, name)
        if name == "prod" and values:
            product: Any = 1
            for each in values[0]:
                product = self._bounded(product * self._checked(each, ast.Name("prod")))
            return product
        if name == "str" and isinstance(values[0], NodeName | abc.Mapping):
            raise self.fail("no text is made of a node")
        result = FUNCTIONS[name](*values)
        return self._bounded(tuple(result) if isinstance(result, range) else result)

    def _check(self, value: Any, most: int, what: str) -> None:
        if value > most:
            raise self.fail(f"{what} is too large: {shown(value)}", f"up to {most}")

    def _power(self, base: Any, exponent: Any) -> Any:
        whole = isinstance(base, int) and isinstance(exponent, int) and abs(base) > 1
        if whole and math.log2(abs(base)) * abs(exponent) > _MOST_BITS:
            raise self.fail(f"{base} ** {exponent} is too large", f"at most {_MOST_BITS} bits")
        result = base**exponent
        if isinstance(result, complex):
            raise self.fail("the result is not a real number")
        return self._bounded(result)

    def _bounded(self, value: Any) -> Any:
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            raise self.fail("a number is too large", f"at most {_MOST_BITS} bits")
        if isinstance(value, float) and not math.isfinite(value):
            raise self.fail("a number is too large")
        if isinstance(value, str | tuple) and _items(value) > _MOST_ITEMS:
            raise self.fail("a text or list is too long", f"at most {_MOST_ITEMS} items")
        return value


def _items(value: Any) -> int:
    """Return how many items a text or list has, those of lists in it included."""
    if not isinstance(value, tuple):
        return len(value) if isinstance(value, str) else 1
    return len(value) + sum(_items(each) for each in value if isinstance(each, tuple | str))
