"""Puts the examples in docstrings into blocks of code, so that the reference shows them as such."""

from __future__ import annotations

import re
from typing import Any

import griffe

# From a line that begins with a prompt to the next empty line.
_EXAMPLE = re.compile(r"^>>> .*?(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)


class FenceDoctests(griffe.Extension):
    """Called by mkdocstrings for every object that it loads."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the object's docstring."""
        if obj.docstring is not None:
            value = obj.docstring.value
            obj.docstring.value = _EXAMPLE.sub(lambda found: f"```pycon\n{found[0]}\n```", value)
