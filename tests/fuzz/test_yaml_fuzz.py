"""A short run of the mutations of `yaml_fuzz.py`, and hypothesis's own over trees of nodes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

import yaml_fuzz
from yaml_fuzz import TOKENS


def test_mutated_inputs_are_read_or_refused_in_one_line() -> None:
    report = yaml_fuzz.run(200, seed=7)
    assert not report.failures, report.failures[0]
    assert sum(report.outcomes.values()) == 200
    assert report.outcomes["read"] > 0


def test_equal_seeds_give_equal_runs() -> None:
    assert yaml_fuzz.run(30, seed=3).outcomes == yaml_fuzz.run(30, seed=3).outcomes


def test_a_reader_that_fails_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(kind: str, path: Path) -> None:
        raise KeyError(kind)

    monkeypatch.setattr(yaml_fuzz, "read", broken)
    assert yaml_fuzz.run(3, seed=0).outcomes == {"traceback": 3}


WORDS = st.sampled_from(TOKENS) | st.text(max_size=6) | st.integers().map(str)
NODES = st.recursive(
    WORDS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]")
        | st.lists(st.tuples(WORDS, inner), max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
        )
    ),
    max_leaves=8,
)
PLACES = ("columns}", "depth: 64 * rows", "C: 16", "[C, M, R]", "M2 R3", "[edp]", "99}", '["*"]')


@pytest.mark.parametrize("place", PLACES)
@given(node=NODES)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_node_in_any_place(place: str, node: str, tmp_path: Path) -> None:
    assert place in yaml_fuzz.SPECIFICATION
    kept = "}" if place.endswith("}") else place.partition(": ")[0] + ": " if ": " in place else ""
    new = node + kept if kept == "}" else kept + node
    path = tmp_path / "input.yaml"
    text = yaml_fuzz.SPECIFICATION.replace(place, new, 1)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    outcome, detail = yaml_fuzz.outcome("spec", path)
    assert outcome in ("read", "refused"), detail
