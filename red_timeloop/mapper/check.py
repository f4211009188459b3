"""Checking a certificate: what `search.json` claims is derived anew from what stands in it.

The file holds the whole problem, the mappings found and the claims about the parts of the space.
The mappings are evaluated one at a time, as by `red-timeloop model`; the parts are listed by going
through all ways to deal each dimension, not as the search tells them apart; and each claim is
refuted or not on its own, from the lemmas' bounds (`mapper.exact`) and the engine. Nothing of the
guided search, of its order, or of what it kept is trusted.
"""

from __future__ import annotations

import collections.abc as abc
import tempfile
from dataclasses import dataclass, replace
from math import isfinite, prod
from pathlib import Path
from typing import Any, cast

import numpy as np

from red_timeloop.engines.embedded.arithmetic import Booleans, Floats, Integers
from red_timeloop.engines.embedded.engine import evaluate_specification
from red_timeloop.engines.timeloop.check import broken_constraints
from red_timeloop.errors import InputError
from red_timeloop.files import write_atomic
from red_timeloop.mapper.bound import access_energy, build_bound
from red_timeloop.mapper.candidates import Objective, evaluate_candidates, value_of
from red_timeloop.mapper.exact.choices import TooManyOrdersError
from red_timeloop.mapper.exact.frame import Frame, build_frame
from red_timeloop.mapper.exact.goals import SAME, Claim, Corner
from red_timeloop.mapper.exact.lower import Lower
from red_timeloop.mapper.exact.part import Part, TooLargeError
from red_timeloop.mapper.exact.search import mappings_of
from red_timeloop.mapper.exact.walk import Walk
from red_timeloop.mapper.report import SearchReport
from red_timeloop.mapper.run import OBJECTIVES, space_of
from red_timeloop.mapper.space import Space
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import Specification
from red_timeloop.spec.write import mapping_text, specification_text

__all__ = ["Confirmed", "certificate", "check"]

_MOST_PARTS = 5_000_000  # ways to spread the dimensions that are held at once


@dataclass(frozen=True)
class Confirmed:
    """What was confirmed: the value, a bound that no mapping is below, and the parts looked at."""

    value: float
    bound: float
    optimal: bool
    parts: int


def certificate(mapped: Specification, report: SearchReport) -> dict[str, Any]:
    """Return what `search.json` holds beside the report, for `check`.

    Args:
        mapped: What was searched, with the problem (padded, perhaps) and the mapping found.
        report: The search's.

    Returns:
        `{"specification", "mappings", "claims"}`: the first two as Timeloop's YAML; claims as
        `[number of the choice of what is kept, iterations across each group of fan-outs (of each
        dimension of more than one), [J, cycles] that better mappings spend at least or null: there
        are none]`. Nothing where nothing is known of the space.
    """
    if not report.bound or mapped.architecture.sparse:
        return {}
    assert mapped.problem is not None
    assert mapped.mapping is not None
    found = [each.mapping for each in report.front] or [mapped.mapping]
    return {
        "specification": specification_text(replace(mapped, mapping=None)),
        "mappings": [mapping_text(each, mapped.architecture, mapped.problem) for each in found],
        "claims": None
        if report.claims is None
        else [
            [keep, " | ".join(" ".join(map(str, row)) for row in spread), least]
            for keep, spread, least in report.claims
        ],
    }


class _Known:
    """The mappings found, and whether others might be better."""

    def __init__(self, objective: Objective, points: abc.Sequence[Corner]) -> None:
        self.objective = objective
        self.energy, self.cycles = np.array(points, dtype=np.float64).T
        self.value = float(value_of(objective, self.energy, self.cycles).min())

    def better(self, energy: Floats, cycles: Floats | Integers) -> Booleans:
        """Whether none that is known is as good as what spends J and cycles."""
        if self.objective != "pareto":
            better: Booleans = value_of(self.objective, energy, cycles) < self.value * (1 - SAME)
            return better
        energy, cycles = np.broadcast_arrays(energy, cycles)
        as_good = (self.energy * (1 - SAME) <= energy[..., None]) & (
            self.cycles <= cycles[..., None]
        )
        alone: Booleans = ~as_good.any(axis=-1)
        return alone

    def refutes(self, least: Corner | None, energy: Floats, cycles: Floats | Integers) -> Booleans:
        """Whether what spends J and cycles would refute a claim."""
        better = self.better(energy, cycles)
        if least is None:
            return better
        return better & ((energy < least[0] * (1 - SAME)) | (cycles < least[1] * (1 - SAME)))


def check(content: abc.Mapping[str, Any]) -> Confirmed:
    """Confirm the certificate in the content of a `search.json`.

    Raises:
        InputError: It holds none, or something that it claims is not so; says what.
    """
    if not content.get("specification"):
        raise InputError(
            "there is no certificate",
            key="specification",
            legal="the search.json of a search by this package, of dense tensors",
        )
    try:
        return _check(content)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        what = f"not as the mapper writes it: {type(error).__name__}: {error}"
        raise InputError(what, key="search.json", legal="an unchanged file") from error


def _check(content: abc.Mapping[str, Any]) -> Confirmed:
    objective = cast("Objective", content["objective"])
    if objective not in OBJECTIVES:
        raise InputError(f"unknown {objective!r}", key="objective", legal=OBJECTIVES)
    texts = content["specification"], content["mappings"]
    found = list(_read(*texts))
    specification = found[0]
    assert specification.problem is not None
    space = space_of(specification, specification.problem)
    known = _Known(objective, [_cost(each, space) for each in found])
    _equal("value", content["value"], known.value)
    bound, left = build_bound(space, objective).lowest, 1
    claims = [_claim(*each) for each in content["claims"] or ()]
    if content["claims"] is not None:
        _confirm(space, claims, known)
        corners = [each.least for each in claims if each.least is not None]
        energy, cycles = np.array(corners, dtype=np.float64).reshape(-1, 2).T
        left = int(known.better(energy, cycles).sum())
        values = value_of(objective, energy, cycles)
        bound = max(bound, float(values.min(initial=known.value)))
    optimal = left == 0
    bound = known.value if optimal else min(bound, known.value)
    if content["optimal"] and not optimal:
        raise InputError(f"{left} of the claims leave better mappings open", key="optimal")
    if not content["bound"] <= bound * (1 + SAME):
        raise InputError(
            f"{content['bound']:.9g} does not follow", key="bound", legal=f"up to {bound:.9g}"
        )
    if content["bound"]:
        _equal("gap", content["gap"], content["value"] / content["bound"] - 1)
    return Confirmed(known.value, bound, optimal, len(claims))


def _equal(key: str, given: float, derived: float) -> None:
    if not abs(given - derived) <= SAME * max(abs(derived), 1.0 if key == "gap" else 0.0):
        raise InputError(f"{given!r} is claimed", key=key, legal=repr(derived))


def _claim(keep: int, spread: str, least: abc.Sequence[float] | None) -> Claim:
    rows = tuple(tuple(map(int, row.split())) for row in spread.split("|"))
    if least is None:
        return Claim(keep, rows, None)
    energy, cycles = map(float, least)
    if not (isfinite(energy) and isfinite(cycles)):
        raise ValueError(f"claims of {energy} J, {cycles} cycles")
    return Claim(keep, rows, (energy, cycles))


def _read(text: str, mappings: abc.Sequence[str]) -> abc.Iterator[Specification]:
    """Yield the problem with each of the mappings."""
    with tempfile.TemporaryDirectory() as folder:
        file = write_atomic(Path(folder) / "specification.yaml", text)
        for each in mappings:
            yield read_specification(
                file, mapping=write_atomic(Path(folder) / "mapping.yaml", each)
            )


def _cost(specification: Specification, space: Space) -> Corner:
    """Return J and cycles of a mapping of the space, as the engine evaluates a single one."""
    assert specification.mapping is not None
    assert specification.problem is not None
    broken = broken_constraints(
        specification.mapping,
        specification.architecture,
        specification.problem,
        specification.constraints,
    )
    loops = [
        count
        for level in specification.mapping.levels.values()
        for _, count in (*level.spatial_x, *level.spatial_y)
    ]
    if prod(loops) < space.least_used:
        broken.append(f"{prod(loops)} instances are in use, of {space.least_used:g} at least")
    if broken:
        raise InputError(broken[0], key="mappings", legal="a mapping that obeys the constraints")
    result = evaluate_specification(specification)
    return result.energy, float(result.cycles)


def _confirm(space: Space, claims: abc.Sequence[Claim], known: _Known) -> None:
    """Check that every part of the space is claimed, or ruled out by its instances; and so on."""
    frame = build_frame(space)
    of_part = {each[:2]: each for each in claims}
    spreads = _spreads(space, frame)
    used = spreads.prod(axis=(1, 2))
    cycles = space.shape.operations / used + space.machine.latency
    kinds = [tuple(map(tuple, each)) for each in spreads.tolist()]
    for keep in range(len(space.keeps)):
        operations = space.shape.operations
        energy = operations * space.machine.compute.energy + access_energy(space, keep, operations)
        open_ = known.better(np.full(len(used), energy), cycles)
        for spread, unruled in zip(kinds, open_.tolist(), strict=True):
            claim = of_part.pop((keep, spread), None)
            if claim is not None:
                _confirm_part(Part(frame, keep, np.array(spread)), claim, known)
            elif unruled:
                raise InputError(
                    f"nothing is claimed of {_shown(keep, spread, frame)}", key="claims"
                )
    for keep, spread in of_part:
        raise InputError(f"{_shown(keep, spread, frame)} is not in the space", key="claims")


def _spreads(space: Space, frame: Frame) -> Integers:
    """Return what the groups of fan-outs can spread of each dimension, `[S, groups, D]`."""
    across = [number for number, each in enumerate(space.fan_outs) if each is not None]
    most = np.array([space.fan_outs[number] for number in across], dtype=np.int64)
    used = np.ones((1, len(across)), dtype=np.int64)
    spreads = np.ones((1, len(frame.groups), 0), dtype=np.int64)
    for dimension in frame.dimensions:
        ways = np.unique(space.options(dimension)[:, across], axis=0)
        if len(used) * len(ways) > _MOST_PARTS:
            raise InputError("there are too many parts to check", key="claims")
        first, second = np.nonzero((used[:, None] * ways <= most).all(axis=2))
        used = used[first] * ways[second]
        here = [
            ways[:, [across.index(number) for number in group]].prod(axis=1)
            for group in frame.groups
        ]
        spreads = np.concatenate([spreads[first], np.stack(here, axis=1)[second][..., None]], 2)
        both = np.concatenate([used, spreads.reshape(len(used), -1)], axis=1)
        _, rows = np.unique(both, axis=0, return_index=True)
        used, spreads = used[rows], spreads[rows]
    return np.unique(spreads[used.prod(axis=1) >= space.least_used], axis=0)


@dataclass(frozen=True)
class _Refuting:
    """The mappings of a part that would refute the claim about it."""

    part: Part
    claim: Claim
    known: _Known

    def beaten(self, energy: Floats, cycles: Floats) -> Booleans:
        """Whether J (without leakage) and cycles (without latency), at least, might refute it."""
        latency = self.part.frame.space.machine.latency
        joules = energy + self.part.leakage * cycles
        return self.known.refutes(self.claim.least, joules, cycles + latency)


def _confirm_part(part: Part, claim: Claim, known: _Known) -> None:
    """Look for a mapping that refutes a claim where bounds leave room for one."""
    target = _Refuting(part, claim, known)
    energy, reads, writes = part.fixed
    cycles = part.cycles(reads, writes)
    if not target.beaten(np.asarray(energy + sum(part.floors.values())), cycles):
        return
    name = _shown(claim.keep, claim.spread, part.frame)
    try:
        lower = Lower(part, lambda energy: target.beaten(energy, cycles))
        if not np.isfinite(lower.least) or not target.beaten(np.asarray(lower.least), cycles):
            return
        for leaves in Walk(lower, target, lambda: False).leaves():
            for candidates in mappings_of(part, leaves):
                costs = evaluate_candidates(candidates, part.frame.space, known.objective)
                wrong = known.refutes(claim.least, costs.energy, costs.cycles)
                wrong &= np.isfinite(costs.value)
                if wrong.any():
                    row = int(np.flatnonzero(wrong)[0])
                    raise InputError(
                        f"a mapping of {name} spends {costs.energy[row]:.9g} J in"
                        f" {costs.cycles[row]} cycles",
                        key="claims",
                        legal="no better one than is claimed",
                    )
    except (TooLargeError, TooManyOrdersError, MemoryError) as error:
        raise InputError(f"{name} is too large to check", key="claims") from error


def _shown(keep: int, spread: abc.Sequence[abc.Sequence[int]], frame: Frame) -> str:
    names = [frame.space.shape.dimensions[each] for each in frame.dimensions]
    groups = [
        " ".join(f"{name}={n}" for name, n in zip(names, row, strict=False) if n != 1) or "-"
        for row in spread
    ]
    return f"part {keep} ({' | '.join(groups)})"
