"""Functions that keep what they gave."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

__all__ = ["remembered"]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def remembered(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Keep what a function of values gives, as often as a large sweep needs it.

    Values that hold arrays have no hash: what they give is computed every time. Equal arguments
    must mean the same to the function, be they 1 or 1.0.
    """
    kept = lru_cache(maxsize=4096)(function)

    @wraps(function)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            return kept(*args, **kwargs)  # type: ignore[arg-type] # what has no hash is caught
        except TypeError:
            return function(*args, **kwargs)

    return call
