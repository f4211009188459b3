"""The exact search: go through a space part by part, and say how far that came."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import TypeAlias

import numpy as np

from red_timeloop.mapper.candidates import Candidates, Objective, evaluate_candidates, value_of
from red_timeloop.mapper.exact.choices import TooManyOrdersError, orders_alike
from red_timeloop.mapper.exact.context import Context, codes_of
from red_timeloop.mapper.exact.frame import Floats, Frame, Integers, build_frame
from red_timeloop.mapper.exact.lower import Lower
from red_timeloop.mapper.exact.part import Part, TooLargeError
from red_timeloop.mapper.exact.parts import TooManyPartsError, placements, spreads
from red_timeloop.mapper.exact.walk import Leaves, Walk, tensors_inside
from red_timeloop.mapper.space import Space

__all__ = ["Proof", "prove"]

# storage and order of its loops -> all orders like it
Alike: TypeAlias = dict[tuple[int, tuple[int, ...]], list[tuple[int, ...]]]

# Two values closer than this are the same: energies are sums of floating-point numbers.
SAME = 1e-9
_BATCH = 8192  # mappings evaluated in one call
_DEEPEST = 20_000  # orders of one mapping's loops that are gone through


@dataclass
class Proof:
    """What the exact search found.

    Attributes:
        value: Value of the best mapping; that of the start if none is better.
        best: The best mapping (one row); None if none is better than the start.
        bound: No mapping's value is lower (but for rounding).
        parts: Parts of the space.
        ruled_out: Parts without a better mapping, by what showed it.
        evaluated: Mappings evaluated.
        visited: Partial mappings bounded.
    """

    value: float
    best: Candidates | None = None
    bound: float = 0.0
    parts: int = 0
    ruled_out: dict[str, int] = field(
        default_factory=lambda: {"instances": 0, "floor": 0, "tiles": 0, "walk": 0}
    )
    evaluated: int = 0
    visited: int = 0

    @property
    def complete(self) -> bool:
        """Whether no mapping is better."""
        return self.bound >= self.value * (1 - SAME)


class _Target:
    """What a part's mappings must beat."""

    def __init__(self, part: Part, objective: Objective, proof: Proof) -> None:
        self.part, self.objective, self.proof = part, objective, proof
        self.latency = part.frame.space.machine.latency

    def value(self, energy: Floats, cycles: Floats) -> Floats:
        """Return the value of J (without leakage) and cycles (without latency)."""
        spent = energy + self.part.leakage * cycles
        return value_of(self.objective, spent, cycles + self.latency)

    def beaten(self, energy: Floats, cycles: Floats) -> np.ndarray:
        """Whether mappings that spend at least that might be better."""
        result: np.ndarray = self.value(energy, cycles) < self.proof.value * (1 - SAME)
        return result


def prove(
    space: Space,
    objective: Objective,
    start: float = float("inf"),
    *,
    evaluations: float = float("inf"),
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, float], None] = lambda done, best: None,
) -> Proof:
    """Go through all mappings that may be better than `start`, and return what was found.

    Args:
        space: The space.
        objective: What is minimized.
        start: Value of a mapping that is known.
        evaluations: Mappings to evaluate at most; from there on parts are only bounded.
        stop: Asked often; true ends the search.
        progress: Called with the mappings evaluated so far and the best value.
    """
    frame = build_frame(space)
    proof = Proof(start)
    if _beyond(space):
        return proof
    lowest = float("inf")  # of what was not gone through
    try:
        pending = list(_pending(frame, objective, proof))
    except TooManyPartsError:
        return proof
    for floor, keep, spread in pending:
        if floor >= proof.value * (1 - SAME):
            proof.ruled_out["floor"] += 1
            continue
        if stop():
            lowest = min(lowest, floor)
            continue

        def enough() -> bool:
            return proof.evaluated >= evaluations or stop()

        part = Part(frame, keep, spread)
        lowest = min(lowest, _part(part, objective, proof, floor, enough, progress))
    proof.bound = min(lowest, proof.value)
    return proof


def _beyond(space: Space) -> bool:
    """Whether the bounds say nothing of the space: `no_coalesce`, or choices left out."""
    return space.keep_count > len(space.keeps) or any(
        any(nest.no_coalesce) for levels in space.keeps for nest in levels
    )


def _pending(
    frame: Frame, objective: Objective, proof: Proof
) -> Iterator[tuple[float, int, Integers]]:
    """Return the parts that may hold something better, most promising first, with a bound each."""
    spread = spreads(frame)
    used = spread.used()
    found = []
    cycles = frame.operations / used
    for keep in range(len(frame.space.keeps)):
        energy = np.full(len(used), _asked(frame, keep))
        value = value_of(objective, energy, cycles + frame.space.machine.latency)
        good = value < proof.value * (1 - SAME)
        proof.parts += len(used)
        proof.ruled_out["instances"] += int((~good).sum())
        for row in np.flatnonzero(good):
            part = Part(frame, keep, spread.factors[row])
            target = _Target(part, objective, proof)
            energy_, reads, writes = part.fixed
            least = np.asarray(energy_ + sum(part.floors.values()))
            floor = float(target.value(least, part.cycles(reads, writes)))
            found.append((floor, keep, int(row)))
    found.sort()
    return ((floor, keep, spread.factors[row]) for floor, keep, row in found)


def _asked(frame: Frame, keep: int) -> float:
    """Return J that operations and the words they ask for cost at least, however they spread."""
    machine = frame.space.machine
    energy = frame.operations * machine.compute.energy
    for tensor, found in enumerate(frame.space.shape.tensors):
        position = frame.storages[frame.kept(keep, tensor)[0]]
        around = machine.levels[: position + 1]
        if any(level.fan_out_x * level.fan_out_y > 1 for level in around):
            continue  # instances may share words, or pass them on
        storage = machine.levels[position]
        each = storage.update_energy if found.read_write else storage.read_energy
        members = storage.instances // storage.clusters
        energy += frame.operations / storage.block_size * each / members
    return energy


def _part(
    part: Part,
    objective: Objective,
    proof: Proof,
    floor: float,
    stop: Callable[[], bool],
    progress: Callable[[int, float], None],
) -> float:
    """Go through a part; return a value that no mapping of it that was left out is below."""
    target = _Target(part, objective, proof)
    _, reads, writes = part.fixed
    cycles = part.cycles(reads, writes)
    try:
        lower = Lower(part, lambda energy: target.beaten(energy, cycles))
        if not np.isfinite(lower.least) or not target.beaten(np.asarray(lower.least), cycles):
            proof.ruled_out["tiles"] += 1
            return float("inf")
        walk = Walk(lower, target, stop)
        for leaves in walk.leaves():
            for candidates in _candidates(part, leaves):
                _try(candidates, part.frame, objective, proof)
                if stop():
                    walk.left = min(walk.left, lower.least)
                    break
            progress(proof.evaluated, proof.value)
    except (TooLargeError, TooManyOrdersError, MemoryError):
        return floor
    proof.visited += walk.visited
    if np.isfinite(walk.left):
        return max(floor, float(target.value(np.asarray(walk.left), cycles)))
    proof.ruled_out["walk"] += 1
    return float("inf")


def _try(candidates: Candidates, frame: Frame, objective: Objective, proof: Proof) -> None:
    costs = evaluate_candidates(candidates, frame.space, objective)
    proof.evaluated += len(candidates)
    row = int(costs.value.argmin())
    if costs.value[row] < proof.value:
        proof.value = float(costs.value[row])
        proof.best = Candidates(
            candidates.levels, candidates.factors[row : row + 1], candidates.order[row : row + 1]
        )


def _candidates(part: Part, leaves: Leaves) -> Iterator[Candidates]:
    """Return the mappings in the engine's form, with every place inside the groups."""
    frame = part.frame
    space = frame.space
    places = placements(frame, part.spread)
    own = list(frame.dimensions)
    step = max(1, _BATCH // len(places))
    for temporal, order in _ordered(part, leaves, step):
        count = len(temporal) * len(places)
        factors = np.ones((count, len(space.places), len(space.shape.sizes)), dtype=np.int64)
        factors[:, :, own] = np.tile(places, (len(temporal), 1, 1))
        for level, number in enumerate(frame.temporal):
            factors[:, number, own] = np.repeat(temporal[:, level], len(places), axis=0)
        full = np.tile(np.arange(len(space.shape.sizes)), (count, len(space.machine.levels), 1))
        idle = [each for each in range(len(space.shape.sizes)) if each not in own]
        for level, position in enumerate(frame.storages):
            chosen = np.asarray(own, dtype=np.int64)[order[:, level]]
            rest = np.broadcast_to(np.asarray(idle, dtype=np.int64), (len(chosen), len(idle)))
            full[:, position] = np.repeat(
                np.concatenate([chosen, rest], axis=1), len(places), axis=0
            )
        yield Candidates(part.nests, factors, full)


def _ordered(part: Part, leaves: Leaves, step: int) -> Iterator[tuple[Integers, Integers]]:
    """Return iterations and orders over time, those that matter to neighbours in every order."""
    deep = _deep(part, leaves)
    plain = np.flatnonzero(~deep)
    for begin in range(0, len(plain), step):
        rows = plain[begin : begin + step]
        yield leaves.temporal[rows], leaves.order[rows]
    alike: Alike = {}
    held: list[tuple[Integers, Integers]] = []
    count = 0
    for row in np.flatnonzero(deep):
        orders = _alike(part, leaves.temporal[row], leaves.order[row], alike)
        for begin in range(0, len(orders), step):
            piece = orders[begin : begin + step]
            held.append((np.repeat(leaves.temporal[row][None], len(piece), axis=0), piece))
        count += len(orders)
        if count >= step:
            yield np.concatenate([a for a, _ in held]), np.concatenate([b for _, b in held])
            held, count = [], 0
    if held:
        yield np.concatenate([a for a, _ in held]), np.concatenate([b for _, b in held])


def _deep(part: Part, leaves: Leaves) -> np.ndarray:
    linked = [each for each in part.boundaries if each.links]
    deep = np.zeros(len(leaves.temporal), dtype=bool)
    if not linked:
        return deep
    codes = codes_of(part.frame)
    for boundary in linked:
        level = boundary.inner
        inner = leaves.temporal[:, : level + 1].prod(axis=1).astype(np.float64)
        context = Context(part, codes, level, inner, leaves.temporal, leaves.order)
        deep |= context.deep(boundary)
    return deep


def _alike(part: Part, temporal: Integers, order: Integers, known: Alike) -> Integers:
    """Return all orders that agree with one in all but what neighbours may do."""
    choices = []
    count = 1
    for level in range(part.levels):
        active = tuple(each for each in order[level].tolist() if temporal[level, each] > 1)
        idle = tuple(each for each in order[level].tolist() if temporal[level, each] == 1)
        key = level, active
        if key not in known:
            known[key] = orders_alike(part.frame, level, active, tensors_inside(part, level))
        own = known[key]
        choices.append([(*each, *idle) for each in own])
        count *= len(own)
        if count > _DEEPEST:
            raise TooManyOrdersError
    return np.array(list(product(*choices)), dtype=np.int64)
