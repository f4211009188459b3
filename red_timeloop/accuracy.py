"""Equal accuracy: the cheapest converters with which a design is as accurate as it has to be."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from red_timeloop.dataflow.quality import SAMPLE, layer_sqnr, sample_layer
from red_timeloop.designs import Design
from red_timeloop.designs.evaluator import Evaluator
from red_timeloop.errors import InputError, shown
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.units import decibels
from red_timeloop.workload import Workload

__all__ = [
    "Accuracy",
    "Converters",
    "RandomTensors",
    "accuracy_notes",
    "bound_text",
    "cheapest_converters",
    "parse_at_least",
    "row_choices",
    "value_text",
]

_FEWEST_ROWS = 16


@dataclass(frozen=True)
class Converters:
    """The converters of a design, and what they reach.

    Attributes:
        design: Name of the design.
        hardware: The parameter set with them.
        digital: Whether the design has no crossbars to convert, and is exact as it is.
        reached: The accuracy that was asked for, as it was measured: a ratio in dB, infinite
            where every output is exact, or what else it is a bound of.
        sqnr_db: Signal to quantization noise ratio in dB of each layer, by name.
    """

    design: str
    hardware: Hardware
    digital: bool
    reached: float
    sqnr_db: Mapping[str, float]

    @property
    def worst(self) -> str:
        """The layer with the least ratio; empty where all are exact."""
        layer, least = min(self.sqnr_db.items(), key=lambda item: item[1], default=("", math.inf))
        return "" if math.isinf(least) else layer

    def as_dict(self) -> dict[str, object]:
        """Return the converters in the keys of the JSON output."""
        return {
            "design": self.design,
            "rows": None if self.digital else self.hardware.rows,
            "adc_bits": None if self.digital else self.hardware.adc_bits,
            "reached": self.reached,
            "sqnr_dB": min(self.sqnr_db.values(), default=math.inf),
            "sqnr_layer": self.worst or None,
        }


class Accuracy(Protocol):
    """What a design must reach, and how it is measured: on random tensors, or on a network."""

    @property
    def measure(self) -> str:
        """What is measured: `SQNR`, `IoU`, ..."""

    @property
    def at_least(self) -> float:
        """The bound."""

    @property
    def notes(self) -> Sequence[str]:
        """What was measured on, as sentences."""

    def reaches(self, design: Design, hardware: Hardware) -> bool:
        """Tell whether a design reaches the bound under a parameter set."""

    def reached(self, design: Design, hardware: Hardware) -> tuple[float, Mapping[str, float]]:
        """Return what it reaches, and the ratio in dB of each layer by name."""


class RandomTensors:
    """A bound on the ratio of every layer of a workload, on crops with random tensors."""

    measure = "SQNR"

    def __init__(self, workload: Workload, at_least: str | float) -> None:
        self.at_least = parse_at_least(at_least)
        self.notes = (f"The ratio is that of random tensors: {SAMPLE}; cells are ideal.",)
        self._layers = {entry.name: entry.layer for entry in workload.layers}
        self._samples = list(dict.fromkeys(map(sample_layer, self._layers.values())))

    def reaches(self, design: Design, hardware: Hardware) -> bool:
        """Tell whether all layers reach the ratio; the one that fails is asked first from then."""
        for layer in self._samples:
            if layer_sqnr(layer, design, hardware) < self.at_least:
                self._samples.remove(layer)
                self._samples.insert(0, layer)
                return False
        return True

    def reached(self, design: Design, hardware: Hardware) -> tuple[float, Mapping[str, float]]:
        """Return the least ratio, and all of them."""
        found = {n: layer_sqnr(layer, design, hardware) for n, layer in self._layers.items()}
        return min(found.values()), found


def parse_at_least(text: str | float) -> float:
    """Return a ratio in dB: a number, `35dB`, or `lossless`, which is infinite.

    Below 1 dB, where there is as much noise as signal, more bits may give less (outputs that are
    all 0 have 0 dB); above, ratios rose with the bits wherever they were looked at.

    Raises:
        InputError: It is none of these, or below 1 dB.

    >>> parse_at_least("35 dB"), parse_at_least(20), parse_at_least("lossless")
    (35.0, 20.0, inf)
    """
    found = re.fullmatch(r"\s*([-+]?[0-9.]+|lossless)\s*(dB)?\s*", str(text))
    try:
        value = float(found[1].replace("lossless", "inf")) if found else math.nan
    except ValueError:
        value = math.nan
    if not value >= 1:
        raise InputError(
            f"got {shown(text)}", key="at_least", legal="a ratio from 1dB, e.g. 35dB, or lossless"
        )
    return value


def cheapest_converters(
    workload: Workload,
    design: Design,
    evaluator: Callable[[Hardware], Evaluator],
    hardware: Hardware,
    accuracy: Accuracy,
    step: Callable[[str], None] = lambda text: None,
) -> Converters:
    """Return the converters with the least energy times latency that are accurate enough.

    For every number of rows driven at once (rows of a crossbar: the set's, halved down to 16; those
    of arrays as large as the matrix are what they are) bits are bisected on executions: those found
    reach the bound, one bit less does not. Of the rows, those are taken whose energy times latency
    over the workload is the least.

    Args:
        workload: The layers.
        design: The design; one without crossbars is exact as it is.
        evaluator: What evaluates under a parameter set.
        hardware: The parameter set to start from.
        accuracy: What it must reach.
        step: Told what comes next, once for each number of rows.

    Raises:
        InputError: The design cannot hold a layer, or not execute it, with any number of rows.
    """
    layers = [entry.layer for entry in workload.layers]
    if not any(design.lanes(design.plan(layer, hardware)) for layer in layers):
        step(design.name)
        return Converters(design.name, hardware, True, *accuracy.reached(design, hardware))
    best: tuple[float, Hardware] | None = None
    refused: InputError | None = None

    def cost(tried: Hardware) -> float:
        return _energy_times_latency(workload, design, evaluator(tried))

    for rows in row_choices(hardware):
        step(f"{design.name}, {rows or 'all'} rows at once")
        own = hardware.replace(rows=rows)
        bits = max(_exact_bits(layer, own) for layer in layers)
        try:
            # Converters of more bits cost more: only bits that beat the best are tried.
            while best and bits and cost(own.replace(adc_bits=bits)) >= best[0]:
                bits -= 1
            tried = _fewest_bits(accuracy, design, own, bits) if bits else None
            if tried is not None:
                best = cost(tried), tried
        except InputError as error:  # fewer rows may not hold a fold
            refused = refused or error
    if best is None:
        raise refused or InputError(
            f"{design.name} does not reach {accuracy.measure} {accuracy.at_least:g} with converters"
            " that tell all sums of its rows apart",
            key="at_least",
            legal="what the design reaches",
        )
    return Converters(design.name, best[1], False, *accuracy.reached(design, best[1]))


def accuracy_notes(accuracy: Accuracy, found: Sequence[Converters]) -> Iterator[str]:
    """Yield what a comparison at equal accuracy rests on, a sentence each."""
    yield (
        f"Equal accuracy, {bound_text(accuracy)}: for each design the bits and the rows driven at "
        "once (crossbars of so many rows) with the least energy times latency over all layers; "
        "bits by bisection on executions, one bit less does not reach it with those rows."
    )
    yield from accuracy.notes
    digital = [each.design for each in found if each.digital]
    if digital:
        yield f"{', '.join(digital)}: no crossbars to execute, digital sums are exact."


def bound_text(accuracy: Accuracy) -> str:
    """Return a bound in words."""
    if math.isinf(accuracy.at_least):
        return "exact outputs"
    return f"{accuracy.measure} at least {value_text(accuracy.measure, accuracy.at_least)}"


def value_text(measure: str, value: float) -> str:
    """Return a value of a measure; ratios are in dB.

    >>> value_text("SQNR", 35.04), value_text("IoU", 0.91234)
    ('35.0 dB', '0.912')
    """
    return decibels(value) if measure in ("SQNR", "PSNR") else f"{value:.3g}"


def row_choices(hardware: Hardware) -> tuple[int | None, ...]:
    """Return the numbers of rows that may be driven at once.

    >>> row_choices(Hardware(rows=48)), row_choices(Hardware(rows=None))
    ((48, 24), (None,))
    """
    if hardware.rows is None:
        return (None,)
    found, rows = [hardware.rows], hardware.rows // 2
    while rows >= _FEWEST_ROWS:
        found.append(rows)
        rows //= 2
    return tuple(found)


def _fewest_bits(
    accuracy: Accuracy, design: Design, hardware: Hardware, enough: int
) -> Hardware | None:
    """Return the parameter set with bits that are accurate enough while one bit less is not.

    None if `enough` bits are not.
    """

    def reaches(bits: int) -> bool:
        return accuracy.reaches(design, hardware.replace(adc_bits=bits))

    if not reaches(enough):
        return None
    fails = 0
    while enough - fails > 1:
        bits = (fails + enough) // 2
        if reaches(bits):
            enough = bits
        else:
            fails = bits
    return hardware.replace(adc_bits=enough)


def _exact_bits(layer: Layer, hardware: Hardware) -> int:
    """Return bits that tell all sums apart, of as many rows as a converter can see."""
    rows = layer.in_channels // layer.groups * math.prod(layer.kernel_size)
    if hardware.merge == "digital" and hardware.rows is not None:
        rows = min(rows, hardware.rows)
    return hardware.replace(adc_bits=None).resolution(rows)


def _energy_times_latency(workload: Workload, design: Design, evaluator: Evaluator) -> float:
    energy = latency = 0.0
    for entry in workload.layers:
        result = evaluator(entry.layer, design)
        energy += entry.repeat * result.energy
        latency += entry.repeat * result.latency
    return energy * latency
