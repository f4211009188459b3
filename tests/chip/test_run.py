"""Networks on chips: budgets, what more of them buys, and what people quote."""

from __future__ import annotations

import csv
import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
from chip.stages import plain
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from red_timeloop import designs
from red_timeloop.chip.budget import Budget, Site
from red_timeloop.chip.chips import load_chip
from red_timeloop.chip.result import ChipComparison
from red_timeloop.chip.run import on_chip, on_chips
from red_timeloop.cli.chip import command
from red_timeloop.cli.main import main
from red_timeloop.designs.evaluator import Evaluator
from red_timeloop.engines.base import engine
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import TransposedConv
from red_timeloop.workload import Workload, WorkloadLayer, load_workload

CHIP = load_chip("isaac")
EVALUATOR = Evaluator(Hardware.load(), engine("embedded"))


def within(
    workload: str, budgets: list[Budget], design: str = "red", **more
) -> list[ChipComparison]:
    chosen = designs.choose([design])
    return on_chips(load_workload(workload), chosen, EVALUATOR, CHIP, budgets, **more)


@settings(max_examples=6, deadline=None)
@given(
    st.sampled_from(["dcgan", "gp_gan"]),
    st.sampled_from([("area", 30e-6, 400e-6), ("crossbars", 1e3, 7e4), ("power", 11.0, 200.0)]),
    st.lists(st.floats(0.0, 1.0), min_size=2, max_size=4),
)
def test_more_of_a_budget_never_gives_fewer_images(
    workload: str, kind: tuple, places: list[float]
) -> None:
    name, low, high = kind
    budgets = [
        Budget(
            name,
            int(low + (high - low) * place) if name == "crossbars" else low + (high - low) * place,
        )
        for place in sorted(places)
    ]
    last = 0.0
    for budget, point in zip(budgets, within(workload, budgets), strict=True):
        rate = point.results[0].rate if point.results else 0.0
        assert rate >= last * (1 - 1e-9)
        last = rate
        for found in point.results:
            limit = {"area": found.area, "power": found.power, "crossbars": found.crossbars_used}
            assert limit[name] <= budget.amount * (1 + 1e-9)


def test_breakdowns_add_up_and_useful_operations_are_counted() -> None:
    found = on_chip("dcgan", ["red", "zero_padding"], "embedded", budget=Budget("area", 90e-6))
    macs = load_workload("dcgan").macs
    for each in found.results:
        assert sum(each.area_by_part.values()) == pytest.approx(each.area, rel=1e-9, abs=0)
        assert sum(each.energy_by_part.values()) == pytest.approx(each.energy, rel=1e-9, abs=0)
        assert each.ops == pytest.approx(2 * macs * each.rate)
        assert each.ops < each.peak_ops
        content = each.as_dict()
        assert all(0 < share <= 1 for share in content["utilization"].values())
        assert sum(row["crossbars"] for row in content["layers"]) == each.crossbars_used


def test_copies_change_no_energy_but_that_of_hops_and_at_rest() -> None:
    few, many = (
        point.results[0] for point in within("dcgan", [Budget("area", a) for a in (6e-5, 9e-5)])
    )
    assert many.crossbars_used > few.crossbars_used
    resting = ("rest", "links", "mesh")  # and by hops
    for part, energy in few.energy_by_part.items():
        if part not in resting:
            assert many.energy_by_part[part] == pytest.approx(energy, rel=1e-9, abs=0)


def test_every_tile_has_an_edram_that_leaks() -> None:
    stages = (plain(shared_leakage=2e-3), plain(shared_leakage=4e-3, repeat=3))
    always = CHIP.power("always", place="chip")
    assert Site(CHIP, stages).static_power(5) == pytest.approx(5 * 3.5e-3 + always, abs=0)


def test_what_is_missing_is_named() -> None:
    (point,) = within("gp_gan", [Budget("crossbars", 100)])
    message = str(point.failures[0].error)
    assert "crossbars: one copy of the weights takes 17554 crossbars, the budget has 100" in message
    assert "--reprogram" in message
    enough = float(message.split(" mm2")[0].split()[-1])
    assert within("gp_gan", [Budget("area", enough * 1e-6)])[0].results
    assert not within("gp_gan", [Budget("area", enough * 0.98e-6)])[0].results
    with pytest.raises(InputError, match="at rest"):
        on_chip("dcgan", ["red"], "embedded", budget=Budget("power", 5.0))
    layer = "red_date2019:GAN_Deconv3"
    with pytest.raises(InputError, match="as large as the layer"):
        on_chip(layer, ["red"], "embedded", hardware="monolithic_65nm")


def test_layers_in_turn_cost_time_energy_and_wear() -> None:
    small, large = (
        within("gp_gan", [Budget("crossbars", 2000)], reprogram=images)[0].results[0]
        for images in (10, 1000)
    )
    whole = within("gp_gan", [Budget("chips", 2)])[0].results[0]
    assert min(small.turns, large.turns) > 1
    assert (whole.turns, whole.writes_per_cell) == (1, 0)
    assert small.rate < large.rate < whole.rate
    assert small.energy_by_part["programming"] > large.energy_by_part["programming"]
    assert small.writes_per_cell > large.writes_per_cell > 0


def test_a_network_of_many_chips_is_answered() -> None:
    found = on_chip("fcn8s", ["red"], "embedded").results[0]
    assert found.chips > 1
    assert found.crossbars_used <= found.crossbars == found.chips * CHIP.crossbars
    layer = "red_date2019:GAN_Deconv1"
    tiny = on_chip(layer, ["red"], "embedded", budget=Budget("crossbars", 96), reprogram=100)
    assert tiny.results[0].turns > 1  # a single layer larger than all crossbars


def test_an_array_has_the_area_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("red_timeloop.designs.searched.BUDGET", 200)
    layer = TransposedConv(4, 2, (2, 2), 2, stride=2, name="up")
    network = Workload("small", "", (WorkloadLayer(layer, ""),))
    found = on_chip(network, ["eyeriss"], "embedded", budget=Budget("area", 60e-6)).results[0]
    assert found.area == pytest.approx(60e-6, rel=0.01, abs=0)
    assert (found.area > 60e-6) == ("larger than the budget" in " ".join(found.notes))
    assert found.crossbars == 0
    with pytest.raises(InputError, match="as large as an area allows"):
        on_chip(network, ["eyeriss"], "embedded", budget=Budget("chips", 1))


def test_parts_that_replace_nothing_are_named() -> None:
    parts = [replace(p, stands_for=("adcc",)) if p.name == "adc" else p for p in CHIP.parts]
    found = on_chip("vae_mnist", ["red"], "embedded", chip=replace(CHIP, parts=tuple(parts)))
    assert "no design here has, and replace nothing: adcc." in " ".join(found.assumptions)
    plain_chip = on_chip("vae_mnist", ["red"], "embedded", chip=CHIP)
    assert "replace nothing" not in " ".join(plain_chip.assumptions)
    assert plain_chip.results[0].area < found.results[0].area


def test_the_command_prints_json_of_the_schema(tmp_path: Path) -> None:
    arguments = ["dcgan", "--design", "red", "--area", "50mm2", "--format", "json", "-o"]
    ran = CliRunner().invoke(command, [*arguments, str(tmp_path)])
    content = json.loads(ran.stdout[: ran.stdout.rindex("}") + 1])
    assert content == json.loads((tmp_path / "chip.json").read_text(encoding="utf-8"))
    assert {"schema", "workload", "chip", "results"} <= content.keys()
    assert {
        *("design", "budget", "crossbars", "crossbars_used", "tiles", "chips", "images_per_s"),
        *("latency_s", "energy_J_per_image", "power_W", "area_m2", "peak_tops", "tops"),
        *("tops_per_W", "tops_per_mm2", "utilization", "bottleneck", "breakdown", "layers"),
    } <= content["results"][0].keys()
    assert content["results"][0]["layers"][0].keys() == {"layer", "copies", "crossbars", "time_s"}
    (row,) = csv.DictReader((tmp_path / "chip.csv").read_text(encoding="utf-8").splitlines())
    assert float(row["area_m2"]) == content["results"][0]["area_m2"] < float(row["budget_area_m2"])


def test_a_curve_names_where_designs_cross() -> None:
    arguments = ["gp_gan", "--design", "red", "--design", "zero_padding"]
    ran = CliRunner().invoke(command, [*arguments, "--area", "100mm2..400mm2", "--format", "json"])
    content = json.loads(ran.stdout)
    rates = {}
    for row in content["results"]:
        rates.setdefault(row["design"], []).append(row["images_per_s"])
    assert all(list(each) == sorted(each) for each in rates.values())
    for crossing in content["crossings"]:
        low, high = crossing["between_m2"]
        assert low < high < low * 1.1
        budgets = [Budget("area", high)]
        ahead = within("gp_gan", budgets, crossing["design"])[0].results[0].rate
        behind = within("gp_gan", budgets, crossing["overtakes"])[0].results
        assert not behind or ahead > behind[0].rate


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--design", "eyeriss", "--chips", "1"], "not run: eyeriss: chips: eyeriss has no cross"),
        (["--area", "36mm2..90mm2"], "not run: red, at 3 of 16 areas: area: one copy of the wei"),
    ],
)
def test_numbers_alone_do_not_hide_what_does_not_fit(arguments: list[str], message: str) -> None:
    ran = CliRunner().invoke(command, ["dcgan", "--design", "red", "--format", "csv", *arguments])
    assert message in ran.stderr
    assert "not run" not in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--area", "50"], "--area: got '50' (legal: a number above 0 with mm2, cm2, um2)"),
        (["--area", "9mm2..3mm2"], "the smaller one first"),
        (["--power", "3V"], "with mW, W, kW"),
        (["--area", "50mm2", "--chips", "2"], "budget: more than one budget"),
        (["--chip", "isac"], "did you mean 'isaac'?"),
        (["--area", "0mm2"], "--area: got '0mm2'"),
        (["--area", "1e-9mm2"], "the budget has 0 (legal: 4737 crossbars, 1 chip, 41.76 mm2 or"),
        (["--area", "50mm2.."], "--area: got ''"),
        (["--power", "1nW"], "take 10.5 W at rest (legal: more than 10.5 W)"),
        (["--crossbars", "10000000000"], "is not in the range 1<=x<=1000000000"),
        (["--set", "columns=3"], "a weight of 8 bits takes 4 cells of 2 bits"),
    ],
)
def test_the_command_says_what_is_wrong(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["chip", "dcgan", "--design", "red", *arguments])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_the_command_draws_and_traces_what_lies_on_the_chip(tmp_path: Path) -> None:
    arguments = ["gp_gan", "--design", "red", "-o", str(tmp_path)]  # whose up4 never rests
    assert CliRunner().invoke(command, arguments).exit_code == 0
    names = {path.name for path in tmp_path.iterdir()}
    drawn = {
        f"{each}.{form}"
        for each in ("breakdown", "floor-plan-red", "timeline-red")
        for form in ("svg", "pdf")
    }
    assert names == {"chip.json", "chip.csv", "trace.json"} | drawn
    content = json.loads((tmp_path / "chip.json").read_text(encoding="utf-8"))["results"][0]
    events = json.loads((tmp_path / "trace.json").read_text(encoding="utf-8"))["traceEvents"]
    layers = [each["layer"] for each in content["layers"]]
    assert [e["args"]["name"] for e in events if e["name"] == "thread_name"] == layers
    period = 1e6 / content["images_per_s"]
    for thread in range(1, len(layers) + 1):
        work = [e for e in events if e["ph"] == "X" and e["tid"] == thread]
        assert len(work) == 4
        for one, after in itertools.pairwise(work):  # a layer works on one image after the other
            assert after["ts"] - one["ts"] == pytest.approx(period, abs=1e-3)
            # As Perfetto reads them; it drops events that overlap.
            starts = [round(each["ts"] * 1000) for each in (one, after)]
            assert starts[0] + round(one["dur"] * 1000) <= starts[1]
