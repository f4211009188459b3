"""Many layers on many designs under one parameter set, each piece of work done once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from heapq import heapreplace

from red_timeloop.designs.design import Design
from red_timeloop.designs.evaluate import evaluate, evaluate_all, within_area
from red_timeloop.designs.plan import Plan
from red_timeloop.designs.red import RED
from red_timeloop.designs.result import DesignResult
from red_timeloop.engines.base import ENGINES, Engine
from red_timeloop.engines.base import engine as get_engine
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.parallel import deal, processes

__all__ = ["Evaluator"]

_PACKAGE = "red_timeloop."
_SHARE = 32  # layers that are searched for side by side, and whose results travel together


class Evaluator:
    """Evaluates layers on designs; a call with an equal layer, or an equal plan, costs nothing.

    Attributes:
        hardware: The parameter set.
        engine: The engine that counts; `engine_name` is its name.
        iso_area: Whether designs have the area of RED: arrays are scaled, crossbars copied.
        crossbars: Crossbars that mapped ReRAM designs may use; None for their fixed mapping.
    """

    def __init__(
        self,
        hardware: Hardware,
        engine: Engine,
        *,
        iso_area: bool = False,
        crossbars: int | None = None,
    ) -> None:
        self.hardware = hardware
        self.engine = engine
        self.iso_area = iso_area
        self.crossbars = crossbars
        self.engine_name = next(k for k, module in ENGINES.items() if module == engine.__name__)
        self._known: dict[Layer, dict[str, DesignResult]] = defaultdict(dict)

    def __call__(self, layer: Layer, design: Design) -> DesignResult:
        """Return `evaluate`'s result of the layer, whose name does not matter; raise as it does."""
        layer = layer.unnamed
        known = self._known[layer]
        if design.name not in known:
            run = self.engine.evaluate_specification
            own = self._sized(layer, design)
            if self.iso_area and design != RED and self.crossbars is None:
                area = float(self(layer, RED).area)
                if not own.plan(layer, self.hardware).searched:
                    found = within_area(own, layer, self.hardware, run, area)
                    return known.setdefault(design.name, found)
            known[design.name] = evaluate(
                own,
                layer,
                self.hardware,
                run,
                crossbars=self.crossbars,
                known=list(known.values()),
            )
        return known[design.name]

    def _sized(self, layer: Layer, design: Design) -> Design:
        """Return the design at the area that it has in this comparison."""
        if not self.iso_area or design == RED:
            return design
        return design.scaled(float(self(layer, RED).area))

    def under(self, hardware: Hardware) -> Evaluator:
        """Return an evaluator of the same kind under another parameter set."""
        return Evaluator(hardware, self.engine, iso_area=self.iso_area, crossbars=self.crossbars)

    def know(self, layer: Layer, found: DesignResult) -> None:
        """Take over what an evaluator of the same kind gave for a layer."""
        self._known[layer.unnamed][found.design.name] = found

    def prepare(
        self,
        layers: Sequence[Layer],
        designs: Sequence[Design],
        jobs: int,
        done: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        """Evaluate ahead of time what is faster for many layers at once.

        That is what designs with a mapper make of all layers, whose mappings are then searched for
        side by side, and with several processes what all designs do. What cannot be evaluated is
        left to the call that asks for it, which says why. Designs of others, which the processes
        may not know, are left to it too.

        Args:
            layers: Layers; equal ones are evaluated once.
            designs: Designs.
            jobs: Processes; -1 for one a core.
            done: Called with the layers done so far and all of them.

        Raises:
            InputError: The number of processes is not legal.
        """
        names = {each.name for each in designs}
        every = dict.fromkeys(layer.unnamed for layer in layers)
        unnamed = [layer for layer in every if not names <= self._known[layer].keys()]
        searched = tuple(each for each in designs if self._searches(each, unnamed))
        workers = processes(jobs)
        count = max(workers, -(-len(unnamed) // _SHARE))
        shares = self._shares(unnamed, searched if count > 1 else (), count)
        finished = 0
        if workers == 1:
            for share in shares if searched else ():
                self.map_together(share, searched)
                done(finished := finished + len(share), len(unnamed))
            return
        own = tuple(each for each in designs if _ours(each))
        if not own or len(shares) < 2:
            return
        chunks = [
            _Chunk(
                tuple(share), own, self.hardware, self.engine_name, self.iso_area, self.crossbars
            )
            for share in shares
        ]
        for index, found in deal(_evaluate_chunk, chunks, workers):
            for layer, results in zip(shares[index], found, strict=True):
                self._known[layer].update(results)
            done(finished := finished + len(shares[index]), len(unnamed))

    def map_together(self, layers: Sequence[Layer], designs: Sequence[Design]) -> None:
        """Evaluate layers on designs with the searches for their mappings side by side.

        What cannot be evaluated is left to the call that asks for it.
        """
        asked: list[tuple[Layer, str]] = []
        pairs: list[tuple[Design, Plan]] = []
        for layer in layers:
            known = self._known[layer]
            own: list[Plan] = [result.plan for result in known.values()]
            for design in designs if self.crossbars is None else ():
                with suppress(InputError):
                    sized = self._sized(layer, design)
                    plan = sized.plan(layer, self.hardware)
                    if plan.searched and design.name not in known and plan not in own:
                        own.append(plan)
                        asked.append((layer, design.name))
                        pairs.append((sized, plan))
        results = evaluate_all(pairs, self.engine.evaluate_specification)
        for (layer, name), found in zip(asked, results, strict=True):
            if not isinstance(found, InputError):
                self._known[layer][name] = found

    def _shares(
        self, layers: Sequence[Layer], searched: Sequence[Design], count: int
    ) -> list[list[Layer]]:
        """Deal layers, those with the most to search for first, so that shares take alike long."""
        work: dict[Layer, int] = {}
        for layer in layers:
            problems: list[object] = []
            for design in searched:
                with suppress(InputError):
                    for part in design.plan(layer, self.hardware).parts:
                        ways = (each.problem for each in (part, *part.alternatives))
                        problems += [each for each in ways if each not in problems]
            work[layer] = 1 + len(problems)
        shares: list[list[Layer]] = [[] for _ in range(count)]
        loads = [(0, number) for number in range(count)]  # a heap: the least is the first
        for layer in sorted(layers, key=lambda each: (-work[each], -each.macs)):
            load, number = loads[0]
            shares[number].append(layer)
            heapreplace(loads, (load + work[layer], number))
        return [share for share in shares if share]

    def _searches(self, design: Design, layers: Sequence[Layer]) -> bool:
        """Whether mappings are searched for, as the first layer that the design can run says."""
        for layer in layers:
            with suppress(InputError):
                return design.plan(layer, self.hardware).searched
        return False


def _ours(part: object) -> bool:
    """Tell whether a design, and each function and design in it, is of this package.

    Code that a user named was loaded here and nowhere else.
    """
    defined = part if callable(part) else type(part)
    if not defined.__module__.startswith(_PACKAGE):
        return False
    inner = () if callable(part) else vars(part).values()
    return all(_ours(each) for each in inner if callable(each) or hasattr(each, "plan"))


@dataclass(frozen=True)
class _Chunk:
    """Layers, the designs to evaluate them on, and all else that an evaluator holds."""

    layers: tuple[Layer, ...]
    designs: tuple[Design, ...]
    hardware: Hardware
    engine_name: str
    iso_area: bool
    crossbars: int | None


def _evaluate_chunk(chunk: _Chunk) -> list[dict[str, DesignResult]]:
    evaluator = Evaluator(
        chunk.hardware,
        get_engine(chunk.engine_name),
        iso_area=chunk.iso_area,
        crossbars=chunk.crossbars,
    )
    evaluator.prepare(chunk.layers, chunk.designs, jobs=1)
    found: list[dict[str, DesignResult]] = []
    for layer in chunk.layers:
        found.append({})
        for design in chunk.designs:
            with suppress(InputError):
                found[-1][design.name] = evaluator(layer, design)
    return found
