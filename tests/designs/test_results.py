"""What a result says of itself, and what tables a design's machine is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from close import near

from red_timeloop import TransposedConv, designs
from red_timeloop.components import build
from red_timeloop.designs import lanes
from red_timeloop.designs import specification as module
from red_timeloop.designs.evaluate import evaluate
from red_timeloop.designs.plan import Part, Plan
from red_timeloop.designs.reads import AxisReads
from red_timeloop.designs.result import Counts, DesignResult, LevelTotal
from red_timeloop.designs.specification import assemble, sizes_as_variables, tables
from red_timeloop.engines.embedded.engine import evaluate_specification
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.spec.types import ArtTable, ErtTable, Level

OWN = Hardware.load()
LAYER = TransposedConv(8, 6, (4, 4), 4, stride=2)  # 5 x 5 steps of four modes of four pixels


def run(design: str, hardware: Hardware = OWN) -> DesignResult:
    return evaluate(designs.find(design), LAYER, hardware, evaluate_specification)


def conversions_on(found: DesignResult, levels: Sequence[Level]) -> float:
    (each,) = found.evaluations
    architecture = replace(each.specification.architecture, levels=tuple(levels))
    specification = replace(each.specification, architecture=architecture)
    own = replace(each, specification=specification)
    counted = replace(found, evaluations=(own,)).conversions
    inputs = replace(own, part=replace(own.part, role="inputs"))
    assert replace(found, evaluations=(inputs, own)).conversions == counted
    return counted


def test_a_result_in_words() -> None:
    found = run("red")
    said = repr(found)
    assert said.startswith("<red: 25 cycles, ")
    assert said.endswith(" mm2, 16 crossbars>")
    html = found._repr_html_()
    assert f"<caption>{said[1:-1]}</caption>" in html
    cells = html.replace(' style="text-align: right"', "")
    # 600 outputs in, 4 x 4 x 8 inputs of a map of which 36 of 100 windows' positions are real
    assert "<td>adc</td><td>16</td><td>0</td><td>2,400</td>" in cells
    assert found.conversions == 16 * 25 * 6 * 32
    assert (found.adc_bits, found.steps) == (8, 25)
    assert "output_register" in found.accesses
    assert found.rests_on == designs.find("red").assumption
    bare = [
        replace(each, attributes={}) if each.name == "adc" else each
        for each in found.evaluations[0].specification.architecture.levels
    ]
    assert conversions_on(found, bare) == 16 * 25 * 6  # one each, where nothing is said
    for name in ("adc_rate_hz", "wire_capacitance_f_per_m", "edram_area_m2"):
        value = getattr(OWN.circuit, name)
        several = run("red", OWN.replace(**{name: np.array([value, 2 * value])}))
        assert repr(several) == "<layer on red, several points>"


def test_converters_are_those_of_the_widest_part() -> None:
    found = run("red")
    (part, *_) = found.plan.parts

    def of(*bits: tuple[int, int]) -> DesignResult:
        parts = [
            replace(part, crossbars=count, sizes=replace(part.sizes, adc_resolution=own))
            for own, count in bits
        ]
        return replace(found, plan=replace(found.plan, parts=tuple(parts)))

    assert of((5, 2), (7, 1), (6, 3)).adc_bits == 7
    assert of((5, 2), (9, 0)).adc_bits == 5  # without crossbars there is none
    assert of().adc_bits is None
    own = replace(part, sizes=SimpleNamespace(), crossbars=2)
    other = replace(found, plan=replace(found.plan, parts=(own,)))
    assert (other.adc_bits, other.rows) == (None, (0, 0))


def test_what_has_no_energy_is_no_stage() -> None:
    found = run("red")
    first, *_ = found.levels.values()
    levels = {
        "one": replace(first, stage="drive", energy=0.0),
        "two": replace(first, stage="store", energy=np.array([0.0, 2.0])),
        "three": replace(first, stage="store", energy=1.0),
        "four": replace(first, stage="convert", energy=np.array([0.0, 0.0])),
    }
    stages = replace(found, levels=levels).energy_by_stage()
    assert list(stages) == ["store"]
    assert stages["store"].tolist() == [1.0, 3.0]


def test_totals_and_counts_add_up() -> None:
    one = LevelTotal(2, 3.0, 5.0, {"Inputs": Counts(1, 2, 3, 4)}, "store", 0.5)
    two = LevelTotal(7, 11.0, 13.0, {"Inputs": Counts(10, 20, 30, 40)}, "drive", 0.25)
    three = LevelTotal(1, 1.0, 1.0, {"Outputs": Counts(5, 6, 7, 8)}, "drive", 1.0)
    both = {"Inputs": Counts(11, 22, 33, 44)}
    assert one + two == LevelTotal(9, 14.0, 18.0, both, "drive", 0.75)
    spaces = {"Inputs": Counts(1, 2, 3, 4), "Outputs": Counts(5, 6, 7, 8)}
    assert one + three == LevelTotal(3, 4.0, 6.0, spaces, "drive", 1.5)
    assert ((one + three).reads, (one + three).writes) == (6, 2 + 3 + 6 + 7)


@pytest.mark.parametrize(
    ("has_energies", "has_areas"), [(False, False), (True, False), (False, True), (True, True)]
)
def test_tables_of_the_files_go_before_an_estimator(
    has_energies: bool, has_areas: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is asked for what is missing, and not at all where nothing is."""
    own: Any = ErtTable({"a": {}}), ArtTable({"a": 1.0})
    other: Any = ErtTable({"b": {}}), ArtTable({"b": 1.0})
    asked: list[str] = []

    def price(specification: Any, estimator: str) -> Any:
        asked.append(estimator)
        return SimpleNamespace(ert=other[0], art=other[1])

    monkeypatch.setattr(module, "price_specification", price)
    given: Any = SimpleNamespace(
        ert=own[0] if has_energies else None, art=own[1] if has_areas else None
    )
    energies, areas = tables(given, "builtin")
    assert energies is (own if has_energies else other)[0]
    assert areas is (own if has_areas else other)[1]
    assert asked == ([] if has_energies and has_areas else ["builtin"])


def test_loops_of_one_iteration_are_left_out() -> None:
    plan = designs.find("red").plan(replace(LAYER, batch=2), OWN)
    part = plan.parts[0]
    specification = assemble(plan, part, 1e-6)
    assert specification.mapping is not None
    levels = specification.mapping.levels
    loops = [loop for level in levels.values() for loop in level.loops]
    assert min(count for _, count in loops) == 2
    assert dict(levels["host"].temporal) == {"P": part.problem.sizes["P"], "N": 2}
    assert specification.variables["global_cycle_seconds"] == 1e-6
    assert specification.variables["technology"] == "32.0nm"
    several = assemble(plan, part, np.array([1e-6, 2e-6])).variables
    assert not isinstance(several["global_cycle_seconds"], np.ndarray)


def test_what_the_files_say_themselves_is_no_size() -> None:
    sizes = replace(designs.find("eyeriss").plan(LAYER, OWN).parts[0].sizes, active_share=None)
    variables = sizes_as_variables(replace(sizes, array={"rows": 3}))
    assert variables == {"input_bits": 8, "accumulator_bits": 24, "rows": 3}


@pytest.mark.parametrize(
    ("circuit", "wrong"), [("integrate_and_fire", None), ("edram", "edram"), ("nothing", "nothing")]
)
def test_another_read_circuit_takes_the_place_of_the_converters(
    circuit: str, wrong: str | None
) -> None:
    plan = designs.find("red").plan(LAYER, OWN.replace(read_circuit=circuit))
    if wrong:
        with pytest.raises(InputError, match=f"read_circuit: no read circuit '{wrong}'") as caught:
            assemble(plan, plan.parts[0], 1e-6)
        legal = str(caught.value.legal).split(", ")
        assert {"adc", "survey_adc"} <= set(legal)
        assert "edram" not in legal
        return
    levels = assemble(plan, plan.parts[0], 1e-6).architecture.levels
    plain = assemble(designs.find("red").plan(LAYER, OWN), plan.parts[0], 1e-6).architecture.levels
    changed = {
        (mine.name, own.subclass, mine.subclass)
        for mine, own in zip(levels, plain, strict=True)
        if mine.subclass != own.subclass
    }
    assert changed == {("adc", "adc", circuit)}


def test_a_lane_of_a_mode_has_the_kernel_pixels_of_that_mode_alone() -> None:
    """Two taps of a mode, of three places; the index of another mode does not matter."""
    table = np.array([[4, 6]])
    part: Any = None
    reads = (AxisReads(steps=3, offsets=(0, 1), pixels=3),)
    lane = lanes.Lane(part, reads, (table,), (1,), (range(1, 7, 2),))
    place = {"S": np.array([0, 1, 2]), "B": np.array([1])}
    (found,), legal = lane.kernel_pixel(place, 3)
    assert found[:2].tolist() == [4, 6]
    assert legal.tolist() == [True, True, False]
    assert lane.steps == (3,)
    (found,), legal = lane.kernel_pixel({}, 2)
    assert (found.tolist(), legal.tolist()) == ([4, 4], [True, True])
    # Where the columns hold all phases, the place says which.
    phases = lanes.Lane(part, reads, (np.array([[0], [1], [2]]),), None, None)
    (found,), legal = phases.kernel_pixel({"B": np.array([2, 0])}, 2)
    assert (found.tolist(), legal.tolist()) == ([2, 0], [True, True])


def test_plans_of_several_parts_together() -> None:
    part = designs.find("red").plan(LAYER, OWN).parts[0]

    def parts(*numbers: int) -> tuple[Part, ...]:
        return tuple(
            replace(part, crossbars=n, sub_crossbars=n + 1, lost_bits=n + 2) for n in numbers
        )

    def plan(order: Any, *numbers: int) -> Plan:
        return Plan(LAYER, OWN, parts(*numbers), modes=1, steps=1, order=order)

    beside, in_turn = plan("side_by_side", 3, 5), plan("in_turn", 3, 5)
    assert (beside.crossbars, beside.sub_crossbars, beside.lost_bits) == (8, 10, 7)
    assert (in_turn.crossbars, in_turn.sub_crossbars, in_turn.lost_bits) == (5, 6, 7)
    for order in ("side_by_side", "in_turn"):
        nothing = plan(order)
        assert (nothing.crossbars, nothing.lost_bits, nothing.searched) == (0, 0, False)
    assert not beside.searched
    assert Plan(LAYER, OWN, (*parts(1), replace(part, loops=None)), modes=1, steps=1).searched


def test_latency_and_energy_are_those_of_all_levels() -> None:
    found = run("red")
    assert found.latency == near(25 * found.cycle_time)
    assert found.energy == near(sum(level.energy for level in found.levels.values()))
    searched = replace(found, plan=replace(found.plan, steps=None), cycles=17)
    assert searched.steps == 17


@pytest.mark.parametrize("merge", ["digital", "current"])
@pytest.mark.parametrize(("kernel", "most"), [(5, 9), (4, 4)])
def test_lines_and_steps_are_those_of_the_worst_crossbars(
    kernel: int, most: int, merge: str
) -> None:
    """Parts of 3 x 3 to 2 x 2 kernel pixels or of 2 x 2 alone, bit lines joined or not."""
    layer = TransposedConv(8, 6, (4, 4), kernel, stride=2, padding=1, input_bits=6)
    hardware = OWN.replace(merge=merge, dac_bits=2, pipeline="full")
    found = evaluate(designs.find("red"), layer, hardware, evaluate_specification)
    joined = most if merge == "current" else 1
    shape = {"rows": 128, "columns": 128, "rows_used": 8, "columns_used": 6}
    array: Any = build("reram_array", {**shape, "joined_arrays": joined}, hardware.circuit)
    assert found.line_drop == near(array.line_drop)
    step: Any = found.step_time
    assert (step.pulses, step.pipeline) == (3, "full")
    assert step.settle == near(array.latency)
    assert found.cycle_time == near(3 * max(step.drive, step.settle, step.convert, step.accumulate))
    nothing = TransposedConv(4, 3, (2, 2), 1, stride=3, padding=1)
    assert evaluate(designs.find("red"), nothing, OWN, evaluate_specification).line_drop == 0.0


@pytest.mark.parametrize("name", ["red", "zero_padding"])
def test_what_is_no_layer_is_refused(name: str) -> None:
    wrong: Any = "GAN_Deconv3"
    with pytest.raises(InputError, match="layer: 'GAN_Deconv3' is not a layer"):
        designs.find(name).plan(wrong, OWN)
