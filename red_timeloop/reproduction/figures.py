"""Published figures, modelled figures and verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from red_timeloop.designs import all_names
from red_timeloop.hardware import Hardware
from red_timeloop.layer import TransposedConv
from red_timeloop.reproduction.published import NETWORKS, PUBLISHED, Published, judge
from red_timeloop.reproduction.sensitivity import Bar, tornado
from red_timeloop.reproduction.variants import (
    Ratios,
    Results,
    Variant,
    layer_ratios,
    network_ratios,
    transposed_only,
    variants,
)
from red_timeloop.workload import Workload, load_workload

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
        sensitivity: For each end of each range, what moves it, the widest first.
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
    networks = [transposed_only(load_workload(name)) for name in NETWORKS]
    chosen = variants(_SETS)
    bars = _sensitivity(layers, networks, chosen[0], progress or (lambda text: None))
    results = Results(progress)
    figures = [_redundancy()]
    by_variant = {variant: results.layers(layers, variant) for variant in chosen}
    for key in ("layer_speedup", "layer_saving"):
        figures += _figures(key, by_variant, bars, PUBLISHED[key].note)
    rivals = tuple(name for name in _RIVALS if name in all_names())
    missing = [name for name in _RIVALS if name not in rivals]
    note = f"not modelled: {', '.join(missing)}" if missing else ""
    by_variant = {
        variant: tuple(r for n in networks for r in results.network(n, variant, rivals))
        for variant in chosen
    }
    for key in ("network_speedup", "network_efficiency"):
        figures += _figures(key, by_variant, bars, note)
    return Reproduction(tuple(figures), bars, chosen[0])


def _sensitivity(
    layers: Workload, networks: Sequence[Workload], base: Variant, progress: Callable[[str], None]
) -> dict[str, tuple[Bar, ...]]:
    """Return what moves each end of each range on the default variant."""
    hardware = Hardware.load(base.hardware).replace(merge=base.merge, fold=base.fold)
    progress("sensitivity of the six layers to every parameter's published spread")
    bars = tornado(lambda h: layer_ratios(layers, h), hardware, _ends("layer"))
    progress("sensitivity of the networks to every parameter's published spread")
    # A mapping of the CMOS design is searched for one set of prices, not for arrays of them.
    reram = ("zero_padding", "padding_free")
    bars |= tornado(lambda h: network_ratios(networks, reram, h), hardware, _ends("network"))
    return bars


def _redundancy() -> Figure:
    layer = next(e.layer for e in load_workload(_LAYERS).layers if e.name == "GAN_Deconv3")
    assert isinstance(layer, TransposedConv)
    share = layer.zero_redundancy
    useless = 1 - layer.macs / layer.zero_inserted_macs
    note = f"share of the padded input map; {useless:.1%} of its multiply-accumulates are useless"
    return Figure(PUBLISHED["zero_redundancy"], None, share, share, note)


def _figures(
    key: str,
    by_variant: Mapping[Variant, tuple[Ratios, ...]],
    bars: Mapping[str, tuple[Bar, ...]],
    note: str,
) -> Iterator[Figure]:
    """Yield a published figure on every variant, its sensitivity beside the first."""
    first = next(iter(by_variant))
    for variant, ratios in by_variant.items():
        moved = _sensitivity_note(key, bars) if variant == first else ""
        yield _figure(PUBLISHED[key], variant, ratios, _VALUES[key], f"{note}; {moved}".strip("; "))


def _figure(
    published: Published,
    variant: Variant,
    ratios: Sequence[Ratios],
    value: Callable[[Ratios], float],
    note: str,
) -> Figure:
    low, high = min(ratios, key=value), max(ratios, key=value)
    inferred = "the limit is inferred from the published upper end" if not variant.fold else ""
    notes = [f"{low.name} to {high.name}", note, inferred]
    return Figure(published, variant, value(low), value(high), "; ".join(filter(None, notes)))


def _sensitivity_note(key: str, bars: Mapping[str, tuple[Bar, ...]]) -> str:
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


_VALUES = {
    "layer_speedup": _speedup,
    "layer_saving": _saving,
    "network_speedup": _speedup,
    "network_efficiency": _efficiency,
}


def _ends(prefix: str) -> dict[str, Callable[[tuple[Ratios, ...]], float]]:
    """Return both ends of the figures whose key begins with `prefix`, as functions of ratios."""
    ends: dict[str, Callable[[tuple[Ratios, ...]], float]] = {}
    for key, value in _VALUES.items():
        if key.startswith(prefix):
            ends[f"{key}, lower end"] = partial(_extreme, min, value)
            ends[f"{key}, upper end"] = partial(_extreme, max, value)
    return ends


def _extreme(
    choose: Callable[[Iterable[float]], float],
    value: Callable[[Ratios], float],
    ratios: tuple[Ratios, ...],
) -> float:
    return choose(value(ratio) for ratio in ratios)


def _range(low: float, high: float) -> float | list[float]:
    return low if low == high else [low, high]
