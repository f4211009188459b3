"""Memories. Their Timeloop actions are accesses of `width` bits; capacity is `width * depth`.

Timeloop counts the read of a read-modify-write as a read of its own, so an update is one access:
the write.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from red_timeloop.circuit import Circuit
from red_timeloop.components import array, technology, wires
from red_timeloop.components.adc import conversion_area
from red_timeloop.components.attributes import one_of, within
from red_timeloop.components.base import Component

__all__ = ["Dram", "Edram", "Host", "RegFile", "SramBuffer", "sram_access_energy", "sram_area"]

# Energy per bit [J]. LPDDR4 and HBM2: O'Connor et al., "Fine-grained DRAM", MICRO 2017 (HBM2
# 3.92 pJ/bit) and Micron's LPDDR4 power notes as used for accelerators (8 pJ/bit with I/O).
# DDR3: Malladi et al., "Towards energy-proportional datacenter memory with mobile DRAM",
# ISCA 2012 (70 pJ/bit at full use for DDR3, 40 pJ/bit for LPDDR2). DDR4: 20 pJ/bit, the low end
# of Horowitz, ISSCC 2014 (1.3 to 2.6 nJ for 64 bits).
DRAM_ENERGY_PER_BIT = {"LPDDR4": 8e-12, "LPDDR2": 40e-12, "DDR3": 70e-12, "DDR4": 20e-12}
DRAM_ENERGY_PER_BIT["HBM2"] = 3.92e-12


def sram_access_energy(bits: Any, capacity_bits: Any, circuit: Circuit) -> Any:
    """Return the energy [J] of reading or writing `bits` of an SRAM of `capacity_bits`.

    Word and bit lines grow with the side of the array: energy goes with the square root of the
    capacity. Horowitz, ISSCC 2014 (45 nm, 64 bits): 10 pJ at 8 KB, 20 pJ at 32 KB, 100 pJ at
    1 MB, where the root through the first gives 20 and 113. Never less than its output latches.
    """
    root = np.sqrt(capacity_bits / circuit.sram_capacity_bits)
    anchor = circuit.sram_energy_j * bits / circuit.sram_access_bits * root
    floor = technology.register_energy(bits, circuit)
    return np.maximum(technology.energy_from_arithmetic(anchor, circuit), floor)


def sram_area(capacity_bits: Any, circuit: Circuit) -> Any:
    """Return the area [m^2] of an SRAM, in proportion to its bits."""
    return technology.area_from_anchor(circuit.sram_bit_area_m2 * capacity_bits, circuit)


def edram_access_energy(bits: Any, capacity_bits: Any, circuit: Circuit) -> Any:
    """Return the energy [J] of reading or writing `bits` of an eDRAM bank of `capacity_bits`."""
    root = np.sqrt(capacity_bits / circuit.edram_capacity_bits)
    anchor = circuit.edram_energy_j * bits / circuit.edram_access_bits * root
    return technology.energy_from_anchor(anchor, circuit)


@dataclass(frozen=True)
class Buffer(Component):
    """A memory with, if crossbars are named, the wires to them.

    Attributes:
        width: Bits of one access.
        depth: Rows of `width` bits.
        n_banks: Banks, one of which is accessed.
        stored_share: Share of the capacity that exists; the rest is what a dense loop nest keeps
            and the layer does not store.
        served_arrays: Crossbars that the buffer's H-tree reaches; 0 for no tree.
        reached_arrays: Crossbars that one access goes to.
        rows: Physical rows of such a crossbar.
        columns: Physical columns of it.
        resolution: Bits of its converters.
    """

    width: int
    depth: int
    n_banks: int = 1
    stored_share: float = field(default=1.0, metadata=within(0, 1))
    served_arrays: int = field(default=0, metadata=within(0, 1e9))
    reached_arrays: float = field(default=1, metadata=within(0, 1e9))
    rows: int | None = None
    columns: int | None = None
    resolution: int = field(default=8, metadata=within(1, 16))

    @property
    def bank_bits(self) -> float:
        """Capacity [bit] of one bank."""
        return self.width * self.depth * self.stored_share / self.n_banks

    @cached_property
    def tree_length(self) -> Any:
        """Wire [m] that one access switches."""
        if not self.served_arrays or self.rows is None or self.columns is None:
            return 0.0
        area = array.array_area(self.rows, self.columns, self.circuit)
        area = area + self.rows * array.row_area(self.columns, 1, self.circuit)
        converters = array.converters(self.columns, self.circuit)
        area = area + converters * conversion_area(self.resolution, self.circuit)
        return wires.tree_length(self.served_arrays, self.reached_arrays, np.sqrt(area))

    @cached_property
    def wire_energy(self) -> Any:
        """Energy [J] of sending one access over the tree: half the toggling bits rise."""
        load = self.tree_length * self.circuit.wire_capacitance_f_per_m
        rising = self.width * self.circuit.bit_toggle_share / 2
        return rising * wires.buffer_chain_energy(load, self.circuit)

    @property
    def access_energy(self) -> Any:
        """Energy [J] of one access in the memory itself."""
        raise NotImplementedError

    def action_energy(self, action: str) -> Any:
        """Return the energy [J] of one access."""
        if action in ("read", "write", "update"):
            return self.access_energy + self.wire_energy
        return self.idle(action)


@dataclass(frozen=True)
class SramBuffer(Buffer):
    """An SRAM buffer."""

    @property
    def access_energy(self) -> Any:
        """Energy [J] of one access in the memory itself."""
        return sram_access_energy(self.width, self.bank_bits, self.circuit)

    @property
    def area(self) -> Any:
        """Area [m^2]."""
        return sram_area(self.bank_bits * self.n_banks, self.circuit)


@dataclass(frozen=True)
class Edram(Buffer):
    """An embedded DRAM; its refresh is its leakage."""

    @property
    def access_energy(self) -> Any:
        """Energy [J] of one access in the memory itself."""
        return edram_access_energy(self.width, self.bank_bits, self.circuit)

    @property
    def area(self) -> Any:
        """Area [m^2], in proportion to the capacity."""
        share = self.bank_bits * self.n_banks / self.circuit.edram_capacity_bits
        return share * technology.area_from_anchor(self.circuit.edram_area_m2, self.circuit)

    @property
    def leakage_power(self) -> Any:
        """Power [W] of rewriting every bit once in a retention time."""
        return self.depth * self.stored_share * self.access_energy / self.circuit.edram_retention_s


@dataclass(frozen=True)
class RegFile(Component):
    """A small file of flip-flops.

    Attributes:
        width: Bits of one access.
        depth: Entries.
    """

    width: int
    depth: int = 1

    def action_energy(self, action: str) -> Any:
        """Return the energy [J]: a write clocks one entry, a read walks the output multiplexer."""
        write = technology.register_energy(self.width, self.circuit)
        gate = technology.gate_energy(self.circuit)
        read = self.width * self.circuit.bit_toggle_share * gate * self.depth
        return {"read": read, "write": write, "update": write}.get(action, self.idle(action))

    @property
    def area(self) -> Any:
        """Area [m^2] of the flip-flops and one multiplexer gate for each bit."""
        bits = self.width * self.depth
        multiplexer = bits * technology.gate_area(self.circuit)
        return technology.register_area(bits, self.circuit) + multiplexer


@dataclass(frozen=True)
class Dram(Component):
    """Memory outside the chip: energy only.

    Attributes:
        width: Bits of one access.
        type: LPDDR4, LPDDR2, DDR3, DDR4 or HBM2.
    """

    width: int
    type: str = field(default="LPDDR4", metadata=one_of(*DRAM_ENERGY_PER_BIT))

    def action_energy(self, action: str) -> Any:
        """Return the energy [J] of one access."""
        if action in ("read", "write", "update"):
            return self.width * DRAM_ENERGY_PER_BIT[self.type]
        return self.idle(action)


@dataclass(frozen=True)
class Host(Component):
    """Where inputs come from and outputs go to, outside of what is modelled: costs nothing."""
