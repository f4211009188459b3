"""The events of a trace as an engine counts them, read from the evaluations of a plan.

An engine counts accesses of levels over a dense problem. An event of the hardware is such a count
times the pulses and cells that stand behind one access, times the share of the dense problem that
the layer has: `Part.variables` holds both, as the energy does that is paid for the same accesses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from red_timeloop.designs.assemble import assemble
from red_timeloop.designs.evaluate import Run
from red_timeloop.designs.plan import Part, Plan
from red_timeloop.engines.result import LevelResult

__all__ = ["EVENTS", "UNSEEN", "engine_events"]

# name -> what one event is
EVENTS: dict[str, str] = {
    "steps": "steps, turns of a fold counted",
    "crossbar_activations": "pulses on a crossbar that takes part in a step",
    "rows_driven": "pulses on a selected row that holds weights",
    "rows_driven_zero": "those on rows that see an inserted zero or the border",
    "cell_reads": "pulses on a cell that holds part of a weight and sees a pixel",
    "adc_conversions": "column sums converted",
    "shift_adds": "converted sums shifted and added",
    "partial_sums": "sums of crossbars, one a turn, that enter an adder tree",
    "cross_crossbar_adds": "additions in the trees",
    "register_updates": "outputs taken by the output registers",
    "overlap_updates": "partial sums that arrive at the output buffer",
    "overlap_adds": "those that are added to one that is there",
    "input_buffer_reads": "words read from the input buffer and broadcast",
    "input_buffer_writes": "words written into the input buffer",
    "edram_reads": "input words read from the buffer above",
    "edram_input_writes": "input words written into the buffer above",
    "output_writes": "outputs written",
    "cell_reads_nonzero": "those of cell_reads whose pulse is not zero",
    "input_buffer_words": "most words that the input buffer holds at a time",
    "outputs_without_taps": "outputs that no kernel pixel reaches; they are zero",
    "cropped_outputs": "outputs computed and cropped",
}

# What an engine cannot see; docs/dataflow.md has their closed forms.
UNSEEN = (
    "cell_reads_nonzero",
    "cropped_outputs",
    "input_buffer_words",
    "outputs_without_taps",
    "overlap_adds",
)


def engine_events(plan: Plan, run: Run) -> dict[str, int | float]:
    """Evaluate the parts of `plan` and return the events that the engine sees.

    An event that the shares do not make a whole number, which would be an error of theirs, is
    returned as it is.

    Args:
        plan: A layer on a design.
        run: The engine's `evaluate_specification`.
    """
    events: Counter[str] = Counter()
    steps = 0
    for part in plan.parts:
        result = run(assemble(plan, part, cycle_time=1e-9))
        levels = result.levels
        if part.role != "inputs":
            steps = max(steps, result.cycles)
            events.update(_own(part, levels))
        if part.role != "group":
            events.update(_shared(part, levels))
    whole = {name: _whole(count) for name, count in sorted(events.items())}
    return {**whole, "steps": steps}


def _own(part: Part, levels: Mapping[str, LevelResult]) -> dict[str, float]:
    """Return what happens from the crossbars down, and to the outputs."""
    v: Mapping[str, Any] = part.variables
    pulses, cells = v["input_slices"], v["weight_slices"]
    arrays = _count(levels, "array", "Outputs", "updates") / v["columns_used"]
    driven = _count(levels, "row_driver", "Inputs", "reads") * v["driver_share"] * pulses
    converted = _count(levels, "adc", "Outputs", "updates") * v["adc_share"]
    shifted = _count(levels, "shift_add", "Outputs", "updates") * v["conversion_share"]
    entering = _count(levels, "adder", "Outputs", "updates") * v["conversion_share"]
    events = {
        "crossbar_activations": arrays * v["array_share"] * pulses,
        "rows_driven": driven,
        "rows_driven_zero": driven * (1 - v["driver_real_share"]),
        "cell_reads": _count(levels, "cell", "Weights", "reads")
        * v["cell_real_share"]
        * cells
        * pulses,
        "adc_conversions": converted * cells * pulses,
        "shift_adds": shifted * cells * pulses,
        "partial_sums": entering,
        "output_writes": _count(levels, "edram", "Outputs", "updates") * v["edram_output_share"],
    }
    if "output_buffer" in levels:
        added = _count(levels, "output_buffer", "Outputs", "updates") * v["output_buffer_share"]
        events["overlap_updates"] = added
    else:
        added = _count(levels, "output_register", "Outputs", "updates") * v["register_share"]
        events["register_updates"] = added
    # A tree of n sums has n - 1 additions.
    events["cross_crossbar_adds"] = entering - added
    return events


def _shared(part: Part, levels: Mapping[str, LevelResult]) -> dict[str, float]:
    """Return what happens to the inputs above the crossbars."""
    v: Mapping[str, Any] = part.variables
    return {
        "input_buffer_reads": _count(levels, "input_buffer", "Inputs", "reads")
        * v["input_buffer_read_share"],
        "input_buffer_writes": _count(levels, "input_buffer", "Inputs", "fills")
        * v["input_buffer_write_share"],
        "edram_reads": _count(levels, "edram", "Inputs", "reads") * v["edram_read_share"],
        "edram_input_writes": _count(levels, "edram", "Inputs", "fills") * v["edram_write_share"],
    }


def _count(levels: Mapping[str, LevelResult], level: str, data_space: str, key: str) -> int:
    """Return a count over all instances of a level."""
    return levels[level].data_spaces[data_space].total(key)


def _whole(count: float) -> int | float:
    """Return the whole number that `count` is but for rounding of the shares, or `count`."""
    near = round(count)
    return near if abs(count - near) <= 1e-9 * max(1.0, abs(count)) + 1e-6 else count
