"""How many of anything there may be: as many are read, one less is refused with both numbers."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest
from spec.texts import ARCHITECTURE, MAPPING, PROBLEM

from red_timeloop.spec import constraints, problem, reader, tree
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
    assert refusal in found
    assert f"{fits - 1}" in found.rpartition("legal")[2]
