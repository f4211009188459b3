"""Prices of the classes that Timeloop's users write: DRAM, SRAM, regfile, intmac, adders, ...

Adders, multipliers and multiply-accumulate units: Horowitz, ISSCC 2014, as in `digital` (there with
what is confirmed); floating point of the same table: add 0.4 and 0.9 pJ at 16 and 32 bits,
multiply 1.1 and 3.7 pJ; areas 1360, 4184, 1640 and 7700 um^2 (Hennessy and Patterson, 6th edition,
figure 1.13). Register, comparator and counter: Shao et al., "Aladdin", ISCA 2014, a 40 nm library,
in the numbers that the package hwcomponents-library 1.0.58 gives with that source (confirmed there,
not in the paper; its supply, 0.9 V, is not confirmed). SRAM and DRAM: see `memory`.

A technology between 22 and 130 nm is scaled to as in `technology`, from the figures' own nodes and
supplies; without one, 45 nm holds, and the name of the model says so. Leakage is that of
high-performance logic of the same area.
"""

from __future__ import annotations

import collections.abc as abc
import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from red_timeloop.circuit import Circuit
from red_timeloop.components import digital, memory, technology, wires
from red_timeloop.components.registry import parse_technology
from red_timeloop.errors import InputError, shown

__all__ = ["ATTRIBUTES", "Standard", "standard"]

_PICOJOULE, _SQUARE_MICROMETRE = 1e-12, 1e-12
_DEFAULT_NODE = 45e-9
_ALADDIN_NODE, _ALADDIN_SUPPLY = 40e-9, 0.9  # m, V
_REGISTER = 0.009 * _PICOJOULE, 5.98 * _SQUARE_MICROMETRE  # energy, area of 1 bit
_COMPARATOR = 0.02947 * _PICOJOULE, 71 * _SQUARE_MICROMETRE  # of 32 bits
_COUNTER = 0.25074 * _PICOJOULE, 495.5 * _SQUARE_MICROMETRE  # of 32 bits
# Energy [pJ] and area [um^2] at 16 and 32 bits, and the power of the bits between them.
_FLOAT_ADD = ((0.4, 0.9), (1360, 4184))
_FLOAT_MULTIPLY = ((1.1, 3.7), (1640, 7700))
# Fewer rows are flip-flops: CACTI models no smaller array (memory compilers likewise).
_FEWEST_ROWS = 64

_ACCESSES = ("read", "write", "update")


@dataclass(frozen=True)
class Standard:
    """A standard component: energies [J] by action, area [m^2], leakage [W], and the model."""

    energies: abc.Mapping[str, float]
    area: float
    leakage_power: float
    model: str

    def __add__(self, other: Standard) -> Standard:
        """Return both as one component, whose actions do what both do."""
        energies = {key: each + other.energies.get(key, 0.0) for key, each in self.energies.items()}
        area, leakage = self.area + other.area, self.leakage_power + other.leakage_power
        return Standard(energies, area, leakage, f"{self.model} + {other.model}")


def standard(component_class: str, attributes: abc.Mapping[str, Any]) -> Standard:
    """Return the prices of a component of a standard class.

    Args:
        component_class: Capitals and `_` do not matter: `smartbuffer_SRAM`, `IntAdder`.
        attributes: As in the architecture; the class reads those in `ATTRIBUTES`.

    Raises:
        InputError: There is no such class, or an attribute is missing or not legal.

    >>> adder = standard("intadder", {"width": 32, "technology": "45nm"})
    >>> round(adder.energies["add"] * 1e12, 3)  # pJ
    0.1
    """
    kind = component_class.lower().replace("_", "")
    if kind not in _CLASSES:
        raise InputError(f"{component_class!r} is not known", legal=sorted(ATTRIBUTES))
    make, _ = _CLASSES[kind]
    given = attributes.get("technology")
    node = _DEFAULT_NODE if given in (None, "SET ME") else parse_technology(given)
    circuit = _circuit(node)
    found: Standard = make(_Attributes(component_class, attributes), circuit)
    assumed = " (no technology is given)" if given in (None, "SET ME") else ""
    place = "" if make is _dram else f" at {node * 1e9:g} nm{assumed}"
    return replace(found, model=f"red_timeloop {found.model}{place}")


@lru_cache(maxsize=64)
def _circuit(node: float) -> Circuit:
    """Return the circuit of a node [m]; at that of Horowitz's figures it has their supply."""
    circuit = Circuit.load("isaac_32nm")
    there = circuit.at_node(circuit.arithmetic_node_m)
    return there.replace(supply_voltage_v=circuit.arithmetic_supply_voltage_v).at_node(node)


@dataclass(frozen=True)
class _Attributes:
    """Typed access to the attributes of a component."""

    component_class: str
    values: abc.Mapping[str, Any]

    @property
    def usual_bits(self) -> float | None:
        """The width where none is given: Aladdin's parts have 32 bits, as for Accelergy."""
        return 32.0 if self.component_class.lower().startswith("aladdin") else None

    def number(self, *names: str, default: float | None = None, least: float = 0) -> float:
        """Return the attribute of the first name that is given."""
        for name in names:
            found = self.values.get(name)
            if found is not None:
                if isinstance(found, bool) or not isinstance(found, int | float) or found < least:
                    raise InputError(f"got {shown(found)}", key=name, legal=f"{least:g} or more")
                return float(found)
        if default is None:
            raise InputError(f"{self.component_class} needs this attribute", key=" or ".join(names))
        return default


def _made(
    model: str, energies: abc.Mapping[str, Any], area: Any, circuit: Circuit, leaks: bool = True
) -> Standard:
    leakage = float(technology.leakage_power(area, circuit)) if leaks else 0.0
    return Standard(
        {key: float(each) for key, each in energies.items()}, float(area), leakage, model
    )


def _dram(given: _Attributes, circuit: Circuit) -> Standard:
    kinds = {name.lower(): name for name in memory.DRAM_ENERGY_PER_BIT}
    kind = kinds.get(str(given.values.get("type", "LPDDR4")).lower())
    if kind is None:
        legal = tuple(memory.DRAM_ENERGY_PER_BIT)
        raise InputError(f"unknown type {given.values['type']!r}", key="type", legal=legal)
    energy = memory.DRAM_ENERGY_PER_BIT[kind] * given.number("width", "datawidth", least=1)
    return _made(f"DRAM {kind}", dict.fromkeys(_ACCESSES, energy), 0.0, circuit, leaks=False)


def _capacity(given: _Attributes) -> tuple[float, float]:
    """Return bits of an access and bits in all; of a memory that is not there, 0."""
    width = given.number("width", "datawidth")
    if given.values.get("depth") is None and given.values.get("size") is not None:
        return width, given.number("size", least=width)
    return width, width * given.number("depth", "entries")


def _sram(given: _Attributes, circuit: Circuit) -> Standard:
    width, bits = _capacity(given)
    bank = bits / given.number("n_banks", default=1, least=1)
    energy = memory.sram_access_energy(width, max(bank, width), circuit) if bits else 0.0
    area = memory.sram_area(bits, circuit)
    return _made("SRAM", dict.fromkeys(_ACCESSES, energy), area, circuit)


def _register(given: _Attributes, circuit: Circuit) -> Standard:
    bits = given.number("width", "datawidth", default=1)
    energy, area = _aladdin(_REGISTER, bits, circuit)
    return _made("register", dict.fromkeys(_ACCESSES, energy), area, circuit)


def _regfile(given: _Attributes, circuit: Circuit) -> Standard:
    """A register file: flip-flops for the bits of an access, and one comparator for each entry,
    as the compound class `regfile` of the public exercises has it."""
    width, bits = _capacity(given)
    one = _aladdin(_REGISTER, width, circuit)[0]
    area = _aladdin(_REGISTER, bits, circuit)[1]
    compare, more = _aladdin(_COMPARATOR, 1, circuit)
    if not bits:
        return _made("register file", dict.fromkeys(_ACCESSES, 0.0), 0.0, circuit)
    entries, address = bits / width, max(1, math.ceil(math.log2(bits / width)))
    energy = one + entries * address / 32 * compare
    area += entries * address / 32 * more
    return _made("register file", dict.fromkeys(_ACCESSES, energy), area, circuit)


def _storage(given: _Attributes, circuit: Circuit) -> Standard:
    width, bits = _capacity(given)
    return (_regfile if bits < _FEWEST_ROWS * width else _sram)(given, circuit)


def _smart(inner: Any) -> Any:
    """Return the maker of a memory with two address generators, of which an access uses one."""

    def make(given: _Attributes, circuit: Circuit) -> Standard:
        width, bits = _capacity(given)
        address = max(1, math.ceil(math.log2(bits / width))) if bits else 1
        one = digital.adder_energy(address, circuit)
        area = 2 * digital.adder_area(address, circuit)
        generators = _made("address adders", dict.fromkeys(_ACCESSES, one), area, circuit)
        memory_itself: Standard = inner(given, circuit)
        return memory_itself + generators

    return make


def _adder(given: _Attributes, circuit: Circuit) -> Standard:
    names = ("width", "datawidth", "n_bits", "precision", "adder_width")
    bits = given.number(*names, default=given.usual_bits)
    energy = digital.adder_energy(bits, circuit) if bits else 0.0
    area = digital.adder_area(bits, circuit) if bits else 0.0
    actions = dict.fromkeys(("add", "subtract", "read", "compute"), energy)
    return _made("adder", actions, area, circuit)


def _multiplier(given: _Attributes, circuit: Circuit) -> Standard:
    usual = given.usual_bits or 0
    both = given.number("width", "datawidth", "multiplier_width", default=usual)
    widths = (given.number(f"width_{x}", f"datawidth_{x}", default=both, least=1) for x in "ab")
    bits = math.sqrt(math.prod(widths))
    if not bits:
        raise InputError("multiplier needs this attribute", key="width, or width_a and width_b")
    actions = dict.fromkeys(
        ("multiply", "mult", "read", "compute"), digital.multiplier_energy(bits, circuit)
    )
    return _made("multiplier", actions, digital.multiplier_area(bits, circuit), circuit)


def _comparator(given: _Attributes, circuit: Circuit) -> Standard:
    """Aladdin's comparator; it has a `width` of 32 bits unless one is given, as in Accelergy."""
    bits = given.number("width", "datawidth", default=32)
    energy, area = _aladdin(_COMPARATOR, bits / 32, circuit)
    return _made("comparator", dict.fromkeys(("compare", "read"), energy), area, circuit)


def _counter(given: _Attributes, circuit: Circuit) -> Standard:
    energy, area = _aladdin(_COUNTER, given.number("width", "datawidth", default=32) / 32, circuit)
    return _made("counter", dict.fromkeys(("count", "read"), energy), area, circuit)


def _intmac(given: _Attributes, circuit: Circuit) -> Standard:
    bits = given.number("multiplier_width", "width", "datawidth", least=1)
    sums = given.number("adder_width", default=2 * bits, least=1)
    energy = digital.multiplier_energy(bits, circuit) + digital.adder_energy(sums, circuit)
    area = digital.multiplier_area(bits, circuit) + digital.adder_area(sums, circuit)
    actions = dict.fromkeys(_MAC_ACTIONS, energy)
    return _made("integer multiply-accumulate", actions, area, circuit)


_MAC_ACTIONS = ("compute", "mac", "mac_random", "multiply", "read")


def _float_bits(given: _Attributes) -> float:
    if given.values.get("exponent") is not None and given.values.get("mantissa") is not None:
        return 1 + given.number("exponent", least=1) + given.number("mantissa", least=1)
    return given.number("width", "datawidth", "multiplier_width", least=4)


def _floating(
    model: str, parts: abc.Sequence[Any], actions: abc.Sequence[str]
) -> abc.Callable[[_Attributes, Circuit], Standard]:
    """Return the maker of a floating-point unit, a power of the bits through both anchors."""

    def make(given: _Attributes, circuit: Circuit) -> Standard:
        bits = _float_bits(given)

        def at(pair: tuple[float, float]) -> float:
            return float(pair[0] * (bits / 16) ** math.log2(pair[1] / pair[0]))

        energy = sum(at(energies) for energies, _ in parts) * _PICOJOULE
        area = sum(at(areas) for _, areas in parts) * _SQUARE_MICROMETRE
        energy = technology.energy_from_arithmetic(energy, circuit)
        area = technology.area_from_arithmetic(area, circuit)
        return _made(model, dict.fromkeys(actions, energy), area, circuit)

    return make


def _wire(given: _Attributes, circuit: Circuit) -> Standard:
    """Repeated wires of a `length` [m]: half the toggling bits rise."""
    bits = given.number("width", "datawidth", default=1, least=1)
    load = given.number("length") * circuit.wire_capacitance_f_per_m
    rising = bits * circuit.bit_toggle_share / 2
    energy = rising * wires.buffer_chain_energy(load, circuit)
    actions = dict.fromkeys(("transfer", "transfer_random", *_ACCESSES), energy)
    return _made("wire", actions, 0.0, circuit, leaks=False)


def _aladdin(anchor: tuple[float, float], times: float, circuit: Circuit) -> tuple[float, float]:
    shrink = circuit.technology_node_m / _ALADDIN_NODE
    supply = circuit.supply_voltage_v / _ALADDIN_SUPPLY
    return times * anchor[0] * shrink * supply**2, times * anchor[1] * shrink**2


_MEMORY = ("width", "depth", "technology")
_CLASSES: abc.Mapping[str, tuple[Any, tuple[str, ...]]] = {
    "dram": (_dram, ("type", "width")),
    **dict.fromkeys(("sram", "buffer"), (_sram, (*_MEMORY, "n_banks"))),
    **dict.fromkeys(("smartbuffersram", "smartbuffer"), (_smart(_sram), (*_MEMORY, "n_banks"))),
    "smartbufferrf": (_smart(_regfile), _MEMORY),
    **dict.fromkeys(("regfile", "registerfile"), (_regfile, _MEMORY)),
    "storage": (_storage, _MEMORY),
    **dict.fromkeys(("register", "reg", "aladdinregister"), (_register, ("width", "technology"))),
    **dict.fromkeys(("adder", "intadder", "aladdinadder"), (_adder, ("width", "technology"))),
    **dict.fromkeys(
        ("multiplier", "intmultiplier", "aladdinmultiplier"),
        (_multiplier, ("width", "width_a", "width_b", "technology")),
    ),
    **dict.fromkeys(("comparator", "aladdincomparator"), (_comparator, ("width", "technology"))),
    **dict.fromkeys(("counter", "aladdincounter"), (_counter, ("width", "technology"))),
    **dict.fromkeys(
        ("mac", "intmac", "aladdinintmac", "compute"),
        (_intmac, ("multiplier_width", "adder_width", "width", "technology")),
    ),
    "fpmac": (
        _floating(
            "floating-point multiply-accumulate", (_FLOAT_ADD, _FLOAT_MULTIPLY), _MAC_ACTIONS
        ),
        ("exponent", "mantissa", "width", "technology"),
    ),
    "fpadder": (
        _floating("floating-point adder", (_FLOAT_ADD,), ("add", "subtract", "read", "compute")),
        ("exponent", "mantissa", "width", "technology"),
    ),
    "fpmultiplier": (
        _floating("floating-point multiplier", (_FLOAT_MULTIPLY,), ("multiply", "read", "compute")),
        ("exponent", "mantissa", "width", "technology"),
    ),
    "wire": (_wire, ("length", "width", "technology")),
}
# The attributes that each standard class reads.
ATTRIBUTES: abc.Mapping[str, tuple[str, ...]] = {key: each for key, (_, each) in _CLASSES.items()}
