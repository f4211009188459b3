"""Read circuits beside ISAAC's shared converter: survey regression, spikes and sense amplifiers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from red_timeloop.components import technology
from red_timeloop.components.adc import ReadCircuit
from red_timeloop.components.attributes import within

__all__ = ["IntegrateAndFire", "SenseAmplifier", "SurveyAdc"]

# Coefficients of the regression over Murmann's ADC survey (1997 to 2023) of Andrulis, Chen, Lee,
# Emer and Sze, "Modeling analog-digital-converter energy and area for compute-in-memory
# accelerator design", arXiv 2404.06553, as published with hwcomponents-adc 1.0.21 (read, and its
# results for 4 to 12 bits recomputed). Logarithms are natural; node in nm, rate in Hz, pJ, um^2.
_FOM_INTERCEPT, _FOM_RATE = 213.7806687348118, -2.8719030399529957  # Schreier's figure in dB
_FOM_BEST, _FOM_BEST_BIT = 128.3068287398817, 3.220511520977425  # the best at so many bits
_ENERGY_INTERCEPT = 26.0496215686518 - 1.4702022133784405
_ENERGY_NODE, _ENERGY_BITS = 1.8800369206815004, -2.8291256050594527
_AREA_INTERCEPT, _AREA_NODE = 1.3461916439910742, 0.9932794744745022
_AREA_RATE, _AREA_ENERGY = 0.18071538424508238, 0.29912426192653485


@dataclass(frozen=True)
class SurveyAdc(ReadCircuit):
    """Converters as good as the better ones of the ADC survey at these bits, rate and node.

    Source: the regression of Andrulis et al., arXiv 2404.06553, over Murmann's ADC survey. Bits
    are effective ones. The power is a whole converter's, leakage in it.
    """

    resolution: int = field(metadata=within(4, 16))

    @property
    def conversion_energy(self) -> Any:
        """Energy [J] of one conversion."""
        best = _FOM_BEST + _FOM_BEST_BIT * self.resolution
        rated = _FOM_INTERCEPT + _FOM_RATE * np.log(self.circuit.adc_rate_hz)
        signal = 20 * math.log10(2) * self.resolution + 10 * math.log10(1.5)
        ideal = 10 ** ((signal - np.minimum(rated, best)) / 10) / 2
        factor = (
            _ENERGY_INTERCEPT
            + _ENERGY_NODE * np.log(self.circuit.technology_node_m * 1e9)
            + _ENERGY_BITS * math.log(self.resolution)
        )
        return ideal * np.exp(factor) * 1e-12

    @property
    def converter_area(self) -> Any:
        """Area [m^2] of one converter."""
        return 1e-12 * np.exp(
            _AREA_INTERCEPT
            + _AREA_NODE * np.log(self.circuit.technology_node_m * 1e9)
            + _AREA_RATE * np.log(self.circuit.adc_rate_hz)
            + _AREA_ENERGY * np.log(self.conversion_energy * 1e12)
        )

    @property
    def leaking_area(self) -> Any:
        """Area [m^2] that leaks beside what a conversion's energy has in it: none."""
        return 0.0


@dataclass(frozen=True)
class IntegrateAndFire(ReadCircuit):
    """Spikes and a counter: the current charges a capacitor, which fires and starts anew.

    The read circuit of PipeLayer (Song, Qian, Li and Chen, HPCA 2017) and of NeuroSim's oscillating
    neuron, one to a column where `columns_per_adc` is 1. The capacitor is sized so that the
    fullest column fires `2^resolution - 1` times while it is read; energy and area follow from
    their parts, no figure of theirs is taken over.

    Attributes:
        resolution: Bits of the counter.
        rows_used: Rows that hold weights; they set the largest current.
        joined_arrays: Arrays whose bit lines are joined.
    """

    rows_used: int = 128
    joined_arrays: int = 1

    @property
    def spikes(self) -> int:
        """Spikes of the largest current, which the counter holds."""
        return int(2**self.resolution - 1)

    @property
    def integration_seconds(self) -> Any:
        """Time [s] that the current is integrated: the read pulse, or as long as spikes take."""
        spike = self.circuit.spike_fo4 * technology.fo4_delay(self.circuit)
        return np.maximum(self.circuit.read_pulse_s, self.spikes * spike)

    @property
    def capacitance(self) -> Any:
        """Integration capacitor [F], from zero to half the supply in one spike of the largest
        current; no less than the gate that watches it."""
        cell = self.circuit.on_resistance_ohm + self.circuit.access_resistance_ohm
        current = self.rows_used * self.joined_arrays * self.circuit.read_voltage_v / cell
        swing = self.circuit.supply_voltage_v / 2
        charge = current * self.integration_seconds / self.spikes
        return np.maximum(charge / swing, technology.inverter_capacitance(self.circuit))

    @property
    def conversion_energy(self) -> Any:
        """Energy [J] of one conversion, mean input and weight.

        A spike draws the capacitor's charge from the supply through the mirror that copies the
        column's current, switches the gates that fire and reset, and flips two bits of a binary
        counter on average. In the end the counter is read and cleared.
        """
        circuit = self.circuit
        on = 1 / (circuit.on_resistance_ohm + circuit.access_resistance_ohm)
        off = 1 / (circuit.off_resistance_ohm + circuit.access_resistance_ohm)
        mean = (off + (on - off) * circuit.mean_conductance_share) / on
        spikes = self.spikes * circuit.mean_input_share * mean
        charge = self.capacitance * circuit.supply_voltage_v**2 / 2
        gates = circuit.spike_gates * technology.gate_energy(circuit)
        flips = 2 * technology.register_energy_per_bit(circuit)
        return spikes * (charge + gates + flips) + technology.register_energy(
            self.resolution, circuit
        )

    @property
    def conversion_seconds(self) -> Any:
        """Time [s] of integrating beyond the read pulse, and of one more spike to read the counter.

        The pulse itself is the array's; a converter that columns share integrates each anew.
        """
        beyond = self.integration_seconds - self.circuit.read_pulse_s
        return beyond + self.circuit.spike_fo4 * technology.fo4_delay(self.circuit)

    @property
    def latency(self) -> Any:
        """Time [s] of one conversion, and a whole integration for each further column."""
        further = (self.conversions - 1) * (self.conversion_seconds + self.circuit.read_pulse_s)
        return self.conversion_seconds + further

    @property
    def leaking_area(self) -> Any:
        """Area [m^2] of counter and gates; the capacitor does not leak."""
        gates = self.circuit.spike_gates * technology.gate_area(self.circuit)
        counter = technology.register_area(self.resolution, self.circuit)
        return self.count * (gates + counter)

    @property
    def converter_area(self) -> Any:
        """Area [m^2] of one: gates, counter and the capacitor, a gate as long as a feature."""
        per_area = self.circuit.gate_capacitance_f_per_m / self.circuit.technology_node_m
        return self.leaking_area / self.count + self.capacitance / per_area


@dataclass(frozen=True)
class SenseAmplifier(ReadCircuit):
    """Latches that tell whether a column's current is above a reference: one bit.

    Current sensing as in ReRAM memories (Chang et al., "An offset-tolerant fast-random-read
    current-sampling-based sense amplifier for small-cell-current nonvolatile memory", JSSC 2013,
    for the circuit; its parts are counted, no figure is taken over).
    """

    resolution: int = field(metadata=within(1, 1))

    @property
    def conversion_seconds(self) -> Any:
        """Time [s] until the latch has decided."""
        return self.circuit.sense_fo4 * technology.fo4_delay(self.circuit)

    @property
    def conversion_energy(self) -> Any:
        """Energy [J]: the latch switches; two branches draw the clamp's current until then."""
        bias = 2 * self.circuit.clamp_current_a * self.circuit.supply_voltage_v
        latch = self.circuit.sense_gates * technology.gate_energy(self.circuit)
        return bias * self.conversion_seconds + latch

    @property
    def converter_area(self) -> Any:
        """Area [m^2] of one."""
        return self.circuit.sense_gates * technology.gate_area(self.circuit)
