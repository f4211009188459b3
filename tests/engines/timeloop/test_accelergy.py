"""The installed Accelergy as an estimator, with a stand-in for it and, where it is, itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from red_timeloop import resources
from red_timeloop.components.tables import price
from red_timeloop.engines.pricing import price_specification
from red_timeloop.engines.timeloop.tools import TimeloopError
from red_timeloop.errors import InputError
from red_timeloop.spec.reader import read_specification


@pytest.mark.skipif(shutil.which("accelergy") is None, reason="needs accelergy on PATH")
def test_accelergy_gives_the_prices_of_its_plug_ins() -> None:
    specification = read_specification(resources.path("arch/red.yaml"))
    found = price_specification(specification, "accelergy")
    ert, art = price(specification.architecture)
    for name in ert.energies:
        assert found.ert.energies[name] == pytest.approx(ert.energies[name], rel=1e-12, abs=0)
        assert found.art.areas[name] == pytest.approx(art.areas[name], rel=1e-12, abs=0)
    assert found.ert.priced_by["adc"] == "Accelergy: RedTimeloopAdc"


def stand_in(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = folder / "accelergy"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_an_accelergy_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    specification = read_specification(resources.path("arch/eyeriss.yaml"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TimeloopError, match="accelergy is not on PATH"):
        price_specification(specification, "accelergy")
    line = "2026-01-01 00:00:00 ERROR  Can not find an energy estimator for abacus(width=3).read()"
    stand_in(tmp_path, f"echo '{line}'; exit 1", monkeypatch)
    with pytest.raises(TimeloopError, match="Accelergy has no energy estimator for 'abacus'"):
        price_specification(specification, "accelergy")
    with pytest.raises(InputError, match="unknown estimator 'acelergy'"):
        price_specification(specification, "acelergy")
