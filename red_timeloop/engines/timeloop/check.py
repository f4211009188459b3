"""Checking a run: is its answer there, whole, and of the problem that was asked?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from red_timeloop.engines.timeloop.tools import TimeloopError
from red_timeloop.spec.fields import sequence, text
from red_timeloop.spec.loader import YamlMap, load_file
from red_timeloop.spec.tables import component_name
from red_timeloop.spec.types import (
    Architecture,
    Constraints,
    LevelConstraints,
    LevelMapping,
    Loop,
    LoopConstraint,
    Mapping,
    Problem,
)

__all__ = ["broken_constraints", "estimators", "failure_reason"]

_NOISE = re.compile(r"^\S+ \S+ (ERROR|WARNING)\s+")
_LINES = 6


def failure_reason(folder: Path) -> str:
    """Return what Timeloop's and Accelergy's logs in `folder` say went wrong; "" when nothing."""
    found = [*_accelergy_errors(folder), *_timeloop_errors(folder)]
    return "; ".join(dict.fromkeys(line for line in found if line))[:2000]


def _read(path: Path) -> list[str]:
    return path.read_text(errors="replace").splitlines() if path.is_file() else []


def _timeloop_errors(folder: Path) -> list[str]:
    lines = _read(folder / "timeloop.log")
    found = [
        line.strip()
        for line in lines
        if re.match(
            r"(ERROR|\S*(Error|Exception)\b.*:|Failed|terminate|Assertion|.*what\(\))", line
        )
        or "invalid mappings" in line
        or "no valid mappings found" in line
    ]
    if found:
        return found[-_LINES:]
    return [line.strip() for line in lines[-2:]]


def _accelergy_errors(folder: Path) -> list[str]:
    """Return the crash that Accelergy reports, and why this package's estimators declined."""
    found: list[str] = []
    for log in sorted(folder.glob("*accelergy.log")):
        lines = [_NOISE.sub("", line) for line in _read(log) if " ERROR " in line]
        crash = r"Can not find an? (energy|area) estimator for ([^(]*)"
        found += [
            f"Accelergy has no {match[1]} estimator for {match[2].strip()!r}"
            for line in lines
            if (match := re.match(crash, line))
        ]
        declined = [line.strip("| ") for line in lines if "RedTimeloop" in line]
        found += [line for line in declined if "InputError" in line or "is missing:" in line]
        if not found and lines:
            found.append(f"Accelergy: {lines[-1].strip()}")
    return found[:_LINES]


def estimators(folder: Path) -> dict[str, str]:
    """Return who estimated each component, by level name; empty when Accelergy did not run.

    Raises:
        TimeloopError: A component's estimator is not named.
    """
    found: dict[str, str] = {}
    for summary in sorted(folder.glob("*ERT_summary.yaml")):
        section = load_file(summary)["ERT_summary"]
        for entry in sequence(section, "table_summary", "ERT_summary"):
            assert isinstance(entry, YamlMap)
            name = component_name(text(entry, "name", "ERT_summary"))
            named = [
                text(each, "estimator", name, "")
                for each in entry.get("primitive_estimation(s)") or []
                if isinstance(each, YamlMap)
            ]
            found[name] = ", ".join(sorted({each for each in named if each}))
            if not found[name]:
                raise TimeloopError(f"no estimator is named for {name!r}", file=summary)
    return found


def broken_constraints(
    mapping: Mapping, architecture: Architecture, problem: Problem, constraints: Constraints
) -> list[str]:
    """Return how `mapping` breaks `constraints`; Timeloop's mapper does not obey all of them."""
    broken: list[str] = []
    for level in architecture.mapped_levels:
        bounds = constraints.levels.get(level.name, LevelConstraints())
        chosen = mapping.levels[level.name]
        spatial = chosen.spatial_x + chosen.spatial_y
        found = [
            *_broken_factors(chosen.temporal, bounds.temporal, problem),
            *_broken_factors(spatial, bounds.spatial, problem),
            *_broken_keeps(chosen, bounds),
            *_broken_order(chosen.temporal, bounds.temporal),
        ]
        broken += [f"{level.name}: {each}" for each in found]
    return broken


def _broken_factors(
    loops: tuple[Loop, ...], bounds: LoopConstraint, problem: Problem
) -> Iterator[str]:
    factors = dict(loops)
    for condition in bounds.factors:
        factor = factors.get(condition.dimension, 1)
        size = problem.sizes[condition.dimension]
        bound = condition.value or size
        if condition.comparison == "=" and bound > size:
            continue  # Timeloop ignores it, with a warning
        holds = {"=": factor == bound, "<=": factor <= bound, ">=": factor >= bound}
        if not holds[condition.comparison]:
            yield f"{condition.dimension}={factor} breaks {condition}"


def _broken_keeps(chosen: LevelMapping, bounds: LevelConstraints) -> Iterator[str]:
    for name in bounds.data_spaces.keep:
        if name not in chosen.keep:
            yield f"{name} is bypassed, not kept"
    for name in bounds.data_spaces.bypass:
        if name in chosen.keep:
            yield f"{name} is kept, not bypassed"


def _broken_order(loops: tuple[Loop, ...], bounds: LoopConstraint) -> Iterator[str]:
    """Compare the order of the loops that do iterate with the permutation."""
    iterating = [name for name, _ in loops]
    inner = [name for name in bounds.permutation if name in iterating]
    outer = [name for name in bounds.outermost if name in iterating]
    if iterating[: len(inner)] != inner or (outer and iterating[-len(outer) :] != outer):
        wanted = "".join(bounds.permutation) + ("_" + "".join(outer) if outer else "")
        yield f"the order {''.join(iterating)} breaks the permutation {wanted}"
