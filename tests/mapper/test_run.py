"""What a search is refused for, when it ends, and what is left of Ctrl-C's handler."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from mapper.test_mapper import constraints, specification

from red_timeloop.errors import InputError
from red_timeloop.mapper import find as finding
from red_timeloop.mapper import run
from red_timeloop.mapper.run import search_specification
from red_timeloop.spec.types import ErtTable, FactorConstraint, LoopConstraint, Specification

SPEC = specification({"C": 2, "P": 2})


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"budget": 0}, "budget: a budget of 0 mappings (legal: at least 1)"),
        ({}, {"seconds": 0.0}, "seconds: 0 seconds (legal: above 0)"),
        ({}, {"seconds": -0.5}, "seconds: -0.5 seconds (legal: above 0)"),
        ({}, {"objective": "area"}, "objective: unknown objective 'area' (legal: edp, energy, del"),
        ({"problem": None}, {}, "problem: no file has a problem"),
        ({"ert": None}, {}, "objective: no energy table prices the components, so edp cannot be"),
        ({"ert": ErtTable({"other": {"read": 1.0}})}, {"objective": "energy"},
         "the energy table prices none of the components, so energy cannot be judged (legal: --"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_for(
    change: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        search_specification(replace(SPEC, **change), **options)
    assert message in str(caught.value)


def test_the_least_that_can_be_searched_for() -> None:
    mapping, result, report = search_specification(SPEC, budget=1, seconds=1e3)
    assert report.optimal
    assert result.computes == 4
    cheap = search_specification(replace(SPEC, ert=None), "delay")[1]
    assert cheap.cycles <= result.cycles
    loops = sum(len(level.temporal) for level in mapping.levels.values())
    assert loops
    assert search_specification(replace(SPEC, most_temporal_loops=loops))[0] == mapping
    with pytest.raises(InputError, match=f"has {loops} loops over time.*legal: {loops} or more"):
        search_specification(replace(SPEC, most_temporal_loops=loops - 1))
    limited = [replace(SPEC, most_temporal_loops=each) for each in (loops, loops - 1)]
    (((_, found),), (refused, other)) = run.map_all([limited[:1], limited[::-1]], 1)
    assert other == (_, mapping)
    assert found == mapping
    with pytest.raises(InputError, match="the best mapping has"):
        raise refused


@pytest.mark.parametrize(
    ("optimal", "message"),
    [
        (True, "constraints: no mapping is legal: all 7 ways to deal"),
        (False, "budget: no legal mapping among the 5 that were evaluated (legal: a larger budget"),
    ],
)
def test_when_nothing_is_found(
    optimal: bool, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = finding.Found(None, float("inf"), optimal, 7, 5, {}, 0.0, 1)
    monkeypatch.setattr(run, "find", lambda *_, **__: none)
    with pytest.raises(InputError) as caught:
        search_specification(SPEC)
    assert message in str(caught.value)


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Ctrl-C as in a terminal, also where the tests run with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_ctrl_c_ends_the_search_and_its_handler_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    real = run.find

    def interrupted(*arguments: Any, **options: Any) -> Any:
        asked.append(options["stop"]())
        os.kill(os.getpid(), signal.SIGINT)
        asked.append(options["stop"]())
        return real(*arguments, **{**options, "stop": lambda: False})

    monkeypatch.setattr(run, "find", interrupted)
    search_specification(SPEC)
    assert asked == [False, True]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("interrupts")
def test_ctrl_c_ends_what_searches_are_a_part_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "find_all", lambda questions: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        run.map_all([[SPEC]], 10)


def test_a_search_beside_the_main_thread_has_no_handler() -> None:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(search_specification(SPEC)[2].optimal))
    thread.start()
    thread.join()
    assert found == [True]


def test_time_that_is_up_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 100.4, 100.5, 100.51])
    asked: list[bool] = []

    def slow(*_: Any, stop: Any, **__: Any) -> Any:
        asked.extend(stop() for _ in range(3))
        raise InputError("enough")

    monkeypatch.setattr(run, "find", slow)
    monkeypatch.setattr(run.time, "perf_counter", lambda: next(clock))
    with pytest.raises(InputError, match="enough"):
        search_specification(SPEC, seconds=0.5)
    assert asked == [False, False, True]


def test_an_interrupted_search_is_not_remembered() -> None:
    assert SPEC.problem is not None
    space = run.space_of(SPEC, SPEC.problem)
    finding.forget()
    stopped = finding.find(space, "edp", stop=lambda: True)
    assert not stopped.optimal
    whole = finding.find(space, "edp")
    assert whole.optimal
    assert finding.find(space, "edp") is whole
    assert finding.find(space, "edp", seed=1) is not whole
    assert finding.find(space, "energy") is not whole


def held(size: int) -> Specification:
    """13 channels, where a memory holds loops of `size` of them."""
    factor = LoopConstraint(factors=(FactorConstraint("C", "=", size),))
    level = replace(constraints().levels["dram"], temporal=factor)
    return specification({"C": 13, "P": 2}, constraints(dram=level))


def test_sizes_that_the_constraints_do_not_allow_are_left_out() -> None:
    """13 rounds up to 14, of which 13 is no factor; 7 is one of 14 only."""
    assert search_specification(held(13), padding=True)[2].padding == {}
    assert search_specification(held(7), padding=True)[2].padding == {"C": (13, 14)}
    for given, options in ((7, {}), (7, {"imperfect": True}), (5, {"padding": True})):
        with pytest.raises(InputError, match=f"C={given} cannot be met: no factor of C=13"):
            search_specification(held(given), **options)


def test_many_are_mapped_or_refused_one_by_one() -> None:
    [first], [none, last] = run.map_all([[SPEC], [replace(SPEC, problem=None), SPEC]], 10)
    assert first == last == (search_specification(SPEC)[2].value, search_specification(SPEC)[0])
    assert isinstance(none, InputError)
    assert "no file has a problem" in str(none)


def test_what_is_asked_for_where_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def find(*question: Any, **options: Any) -> Any:
        asked.append((*question[1:], options["proof"]))
        raise InputError("enough")

    def find_all(questions: Any) -> Any:
        asked.extend((each.budget, each.seed, each.proof) for own in questions for each in own)
        raise InputError("enough")

    def specified(_: Any, *question: Any, **options: Any) -> Any:
        asked.append((*question, options))
        raise InputError("enough")

    wide = specification({"C": 13, "P": 2})  # a size that would be rounded up
    monkeypatch.setattr(run, "find", find)
    monkeypatch.setattr(run, "find_all", find_all)
    for search in (search_specification, lambda spec: run.map_all([[spec]], 10)):
        with pytest.raises(InputError, match="enough"):
            search(wide)
    assert asked == [("edp", 60_000, 0, True), (10, 0, False)]
    asked.clear()
    monkeypatch.setattr(run, "search_specification", specified)
    monkeypatch.setattr(run, "read_specification", lambda *_, **__: SPEC)
    with pytest.raises(InputError, match="enough"):
        run.search("spec.yaml")
    ((objective, options),) = asked
    assert objective == "edp"
    told = {key: options[key] for key in ("budget", "seed", "seconds", "proof", "mapper_options")}
    assert told == {
        **{"budget": 60_000, "seed": 0, "seconds": 60.0, "proof": True, "mapper_options": None}
    }
    assert (options["padding"], options["imperfect"]) == (False, False)
