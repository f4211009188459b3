"""The length of a step: what the components of a crossbar say, by stage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from close import near

from red_timeloop import resources
from red_timeloop.circuit import Circuit
from red_timeloop.components import Component, array, build
from red_timeloop.components.base import STEP_STAGES
from red_timeloop.components.digital import adder_delay
from red_timeloop.components.tables import components_of
from red_timeloop.components.timing import PIPELINES, StepTime, slowest, step_time
from red_timeloop.errors import InputError
from red_timeloop.spec.reader import read_specification

ISAAC = Circuit.load("isaac_32nm")
SHAPE = {
    "rows": 128,
    "columns": 128,
    "rows_used": 128,
    "columns_used": 32,
    "weight_slices": 4,
    "input_slices": 8,
    "resolution": 8,
    "width": 24,
}
CROSSBAR = ("row_driver", "reram_array", "reram_cell", "adc", "shift_add", "adder")


def crossbar(circuit: Circuit = ISAAC, **changes: Any) -> list[Component]:
    return [build(name, {**SHAPE, "inputs": 1, **changes}, circuit) for name in CROSSBAR]


def step(components: Iterable[Component], pipeline: str = "none") -> StepTime:
    return step_time(components, 8, pipeline)


def test_each_stage_is_what_its_equations_say() -> None:
    circuit = ISAAC.replace(columns_per_adc=16)
    time = step(crossbar(circuit, columns_used=20, inputs=9, rows=4096, rows_used=3000))
    assert time.drive == near(array.drive_seconds(128, circuit))
    assert time.settle == near(array.read_seconds(4096, 3000, 8, circuit))
    # 80 physical columns over the array's 8 converters.
    assert time.convert == near(10 / circuit.adc_rate_hz)
    # A shift-add, and four levels of adders for nine sums.
    assert time.accumulate == near(5 * adder_delay(24, circuit))
    assert time.cycle == near(8 * sum(getattr(time, part) for part in STEP_STAGES))


@pytest.mark.parametrize("design", ["red", "zero_padding", "padding_free", "split_kernel"])
def test_shipped_architectures_hold_all_parts_of_a_step(design: str) -> None:
    architecture = read_specification(resources.path(f"arch/{design}.yaml")).architecture
    components = components_of(architecture, ISAAC)
    assert set(components) == {x.name for x in architecture.levels if x.kind != "spatial"}
    time = step(components.values())
    for part in STEP_STAGES:
        mine = [x.latency for x in components.values() if x.stage == part]
        assert getattr(time, part) == near(sum(mine)) != 0
    assert time.convert == near(100e-9)  # ISAAC: 128 columns at 1.28 GS/s


def test_two_converters_halve_the_conversions_and_cost_twice_the_area() -> None:
    one, two = ([*crossbar(), build("adc", {**SHAPE, "converters": n}, ISAAC)] for n in (1, 2))
    assert two[-1].latency == near(one[-1].latency / 2)
    assert two[-1].area == near(2 * one[-1].area)
    assert two[-1].leakage_power == near(2 * one[-1].leakage_power)
    assert two[-1].energy("update") == one[-1].energy("update")  # as many conversions
    adds = [build("shift_add", {**SHAPE, "converters": n}, ISAAC).area for n in (1, 2)]
    assert adds[1] == near(2 * adds[0])
    # Nor does a share of the columns split evenly: seven of them take four turns of two.
    odd = build("adc", {**SHAPE, "columns_used": 7, "weight_slices": 1, "converters": 2}, ISAAC)
    assert odd.latency == near(4 / 1.28e9)


def test_converters_in_a_row_take_their_times_one_after_the_other() -> None:
    """Coarse and fine: every column goes through both."""
    coarse, fine = (build("adc", {**SHAPE, "resolution": bits}, ISAAC) for bits in (3, 5))
    others = [x for x in crossbar() if x.stage != "convert"]
    time = step([*others, coarse, fine])
    assert time.convert == near(coarse.latency + fine.latency)


def test_a_lone_converter_makes_one_conversion() -> None:
    assert build("adc", {"resolution": 8}, ISAAC).latency == near(1 / 1.28e9)


@dataclass(frozen=True)
class Sampler(Component):
    """Holds a pulse for a nanosecond."""

    stage = "settle"

    @property
    def latency(self) -> Any:
        return 1e-9


@dataclass(frozen=True)
class SlowMemory(Sampler):
    """Stands beside the pulses, and yet says that it takes time in each."""

    stage = "store"


def test_a_component_of_ones_own_lengthens_its_stage_alone() -> None:
    before, after = step(crossbar()), step([*crossbar(), Sampler(ISAAC)])
    assert after.settle == near(before.settle + 1e-9)
    for part in ("drive", "convert", "accumulate"):
        assert getattr(after, part) == getattr(before, part)


def test_a_latency_that_would_go_nowhere_is_refused() -> None:
    with pytest.raises(InputError, match=r"SlowMemory is no part of a step.*'store'.*drive, se"):
        step([*crossbar(), SlowMemory(ISAAC)])


def test_what_works_beside_the_pulses_takes_none_of_their_time() -> None:
    beside = ("edram", "sram_buffer", "regfile", "mac", "output_register", "overlap_adder", "dram")
    for name in (*beside, "host", "reram_mac", "reram_cell"):
        assert build(name, {**SHAPE, "depth": 64}, ISAAC).latency == 0, name


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_arrays_of_circuits_give_arrays_of_steps(pipeline: str) -> None:
    numbers = {
        "adc_rate_hz": np.array([1e7, 1e9, 1e10]),
        "fo4_delay_s_per_m": np.array([3e-4, 4e-4, 5e-4]),
        "columns_per_adc": np.array([8.0, 128.0, 12.0]),
    }
    swept = step(crossbar(ISAAC.replace(**numbers), inputs=5), pipeline)
    for index in range(3):
        values = {name: float(array[index]) for name, array in numbers.items()}
        one = step(crossbar(ISAAC.replace(**values), inputs=5), pipeline)
        assert swept.cycle[index] == near(one.cycle)
        for part, seconds in one.shares().items():
            assert swept.shares()[part][index] == near(seconds)


def test_the_slowest_step_is_chosen_point_by_point_and_the_first_of_equals() -> None:
    one = StepTime(np.array([1.0, 5.0, 2.0]), 1.0, 1.0, 1.0, 8, "full")
    two = StepTime(3.0, np.array([2.0, 2.0, 1.0]), np.array([0.5, 0.5, 2.0]), 1.0, 8, "full")
    three = StepTime(1.0, 1.0, 1.0, np.array([3.0, 1.0, 1.0]), 8, "full")
    chosen = slowest([one, two, three])
    assert chosen.cycle.tolist() == [24.0, 40.0, 24.0]
    assert chosen.drive.tolist() == [3.0, 5.0, 3.0]
    assert chosen.settle.tolist() == [2.0, 1.0, 1.0]
    assert chosen.convert.tolist() == [0.5, 1.0, 2.0]
    assert chosen.accumulate.tolist() == [1.0, 1.0, 1.0]
    plain = [StepTime(each, 1.0, 1.0, 1.0, 8, "full") for each in (1.0, 3.0, 3.0)]
    assert slowest(plain) is plain[1]
    assert slowest([one]).drive.tolist() == [1.0, 5.0, 2.0]
