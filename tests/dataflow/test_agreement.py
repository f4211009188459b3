"""The trace of an execution against the counts of the engine, event by event."""

from __future__ import annotations

import dataclasses
import zlib
from math import prod

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from oracle import scatter
from oracle.layers import ordinary_layers, transposed_layers

from red_timeloop import Conv, TransposedConv, decompose, designs
from red_timeloop.dataflow import simulate
from red_timeloop.dataflow.events import EVENTS, UNSEEN, engine_events
from red_timeloop.engines.embedded.engine import evaluate_specification
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware

EXACT = Hardware.load().replace(adc_bits=None)
SETTINGS = {
    "default": EXACT,
    "small crossbars": EXACT.replace(rows=8, columns=16),
    "odd crossbars": EXACT.replace(rows=13, columns=11),
    "monolithic": EXACT.replace(rows=None, columns=None),
    "two's complement": EXACT.replace(weight_encoding="twos_complement", cell_bits=3),
    "current": EXACT.replace(merge="current", rows=8, columns=16),
    "fold 2": EXACT.replace(fold=2),
    "fold 2, small": EXACT.replace(fold=2, rows=8, columns=16),
    "fold 3, current": EXACT.replace(fold=3, merge="current", rows=32),
    "wide pulses": EXACT.replace(dac_bits=3, cell_bits=4),
    "zeros stored": EXACT.replace(zeros_stored=True),
    "zeros driven": EXACT.replace(zero_aware=False, word_lines="joined"),
}
# The benchmark (workloads/red_date2019.yaml) with fewer channels, and FCN_Deconv2 fewer pixels.
SCALED = {
    "GAN_Deconv1": TransposedConv(10, 6, (8, 8), 5, stride=2, padding=2, output_padding=1),
    "GAN_Deconv2": TransposedConv(9, 5, (4, 4), 5, stride=2, padding=2, output_padding=1),
    "GAN_Deconv3": TransposedConv(9, 5, (4, 4), 4, stride=2, padding=1),
    "GAN_Deconv4": TransposedConv(8, 6, (6, 6), 4, stride=2, padding=1),
    "FCN_Deconv1": TransposedConv(3, 3, (16, 16), 4, stride=2),
    "FCN_Deconv2": TransposedConv(3, 3, (5, 5), 16, stride=8),
}


def tensors(layer, seed: int = 0):
    random = np.random.default_rng(seed)
    inputs = random.integers(
        0, 1 << layer.input_bits, (layer.batch, layer.in_channels, *layer.input_size)
    )
    if layer.transposed:
        channels = (layer.in_channels, layer.out_channels // layer.groups)
    else:
        channels = (layer.out_channels, layer.in_channels // layer.groups)
    half = 1 << (layer.weight_bits - 1)
    return inputs, random.integers(-half, half, (*channels, *layer.kernel_size))


def require_agreement(layer, design: str, hardware: Hardware) -> None:
    inputs, weights = tensors(layer, zlib.crc32(repr(layer).encode()))
    trace = simulate(layer, design, inputs, weights, hardware)
    oracle = scatter.transposed if layer.transposed else scatter.ordinary
    expected, _ = oracle(layer, inputs, weights)
    np.testing.assert_array_equal(trace.outputs, expected)
    assert trace.error.exact
    plan = designs.find(design).plan(layer, hardware)
    counted = engine_events(plan, evaluate_specification)
    executed = {name: count for name, count in trace.counts.items() if name not in UNSEEN}
    assert executed == counted
    assert set(trace.counts) <= set(EVENTS)
    assert trace.counts["steps"] == layer.batch * plan.steps
    if not plan.parts:  # no kernel pixel reaches an output pixel
        assert layer.macs == 0
        assert trace.counts == {"steps": 0, "outputs_without_taps": expected.size}
        return
    require_closed_forms(layer, design, trace, inputs)


def require_closed_forms(layer, design, trace, inputs) -> None:
    """Check what no engine sees against docs/dataflow.md."""
    counts = trace.counts
    slices = trace.hardware.weight_slices(layer.weight_bits)
    pulses = trace.hardware.input_slices(layer.input_bits)
    outputs = layer.batch * layer.out_channels * prod(layer.output_size)
    scattering = layer.transposed and design == "padding_free"
    aware = trace.hardware.zero_aware
    if not scattering and aware:
        # A cell with a weight sees a pixel once for each useful multiply-accumulate.
        assert counts["cell_reads"] == layer.macs * slices * pulses
    if design == "zero_padding" and not aware:
        assert counts["cell_reads"] == layer.zero_inserted_macs * slices * pulses
    assert counts["cell_reads_nonzero"] == nonzero_reads(layer, inputs, trace, scattering)
    reached = layer.batch * layer.out_channels * prod(map(len, touched(layer, cropped=True)))
    if layer.transposed and design == "zero_padding":
        assert counts["outputs_without_taps"] == 0  # they are computed, from zeros
    elif scattering:
        whole = layer.batch * layer.out_channels * prod(map(len, touched(layer, cropped=False)))
        assert counts["outputs_without_taps"] == outputs - reached
        assert counts["cropped_outputs"] == whole - reached
        assert counts["overlap_adds"] == counts["overlap_updates"] - whole
    else:
        made = sum(prod(mode.output_count) for mode in decompose(layer).modes if not mode.empty)
        assert counts["outputs_without_taps"] == outputs - layer.batch * layer.out_channels * made

    if not trace.hardware.zeros_stored:
        assert counts["input_buffer_words"] == most_words(layer, design)
    if layer.groups == 1:
        part = designs.find(design).plan(layer, trace.hardware).parts[0]
        per_pixel = pulses * part.sizes.column_tiles * layer.in_channels * layer.batch
        real = counts["rows_driven"] - counts["rows_driven_zero"]
        pixels = (
            prod(layer.input_size)
            if scattering
            else layer.macs // (layer.in_channels * layer.out_channels * layer.batch)
        )
        assert real == (per_pixel * pixels if aware or scattering else counts["rows_driven"])
        if design == "zero_padding" or not layer.transposed:
            whole = per_pixel * prod(layer.output_size) * prod(layer.kernel_size)
            assert counts["rows_driven"] == whole


def most_words(layer, design: str) -> int:
    """The lines of the first axis that the widest window holds, whole along the other axes."""
    words = layer.in_channels
    if layer.transposed and design == "padding_free":
        return words
    modes = decompose(layer)
    for axis in range(layer.ndim):
        s, d, before = layer.stride[axis], layer.dilation[axis], layer.padding[axis][0]
        taps, steps, stride, spacing = range(layer.kernel_size[axis]), layer.output_size[axis], s, 1
        offsets = [k * d - before for k in taps]
        if layer.transposed and design == "zero_padding":
            offsets, stride, spacing = [before - k * d for k in taps], 1, s
        elif layer.transposed:
            offsets, stride = modes.window_offsets[axis], 1
            steps = max(len(mode.outputs) for mode in modes.axes[axis] if not mode.empty)
        pixels = {i * spacing for i in range(layer.input_size[axis])}
        held = [
            len(pixels & set(range(min(offsets) + stride * j, max(offsets) + stride * j + 1)))
            for j in range(steps)
        ]
        passed = set(range(min(offsets), max(offsets) + stride * (steps - 1) + 1))
        words *= max(held) if axis == 0 else len(pixels & passed)
    return words


def touched(layer, cropped: bool):
    """Per axis, the output pixels that a kernel pixel of some input pixel lands on."""
    for axis in range(layer.ndim):
        landed = {
            i * layer.stride[axis] + k * layer.dilation[axis] - layer.padding[axis][0]
            for i in range(layer.input_size[axis])
            for k in range(layer.kernel_size[axis])
        }
        yield {o for o in landed if not cropped or 0 <= o < layer.output_size[axis]}


def nonzero_reads(layer, inputs, trace, scattering: bool) -> int:
    """Ones (or non-zero digits) of all inputs, times the weights that each input meets."""
    mask = (1 << trace.hardware.dac_bits) - 1
    digits = sum(
        ((inputs >> low) & mask) != 0 for low in range(0, layer.input_bits, trace.hardware.dac_bits)
    )
    met = np.ones(())
    for axis in range(layer.ndim):
        uses = np.zeros(layer.input_size[axis])
        s, d, before = layer.stride[axis], layer.dilation[axis], layer.padding[axis][0]
        for k in range(layer.kernel_size[axis]):
            for i in range(layer.input_size[axis]):
                if layer.transposed:
                    uses[i] += scattering or 0 <= i * s + k * d - before < layer.output_size[axis]
                else:
                    o = i + before - k * d
                    uses[i] += o % s == 0 and 0 <= o // s < layer.output_size[axis]
        met = np.multiply.outer(met, uses)
    slices = trace.hardware.weight_slices(layer.weight_bits)
    return int((digits * met).sum()) * slices * layer.out_channels // layer.groups


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", SCALED)
def test_the_benchmark_layers_agree(name: str, setting: str) -> None:
    for design in designs.names():
        require_agreement(SCALED[name], design, SETTINGS[setting])


hardwares = st.fixed_dictionaries(
    {
        "rows": st.one_of(st.none(), st.integers(1, 40)),
        "columns": st.one_of(st.none(), st.integers(8, 60)),
        "cell_bits": st.integers(1, 4),
        "dac_bits": st.integers(1, 3),
        "weight_encoding": st.sampled_from(["offset", "twos_complement"]),
        "merge": st.sampled_from(["digital", "current"]),
        "fold": st.integers(1, 4),
        "zeros_stored": st.booleans(),
        "zero_aware": st.booleans(),
    }
)


@settings(
    max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
@given(
    st.one_of(transposed_layers(), transposed_layers(), ordinary_layers()),
    st.integers(1, 12),
    st.integers(1, 12),
    st.sampled_from(designs.names()),
    hardwares,
)
def test_random_layers_agree_on_random_hardware(layer, input_bits, weight_bits, design, chosen):
    arguments = {field.name: getattr(layer, field.name) for field in dataclasses.fields(layer)}
    layer = type(layer)(**{**arguments, "input_bits": input_bits, "weight_bits": weight_bits})
    hardware = EXACT.replace(**chosen)
    try:
        designs.find(design).plan(layer, hardware)
    except InputError:
        assume(False)
    require_agreement(layer, design, hardware)


@pytest.mark.parametrize("design", designs.names())
@pytest.mark.parametrize(
    "layer",
    [
        TransposedConv(150, 40, (4,), 5, stride=3),
        TransposedConv(130, 33, (3, 2), (3, 4), stride=2, padding=1, groups=1),
        TransposedConv(72, 72, (3, 3), 4, stride=2, padding=1, groups=9),
        Conv(140, 35, (4, 3), 3, stride=2, padding=1),
    ],
)
def test_channels_that_tiles_do_not_divide_agree(layer, design: str) -> None:
    for setting in ("default", "current", "fold 2"):
        require_agreement(layer, design, SETTINGS[setting])
