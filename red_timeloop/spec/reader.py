"""Reading whole specifications from one or more files."""

from __future__ import annotations

import collections.abc as abc
from contextlib import suppress
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

from red_timeloop.errors import InputError
from red_timeloop.spec.architecture import Branch, InlineConstraints, read_architecture
from red_timeloop.spec.compound import CompoundClass, read_classes
from red_timeloop.spec.constraints import Collected, collect, resolve_constraints
from red_timeloop.spec.fields import (
    check_count,
    check_keys,
    check_version,
    error,
    mapping,
    sequence,
    value,
)
from red_timeloop.spec.known import Known
from red_timeloop.spec.loader import YamlList, YamlMap, load_file, load_plain, type_name
from red_timeloop.spec.mapping import resolve_mapping
from red_timeloop.spec.problem import read_problem, shown_names, unread_sizes
from red_timeloop.spec.settings import check_globals, mapspace_targets, read_mapper
from red_timeloop.spec.sparse import check_optimizations, read_targets
from red_timeloop.spec.tables import read_art, read_ert
from red_timeloop.spec.template import SUFFIXES
from red_timeloop.spec.tree import read_tree
from red_timeloop.spec.types import (
    ArtTable,
    Constraints,
    ErtTable,
    Mapping,
    Problem,
    Specification,
    Value,
)

__all__ = [
    "Sections",
    "read_art_file",
    "read_ert_file",
    "read_sections",
    "read_specification",
    "specification_files",
]

Paths = str | Path | abc.Sequence[str | Path]
_Collect = abc.Callable[[list[tuple[YamlList, str]]], Collected]

_EXACT = {
    *("architecture", "problem", "variables", "mapper", "mapspace", "sparse_optimizations"),
    *("ERT", "ART", "mapping", "globals", "dumped_by_timeloop_front_end"),
}
_MOST_VARIABLES = 10_000
_LEFT_OUT = "{}: the files' own is left out, another takes its place"
_SECTIONS = (
    *("architecture", "problem", "variables", "mapper", "sparse_optimizations"),
    *("ERT", "ART", "globals", "components"),
)
# timeloopfe finds these by a part of the key: extra_mapping_constraints, compound_components, ...
_PARTIAL = ("components", "constraints", "mapping", "globals")


def read_specification(
    paths: Paths,
    *,
    variables: abc.Mapping[str, Value] | None = None,
    problem: Problem | None = None,
    mapping: str | Path | None = None,
    ert: str | Path | None = None,
    art: str | Path | None = None,
    jinja: abc.Mapping[str, Any] | None = None,
    fixed: bool = False,
    unmapped: bool = False,
) -> Specification:
    """Read a specification from Timeloop v0.4 YAML files, Jinja2 templates perhaps.

    Keys that several files have are combined as timeloopfe does: lists are joined, mappings
    united, values must agree.

    Args:
        paths: One file or several; a folder stands for the specification files in it.
        variables: Values that take the place of (or are added to) those under `variables`.
        problem: A problem made in Python; takes the place of one in `paths`.
        mapping: A further file with the mapping.
        ert: A further file with the energy table (pJ); takes the place of one in `paths`.
        art: A further file with the area table (um^2); takes the place of one in `paths`.
        jinja: Data of the templates; see `red_timeloop.spec.template`.
        fixed: Where no file has a mapping and the constraints fix every factor, take them as one,
            as timeloop-model does.
        unmapped: Leave a mapping in `paths` out, which is one for another problem.

    Raises:
        InputError: Something is malformed, unknown, missing or contradictory; names the file,
            line and key, and what is legal.
    """
    return read_sections(paths, mapping=mapping, jinja=jinja, unmapped=unmapped).specification(
        variables or {},
        problem,
        read_ert_file(ert, jinja) if ert is not None else None,
        read_art_file(art, jinja) if art is not None else None,
        fixed=fixed,
    )


def read_sections(
    paths: Paths,
    *,
    mapping: str | Path | None = None,
    jinja: abc.Mapping[str, Any] | None = None,
    unmapped: bool = False,
) -> Sections:
    """Read the files of a specification; arguments and errors are those of `read_specification`.

    Files that are no templates are read again when one has changed.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    files = [file for path in given for file in specification_files(path)]
    if not files:
        raise InputError("no specification file was given")
    if mapping is not None:
        files.append(Path(mapping))
    names = tuple(dict.fromkeys(map(str, files)))
    kept = _kept(names, unmapped)
    return kept or Sections([load_file(file, jinja) for file in names], names[0], unmapped)


def specification_files(path: str | Path) -> list[Path]:
    """Return the file itself, or the YAML files and templates that stand in a folder, by name.

    Raises:
        InputError: The folder has none.
    """
    path = Path(path)
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES and file.is_file())
    if not files:
        raise InputError(
            "the folder has no specification", file=path, legal=f"*{' *'.join(SUFFIXES)}"
        )
    return files


def read_ert_file(path: str | Path, jinja: abc.Mapping[str, Any] | None = None) -> ErtTable:
    """Read the energy table of the file `path` (key `ERT`; pJ in the file, J in the value)."""
    return read_ert(_section(load_file(path, jinja), "ERT"))


def read_art_file(path: str | Path, jinja: abc.Mapping[str, Any] | None = None) -> ArtTable:
    """Read the area table of the file `path` (key `ART`; um^2 in the file, m^2 in the value)."""
    return read_art(_section(load_file(path, jinja), "ART"))


def _section(content: YamlMap, key: str) -> YamlMap:
    if key not in content:
        raise error(f"the key {key!r} is missing", content)
    return mapping(content, key, "")


def _merge_file(top: dict[str, Any], content: YamlMap) -> None:
    for key, section in content.items():
        name = _canonical(key)
        if name is None:
            if "ignore" in key:
                continue
            legal = sorted({*_EXACT, "*_constraints", "*_components"})
            raise error("unknown key", content, key, legal=legal)
        if section is None:
            continue
        if isinstance(section, YamlList) and name in _SECTIONS:
            section = _united(section, content, key)
        if name not in top:
            top[name] = section
        else:
            top[name] = _combined(top[name], section, content, key)


def _united(parts: YamlList, content: YamlMap, key: str) -> YamlMap:
    """Return the mapping that a list of mappings stands for, as timeloopfe combines them."""
    found = YamlMap(parts.file, parts.line)
    for part in parts:
        if not isinstance(part, YamlMap):
            raise error(f"expected a mapping, got a list of {type_name(part)}", content, key)
        found = _combined(found, part, content, key)
    return found


def _canonical(key: str) -> str | None:
    if key in _EXACT:
        return key
    for part in _PARTIAL:
        if part in key:
            return part
    return None


def _combined(first: Any, second: Any, content: YamlMap, key: str) -> Any:
    """Unite two values of one key; `content` and `key` say where the second came from."""
    if isinstance(first, YamlMap) and isinstance(second, YamlMap):
        united = YamlMap(first.file, first.line, first.tag)
        united.update(first)
        united.lines.update(first.lines)
        for name, item in second.items():
            if united.get(name) is None:
                united[name] = item
                united.lines[name] = second.where(name)
            elif item is not None:
                united[name] = _combined(united[name], item, second, name)
        return united
    if isinstance(first, YamlList) and isinstance(second, YamlList):
        joined = YamlList(first.file, first.line, first.tag)
        joined.extend([*first, *second])
        return joined
    if first != second and str(first) != str(second):
        raise error(f"{second!r} contradicts {first!r} of another file", content, key)
    return first


class Sections:
    """The sections of one or more files, from which specifications of any sizes are read.

    Args:
        contents: The files.
        first: Name of the first.
        unmapped: Leave their mapping out.
    """

    def __init__(self, contents: abc.Iterable[YamlMap], first: str, unmapped: bool) -> None:
        top: dict[str, Any] = {}
        for content in contents:
            _merge_file(top, content)
        self._known = Known()
        self._notes = [_LEFT_OUT.format("mapping")] if unmapped and top.pop("mapping", None) else []
        self._root = YamlMap(first)
        self._root.update(top)
        self._sections = {
            key: mapping(self._root, key, "") for key in _SECTIONS if key != "problem"
        }
        if "architecture" not in top:
            raise error("the key 'architecture' is missing", self._root)
        check_globals(self._sections["globals"])
        self._settings = settings = read_mapper(self._sections["mapper"])
        if settings.search:
            named = shown_names(settings.search)
            self._notes.append(f"mapper: {named}: only timeloop-mapper reads this")
        if len(settings.metrics) > 1:
            listed, only = ", ".join(settings.metrics), settings.metrics[0]
            self._notes.append(f"mapper: of {listed} only {only} is optimized")

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables that the files have."""
        return tuple(self._sections["variables"])

    @cached_property
    def _tables(self) -> tuple[ErtTable | None, ArtTable | None]:
        ert, art = (self._sections[key] for key in ("ERT", "ART"))
        return read_ert(ert) if ert else None, read_art(art) if art else None

    @cached_property
    def _classes(self) -> dict[str, CompoundClass]:
        return read_classes(self._sections["components"])

    def specification(
        self,
        overrides: abc.Mapping[str, Value],
        problem: Problem | None,
        ert: ErtTable | None = None,
        art: ArtTable | None = None,
        *,
        fixed: bool = False,
    ) -> Specification:
        """Read a specification; arguments and errors are those of `read_specification`."""
        root, sections, notes = self._root, self._sections, list(self._notes)
        if problem is not None and root.get("problem"):
            notes.insert(0, _LEFT_OUT.format("problem"))
        variables = _variables(sections["variables"], overrides)
        raw = "subtree" in sections["architecture"]
        architecture, inline, branches, legal = (
            read_tree(sections["architecture"], variables)
            if raw
            else read_architecture(sections["architecture"], variables, self._known)
        )
        architecture = read_targets(sections["sparse_optimizations"], architecture)
        if problem is None and "problem" in root:
            problem = read_problem(mapping(root, "problem", ""), variables)
            notes += unread_sizes(mapping(root, "problem", ""))
        constraints, nest = Constraints({}), None
        if problem is not None:
            check_optimizations(architecture, problem)
            reading = partial(collect, architecture, problem, inline, legal=legal, raw=raw)
            key = architecture.names, problem.dimensions, problem.data_space_names
            constraints = self._constraints(reading, key, inline, branches)
            nest = self._mapping(reading, constraints, branches, fixed=fixed)
        return Specification(
            architecture=architecture,
            problem=problem,
            constraints=constraints,
            mapping=nest,
            variables=variables,
            ert=ert or self._tables[0],
            art=art or self._tables[1],
            mapper=dict(sections["mapper"]),
            globals=dict(sections["globals"]),
            components=self._classes,
            objective=next(iter(self._settings.metrics), None),
            most_temporal_loops=self._settings.most_temporal_loops,
            notes=tuple(notes),
        )

    @cached_property
    def _entries(self) -> list[tuple[YamlList, str]]:
        """What the files say of levels beside the nodes' own constraints, by section."""
        section = mapspace_targets(self._root.get("mapspace"), self._root)
        return [(_targets(self._root), "constraints"), (section, "mapspace")]

    def _constraints(
        self,
        collected: _Collect,
        key: tuple[object, ...],
        inline: abc.Sequence[InlineConstraints],
        branches: abc.Sequence[Branch],
    ) -> Constraints:
        def resolved() -> Constraints:
            whole = not self._root.get("mapping")
            return resolve_constraints(collected(self._entries), branches, whole=whole)

        if any(section for section, _ in self._entries):
            return resolved()
        return self._known.constraints([each.block for each in inline], key, resolved)

    def _mapping(
        self,
        collected: _Collect,
        constraints: Constraints,
        branches: abc.Sequence[Branch],
        *,
        fixed: bool,
    ) -> Mapping | None:
        if self._root.get("mapping"):
            given = collected([*self._entries, (_mapping_entries(self._root), "mapping")])
            return resolve_mapping(given, resolve_constraints(given, branches))
        if fixed:
            with suppress(InputError):  # they leave something open
                return resolve_mapping(collected(self._entries), constraints)
        return None


def _kept(files: tuple[str, ...], unmapped: bool) -> Sections | None:
    """Return the sections of files as they are now, if they are kept: layers ask for the same."""
    try:
        now = [Path(file).stat() for file in files]
    except (OSError, ValueError):
        return None  # `load_file` says why
    changed = [(own.st_dev, own.st_ino, own.st_mtime_ns, own.st_size) for own in now]
    return _sections_of(files, unmapped, tuple(changed))


@lru_cache(maxsize=32)
def _sections_of(files: tuple[str, ...], unmapped: bool, _changed: object) -> Sections | None:
    contents = [each for file in files if (each := load_plain(file)) is not None]
    return Sections(contents, files[0], unmapped) if len(contents) == len(files) else None


def _variables(section: YamlMap, overrides: abc.Mapping[str, Value]) -> dict[str, Value]:
    """Evaluate the variables in order; each may name those before it."""
    check_version(section, "variables")
    check_count(section, _MOST_VARIABLES, YamlMap(section.file), "variables", "")
    known: dict[str, Value] = dict(overrides)
    result: dict[str, Value] = {}
    for name in section:
        if name == "version":
            continue
        if name not in overrides:
            known[name] = value(section, name, "variables", known)
        result[name] = known[name]
    return {**result, **known}


def _targets(root: YamlMap) -> YamlList:
    section = root.get("constraints")
    if isinstance(section, YamlList):
        return section
    inner = mapping(root, "constraints", "")
    check_version(inner, "constraints")
    check_keys(inner, ("version", "targets"), "constraints")
    return sequence(inner, "targets", "constraints")


def _mapping_entries(root: YamlMap) -> YamlList:
    section = root["mapping"]
    if not isinstance(section, YamlList):
        raise error(f"expected a list of targets, got {type_name(section)}", root, "mapping")
    return section
