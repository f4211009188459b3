"""The variants of RED that the published figures are compared with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from red_timeloop.comparison import Comparison, LayerResult, compare
from red_timeloop.hardware import Hardware
from red_timeloop.layer import TransposedConv
from red_timeloop.reproduction.published import CROSSBAR_LIMIT
from red_timeloop.workload import Workload

__all__ = [
    "ENGINE",
    "LIMITED",
    "Ratios",
    "Results",
    "Variant",
    "layer_ratios",
    "network_ratios",
    "transposed_only",
    "variants",
]

# Hundreds of evaluations, many of them with arrays of prices: only this engine takes those. It
# counts what Timeloop counts.
ENGINE = "embedded"

_CMOS = ("eyeriss", "eyeriss_split")
LIMITED = 0  # stands for: fold 2 in layers of more than CROSSBAR_LIMIT sub-crossbars, else 1


@dataclass(frozen=True)
class Variant:
    """One parameter set for all layers.

    Attributes:
        hardware: Name of the parameter set.
        merge: `digital` or `current`.
        fold: 1, 2 or `LIMITED`.
    """

    hardware: str
    merge: str
    fold: int

    def __str__(self) -> str:
        rule = f"fold 2 above {CROSSBAR_LIMIT} sub-crossbars"
        return f"{self.hardware}, {self.merge}, {f'fold {self.fold}' if self.fold else rule}"


def variants(sets: tuple[str, ...]) -> tuple[Variant, ...]:
    """Return all variants, the default one of the first set first."""
    return tuple(
        Variant(hardware, merge, fold)
        for hardware in sets
        for merge in ("digital", "current")
        for fold in (1, 2, LIMITED)
    )


@dataclass(frozen=True)
class Ratios:
    """One rival's latency and energy over RED's.

    Attributes:
        name: The layer, or the network and the rival.
        speedup: Latency of the rival over RED's.
        efficiency: Energy of the rival over RED's.
    """

    name: str
    speedup: float
    efficiency: float

    @property
    def saving(self) -> float:
        """Share of the rival's energy that RED saves."""
        return 1 - 1 / self.efficiency


class Results:
    """Evaluates workloads on variants, each workload once for each parameter set.

    Args:
        progress: Told what is evaluated next.
    """

    def __init__(self, progress: Callable[[str], None] | None = None) -> None:
        self._progress = progress or (lambda text: None)
        self._known: dict[tuple[object, ...], Comparison] = {}

    def layers(self, workload: Workload, variant: Variant) -> tuple[Ratios, ...]:
        """Return RED against zero padding, layer by layer."""
        red = self._red(workload, variant)
        rival = self._rivals(workload, variant, ("zero_padding",))["zero_padding"]
        return tuple(_ratios(name, (rival[name],), (red[name],)) for name in red if name in rival)

    def network(
        self, workload: Workload, variant: Variant, rivals: tuple[str, ...]
    ) -> tuple[Ratios, ...]:
        """Return RED against each rival, over the whole workload."""
        red = self._red(workload, variant)
        others = self._rivals(workload, variant, rivals)
        return tuple(
            _ratios(f"{workload.name} against {rival}", others[rival].values(), red.values())
            for rival in rivals
        )

    def _red(self, workload: Workload, variant: Variant) -> dict[str, LayerResult]:
        if variant.fold != LIMITED:
            return self._results(workload, variant, variant.fold, ("red",))["red"]
        plain, folded = (self._results(workload, variant, fold, ("red",))["red"] for fold in (1, 2))
        return {
            name: folded[name]
            if result.design_result.plan.sub_crossbars > CROSSBAR_LIMIT
            else result
            for name, result in plain.items()
        }

    def _rivals(
        self, workload: Workload, variant: Variant, rivals: tuple[str, ...]
    ) -> dict[str, dict[str, LayerResult]]:
        reram = tuple(name for name in rivals if name not in _CMOS)
        found = dict(self._results(workload, variant, 1, reram))  # only RED folds kernel pixels
        for name in rivals:
            if name in _CMOS:  # knows no crossbars, so that one variant serves for all
                found |= self._results(workload, replace(variant, merge="digital"), 1, (name,))
        return found

    def _results(
        self, workload: Workload, variant: Variant, fold: int, designs: tuple[str, ...]
    ) -> dict[str, dict[str, LayerResult]]:
        key = (workload.name, variant.hardware, variant.merge, fold, designs)
        if key not in self._known:
            self._progress(f"{workload.name} on {', '.join(designs)}: {variant}")
            hardware = Hardware.load(variant.hardware).replace(merge=variant.merge, fold=fold)
            self._known[key] = compare(workload, designs, ENGINE, hardware=hardware)
        return _by_design(self._known[key])


def layer_ratios(workload: Workload, hardware: Hardware) -> tuple[Ratios, ...]:
    """Return RED against zero padding on one parameter set, layer by layer."""
    results = _by_design(compare(workload, ("red", "zero_padding"), ENGINE, hardware=hardware))
    return tuple(
        _ratios(name, (results["zero_padding"][name],), (result,))
        for name, result in results["red"].items()
    )


def network_ratios(
    networks: Sequence[Workload], rivals: tuple[str, ...], hardware: Hardware
) -> tuple[Ratios, ...]:
    """Return RED against each rival on one parameter set, over whole workloads."""
    found = []
    for workload in networks:
        results = _by_design(compare(workload, ("red", *rivals), ENGINE, hardware=hardware))
        red = results["red"].values()
        found += [
            _ratios(f"{workload.name} against {rival}", results[rival].values(), red)
            for rival in rivals
        ]
    return tuple(found)


def _by_design(comparison: Comparison) -> dict[str, dict[str, LayerResult]]:
    """Return the results of a comparison by design and layer."""
    results: dict[str, dict[str, LayerResult]] = {}
    for result in comparison.results:
        results.setdefault(result.design, {})[result.layer] = result
    return results


def transposed_only(workload: Workload) -> Workload:
    """Return a workload without its ordinary convolutions, which no design treats differently."""
    chosen = [e.name for e in workload.layers if isinstance(e.layer, TransposedConv)]
    return workload.select(chosen)


def _ratios(name: str, rival: Collection[LayerResult], red: Collection[LayerResult]) -> Ratios:
    latency = [sum(r.entry.repeat * r.design_result.latency for r in side) for side in (rival, red)]
    energy = [sum(r.entry.repeat * r.design_result.energy for r in side) for side in (rival, red)]
    return Ratios(name, latency[0] / latency[1], energy[0] / energy[1])
