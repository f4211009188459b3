"""`red-timeloop simulate`: execute a layer on the designs and prove outputs and counts."""

from __future__ import annotations

from typing import Any

import click

from red_timeloop.cli import options
from red_timeloop.cli.results import Answer, answering
from red_timeloop.dataflow.events import EVENTS, engine_events
from red_timeloop.dataflow.nonideal import Nonidealities
from red_timeloop.dataflow.simulator import simulate
from red_timeloop.dataflow.trace import Trace
from red_timeloop.dataflow.verification import TENSORS, differing, random_tensors
from red_timeloop.designs import choose
from red_timeloop.engines.base import engine
from red_timeloop.hardware import Hardware
from red_timeloop.views.comparison_table import describe
from red_timeloop.views.tables import plain, table
from red_timeloop.workload import Workload

__all__ = ["command"]


@click.command(name="simulate")
@options.network
@options.design()
@click.option(
    "--adc-bits", type=int, metavar="N", help="Bits of the converters.  [default: the set's own]"
)
@options.adc_step
@options.cells
@options.hardware
@answering()
def command(
    network: Workload,
    designs: tuple[str, ...],
    adc_bits: int | None,
    adc_step: int | None,
    nonidealities: Nonidealities,
    hardware: Hardware,
) -> Answer:
    """Execute a layer on random integers and count what happens.

    Outputs are compared with the integer transposed convolution, events with the embedded
    engine's. Converters are the parameter set's own; --set adc_bits=null makes them lossless. The
    exit code is 1 when lossless converters and ideal cells give anything but the exact result, or
    when a count differs from the engine's.
    """
    parameters = hardware if adc_bits is None else hardware.replace(adc_bits=adc_bits)
    chosen = choose(designs)
    run = engine("embedded").evaluate_specification
    reports, failed = [], False
    for entry in network.layers:
        tensors = random_tensors(entry.layer, nonidealities.seed)
        for design in chosen:
            trace = simulate(
                entry.layer,
                design,
                *tensors,
                parameters,
                nonidealities=nonidealities,
                adc_step=adc_step,
            )
            counted = engine_events(design.plan(entry.layer, parameters), run)
            different = sorted(differing(trace.counts, counted))
            exact = parameters.adc_bits is None and nonidealities.ideal and adc_step in (None, 1)
            failed |= bool(different) or (exact and not trace.error.exact)
            reports.append((trace, counted, different))
    return Answer(
        lambda: _print(reports),
        lambda: {"schema": 1, "results": [_as_json(*report) for report in reports]},
        code=int(failed),
    )


def _as_json(trace: Trace, counted: dict[str, Any], different: list[str]) -> dict[str, Any]:
    error = trace.error
    return {
        "layer": trace.layer.name,
        "design": trace.design,
        "outputs": trace.outputs.size,
        "max_error": error.max,
        "rms_error": error.rms,
        "adc_bits": trace.hardware.adc_bits,
        "sqnr_dB": error.sqnr_db,
        "counts": trace.counts,
        "engine_counts": counted,
        "differing": different,
    }


def _print(reports: list[tuple[Trace, dict[str, Any], list[str]]]) -> None:
    console = plain()
    for trace, counted, different in reports:
        bits = trace.hardware.adc_bits
        converters = "lossless" if bits is None else f"{bits}-bit"
        console.print(
            f"{trace.layer.name} on {trace.design}, {converters} converters: {_verdict(trace)}"
        )
        console.print(f"  {describe(trace.layer)}; tensors {TENSORS}")
        rows = [
            [
                f"  {name.replace('_', ' ')}",
                f"{trace.counts.get(name, '-')}",
                f"{counted.get(name, '-')}{' differs' * (name in different)}",
            ]
            for name in EVENTS
            if name in trace.counts or name in counted
        ]
        console.print(table(["  event", "executed", "engine"], rows, ("  event",)))
        if different:
            console.print(f"  MISMATCH: the engine counts {', '.join(different)} otherwise")
        else:
            console.print(f"  All {len(counted)} events that the engine sees are equal.")
        console.print()


def _verdict(trace: Trace) -> str:
    error, count = trace.error, f"{trace.outputs.size:,}".replace(",", " ")
    if error.exact:
        return f"max error 0: {count} outputs equal the integer convolution bit for bit"
    return (
        f"SQNR {error.sqnr_db:.1f} dB over {count} outputs, max error {error.max}, "
        f"RMS {error.rms:.4g}"
    )
