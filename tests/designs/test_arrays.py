"""A design evaluated on arrays of circuit numbers equals one evaluation for each of them."""

from __future__ import annotations

import numpy as np
import pytest
from close import near

from red_timeloop import designs
from red_timeloop.components import build
from red_timeloop.components.timing import StepTime, slowest, step_time
from red_timeloop.designs.evaluate import evaluate
from red_timeloop.designs.result import DesignResult
from red_timeloop.engines.base import engine
from red_timeloop.hardware import Hardware
from red_timeloop.layer import TransposedConv

LAYER = TransposedConv(24, 6, (5, 4), 5, stride=2, padding=2, output_padding=1)
QUANTITIES = ("cycle_time", "latency", "energy", "area", "programming_energy")


def run(design: str, hardware: Hardware) -> DesignResult:
    count = engine("embedded").evaluate_specification
    return evaluate(designs.find(design), LAYER, hardware, count)


@pytest.mark.parametrize("design", designs.names())
def test_arrays_of_circuits(design: str) -> None:
    base = Hardware.load("isaac_32nm").replace(rows=64, columns=32)
    rng = np.random.default_rng(3)
    varied = {
        "on_resistance_ohm": rng.uniform(2e4, 2e5, 5),
        "adc_rate_hz": 10 ** rng.uniform(6, 9.5, 5),  # either stage of the pipeline is longest
        "off_current_a_per_m": rng.uniform(1e-4, 1e-1, 5),
        "edram_retention_s": rng.uniform(1e-6, 1e-3, 5),
    }
    many = run(design, base.replace(**varied))
    single = [
        run(design, base.replace(**{name: float(values[i]) for name, values in varied.items()}))
        for i in range(5)
    ]
    for quantity in QUANTITIES:
        values = np.broadcast_to(getattr(many, quantity), 5)
        assert values == near([getattr(one, quantity) for one in single], rel=1e-12)
        assert all(type(getattr(one, quantity)) is float for one in single)
    assert len({one.energy for one in single}) == 5


def test_the_slowest_of_several_is_chosen_one_by_one() -> None:
    circuit = Hardware.load().replace(adc_rate_hz=np.array([1e7, 1e10])).circuit
    shape = {"rows_used": 64, "weight_slices": 4, "input_slices": 8, "resolution": 8, "width": 24}

    def step(**size: int) -> StepTime:
        names = ("row_driver", "reram_array", "adc", "shift_add")
        return step_time([build(name, shape | size, circuit) for name in names], 8, "two_stage")

    wide = step(rows=64, columns=128, columns_used=32)
    tall = step(rows=40960, rows_used=64, columns=16, columns_used=4)
    chosen = slowest([wide, tall])
    assert (wide.cycle > tall.cycle).tolist() == [True, False]
    assert chosen.cycle.tolist() == [wide.cycle[0], tall.cycle[1]]
    assert sum(chosen.shares().values()) == near(chosen.cycle)


def test_the_circuit_keeps_its_own_technology_node() -> None:
    base = Hardware.load("isaac_32nm")
    moved = base.replace(circuit=base.circuit.at_node(65e-9))
    ratio = run("red", moved).levels["adc"].area / run("red", base).levels["adc"].area
    assert ratio == near((65 / 32) ** 2, rel=1e-6)
