"""A pipeline as a trace that Perfetto and Chrome open (the JSON trace event format).

Source of the format: Google, "Trace Event Format": complete events (`ph: X`) with `ts` and `dur` in
microseconds, and metadata events (`ph: M`) that name processes and threads; confirmed by Perfetto's
reader of it (src/trace_processor/importers/json), which was read: it rounds both numbers to whole
nanoseconds and drops an event that then overlaps the one before it in its thread. Times are
therefore whole nanoseconds here. Chrome's own reader (the trace viewer of the catapult project, as
Perfetto's interface v54 carries it) gave all slices, names, times and arguments, and no warning.
"""

from __future__ import annotations

import itertools
from typing import Any

from red_timeloop.chip.result import ChipComparison, ChipResult
from red_timeloop.units import percent

__all__ = ["IMAGES", "trace"]

IMAGES = 4  # shown


def trace(comparison: ChipComparison) -> dict[str, Any]:
    """Return a process a design and a thread a layer, with the work on a few images in each.

    Designs whose layers do not work at the same time (in turn, or on an array) have none.
    """
    events: list[dict[str, Any]] = []
    for process, result in enumerate(comparison.results, start=1):
        if result.schedule is not None and result.schedule.flow.spans:
            events += _events(process, result)
    return {"displayTimeUnit": "ns", "traceEvents": events}


def _events(process: int, result: ChipResult) -> list[dict[str, Any]]:
    assert result.schedule is not None
    events = [_named("process_name", process, 0, result.design)]
    for thread, (number, begin, end) in enumerate(result.schedule.spans, start=1):
        share = result.layers[number]
        events.append(_named("thread_name", process, thread, share.layer))
        busy = percent(share.time / result.period)
        starts = [_nanoseconds(begin + image * result.period) for image in range(IMAGES + 1)]
        for image, (start, following) in enumerate(itertools.pairwise(starts)):
            stop = min(_nanoseconds(end + image * result.period), following)
            events.append(
                {
                    "name": f"image {image}",
                    "cat": share.layer,
                    "ph": "X",
                    "pid": process,
                    "tid": thread,
                    "ts": start / 1000,
                    "dur": (stop - start) / 1000,
                    "args": {"copies": share.copies, "crossbars": share.crossbars, "busy": busy},
                }
            )
    return events


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)


def _named(what: str, process: int, thread: int, name: str) -> dict[str, Any]:
    return {"name": what, "ph": "M", "pid": process, "tid": thread, "args": {"name": name}}
