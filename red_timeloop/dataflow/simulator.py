"""Run a layer on a design, step by step, on integers, and count what happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.dataflow.bank import Bank, Programmer
from red_timeloop.dataflow.buffers import OverlapBuffer, slide
from red_timeloop.dataflow.direct import convolve
from red_timeloop.dataflow.machine import Machine, Steps
from red_timeloop.dataflow.mapped import map_layer
from red_timeloop.dataflow.nonideal import IDEAL, Nonidealities
from red_timeloop.dataflow.placement import Placement
from red_timeloop.dataflow.trace import Trace, deviation
from red_timeloop.designs import Design, names
from red_timeloop.designs.lanes import Lane
from red_timeloop.designs.plan import Plan
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer

__all__ = ["simulate"]


def simulate(
    layer: Layer,
    design: str | Design,
    inputs: NDArray[Any],
    weights: NDArray[Any],
    hardware: Hardware | None = None,
    *,
    nonidealities: Nonidealities = IDEAL,
    adc_step: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Trace:
    """Execute `layer` as `design` maps it and count every event.

    The mapping says which weight stands in which cell; everything else is executed: the input
    buffer slides, rows are driven pulse by pulse, column sums are converted, shifted, added
    across crossbars and turns, and written out or added where they overlap, and cropped.

    Args:
        layer: A transposed or an ordinary convolution.
        design: Name of a design, where one is (`FILE.py:NAME`), or the design.
        inputs: Integers ``[batch, C_in, *input_size]`` of `layer.input_bits`, unsigned, or signed
            where one is negative.
        weights: Signed integers of `layer.weight_bits`: ``[C_in, C_out / groups, *kernel_size]``,
            for a Conv ``[C_out, C_in / groups, *kernel_size]``.
        hardware: The parameter set, whose converters are used; None: `isaac_32nm`. With
            `adc_bits` None and ideal cells the outputs are exact.
        nonidealities: What the cells do wrong.
        adc_step: Units of cell current between a converter's codes; None: see
            `red_timeloop.dataflow.converter`.
        progress: Called with (lanes done, lanes in all).

    Raises:
        InputError: Shapes or values that do not fit the layer, or a layer that the design or
            the hardware cannot run; names what was given and what is legal.

    >>> from red_timeloop import TransposedConv
    >>> layer = TransposedConv(2, 3, (4, 4), 4, stride=2, padding=1)
    >>> ones = np.ones((1, 2, 4, 4), int), np.ones((2, 3, 4, 4), int)
    >>> trace = simulate(layer, "red", *ones)
    >>> trace.error.max, trace.counts["steps"], trace.outputs[0, 0, 1].tolist()
    (0, 16, [4, 8, 8, 8, 8, 8, 8, 4])
    """
    mapped = map_layer(layer, design, inputs, weights, hardware, nonidealities)
    plan, lanes, name = mapped.plan, mapped.lanes, mapped.design.name
    if plan.parts and not lanes:
        raise InputError(f"{name} has no crossbars to execute", key="design", legal=names())
    machine = Machine(
        hardware=mapped.hardware,
        inputs=mapped.padded,
        input_code=mapped.input_code,
        weight_code=mapped.programmer.code,
        exact_cells=nonidealities.ideal,
        adc_step=adc_step,
    )
    outputs = _execute(plan, lanes, machine, mapped.programmer, progress)
    return Trace(
        design=name,
        layer=layer,
        hardware=mapped.hardware,
        outputs=outputs,
        error=deviation(outputs, convolve(layer, mapped.inputs, mapped.weights)),
        counts=dict(sorted(machine.counts.items())),
    )


def _execute(
    plan: Plan,
    own: Sequence[Lane],
    machine: Machine,
    programmer: Programmer,
    progress: Callable[[int, int], None] | None,
) -> NDArray[np.int64]:
    layer, counts = plan.layer, machine.counts
    outputs = np.zeros((layer.batch, layer.out_channels, *layer.output_size), np.int64)
    if not own:  # no kernel pixel reaches an output pixel
        counts["steps"], counts["outputs_without_taps"] = 0, outputs.size
        return outputs
    scattering = own[0].outputs is None
    counts["steps"] = layer.batch * _turns(own) * _steps(plan, own)
    _run_inputs(plan, own, scattering, counts)
    uncropped = [
        (size - 1) * s + d * (taps - 1) + 1
        for size, s, d, taps in zip(
            layer.input_size, layer.stride, layer.dilation, layer.kernel_size, strict=True
        )
    ]
    buffer = OverlapBuffer.empty(layer.batch, layer.out_channels, uncropped if scattering else ())
    for done, lane in enumerate(own):
        for bank in programmer.banks(lane):
            for steps in machine.chunks(lane, bank):
                sums = machine.run(lane, bank, steps)
                if scattering:
                    _overlap(layer, buffer, bank, steps, sums)
                else:
                    written = _write(outputs, lane, bank, steps, sums)
                    counts["register_updates"] += written
                    counts["output_writes"] += written
        if progress:
            progress(done + 1, len(own))
    if not scattering:
        counts["outputs_without_taps"] = outputs.size - counts["output_writes"]
        return outputs
    outputs, written, cropped = buffer.crop(
        [before for before, _ in layer.padding], layer.output_size
    )
    counts["overlap_updates"], counts["overlap_adds"] = buffer.updates, buffer.additions
    counts["output_writes"], counts["cropped_outputs"] = written, cropped
    counts["outputs_without_taps"] = outputs.size - written
    return outputs


def _steps(plan: Plan, own: Sequence[Lane]) -> int:
    """Return the steps of an image: of the longest lane, or of all where they take turns."""
    if plan.order == "in_turn":
        return sum(prod(lane.steps) for lane in own)
    return prod(map(max, zip(*(lane.steps for lane in own), strict=True)))


def _turns(own: Sequence[Lane]) -> int:
    """Return the turns of a step; a lane with fewer kernel pixels waits for the others."""
    return max(len(Placement(lane.part).turns) for lane in own)


def _run_inputs(plan: Plan, own: Sequence[Lane], scattering: bool, counts: Counter[str]) -> None:
    """Run the input buffer over the batch; padding free holds one pixel, the others a window."""
    layer = plan.layer
    if scattering:
        words = layer.batch * layer.in_channels * prod(own[0].steps)
        counts["input_buffer_reads"] = counts["input_buffer_writes"] = words
        counts["edram_reads"] = counts["edram_input_writes"] = words
        counts["input_buffer_words"] = layer.in_channels
        return
    window = slide(own, layer.in_channels, plan.hardware.zeros_stored)
    counts["input_buffer_reads"] = layer.batch * window.words_read
    words = layer.batch * window.words_fetched
    counts["input_buffer_writes"] = counts["edram_reads"] = counts["edram_input_writes"] = words
    counts["input_buffer_words"] = window.largest


def _write(
    outputs: NDArray[np.int64], lane: Lane, bank: Bank, steps: Steps, sums: NDArray[np.int64]
) -> int:
    """Write the outputs of some steps where they belong; return how many."""
    assert lane.outputs is not None
    pixels = [
        (pixels.start + pixels.step * place)[:, None]
        for pixels, place in zip(lane.outputs, steps.places, strict=True)
    ]
    made = sums[:, bank.columns]
    place: Any = (steps.images[:, None], bank.channels[bank.columns], *pixels)
    outputs[place] = made
    return made.size


def _overlap(
    layer: Layer, buffer: OverlapBuffer, bank: Bank, steps: Steps, sums: NDArray[np.int64]
) -> None:
    """Add the partial sums of some steps into the output buffer, kernel pixel by kernel pixel."""
    flat = np.ravel_multi_index(bank.kernel, layer.kernel_size)
    for tap in np.unique(flat[bank.columns]):
        own = np.flatnonzero(bank.columns & (flat == tap))
        pixels = [
            place * s + kernel[own[0]] * d
            for place, kernel, s, d in zip(
                steps.places, bank.kernel, layer.stride, layer.dilation, strict=True
            )
        ]
        buffer.add(steps.images, bank.channels[own], pixels, sums[:, own])
