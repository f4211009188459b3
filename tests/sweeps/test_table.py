"""Results by hand: levels of parameters, accuracy, the baseline at the same point."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from close import near
from sweeps.test_analysis import ENERGY, made_up

from red_timeloop.errors import InputError
from red_timeloop.sweeps.analysis import _levels, best, pareto, sensitivity
from red_timeloop.sweeps.measures import Condition, Objective, measures
from red_timeloop.sweeps.table import Results, _against_baseline


def test_a_parameter_may_be_a_word() -> None:
    absent = dict.fromkeys(measures(chip=False), np.full(3, np.nan))
    given_ = {"a": np.array([4.0, 4.0, np.nan]), "energy_J": np.array([1.0, 4.0, 1.0])}
    plain = made_up(**absent | given_)
    words = {**plain.words, "merge": np.array(["digital", "current", "digital"])}
    results = replace(plain, words=words, parameters=("merge", "a"))
    labels, levels = _levels(results, "merge")
    assert (labels, levels.tolist()) == (["current", "digital"], [1, 0, 1])
    (effect, _) = sensitivity(results, ENERGY)
    assert (effect.parameter, effect.best, effect.factor) == ("merge", "digital", near(4))
    assert [results.row(i)["a"] for i in range(3)] == [4, 4, None]
    assert results.row(1)["merge"] == "current"


def test_thirteen_values_are_too_many_to_be_told_apart() -> None:
    for count, kinds in ((12, 12), (13, 10)):
        values = np.arange(count, dtype=float)
        labels, levels = _levels(made_up(a=values, energy_J=values), "a")
        assert (len(labels), len(set(levels.tolist()))) == (kinds, kinds)
        assert all((" .. " in label) == (count == 13) for label in labels)
    assert (labels[0], labels[-1]) == ("0 .. 1.2", "10.8 .. 12")
    assert levels.tolist() == [0, 0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 9]


def test_points_less_accurate_than_their_set_are_counted() -> None:
    energies = np.ones(5)
    given = {"sqnr_dB": np.array([10.0, 15.0, np.nan, 20.0, np.nan]), "energy_J": energies}
    results = replace(
        made_up(**given), parameters=(), stated=np.array([15.0, 15.0, 12.0, np.nan, np.nan])
    )
    found = results.feasible()
    assert found.numbers["sqnr_dB"][0] == 15.0
    assert len(found) == 3
    left_out, open_ = found.notes
    assert left_out.startswith("2 of 5 evaluations are left out, 1 of them without a known ratio")
    assert "(12.0 dB and more)" in left_out
    assert open_.startswith("The accuracy of 2 evaluations is not known")
    lossless = replace(results, stated=np.full(5, np.inf)).feasible()
    assert "(lossless)" in lossless.notes[0]
    assert len(lossless.notes) == 1
    bound = results.feasible([Condition.parse("sqnr_dB >= 15")])
    assert (len(bound), bound.notes) == (2, ())


def test_a_point_is_compared_with_zero_padding_there_or_not_at_all() -> None:
    points, on = np.array([0, 0, 1, 2, 2]), np.array(["zero_padding", "red", "red", "red", "x"])
    on[4] = "zero_padding"
    found = _against_baseline(points, on, np.array([8.0, 2, 3, 4, 6]), np.array([4.0, 1, 1, 6, 8]))
    assert found["speedup"].tolist() == pytest.approx([1, 4, np.nan, 1.5, 1], nan_ok=True)
    assert found["energy_saving"].tolist() == pytest.approx([0, 0.75, np.nan, 0.25, 0], nan_ok=True)
    alone = _against_baseline(points[:3], np.array(["red"] * 3), np.ones(3), np.ones(3))
    assert all(np.isnan(each).all() for each in alone.values())


def two_workloads() -> Results:
    """Two designs on two workloads, one a hundred times as large; of one row nothing is known."""
    energies = np.array([4.0, 1.0, 2.0, 100.0, 400.0, 200.0, np.nan])
    numbers = {"a": np.array([2.0, 1, 1, 1, 2, 1, 2]), "energy_J": energies, "latency_s": energies}
    words = {"workload": ["s", "s", "s", "l", "l", "l", "l"], "design": list("xxyxxyy")}
    results = replace(made_up(**numbers), parameters=("a",), stated=np.full(7, np.nan))
    columns = {name: np.array(column) for name, column in words.items()}
    return replace(results, words={**columns, "hardware": np.full(7, "h")})


def test_workloads_compete_with_themselves_only() -> None:
    results = two_workloads()
    front = pareto(results)
    assert front.numbers["energy_J"].tolist() == [100.0, 1.0]
    assert best(results, ENERGY).numbers["energy_J"].tolist() == [100.0, 200.0, 1.0, 2.0]
    assert len(best(results, ENERGY, 9)) == 6
    none = replace(results, numbers={**results.numbers, "power_W": np.full(7, np.nan)})
    with pytest.raises(InputError) as caught:
        best(none, Objective("power_W"))
    assert caught.value.legal == "a, energy_J, latency_s"


def test_sensitivity_takes_off_what_workloads_differ_in() -> None:
    """Of x, a 2 costs four times as much on each workload, whose sizes say nothing about it."""
    (effect,) = (each for each in sensitivity(two_workloads(), ENERGY) if each.design == "x")
    assert (effect.parameter, effect.share, effect.factor) == ("a", near(1), near(4))
    assert effect.best == "1"


def test_what_is_not_positive_has_effects_but_no_factor() -> None:
    """Means 0 and 3 of (-1, 1) and (2, 4): of the variance 13, 9 lies between them."""
    values = np.array([-1.0, 1.0, 2.0, 4.0])
    for shift in (0.0, 1.0, -9.0):  # one is 0; none is above it
        given = made_up(a=np.array([1.0, 1, 2, 2]), energy_J=values + shift)
        (effect,) = sensitivity(given, ENERGY)
        assert (effect.share, effect.best) == (near(9 / 13), "1")
        assert np.isnan(effect.factor)
    (effect,) = sensitivity(made_up(a=np.array([1.0, 2]), energy_J=np.ones(2)), ENERGY)
    assert (effect.share, effect.factor) == (0.0, 1.0)


def test_numbers_that_are_whole_are_shown_so_while_they_are_exact() -> None:
    given = {name: np.full(3, np.nan) for name in measures(chip=False)}
    given |= {"a": np.array([2.0**53 - 1, 2.0**53, 0.5]), "cycles": np.full(3, 7.0)}
    results = replace(made_up(**given), parameters=("a",))
    rows = [results.row(i) for i in range(3)]
    assert [repr(row["a"]) for row in rows] == ["9007199254740991", "9007199254740992.0", "0.5"]
    assert repr(rows[0]["cycles"]) == "7"
