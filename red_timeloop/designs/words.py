"""What results rest on, and why one design needs less than another, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from red_timeloop.designs.result import DesignResult
from red_timeloop.hardware import Hardware
from red_timeloop.units import percent, ratio, scaled

__all__ = ["assumptions", "dominated", "reason", "reasons"]

_TIE = 1.005  # energies that print alike
_MOST = 2 / 3  # share of the time from which a layer decides over the total


def assumptions(
    hardware: Hardware,
    engine: str,
    results: Sequence[tuple[str, DesignResult]],
    *,
    equal_accuracy: bool = False,
) -> Iterator[str]:
    """Yield what the numbers of all designs rest on, a sentence each, and where they are doubtful.

    Args:
        hardware: The parameter set.
        engine: Who counted.
        results: Each layer's name with its result on a design.
        equal_accuracy: Whether converters were chosen so that all designs are as accurate.
    """
    used = [result.plan.hardware for _, result in results] or [hardware]
    size = (
        f"{_range([each.rows for each in used])}x{hardware.columns} crossbars"
        if hardware.rows and hardware.columns
        else f"crossbars of {hardware.rows} rows, as wide as the logical matrix"
        if hardware.rows
        else "arrays as large as the logical matrix"
    )
    bits = _range([each.adc_bits for each in used])
    bits = f"{bits}-bit" if bits else "exact"
    reads = "" if hardware.read_circuit == "adc" else f" ({hardware.read_circuit})"
    lines = ", word lines through all modes" if hardware.word_lines == "joined" else ""
    yield (
        f"{hardware.name}: {size}, {hardware.cell_bits}-bit cells, {bits} converters{reads}"
        f"{lines}, sums merged {'digitally' if hardware.merge == 'digital' else 'in current'}, "
        f"fold {hardware.fold}; {engine} engine; weights resident, programming not counted."
    )
    driven = "raise no pulse" if hardware.zero_aware else "are driven and read like data"
    stored = "stored in the buffers" if hardware.zeros_stored else "made at the row drivers"
    yield f"Inserted zeros {driven}; they are {stored}."
    lost, most = max(
        ((result.plan.lost_bits, where) for where, result in _placed(results)), default=(0, "")
    )
    if lost and not equal_accuracy:
        yield (
            f"Converters have up to {lost} bit{'s' * (lost > 1)} fewer than exact sums take "
            f"({most}): designs are not compared at equal accuracy."
        )
    drop, most = max(
        ((result.line_drop, where) for where, result in _placed(results)), default=(0.0, "")
    )
    if drop > hardware.circuit.line_drop_limit:
        yield (
            f"Bit lines lose up to {percent(drop)} of the read voltage ({most}): such currents are "
            "no sums of the weights any more."
        )


def _range(numbers: Sequence[int | None]) -> str:
    """Return a number, or the least and the largest of those that designs chose."""
    known = sorted({number for number in numbers if number is not None})
    return " to ".join(str(number) for number in dict.fromkeys((*known[:1], *known[-1:])))


def _placed(results: Sequence[tuple[str, DesignResult]]) -> Iterator[tuple[str, DesignResult]]:
    for layer, result in results:
        yield f"{result.design.name} on {layer}", result


def dominated(results: Sequence[tuple[str, int, DesignResult]]) -> str:
    """Return what to say where one layer makes most of the baseline's time; or nothing.

    Args:
        results: Name, repeats and result of each layer on the baseline.
    """
    times = {layer: repeat * result.latency for layer, repeat, result in results}
    energies = {layer: repeat * result.energy for layer, repeat, result in results}
    most = max(times, key=lambda layer: times[layer], default="")
    if len(times) < 2 or times[most] <= _MOST * sum(times.values()):
        return ""
    shares = (values[most] / sum(values.values()) for values in (times, energies))
    time, energy = map(percent, shares)
    return (
        f"All layers: {most} alone takes {time} of the baseline's time and {energy} of its energy, "
        "so the totals are mostly its own; the geometric mean counts layers alike."
    )


def reasons(design: str, results: Sequence[tuple[str, DesignResult]]) -> Iterator[str]:
    """Yield why, for each transposed convolution on which a rival needs no more energy.

    Layers on which the same rival ties, counts and all, share a sentence.

    Args:
        design: Name of the design that has the rivals.
        results: Each layer's name with its result on a design.
    """
    ties: dict[tuple[str, str], list[str]] = {}
    of_layer: dict[str, list[DesignResult]] = {}
    for layer, result in results:
        of_layer.setdefault(layer, []).append(result)
    for layer, mine in results:
        if mine.design.name != design or not mine.plan.layer.transposed:
            continue
        rivals = [other for other in of_layer[layer] if other is not mine]
        best = min(rivals, key=lambda rival: rival.energy, default=None)
        if best is None or not mine.energy or best.energy > _TIE * mine.energy:
            continue
        if best.energy * _TIE > mine.energy and best.plan.crossbars and _use(best) == _use(mine):
            ties.setdefault((best.design.label, mine.design.label), []).append(layer)
        else:
            yield reason(layer, mine, best)
    for (rival, own), layers in ties.items():
        yield (
            f"{', '.join(layers)}: {rival} ties with {own}: the same rows used, crossbars and "
            "conversions."
        )


def reason(layer: str, mine: DesignResult, rival: DesignResult) -> str:
    """Return why a rival's energy is what it is against that of a design on crossbars.

    >>> from red_timeloop import compare
    >>> both = compare("red_date2019:FCN_Deconv1", ["red", "split_kernel"], "embedded").results
    >>> print(reason("FCN_Deconv1", *(each.design_result for each in both)))  # doctest: +ELLIPSIS
    FCN_Deconv1: split kernel takes 0.2...x the energy of RED: it fills 84 of 128 rows of 4 ...
    """
    against = f"{layer}: {rival.design.label} takes {ratio(rival.energy / mine.energy)} the energy"
    own = mine.design.label
    if not rival.plan.crossbars:
        spent = mine.energy_by_stage()
        most = max(spent, key=lambda stage: spent[stage])
        share = percent(spent[most] / mine.energy)
        return f"{against} of {own}: it has no crossbars, and {own} spends {share} in {most!r}."
    return f"{against} of {own}: it fills {_use(rival)}; {own} fills {_use(mine)}."


def _use(result: DesignResult) -> str:
    used, there = result.rows
    crossbars = result.plan.crossbars
    return (
        f"{used} of {there} rows of {crossbars} crossbar{'s' * (crossbars != 1)} and converts "
        f"{scaled(result.conversions)} times"
    )
