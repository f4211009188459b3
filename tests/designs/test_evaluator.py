"""Many layers on many designs: each piece of work is done once, and nothing else is shared."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from places import ROOT

from red_timeloop import Conv, TransposedConv, designs
from red_timeloop.designs.evaluate import evaluate
from red_timeloop.designs.evaluator import Evaluator
from red_timeloop.designs.red import RED
from red_timeloop.engines.embedded import engine as embedded
from red_timeloop.engines.result import EngineResult
from red_timeloop.hardware import Hardware
from red_timeloop.spec.types import Specification

HARDWARE = Hardware.load("isaac_32nm")
LAYERS = (
    Conv(3, 16, (8, 8), 3, padding=1, name="conv"),
    TransposedConv(16, 4, (4, 4), 4, stride=2, padding=1, name="up"),
    TransposedConv(16, 4, (4, 4), 4, stride=2, padding=1, name="again"),
)


@pytest.fixture
def counted() -> tuple[SimpleNamespace, list[Specification]]:
    """An engine that notes what it is asked."""
    asked: list[Specification] = []

    def run(specification: Specification) -> EngineResult:
        asked.append(specification)
        return embedded.evaluate_specification(specification)

    return SimpleNamespace(__name__=embedded.__name__, evaluate_specification=run), asked


def test_equal_plans_and_equal_layers_are_counted_once(
    counted: tuple[SimpleNamespace, list[Specification]],
) -> None:
    engine, asked = counted
    evaluator = Evaluator(HARDWARE, engine)
    chosen = designs.choose(None)
    conv, up, again = LAYERS
    first = [evaluator(conv, design) for design in chosen]
    assert len(asked) == len(first[0].evaluations)  # designs run ordinary convolutions alike
    assert [result.design for result in first] == list(chosen)
    asked.clear()
    for layer in (up, again, replace(up, name=None)):
        for design in chosen:
            evaluator(layer, design)
    plans = [design.plan(up, HARDWARE) for design in chosen]
    told_apart = [{repr((p.problem, p.sizes, p.loops)) for p in plan.parts} for plan in plans]
    assert len(asked) == sum(map(len, told_apart)) < sum(len(plan.parts) for plan in plans)


@pytest.mark.parametrize("layer", LAYERS[:2], ids=lambda layer: layer.name)
def test_what_is_shared_is_what_each_design_says_alone(layer: Conv | TransposedConv) -> None:
    evaluator = Evaluator(HARDWARE, embedded)
    for design in designs.choose(None):
        shared = evaluator(layer, design)
        alone = evaluate(
            design, replace(layer, name=None), HARDWARE, embedded.evaluate_specification
        )
        assert replace(shared, design=design) == alone


class Own(type(RED)):  # type: ignore[misc]
    """A design of a class that no other process can find."""


@pytest.mark.parametrize("kind", ["class", "function", "ordinary"])
def test_processes_evaluate_ahead_what_is_the_package_s(
    kind: str, counted: tuple[SimpleNamespace, list[Specification]]
) -> None:
    engine, asked = counted
    file = ROOT / "docs" / "examples" / "half_split.py"
    example = designs.find(f"{file}:HALF_SPLIT", code=True)  # the package's class, own functions
    own = {
        "class": Own(**{**vars(RED), "name": "own"}),
        "function": example,
        "ordinary": replace(RED, name="own", ordinary=example),
    }[kind]
    evaluator = Evaluator(HARDWARE, engine)
    chosen = designs.choose(["red", "zero_padding"])
    seen: list[tuple[int, int]] = []
    evaluator.prepare(LAYERS, [*chosen, own], 2, lambda *done: seen.append(done))
    assert seen == [(1, 2), (2, 2)]  # equal layers once
    alone = Evaluator(HARDWARE, embedded)
    for layer in LAYERS:
        for design in chosen:
            assert evaluator(layer, design) == alone(layer, design)
    assert not asked
    assert evaluator(LAYERS[1], own).design is own
