"""Equal accuracy: the cheapest converters with which a design is as accurate as it has to be."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from red_timeloop.dataflow.quality import SAMPLE, layer_sqnr, sample_layer
from red_timeloop.designs import Design
from red_timeloop.designs.evaluator import Evaluator
from red_timeloop.errors import InputError, shown
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.workload import Workload

__all__ = ["Converters", "accuracy_notes", "cheapest_converters", "parse_at_least"]

_FEWEST_ROWS = 16


@dataclass(frozen=True)
class Converters:
    """The converters of a design, and what they reach.

    Attributes:
        design: Name of the design.
        hardware: The parameter set with them.
        digital: Whether the design has no crossbars to convert, and is exact as it is.
        sqnr_db: Signal to quantization noise ratio in dB of each layer, by name; infinite where
            every sampled output is exact.
    """

    design: str
    hardware: Hardware
    digital: bool
    sqnr_db: Mapping[str, float]

    @property
    def worst(self) -> tuple[str, float]:
        """The layer with the least ratio, and that."""
        return min(self.sqnr_db.items(), key=lambda item: item[1])

    def as_dict(self) -> dict[str, object]:
        """Return the converters in the keys of the JSON output."""
        layer, least = self.worst
        return {
            "design": self.design,
            "rows": None if self.digital else self.hardware.rows,
            "adc_bits": None if self.digital else self.hardware.adc_bits,
            "sqnr_dB": least,
            "sqnr_layer": layer,
        }


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
    at_least: float,
    step: Callable[[str], None] = lambda text: None,
) -> Converters:
    """Return the converters with the least energy times latency that reach a ratio on all layers.

    For every number of rows driven at once (rows of a crossbar: the set's, halved down to 16; those
    of arrays as large as the matrix are what they are) bits are bisected on executions of
    `dataflow.quality.layer_sqnr`: those found reach the ratio, one bit less does not. Of the rows,
    those are taken whose energy times latency over the workload is the least.

    Args:
        workload: The layers.
        design: The design; one without crossbars is exact as it is.
        evaluator: What evaluates under a parameter set.
        hardware: The parameter set to start from.
        at_least: The least ratio in dB.
        step: Told what comes next, once for each number of rows.

    Raises:
        InputError: The design cannot hold a layer, or not execute it, with any number of rows.
    """
    samples = list(dict.fromkeys(sample_layer(entry.layer) for entry in workload.layers))
    names = {entry.name: entry.layer for entry in workload.layers}
    if not any(design.lanes(design.plan(layer, hardware)) for layer in samples):
        step(design.name)
        return Converters(design.name, hardware, True, dict.fromkeys(names, math.inf))
    best: tuple[float, Hardware] | None = None
    refused: InputError | None = None

    def cost(tried: Hardware) -> float:
        return _energy_times_latency(workload, design, evaluator(tried))

    for rows in row_choices(hardware):
        step(f"{design.name}, {rows or 'all'} rows at once")
        own = hardware.replace(rows=rows)
        bits = max(_exact_bits(layer, own) for layer in samples)
        try:
            # Converters of more bits cost more: only bits that beat the best are tried.
            while best and bits and cost(own.replace(adc_bits=bits)) >= best[0]:
                bits -= 1
            tried = _fewest_bits(samples, design, own, at_least, bits) if bits else None
            if tried is not None:
                best = cost(tried), tried
        except InputError as error:  # fewer rows may not hold a fold
            refused = refused or error
    if best is None:
        raise refused or InputError(
            f"{design.name} does not reach {at_least:g} dB with converters that tell all sums of "
            "its rows apart",
            key="at_least",
            legal="a ratio that the design reaches",
        )
    ratios = {name: layer_sqnr(layer, design, best[1]) for name, layer in names.items()}
    return Converters(design.name, best[1], False, ratios)


def accuracy_notes(at_least: float, found: Sequence[Converters]) -> Iterator[str]:
    """Yield what a comparison at equal accuracy rests on, a sentence each."""
    wanted = "exact outputs" if math.isinf(at_least) else f"at least {at_least:g} dB"
    yield (
        f"Equal accuracy, {wanted} on every layer: for each design the bits and the rows driven at "
        "once (crossbars of so many rows) with the least energy times latency over all layers; "
        "bits by bisection on executions, the least that reach it with those rows."
    )
    yield f"The ratio is that of random tensors: {SAMPLE}; cells are ideal."
    digital = [each.design for each in found if each.digital]
    if digital:
        yield f"{', '.join(digital)}: no crossbars to execute, digital sums are exact."


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
    samples: list[Layer], design: Design, hardware: Hardware, at_least: float, enough: int
) -> Hardware | None:
    """Return the parameter set with bits that reach the ratio while one bit less does not.

    None if `enough` bits do not. The layer that fails is moved to the front, to fail first.
    """

    def reaches(bits: int) -> bool:
        tried = hardware.replace(adc_bits=bits)
        for layer in list(samples):
            if layer_sqnr(layer, design, tried) < at_least:
                samples.remove(layer)
                samples.insert(0, layer)
                return False
        return True

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
    rows = layer.in_channels * math.prod(layer.kernel_size)
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
