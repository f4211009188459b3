"""How many of anything there may be: as many are read, one less is refused with both numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import ModuleType

import pytest
from places import ROOT
from spec.texts import ARCHITECTURE, MAPPING, PROBLEM

from red_timeloop import _yaml
from red_timeloop.spec import (
    compound,
    constraints,
    expressions,
    known,
    maximize,
    nodes,
    problem,
    reader,
    sandbox,
    storage,
    template,
    tree,
)
from red_timeloop.spec.types import Specification

TREE = """\
architecture:
  version: 0.4
  subtree:
  - name: chip
    attributes: {a: 1, b: 2, c: 3}
    local: [{name: dram, class: DRAM, attributes: {width: 8, datawidth: 8}}]
    subtree:
    - name: pe
      attributes: {d: 4}
      local: [{name: mac, class: intmac, attributes: {datawidth: 8}}]
"""
OF_PROBLEM = {  # five of each, of what else a problem has several
    "data_spaces": ("    data_spaces:", "    data_spaces:\n    - {name: A, projection: [C]}\n"
                    "    - {name: B, projection: [C]}"),
    "coefficients": ("[{name: stride, default: 1},", "[{name: stride, default: 1}, {name: u,"
                     " default: 1}, {name: v, default: 1}, {name: w, default: 1},"),
    "projection": ("projection: [C, M, R]", "projection: [C, M, R, P, C]"),
    "Inputs.projection": ("[R, dilation]", "[R, dilation], [C], [M], [R]"),
}  # fmt: skip
BOTH = ARCHITECTURE, PROBLEM


@pytest.mark.parametrize(
    ("module", "name", "texts", "fits", "refusal"),
    [
        (reader, "_MOST_VARIABLES", BOTH, 5, "variables: there are 5 entries"),
        (constraints, "_MOST_ENTRIES", (*BOTH, MAPPING), 4, "mapping: there are 4 entries"),
        (problem, "_MOST_DIMENSIONS", BOTH, 4, "dimensions: there are 4 entries"),
        *(
            (problem, "_MOST_DIMENSIONS", (ARCHITECTURE, PROBLEM.replace(*change)), 5, refusal)
            for refusal, change in (
                (f"{key}: there are 5 entries", change) for key, change in OF_PROBLEM.items()
            )
        ),
        (tree, "MOST_NODES", (TREE, PROBLEM), 2, "pe.local: there are 2 entries"),
        (tree, "MOST_ATTRIBUTES", (TREE, PROBLEM), 4, "pe.attributes: there are 4 entries"),
    ],
)
def test_as_many_fit_and_no_more(
    module: ModuleType,
    name: str,
    texts: tuple[str, ...],
    fits: int,
    refusal: str,
    read: Callable[..., Specification],
    message: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, name, fits)
    assert read(*texts).architecture.levels
    monkeypatch.setattr(module, name, fits - 1)
    found = message(*texts)
    assert re.match(r"file\d\.yaml(:\d+)?: ", found)
    assert refusal in found
    assert f"{fits - 1}" in found.rpartition("legal")[2]


def test_the_page_says_what_is_too_large() -> None:
    page = " ".join((ROOT / "docs/specifications.md").read_text().split())
    assert (
        f"files over {_yaml.LARGEST_FILE >> 20} MiB, {tree.MOST_NODES} nodes,"
        f" {nodes.MOST_ATTRIBUTES} attributes of a node, {problem._MOST_DIMENSIONS} dimensions,"
        f" data spaces or terms of a projection, {reader._MOST_VARIABLES:,} variables or"
        " constraints, sizes over 2^31, 2^62 operations or words of a tensor"
    ) in page
    assert constraints._MOST_ENTRIES == reader._MOST_VARIABLES == compound._MOST
    assert (problem._LARGEST, problem._MOST_POINTS) == (2**31, 2**62)
    assert (tree._MOST, storage._MOST) == (2**31, 2**62)


def test_limits_that_no_page_says_stay_what_they_are() -> None:
    """Files that were read, are; work that ended soon, does."""
    assert (compound._DEEPEST, maximize._MOST_STATES, known._MOST) == (50, 20_000, 4096)
    assert (expressions._LONGEST, expressions._MOST_ITEMS) == (1000, 10_000)
    assert (sandbox.LARGEST_VALUE, sandbox.MOST_STEPS) == (200_000, 500_000)
    assert (template._MOST_FILES, template._MOST_TEXT) == (1000, 2 * _yaml.LARGEST_FILE)
    assert (template._LARGEST_TEXT, template._LARGEST_TEMPLATE) == (4_000_000, 200_000)
    assert (template._WORTH_KEEPING, problem._COMPARED) == (100_000, 100)
