"""Published figures, modelled figures and verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from red_timeloop.designs import names as design_names
from red_timeloop.hardware import Hardware
from red_timeloop.layer import TransposedConv
from red_timeloop.reproduction.published import NETWORKS, PUBLISHED, Published, judge
from red_timeloop.reproduction.sensitivity import Bar, tornado
from red_timeloop.reproduction.variants import (
    Ratios,
    Results,
    Variant,
    transposed_only,
    variants,
)
from red_timeloop.workload import load_workload

__all__ = ["Figure", "Reproduction", "reproduce"]

_LAYERS = "red_date2019"
_SETS = ("isaac_32nm", "monolithic_65nm")
_RIVALS = ("zero_padding", "padding_free", "eyeriss")


@dataclass(frozen=True)
class Figure:
    """One published figure on one variant.

    Attributes:
        published: The published range.
        variant: The variant; None for a figure of the layers alone.
        low: Lower end of the modelled range.
        high: Upper end.
        note: Where the ends are, and what else a reader needs.
    """

    published: Published
    variant: Variant | None
    low: float
    high: float
    note: str

    @property
    def verdict(self) -> str:
        """`reproduced`, `lower end only`, `upper end only` or `not reproduced`."""
        return judge(self.published, self.low, self.high)

    @property
    def name(self) -> str:
        """The figure with its variant."""
        variant = f" ({self.variant})" if self.variant else ""
        return self.published.figure + variant

    def as_dict(self) -> dict[str, Any]:
        """Return the figure in the keys of the JSON output; factors, or shares from 0 to 1."""
        return {
            "figure": self.name,
            "source": self.published.source,
            "published": _range(self.published.low, self.published.high),
            "modelled": _range(self.low, self.high),
            "verdict": self.verdict,
            "note": self.note,
        }


@dataclass(frozen=True)
class Reproduction:
    """All figures.

    Attributes:
        figures: Grouped by published figure, the default variant first.
        sensitivity: For each end of the two layer figures, what moves it most, widest first.
        base: The variant that the sensitivities belong to.
    """

    figures: tuple[Figure, ...]
    sensitivity: dict[str, tuple[Bar, ...]]
    base: Variant

    def summary(self) -> dict[str, str]:
        """Return one sentence for each published figure."""
        sentences = {}
        for published in PUBLISHED.values():
            mine = [figure for figure in self.figures if figure.published == published]
            met = sum(figure.verdict == "reproduced" for figure in mine)
            text = mine[0].verdict
            if len(mine) > 1:
                text = f"{text} by the default variant; {met} of {len(mine)} variants reproduce it"
            sentences[published.figure] = text
        return sentences

    def as_dict(self) -> dict[str, Any]:
        """Return everything in the keys of the JSON output."""
        return {
            "schema": 1,
            "summary": self.summary(),
            "figures": [figure.as_dict() for figure in self.figures],
            "sensitivity": {
                "variant": str(self.base),
                "figures": {
                    name: [vars(bar) for bar in bars] for name, bars in self.sensitivity.items()
                },
            },
        }


def reproduce(progress: Callable[[str], None] | None = None) -> Reproduction:
    """Model every published figure with the embedded engine, all layers with one parameter set.

    Args:
        progress: Told what is evaluated next.
    """
    layers = load_workload(_LAYERS)
    all_variants = variants(_SETS)
    base = all_variants[0]
    hardware = Hardware.load(base.hardware).replace(merge=base.merge, fold=base.fold)
    (progress or (lambda text: None))("sensitivity to every parameter's published spread")
    bars = tornado(layers, hardware, _ENDS)
    results = Results(progress)
    by_variant = {variant: results.layers(layers, variant) for variant in all_variants}
    figures = [_redundancy()]
    for key, value in (("layer_speedup", _speedup), ("layer_saving", _saving)):
        for variant, ratios in by_variant.items():
            note = _sensitivity_note(key, bars) if variant == base else ""
            figures.append(_figure(PUBLISHED[key], variant, ratios, value, note))
    figures += _network_figures(results, all_variants)
    return Reproduction(tuple(figures), bars, base)


def _redundancy() -> Figure:
    layer = next(e.layer for e in load_workload(_LAYERS).layers if e.name == "GAN_Deconv3")
    assert isinstance(layer, TransposedConv)
    share = layer.zero_redundancy
    useless = 1 - layer.macs / layer.zero_inserted_macs
    note = f"share of the padded input map; {useless:.1%} of its multiply-accumulates are useless"
    return Figure(PUBLISHED["zero_redundancy"], None, share, share, note)


def _network_figures(results: Results, chosen: Sequence[Variant]) -> Iterator[Figure]:
    rivals = tuple(name for name in _RIVALS if name in design_names())
    missing = [name for name in _RIVALS if name not in rivals]
    left_out = f"not modelled: {', '.join(missing)}" if missing else ""
    networks = [transposed_only(load_workload(name)) for name in NETWORKS]
    found = {
        variant: [r for n in networks for r in results.network(n, variant, rivals)]
        for variant in chosen
    }
    for key, value in (("network_speedup", _speedup), ("network_efficiency", _efficiency)):
        for variant, ratios in found.items():
            yield _figure(PUBLISHED[key], variant, ratios, value, left_out)


def _figure(
    published: Published,
    variant: Variant,
    ratios: Sequence[Ratios],
    value: Callable[[Ratios], float],
    note: str,
) -> Figure:
    low, high = min(ratios, key=value), max(ratios, key=value)
    inferred = "the limit is inferred from the published upper end" if not variant.fold else ""
    notes = [f"{low.name} to {high.name}", published.note, note, inferred]
    return Figure(published, variant, value(low), value(high), "; ".join(filter(None, notes)))


def _sensitivity_note(key: str, bars: dict[str, tuple[Bar, ...]]) -> str:
    texts = []
    for end in ("lower", "upper"):
        widest = bars[f"{key}, {end} end"][0]
        span = f"{widest.at_low:.3g} to {widest.at_high:.3g}"
        texts.append(f"{end} end most sensitive to {widest.parameter} ({span})")
    return "; ".join(texts)


def _speedup(ratios: Ratios) -> float:
    return ratios.speedup


def _saving(ratios: Ratios) -> float:
    return ratios.saving


def _efficiency(ratios: Ratios) -> float:
    return ratios.efficiency


_ENDS: dict[str, Callable[[tuple[Ratios, ...]], float]] = {
    "layer_speedup, lower end": lambda every: min(map(_speedup, every)),
    "layer_speedup, upper end": lambda every: max(map(_speedup, every)),
    "layer_saving, lower end": lambda every: min(map(_saving, every)),
    "layer_saving, upper end": lambda every: max(map(_saving, every)),
}


def _range(low: float, high: float) -> float | list[float]:
    return low if low == high else [low, high]
