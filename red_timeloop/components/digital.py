"""Adders, shift-adds, registers and multipliers.

Adder and multiplier, energies: Horowitz, "Computing's energy problem (and what we can do about
it)", ISSCC 2014 (45 nm, 0.9 V): integer add 0.03 pJ at 8 bits and 0.1 pJ at 32, multiply 0.2 and
3.1 pJ. Areas: 36 and 137 um^2, 282 and 3495 um^2, in Hennessy and Patterson, "Computer
Architecture", 6th edition, figure 1.13 (Design Compiler, TSMC 45 nm). Shift-add: ISAAC.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from red_timeloop.circuit import Circuit
from red_timeloop.components import array, technology
from red_timeloop.components.attributes import within
from red_timeloop.components.base import Component
from red_timeloop.components.memory import SramBuffer

__all__ = ["Adder", "Mac", "OutputRegister", "OverlapAdder", "ShiftAdd", "adder_delay"]

# Exponents over the operand's bits between the two published multipliers.
_MULTIPLIER_ENERGY_EXPONENT = math.log(3.1 / 0.2) / math.log(32 / 8)
_MULTIPLIER_AREA_EXPONENT = math.log(3495 / 282) / math.log(32 / 8)


def adder_energy(bits: Any, circuit: Circuit) -> Any:
    """Return the energy [J] of one addition of `bits`."""
    energy = circuit.adder_fixed_energy_j + circuit.adder_bit_energy_j * bits
    return technology.energy_from_arithmetic(energy, circuit)


def adder_area(bits: Any, circuit: Circuit) -> Any:
    """Return the area [m^2] of an adder of `bits`."""
    area = circuit.adder_fixed_area_m2 + circuit.adder_bit_area_m2 * bits
    return technology.area_from_arithmetic(area, circuit)


def adder_delay(bits: Any, circuit: Circuit) -> Any:
    """Return the delay [s] of a parallel-prefix adder of `bits`.

    Two FO4 for each of its log2(bits) levels and two more for the first and last gate; Knowles,
    "A family of adders", ARITH 1999, for the number of levels.
    """
    levels = np.log2(np.maximum(bits, 1))
    return technology.fo4_delay(circuit) * 2 * (levels + 1)


def shift_add_energy(bits: Any, circuit: Circuit) -> Any:
    """Return the energy [J] of one shift-add of `bits`, in proportion to the anchor's width."""
    energy = circuit.shift_add_energy_j * bits / circuit.shift_add_bits
    return technology.energy_from_anchor(energy, circuit)


def multiplier_energy(bits: Any, circuit: Circuit) -> Any:
    """Return the energy [J] of one multiplication of `bits` by `bits`."""
    ratio = (bits / circuit.multiplier_bits) ** _MULTIPLIER_ENERGY_EXPONENT
    return technology.energy_from_arithmetic(circuit.multiplier_energy_j * ratio, circuit)


def multiplier_area(bits: Any, circuit: Circuit) -> Any:
    """Return the area [m^2] of a multiplier of `bits` by `bits`."""
    ratio = (bits / circuit.multiplier_bits) ** _MULTIPLIER_AREA_EXPONENT
    return technology.area_from_arithmetic(circuit.multiplier_area_m2 * ratio, circuit)


@dataclass(frozen=True)
class ShiftAdd(Component):
    """The shift-adds behind the converters of one crossbar.

    Attributes:
        width: Bits of the sum.
        weight_slices: Physical columns of one logical column.
        input_slices: Pulses of one step.
        columns: Physical columns of the crossbar; None for one shift-add.
        converters: Converters of the crossbar, each with a shift-add of its own; None for one to
            every `columns_per_adc` columns.
    """

    stage = "accumulate"

    width: int
    weight_slices: int = 1
    input_slices: int = 1
    columns: int | None = None
    converters: int | None = None

    def action_energy(self, action: str) -> Any:
        """Return the energy [J]: an update adds all slices of one logical column's step."""
        if action != "update":
            return self.idle(action)
        additions = self.weight_slices * self.input_slices
        return additions * shift_add_energy(self.width, self.circuit)

    @property
    def area(self) -> Any:
        """Area [m^2]: one shift-add for each converter."""
        count = array.converters(self.columns, self.circuit, self.converters)
        one = self.circuit.shift_add_area_m2 * self.width / self.circuit.shift_add_bits
        return count * technology.area_from_anchor(one, self.circuit)

    @property
    def latency(self) -> Any:
        """Time [s] of the last shift-add of a pulse; those before it hide behind conversions."""
        return adder_delay(self.width, self.circuit)


@dataclass(frozen=True)
class Adder(Component):
    """One crossbar's share of the trees that sum the partial sums of several crossbars.

    Attributes:
        width: Bits of the sum.
        inputs: Partial sums of one output: crossbars that share a tree of `inputs - 1` adders.
        lanes: Trees side by side.
    """

    stage = "accumulate"

    width: int
    inputs: int = 2
    lanes: int = 1

    def action_energy(self, action: str) -> Any:
        """Return the energy [J]: an update is one partial sum entering the tree, that is
        `(inputs - 1) / inputs` additions."""
        if action != "update":
            return self.idle(action)
        share = (self.inputs - 1) / self.inputs
        return share * adder_energy(self.width, self.circuit)

    @property
    def area(self) -> Any:
        """Area [m^2] of `(inputs - 1) / inputs` of an adder for each tree."""
        share = (self.inputs - 1) / self.inputs
        return self.lanes * share * adder_area(self.width, self.circuit)

    @property
    def latency(self) -> Any:
        """Time [s] through the levels of the tree."""
        return math.ceil(math.log2(self.inputs)) * adder_delay(self.width, self.circuit)


@dataclass(frozen=True)
class OutputRegister(Component):
    """A register that accumulates: an adder and its flip-flops, for each output it holds.

    Attributes:
        width: Bits of the sum.
        depth: Outputs held; they share one adder.
    """

    stage = "accumulate"

    width: int
    depth: int = 1

    def action_energy(self, action: str) -> Any:
        """Return the energy [J]: an update adds and stores.

        A read is the adder's other input or the way out: Timeloop counts one for every update but
        the first of an output. The update pays for its own; the first one's pays for the way out.
        """
        register = technology.register_energy(self.width, self.circuit)
        gate = technology.gate_energy(self.circuit)
        if action == "update":
            # The adder reads without a clock edge: bits that differ toggle the output's gates.
            read = self.width * self.circuit.bit_toggle_share * gate
            return read + adder_energy(self.width, self.circuit) + register
        if action == "write":
            return register
        return self.idle(action)

    @property
    def area(self) -> Any:
        """Area [m^2] of flip-flops and adder."""
        flip_flops = technology.register_area(self.width * self.depth, self.circuit)
        return flip_flops + adder_area(self.width, self.circuit)


@dataclass(frozen=True)
class OverlapAdder(SramBuffer):
    """A buffer of overlapping outputs with the adders that add into it.

    Attributes:
        datawidth: Bits of one sum; an access of `width` bits has `width / datawidth` of them.
    """

    stage = "accumulate"

    datawidth: int = 16

    @property
    def _sums(self) -> float:
        return self.width / self.datawidth

    def action_energy(self, action: str) -> Any:
        """Return the energy [J]: an update reads the sums so far, adds and writes them back.

        Timeloop counts that read beside the update, for every update but the first of an output.
        Here a read is free; the first update's pays for reading the finished output.
        """
        if action == "update":
            additions = self._sums * adder_energy(self.datawidth, self.circuit)
            return 2 * self.access_energy + self.wire_energy + additions
        if action == "read":
            return 0.0
        return super().action_energy(action)

    @property
    def area(self) -> Any:
        """Area [m^2] of the buffer and of adders for one access."""
        return super().area + self._sums * adder_area(self.datawidth, self.circuit)


@dataclass(frozen=True)
class Mac(Component):
    """A CMOS multiply-accumulate unit.

    Attributes:
        width: Bits of an operand.
        accumulator_bits: Bits of the sum; None for two operands and 8 bits of headroom.
        compute_share: Share of the operations that are not gated.
    """

    stage = "compute"

    width: int = 8
    accumulator_bits: int | None = None
    compute_share: float = field(default=1.0, metadata=within(0, 1))

    actions = ("compute", "leak")
    # Its operands stand still: nothing switches, as in the operations that `compute_share` leaves
    # out. Timeloop takes a whole compute where no price is given.
    gated = ("compute_gated",)

    @property
    def _sum_bits(self) -> int:
        return self.accumulator_bits or 2 * self.width + 8

    def action_energy(self, action: str) -> Any:
        """Return the energy [J] of one multiply, add and register write."""
        if action != "compute":
            return self.idle(action)
        product = multiplier_energy(self.width, self.circuit)
        addition = adder_energy(self._sum_bits, self.circuit)
        register = technology.register_energy(self._sum_bits, self.circuit)
        return self.compute_share * (product + addition + register)

    @property
    def area(self) -> Any:
        """Area [m^2]."""
        product = multiplier_area(self.width, self.circuit)
        addition = adder_area(self._sum_bits, self.circuit)
        return product + addition + technology.register_area(self._sum_bits, self.circuit)
