"""RED with its modes in turn: fewer crossbars, more steps, the same results."""

from __future__ import annotations

import math

import pytest
from close import near
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from red_timeloop import TransposedConv, decompose, designs, simulate
from red_timeloop.dataflow.events import engine_events
from red_timeloop.dataflow.verification import differing, random_tensors
from red_timeloop.designs.evaluate import evaluate
from red_timeloop.designs.result import DesignResult
from red_timeloop.engines.embedded.engine import evaluate_specification as run
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.workload import load_workload

SERIAL = designs.find("red_serial")
EXACT = Hardware.load().replace(adc_bits=None)


def both(layer: TransposedConv, **changes: object) -> tuple[DesignResult, DesignResult]:
    hardware = Hardware.load().replace(**changes)
    return tuple(evaluate(designs.find(n), layer, hardware, run) for n in ("red", "red_serial"))


def test_a_turn_for_every_output_pixel_on_shared_crossbars() -> None:
    entry = load_workload("red_date2019").select(["FCN_Deconv2"]).layers[0]
    parallel, serial = both(entry.layer)
    assert serial.cycles == math.prod(entry.layer.output_size) == 322_624
    assert parallel.cycles == 5_041
    # 21 input channels: six modes lie one below the other on 128 rows, so 64 modes of 2x2
    # kernel pixels need 11 sets of four crossbars.
    assert serial.plan.crossbars == math.ceil(64 / 6) * 4 == 44
    assert parallel.plan.crossbars == 256
    assert serial.area < parallel.area / 3
    reads = [r.levels["input_buffer"].data_spaces["Inputs"].reads for r in (parallel, serial)]
    assert reads[0] == reads[1]  # the window is read once for all turns of a step


def test_modes_that_fill_the_rows_save_no_crossbars_and_say_so() -> None:
    entry = load_workload("red_date2019").select(["GAN_Deconv2"]).layers[0]
    parallel, serial = both(entry.layer)
    assert serial.plan.crossbars == parallel.plan.crossbars == 800
    assert any("a crossbar's rows hold 1 of 4 modes" in note for note in serial.notes)


def test_what_waits_leaks_until_the_last_turn() -> None:
    layer = TransposedConv(8, 6, (4, 4), 4, stride=2)
    quiet = evaluate(SERIAL, layer, Hardware.load().replace(off_current_a_per_m=0.0), run)
    leaky = evaluate(SERIAL, layer, Hardware.load().replace(off_current_a_per_m=1.0), run)
    twice = evaluate(SERIAL, layer, Hardware.load().replace(off_current_a_per_m=2.0), run)
    leaked = leaky.energy - quiet.energy
    assert leaked > 0
    assert twice.energy - quiet.energy == near(2 * leaked)
    # one set of crossbars, idle or not, for all turns: power times the whole time
    arrays = leaky.evaluations[0].specification.architecture.levels
    adc = next(level for level in arrays if level.name == "adc")
    assert adc.instances == leaky.plan.crossbars


def test_kernel_pixels_to_fold_are_refused() -> None:
    layer = TransposedConv(8, 6, (4, 4), 4, stride=2)
    with pytest.raises(InputError, match=r"fold: 2 kernel pixels to fold where modes take turns"):
        SERIAL.plan(layer, Hardware.load().replace(fold=2))


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 5),
    st.lists(st.integers(1, 4), min_size=1, max_size=2),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(0, 2),
    st.sampled_from(["digital", "current"]),
    st.sampled_from([None, 8, 16]),
)
def test_execution_gives_the_convolution_and_the_engine_s_counts(
    c: int, m: int, size: list[int], k: int, s: int, p: int, merge: str, rows: int | None
) -> None:
    try:
        layer = TransposedConv(c, m, size, k, s, p, output_padding=min(1, s - 1), input_bits=2)
    except InputError:
        layer = None
    assume(layer is not None and decompose(layer).groups)
    assert layer is not None
    hardware = EXACT.replace(merge=merge, rows=rows, columns=rows)
    trace = simulate(layer, SERIAL, *random_tensors(layer), hardware)
    assert trace.error.exact
    plan = SERIAL.plan(layer, hardware)
    assert not differing(trace.counts, engine_events(plan, run))
    assert trace.counts["steps"] == plan.steps
