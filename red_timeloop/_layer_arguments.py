"""Reads the arguments of a layer: integers, one value an axis, pairs of paddings.

Every function raises an InputError that names the argument, the value and what is legal.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Set
from math import prod

from red_timeloop.errors import InputError, shown

__all__ = ["integer", "pairs", "per_axis", "spatial_sizes"]

_MAX_AXES = 3
_MAX_COUNT = 2**31 - 1  # the index of a tensor in the frameworks
_MAX_TAPS = 2**16  # of a kernel or a stride: each tap and each phase is looked at
_MAX_PIXELS = {  # of all axes together: each pixel of the kernel, each mode of the output
    "kernel_size": 2**20,
    "stride": 2**16,
}
_MAX_CHANNELS = 2**22  # each crossbar of a matrix is looked at


def spatial_sizes(value: object, others: Iterable[object]) -> tuple[int, ...]:
    """Return the pixels an axis; a bare int stands for as many axes as one of `others` has."""
    if _is_sequence(value):
        sizes = list(value)  # type: ignore[call-overload]
    else:
        several = next((other for other in others if _is_sequence(other)), None)
        if several is None:
            number = integer(value, "input_size", 1)
            raise InputError(
                f"{number} does not say how many axes there are",
                key="input_size",
                legal=f"one integer an axis: [{number}], [{number}, {number}], ...; a bare one "
                "only where kernel_size, stride or dilation has one value an axis",
            )
        sizes = [value] * len(list(several))  # type: ignore[call-overload]
    if not 1 <= len(sizes) <= _MAX_AXES:
        raise InputError(
            f"{shown(value)} has {len(sizes)} values", key="input_size", legal="1 to 3 spatial axes"
        )
    return per_axis(sizes, len(sizes), "input_size", 1)


def integer(value: object, key: str, least: int) -> int:
    """Return `value`, which has `__index__`, as an int from `least` to what `key` allows."""
    legal = f"an integer of at least {least}"
    most = _MAX_TAPS if key in ("kernel_size", "stride") else _MAX_COUNT
    most = _MAX_CHANNELS if key.endswith("_channels") else most
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise InputError(f"{shown(value)} is not an integer", key=key, legal=legal)
    try:
        number = operator.index(value)
    except TypeError:  # an array of several values has __index__ and refuses
        raise InputError(f"{shown(value)} is not an integer", key=key, legal=legal) from None
    if number < least:
        raise InputError(f"{number} is too small", key=key, legal=legal)
    if number > most:
        raise InputError(f"{shown(number)} is too large", key=key, legal=f"{least} to {most}")
    return number


def _is_sequence(value: object) -> bool:
    """True for lists, tuples and arrays; text is not one, nor is what has no order."""
    return not isinstance(value, str | bytes | Mapping | Set) and hasattr(value, "__len__")


def _values(value: object, ndim: int, key: str, one: str) -> list[object]:
    """`value` as one entry an axis; `one` says what an entry may be."""
    if not _is_sequence(value):
        return [value] * ndim
    entries: list[object] = list(value)  # type: ignore[call-overload]
    if len(entries) != ndim:
        raise InputError(
            f"{shown(value)} has {len(entries)} values, but input_size has {ndim}",
            key=key,
            legal=f"one integer for all axes, or a list of {ndim} ({one} an axis)",
        )
    return entries


def per_axis(value: object, ndim: int, key: str, least: int) -> tuple[int, ...]:
    """Return one integer of at least `least` an axis; a bare one stands for all axes."""
    values = tuple(integer(entry, key, least) for entry in _values(value, ndim, key, "an integer"))
    most = _MAX_PIXELS.get(key)
    if most is not None and prod(values) > most:
        raise InputError(
            f"{values} are {prod(values)} in all", key=key, legal=f"a product of at most {most}"
        )
    return values


def pairs(value: object, ndim: int) -> tuple[tuple[int, int], ...]:
    """Return a padding as one (before, after) pair an axis."""
    if ndim == 1 and _is_sequence(value) and len(value) == 2:  # type: ignore[arg-type]
        value = [value]
    found = []
    for entry in _values(value, ndim, "padding", "an integer or a (before, after) pair"):
        both = list(entry) if _is_sequence(entry) else [entry, entry]  # type: ignore[call-overload]
        if len(both) != 2:
            raise InputError(
                f"{shown(entry)} has {len(both)} values",
                key="padding",
                legal="an integer or a (before, after) pair an axis",
            )
        found.append((integer(both[0], "padding", 0), integer(both[1], "padding", 0)))
    return tuple(found)
