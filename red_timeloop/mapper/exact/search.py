"""The exact search: go through a space part by part, and say how far that came."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import TypeAlias

import numpy as np

from red_timeloop.mapper.candidates import Candidates, evaluate_candidates, value_of
from red_timeloop.mapper.exact.choices import TooManyOrdersError, orders_alike
from red_timeloop.mapper.exact.context import Context, codes_of
from red_timeloop.mapper.exact.frame import Floats, Frame, Integers, build_frame
from red_timeloop.mapper.exact.goals import Claim, Corner, Goal
from red_timeloop.mapper.exact.lower import Lower, StoppedError
from red_timeloop.mapper.exact.part import Part, TooLargeError
from red_timeloop.mapper.exact.parts import TooManyPartsError, placements, spreads
from red_timeloop.mapper.exact.walk import Leaves, Walk, tensors_inside
from red_timeloop.mapper.space import Space

__all__ = ["Proof", "mappings_of", "prove"]

# storage and order of its loops -> all orders like it
Alike: TypeAlias = dict[tuple[int, tuple[int, ...]], list[tuple[int, ...]]]

_BATCH = 8192  # mappings evaluated in one call
_DEEPEST = 20_000  # orders of one mapping's loops that are gone through


@dataclass
class Proof:
    """What the exact search found.

    Attributes:
        goal: The best of all that is known.
        claims: What is known of each part that is not ruled out by its instances alone; None when
            nothing is known of any.
        parts: Parts of the space.
        ruled_out: Parts without a better mapping, by what showed it.
        evaluated: Mappings evaluated.
        visited: Partial mappings bounded.
    """

    goal: Goal
    claims: list[Claim] | None = None
    parts: int = 0
    ruled_out: dict[str, int] = field(
        default_factory=lambda: {"instances": 0, "floor": 0, "tiles": 0, "walk": 0}
    )
    evaluated: int = 0
    visited: int = 0

    @property
    def open(self) -> list[Corner]:
        """What is left that may still be better than the best that is known."""
        return [corner for corner in self._left if self.goal.open(*map(np.asarray, corner))]

    @property
    def bound(self) -> float:
        """A value that no mapping is below (but for rounding)."""
        if self.claims is None:
            return 0.0
        return min(
            (
                float(value_of(self.goal.objective, *map(np.asarray, corner)))
                for corner in self._left
            ),
            default=self.goal.value,
        )

    @property
    def complete(self) -> bool:
        """Whether no mapping is better."""
        return self.claims is not None and not self.open

    @property
    def _left(self) -> list[Corner]:
        return [each.least for each in self.claims or () if each.least is not None]


class _Target:
    """What a part's mappings must beat."""

    def __init__(self, part: Part, goal: Goal) -> None:
        self.part, self.goal = part, goal
        self.latency = part.frame.space.machine.latency

    def corner(self, energy: float, cycles: Floats) -> Corner:
        """Return J and cycles in all, of J (without leakage) and cycles (without latency)."""
        return energy + self.part.leakage * float(cycles), float(cycles) + self.latency

    def beaten(self, energy: Floats, cycles: Floats) -> np.ndarray:
        """Whether mappings that spend at least that might be better."""
        return self.goal.open(energy + self.part.leakage * cycles, cycles + self.latency)


def prove(
    space: Space,
    goal: Goal,
    *,
    evaluations: float = float("inf"),
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, float], None] = lambda done, best: None,
) -> Proof:
    """Go through all mappings that may be better than what `goal` knows, and return what was found.

    Args:
        space: The space.
        goal: What is looked for; it learns what is found.
        evaluations: Mappings to evaluate at most; from there on parts are only bounded.
        stop: Asked often; true ends the search.
        progress: Called with the mappings evaluated so far and the best value.
    """
    frame = build_frame(space)
    proof = Proof(goal)
    if _beyond(space):
        return proof
    try:
        pending = _pending(frame, proof, stop)
    except TooManyPartsError:
        return proof
    proof.claims = []

    def enough() -> bool:
        return proof.evaluated >= evaluations or stop()

    for _, corner, keep, spread in pending:
        left: Corner | None = None
        if not goal.open(*map(np.asarray, corner)):
            proof.ruled_out["floor"] += 1
        elif stop():
            left = corner
        else:
            left = _part(Part(frame, keep, spread), proof, corner, enough, progress)
        proof.claims.append(Claim(keep, tuple(map(tuple, spread.tolist())), left))
    return proof


def _beyond(space: Space) -> bool:
    """Whether the bounds say nothing of the space: `no_coalesce`, or choices left out."""
    return space.keep_count > len(space.keeps) or any(
        any(nest.no_coalesce) for levels in space.keeps for nest in levels
    )


def _pending(
    frame: Frame, proof: Proof, stop: Callable[[], bool]
) -> list[tuple[float, Corner, int, Integers]]:
    """Return the parts that may hold something better, most promising first.

    Each with its least value, and what its mappings spend at least; from `stop` on, that is what
    operations and the words they ask for cost.
    """
    spread = spreads(frame)
    used = spread.used()
    found = []
    cycles = frame.operations / used
    for keep in range(len(frame.space.keeps)):
        energy = np.full(len(used), _asked(frame, keep))
        good = proof.goal.open(energy, cycles + frame.space.machine.latency)
        proof.parts += len(used)
        proof.ruled_out["instances"] += int((~good).sum())
        for row in np.flatnonzero(good).tolist():
            corner = float(energy[row]), float(cycles[row]) + frame.space.machine.latency
            if not stop():
                part = Part(frame, keep, spread.factors[row])
                fixed, reads, writes = part.fixed
                least = fixed + sum(part.floors.values())
                corner = _Target(part, proof.goal).corner(least, part.cycles(reads, writes))
            value = float(value_of(proof.goal.objective, *map(np.asarray, corner)))
            found.append((value, corner, keep, row))
    return [(value, corner, keep, spread.factors[n]) for value, corner, keep, n in sorted(found)]


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
    proof: Proof,
    floor: Corner,
    stop: Callable[[], bool],
    progress: Callable[[int, float], None],
) -> Corner | None:
    """Go through a part; return what its mappings that were left out spend at least."""
    target = _Target(part, proof.goal)
    _, reads, writes = part.fixed
    cycles = part.cycles(reads, writes)
    try:
        lower = Lower(part, lambda energy: target.beaten(energy, cycles), stop)
        if not np.isfinite(lower.least) or not target.beaten(np.asarray(lower.least), cycles):
            proof.ruled_out["tiles"] += 1
            return None
        walk = Walk(lower, target, stop)
        for leaves in walk.leaves():
            for candidates in mappings_of(part, leaves):
                _try(candidates, part.frame, proof)
                if stop():
                    walk.left = min(walk.left, lower.least)
                    break
            progress(proof.evaluated, proof.goal.value)
    except (TooLargeError, TooManyOrdersError, MemoryError, StoppedError):
        return floor
    proof.visited += walk.visited
    if np.isfinite(walk.left):
        energy, least = target.corner(walk.left, cycles)
        return max(floor[0], energy), least
    proof.ruled_out["walk"] += 1
    return None


def _try(candidates: Candidates, frame: Frame, proof: Proof) -> None:
    costs = evaluate_candidates(candidates, frame.space, proof.goal.objective)
    proof.evaluated += len(candidates)
    proof.goal.add(candidates, costs)


def mappings_of(part: Part, leaves: Leaves) -> Iterator[Candidates]:
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
