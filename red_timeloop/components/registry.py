"""From the subclass and the attributes in an architecture to a component."""

from __future__ import annotations

import collections.abc as abc
import dataclasses
import types
import typing
from functools import lru_cache
from typing import Any

from red_timeloop.circuit import Circuit
from red_timeloop.components import adc, crossbar, digital, memory
from red_timeloop.components.base import Component
from red_timeloop.errors import InputError

__all__ = ["COMPONENTS", "TIMELOOP_ATTRIBUTES", "build"]

COMPONENTS: dict[str, type[Component]] = {
    "adc": adc.Adc,
    "adder": digital.Adder,
    "dram": memory.Dram,
    "edram": memory.Edram,
    "host": memory.Host,
    "mac": digital.Mac,
    "output_register": digital.OutputRegister,
    "overlap_adder": digital.OverlapAdder,
    "regfile": memory.RegFile,
    "reram_array": crossbar.ReramArray,
    "reram_cell": crossbar.ReramCell,
    "reram_mac": crossbar.ReramMac,
    "row_driver": crossbar.RowDriver,
    "shift_add": digital.ShiftAdd,
    "sram_buffer": memory.SramBuffer,
}

# What Timeloop and Accelergy read from a component's attributes beside what a model reads.
_TIMELOOP_TEXT = """
action_latency_cycles addr_gen_energy address_generators allow_overbooking
avg_write_energy bandwidth_consumption_scale block_size cluster_area cluster_size
concordant_compressed_tile connectivity datawidth default_md_block_size depth
dynamic_energy energy_scale area_scale entries fill_latency global_cycle_seconds
has_power_gating instances leak_power_gating mesh_x mesh_y meshX meshY
metadata_block_size metadata_counter_width metadata_datawidth metadata_storage_depth
metadata_storage_width metadata_storage_size min_utilization multiple_buffering n_banks
n_ports n_rdwr_ports network_drain network_fill network_fill_latency network_read
network_update network_word_bits num_banks num_ports num_rdports num_wrports
power_gated_at read_bandwidth read_latency reduction_supported router_energy
shared_bandwidth size size_kb sizeKB technology tile_partition type version width
wire_energy word-bits word_bits write_bandwidth write_latency parameters reuse_read
"""
TIMELOOP_ATTRIBUTES = frozenset(_TIMELOOP_TEXT.split())


def build(
    subclass: str,
    attributes: abc.Mapping[str, object],
    circuit: Circuit | None = None,
    *,
    strict: bool = True,
) -> Component:
    """Build the component of a subclass from its attributes.

    An attribute is a field of the component's class, or a circuit number that overrides the set.
    The set is `circuit`, or else the one that the attribute `parameters` names, `isaac_32nm` if
    none. `technology` ("65nm") moves the set to another node.

    Args:
        subclass: A name in `COMPONENTS`.
        attributes: As in the architecture. Timeloop's own and other components' are ignored.
        circuit: The parameter set, if not by name.
        strict: Whether an attribute that nobody knows is an error.

    Raises:
        InputError: The subclass or an attribute is unknown, or a value is missing, of the wrong
            type or outside its range; says which.

    >>> build("adc", {"resolution": 8}).energy("update")  # doctest: +ELLIPSIS
    1.56...e-12
    """
    if subclass not in COMPONENTS:
        raise InputError(f"unknown component {subclass!r}", key="subclass", legal=COMPONENTS)
    kind = COMPONENTS[subclass]
    values = {key: value for key, value in attributes.items() if value is not None}
    if strict:
        for name in values:
            if name not in _known_names():
                legal = [*_fields(subclass), *Circuit.names()]
                raise InputError(f"unknown attribute of {subclass}", key=name, legal=legal)
    arguments: dict[str, Any] = {"circuit": _circuit(values, circuit)}
    fields = _fields(subclass)
    for name, needed in fields.items():
        if name in values:
            arguments[name] = _convert(subclass, name, values[name])
        elif needed:
            raise InputError(f"{subclass} needs this attribute", key=name)
    return kind(**arguments)


def parse_technology(value: object) -> float:
    """Return the node [m] of "32nm", "32" or 32.

    >>> parse_technology("32nm")
    3.2e-08
    """
    low, high = Circuit.__dataclass_fields__["technology_node_m"].metadata["range"]
    legal = f"{low * 1e9:g}nm .. {high * 1e9:g}nm"
    try:
        node = float(str(value).strip().lower().removesuffix("nm")) / 1e9
    except ValueError:
        node = float("nan")
    if not low * (1 - 1e-6) <= node <= high * (1 + 1e-6):
        raise InputError(f"unknown technology: {value!r}", key="technology", legal=legal)
    return node


def _circuit(values: abc.Mapping[str, object], circuit: Circuit | None) -> Circuit:
    chosen = circuit or Circuit.load(str(values.get("parameters", "isaac_32nm")))
    if "technology" in values:
        chosen = chosen.at_node(parse_technology(values["technology"]))
    overrides = {name: values[name] for name in Circuit.names() if name in values}
    return chosen.replace(**overrides) if overrides else chosen


@lru_cache(maxsize=1)
def _known_names() -> frozenset[str]:
    fields = (name for subclass in COMPONENTS for name in _fields(subclass))
    return TIMELOOP_ATTRIBUTES | frozenset(Circuit.names()) | frozenset(fields)


@lru_cache(maxsize=64)
def _fields(subclass: str) -> dict[str, bool]:
    """Return the attributes of a component and whether each must be given."""
    fields = dataclasses.fields(COMPONENTS[subclass])
    return {f.name: f.default is dataclasses.MISSING for f in fields if f.name != "circuit"}


@lru_cache(maxsize=256)
def _types(subclass: str, name: str) -> tuple[type, ...]:
    hint = typing.get_type_hints(COMPONENTS[subclass])[name]
    return typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)


def _convert(subclass: str, name: str, value: Any) -> int | float | str:
    """Return an attribute in its type and range."""
    wanted = _types(subclass, name)
    if str in wanted:
        choices = getattr(COMPONENTS[subclass], "choices", {}).get(name)
        if choices and value not in choices:
            raise InputError(f"unknown value {value!r}", key=name, legal=choices)
        return str(value)
    low, high = _range(name)
    legal = f"{low:g} .. {high:g}"
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"not a number: {value!r}", key=name, legal=legal) from None
    if isinstance(value, bool) or not low <= number <= high:
        raise InputError(f"out of range: {value!r}", key=name, legal=legal)
    if float in wanted:
        return number
    if number != int(number):
        raise InputError(f"not a whole number: {value!r}", key=name, legal=legal)
    return int(number)


def _range(name: str) -> tuple[float, float]:
    limits = {
        "resolution": (1.0, 16.0),
        "cell_bits": (1.0, 8.0),
        "dac_bits": (1.0, 8.0),
        "real_share": (0.0, 1.0),
        "served_arrays": (0.0, 1e9),
        "global_cycle_seconds": (0.0, 1.0),
        "reached_arrays": (0.0, 1e9),
        "stored_share": (0.0, 1.0),
        "compute_share": (0.0, 1.0),
        "read_share": (0.0, 1.0),
        "write_share": (0.0, 1.0),
        "update_share": (0.0, 1e6),
    }
    return limits.get(name, (1.0, 1e18))
