"""The layers and networks behind the published figures, on variants of the circuits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    "Case",
    "Modelled",
    "Ratios",
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


@dataclass(frozen=True)
class Case:
    """One layer, or the transposed convolutions of one network.

    Attributes:
        name: Its name.
        entries: The layers; their names say where they are from.
    """

    name: str
    entries: tuple[WorkloadLayer, ...]


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


@dataclass(frozen=True)
class Ratios:
    """One rival's latency and energy over RED's.

    Attributes:
        name: The layer or the network.
        speedup: Latency of the rival over RED's.
        efficiency: Energy of the rival over RED's.
    """

    name: str
    speedup: Any
    efficiency: Any

    @property
    def saving(self) -> Any:
        """Share of the rival's energy that RED saves."""
        return 1 - 1 / self.efficiency


def load_cases(printed: bool = False) -> dict[str, tuple[Case, ...]]:
    """Return what the figures of `layer`s and `network`s are over.

    Args:
        printed: Whether GAN_Deconv1 has the channels that the table of the paper prints.
    """
    layers = list(load_workload(LAYERS).layers)
    if printed:
        layers[0] = load_workload(f"{LAYERS}_as_printed").layers[0]
    networks = [(name, load_workload(name).layers) for name in NETWORKS]
    return {
        "layer": tuple(Case(e.name, _placed(LAYERS, (e,))) for e in layers),
        "network": tuple(Case(name, _placed(name, entries)) for name, entries in networks),
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

    cases: Mapping[str, Sequence[Case]]
    results: Mapping[tuple[str, str], LayerResult]

    def ratios(self, kind: str, rival: str) -> tuple[Ratios, ...]:
        """Return RED against a rival, in the layers or the networks, by `kind`."""
        return tuple(self._ratios(kind, case, rival) for case in self.cases[kind])

    def why(self, kind: str, name: str, rival: str) -> str:
        """Return why a layer is as it is against a rival; nothing where networks are summed up."""
        case = next(case for case in self.cases[kind] if case.name == name)
        if len(case.entries) > 1:
            return ""
        (entry,) = case.entries
        mine, other = (self._of(kind, entry.name, design) for design in ("red", rival))
        return reason(name, mine.design_result, other.design_result)

    def _ratios(self, kind: str, case: Case, rival: str) -> Ratios:
        sums = []
        for design in (rival, "red"):
            found = [self._of(kind, entry.name, design) for entry in case.entries]
            latency = sum(r.entry.repeat * r.design_result.latency for r in found)
            sums.append((latency, sum(r.entry.repeat * r.design_result.energy for r in found)))
        return Ratios(case.name, *(a / b for a, b in zip(*sums, strict=True)))

    def _of(self, kind: str, layer: str, design: str) -> LayerResult:
        """Return a layer on a design, folded where RED is in the first paper."""
        own = self.results[design, layer]
        if (kind, design) != ("layer", "red"):
            return own
        return self.results.get((_FOLDED, layer), own)


def evaluate(
    cases: Mapping[str, Sequence[Case]],
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
    entries = {e.name: e for group in cases.values() for case in group for e in case.entries}
    whole = Workload("reproduction", "", tuple(entries.values()))
    results = _run(whole, ("red", *rivals), hardware)
    large = [
        entry.name
        for case in cases["layer"]
        for entry in case.entries
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
