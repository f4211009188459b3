"""What was read of one file before, by all that it follows from.

The layers of a network size an architecture alike but for a few numbers. A node follows from the
names that its expressions may use, from what nodes around it hand down and from the instances there
are of it; constraints without numbers follow from the names of levels, dimensions and data spaces.
Reading them again with equal values gives equal results, so the first are taken.
"""

from __future__ import annotations

import ast
import collections.abc as abc
from dataclasses import dataclass, field
from typing import Any, TypeVar

from red_timeloop.spec.expressions import parsed
from red_timeloop.spec.loader import Quoted, YamlMap

__all__ = ["Known"]

Made = TypeVar("Made")

_MOST = 4096  # results that are kept; all are dropped when there are more
_EXPRESSIONS = ("attributes", "spatial", "enabled", "area_scale", "energy_scale")  # of a node
_EVERYTHING = {"spec", "variables"}  # names that stand for all others
_PLAIN = {bool, float, int, str, type(None), type(...)}
# What constraints may say that no size and no variable has a part in.
_SPACES = {"keep", "bypass", "keep_only", "bypass_only", "no_coalesce"}
_SIZELESS = {
    "dataspace": _SPACES,
    "temporal": {"no_reuse", "no_temporal_reuse", "rmw_first_update"},
    "spatial": {"no_reuse", "no_link_transfer", "no_multicast_no_reduction"},
}


@dataclass
class Known:
    """The nodes and the constraints that were read of one file whose values do not change."""

    _results: dict[object, Any] = field(default_factory=dict)
    _names: dict[str, tuple[str, ...] | None] = field(default_factory=dict)

    def node(
        self,
        node: YamlMap,
        name: str,
        variables: abc.Mapping[str, object],
        around: abc.Mapping[str, object],
        mesh: tuple[int, int],
        make: abc.Callable[[], Made],
    ) -> Made:
        """Return what `make` makes of a node.

        Args:
            node: The node.
            name: Its name, which no other one has.
            variables: Values of the names that its expressions may use.
            around: The attributes that are handed down to it.
            mesh: Instances of it along X and Y.
            make: Reads it.
        """
        if name not in self._names:
            names = {used for key in _EXPRESSIONS for used in _names_in(node.get(key))}
            self._names[name] = None if names & _EVERYTHING else tuple(names)
        used = self._names[name]
        if used is None:
            return make()
        values = [variables.get(each, ...) for each in used]
        values += around.values()
        kinds = tuple(map(type, values))
        if not _PLAIN.issuperset(kinds):
            return make()
        # 0, False and -0.0 are equal and not the same
        exact = tuple([value or repr(value) for value in values])
        return self._kept((name, mesh, exact, kinds, tuple(around)), make)

    def constraints(
        self, blocks: abc.Iterable[YamlMap], key: tuple[object, ...], make: abc.Callable[[], Made]
    ) -> Made:
        """Return what `make` makes of the nodes' own constraints, which follow from `key` alone.

        Where they have numbers or macros, those that the file or the problem has take part too,
        and they are made anew.
        """
        for block in blocks:
            for kind, entry in block.items():
                if not isinstance(entry, YamlMap) or not _SIZELESS.get(kind, set()) >= {*entry}:
                    return make()
        return self._kept(key, make)

    def _kept(self, key: object, make: abc.Callable[[], Made]) -> Made:
        found: Made | None = self._results.get(key)
        if found is None:
            found = make()
            if len(self._results) >= _MOST:
                self._results.clear()
            self._results[key] = found
        return found


def _names_in(value: object) -> abc.Iterator[str]:
    """Yield the names of all expressions in a value of a file, and perhaps more."""
    if isinstance(value, dict):
        for each in value.values():
            yield from _names_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from _names_in(each)
    elif isinstance(value, str) and not isinstance(value, Quoted):
        try:
            tree, _ = parsed(value.strip())
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return  # text, or an error where it is read
        yield from (part.id for part in ast.walk(tree) if isinstance(part, ast.Name))
