"""Cycles, energy and legality of a mapping, from its data movement (Timeloop's rules)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from red_timeloop.engines.embedded.arithmetic import (
    Accesses,
    access_energies,
    leakage,
    slowed,
    speed,
)
from red_timeloop.engines.embedded.machine import Machine, Storage
from red_timeloop.engines.embedded.movement import Traffic
from red_timeloop.engines.embedded.nest import Nest
from red_timeloop.errors import InputError

__all__ = ["Cost", "LevelCost", "check_capacity", "evaluate_cost", "level_cycles"]


@dataclass(frozen=True)
class LevelCost:
    """One storage level: instances in use, cycles, and energies of all instances in J."""

    utilized_instances: int
    cycles: int
    energies: tuple[float, ...]  # for each data space
    leakage: float

    @property
    def energy(self) -> float:
        """All energy of the level in J."""
        return sum(self.energies) + self.leakage


@dataclass(frozen=True)
class Cost:
    """The whole machine: operations, cycles, instances of the compute level in use, energy in J."""

    computes: int
    cycles: int
    utilized_compute: int
    compute_energy: float
    levels: tuple[LevelCost, ...]  # innermost first

    @property
    def energy(self) -> float:
        """All energy in J."""
        return self.compute_energy + sum(level.energy for level in self.levels)


def evaluate_cost(
    nest: Nest, machine: Machine, traffic: Sequence[Sequence[Traffic]], computes: int
) -> Cost:
    """Return the cost of a mapping.

    Args:
        nest: The mapping.
        machine: The levels.
        traffic: `traffic[data space][level]` as from `data_movement`.
        computes: Number of operations.

    Raises:
        InputError: The tiles do not fit a level, or fill too little of it.
    """
    used, *copies = nest.copies
    compute_cycles = computes // used
    accesses, cycles = [], []
    for position, storage in enumerate(machine.levels):
        spaces = [each[position] for each in traffic]
        check_capacity(storage, sum([each.size for each in spaces]))
        accesses.append(
            {index: (each.reads, each.fills, each.updates) for index, each in enumerate(spaces)}
        )
        cycles.append(level_cycles(storage, accesses[-1], compute_cycles))
    longest = max(cycles, default=compute_cycles)
    return Cost(
        computes=computes,
        cycles=longest + machine.latency,
        utilized_compute=used,
        compute_energy=computes * machine.compute.energy,
        levels=tuple(
            LevelCost(
                copies[position],
                cycles[position],
                tuple(access_energies(storage, accesses[position].values(), copies[position])),
                leakage(machine, position, copies, longest),
            )
            for position, storage in enumerate(machine.levels)
        ),
    )


def check_capacity(storage: Storage, words: int) -> None:
    """Refuse tiles of so many words that do not fit a level, or fill too little of it."""
    if storage.capacity is None:
        return
    if words > storage.capacity:
        raise InputError(
            f"the tiles of the mapping have {words} words, the capacity is {storage.capacity}",
            key=storage.name,
        )
    if words < storage.least_words:
        raise InputError(
            f"the tiles of the mapping have {words} words, the minimum utilization asks for"
            f" {storage.least_words:g}",
            key=storage.name,
        )


def level_cycles(
    storage: Storage, accesses: Mapping[int, Accesses[int]], compute_cycles: int
) -> int:
    """Return the cycles of a level, which are more than the compute cycles when it is too slow."""
    share = speed(storage, accesses, compute_cycles)
    if share <= 0:
        raise InputError("a bandwidth of 0, and words to move", key=storage.name, legal="above 0")
    return slowed(compute_cycles, share)
