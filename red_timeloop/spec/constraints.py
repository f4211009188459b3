"""Combining all that the files say of each level, and resolving it against the architecture."""

from __future__ import annotations

import collections.abc as abc
from dataclasses import dataclass, field, replace

from red_timeloop.spec.architecture import Branch, InlineConstraints
from red_timeloop.spec.fields import check_keys, error, number, text
from red_timeloop.spec.loader import YamlList, YamlMap, type_name
from red_timeloop.spec.targets import TYPES, Target, TargetKey, entry_type, proportion
from red_timeloop.spec.types import (
    Architecture,
    Constraints,
    DataSpaceConstraint,
    Level,
    LevelConstraints,
    LoopConstraint,
    Problem,
    ordered,
)

__all__ = ["Collected", "collect", "resolve_constraints"]

_INLINE = ("temporal", "spatial", "dataspace", "max_overbooked_proportion", "utilization")
_OTHER = ("max_overbooked_proportion", "utilization", "parallelism")


@dataclass
class Collected:
    """The entries of all sources, combined for each level and type."""

    architecture: Architecture
    problem: Problem
    legal: tuple[str, ...]  # names a target may have
    targets: dict[TargetKey, Target] = field(default_factory=dict)
    overbooked: dict[str, float] = field(default_factory=dict)
    min_utilization: float = 0.0

    def target(self, level: Level, kind: str) -> Target:
        """Return what is known of `level` and `kind`, empty at first."""
        key = (level.name, kind)
        return self.targets.setdefault(key, Target(level.name, kind, self.problem))


def collect(
    architecture: Architecture,
    problem: Problem,
    inline: abc.Iterable[InlineConstraints],
    entries: abc.Iterable[tuple[YamlList, str]],
    legal: tuple[str, ...],
) -> Collected:
    """Combine the nodes' own constraints and the entries of the other sections.

    Args:
        architecture: The levels.
        problem: Dimensions and data spaces that may be named.
        inline: The nodes' `constraints` blocks.
        entries: Lists of entries (`target`, `type`, ...) with the name of their section.
        legal: Names that a target may have (containers and components).

    Raises:
        InputError: An entry names an unknown level, type, dimension or data space, or
            contradicts another.
    """
    collected = Collected(architecture, problem, legal)
    for each in inline:
        path = f"{each.target}.constraints"
        check_keys(each.block, _INLINE, path)
        for kind, entry in each.block.items():
            if entry is None:
                continue
            if not isinstance(entry, YamlMap):
                raise error(
                    f"expected a mapping, got {type_name(entry)}", each.block, kind, path=path
                )
            _add(collected, each.target, kind, entry, f"{path}.{kind}")
    for section, name in entries:
        for index, entry in enumerate(section):
            path = f"{name}[{index}]"
            if not isinstance(entry, YamlMap):
                raise error(
                    f"an entry is {type_name(entry)}, not a mapping",
                    YamlMap(section.file, section.line),
                    path=path,
                )
            target = text(entry, "target", path)
            kind = entry_type(entry, path)
            shown = f"{path} ({target})"
            _add(collected, target, kind, entry, shown, chosen=name == "mapping")
    return collected


def _add(
    collected: Collected,
    target: str,
    kind: str,
    entry: YamlMap,
    path: str,
    *,
    chosen: bool = False,
) -> None:
    if kind == "max_overbooked_proportion":
        level = _find(collected, target, "dataspace", entry, path)
        if level is not None:
            collected.overbooked[level.name] = proportion(entry, path)
        return
    if kind in ("utilization", "parallelism"):
        collected.min_utilization = number(entry, "min", path) if "min" in entry else 0.0
        return
    if kind not in TYPES.values():
        raise error(f"unknown type {kind!r}", entry, "type", path=path, legal=(*TYPES, *_OTHER))
    level = _find(collected, target, kind, entry, path)
    if level is None:
        _vanished(collected, target, kind, entry, path)
        return
    known = collected.target(level, kind)
    known.raw_spelling = known.raw_spelling or target != level.target
    known.add(entry, path, chosen=chosen)


def _find(collected: Collected, target: str, kind: str, entry: YamlMap, path: str) -> Level | None:
    """Return the level that an entry is about; None for a node without a level of this kind."""
    levels = collected.architecture.mapped_levels
    by_name = {level.name: level for level in levels}
    if target in by_name and by_name[target].kind == "spatial":
        return by_name[target]
    if target in collected.legal:
        wanted = "spatial" if kind == "spatial" else "storage"
        for level in levels:
            if level.target == target and level.kind == wanted:
                return level
        return None
    raise error(
        f"unknown level {target!r}",
        entry,
        "target",
        path=path,
        legal=dict.fromkeys((*collected.legal, *by_name)),
    )


def _vanished(collected: Collected, target: str, kind: str, entry: YamlMap, path: str) -> None:
    """Accept entries for nodes that have no such loops, when they ask for nothing."""
    probe = Target(target, kind, collected.problem)
    probe.add(entry, path)
    if kind == "dataspace":
        probe.data_space_constraint()  # keeping and bypassing the same is refused here too
        return
    sizes = collected.problem.sizes
    for condition in probe.loop_constraint().factors:
        least = condition.value or sizes[condition.dimension]
        if condition.comparison != "<=" and least > 1:
            reason = (
                "has no fan-out"
                if kind == "spatial"
                else "is no memory, so it has no loops in time"
            )
            raise error(f"{condition} at {target!r}, which {reason}", entry, "factors", path=path)


def resolve_constraints(
    collected: Collected, branches: abc.Sequence[Branch], *, whole: bool = True
) -> Constraints:
    """Expand macros, send data spaces through the children of `!Parallel` nodes.

    Args:
        collected: What the files say.
        branches: The children of `!Parallel` nodes.
        whole: Nothing is to be added, so that every data space must have its way.

    Raises:
        InputError: Constraints contradict each other, or a data space has no way (or two)
            through the children of a `!Parallel` node.
    """
    levels: dict[str, LevelConstraints] = {}
    for level in collected.architecture.mapped_levels:
        levels[level.name] = _level_constraints(collected, level)
    for name, bypass in _branch_bypass(collected, levels, branches, whole).items():
        found = levels[name].data_spaces
        levels[name] = replace(
            levels[name],
            data_spaces=DataSpaceConstraint(
                found.keep,
                ordered({*found.bypass, *bypass}, collected.problem.data_space_names),
                found.no_coalesce,
            ),
        )
    return Constraints(levels, collected.min_utilization)


def _level_constraints(collected: Collected, level: Level) -> LevelConstraints:
    def found(kind: str) -> Target | None:
        return collected.targets.get((level.name, kind))

    temporal, spatial, spaces = found("temporal"), found("spatial"), found("dataspace")
    data_spaces = spaces.data_space_constraint() if spaces else DataSpaceConstraint()
    if level.kind == "spatial":
        if spaces and data_spaces.keep:
            raise spaces.fail(f"{level.name!r} is no memory and cannot keep data", "keep")
        data_spaces = DataSpaceConstraint((), collected.problem.data_space_names)
        if temporal:
            for condition in temporal.loop_constraint().factors:
                if condition.value != 1 and condition.comparison != "<=":
                    raise temporal.fail(f"{level.name!r} has no loops in time", "factors")
        temporal = None
    return LevelConstraints(
        temporal=temporal.loop_constraint() if temporal else LoopConstraint(),
        spatial=spatial.loop_constraint() if spatial else LoopConstraint(),
        data_spaces=data_spaces,
        max_overbooked_proportion=collected.overbooked.get(level.name),
    )


def _branch_bypass(
    collected: Collected,
    levels: abc.Mapping[str, LevelConstraints],
    branches: abc.Sequence[Branch],
    whole: bool,
) -> dict[str, set[str]]:
    """Return, for each level inside a `!Parallel`, the data spaces that go through a sibling."""
    every = collected.problem.data_space_names
    kept: dict[tuple[int, int], set[str]] = {}
    for branch in branches:
        kept[branch.parallel, branch.child] = {
            name for level in branch.levels for name in levels[level].data_spaces.keep
        }
    bypass: dict[str, set[str]] = {}
    for parallel in sorted({branch.parallel for branch in branches}):
        children = [branch for branch in branches if branch.parallel == parallel]
        passing = set(every)
        if children[0].enclosing:
            passing = kept[children[0].enclosing[-1]]
        for name in ordered(passing, every):
            owners = [child for child in children if name in kept[parallel, child.child]]
            if whole or len(owners) > 1:
                _check_owners(collected, name, owners, children)
        owned = {name for child in children for name in kept[parallel, child.child]}
        for child in children:
            for level in child.levels:
                others = (set(every) if whole else owned) - kept[parallel, child.child]
                bypass.setdefault(level, set()).update(others)
    return bypass


def _check_owners(
    collected: Collected,
    name: str,
    owners: abc.Sequence[Branch],
    children: abc.Sequence[Branch],
) -> None:
    levels = [level for child in children for level in child.levels]
    if len(owners) == 1:
        return
    message = f"no child of a !Parallel keeps the data space {name!r}"
    if owners:
        keeping = ", ".join(owner.levels[0] for owner in owners if owner.levels)
        message = f"several children of a !Parallel keep the data space {name!r}: {keeping}"
    any_target = next(
        (t for (lvl, kind), t in collected.targets.items() if lvl in levels and t.where), None
    )
    where = any_target.where[0] if any_target and any_target.where else YamlMap()
    raise error(message, where, legal=f"a 'keep' in exactly one of {', '.join(levels)}")
