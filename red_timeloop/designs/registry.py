"""The designs there are: shipped, installed with other packages, and in a user's own files.

Another package offers designs through the entry-point group `red_timeloop.designs`. A user's own is
named by where it is: `FILE.py:NAME` or `package.module:NAME`; such code is loaded only where a
person named it, never because a workload or a sweep file does.

`DESIGN:KEY=VALUE,...` is a design with numbers of the parameter set that hold for it alone
(`red:fold=2,merge=current`; see `red_timeloop.designs.adjusted`).

A Timeloop architecture, `ARCH.yaml` (a file, a template, or a folder of them; `NAME=ARCH.yaml` to
name it), is two designs: `NAME` and `NAME_split` (see `red_timeloop.designs.cmos`).
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from red_timeloop._user_code import load_file, said
from red_timeloop.designs.adjusted import Adjusted
from red_timeloop.designs.cmos import CMOS_DESIGNS, CmosDesign, variants
from red_timeloop.designs.design import Design
from red_timeloop.designs.padding_free import PADDING_FREE
from red_timeloop.designs.red import RED
from red_timeloop.designs.red_serial import RED_SERIAL
from red_timeloop.designs.split_kernel import SPLIT_KERNEL
from red_timeloop.designs.zero_padding import ZERO_PADDING
from red_timeloop.errors import InputError, meant
from red_timeloop.hardware import read_settings
from red_timeloop.spec.reader import specification_files
from red_timeloop.spec.template import SUFFIXES

__all__ = [
    "BASELINE",
    "all_names",
    "choose",
    "colours",
    "content_digest",
    "find",
    "label",
    "names",
    "origin",
]

BASELINE: Design = ZERO_PADDING  # what speedups and savings are against

_COMPARED: tuple[Design, ...] = (RED, ZERO_PADDING, PADDING_FREE, SPLIT_KERNEL)
_SHIPPED: dict[str, Design] = {
    design.name: design for design in (*_COMPARED, RED_SERIAL, *CMOS_DESIGNS)
}
_GROUP = "red_timeloop.designs"
_NAME = re.compile(r"[^\W\d]\w*(:[\w=,.+-]+)?")  # a word, and numbers of its own
_NO_NAMES = ("arch", "architecture", "spec", "specification", "top")  # of files, not of designs
_NEEDED = (
    *("name", "summary", "label", "colour", "architecture", "constraints", "assumption"),
    *("plan", "lanes", "scaled"),
)


def names() -> tuple[str, ...]:
    """Return the names of the designs that are compared unless others are asked for.

    >>> names()
    ('red', 'zero_padding', 'padding_free', 'split_kernel')
    """
    return tuple(design.name for design in _COMPARED)


def all_names() -> tuple[str, ...]:
    """Return the names of all shipped designs, then those of installed packages.

    >>> all_names()[4:10]
    ('red_serial', 'eyeriss', 'eyeriss_split', 'simba', 'simba_split', 'eyeriss_gated')
    """
    return tuple(dict.fromkeys((*_SHIPPED, *_installed())))


def find(reference: str | Design, *, code: bool = False) -> Design:
    """Return a design.

    Args:
        reference: A name in `all_names()`, or `FILE.py:NAME`, or `package.module:NAME`, or
            `ARCH.yaml:NAME` for one of the two designs that an architecture is, each of them also
            with `:KEY=VALUE,...` behind it; a design is returned as it is.
        code: Whether Python code is legal: only where a person named it.

    Raises:
        InputError: There is no such design, or its code cannot be loaded; lists those there are.
    """
    if not isinstance(reference, str):
        return _checked(reference, type(reference).__name__)
    reference, said = _parted(reference)
    if said:
        return _adjusted(find(reference, code=code), said)
    if reference in _SHIPPED:
        return _SHIPPED[reference]
    installed = _installed()
    if reference in installed:
        return _load_installed(installed[reference])
    where, colon, name = reference.rpartition(":")
    if pair := _architecture(where or reference, {}):
        for design in pair:
            if colon and design.name == name:
                return design
        raise InputError(
            f"{reference!r} is {'no' if colon else 'two'} design{'' if colon else 's'}",
            key="design",
            legal=[f"{where or reference}:{design.name}" for design in pair],
        )
    if not colon or not where or not name:
        hint = meant(reference, all_names())
        raise InputError(f"unknown design {reference!r}{hint}", key="design", legal=all_names())
    if not code:
        raise InputError(
            f"{reference!r} is code, which a file does not make run",
            key="design",
            legal="a name; code where you give a design yourself, e.g. with --design",
        )
    module = load_file(Path(where)) if where.endswith(".py") else _load_module(where)
    if not hasattr(module, name):
        found = [key for key, value in vars(module).items() if not _lacking(value)]
        raise InputError(f"{where} has no {name!r}", key="design", legal=found or None)
    return _checked(getattr(module, name), reference)


def choose(
    designs: str | Iterable[str | Design] | None,
    jinja: Mapping[str, Any] | None = None,
    estimator: str = "auto",
) -> tuple[Design, ...]:
    """Return the designs that are asked for, each once; the four ReRAM designs when none is.

    Args:
        designs: As `find` takes them; an architecture stands for both of its designs.
        jinja: Data of the architectures that are templates.
        estimator: Who prices the architectures that have no tables; see `engines.pricing`.

    Raises:
        InputError: There is no such design, or two have one name, the baseline among them.
    """
    asked = [designs] if isinstance(designs, str) else designs or names()
    chosen: dict[str, Design] = {}
    for design in (
        each for reference in asked for each in _all_of(reference, jinja or {}, estimator)
    ):
        for other in (chosen.get(design.name), BASELINE):
            if other is not None and other.name == design.name and other is not design:
                raise InputError(
                    f"two designs are called {design.name!r}",
                    key="design",
                    legal="names that differ",
                )
        chosen[design.name] = design
    return tuple(chosen.values())


def _all_of(
    reference: str | Design, jinja: Mapping[str, Any], estimator: str
) -> tuple[Design, ...]:
    if isinstance(reference, str) and reference not in all_names():
        name, said = _parted(reference)
        pair = _architecture(name, jinja, estimator)
        if pair:
            return tuple(_adjusted(each, said) for each in pair) if said else pair
    return (find(reference, code=True),)


def _parted(reference: str) -> tuple[str, str]:
    """Return a reference without the numbers that hold for the design alone, and these."""
    name, colon, said = reference.rpartition(":")
    if not colon or not re.match(r"\w+=", said) or Path(reference).exists():
        return reference, ""
    return name, said.replace(" ", "")


def _adjusted(design: Design, said: str) -> Design:
    return Adjusted(design, tuple(read_settings(said.split(","), "design").items()), said)


def _architecture(
    reference: str, jinja: Mapping[str, Any], estimator: str = "auto"
) -> tuple[Design, ...]:
    """Return the two designs that an architecture is; none if `reference` is not one."""
    name, equals, file = reference.partition("=")
    if not equals or not name.isidentifier() or Path(reference).exists():
        name, file = "", reference
    path = Path(file)
    if not path.is_dir() and path.suffix not in SUFFIXES:
        return ()
    name = name or _name_of(path, str(jinja.get("architecture", "")))
    data = tuple(sorted(jinja.items()))
    summary = f"{path.name}, zeros inserted"
    dense = CmosDesign(name, summary, path, jinja=data, estimator=estimator)
    dense.read()  # what is not legal in it is said before anything runs
    return variants(dense)


def _name_of(path: Path, architecture: str) -> str:
    """Return the name of an architecture's file, or of what it stands for where that says nothing.

    Args:
        path: The file or folder.
        architecture: What the template is told to be the architecture of; or empty.
    """
    word = path.name.partition(".")[0]
    if path.is_dir() or word.lower() in _NO_NAMES:
        word = architecture or (path if path.is_dir() else path.parent).resolve().name
    word = re.sub(r"\W+", "_", word).strip("_")
    return word if word.isidentifier() else f"design_{word}"


def origin(name: str) -> str:
    """Return where the design called `name` comes from: this package, or another with its version.

    >>> origin("red")
    'red_timeloop'
    """
    point = _installed().get(name)
    if name in _SHIPPED or point is None or point.dist is None:
        return "red_timeloop"
    return f"{point.dist.name} {point.dist.version}"


def label(name: str) -> str:
    """Return how a design is printed of which only the name is left, e.g. in a store of results.

    >>> label("red"), label("half_split")
    ('RED', 'half split')
    """
    return find(name).label if name in all_names() else name.replace("_", " ")


def colours() -> dict[str, str]:
    """Return the shipped designs' own colours, by name."""
    return {name: design.colour for name, design in _SHIPPED.items() if design.colour}


def content_digest(design: Design) -> str:
    """Return a digest of a design's files, or an empty text for a shipped one.

    The Python files beside the one that defines it and its two Timeloop files: what can change the
    design without its name.
    """
    if _SHIPPED.get(design.name) is design:
        return ""
    code = (type(design), design.plan, getattr(design, "transposed", None))
    given = (design.architecture, *([design.constraints] if design.constraints else []))
    files = {file for path in given for file in specification_files(path)}
    for name in (getattr(each, "__module__", "") for each in code):
        file = getattr(sys.modules.get(name), "__file__", None)
        if file and not name.startswith("red_timeloop."):
            files |= set(Path(file).parent.glob("*.py"))
    content = hashlib.sha256()
    for path in sorted(files):
        content.update(path.read_bytes())
    if isinstance(design, CmosDesign):  # with what its templates include
        content.update(repr(design.read()).encode())
    return content.hexdigest()


def _installed() -> Mapping[str, EntryPoint]:
    return _entry_points(tuple(sys.path))


@lru_cache(maxsize=4)
def _entry_points(
    _path: tuple[str, ...],  # where packages were looked for
) -> Mapping[str, EntryPoint]:
    return MappingProxyType({point.name: point for point in entry_points(group=_GROUP)})


def _load_installed(point: EntryPoint) -> Design:
    whose = f"{_GROUP} entry point {point.name!r} of {point.dist.name if point.dist else '?'}"
    try:
        found = point.load()
    except Exception as error:  # somebody else's code
        raise InputError(f"cannot load the {whose}: {said(error)}", key="design") from error
    design = _checked(found, point.value)
    if design.name != point.name:
        raise InputError(f"the {whose} gives a design called {design.name!r}", key="design")
    return design


def _load_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:  # a user's code
        raise InputError(f"cannot import {name!r}: {said(error)}", key="design") from error


def _lacking(found: object) -> list[str]:
    """Return what an object, or a class in place of one, lacks to be a design."""
    return [name for name in _NEEDED if isinstance(found, type) or not hasattr(found, name)]


def _checked(found: object, where: str) -> Design:
    """Return `found` if it has what a design has."""
    lacking = _lacking(found)
    if lacking:
        raise InputError(
            f"{where} is no design: it has no {', '.join(lacking)}",
            key="design",
            legal="an object with what red_timeloop.designs.Design has",
        )
    design: Design = found  # type: ignore[assignment]
    if not isinstance(design.name, str) or not _NAME.fullmatch(design.name):
        raise InputError(
            f"got {design.name!r}", key=f"{where}.name", legal="a word, e.g. half_split"
        )
    return design
