"""Execution at once against execution step by step: the same outputs and saturations."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from oracle.layers import ordinary_layers, transposed_layers

from red_timeloop import Conv, TransposedConv, designs, simulate
from red_timeloop.dataflow import execution
from red_timeloop.dataflow.direct import convolve
from red_timeloop.dataflow.execution import execute
from red_timeloop.dataflow.nonideal import IDEAL, Nonidealities
from red_timeloop.dataflow.verification import random_tensors
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware

OWN = Hardware.load()
LAYER = TransposedConv(40, 12, (3, 4), 4, stride=2, padding=1, batch=2)


def require_equal(layer, design, tensors, hardware, cells=IDEAL, adc_step=None) -> int:
    options = {"nonidealities": cells, "adc_step": adc_step}
    trace = simulate(layer, design, *tensors, hardware, **options)
    executed = execute(layer, design, *tensors, hardware, **options)
    np.testing.assert_array_equal(executed.outputs, trace.outputs)
    assert executed.conversions == trace.counts.get("adc_conversions", 0)
    assert executed.saturations == trace.counts.get("adc_saturations", 0)
    return executed.saturations


hardwares = st.fixed_dictionaries(
    {
        "rows": st.one_of(st.none(), st.integers(1, 40)),
        "columns": st.one_of(st.none(), st.integers(8, 60)),
        "cell_bits": st.integers(1, 4),
        "dac_bits": st.integers(1, 3),
        "adc_bits": st.one_of(st.none(), st.integers(1, 6)),
        "weight_encoding": st.sampled_from(["offset", "twos_complement"]),
        "merge": st.sampled_from(["digital", "current"]),
        "fold": st.integers(1, 3),
        "zero_aware": st.booleans(),
    }
)
cells_of = st.one_of(
    st.just(IDEAL),
    st.builds(Nonidealities, variation=st.floats(0.01, 0.5), seed=st.integers(0, 3)),
    st.builds(Nonidealities, stuck_off=st.floats(0, 0.2), stuck_on=st.floats(0, 0.2)),
    st.builds(Nonidealities, on_off_ratio=st.sampled_from([4.0, 7.0, 31.0]), seed=st.just(1)),
    st.builds(Nonidealities, variation=st.just(0.1), wire_resistance=st.floats(1e-4, 1e-2)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    st.one_of(transposed_layers(), transposed_layers(), ordinary_layers()),
    st.integers(1, 12),
    st.integers(1, 12),
    st.sampled_from([*designs.names(), "red_serial"]),
    hardwares,
    cells_of,
    st.sampled_from([None, 1, 3]),
    st.booleans(),
    st.integers(0, 9),
)
def test_random_layers_give_what_the_steps_give(
    layer, input_bits, weight_bits, design, chosen, cells, adc_step, signed, seed
) -> None:
    arguments = {field.name: getattr(layer, field.name) for field in dataclasses.fields(layer)}
    layer = type(layer)(**{**arguments, "input_bits": input_bits, "weight_bits": weight_bits})
    hardware = OWN.replace(**chosen)
    inputs, weights = random_tensors(layer, seed)
    if signed and (input_bits - 1) % hardware.dac_bits == 0:
        inputs -= 1 << (input_bits - 1)
    try:
        designs.find(design).plan(layer, hardware)
    except InputError:
        assume(False)
    require_equal(layer, design, (inputs, weights), hardware, cells, adc_step)


@pytest.mark.parametrize("design", [*designs.names(), "red_serial"])
def test_what_saturates_is_counted_and_blocks_of_steps_change_nothing(
    design: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = random_tensors(LAYER)
    hardware = OWN.replace(adc_bits=5)
    assert require_equal(LAYER, design, tensors, hardware, adc_step=1) > 0
    whole = execute(LAYER, design, *tensors, hardware)
    monkeypatch.setattr(execution, "_MOST_SUMS", 300)  # blocks of a few steps, across images
    blocks = execute(LAYER, design, *tensors, hardware)
    np.testing.assert_array_equal(blocks.outputs, whole.outputs)


def test_some_columns_of_a_crossbar_saturate_and_others_cannot() -> None:
    """Weights from 0 to 127 raise the sums of some slices above 255 units, others never."""
    layer = Conv(128, 32, (5, 5), 1)
    inputs, weights = random_tensors(layer)
    weights[:16] = np.abs(weights[:16]) // 2
    inputs[:] = 255
    assert require_equal(layer, "red", (inputs, weights), OWN) > 0


@pytest.mark.parametrize("design", [*designs.names(), "red_serial"])
def test_the_same_seed_gives_the_same_cells(design: str) -> None:
    cells = Nonidealities(variation=0.1, stuck_off=0.02, on_off_ratio=31.0, seed=3)
    require_equal(LAYER, design, random_tensors(LAYER), OWN.replace(rows=32, columns=24), cells)


def test_a_seed_gives_the_same_cells_everywhere() -> None:
    """Recorded once: no process and no machine may give others."""
    cells = Nonidealities(
        variation=0.1, stuck_on=0.01, on_off_ratio=31.0, wire_resistance=1e-4, seed=5
    )
    outputs = execute(LAYER, "red", *random_tensors(LAYER), OWN, nonidealities=cells).outputs
    recorded = [-51588, -103641, 169629, -57969, 262862, 53867, 121282, -107613]
    assert outputs[1, 3, 2].tolist() == recorded
    assert outputs.sum() == -25521305


def test_sums_beyond_single_precision_are_exact() -> None:
    layer = TransposedConv(200, 3, (2, 2), 3, stride=2, input_bits=16, weight_bits=16)
    tensors = random_tensors(layer)
    hardware = OWN.replace(adc_bits=None, rows=None, columns=None, cell_bits=8, dac_bits=4)
    for adc_bits in (None, 12):
        require_equal(layer, "red", tensors, hardware.replace(adc_bits=adc_bits))


@pytest.mark.parametrize("design", [n for n in designs.all_names() if n not in designs.names()])
def test_designs_without_crossbars_are_exact(design: str) -> None:
    tensors = random_tensors(LAYER)
    try:
        executed = execute(LAYER, design, *tensors)
    except InputError as error:
        pytest.skip(str(error))
    np.testing.assert_array_equal(executed.outputs, convolve(LAYER, *tensors))


@pytest.mark.parametrize("run", [simulate, execute])
def test_progress_is_told_lane_by_lane(run) -> None:
    """Of the four modes of a stride of two, one after the other."""
    told: list[tuple[int, int]] = []
    tensors = random_tensors(LAYER)
    run(LAYER, "red", *tensors, OWN, progress=lambda done, total: told.append((done, total)))
    assert told == [(done, len(told)) for done in range(1, len(told) + 1)]
    assert len(told) == 4


@pytest.mark.parametrize("design", [*designs.names(), "red_serial"])
@pytest.mark.parametrize(
    "layer",
    [
        TransposedConv(2, 3, (3, 4), (2, 3), stride=3, output_padding=(2, 1)),
        TransposedConv(2, 3, (3, 2), 3, stride=2, padding=((1, 0), (0, 2)), output_padding=1),
        TransposedConv(2, 3, (1, 1), 1, stride=5, output_padding=4),
        TransposedConv(2, 3, (3,), 2, stride=2, dilation=3, padding=[(4, 0)], output_padding=2),
    ],
)
def test_pixels_are_kept_beyond_what_lands(design: str, layer: TransposedConv) -> None:
    tensors = random_tensors(layer)
    require_equal(layer, design, tensors, OWN.replace(adc_bits=None))
    executed = execute(layer, design, *tensors, OWN.replace(adc_bits=None))
    np.testing.assert_array_equal(executed.outputs, convolve(layer, *tensors))
