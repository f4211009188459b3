"""What an evaluation chooses and adds up, on plans and results that are made up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from close import near

from red_timeloop import TransposedConv, designs
from red_timeloop.designs import evaluate as module
from red_timeloop.designs.evaluate import evaluate, within_area
from red_timeloop.designs.red import RED
from red_timeloop.designs.result import Clock, Counts, LevelTotal
from red_timeloop.engines.embedded.engine import evaluate_specification
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware

OWN = Hardware.load()
UNEVEN = TransposedConv(8, 6, (4, 4), 5, stride=2, padding=2, output_padding=1)


def plan(crossbars: int, name: str = "", **values: Any) -> Any:
    usual = {"parts": (), "clock": 1.0, "searched": False}
    return SimpleNamespace(crossbars=crossbars, name=name, **{**usual, **values})


@pytest.fixture
def priced(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Results of plans by their names: energy and latency, or area and latency."""
    results: dict[str, Any] = {}
    monkeypatch.setattr(module, "_evaluate", lambda design, plan, run: results[plan.name])
    return results


@pytest.mark.parametrize(
    ("costs", "best"),
    [
        # energy and latency of: the plan, cut over the buffers, two copies, those cut
        ({"one": (4, 3), "one cut": (2, 7), "two": (6, 3), "two cut": (9, 2)}, "one"),
        ({"one": (4, 3), "one cut": (5, 2), "two": (6, 3), "two cut": (9, 2)}, "one cut"),
        ({"one": (4, 3), "one cut": (2, 7), "two": (11, 1), "two cut": (9, 2)}, "two"),
        ({"one": (4, 3), "one cut": (2, 7), "two": (6, 3), "two cut": (1, 11)}, "two cut"),
        ({"one": (4, 3), "one cut": (3, 4), "two": (2, 6), "two cut": (12, 1)}, "one"),
    ],
)
def test_the_least_energy_times_latency_of_all_ways(
    costs: dict[str, tuple[float, float]],
    best: str,
    priced: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of equal ones the first; with as many crossbars as are asked for, and no more."""
    for name, (energy, latency) in costs.items():
        priced[name] = SimpleNamespace(name=name, energy=energy, latency=latency)
    asked: list[tuple[str, Any]] = []

    def copied(own: Any, crossbars: int) -> Any:
        asked.append((own.name, crossbars))
        return own, plan(own.crossbars * 2, "two")

    def tiled(own: Any, cycle: float) -> Any:
        assert cycle == 1.0
        return plan(own.crossbars, f"{own.name} cut")

    plans = [plan(9, "too many"), plan(8, "one")]
    monkeypatch.setattr(module, "folded", lambda *_: iter(plans))
    monkeypatch.setattr(module, "copied", copied)
    monkeypatch.setattr(module, "tiled", tiled)
    found = evaluate(RED, UNEVEN, OWN, evaluate_specification, crossbars=8)
    assert (found.name, asked) == (best, [("one", 8)])
    with pytest.raises(InputError, match=r"more than 7 crossbars \(legal: 8 or more\)"):
        evaluate(RED, UNEVEN, OWN, evaluate_specification, crossbars=7)
    # Where nothing is cut a plan is not evaluated twice.
    monkeypatch.setattr(module, "tiled", lambda own, _: own)
    priced.pop("one cut")
    priced.pop("two cut")
    evaluate(RED, UNEVEN, OWN, evaluate_specification, crossbars=8)


@pytest.mark.parametrize(
    ("area", "crossbars", "fastest"),
    [
        (3.0, 0, "one"),  # no crossbars to copy
        (2.0, 5, "one"),  # as large as it may be already
        (1.9, 5, "one"),
        (2.5, 5, "one"),
        (4.0, 5, "two"),
        (5.9, 5, "two"),
        (6.0, 5, "three"),
        (7.9, 5, "three"),
        (8.0, 5, "three"),  # four are slower
    ],
)
def test_the_fastest_copies_within_an_area(
    area: float,
    crossbars: int,
    fastest: str,
    priced: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("one", "two", "three", "four")
    for count, (name, latency) in enumerate(zip(names, (9.0, 5.0, 3.0, 4.0), strict=True), 1):
        priced[name] = SimpleNamespace(name=name, area=2.0 * count, latency=latency)
    asked: list[int] = []

    def copied(own: Any, crossbars: int) -> Any:
        asked.append(crossbars)
        return [plan(own.crossbars * n, name) for n, name in enumerate(names, 1)]

    monkeypatch.setattr(module, "copied", copied)
    for searched in (False, True):
        one = plan(crossbars, "one", searched=searched)
        design: Any = SimpleNamespace(plan=lambda *_, one=one: one)
        found = within_area(design, UNEVEN, OWN, evaluate_specification, area)
        assert found.name == ("one" if searched else fastest)
    assert asked == ([] if area <= 2.0 or not crossbars else [int(crossbars * area / 2)])


def level(name: str, kind: str = "storage", instances: int = 1) -> Any:
    return SimpleNamespace(name=name, kind=kind, instances=instances, attributes={})


def evaluation(role: str, cycles: int, crossbars: int, scale: float) -> Any:
    """A part on a memory above its crossbars, a register there for outputs alone, and cells."""
    levels = (
        level("memory"),
        level("register", instances=3),
        level("fan out", "spatial"),
        level("cells", instances=crossbars),
    )

    def space(energy: float, *counts: int) -> Any:
        found = dict(zip(("reads", "fills", "updates", "temporal_reductions"), counts, strict=True))
        return SimpleNamespace(energy=energy * scale, total=found.__getitem__)

    spaces = {
        "memory": {"Inputs": space(10.0, 1, 2, 3, 4), "Outputs": space(1.0, 5, 6, 7, 8)},
        "register": {"Outputs": space(2.0, 1, 1, 1, 1)},
        "cells": {"Inputs": space(100.0, 9, 9, 9, 9), "Weights": space(200.0, 2, 2, 2, 2)},
    }
    result = SimpleNamespace(
        cycles=cycles,
        levels={
            name: SimpleNamespace(data_spaces=own, leakage=5.0 * scale)
            for name, own in spaces.items()
        },
    )
    areas = {"memory": 0.5, "register": 0.25, "cells": 2.0}
    machine = SimpleNamespace(
        architecture=SimpleNamespace(levels=levels), art=SimpleNamespace(areas=areas)
    )
    return SimpleNamespace(part=SimpleNamespace(role=role), specification=machine, result=result)


@pytest.fixture
def unstaged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "stage", lambda level: f"stage of {level.name}")


def three_parts() -> list[Any]:
    return [
        evaluation("group", 10, 4, 1.0),
        evaluation("group", 20, 6, 3.0),
        evaluation("inputs", 40, 50, 7.0),
    ]


def totals(order: str, runs: list[Any], cycles: int) -> dict[str, LevelTotal]:
    found = module._levels(SimpleNamespace(order=order), runs, cycles)  # type: ignore[arg-type]
    assert all(total.stage == f"stage of {name}" for name, total in found.items())
    return dict(found)


@pytest.mark.usefixtures("unstaged")
def test_levels_of_parts_side_by_side() -> None:
    """Two groups of 10 and 20 of 20 cycles, and a part that holds the inputs of both."""
    runs = three_parts()
    found = totals("side_by_side", runs, 20)
    assert list(found) == ["memory", "register", "cells"]
    memory, register, cells = found.values()
    # Inputs, area and leakage of the third part alone; outputs of the other two.
    assert (memory.instances, memory.area) == (1, 0.5)
    assert memory.leakage == near(7 * 5.0 * 20 / 40)
    assert memory.energy == near(7 * 10 + (1 + 3) * 1 + memory.leakage)
    assert memory.data_spaces == {"Outputs": Counts(10, 12, 14, 16), "Inputs": Counts(1, 2, 3, 4)}
    # What holds no inputs is each group's own, and leaks until the last is done.
    assert (register.instances, register.area) == (6, 6 * 0.25)
    assert register.leakage == near(5.0 * 20 / 10 + 3 * 5.0)
    assert register.energy == near((1 + 3) * 2.0 + register.leakage)
    assert (cells.instances, cells.area) == (4 + 6, 10 * 2.0)
    assert cells.leakage == near(5.0 * 20 / 10 + 3 * 5.0)
    assert cells.energy == near((1 + 3) * 300.0 + cells.leakage)
    assert cells.data_spaces["Weights"] == Counts(4, 4, 4, 4)
    assert (memory.reads, memory.writes) == (11, 2 + 3 + 12 + 14)


@pytest.mark.usefixtures("unstaged")
def test_levels_of_parts_in_turn() -> None:
    """The machine is there once, as large as the larger part; all of it leaks in every turn."""
    runs = three_parts()
    memory, register, cells = totals("in_turn", runs, 30).values()
    assert (cells.instances, cells.area) == (6, 12.0)
    assert cells.leakage == near(5.0 * 50 / 4 + 15.0 * 50 / 6)
    assert (register.instances, register.area) == (3, 0.75)
    assert register.leakage == near(5.0 + 15.0)
    assert memory.leakage == near(7 * 5.0 * 30 / 40)
    assert (memory.instances, memory.area) == (1, 0.5)
    runs[1].specification.art.areas["cells"] = np.array([0.1, 9.0])
    assert totals("in_turn", runs, 30)["cells"].area.tolist() == [8.0, 54.0]


@pytest.mark.usefixtures("unstaged")
def test_levels_of_one_part_for_all() -> None:
    (memory, register, cells) = totals("side_by_side", [evaluation("all", 10, 4, 1.0)], 10).values()
    assert memory.energy == near(10 + 1 + 5)
    assert (memory.area, register.area, cells.area) == (0.5, 0.75, 8.0)
    assert cells.energy == near(300 + 5)


def test_no_step_has_no_length() -> None:
    nothing = SimpleNamespace(clock=None)
    assert module._step(nothing, []) == Clock(0.0)  # type: ignore[arg-type]
    assert Clock(0.0).shares() == {}
    assert Clock(2.0).shares() == {"compute": 2.0}


def test_equal_groups_are_run_once_and_each_stands_for_itself() -> None:
    ran: list[Any] = []

    def run(specification: Any) -> Any:
        ran.append(specification)
        return evaluate_specification(specification)

    layer = TransposedConv(8, 6, (4, 4), 4, stride=2, padding=1)  # four groups that read alike
    found = evaluate(designs.find("red"), layer, OWN, run)
    assert len(ran) == 2
    assert all(
        each.part is part for each, part in zip(found.evaluations, found.plan.parts, strict=True)
    )
    assert len({id(part) for part in found.plan.parts}) == 5
    uneven = evaluate(designs.find("red"), UNEVEN, OWN, evaluate_specification)
    counted = [each.result.cycles for each in uneven.evaluations]
    assert uneven.cycles == max(counted[:-1]) == 16
    assert uneven.computes == sum(each.result.computes for each in uneven.evaluations[:-1])
