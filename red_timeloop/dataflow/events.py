"""The events of a trace as an engine counts them, read from the evaluations of a plan.

An engine counts accesses of levels over a dense problem. An event of the hardware is such a count
times the pulses and cells that stand behind one access, times the share of the dense problem that
the layer has: the level's attributes hold both, as the energy does that is paid for the same
accesses. Levels are found by the names that they have in `arch/red.yaml`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from red_timeloop.designs.evaluate import Run
from red_timeloop.designs.plan import Plan
from red_timeloop.designs.specification import assemble
from red_timeloop.engines.result import EngineResult
from red_timeloop.errors import InputError
from red_timeloop.spec.types import Level, Specification

__all__ = ["EVENTS", "UNSEEN", "engine_events"]

# name -> what one event is
EVENTS: dict[str, str] = {
    "steps": "steps, turns of a fold counted",
    "crossbar_activations": "pulses on a crossbar that takes part in a step",
    "rows_driven": "pulses on a selected row that holds weights",
    "rows_driven_zero": "those withheld, on rows that see an inserted zero or the border",
    "cell_reads": "pulses on a cell that holds part of a weight and sees a pixel, or a driven zero",
    "adc_conversions": "column sums converted",
    "adc_saturations": "those whose code is the converter's last, though the sum is above it",
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
    "adc_saturations",
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
    steps = []
    for part in plan.parts:
        specification = assemble(plan, part, cycle_time=1e-9)
        counted = _Counted.of(specification, run(specification))
        if part.role != "inputs":
            steps.append(counted.result.cycles)
            events.update(_own(counted))
        if part.role != "group":
            events.update(_shared(counted))
    whole = {name: _whole(count) for name, count in sorted(events.items())}
    in_turn = plan.order == "in_turn"
    return {**whole, "steps": sum(steps) if in_turn else max(steps, default=0)}


@dataclass(frozen=True)
class _Counted:
    """The levels of an evaluation, and what the engine counted in each."""

    levels: Mapping[str, Level]
    result: EngineResult

    @classmethod
    def of(cls, specification: Specification, result: EngineResult) -> _Counted:
        levels = specification.architecture.levels
        return cls({level.target: level for level in levels if level.kind != "spatial"}, result)

    def attribute(self, target: str, name: str, default: float | None = None) -> Any:
        """Return a number among the attributes of a level."""
        if target not in self.levels:
            raise InputError(
                f"there is no level {target!r}, whose events are to be counted",
                key="architecture",
                legal=list(self.levels),
            )
        value = self.levels[target].attributes.get(name, default)
        if value is None:
            raise InputError("the attribute is missing", key=f"{target}.{name}")
        return value

    def count(self, target: str, data_space: str, key: str) -> float:
        """Return the accesses over all instances of a level that happen in hardware."""
        share = self.attribute(target, f"{_SHARES[key]}_share", 1.0)
        level = self.result.levels[self.levels[target].name]
        return float(level.data_spaces[data_space].total(key) * share)


_SHARES = {"reads": "read", "fills": "write", "updates": "update"}


def _own(counted: _Counted) -> dict[str, float]:
    """Return what happens from the crossbars down, and to the outputs."""

    def slices(target: str) -> Any:
        cells = counted.attribute(target, "weight_slices")
        return cells * counted.attribute(target, "input_slices")

    pulses = counted.attribute("row_driver", "input_slices")
    arrays = counted.count("array", "Outputs", "updates")
    driven = counted.count("row_driver", "Inputs", "reads") * pulses
    entering = counted.count("adder", "Outputs", "updates")
    events = {
        "crossbar_activations": arrays / counted.attribute("array", "columns_used") * pulses,
        "rows_driven": driven,
        "rows_driven_zero": driven * (1 - counted.attribute("row_driver", "real_share", 1.0)),
        "cell_reads": counted.count("cell", "Weights", "reads")
        * counted.attribute("cell", "real_share", 1.0)
        * slices("cell"),
        "adc_conversions": counted.count("adc", "Outputs", "updates") * slices("adc"),
        "shift_adds": counted.count("shift_add", "Outputs", "updates") * slices("shift_add"),
        "partial_sums": entering,
        "output_writes": counted.count("edram", "Outputs", "updates"),
    }
    if "output_buffer" in counted.levels:
        added = counted.count("output_buffer", "Outputs", "updates")
        events["overlap_updates"] = added
    else:
        added = counted.count("output_register", "Outputs", "updates")
        events["register_updates"] = added
    # A tree of n sums has n - 1 additions.
    events["cross_crossbar_adds"] = entering - added
    return events


def _shared(counted: _Counted) -> dict[str, float]:
    """Return what happens to the inputs above the crossbars."""
    return {
        "input_buffer_reads": counted.count("input_buffer", "Inputs", "reads"),
        "input_buffer_writes": counted.count("input_buffer", "Inputs", "fills"),
        "edram_reads": counted.count("edram", "Inputs", "reads"),
        "edram_input_writes": counted.count("edram", "Inputs", "fills"),
    }


def _whole(count: float) -> int | float:
    """Return the whole number that `count` is but for rounding of the shares, or `count`."""
    near = round(count)
    return near if abs(count - near) <= 1e-9 * max(1.0, abs(count)) + 1e-6 else count
