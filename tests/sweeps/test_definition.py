"""Sweep files are refused before the first point, with the key; their points are what they say."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.sweeps import content
from red_timeloop.sweeps.content import (
    canonical,
    describe_context,
    describe_hardware,
    digest,
    point_keys,
)
from red_timeloop.sweeps.definition import apply, load_sweep
from red_timeloop.sweeps.measures import MEASURES, Condition, Objective
from red_timeloop.sweeps.space import Axis, Space
from red_timeloop.workload import load_workload

RANGE = {"from": 1e4, "to": 1e6}


@pytest.mark.parametrize(
    ("content", "key", "words"),
    [
        ({"paramters": {}}, "paramters", "unknown key"),
        ({"schema": 2}, "schema", "got 2"),
        ({"workloads": "nowhere"}, "workloads", "nowhere"),
        ({"workloads": []}, "workloads", "got []"),
        ({"layers": ["GAN_Deconv9"]}, "layers", "GAN_Deconv9"),
        ({"designs": ["rde"]}, "designs", "zero_padding"),
        ({"engine": "auto"}, "engine", "embedded"),
        ({"hardware": "isaac_33nm"}, "hardware", "isaac_32nm"),
        ({"parameters": {"row": [64]}}, "parameters.row", "rows, columns"),
        ({"parameters": {"rows": []}}, "parameters.rows", "no values"),
        ({"parameters": {"rows": [64, 0]}}, "parameters.rows[1]", "got 0"),
        ({"parameters": {"rows": [64, [1]]}}, "parameters.rows[1]", "got [1]"),
        ({"parameters": {"merge": ["analog"]}}, "parameters.merge[0]", "digital, current"),
        ({"parameters": {"zeros_stored": [1]}}, "parameters.zeros_stored[0]", "true, false"),
        ({"parameters": {"technology": ["3nm"]}}, "parameters.technology[0]", "130nm"),
        ({"parameters": {"adc_rate_hz": [1e99]}}, "parameters.adc_rate_hz[0]", "out of range"),
        ({"parameters": {"adc_rate_hz": ["x"]}}, "parameters.adc_rate_hz[0]", "with MHz, GHz"),
        (
            {"parameters": {"on_resistance_ohm": RANGE}},
            "parameters.on_resistance_ohm.steps",
            "steps",
        ),
        (
            {"parameters": {"on_resistance_ohm": {"from": 1e4}}},
            "parameters.on_resistance_ohm.to",
            "missing",
        ),
        (
            {"parameters": {"on_resistance_ohm": {**RANGE, "steps": 1}}},
            "parameters.on_resistance_ohm.steps",
            "got 1",
        ),
        (
            {"parameters": {"on_resistance_ohm": {"from": 1e6, "to": 1e4, "steps": 3}}},
            "parameters.on_resistance_ohm.to",
            "before it begins",
        ),
        (
            {"parameters": {"on_resistance_ohm": {**RANGE, "to": 1e99, "steps": 3}}},
            "parameters.on_resistance_ohm",
            "out of range",
        ),
        (
            {
                "parameters": {
                    "off_current_a_per_m": {"from": 0, "to": 1, "steps": 3, "scale": "log"}
                }
            },
            "parameters.off_current_a_per_m.from",
            "cannot begin at 0",
        ),
        ({"parameters": {"merge": {**RANGE, "steps": 2}}}, "parameters.merge", "is a number"),
        (
            {"parameters": {"rows": {"from": 1.5, "to": 4, "steps": 2}}},
            "parameters.rows",
            "whole number",
        ),
        ({"sampling": "grid"}, "sampling", "latin_hypercube"),
        ({"sampling": "random", "parameters": {"rows": [1, 2]}}, "points", "missing"),
        ({"points": 5, "parameters": {"rows": [1, 2]}}, "points", "product gives the points"),
        ({"sampling": "random", "points": 5}, "parameters", "nothing to draw from"),
        ({"sampling": "random", "points": 0, "parameters": {"rows": [1]}}, "points", "got 0"),
        ({"sampling": "zip", "parameters": {"rows": [1, 2], "fold": [1]}}, "parameters", "rows 2"),
        ({"objectives": ["energy"]}, "objectives[0]", "energy_J"),
        ({"objectives": ["sqnr_dB"], "sqnr": False}, "objectives[0]", "sqnr: true"),
        ({"designs": ["red"], "objectives": ["speedup"]}, "objectives[0]", "zero padding"),
        ({"constraints": ["area_m2 is small"]}, "constraints[0]", "NAME <= NUMBER"),
        ({"constraints": ["area_m2 <= much"]}, "constraints[0]", "got 'much'"),
        ({"constraints": ["area <= 1"]}, "constraints[0]", "no measure or parameter 'area'"),
        ({"timeout_s": -1}, "timeout_s", "got -1"),
        ({"timeout_s": float("inf")}, "timeout_s", "finite number"),
        (
            {"parameters": {"rows": {"from": 1, "to": float("inf"), "steps": 2}}},
            "parameters.rows.to",
            "finite number",
        ),
        (
            {"parameters": {"rows": {"from": float("nan"), "to": 2, "steps": 2}}},
            "parameters.rows.from",
            "finite number",
        ),
        ({"constraints": ["cycles <= much"]}, "constraints[0]", "'much' is not a number"),
        (
            {"sampling": "random", "points": 2, "parameters": {"rows": {"from": 0, "to": 4}}},
            "parameters.rows",
            "got 0",
        ),
        (
            {"sampling": "random", "points": 2, "parameters": {"rows": {"from": 1, "to": 2**40}}},
            "parameters.rows",
            "got 1099511627776",
        ),
        ({"seed": -1, "sampling": "grid"}, "sampling", "latin_hypercube"),  # the first of several
        ({"objectives": ["max energy_J less"]}, "objectives[0]", "got 'max energy_J less'"),
        ({"seed": -1}, "seed", "got -1"),
    ],
)
def test_bad_definitions(content: dict[str, Any], key: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        load_sweep(content)
    assert caught.value.key == key
    assert words in str(caught.value)


def test_the_message_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("parameters: {rows: [64, 0]}\n")
    with pytest.raises(InputError, match=r"mine\.yaml: parameters\.rows\[1\]: got 0"):
        load_sweep(file)
    file.write_text("parameters: {rows: [64]}\nrows: [1\n")
    with pytest.raises(InputError, match="not valid YAML"):
        load_sweep(file)
    file.write_text("parameters: {rows: [64]}\nworkloads: red_date2019\n")
    assert load_sweep(file).name == "mine"


def test_an_error_in_a_file_that_a_key_names_is_of_that_file(tmp_path: Path) -> None:
    (tmp_path / "load.yaml").write_text("schema: 1\nname: x\n")
    with pytest.raises(InputError) as caught:
        load_sweep({"workloads": str(tmp_path / "load.yaml")})
    assert str(caught.value).startswith(f"{tmp_path}/load.yaml: ")


def test_sizes() -> None:
    parameters = {"rows": [64, 128], "read_voltage_v": {"from": 0.1, "to": 0.3, "steps": 5}}
    several = {"workloads": ["red_date2019", "dcgan"], "hardware": ["isaac_32nm"]}
    assert load_sweep({"parameters": parameters, **several}).size == 20
    assert load_sweep({"parameters": {"rows": [64, 64, 128]}}).size == 2  # equal values, one point
    assert load_sweep({}).size == 1
    drawn = {"sampling": "random", "points": 7, "parameters": {"rows": [64, 128]}}
    assert load_sweep(drawn).size == 7


def test_technology_moves_node_and_supply() -> None:
    base = Hardware.load("isaac_32nm")
    moved = apply(base, {"technology": "65nm", "rows": 64})
    assert moved.circuit == base.circuit.at_node(65e-9)
    assert moved.rows == 64


def values(space: Space, varying: frozenset[str], most: int) -> list[tuple[Any, ...]]:
    """Return the points of a space, from its blocks."""
    points = []
    for block in space.blocks(varying, most):
        assert 1 <= block.count <= most
        for row in range(block.count):
            point = {**block.shared, **{n: v[row] for n, v in block.varied.items()}}
            points.append(tuple(point[axis.name] for axis in space.axes))
    return points


AXES = (
    Axis("rows", (1, 2, 3)),
    Axis("a", (0.1, 0.2)),
    Axis("merge", ("x", "y")),
    Axis("b", (5.0,)),
)


@pytest.mark.parametrize("varying", [(), ("a", "b"), ("rows", "a", "b")])
@pytest.mark.parametrize("most", [1, 3, 100])
def test_a_product_has_every_combination_once(varying: tuple[str, ...], most: int) -> None:
    found = values(Space(AXES), frozenset(varying), most)
    wanted = [(r, a, m, 5.0) for r in (1, 2, 3) for a in (0.1, 0.2) for m in ("x", "y")]
    assert sorted(found) == sorted(wanted)


def test_zip_goes_side_by_side() -> None:
    axes = (Axis("rows", (1, 2, 1)), Axis("a", (0.1, 0.2, 0.3)))
    found = values(Space(axes, "zip"), frozenset({"a"}), 10)
    assert sorted(found) == [(1, 0.1), (1, 0.3), (2, 0.2)]


@given(points=st.integers(1, 60), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_latin_hypercube_has_one_point_in_each_share(points: int, seed: int) -> None:
    axes = (Axis("a", low=2.0, high=4.0), Axis("b", low=1.0, high=1000.0, log=True))
    found = values(Space(axes, "latin_hypercube", points, seed), frozenset("ab"), 1000)
    shares_a = [(a - 2.0) / 2.0 * points for a, _ in found]
    shares_b = [np.log(b) / np.log(1000.0) * points for _, b in found]
    for shares in (shares_a, shares_b):
        # A point on the border of two shares may be rounded into the next one.
        assert np.allclose(np.sort(shares), np.arange(points) + 0.5, atol=0.5 + 1e-6)


def test_draws_follow_the_seed_and_stay_in_range() -> None:
    axes = (
        Axis("rows", (64, 128)),
        Axis("fold", low=1, high=3, whole=True),
        Axis("a", low=1, high=2),
    )
    first, again, other = (
        values(Space(axes, "random", 200, s), frozenset("a"), 64) for s in (1, 1, 2)
    )
    assert first == again != other
    assert {row for row, _, _ in first} == {64, 128}
    assert {fold for _, fold, _ in first} == {1, 2, 3}
    assert all(1 <= a <= 2 for _, _, a in first)


def test_keys_follow_the_content_alone() -> None:
    context = digest(canonical(describe_context(load_workload("dcgan"), "embedded", False)))
    base = Hardware.load("isaac_32nm")
    varied = {"read_voltage_v": np.array([0.1, 0.2]), "off_resistance_ohm": np.array([1e6, np.inf])}
    together = point_keys(context, describe_hardware(base), varied, 2)
    for row in (0, 1):
        alone = base.replace(**{name: float(column[row]) for name, column in varied.items()})
        assert point_keys(context, describe_hardware(alone), {}, 1) == [together[row]]
        assert together[row] == digest(context.hex() + canonical(describe_hardware(alone)))
    # What a number already is changes nothing, nor does a name; each number changes the key.
    numbers = describe_hardware(base)
    key = point_keys(context, numbers, {}, 1)[0]
    same = describe_hardware(base.replace(rows=base.rows, name="other"))
    assert point_keys(context, same, {}, 1) == [key]
    keys = {key, *together}
    for name in describe_hardware(base):
        value = getattr(base.circuit, name, None)
        if value is not None and name != "name":
            keys.update(point_keys(context, numbers, {name: np.array([value * 1.0001])}, 1))
    for changes in ({"rows": 64}, {"columns": None}, {"merge": "current"}, {"zeros_stored": True}):
        keys.update(point_keys(context, numbers | changes, {}, 1))
    zero = [n for n, v in describe_hardware(base).items() if v == 0.0 and hasattr(base.circuit, n)]
    assert len(keys) == 3 + len(base.circuit.names()) - len(zero) + 4


def test_contexts_tell_workloads_engines_and_measures_apart() -> None:
    one = load_workload("red_date2019")
    texts = {
        canonical(describe_context(workload, engine, sqnr))
        for workload in (one, one.select(["GAN_Deconv3"]), load_workload("dcgan"))
        for engine in ("embedded", "timeloop")
        for sqnr in (False, True)
    }
    assert len(texts) == 12


def test_conditions_and_objectives() -> None:
    columns = {"energy_J": np.array([1.0, 2.0, np.nan])}
    assert Condition.parse("energy_J<=1").holds(columns).tolist() == [True, False, False]
    assert Condition.parse(" energy_J > 1 ").holds(columns).tolist() == [False, True, False]
    with pytest.raises(InputError, match="no measure or parameter 'power'"):
        Condition.parse("power < 1").holds(columns)
    assert str(Objective.parse("energy_saving")) == "max energy_saving"
    assert Objective.parse("max energy_J").cost(columns)[1] == -2.0
    with pytest.raises(InputError):
        Objective.parse("least energy_J")


def test_more_is_better_of_rates_and_shares_and_less_of_what_costs() -> None:
    rates = {"images_per_s", "speedup", "energy_saving", "sqnr_dB", "tops", "peak_tops"}
    rates |= {"tops_per_W", "tops_per_mm2"}
    rates |= {f"utilization_{of}" for of in ("rows", "columns", "crossbars", "time")}
    assert {name for name in MEASURES if Objective.parse(name).more} == rates
    assert not Objective("energy_J").more


@pytest.mark.parametrize(
    ("relation", "held"), [("<", "100"), ("<=", "110"), ("==", "010"), (">=", "011"), (">", "001")]
)
def test_conditions_at_their_bound(relation: str, held: str) -> None:
    condition = Condition.parse(f"area_m2 {relation} 2mm2")
    found = condition.holds({"area_m2": np.array([1e-6, 2e-6, 3e-6])})
    assert "".join(str(int(each)) for each in found) == held


def test_what_a_definition_leaves_out_is_what_the_page_says() -> None:
    found = load_sweep({})
    assert (found.name, found.engine, found.timeout, found.sqnr) == ("sweep", "embedded", 600, True)
    assert (found.space.seed, found.space.points, found.size) == (0, 1, 1)
    assert [base.name for base in found.bases] == ["isaac_32nm"]
    assert [str(each) for each in found.objectives] == ["min energy_J", "min latency_s"]


@pytest.mark.parametrize(
    ("legal", "refused"),
    [
        ({"name": "n" * 200}, {"name": "n" * 201}),
        ({"seed": 0}, {"seed": -1}),
        ({"timeout_s": 1e-9}, {"timeout_s": 0}),
        ({"schema": 1}, {"schema": 0}),
        ({"sampling": "random", "points": 1}, {"sampling": "random", "points": 0}),
        ({"sampling": "random", "points": 10**7}, {"sampling": "random", "points": 10**7 + 1}),
        (
            {"parameters": {"read_voltage_v": {"from": 0.2, "to": 0.2, "steps": 2}}},
            {"parameters": {"read_voltage_v": {"from": 0.2, "to": 0.2, "steps": 1}}},
        ),
        (
            {
                "parameters": {
                    "read_voltage_v": {"from": 0.1, "to": 0.2, "steps": 2, "scale": "log"}
                }
            },
            {"parameters": {"gpu_idle": {"from": 0.0, "to": 0.2, "steps": 2, "scale": "log"}}},
        ),
    ],
)
def test_a_bound_of_a_definition_is_legal_and_what_lies_beyond_is_not(
    legal: dict[str, Any], refused: dict[str, Any]
) -> None:
    drawn = {"parameters": {"read_voltage_v": {"from": 0.1, "to": 0.3}}}
    shared = drawn if "points" in legal else {}
    load_sweep({**shared, **legal})
    with pytest.raises(InputError):
        load_sweep({**shared, **refused})


def test_a_long_value_is_cut_short() -> None:
    for length, shown in ((58, f"'{'x' * 58}'"), (59, f"'{'x' * 56}...")):
        with pytest.raises(InputError) as caught:
            load_sweep({"engine": "x" * length})
        assert caught.value.message == f"got {shown}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": []}, r"layers: got \[\] .legal: list should have at least 1 item"),
        (
            {"sampling": "random", "points": 2**31 - 1},
            r"points: got 2147483647 .legal: less than or equal to 10000000",
        ),
        (
            {"parameters": {"read_voltage_v": {"from": 0.1, "to": 0.2, "steps": 10**6 + 1}}},
            r"steps: got 1000001 .legal: less than or equal to 1000000",
        ),
    ],
)
def test_sweeps_of_nothing_or_of_too_much_are_refused(change: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_sweep({"parameters": {"read_voltage_v": {"from": 0.1, "to": 0.3}}, **change})


def test_a_share_that_rounds_to_one_stays_within_the_last_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """(2 + 1 - 2^-53) / 3 is 1 in floating point, where the list of values ends."""
    below = np.nextafter(1.0, 0.0)
    generator = SimpleNamespace(random=lambda count: np.full(count, below), permutation=np.arange)
    monkeypatch.setattr(np.random, "default_rng", lambda seed: generator)
    axes = (Axis("rows", (64, 128)), Axis("a", low=2.0, high=4.0))
    found = values(Space(axes, "latin_hypercube", 3), frozenset(), 9)
    assert [rows for rows, _ in found] == [64, 128, 128]
    assert [share for _, share in found] == pytest.approx([2 + 2 / 3, 2 + 4 / 3, 4.0])


def test_points_of_the_real_timeloop_are_those_of_its_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "timeloop-model"
    monkeypatch.setattr(content, "find_tools", lambda: SimpleNamespace(model=program))
    program.write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    told = describe_context(load_workload("dcgan"), "timeloop", False)["version"]
    assert told["timeloop"] == "ba7816bf8f01cfea"
    assert "timeloop" not in describe_context(load_workload("dcgan"), "embedded", False)["version"]
