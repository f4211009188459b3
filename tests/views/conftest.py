"""A comparison and its report."""

from __future__ import annotations

from pathlib import Path

import pytest

from red_timeloop.comparison import Comparison, compare


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare("red_date2019", engine="embedded")


@pytest.fixture(scope="module")
def folder(comparison: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("report")
    assert comparison.report(target) == target / "report.html"
    return target
