"""The figures of `docs/accuracy.md` against each other, and one made anew."""

from __future__ import annotations

import math
import re
from types import ModuleType

import pytest
from places import ROOT, benchmark

from red_timeloop.units import ratio

PAGE = (ROOT / "docs" / "accuracy.md").read_text()
UNITS = {"": 1.0, "m": 1e-3, "u": 1e-6}


@pytest.fixture(scope="module")
def command() -> ModuleType:
    """The command that makes the page's figures."""
    return benchmark("accuracy")


def si(text: str) -> float:
    number, unit = text.split()
    return float(number) * UNITS[unit[:-1]]


def test_the_page_has_every_setting_and_says_it_as_the_command_would(command: ModuleType) -> None:
    for part, axes in (("pictures", command.AXES), ("cells", command.FAULTS)):
        rows = command.read(PAGE, part)
        wanted = [(axis, value) for axis, values in axes.items() for value in values]
        assert [(row.axis, row.value) for row in rows] == wanted
        assert all(str(row) in PAGE for row in rows)
        assert command.written(PAGE, part, list(map(str, rows))) == PAGE
    assert len(command.read(PAGE, "masks")) == len(command.AXES["adc_bits"])


def test_an_interval_is_students(command: ModuleType) -> None:
    """By hand: the standard deviation of 1 .. 5 is sqrt(2.5)."""
    mean, half = command.interval([1, 2, 3, 4, 5])
    assert (mean, half) == (3, pytest.approx(2.776 * math.sqrt(2.5 / 5)))


def test_ratios_at_equal_accuracy_follow_from_their_rows() -> None:
    row = (
        r"^\| (20 dB|lossless) \| (\w+) \| .* \| (\S+ \w*s) \| (\S+ \w*J) \| [^|]* \|"
        r" (\S+) \| (\S+) \|$"
    )
    found = re.findall(row, PAGE, re.M)
    assert len(found) == 8
    base = {
        bound: (si(time), si(energy)) for bound, name, time, energy, *_ in found if name == "red"
    }
    for bound, _, time, energy, against, product in found:
        latency, own = base[bound]
        assert float(against[:-1]) == pytest.approx(si(energy) / own, rel=0.01)
        whole = si(time) * si(energy) / (latency * own)
        assert float(product[:-1]) == pytest.approx(whole, rel=0.02), ratio(whole)


def test_a_row_made_anew_is_that_of_the_page(
    command: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra run")
    pytest.importorskip("skimage", reason="needs the extra run")
    monkeypatch.setattr(command, "DESIGNS", ("red",))
    made = command.generated(command.setting("adc_bits", 5), command.IDEAL)
    row = next(r for r in command.read(PAGE, "pictures") if (r.axis, r.value) == ("adc_bits", 5))
    assert command.interval(made["red"].tolist())[0] == pytest.approx(row.means[0], abs=0.06)
