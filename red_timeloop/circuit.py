"""The circuit numbers of a parameter set, typed, with their legal ranges.

A set is the `circuit:` section of a file in `arch/parameters/`. An entry is a number, or a mapping
`{value, spread: [low, high], source}` whose spread is what has been published for that number. A
file that names a shipped set as its `base` says only what differs from it.
"""

from __future__ import annotations

import collections.abc as abc
import dataclasses
import itertools
import math
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from red_timeloop import resources
from red_timeloop.errors import InputError, meant, shown
from red_timeloop.units import quantity

__all__ = ["SUPPLY_VOLTAGE", "Circuit", "read_set"]

_FOLDER = "arch/parameters"

# Supply of the predictive technology models, high-performance versions (node in m -> V):
# Zhao and Cao, "New generation of predictive technology model for sub-45 nm early design
# exploration", IEEE TED 2006, and the model cards of ptm.asu.edu.
SUPPLY_VOLTAGE = {
    22e-9: 0.8,
    32e-9: 0.9,
    45e-9: 1.0,
    65e-9: 1.1,
    90e-9: 1.2,
    130e-9: 1.3,
}


def _number(low: float, high: float) -> Any:
    return field(metadata={"range": (low, high)})


@dataclass(frozen=True)
class Circuit:
    """Every circuit number that the component models use; SI units, named in each field.

    Values are floats; `replace` also takes arrays that broadcast against each other, for sweeps.
    What each number means, its source and its published spread stand beside it in the YAML files
    of `arch/parameters/`. Anchors measured at another node carry that node and its supply
    (`anchor_*`, `arithmetic_*`): energies scale with node * V^2 and areas with node^2 from there.
    """

    # Technology
    technology_node_m: float = _number(22e-9, 130e-9)
    supply_voltage_v: float = _number(0.3, 3.3)
    gate_capacitance_f_per_m: float = _number(1e-10, 5e-9)
    junction_capacitance_f_per_m: float = _number(1e-10, 5e-9)
    fo4_delay_s_per_m: float = _number(1e-4, 1e-3)
    off_current_a_per_m: float = _number(0.0, 10.0)
    bit_toggle_share: float = _number(0.0, 1.0)
    # Wires
    wire_capacitance_f_per_m: float = _number(2e-11, 2e-9)
    wire_aspect_ratio: float = _number(0.5, 4.0)
    copper_resistivity_ohm_m: float = _number(1e-9, 1e-6)
    electron_mean_free_path_m: float = _number(0.0, 1e-7)
    grain_reflection: float = _number(0.0, 0.9)
    # Cell
    on_resistance_ohm: float = _number(1e3, 1e8)
    off_resistance_ohm: float = _number(1e3, math.inf)
    access_resistance_ohm: float = _number(0.0, 1e8)
    read_voltage_v: float = _number(0.01, 2.0)
    read_pulse_s: float = _number(1e-10, 1e-5)
    cell_width_features: float = _number(1.0, 40.0)
    cell_height_features: float = _number(1.0, 40.0)
    access_width_features: float = _number(0.0, 40.0)
    mean_conductance_share: float = _number(0.0, 1.0)
    mean_input_share: float = _number(0.0, 1.0)
    write_voltage_v: float = _number(0.1, 10.0)
    write_current_a: float = _number(1e-8, 1e-2)
    write_pulse_s: float = _number(1e-10, 1e-3)
    write_pulses: float = _number(1.0, 1e4)
    # Row and column periphery
    stage_effort: float = _number(1.5, 20.0)
    dac_power_w: float = _number(0.0, 1e-2)
    dac_area_m2: float = _number(0.0, 1e-8)
    pass_gate_share: float = _number(1e-3, 1.0)
    linear_resistance_share: float = _number(0.05, 1.0)
    line_drop_limit: float = _number(1e-3, 1.0)
    clamp_current_a: float = _number(0.0, 1e-3)
    sample_hold_power_w: float = _number(0.0, 1e-3)
    sample_hold_area_m2: float = _number(0.0, 1e-8)
    columns_per_adc: float = _number(1.0, 65536.0)
    control_gates: float = _number(0.0, 1e6)
    # Converter
    adc_rate_hz: float = _number(1e5, 1e10)
    adc_bit_energy_j: float = _number(1e-16, 1e-11)
    adc_capacitor_energy_j: float = _number(0.0, 1e-12)
    adc_thermal_energy_j: float = _number(0.0, 1e-15)
    adc_corner_rate_hz: float = _number(1e6, 1e12)
    adc_bit_area_m2: float = _number(1e-14, 1e-8)
    adc_capacitor_area_m2: float = _number(0.0, 1e-9)
    # Read circuits beside it
    spike_fo4: float = _number(1.0, 1e3)
    spike_gates: float = _number(1.0, 1e4)
    sense_fo4: float = _number(1.0, 1e4)
    sense_gates: float = _number(1.0, 1e4)
    # Anchors of the ReRAM accelerator: shift-add, buffers
    anchor_node_m: float = _number(5e-9, 250e-9)
    anchor_supply_voltage_v: float = _number(0.3, 3.3)
    shift_add_energy_j: float = _number(0.0, 1e-11)
    shift_add_area_m2: float = _number(0.0, 1e-8)
    shift_add_bits: float = _number(1.0, 64.0)
    edram_energy_j: float = _number(0.0, 1e-8)
    edram_access_bits: float = _number(1.0, 8192.0)
    edram_capacity_bits: float = _number(1.0, 1e12)
    edram_area_m2: float = _number(0.0, 1e-4)
    edram_retention_s: float = _number(1e-6, 10.0)
    sram_bit_area_m2: float = _number(0.0, 1e-10)
    # Anchors of CMOS arithmetic and SRAM
    arithmetic_node_m: float = _number(5e-9, 250e-9)
    arithmetic_supply_voltage_v: float = _number(0.3, 3.3)
    adder_fixed_energy_j: float = _number(0.0, 1e-11)
    adder_bit_energy_j: float = _number(0.0, 1e-11)
    adder_fixed_area_m2: float = _number(0.0, 1e-8)
    adder_bit_area_m2: float = _number(0.0, 1e-8)
    multiplier_energy_j: float = _number(0.0, 1e-10)
    multiplier_area_m2: float = _number(0.0, 1e-7)
    multiplier_bits: float = _number(1.0, 64.0)
    sram_energy_j: float = _number(0.0, 1e-8)
    sram_access_bits: float = _number(1.0, 8192.0)
    sram_capacity_bits: float = _number(1.0, 1e12)

    spreads: abc.Mapping[str, tuple[float, float]] = field(default_factory=dict, compare=False)
    sources: abc.Mapping[str, str] = field(default_factory=dict, compare=False)

    def __hash__(self) -> int:
        """Hash the numbers once: components are looked up by them."""
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(tuple(getattr(self, name) for name in self.names()))

    def __post_init__(self) -> None:
        if np.any(np.greater(self.on_resistance_ohm, self.off_resistance_ohm)):
            raise InputError(
                f"a cell that is off would conduct more than one that is on: "
                f"{self.off_resistance_ohm} ohm",
                key="off_resistance_ohm",
                legal=f"on_resistance_ohm or more, {self.on_resistance_ohm}",
            )

    @classmethod
    @lru_cache(maxsize=1)
    def names(cls) -> tuple[str, ...]:
        """Return the names of the numbers, in order."""
        return tuple(f.name for f in dataclasses.fields(cls) if "range" in f.metadata)

    @classmethod
    def from_mapping(
        cls, entries: abc.Mapping[str, object], file: str | Path | None = None
    ) -> Circuit:
        """Read a `circuit:` section.

        Raises:
            InputError: A name is unknown or missing, or a value is no number within its range.
        """
        names = cls.names()
        if not isinstance(entries, abc.Mapping):
            raise InputError(
                f"got {shown(entries)}", file=file, key="circuit", legal="a mapping of numbers"
            )
        for name in entries:
            if name not in names:
                message = f"unknown circuit number{meant(name, names)}"
                raise InputError(message, file=file, key=str(name), legal=names)
        values: dict[str, float] = {}
        spreads: dict[str, tuple[float, float]] = {}
        sources: dict[str, str] = {}
        for name in names:
            if name not in entries:
                raise InputError("circuit number is missing", file=file, key=name)
            entry = entries[name]
            if isinstance(entry, abc.Mapping):
                _check_entry(name, entry, file)
                values[name] = check_number(name, entry["value"], file)
                sources[name] = str(entry.get("source", ""))
                if "spread" in entry:
                    low, high = entry["spread"]
                    spreads[name] = (check_number(name, low, file), check_number(name, high, file))
            else:
                values[name] = check_number(name, entry, file)
        try:
            return cls(**values, spreads=spreads, sources=sources)
        except InputError as error:
            raise error.located(file=file) from None

    @classmethod
    def load(cls, name: str | Path = "isaac_32nm") -> Circuit:
        """Read the circuit section of a shipped set (`isaac_32nm`) or of a file.

        Raises:
            InputError: There is no such set or file, or it is not legal.

        >>> Circuit.load("isaac_32nm").technology_node_m
        3.2e-08
        """
        return _load(str(name))

    def replace(self, **numbers: Any) -> Circuit:
        """Return the same set with some numbers changed.

        Raises:
            InputError: A name is unknown or a scalar value is outside its range.
        """
        for name, value in numbers.items():
            if name not in self.names():
                raise InputError("unknown circuit number", key=name, legal=self.names())
            if isinstance(value, (int, float, str, bool)) or value is None:
                numbers[name] = check_number(name, value)
        return dataclasses.replace(self, **numbers)

    def at_node(self, node_m: float) -> Circuit:
        """Return the set at another technology node, supply voltage scaled with it.

        The supply follows `SUPPLY_VOLTAGE` relative to its value at the set's own node, linear
        between the listed nodes. Cell resistances and voltages do not scale.

        >>> round(Circuit.load("isaac_32nm").at_node(65e-9).supply_voltage_v, 3)
        1.1
        """
        if node_m == self.technology_node_m:
            return self
        ratio = _supply(node_m) / _supply(self.technology_node_m)
        return self.replace(
            technology_node_m=node_m, supply_voltage_v=self.supply_voltage_v * ratio
        )


def check_number(name: str, value: object, file: str | Path | None = None) -> float:
    """Return `value` as a float within the range of the circuit number `name`.

    A text may carry the number's unit with a prefix (`1.28GHz`, `32nm`), or `%`.

    Raises:
        InputError: It is no number, or outside the range, which is named.
    """
    low, high = _RANGES[name]
    legal = f"{low:g} .. {high:g}"
    if isinstance(value, str):
        try:
            value = float(value)  # YAML reads 1e-9, without a dot, as text
        except ValueError:
            try:
                value = quantity(str(value), _unit(name), name, legal)
            except InputError as error:
                raise error.located(file=file) from None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(f"not a number: {shown(value)}", file=file, key=name, legal=legal)
    # A millionth of slack, since 32 * 1e-9 is not 32e-9.
    if not low * (1 - 1e-6) <= value <= high * (1 + 1e-6):
        raise InputError(f"out of range: {value:g}", file=file, key=name, legal=legal)
    return float(value)


def _unit(name: str) -> str:
    """Return the SI unit that a circuit number's name ends with; empty for a plain number.

    >>> _unit("adc_rate_hz"), _unit("gate_capacitance_f_per_m"), _unit("stage_effort")
    ('Hz', 'F/m', '')
    """
    quotient = name.endswith("_per_m")
    word = name.removesuffix("_per_m").rpartition("_")[2]
    words = {"hz": "Hz", "m2": "m2", "m": "m", "s": "s", "v": "V", "w": "W", "j": "J", "a": "A"}
    unit = {**words, "f": "F", "ohm": "ohm"}.get(word, "")
    return f"{unit}/m" if quotient else unit


def _check_entry(name: str, entry: abc.Mapping[str, Any], file: str | Path | None) -> None:
    legal = ("value", "spread", "source")
    for key in entry:
        if key not in legal:
            raise InputError(f"unknown key {shown(key)}", file=file, key=name, legal=legal)
    if "value" not in entry:
        raise InputError("has no value", file=file, key=name, legal=legal)
    spread = entry.get("spread", (0, 0))
    if not isinstance(spread, (list, tuple)) or len(spread) != 2:
        raise InputError(
            f"spread is not a pair: {shown(spread)}", file=file, key=name, legal="[a, b]"
        )


def _supply(node_m: float) -> float:
    nodes = sorted(SUPPLY_VOLTAGE)
    if node_m <= nodes[0]:
        return SUPPLY_VOLTAGE[nodes[0]]
    for low, high in itertools.pairwise(nodes):
        if node_m <= high:
            share = (node_m - low) / (high - low)
            return SUPPLY_VOLTAGE[low] * (1 - share) + SUPPLY_VOLTAGE[high] * share
    return SUPPLY_VOLTAGE[nodes[-1]]


def _load(name: str) -> Circuit:
    shipped = resources.names(_FOLDER)
    file = resources.path(f"{_FOLDER}/{name}.yaml") if name in shipped else Path(name)
    if not file.is_file():
        raise InputError(f"no such parameter set or file: {name}", key="parameters", legal=shipped)
    state = file.stat()
    return _read(file.resolve(), state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=16)
def _read(file: Path, _changed: int, _size: int) -> Circuit:
    """Return the circuit section of `file`, read again when the file has changed."""
    data = read_set(file)
    if not isinstance(data.get("circuit"), dict):
        raise InputError("there is no mapping of that name", file=file, key="circuit")
    return Circuit.from_mapping(data["circuit"], file=file)


def read_set(file: Path) -> dict[str, Any]:
    """Return what a file of parameters says, over what the shipped set says that is its `base`.

    Raises:
        InputError: It is no mapping, or the base is no shipped set.
    """
    from red_timeloop import _yaml

    content = _yaml.load(file)
    if not isinstance(content, dict):
        raise InputError("a parameter set is a mapping of keys to values", file=file)
    own = {key: value for key, value in content.items() if key != "base"}
    if "base" not in content:
        return own
    base, shipped = content["base"], resources.names(_FOLDER)
    if base not in shipped:
        raise InputError(f"no parameter set {shown(base)}", file=file, key="base", legal=shipped)
    under = read_set(resources.path(f"{_FOLDER}/{base}.yaml"))
    if isinstance(own.get("circuit"), dict):
        own["circuit"] = {**under["circuit"], **own["circuit"]}
    return {**under, **own}


_RANGES = {f.name: f.metadata["range"] for f in dataclasses.fields(Circuit) if f.metadata}
