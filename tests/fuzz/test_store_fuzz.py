"""A short run of the mutations of `store_fuzz.py`."""

from __future__ import annotations

import harness
import store_fuzz


def test_damaged_stores_are_read_or_refused_in_one_line() -> None:
    report = harness.run(store_fuzz.make, store_fuzz.read, 60, seed=7)
    assert not report.failures, report.failures[0]
    assert report.outcomes["refused"] > 0


def test_the_store_that_is_damaged_is_read() -> None:
    assert harness.outcome(store_fuzz.read, store_fuzz.store()) == ("read", "")
