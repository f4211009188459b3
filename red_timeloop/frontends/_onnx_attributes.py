"""Reads attributes of ONNX nodes: each has its type, its number of values and its range."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from red_timeloop.errors import InputError, shown

__all__ = ["Attributes"]

_MOST = 2**31 - 1  # of a size; the attributes themselves are 64-bit integers
# type of an attribute -> the field that holds its value, and what it is called
_TYPES = {
    "FLOAT": ("f", "a float"),
    "INT": ("i", "an integer"),
    "STRING": ("s", "text"),
    "FLOATS": ("floats", "a list of floats"),
    "INTS": ("ints", "a list of integers"),
    "STRINGS": ("strings", "a list of texts"),
}


class Attributes:
    """The attributes of a node.

    Every method raises an InputError that names the attribute, what was found and what is legal.
    """

    def __init__(self, onnx: Any, node: Any) -> None:
        self._types = onnx.AttributeProto.AttributeType
        self._found: dict[str, Any] = {}
        self._twice: set[str] = set()
        for attribute in node.attribute:
            if attribute.name in self._found:
                self._twice.add(attribute.name)
            self._found[attribute.name] = attribute

    def integer(self, key: str, default: int, least: int = -(2**63), most: int = 2**63) -> int:
        """Return an integer from `least` to `most`."""
        value = self._value(key, "INT", f"an integer from {least} to {most}")
        return default if value is None else self._within(key, [value], least, most)[0]

    def integers(
        self, key: str, count: int | Collection[int], least: int, most: int = _MOST
    ) -> list[int]:
        """Return a list of `count` integers from `least` to `most`; an empty one if not given."""
        counts = (count,) if isinstance(count, int) else tuple(count)
        several = f"{' or '.join(map(str, counts))} integers from {least} to {most}"
        values = list(self._value(key, "INTS", several) or ())
        if values and len(values) not in counts:
            raise InputError(f"{shown(values)} has {len(values)} values", key=key, legal=several)
        return self._within(key, values, least, most)

    def word(self, key: str, default: str, legal: Collection[str] = ()) -> str:
        """Return a text, one of `legal` if there are any."""
        value = self._value(key, "STRING", ", ".join(legal) or "text")
        if value is None:
            return default
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        if legal and text not in legal:
            raise InputError(f"{shown(text)} is unknown", key=key, legal=legal)
        return text

    def _within(self, key: str, values: list[int], least: int, most: int) -> list[int]:
        for value in values:
            if not least <= value <= most:
                what = shown(values) if len(values) > 1 else value
                raise InputError(
                    f"{what} is out of range", key=key, legal=f"integers from {least} to {most}"
                )
        return values

    def _value(self, key: str, wanted: str, legal: str) -> Any:
        """The value of an attribute of the type `wanted`; None if it was not given."""
        attribute = self._found.get(key)
        if attribute is None:
            return None
        if key in self._twice:
            raise InputError("is given twice", key=key, legal="once")
        if attribute.ref_attr_name:
            raise InputError(
                f"refers to the attribute {shown(attribute.ref_attr_name)} of a function, but the "
                "node is in none",
                key=key,
                legal=legal,
            )
        known = attribute.type in self._types.values()
        kind = self._types.Name(attribute.type) if known else str(attribute.type)
        if kind != wanted:
            field, name = _TYPES.get(kind, ("", f"of the type {kind}"))
            value = f", {shown(_plain(getattr(attribute, field)))}" if field else ""
            raise InputError(f"is {name}{value}", key=key, legal=legal)
        return getattr(attribute, _TYPES[kind][0])


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, int | float | str) else list(map(_plain, value))
