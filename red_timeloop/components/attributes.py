"""The attributes of a component: the typed fields of its class, each with what is legal."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from red_timeloop.errors import InputError, shown

__all__ = ["Attribute", "attributes_of", "one_of", "within"]

_ANY_SIZE = (1.0, 1e18)  # of a number whose field names no range: counts of bits, rows, crossbars
_TYPES = (int, float, str)


def within(low: float, high: float) -> Mapping[str, Any]:
    """Return the metadata of a field whose legal values are the numbers from `low` to `high`.

    >>> @dataclass(frozen=True)
    ... class Gate:
    ...     inputs: int = dataclasses.field(default=2, metadata=within(2, 4))
    >>> attributes_of(Gate)["inputs"].legal
    '2 .. 4'
    """
    return {"range": (low, high)}


def one_of(*choices: str) -> Mapping[str, Any]:
    """Return the metadata of a field whose legal values are these words."""
    return {"choices": choices}


@dataclass(frozen=True)
class Attribute:
    """One attribute of a component.

    Attributes:
        name: Its name in the architecture.
        kind: `int`, `float` or `str`.
        default: The value where none is given; `dataclasses.MISSING` where one must be.
        range: The least and the largest legal number.
        choices: The legal words; none for any.
    """

    name: str
    kind: type
    default: Any
    range: tuple[float, float]
    choices: tuple[str, ...] = ()

    @property
    def needed(self) -> bool:
        """Whether a value must be given."""
        return self.default is dataclasses.MISSING

    @property
    def legal(self) -> str:
        """The legal values, in words."""
        if self.kind is str:
            return ", ".join(self.choices) or "text"
        low, high = self.range
        return f"{low:g} .. {high:g}"

    def convert(self, value: Any) -> int | float | str:
        """Return a value in this attribute's type.

        Raises:
            InputError: It is of another type, out of range or none of the choices.
        """
        if self.kind is str:
            if self.choices and value not in self.choices:
                raise InputError(f"unknown value {value!r}", key=self.name, legal=self.legal)
            return str(value)
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise self._refused(f"not a number: {value!r}") from None
        low, high = self.range
        if isinstance(value, bool) or not low <= number <= high:
            raise self._refused(f"out of range: {value!r}")
        if self.kind is float:
            return number
        if number != int(number):
            raise self._refused(f"not a whole number: {value!r}")
        return int(number)

    def _refused(self, message: str) -> InputError:
        return InputError(message, key=self.name, legal=self.legal)


def attributes_of(kind: type) -> Mapping[str, Attribute]:
    """Return the attributes of a component's class by name, in order.

    Raises:
        InputError: The type of a field is unknown or not one that an architecture's value can
            have.
    """
    return _attributes(kind)


@lru_cache(maxsize=256)
def _attributes(kind: Any) -> Mapping[str, Attribute]:
    try:
        hints = typing.get_type_hints(kind)
    except (NameError, TypeError, SyntaxError) as error:
        raise InputError(f"{kind.__name__}: a type is not known: {error}", legal=_LEGAL) from None
    fields = (f for f in dataclasses.fields(kind) if f.name != "circuit" and f.init)
    return types.MappingProxyType({f.name: _attribute(kind, f, hints[f.name]) for f in fields})


_LEGAL = "int, float or str, each perhaps with None"


def _attribute(kind: type[Any], field: dataclasses.Field[Any], hint: Any) -> Attribute:
    union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    wanted = set(typing.get_args(hint) if union else (hint,)) - {type(None)}
    if len(wanted) != 1 or not wanted <= set(_TYPES):
        raise InputError(
            f"{kind.__name__}: attribute {field.name!r} has the type {shown(hint)}", legal=_LEGAL
        )
    default = field.default
    if field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    return Attribute(
        field.name,
        wanted.pop(),
        default,
        field.metadata.get("range", _ANY_SIZE),
        field.metadata.get("choices", ()),
    )
