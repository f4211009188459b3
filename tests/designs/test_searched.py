"""Which way to say a part is searched for how long, on answers that are made up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from red_timeloop import TransposedConv, designs
from red_timeloop.designs import searched as module
from red_timeloop.designs.plan import Part, Plan
from red_timeloop.designs.searched import map_parts
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.mapper import run
from red_timeloop.spec.types import Mapping, Specification

LAYER = TransposedConv(16, 32, (11, 13), 3, stride=2, padding=1)  # or 18 channels; see eyeriss
OTHER = replace(LAYER, in_channels=7)
Answer = float | InputError
WHOLE, LOOK = 12_000, 4_000


def plan(name: str, layer: TransposedConv = LAYER) -> Plan:
    return designs.find(name).plan(layer, Hardware.load())


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Let searches answer by input channels, call by call; return what they are asked."""

    def answer(*calls: dict[int, Answer]) -> list[Any]:
        asked: list[Any] = []

        def map_all(specifications: Any, budget: int, seed: int) -> list[Any]:
            if not specifications:
                return []
            channels = [each.problem.sizes["C"] for each in specifications]
            assert not any(each.architecture.sparse for each in specifications) or budget < LOOK
            values = [calls[len(asked)][number] for number in channels]
            asked.append((channels, budget, seed))
            return [
                value if isinstance(value, InputError) else (value, Mapping({})) for value in values
            ]

        monkeypatch.setattr(run, "map_all", map_all)
        return asked

    return answer


def both(*layers: TransposedConv) -> list[tuple[Plan, Part, Any]]:
    plans = [plan("eyeriss", layer) for layer in layers]
    return [(own, own.parts[0], 1e-9) for own in plans]


@pytest.mark.parametrize(
    ("looks", "whole", "chosen", "value"),
    [
        ({16: 5.0, 18: 4.0}, {18: 3.0}, 18, 3.0),
        ({16: 5.0, 18: 4.0}, {18: 6.0}, 18, 4.0),  # what was found at first is better
        ({16: 4.0, 18: 5.0}, {16: 3.0}, 16, 3.0),
        ({16: 4.0, 18: 4.0}, {16: 4.0}, 16, 4.0),  # the first of equals
        ({16: InputError("none"), 18: 5.0}, {18: 3.0}, 18, 3.0),
        ({16: InputError("none"), 18: InputError("none")}, {16: 3.0}, 16, 3.0),
    ],
)
def test_a_look_tells_which_way_is_worth_the_rest(
    looks: dict[int, Answer],
    whole: dict[int, Answer],
    chosen: int,
    value: float,
    answering: Callable[..., list[Any]],
) -> None:
    """A third of the budget for each way; then the whole for the better one."""
    asked = answering(looks, whole)
    (found,) = map_parts(both(LAYER))
    assert not isinstance(found, InputError)
    assert (found.value, found.part.problem.sizes["C"]) == (value, chosen)
    assert found.specification.mapping == Mapping({})
    assert asked == [([16, 18], LOOK, 0), (list(whole), WHOLE, 1)]


def test_parts_are_searched_for_side_by_side(answering: Callable[..., list[Any]]) -> None:
    """One without another way has no look of its own, and is asked for after those that had."""
    asked = answering({16: 5.0, 18: 4.0, 7: 2.0}, {18: 3.0, 7: 1.0})
    first, second = both(LAYER, OTHER)
    alone = (second[0], replace(second[1], alternatives=()), 1e-9)
    found = map_parts([alone, first])
    assert [each.value for each in found if not isinstance(each, InputError)] == [1.0, 3.0]
    assert asked == [([16, 18], LOOK, 0), ([18, 7], WHOLE, 1)]


def test_why_there_is_no_mapping(answering: Callable[..., list[Any]]) -> None:
    last = InputError("none at last")
    answering({16: InputError("none"), 18: InputError("none")}, {16: last})
    assert map_parts(both(LAYER)) == [last]


def test_a_way_that_the_constraints_do_not_allow_is_left_out(
    monkeypatch: pytest.MonkeyPatch, answering: Callable[..., list[Any]]
) -> None:
    assemble = module.assemble

    def refusing(*channels: int) -> Any:
        def refuse(own: Plan, part: Part, cycle: Any) -> Specification:
            if part.problem.sizes["C"] in channels:
                raise InputError(f"{part.problem.sizes['C']} are not allowed")
            return assemble(own, part, cycle)

        return refuse

    monkeypatch.setattr(module, "assemble", refusing(18))
    asked = answering({16: 5.0}, {16: 4.0})
    map_parts(both(LAYER))
    assert asked == [([16], LOOK, 0), ([16], WHOLE, 1)]
    monkeypatch.setattr(module, "assemble", refusing(16, 18))
    (found,) = map_parts(both(LAYER))
    assert isinstance(found, InputError)
    assert found.message == "16 are not allowed"


@pytest.mark.parametrize(("objective", "value"), [("edp", 6.0), ("energy", 2.0), (None, 6.0)])
def test_sparse_tensors_have_a_value_of_their_own(
    objective: str | None, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of a mapping of dense tensors, or of another, searched for a tenth as long."""
    own = plan("simba_skip")
    specification = replace(module.assemble(own, own.parts[0], 1e-9), objective=objective)
    evaluated: list[Specification] = []

    def evaluate(given: Specification) -> Any:
        evaluated.append(given)
        return SimpleNamespace(energy=2.0, cycles=3)

    monkeypatch.setattr(module, "evaluate_specification", evaluate)
    nest = Mapping({})
    assert module._sparse(specification, (99.0, nest), 500, 7) == (value, nest)
    assert evaluated == [replace(specification, mapping=nest)]

    def refuse(given: Specification) -> Any:
        raise InputError("no such tile")

    asked: list[Any] = []

    def map_all(*arguments: Any) -> Any:
        asked.append(arguments)
        return [(1.5, nest)]

    monkeypatch.setattr(module, "evaluate_specification", refuse)
    monkeypatch.setattr(run, "map_all", map_all)
    assert module._sparse(specification, (99.0, nest), 500, 7) == (1.5, nest)
    assert asked == [([specification], 50, 7)]


def test_sparse_tensors_are_mapped_as_dense_ones(
    monkeypatch: pytest.MonkeyPatch, answering: Callable[..., list[Any]]
) -> None:
    monkeypatch.setattr(
        module, "evaluate_specification", lambda _: SimpleNamespace(energy=2.0, cycles=3)
    )
    asked = answering({16: 5.0})
    own = plan("simba_skip")
    (found,) = map_parts([(own, own.parts[0], 1e-9)])
    assert not isinstance(found, InputError)
    assert (found.value, asked) == (6.0, [([16], WHOLE, 1)])
    assert found.specification.architecture.sparse
    none = InputError("none")
    answering({16: none})
    assert map_parts([(own, own.parts[0], 1e-9)]) == [none]
