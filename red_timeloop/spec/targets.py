"""Parsing what a constraint or mapping says of one target, in either of Timeloop's spellings.

Lists (`factors: [P=4, C<=8]`, `permutation: [Q, P]`) are what users of timeloopfe write; Timeloop
itself writes text (`factors: P4 Q4`, `permutation: QP`). Entries for the same target are combined
first and macros expanded after that, as timeloopfe does.
"""

from __future__ import annotations

import collections.abc as abc
import re
from dataclasses import dataclass, field

from red_timeloop.spec.fields import Names, check_keys, error, integer, names, number, text
from red_timeloop.spec.loader import YamlMap, type_name
from red_timeloop.spec.loops import Comparison
from red_timeloop.spec.types import (
    DataSpaceConstraint,
    FactorConstraint,
    LoopConstraint,
    Problem,
)

__all__ = ["TYPES", "Target", "TargetKey"]

TargetKey = tuple[str, str]  # level, one of "temporal", "spatial", "dataspace"

# spellings of a target's type -> what it is
TYPES = {
    "temporal": "temporal",
    "spatial": "spatial",
    "dataspace": "dataspace",
    "datatype": "dataspace",
    "bypass": "dataspace",
    "bypassing": "dataspace",
}

_COMMON = ("type", "target", "name")
_LOOPS = (
    *("factors", "permutation", "no_reuse", "default_max_factor", "default_min_factor"),
    *("remainders", "factors_only", "no_iteration_over_dataspaces"),
    *("must_iterate_over_dataspaces", "maximize_dims", "maximize_dims_capacity"),
)
_KEYS = {
    "temporal": (*_COMMON, *_LOOPS, "rmw_first_update", "no_temporal_reuse"),
    "spatial": (*_COMMON, *_LOOPS, "split", "no_link_transfer", "no_multicast_no_reduction"),
    "dataspace": (*_COMMON, "keep", "bypass", "no_coalesce", "keep_only", "bypass_only"),
}
_CONDITION = re.compile(r"\s*([A-Za-z_]\w*)\s*(<=|>=|==|=)\s*(\d+)\s*")
_SHORT = re.compile(r"\s*([A-Za-z_]+)\s*(\d+)\s*")
_IMPERFECT = re.compile(r"\s*([A-Za-z_]+)\s*(=?)\s*(\d+)\s*,\s*(\d+)\s*")


@dataclass
class Target:
    """Everything said of one level and type, before macros are expanded."""

    level: str
    kind: str  # temporal, spatial or dataspace
    problem: Problem
    known: Names = field(default_factory=dict)  # what expressions may name
    factors: list[FactorConstraint] = field(default_factory=list)
    factors_only: list[FactorConstraint] | None = None
    permutation: tuple[str, ...] = ()
    outermost: tuple[str, ...] = ()
    split: int | None = None
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    where: tuple[YamlMap, str] | None = None  # the last entry, for errors
    rule: str = ""  # what the entry's `rule_ignored` calls it; Timeloop passes over that key
    maximize: tuple[YamlMap, str] | None = None  # the entry with the macro maximize_dims
    raw_spelling: bool = False  # named inter_..._spatial: Timeloop's own spelling

    def add(self, entry: YamlMap, path: str, *, chosen: bool = False) -> None:
        """Combine `entry` with what is known.

        Args:
            entry: What a file says of the target.
            path: Name of the entry, for errors.
            chosen: The entry is part of a mapping: its permutation and split are a choice among
                those that constraints allow and take their place, and constraints to more
                iterations than a dimension has are ignored.

        Raises:
            InputError: A key, dimension or data space is unknown, a factor malformed, or the
                entry contradicts an earlier one.
        """
        check_keys(entry, _KEYS[self.kind], path)
        self.where = (entry, path)
        self.rule = self.rule or text(entry, "rule_ignored", path, "")
        self._maximize(entry, path, chosen)
        if self.kind == "dataspace":
            self._add_data_spaces(entry, path)
        else:
            self._add_loops(entry, path, chosen)

    def _add_data_spaces(self, entry: YamlMap, path: str) -> None:
        spaces = self.problem.data_space_names
        for key in ("keep", "bypass", "no_coalesce", "keep_only", "bypass_only"):
            self._extend(key, names(entry, key, path, spaces, "data space"))
            if key.endswith("_only") and entry.get(key) is not None:
                self.lists.setdefault(key, ())

    def _add_loops(self, entry: YamlMap, path: str, chosen: bool) -> None:
        spaces = self.problem.data_space_names
        given = self._factors(entry, "factors", path)
        if not chosen and any(each.remainder is not None for each in given):
            raise error("imperfect factors stand in mappings only", entry, "factors", path=path)
        if chosen:  # as Timeloop does, which only warns: no mapping could obey these
            sizes = self.problem.sizes
            self.factors = [each for each in self.factors if each.value <= sizes[each.dimension]]
        self._merge_factors(given, entry, "factors", path)
        if entry.get("factors_only") is not None:
            listed = self._factors(entry, "factors_only", path)
            self._merge_factors(listed, entry, "factors_only", path)
            self.factors_only = [*(self.factors_only or []), *listed]
        if chosen and entry.get("permutation"):
            self.permutation = self.outermost = ()
        if chosen and entry.get("split") is not None:
            self.numbers.pop("split", None)
        self._permutation(entry, path)
        for key in ("default_max_factor", "default_min_factor", "remainders"):
            if entry.get(key) is not None:
                self._set_number(key, integer(entry, key, path, self.known, least=1), entry, path)
        if entry.get("split") is not None:
            self._set_number("split", integer(entry, "split", path, self.known), entry, path)
        for key in ("no_link_transfer", "rmw_first_update"):
            self._extend(key, names(entry, key, path, spaces, "data space"))
        for key in ("no_iteration_over_dataspaces", "must_iterate_over_dataspaces"):
            self._extend(key, names(entry, key, path, spaces, "data space"))
            if entry.get(key) is not None:
                self.lists.setdefault(key, ())
        for key in ("no_reuse", "no_temporal_reuse", "no_multicast_no_reduction"):
            self._extend("no_reuse", names(entry, key, path, spaces, "data space"))

    def _maximize(self, entry: YamlMap, path: str, chosen: bool) -> None:
        if not entry.get("maximize_dims"):
            return
        if chosen or self.maximize is not None:
            wrong = "a mapping has factors and no macro" if chosen else "given twice"
            raise error(wrong, entry, "maximize_dims", path=path)
        self.maximize = entry, path

    def _extend(self, key: str, found: tuple[str, ...]) -> None:
        if found:
            self.lists[key] = tuple(dict.fromkeys((*self.lists.get(key, ()), *found)))

    def _set_number(self, key: str, number_: int, entry: YamlMap, path: str) -> None:
        if self.numbers.setdefault(key, number_) != number_:
            raise error(
                f"{number_} contradicts {self.numbers[key]}, given before", entry, key, path=path
            )

    def _factors(self, entry: YamlMap, key: str, path: str) -> list[FactorConstraint]:
        raw = entry.get(key)
        if raw is None:
            return []
        items = _split(raw) if isinstance(raw, str) else raw
        if not isinstance(items, list):
            raise error(f"expected a list, got {type_name(raw)}", entry, key, path=path)
        return [self._factor(item, entry, key, path) for item in _rejoined(items)]

    def _factor(self, item: object, entry: YamlMap, key: str, path: str) -> FactorConstraint:
        if isinstance(item, list):  # timeloopfe joins [P, "=", 4]
            item = "".join(map(str, item))
        found = isinstance(item, str) and (
            _CONDITION.fullmatch(item) or _SHORT.fullmatch(item) or _IMPERFECT.fullmatch(item)
        )
        if not found:
            legal = 'P=4, "P<=4", "P>=4", P4 or P=4,2 (imperfect); whole numbers'
            raise error(f"malformed factor {item!r}", entry, key, path=path, legal=legal)
        parts = found.groups()
        remainder = int(parts[3]) if len(parts) == 4 else None
        parts = parts[:3]
        comparison = parts[1] if len(parts) == 3 else "="
        comparison = "=" if comparison in ("==", "") else comparison
        if parts[0] not in self.problem.dimensions:
            raise error(
                f"unknown dimension {parts[0]!r} in {item!r}",
                entry,
                key,
                path=path,
                legal=self.problem.dimensions,
            )
        amount = int(parts[-1])
        if amount == 0 and comparison != "=":
            raise error(f"{item!r} must be 1 or more", entry, key, path=path)
        if remainder is not None and not 1 <= remainder <= amount:
            raise error(
                f"the last pass of {item!r} has {remainder} iterations",
                entry,
                key,
                path=path,
                legal=f"1 to {amount}",
            )
        remainder = None if remainder == amount else remainder
        return FactorConstraint(parts[0], _comparison(comparison), amount, remainder)

    def _merge_factors(
        self, found: abc.Iterable[FactorConstraint], entry: YamlMap, key: str, path: str
    ) -> None:
        for new in found:
            if new in self.factors:
                continue
            for old in self.factors:
                if old.dimension == new.dimension and not self._compatible(old, new):
                    raise error(f"{new} contradicts {old}", entry, key, path=path)
            self.factors.append(new)

    def _compatible(self, old: FactorConstraint, new: FactorConstraint) -> bool:
        size = self.problem.sizes[old.dimension]
        one, two = old.value or size, new.value or size
        pair = (old.comparison, new.comparison)
        if old.comparison == new.comparison:
            return one == two and old.remainder == new.remainder
        if pair == ("=", "<=") or pair == (">=", "="):
            return one <= two
        if pair == ("<=", "=") or pair == ("=", ">="):
            return one >= two
        return one <= two if pair == (">=", "<=") else one >= two

    def _permutation(self, entry: YamlMap, path: str) -> None:
        raw = entry.get("permutation")
        if raw is None:
            return
        inner, outer = _split_permutation(raw, entry, path)
        found = [*inner, *outer]
        for name in found:
            if name not in self.problem.dimensions:
                raise error(
                    f"unknown dimension {name!r}",
                    entry,
                    "permutation",
                    path=path,
                    legal=self.problem.dimensions,
                )
            if found.count(name) > 1:
                raise error(f"dimension {name!r} twice", entry, "permutation", path=path)
        if not found:
            return
        if self.permutation + self.outermost and (self.permutation, self.outermost) != (
            inner,
            outer,
        ):
            raise error(
                f"{''.join(inner)} contradicts {''.join(self.permutation)}, given before",
                entry,
                "permutation",
                path=path,
            )
        self.permutation, self.outermost = inner, outer

    def fail(self, message: str, key: str, legal: str | None = None) -> Exception:
        """Return an error at the last entry for this target."""
        assert self.where is not None
        entry, path = self.where
        return error(message, entry, key if key in entry else None, path=path, legal=legal)

    def loop_constraint(self) -> LoopConstraint:
        """Expand the macros; see `LoopConstraint`."""
        factors = list(self.factors)
        if self.factors_only is not None:
            self._ones(factors, self.problem.dimensions, only_free=True, macro="factors_only")
        space = self.problem.data_space
        for name in self.lists.get("no_iteration_over_dataspaces", ()):
            macro = "no_iteration_over_dataspaces"
            self._ones(factors, space(name).dimensions, only_free=False, macro=macro)
        if "must_iterate_over_dataspaces" in self.lists:
            macro = "must_iterate_over_dataspaces"
            iterated = {d for name in self.lists[macro] for d in space(name).dimensions}
            others = [d for d in self.problem.dimensions if d not in iterated]
            self._ones(factors, others, only_free=False, macro=macro)
        return LoopConstraint(
            factors=tuple(factors),
            permutation=self.permutation,
            outermost=self.outermost,
            split=self.numbers.get("split"),
            no_reuse=self.lists.get("no_reuse", ()),
            no_link_transfer=self.lists.get("no_link_transfer", ()),
            rmw_first_update=self.lists.get("rmw_first_update", ()),
            default_max_factor=self.numbers.get("default_max_factor"),
            default_min_factor=self.numbers.get("default_min_factor"),
            remainders=self.numbers.get("remainders"),
            rule=self.rule,
        )

    def _ones(
        self,
        factors: list[FactorConstraint],
        dimensions: abc.Iterable[str],
        *,
        only_free: bool,
        macro: str,
    ) -> None:
        for dimension in dimensions:
            one = FactorConstraint(dimension, "=", 1)
            given = [each for each in factors if each.dimension == dimension]
            if given and only_free:
                continue
            for each in given:
                if not self._compatible(each, one):
                    raise self.fail(f"{each} contradicts {macro}, which needs {one}", "factors")
            if one not in factors:
                factors.append(one)

    def data_space_constraint(self) -> DataSpaceConstraint:
        """Expand the macros; see `DataSpaceConstraint`."""
        spaces = self.problem.data_space_names
        keep, bypass = set(self.lists.get("keep", ())), set(self.lists.get("bypass", ()))
        if "keep_only" in self.lists:
            keep |= set(self.lists["keep_only"])
            bypass |= set(spaces) - set(self.lists["keep_only"])
        if "bypass_only" in self.lists:
            bypass |= set(self.lists["bypass_only"])
            keep |= set(spaces) - set(self.lists["bypass_only"])
        both = [name for name in spaces if name in keep & bypass]
        if both:
            raise self.fail(f"{self.level!r} both keeps and bypasses {', '.join(both)}", "keep")
        return DataSpaceConstraint(
            tuple(name for name in spaces if name in keep),
            tuple(name for name in spaces if name in bypass),
            tuple(name for name in spaces if name in self.lists.get("no_coalesce", ())),
        )


def _comparison(sign: str) -> Comparison:
    return "<=" if sign == "<=" else ">=" if sign == ">=" else "="


def _split(raw: str) -> list[str]:
    """Cut text factors: `P4 Q4`, `P=4,Q=4`, `P = 4, Q<=2`; a `#` begins a comment."""
    raw = raw.partition("#")[0]
    if re.search(r"\d,\d", raw):  # P4,2 is one imperfect factor
        return raw.split()
    glued = re.sub(r"\s*(<=|>=|==|=)\s*", r"\1", raw)
    return [part for part in re.split(r"[,\s]+", glued) if part]


def _rejoined(items: abc.Iterable[object]) -> list[object]:
    """Undo YAML's cut in `[P=5,2, Q=4]`, where the comma of an imperfect factor ends an item."""
    result: list[object] = []
    for item in items:
        if isinstance(item, int) and result and isinstance(result[-1], str):
            result[-1] = f"{result[-1]},{item}"
        else:
            result.append(item)
    return result


def _split_permutation(
    raw: object, entry: YamlMap, path: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the innermost and the outermost dimensions; in text a `_` stands between them."""
    if isinstance(raw, list):
        if not all(isinstance(name, str) for name in raw):
            raise error("expected a list of dimensions", entry, "permutation", path=path)
        return tuple(map(str, raw)), ()
    if not isinstance(raw, str):
        raise error(
            f"expected dimensions, got {type_name(raw)}",
            entry,
            "permutation",
            path=path,
            legal="[Q, P] or QP, innermost first",
        )
    raw = raw.partition("#")[0]
    if "," in raw:
        return tuple(part.strip() for part in raw.split(",") if part.strip()), ()
    inner, _, outer = raw.replace(" ", "").partition("_")
    return tuple(inner), tuple(outer)


def entry_type(entry: YamlMap, path: str) -> str:
    """Return what the entry's `type` means: temporal, spatial, dataspace or itself."""
    kind = text(entry, "type", path)
    return TYPES.get(kind, kind)


def proportion(entry: YamlMap, path: str) -> float:
    """Return `proportion` of a max_overbooked_proportion entry, 0 to 1."""
    found = number(entry, "proportion", path) if "proportion" in entry else 0.0
    if found > 1:
        raise error(f"{found} is more than 1", entry, "proportion", path=path, legal="0 to 1")
    return found
