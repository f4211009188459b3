"""Results by hand: levels of parameters, accuracy, the baseline at the same point."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from close import near
from sweeps.test_analysis import ENERGY, made_up

from red_timeloop.sweeps.analysis import _levels, sensitivity
from red_timeloop.sweeps.measures import Condition, measures
from red_timeloop.sweeps.table import _against_baseline


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
