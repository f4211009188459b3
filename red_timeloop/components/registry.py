"""From the subclass and the attributes in an architecture to a component.

Component models come from three places: this package; installed packages, which name theirs in
the entry-point group `red_timeloop.components` (`subclass = "module:Class"`); and `register`.
"""

from __future__ import annotations

import collections.abc as abc
import importlib.metadata
import inspect
import sys
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeVar, overload

from red_timeloop._remembered import remembered
from red_timeloop.circuit import Circuit
from red_timeloop.components import adc, crossbar, digital, memory, read_circuits
from red_timeloop.components.attributes import attributes_of
from red_timeloop.components.base import STAGES, Component
from red_timeloop.errors import InputError, meant, shown

__all__ = ["ENTRY_POINTS", "TIMELOOP_ATTRIBUTES", "build", "find", "names", "origin", "register"]

Kind = TypeVar("Kind", bound=type[Component])

ENTRY_POINTS = "red_timeloop.components"  # the group that installed packages use

_PACKAGE: abc.Mapping[str, type[Component]] = MappingProxyType(
    {
        "adc": adc.Adc,
        "adder": digital.Adder,
        "dram": memory.Dram,
        "edram": memory.Edram,
        "host": memory.Host,
        "integrate_and_fire": read_circuits.IntegrateAndFire,
        "mac": digital.Mac,
        "output_register": digital.OutputRegister,
        "overlap_adder": digital.OverlapAdder,
        "regfile": memory.RegFile,
        "reram_array": crossbar.ReramArray,
        "reram_cell": crossbar.ReramCell,
        "reram_mac": crossbar.ReramMac,
        "row_driver": crossbar.RowDriver,
        "sense_amplifier": read_circuits.SenseAmplifier,
        "shift_add": digital.ShiftAdd,
        "sram_buffer": memory.SramBuffer,
        "survey_adc": read_circuits.SurveyAdc,
    }
)
_registered: dict[str, type[Component]] = {}  # only `register` adds to it

# What Timeloop and Accelergy read from a component's attributes beside what a model reads.
_TIMELOOP_TEXT = """
action_latency_cycles cycle_seconds n_instances addr_gen_energy address_generators allow_overbooking
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


@overload
def register(name: str) -> abc.Callable[[Kind], Kind]: ...
@overload
def register(name: str, kind: Kind) -> Kind: ...
def register(name: str, kind: Any = None) -> Any:
    """Make a component model known under a name, the `subclass` of architectures.

    A call with both, or with the name alone a decorator of the class; either returns the class.

    Args:
        name: A name that no other model has.
        kind: A frozen dataclass that extends `Component`; its fields are its attributes.

    Raises:
        InputError: The name is taken, or the class is not a model.

    >>> register("adc", memory.Dram)
    Traceback (most recent call last):
    red_timeloop.errors.InputError: adc: the name is taken by red_timeloop.components.adc.Adc
    """
    if kind is None:
        return lambda decorated: register(name, decorated)
    if not isinstance(name, str) or not name.isidentifier():
        raise InputError(f"got {shown(name)}", key="name", legal="letters, digits and _")
    taken = _PACKAGE.get(name) or _registered.get(name)
    if taken is kind:
        return kind  # said twice, e.g. by a file that runs again
    if taken is not None:
        where = f"{taken.__module__}.{taken.__qualname__}"
        raise InputError(f"the name is taken by {where}", key=name)
    _registered[name] = _checked(name, kind)
    return kind


def names() -> tuple[str, ...]:
    """Return the names of all component models, sorted, those of installed packages included.

    Raises:
        InputError: An installed package uses a name that is taken; names its entry point.
    """
    return tuple(sorted({*_PACKAGE, *_registered, *_installed()}))


def find(name: str | None) -> type[Component] | None:
    """Return the component model of a name; None where there is none.

    Packages are looked through only for a name that is not known yet; the one that has it is
    imported.

    Raises:
        InputError: An entry point is broken or uses a name that is taken; names it.
    """
    if name is None:
        return None
    known = _PACKAGE.get(name) or _registered.get(name)
    if known is None and name in (installed := _installed()):
        known = _load(installed[name])
        _registered.setdefault(name, known)
    return known


def origin(name: str) -> str:
    """Return where the model of a name comes from, in words.

    >>> origin("adc")
    'red_timeloop'
    """
    if name in _PACKAGE:
        return "red_timeloop"
    point = _installed().get(name)
    return f"registered by {_registered[name].__module__}" if point is None else _shown(point)


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
        subclass: One of `names()`.
        attributes: As in the architecture. Timeloop's own and other components' are ignored.
        circuit: The parameter set, if not by name.
        strict: Whether an attribute that nobody knows is an error.

    Raises:
        InputError: The subclass or an attribute is unknown, or a value is missing, of the wrong
            type or outside its range; says which.

    >>> build("adc", {"resolution": 8}).energy("update")  # doctest: +ELLIPSIS
    1.56...e-12
    """
    kind = find(subclass)
    if kind is None:
        raise InputError(f"unknown component {subclass!r}", key="subclass", legal=names())
    values = tuple([item for item in attributes.items() if item[1] is not None])
    if circuit is None:  # a file, which may change
        return _build(kind, subclass, values, (), circuit, strict)
    types = tuple([type(value) for _, value in values])
    return _built(kind, subclass, values, types, circuit, strict)


def _build(
    kind: type[Component],
    subclass: str,
    given: tuple[tuple[str, object], ...],
    _types: tuple[type, ...],  # True and 1.0 are equal to 1 and not the same
    circuit: Circuit | None,
    strict: bool,
) -> Component:
    """See `build`."""
    values, own = dict(given), attributes_of(kind)
    if strict:
        for name in values:
            if name not in own and not _known_elsewhere(name):
                legal = [*own, *Circuit.names()]
                message = f"unknown attribute of {subclass}{meant(name, legal)}"
                raise InputError(message, key=name, legal=legal)
    arguments: dict[str, Any] = {"circuit": _circuit(values, circuit)}
    for name, attribute in own.items():
        if name in values:
            arguments[name] = attribute.convert(values[name])
        elif attribute.needed:
            raise InputError(f"{subclass} needs this attribute", key=name)
    return kind(**arguments)


_built = remembered(_build)


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
    overrides = {name: value for name, value in values.items() if name in _circuit_names()}
    return chosen.replace(**overrides) if overrides else chosen


def _known_elsewhere(name: str) -> bool:
    """Tell whether Timeloop, the circuit or any component knows an attribute of that name.

    A package that cannot be loaded knows none: its own error is for who asks for its component.
    """
    if name in _package_attributes() or any(name in attributes_of(k) for k in _registered.values()):
        return True
    for each in _installed():
        try:
            kind = find(each)
        except InputError:
            continue
        if kind is not None and name in attributes_of(kind):
            return True
    return False


@lru_cache(maxsize=1)
def _package_attributes() -> frozenset[str]:
    fields = (name for kind in _PACKAGE.values() for name in attributes_of(kind))
    return TIMELOOP_ATTRIBUTES | _circuit_names() | frozenset(fields)


@lru_cache(maxsize=1)
def _circuit_names() -> frozenset[str]:
    return frozenset(Circuit.names())


def _checked(name: str, kind: Any) -> type[Component]:
    """Return `kind`; InputError unless it is a frozen component whose attributes have types."""
    legal = "a frozen dataclass that extends red_timeloop.components.Component"
    if not (isinstance(kind, type) and issubclass(kind, Component)):
        raise InputError(f"not a component: {shown(kind)}", key=name, legal=legal)
    own = vars(kind)
    if "__dataclass_params__" not in own or not own["__dataclass_params__"].frozen:
        raise InputError(f"{kind.__name__} is not a frozen dataclass", key=name, legal=legal)
    typed = {key for base in kind.__mro__ for key in inspect.get_annotations(base)}
    for key, value in own.items():
        if key not in typed and not key.startswith("_") and isinstance(value, (int, float, str)):
            raise InputError(
                f"{kind.__name__}: attribute {key!r} has no type",
                key=name,
                legal=f"{key}: {type(value).__name__} = {value!r}, or ClassVar of it",
            )
    if kind.stage not in STAGES:
        raise InputError(f"{kind.__name__}: unknown stage {kind.stage!r}", key=name, legal=STAGES)
    try:
        attributes_of(kind)
    except InputError as error:
        raise error.located(key=name) from None
    return kind


def _installed() -> abc.Mapping[str, importlib.metadata.EntryPoint]:
    """Return the entry points of installed packages by the names of their components."""
    found = _entry_points(tuple(sys.path))
    for name, kind in _registered.items():
        if name in found and found[name].value != f"{kind.__module__}:{kind.__qualname__}":
            by = f"{kind.__module__}.{kind.__qualname__}"
            raise InputError(f"the name is taken by {by}", key=_shown(found[name]))
    return found


@lru_cache(maxsize=4)
def _entry_points(
    _path: tuple[str, ...],  # where packages were looked for
) -> abc.Mapping[str, importlib.metadata.EntryPoint]:
    found: dict[str, importlib.metadata.EntryPoint] = {}
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        if point.name in _PACKAGE or found.get(point.name, point) != point:
            taken = found.get(point.name)
            by = "red_timeloop" if taken is None else _shown(taken)
            raise InputError(f"the name is taken by {by}", key=_shown(point))
        found[point.name] = point
    return MappingProxyType(found)


def _load(point: importlib.metadata.EntryPoint) -> type[Component]:
    try:
        return _checked(point.name, point.load())
    except InputError as error:
        raise InputError(error.message, key=_shown(point), legal=error.legal) from None
    except Exception as error:  # whatever a package does when it is imported
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InputError(f"cannot be loaded: {reason}", key=_shown(point)) from error


def _shown(point: importlib.metadata.EntryPoint) -> str:
    package = point.dist.name if point.dist else "a package"
    return f"entry point {point.name} = {point.value} of {package}"
