"""Many layers on many designs under one parameter set, each piece of work done once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from red_timeloop.designs.design import Design
from red_timeloop.designs.evaluate import evaluate
from red_timeloop.designs.red import RED
from red_timeloop.designs.result import DesignResult
from red_timeloop.engines.base import ENGINES, Engine
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer

__all__ = ["Evaluator"]


class Evaluator:
    """Evaluates layers on designs; a call with an equal layer, or an equal plan, costs nothing.

    Attributes:
        hardware: The parameter set.
        engine: The engine that counts; `engine_name` is its name.
        iso_area: Whether designs whose size does not follow the layer have the area of RED.
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
        layer = replace(layer, name=None)
        known = self._known[layer]
        if design.name not in known:
            if self.iso_area and design is not RED:
                design = design.scaled(self(layer, RED).area)
            known[design.name] = evaluate(
                design,
                layer,
                self.hardware,
                self.engine.evaluate_specification,
                crossbars=self.crossbars,
                known=list(known.values()),
            )
        return known[design.name]
