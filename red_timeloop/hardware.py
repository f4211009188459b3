"""The parameter set: what the crossbars and converters of every design are made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from red_timeloop import resources
from red_timeloop.circuit import Circuit, read_set
from red_timeloop.errors import InputError, meant, shown

__all__ = ["Hardware", "read_settings"]

_FOLDER = "arch/parameters"
_CHOICES = {
    "weight_encoding": ("offset", "twos_complement"),
    "merge": ("digital", "current"),
    "word_lines": ("separate", "joined"),
    "pipeline": ("none", "unsampled", "two_stage", "full"),
}
_MOST = 2**20  # lines of an array; a monolithic one has as many as the matrix
_POSITIVE = ("cell_bits", "dac_bits", "fold")
_BOOLEAN = ("zeros_stored", "zero_aware")
_POSITIVE_OR_NONE = ("rows", "columns", "adc_bits")


@dataclass(frozen=True)
class Hardware:
    """One parameter set, the same for all designs that are compared.

    Attributes:
        name: Name of the set.
        rows: Word lines of a physical crossbar; None: as many as the logical matrix has rows.
        columns: Bit lines of a physical crossbar; None: as many as the logical matrix needs.
        cell_bits: Bits stored in one ReRAM cell.
        dac_bits: Bits of an input that one pulse drives (1: bit-serial).
        adc_bits: Resolution of the converters; None: as many as make every conversion exact.
        weight_encoding: `offset` (weights biased to be non-negative, the bias taken off
            digitally: ISAAC, Shafiee et al., ISCA 2016, section V) or `twos_complement` (the
            sign bit in a column of its own, subtracted).
        merge: How the sums of crossbars that belong to one output meet: `digital` (each is
            converted, then added) or `current` (bit lines joined, one conversion).
        word_lines: Whether every crossbar drives lines of its own (`separate`) or the line of an
            input channel runs on through the columns of all modes, one driver for it (`joined`):
            slices x outputs x modes / fold cells, and slices x kernel pixels x outputs where the
            kernel pixels share a matrix. A fold takes the modes of its turns off the line.
        read_circuit: The component that reads the columns: `adc` (converters shared by
            columns: ISAAC), `survey_adc`, `integrate_and_fire`, `sense_amplifier`, or one that
            was registered.
        fold: Kernel pixels that share one sub-crossbar, stacked on its rows, driven in turn.
        zeros_stored: Whether inserted zeros are stored in the buffers and read from them;
            otherwise the row drivers make them.
        zero_aware: Whether an inserted zero raises no pulse and its cells conduct nothing; if not,
            it is driven and read like data, as an evaluation that knows no activity has it.
        pipeline: Which parts of a step overlap: `none`, `unsampled` (read and convert | add),
            `two_stage` (read | convert and add) or `full`.
        circuit: The numbers that the component models use.

    >>> Hardware.load("isaac_32nm").input_slices(8)
    8
    """

    name: str = "custom"
    rows: int | None = 128
    columns: int | None = 128
    cell_bits: int = 2
    dac_bits: int = 1
    adc_bits: int | None = 8
    weight_encoding: str = "offset"
    merge: str = "digital"
    word_lines: str = "separate"
    read_circuit: str = "adc"
    fold: int = 1
    zeros_stored: bool = False
    zero_aware: bool = True
    pipeline: str = "two_stage"
    circuit: Circuit = field(default_factory=Circuit.load)

    def __post_init__(self) -> None:
        for key in _POSITIVE + _POSITIVE_OR_NONE:
            value = getattr(self, key)
            if value is None and key in _POSITIVE_OR_NONE:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST:
                raise InputError(
                    f"got {shown(value)}",
                    key=key,
                    legal=f"a whole number from 1 to {_MOST}"
                    + (", or null" if key in _POSITIVE_OR_NONE else ""),
                )
        for key in _BOOLEAN:
            if not isinstance(getattr(self, key), bool):
                raise InputError(f"got {shown(getattr(self, key))}", key=key, legal="true, false")
        for key in ("name", "read_circuit"):
            if not isinstance(getattr(self, key), str):
                raise InputError(f"got {shown(getattr(self, key))}", key=key, legal="text")
        for key, legal in _CHOICES.items():
            if getattr(self, key) not in legal:
                raise InputError(f"got {shown(getattr(self, key))}", key=key, legal=legal)

    @classmethod
    def load(cls, which: str | Path | Mapping[str, Any] | Hardware = "isaac_32nm") -> Hardware:
        """Return a parameter set.

        Args:
            which: The name of a shipped one, or a YAML file with the same keys, or what differs
                from the default one, by key; a set is returned as it is.

        Raises:
            InputError: There is no such set, or a key or value in it is not legal.

        >>> Hardware.load({"rows": 256, "read_pulse_s": "50ns"}).rows
        256
        """
        if isinstance(which, Hardware):
            return which
        if isinstance(which, Mapping):
            return cls.load().replace(**{str(key): value for key, value in which.items()})
        shipped = resources.names(_FOLDER)
        if str(which) in shipped:
            return _shipped(str(which))
        path = Path(str(which))
        if path.suffix not in (".yaml", ".yml") or not path.is_file():
            raise InputError(
                f"no parameter set {shown(str(which))}{meant(which, shipped)}",
                key="hardware",
                legal=f"{', '.join(shipped)}, or the path of a YAML file",
            )
        return _read(path)

    def replace(self, **changes: Any) -> Hardware:
        """Return the set with some numbers changed, circuit numbers by their own names.

        Raises:
            InputError: A name is neither a field nor one of the set's circuit numbers.

        >>> Hardware.load().replace(fold=2).fold
        2
        """
        own = {f.name for f in dataclasses.fields(self)}
        legal = self.parameters()
        circuit = {key: value for key, value in changes.items() if key not in own}
        for key in circuit:
            if key not in legal:
                raise InputError(f"unknown parameter{meant(key, legal)}", key=key, legal=legal)
        fields = {key: value for key, value in changes.items() if key in own}
        if circuit:
            fields["circuit"] = fields.get("circuit", self.circuit).replace(**circuit)
        return dataclasses.replace(self, **fields)

    @classmethod
    def parameters(cls) -> list[str]:
        """Return the names that `replace` takes."""
        return sorted({*(f.name for f in dataclasses.fields(cls)), *Circuit.names()})

    def weight_slices(self, weight_bits: int) -> int:
        """Return the cells, side by side in a row, that hold one weight."""
        if self.weight_encoding == "twos_complement":
            return 1 + -(-(weight_bits - 1) // self.cell_bits)
        return -(-weight_bits // self.cell_bits)

    def input_slices(self, input_bits: int) -> int:
        """Return the pulses that drive one input value."""
        return -(-input_bits // self.dac_bits)

    def resolution(self, rows_summed: int) -> int:
        """Return the bits of a converter that sees the sum of `rows_summed` cells.

        Without `adc_bits` it is the smallest that tells every possible sum apart:
        `rows * (2**cell_bits - 1) * (2**dac_bits - 1) + 1` values.

        >>> Hardware.load().replace(adc_bits=None).resolution(128)
        9
        """
        return self._exact(rows_summed) if self.adc_bits is None else self.adc_bits

    def lost_bits(self, rows_summed: int) -> int:
        """Return the bits that a converter has fewer than exact sums of `rows_summed` cells take.

        Weights with an offset save one: a column whose sums would reach the top bit is stored
        inverted (ISAAC, Shafiee et al., ISCA 2016, section V).

        >>> Hardware.load().lost_bits(128), Hardware.load().lost_bits(8192)
        (0, 6)
        """
        if self.adc_bits is None:
            return 0
        saved = 1 if self.weight_encoding == "offset" else 0
        return max(0, self._exact(rows_summed) - saved - self.adc_bits)

    def largest_sum(self, rows_summed: int) -> int:
        """Return the largest sum of `rows_summed` cells, in units of one cell's smallest current.

        >>> Hardware.load().largest_sum(128)
        384
        """
        largest: int = rows_summed * (2**self.cell_bits - 1) * (2**self.dac_bits - 1)
        return largest

    def _exact(self, rows_summed: int) -> int:
        return max(1, self.largest_sum(rows_summed).bit_length())


def read_settings(settings: Iterable[str], where: str = "--set") -> dict[str, Any]:
    """Return what texts `KEY=VALUE` say: each KEY with its VALUE, which is read as YAML.

    Raises:
        InputError: A setting is not KEY=VALUE.
    """
    from red_timeloop import _yaml

    read: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise InputError(f"got {shown(setting)}", key=where, legal="KEY=VALUE")
        try:
            value = _yaml.parse(text)
        except InputError as error:
            raise InputError(
                f"cannot read {shown(setting)}", key=where, legal="KEY=VALUE"
            ) from error
        read[key.strip()] = value
    return read


@lru_cache(maxsize=32)
def _shipped(name: str) -> Hardware:
    return _read(resources.path(f"{_FOLDER}/{name}.yaml"))


def _read(path: Path) -> Hardware:
    content = read_set(path)
    legal = {f.name for f in dataclasses.fields(Hardware)}
    for key in content:
        if key not in legal | {"description", "sources"}:
            message = f"unknown key{meant(key, legal)}"
            raise InputError(message, file=path, key=str(key), legal=sorted(legal))
    values = {key: value for key, value in content.items() if key in legal}
    if "circuit" in values:
        values["circuit"] = Circuit.from_mapping(values["circuit"], file=path)
    try:
        return Hardware(**{"name": path.stem, **values})
    except InputError as error:
        raise error.located(file=path) from error
