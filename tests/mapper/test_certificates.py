"""The page of certificates: what it says follows from searches of a small workload."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from places import benchmark

from red_timeloop.designs import searched
from red_timeloop.mapper import cache

WORKLOAD = """\
name: small
layers:
  - name: up
    type: transposed_conv
    in_channels: 4
    out_channels: 2
    input_size: [3, 3]
    kernel_size: 2
    stride: 2
"""


def test_a_small_workload_makes_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.SWITCH, str(tmp_path))
    monkeypatch.setattr(searched, "BUDGET", 300)
    (tmp_path / "small.yaml").write_text(WORKLOAD)
    given = [str(tmp_path / "small.yaml"), "-o", str(tmp_path / "page.md"), "--seconds", "20"]
    command = benchmark("certificates")
    assert command.main(given) == 0
    text = (tmp_path / "page.md").read_text()
    assert "1 of 1 different layers" in text
    rows = re.findall(r"^\| (\w+) \| (\d+) \| (\d+)% \| (\d+)% \|", text, re.MULTILINE)
    problems = {name: int(count) for name, count, *_ in rows}
    assert sum(problems.values()) == 2 * problems["all"] > 2
    for name, count, proved, better in rows:  # spaces this small are gone through
        assert abs(int(proved) + int(better) - 100) <= 1, name
        listed = "" if name == "all" else f" {name} |"
        assert text.count(f"| small up |{listed}") == round(int(count) * int(better) / 100), name
    monkeypatch.setattr(command, "prove", None)  # all answers are kept
    assert command.main(given) == 0
    assert (tmp_path / "page.md").read_text() == text
