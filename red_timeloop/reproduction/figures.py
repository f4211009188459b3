"""Published figures, modelled figures and verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from red_timeloop.hardware import Hardware
from red_timeloop.layer import TransposedConv
from red_timeloop.reproduction.published import LAYERS, PUBLISHED, Published, judge
from red_timeloop.reproduction.sensitivity import Bar, tornado
from red_timeloop.reproduction.variants import (
    CMOS,
    RERAM,
    VARIANTS,
    Modelled,
    Variant,
    evaluate,
    load_cases,
)
from red_timeloop.workload import load_workload

__all__ = ["MAIN", "Figure", "Reproduction", "Sensitivity", "reproduce"]

MAIN = VARIANTS[:2]  # compared with every class of rival; the others with zero padding alone
_RIVALS = {**{name: name for name in RERAM}, CMOS: "cmos"}


@dataclass(frozen=True)
class Figure:
    """One published figure on one variant against one class of rival.

    Attributes:
        published: The published range.
        variant: The circuits; None for a figure of the layers alone.
        rival: `zero_padding`, `padding_free` or `cmos`; None likewise.
        low: Lower end of the modelled range.
        high: Upper end.
        ends: The layers or networks that the two are of.
        note: What a reader needs beside.
    """

    published: Published
    variant: Variant | None
    rival: str | None
    low: float
    high: float
    ends: tuple[str, str]
    note: str = ""

    @property
    def verdict(self) -> str:
        """`reproduced`, `lower end only`, `upper end only` or `not reproduced`."""
        return judge(self.published, self.low, self.high)

    @property
    def deviations(self) -> tuple[float, float]:
        """How far both ends are off: of factors in relation to them, of shares as a share."""
        published = self.published
        return (
            published.deviation(self.low, published.low),
            published.deviation(self.high, published.high),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the figure in the keys of the JSON output; factors, or shares from 0 to 1."""
        return {
            "figure": self.published.figure,
            "source": self.published.source,
            "set": self.variant.set if self.variant else None,
            "variant": str(self.variant) if self.variant else None,
            "rival": self.rival,
            "published": _range(self.published.low, self.published.high),
            "modelled": _range(self.low, self.high),
            "ends": list(self.ends),
            "deviations": list(self.deviations),
            "verdict": self.verdict,
            "note": self.note,
        }


@dataclass(frozen=True)
class Sensitivity:
    """What moves one end of a figure.

    Attributes:
        published: The published figure.
        set: Name of the parameter set that all other numbers are kept at.
        rival: Class of rival.
        end: `lower` or `upper`.
        bars: By parameter, the widest first; ratios of the rival to RED.
    """

    published: Published
    set: str
    rival: str
    end: str
    bars: tuple[Bar, ...]

    def value(self, ratio: float) -> float:
        """Return the figure that belongs to a ratio of the rival's time or energy to RED's."""
        return 1 - 1 / ratio if self.published.share else ratio

    def as_dict(self) -> dict[str, Any]:
        """Return the bars in the keys of the JSON output, in the figure's own unit."""
        bars = [
            {
                **vars(bar),
                "at_low": self.value(bar.at_low),
                "at_high": self.value(bar.at_high),
                "factor": bar.factor,
            }
            for bar in self.bars
        ]
        return {
            "figure": self.published.figure,
            "set": self.set,
            "rival": self.rival,
            "end": self.end,
            "bars": bars,
        }


@dataclass(frozen=True)
class Reproduction:
    """All figures.

    Attributes:
        figures: Grouped by published figure; the main sets first, against each rival.
        sensitivities: For each end of each range of the main sets.
    """

    figures: tuple[Figure, ...]
    sensitivities: tuple[Sensitivity, ...]

    def of(self, published: Published) -> tuple[Figure, ...]:
        """Return the modelled figures that belong to a published one."""
        return tuple(figure for figure in self.figures if figure.published == published)

    def summary(self) -> dict[str, dict[str, str]]:
        """Return, for each published figure and main set, what became of its ends."""
        found: dict[str, dict[str, str]] = {}
        for published in PUBLISHED.values():
            mine = self.of(published)
            sets = [str(variant) for variant in MAIN if mine[0].variant]
            found[published.figure] = {
                name: _outcome([f for f in mine if str(f.variant) == name]) for name in sets
            } or {"": mine[0].verdict}
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return everything in the keys of the JSON output."""
        return {
            "schema": 1,
            "summary": self.summary(),
            "figures": [figure.as_dict() for figure in self.figures],
            "sensitivity": [each.as_dict() for each in self.sensitivities],
        }


def reproduce(progress: Callable[[str], None] | None = None) -> Reproduction:
    """Model every published figure with the embedded engine, all layers with one set of circuits.

    Args:
        progress: Told what is evaluated next.
    """
    tell = progress or (lambda text: None)
    cases = load_cases()
    tell(f"{CMOS}, mapped layer by layer")
    # It knows no crossbars: what the main sets differ in does not touch it.
    cmos = evaluate(cases, MAIN[0].hardware, (CMOS,)).results
    modelled: dict[Variant, Modelled] = {}
    bars: list[Sensitivity] = []
    for variant in VARIANTS:
        tell(str(variant))
        own = load_cases(printed=True) if variant.printed else cases
        rivals = RERAM if variant in MAIN else RERAM[:1]
        found = evaluate(own, variant.hardware, rivals, variant.fold)
        if variant in MAIN:
            found = replace(found, results={**cmos, **found.results})
            tell(f"{variant}: every parameter over its published spread")
            bars += _sensitivities(variant)
        modelled[variant] = found
    figures = [
        _figure(published, variant, rival, found)
        for published in PUBLISHED.values()
        for variant, found in modelled.items()
        for rival in (_RIVALS if variant in MAIN else RERAM[:1])
        if published.rivals
    ]
    return Reproduction((_redundancy(), *figures), tuple(bars))


def _redundancy() -> Figure:
    layer = next(e.layer for e in load_workload(LAYERS).layers if e.name == "GAN_Deconv3")
    assert isinstance(layer, TransposedConv)
    share = layer.zero_redundancy
    useless = 1 - layer.macs / layer.zero_inserted_macs
    note = f"share of the padded input map; {useless:.1%} of its multiply-accumulates are useless"
    names = ("GAN_Deconv3", "GAN_Deconv3")
    return Figure(PUBLISHED["zero_redundancy"], None, None, share, share, names, note)


def _figure(published: Published, variant: Variant, rival: str, found: Modelled) -> Figure:
    """Return a published figure on a variant; why, where an energy end is missed on one layer."""
    values = found.values(published.workload, rival, published.measure)
    low, high = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
    figure = Figure(published, variant, _RIVALS[rival], values[low], values[high], (low, high))
    if rival == CMOS or published.measure == "speedup":
        return figure
    missed = [
        name
        for name, off in zip(figure.ends, figure.deviations, strict=True)
        if abs(off) > published.tolerance
    ]
    notes = dict.fromkeys(found.why(published.workload, name, rival) for name in missed)
    return replace(figure, note=" ".join(filter(None, notes)))


def _sensitivities(variant: Variant) -> Iterator[Sensitivity]:
    """Yield what moves the ends of the figures against the ReRAM rivals."""
    cases = load_cases()

    def ends(hardware: Hardware) -> Mapping[tuple[str, str, str], Any]:
        found = evaluate(cases, hardware)
        values: dict[tuple[str, str, str], Any] = {}
        for published, rival in product(PUBLISHED.values(), RERAM):
            if published.rivals:
                # A saving is moved as the ratio of energies is.
                measure = "speedup" if published.measure == "speedup" else "efficiency"
                ratios = found.values(published.workload, rival, measure).values()
                every = np.broadcast_arrays(*ratios)
                values[published.key, rival, "lower"] = np.minimum.reduce(every)
                values[published.key, rival, "upper"] = np.maximum.reduce(every)
        return values

    for (key, rival, end), bars in tornado(ends, variant.hardware).items():
        yield Sensitivity(PUBLISHED[key], variant.set, _RIVALS[rival], end, bars)


def _outcome(figures: list[Figure]) -> str:
    """Return which ends are met, and against whom; of an end that is not, who comes nearest."""
    texts = []
    figures = [figure for figure in figures if figure.rival in figure.published.rivals]
    for index, end in enumerate(("lower", "upper")):
        nearest = min(figures, key=lambda figure: abs(figure.deviations[index]))
        published, off = nearest.published, nearest.deviations[index]
        state = "met" if abs(off) <= published.tolerance else "missed"
        by = f"{100 * off:+.1f} {'points' if published.share else '%'}"
        texts.append(f"{end} end {state}, {by}: {nearest.ends[index]} against {nearest.rival}")
    return "; ".join(texts)


def _range(low: float, high: float) -> float | list[float]:
    return low if low == high else [low, high]
