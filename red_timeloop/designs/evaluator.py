"""Many layers on many designs under one parameter set, each piece of work done once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from red_timeloop.designs.design import Design
from red_timeloop.designs.evaluate import evaluate, within_area
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
            if self.iso_area and design != RED:
                area = float(self(layer, RED).area)
                design = design.scaled(area)
                if self.crossbars is None and not design.plan(layer, self.hardware).searched:
                    found = within_area(design, layer, self.hardware, run, area)
                    return known.setdefault(design.name, found)
            known[design.name] = evaluate(
                design,
                layer,
                self.hardware,
                run,
                crossbars=self.crossbars,
                known=list(known.values()),
            )
        return known[design.name]

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
        """Evaluate all layers on all designs of this package in `jobs` processes, ahead of time.

        What cannot be evaluated is left to the call that asks for it, which says why. Designs of
        others, which the processes may not know, are left to it too.

        Args:
            layers: Layers; equal ones are evaluated once.
            designs: Designs.
            jobs: Processes; -1 for one a core. With one, nothing is done.
            done: Called with the layers done so far and all of them.

        Raises:
            InputError: The number of processes is not legal.
        """
        own = tuple(each for each in designs if _ours(each))
        if processes(jobs) == 1 or not own:
            return
        names = {each.name for each in own}
        every = dict.fromkeys(layer.unnamed for layer in layers)
        unnamed = [layer for layer in every if not names <= self._known[layer].keys()]
        if len(unnamed) < 2:
            return
        unnamed.sort(key=lambda layer: -layer.macs)
        chunks = [
            _Chunk(layer, own, self.hardware, self.engine_name, self.iso_area, self.crossbars)
            for layer in unnamed
        ]
        for number, (index, found) in enumerate(deal(_evaluate_chunk, chunks, processes(jobs)), 1):
            self._known[unnamed[index]].update(found)
            done(number, len(unnamed))


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
    """A layer, the designs to evaluate it on, and all else that an evaluator holds."""

    layer: Layer
    designs: tuple[Design, ...]
    hardware: Hardware
    engine_name: str
    iso_area: bool
    crossbars: int | None


def _evaluate_chunk(chunk: _Chunk) -> dict[str, DesignResult]:
    evaluator = Evaluator(
        chunk.hardware,
        get_engine(chunk.engine_name),
        iso_area=chunk.iso_area,
        crossbars=chunk.crossbars,
    )
    found = {}
    for design in chunk.designs:
        try:
            found[design.name] = evaluator(chunk.layer, design)
        except InputError:  # noqa: PERF203 - an evaluation takes milliseconds at least
            continue
    return found
