"""What reads the columns of a crossbar, and successive-approximation converters for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from red_timeloop.circuit import Circuit
from red_timeloop.components import array, technology
from red_timeloop.components.attributes import within
from red_timeloop.components.base import Component

__all__ = ["Adc", "ReadCircuit", "conversion_area", "conversion_energy"]


def conversion_energy(resolution: Any, circuit: Circuit) -> Any:
    """Return the energy [J] of one conversion at `resolution` bits and the circuit's rate.

    Comparator and logic work once a bit; the capacitor array doubles with every bit (Saberi et
    al., TCAS-I 2011); thermal noise takes four times the energy for each further bit. The first
    and the last are the usual fit to Murmann's ADC survey, k1 * bits + k2 * 4^bits with k1 =
    100 fJ and k2 = 1 aJ (Gonugondla et al., "Fundamental limits on the precision of in-memory
    architectures", ICCAD 2020; Murmann, "Mixed-signal computing for deep neural network
    inference", TVLSI 2021). Fast converters spend more on each bit, in proportion to the rate
    beyond a corner.
    """
    speed = 1 + circuit.adc_rate_hz / circuit.adc_corner_rate_hz
    logic = circuit.adc_bit_energy_j * resolution * speed
    capacitors = circuit.adc_capacitor_energy_j * 2.0**resolution
    scaled = technology.energy_from_anchor(logic + capacitors, circuit)
    return scaled + circuit.adc_thermal_energy_j * 4.0**resolution


def conversion_area(resolution: Any, circuit: Circuit) -> Any:
    """Return the area [m^2] of one converter: a part for each bit and the capacitor array."""
    logic = circuit.adc_bit_area_m2 * resolution
    capacitors = circuit.adc_capacitor_area_m2 * 2.0**resolution
    return technology.area_from_anchor(logic + capacitors, circuit)


@dataclass(frozen=True)
class ReadCircuit(Component):
    """What turns the sums of a crossbar's columns into numbers: its converters, which take turns.

    Attributes:
        resolution: Bits of one conversion.
        weight_slices: Physical columns of one logical column.
        input_slices: Pulses of one step.
        columns: Physical columns of the crossbar; None for one converter.
        columns_used: Logical columns that hold weights, those that are converted; None for one
            conversion a pulse.
        converters: Converters of the crossbar; None for one to every `columns_per_adc` columns.
    """

    stage = "convert"

    resolution: int = field(metadata=within(1, 16))
    weight_slices: int = 1
    input_slices: int = 1
    columns: int | None = None
    columns_used: int | None = None
    converters: int | None = None

    @property
    def count(self) -> Any:
        """Number of converters."""
        return array.converters(self.columns, self.circuit, self.converters)

    @property
    def conversions(self) -> Any:
        """Conversions that one converter makes in a pulse: its share of the columns in use."""
        if self.columns_used is None:
            return 1
        return np.ceil(self.columns_used * self.weight_slices / self.count)

    @property
    def conversion_energy(self) -> Any:
        """Energy [J] of one conversion."""
        raise NotImplementedError

    @property
    def conversion_seconds(self) -> Any:
        """Time [s] of one conversion."""
        return 1 / self.circuit.adc_rate_hz

    @property
    def converter_area(self) -> Any:
        """Area [m^2] of one converter."""
        raise NotImplementedError

    def action_energy(self, action: str) -> Any:
        """Return the energy [J]: an update converts all slices of one logical column's step."""
        if action != "update":
            return self.idle(action)
        return self.weight_slices * self.input_slices * self.conversion_energy

    @property
    def area(self) -> Any:
        """Area [m^2] of all converters."""
        return self.count * self.converter_area

    @property
    def latency(self) -> Any:
        """Time [s] of the conversions that one converter makes in a pulse."""
        return self.conversions * self.conversion_seconds


@dataclass(frozen=True)
class Adc(ReadCircuit):
    """Successive-approximation converters, shared by columns as in ISAAC.

    Anchored at ISAAC's 8 bits, 1.28 GS/s and 32 nm; below 9 bits the growth with the bits is that
    of published designs, above and at slow rates it is optimistic: `survey_adc` says more.
    """

    @property
    def conversion_energy(self) -> Any:
        """Energy [J] of one conversion."""
        return conversion_energy(self.resolution, self.circuit)

    @property
    def converter_area(self) -> Any:
        """Area [m^2] of one converter."""
        return conversion_area(self.resolution, self.circuit)

    @property
    def leaking_area(self) -> Any:
        """Area [m^2] of the logic part; capacitors do not leak."""
        logic = self.circuit.adc_bit_area_m2 * self.resolution
        return self.count * technology.area_from_anchor(logic, self.circuit)
