"""Cycles, energy and legality of a mapping, from its data movement (Timeloop's rules)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from red_timeloop.engines.embedded.machine import Machine, Storage
from red_timeloop.engines.embedded.movement import Traffic
from red_timeloop.engines.embedded.nest import Nest
from red_timeloop.errors import InputError

__all__ = ["Cost", "LevelCost", "evaluate_cost"]


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
    levels = [[each[position] for each in traffic] for position in range(len(machine.levels))]
    for storage, spaces in zip(machine.levels, levels, strict=True):
        _check_capacity(storage, spaces)
    copies, used = _copies(nest)
    compute_cycles = computes // used
    cycles = [
        _cycles(storage, spaces, compute_cycles)
        for storage, spaces in zip(machine.levels, levels, strict=True)
    ]
    longest = max(cycles, default=compute_cycles)
    return Cost(
        computes=computes,
        cycles=longest + sum(storage.latency for storage in machine.levels),
        utilized_compute=used,
        compute_energy=computes * machine.compute.energy,
        levels=tuple(
            LevelCost(
                copies[position],
                cycles[position],
                tuple(_access_energy(storage, each, copies[position]) for each in levels[position]),
                storage.leakage * longest * _leaking(position, machine, copies),
            )
            for position, storage in enumerate(machine.levels)
        ),
    )


def _copies(nest: Nest) -> tuple[list[int], int]:
    """Return the instances in use of every storage level, and of the compute level."""
    copies = []
    used = 1
    for level in reversed(nest.levels):
        copies.append(used)
        for _, factor in (*level.spatial_x, *level.spatial_y):
            used *= factor
    return copies[::-1], used


def _check_capacity(storage: Storage, spaces: Sequence[Traffic]) -> None:
    if storage.capacity is None:
        return
    words = sum(each.size for each in spaces)
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


def _cycles(storage: Storage, spaces: Sequence[Traffic], compute_cycles: int) -> int:
    """Return the cycles of a level, which are more than the compute cycles when it is too slow."""
    reads = writes = 0.0
    for each, scale in zip(spaces, storage.bandwidth_scale, strict=True):
        reads += each.reads / compute_cycles * scale
        writes += (each.fills + each.updates) / compute_cycles * scale
    speed = 1.0
    for available, wanted in (
        (storage.read_bandwidth, reads),
        (storage.write_bandwidth, writes),
        (storage.shared_bandwidth, reads + writes),
    ):
        if available is not None and available < wanted:
            if available <= 0:
                raise InputError(f"a bandwidth of {available}", key=storage.name, legal="above 0")
            speed = min(speed, available / wanted)
    return math.ceil(compute_cycles / speed)


def _access_energy(storage: Storage, traffic: Traffic, copies: int) -> float:
    """Return the energy of all accesses in J; an access moves one block of words.

    Instances that share a row (a cluster) share the energy of an access.
    """
    block = storage.block_size
    cluster = (
        -(-traffic.reads // block) * storage.read_energy
        + -(-traffic.fills // block) * storage.fill_energy
        + -(-traffic.updates // block) * storage.update_energy
    )
    return cluster / (copies / min(copies, storage.clusters)) * copies


def _leaking(position: int, machine: Machine, copies: Sequence[int]) -> float:
    """Return how many instances leak: those in use, or all behind each power gate in use."""
    gate = machine.levels[position].gate
    behind = machine.levels[position].instances / machine.levels[gate].instances
    return behind * copies[gate] if behind > 1 else copies[position]
