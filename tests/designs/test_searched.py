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
WHOLE = 8_000


def plan(name: str, layer: TransposedConv = LAYER) -> Plan:
    return designs.find(name).plan(layer, Hardware.load())


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Let searches answer by input channels, call by call; return what they are asked."""

    def answer(*calls: dict[int, Answer]) -> list[Any]:
        asked: list[Any] = []

        def map_all(problems: Any, budget: int) -> list[Any]:
            channels = [[each.problem.sizes["C"] for each in ways] for ways in problems]
            own = calls[len(asked)]
            asked.append((channels, budget))
            return [
                [
                    value if isinstance(value := own[number], InputError) else (value, NEST)
                    for number in ways
                ]
                for ways in channels
            ]

        monkeypatch.setattr(run, "map_all", map_all)
        return asked

    return answer


NEST = Mapping({})


def both(*layers: TransposedConv) -> list[tuple[Plan, Part, Any]]:
    plans = [plan("eyeriss", layer) for layer in layers]
    return [(own, own.parts[0], 1e-9) for own in plans]


@pytest.mark.parametrize(
    ("values", "chosen"),
    [
        ({16: 5.0, 18: 4.0}, 18),
        ({16: 4.0, 18: 5.0}, 16),
        ({16: 4.0, 18: 4.0}, 16),  # the first of equals
        ({16: InputError("none"), 18: 5.0}, 18),
        ({16: 5.0, 18: InputError("none")}, 16),
    ],
)
def test_the_best_of_the_ways_to_say_a_part_is_taken(
    values: dict[int, Answer], chosen: int, answering: Callable[..., list[Any]]
) -> None:
    asked = answering(values)
    (found,) = map_parts(both(LAYER))
    assert not isinstance(found, InputError)
    assert (found.value, found.part.problem.sizes["C"]) == (values[chosen], chosen)
    assert found.specification.mapping == NEST
    assert asked == [([[16, 18]], WHOLE)]


def test_parts_are_searched_for_side_by_side(answering: Callable[..., list[Any]]) -> None:
    asked = answering({16: 5.0, 18: 4.0, 7: 2.0})
    first, second = both(LAYER, OTHER)
    alone = (second[0], replace(second[1], alternatives=()), 1e-9)
    found = map_parts([alone, first])
    assert [each.value for each in found if not isinstance(each, InputError)] == [2.0, 4.0]
    assert asked == [([[7], [16, 18]], WHOLE)]


def test_why_there_is_no_mapping(answering: Callable[..., list[Any]]) -> None:
    first = InputError("none")
    answering({16: first, 18: InputError("none either")})
    assert map_parts(both(LAYER)) == [first]


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
    asked = answering({16: 5.0}, {})
    map_parts(both(LAYER))
    assert asked == [([[16]], WHOLE)]
    monkeypatch.setattr(module, "assemble", refusing(16, 18))
    (found,) = map_parts(both(LAYER))
    assert isinstance(found, InputError)
    assert found.message == "16 are not allowed"


@pytest.mark.parametrize(("objective", "value"), [("edp", 6.0), ("energy", 2.0), (None, 6.0)])
def test_sparse_tensors_are_mapped_as_dense_ones_and_have_a_value_of_their_own(
    objective: str | None,
    value: float,
    monkeypatch: pytest.MonkeyPatch,
    answering: Callable[..., list[Any]],
) -> None:
    own, assemble = plan("simba_skip"), module.assemble
    evaluated: list[Specification] = []

    def evaluate(given: Specification) -> Any:
        evaluated.append(given)
        return SimpleNamespace(energy=2.0, cycles=3)

    monkeypatch.setattr(
        module, "assemble", lambda *given: replace(assemble(*given), objective=objective)
    )
    monkeypatch.setattr(module, "evaluate_specification", evaluate)
    asked = answering({16: 99.0})
    (found,) = map_parts([(own, own.parts[0], 1e-9)])
    assert not isinstance(found, InputError)
    assert (found.value, asked) == (value, [([[16]], WHOLE)])
    assert found.specification.architecture.sparse
    assert evaluated == [found.specification]


def test_where_no_mapping_of_dense_tensors_will_do_sparse_ones_are_searched_for(
    monkeypatch: pytest.MonkeyPatch, answering: Callable[..., list[Any]]
) -> None:
    """A tenth as long."""
    own = plan("simba_skip")

    def refuse(given: Specification) -> Any:
        raise InputError("no such tile")

    monkeypatch.setattr(module, "evaluate_specification", refuse)
    asked = answering({16: 99.0}, {16: 1.5})
    (found,) = map_parts([(own, own.parts[0], 1e-9)])
    assert not isinstance(found, InputError)
    assert found.value == 1.5
    assert asked == [([[16]], WHOLE), ([[16]], WHOLE // 10)]
    none = InputError("none")
    answering({16: 99.0}, {16: none})
    assert map_parts([(own, own.parts[0], 1e-9)]) == [none]
