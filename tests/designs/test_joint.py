"""The joint between designs and architectures: every variable has a size, every size a variable."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from red_timeloop import TransposedConv, designs
from red_timeloop.designs.specification import assemble
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.spec.loader import load_file

LAYER = TransposedConv(8, 6, (4, 4), 4, stride=2, padding=1)
VARIABLES = [
    (name, variable)
    for name in designs.all_names()
    for variable in load_file(designs.find(name).architecture)["variables"]
    if variable != "version" and "include_text" not in designs.find(name).architecture.read_text()
]


def rewritten(name: str, folder: Path, variable: str, line: str) -> Path:
    """The design's architecture with the line of one variable replaced."""
    text = designs.find(name).architecture.read_text()
    changed, count = re.subn(rf"(?m)^  {variable}:.*\n", line, text)
    assert count == 1
    file = folder / "arch.yaml"
    file.write_text(changed)
    return file


def refusal(name: str, architecture: Path) -> str:
    plan = designs.find(name).plan(LAYER, Hardware.load())
    plan = replace(plan, architecture=architecture)
    with pytest.raises(InputError) as caught:
        assemble(plan, plan.parts[0], 1e-6)
    return str(caught.value)


@pytest.mark.parametrize(("name", "variable"), VARIABLES)
def test_a_variable_that_is_missing_is_named(name: str, variable: str, tmp_path: Path) -> None:
    message = refusal(name, rewritten(name, tmp_path, variable, ""))
    assert re.search(rf"\b{variable}\b", message), message


@pytest.mark.parametrize(("name", "variable"), VARIABLES)
def test_a_variable_that_is_misspelt_is_named(name: str, variable: str, tmp_path: Path) -> None:
    message = refusal(name, rewritten(name, tmp_path, variable, f"  {variable[:-1]}: 1\n"))
    assert re.search(rf"\b{variable}\b", message), message


@pytest.mark.parametrize("name", designs.names())
def test_a_variable_too_many_is_named(name: str, tmp_path: Path) -> None:
    file = rewritten(name, tmp_path, "fold", "  fold: 1\n  spare: 3\n")
    assert "gives no size of the name 'spare'" in refusal(name, file)
