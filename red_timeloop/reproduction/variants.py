"""The layers and networks behind the published figures, on variants of the circuits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from red_timeloop.comparison import LayerResult, compare
from red_timeloop.designs.words import reason
from red_timeloop.hardware import Hardware
from red_timeloop.reproduction.published import CROSSBAR_LIMIT, LAYERS, NETWORKS
from red_timeloop.workload import Workload, WorkloadLayer, load_workload

__all__ = [
    "CMOS",
    "RERAM",
    "VARIANTS",
    "Cases",
    "Modelled",
    "Variant",
    "evaluate",
    "load_cases",
]

# Hundreds of evaluations, many of them with arrays of prices: only this engine takes those. It
# counts what Timeloop counts.
_ENGINE = "embedded"

RERAM = ("zero_padding", "padding_free")
CMOS = "eyeriss"
_FOLDED = "folded"  # RED with two kernel pixels to a sub-crossbar

# What figures of each kind, `layer` and `network`, are over: names of layers or networks, with
# their layers, whose own names say where they are from.
Cases = Mapping[str, Mapping[str, Sequence[WorkloadLayer]]]


@dataclass(frozen=True)
class Variant:
    """Circuits for all layers.

    Attributes:
        set: Name of the parameter set.
        words: What differs from it.
        changes: The same, as numbers of the set.
        fold: Kernel pixels to a sub-crossbar in layers of the first paper that have many; only
            there (`CROSSBAR_LIMIT`), and none share one in the networks of the second.
        printed: Whether GAN_Deconv1 has the channels that the first paper prints.
    """

    set: str
    words: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict, hash=False)
    fold: int = 2
    printed: bool = False

    def __str__(self) -> str:
        return f"{self.set}, {self.words}" if self.words else self.set

    @property
    def hardware(self) -> Hardware:
        """The parameter set, changed."""
        return Hardware.load(self.set).replace(**self.changes)


_ZEROS = {"zero_aware": False, "zeros_stored": True}
VARIANTS = (
    Variant("isaac_32nm"),
    Variant("red_paper"),
    Variant("isaac_32nm", "no fold", fold=1),
    Variant("isaac_32nm", "merged in current", {"merge": "current"}),
    Variant("isaac_32nm", "zeros driven and stored", _ZEROS),
    Variant("monolithic_65nm"),
    Variant("red_paper", "zeros skipped", {key: not value for key, value in _ZEROS.items()}),
    Variant("red_paper", "a line for each crossbar", {"word_lines": "separate"}),
    Variant("red_paper", "merged in current", {"merge": "current"}),
    Variant("red_paper", "integrate and fire", {"read_circuit": "integrate_and_fire"}),
    Variant("red_paper", "at 65 nm", {"technology_node_m": 65e-9, "supply_voltage_v": 1.1}),
    Variant("red_paper", "GAN_Deconv1 as printed", printed=True),
)


def load_cases(printed: bool = False) -> Cases:
    """Return what the published figures are over.

    Args:
        printed: Whether GAN_Deconv1 has the channels that the table of the paper prints.
    """
    layers = list(load_workload(LAYERS).layers)
    if printed:
        layers[0] = load_workload(f"{LAYERS}_as_printed").layers[0]
    return {
        "layer": {entry.name: _placed(LAYERS, (entry,)) for entry in layers},
        "network": {name: _placed(name, load_workload(name).layers) for name in NETWORKS},
    }


def _placed(workload: str, entries: Sequence[WorkloadLayer]) -> tuple[WorkloadLayer, ...]:
    """Return transposed convolutions, which alone are run differently, under names of their own."""
    return tuple(
        replace(entry, layer=replace(entry.layer, name=f"{workload}:{entry.name}"))
        for entry in entries
        if entry.layer.transposed
    )


@dataclass(frozen=True)
class Modelled:
    """RED against its rivals on one parameter set.

    Attributes:
        cases: What `load_cases` returned.
        results: By design and layer; those of RED's folded layers under the name `folded`.
    """

    cases: Cases
    results: Mapping[tuple[str, str], LayerResult]

    def values(self, kind: str, rival: str, measure: str) -> dict[str, Any]:
        """Return RED against a rival, by layer or by network.

        Args:
            kind: `layer` or `network`.
            rival: Name of a design.
            measure: `speedup`, the rival's time over RED's; `efficiency`, so its energy; or
                `saving`, the share of its energy that RED saves.
        """
        found = {}
        for name, entries in self.cases[kind].items():
            sums = []
            for design in (rival, "red"):
                results = [self._of(kind, entry.name, design) for entry in entries]
                key = "latency" if measure == "speedup" else "energy"
                sums.append(sum(r.entry.repeat * getattr(r.design_result, key) for r in results))
            found[name] = 1 - sums[1] / sums[0] if measure == "saving" else sums[0] / sums[1]
        return found

    def why(self, kind: str, name: str, rival: str) -> str:
        """Return why a layer is as it is against a rival; nothing where layers are summed up."""
        entry, *more = self.cases[kind][name]
        if more:
            return ""
        mine, other = (self._of(kind, entry.name, design) for design in ("red", rival))
        return reason(name, mine.design_result, other.design_result)

    def _of(self, kind: str, layer: str, design: str) -> LayerResult:
        """Return a layer on a design, folded where RED is in the first paper."""
        own = self.results[design, layer]
        if (kind, design) != ("layer", "red"):
            return own
        return self.results.get((_FOLDED, layer), own)


def evaluate(
    cases: Cases,
    hardware: Hardware,
    rivals: Sequence[str] = RERAM,
    fold: int = 2,
) -> Modelled:
    """Run RED and its rivals on one parameter set; equal layers are evaluated once.

    Args:
        cases: What `load_cases` returns.
        hardware: The parameter set; results are arrays where its circuit holds arrays.
        rivals: Names of designs.
        fold: Kernel pixels to a sub-crossbar in large layers of the first paper.
    """
    every = (entries for group in cases.values() for entries in group.values())
    entries = {entry.name: entry for entry in chain.from_iterable(every)}
    whole = Workload("reproduction", "", tuple(entries.values()))
    results = _run(whole, ("red", *rivals), hardware)
    large = [
        entry.name
        for entry in chain.from_iterable(cases["layer"].values())
        if results["red", entry.name].design_result.plan.sub_crossbars > CROSSBAR_LIMIT
    ]
    if large and fold > 1:
        folded = _run(whole.select(large), ("red",), hardware.replace(fold=fold))
        results |= {(_FOLDED, name): result for (_, name), result in folded.items()}
    return Modelled(cases, results)


def _run(
    workload: Workload, designs: Sequence[str], hardware: Hardware
) -> dict[tuple[str, str], LayerResult]:
    found = compare(workload, designs, _ENGINE, hardware=hardware)
    return {(result.design, result.layer): result for result in found.results}
