"""`red-timeloop simulate`: execute a layer on the designs and prove outputs and counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from red_timeloop import designs as known
from red_timeloop.cli import options, results
from red_timeloop.dataflow.events import EVENTS, engine_events
from red_timeloop.dataflow.simulator import simulate
from red_timeloop.dataflow.trace import Trace
from red_timeloop.dataflow.verification import TENSORS, differing, random_tensors
from red_timeloop.engines.base import engine
from red_timeloop.frontends.read import read_workload
from red_timeloop.views.table import describe

if TYPE_CHECKING:
    from red_timeloop.dataflow.nonideal import Nonidealities

__all__ = ["command"]


@click.command(name="simulate")
@options.workload()
@options.layer
@options.design()
@click.option(
    "--adc-bits", type=int, metavar="N", help="Bits of the converters.  [default: the set's own]"
)
@options.adc_step
@options.cells
@options.hardware
@options.format_("table", "json")
def command(
    workload: str,
    layers: tuple[str, ...],
    designs: tuple[str, ...],
    adc_bits: int | None,
    adc_step: int | None,
    cells: Nonidealities,
    hardware: str,
    settings: tuple[str, ...],
    form: str,
) -> int:
    """Execute a layer on random integers and count what happens.

    Outputs are compared with the integer transposed convolution, events with the embedded
    engine's. Converters are the parameter set's own; --set adc_bits=null makes them lossless. The
    exit code is 1 when lossless converters and ideal cells give anything but the exact result, or
    when a count differs from the engine's.
    """
    parameters = options.load_hardware(hardware, settings)
    if adc_bits is not None:
        parameters = parameters.replace(adc_bits=adc_bits)
    chosen = [known.find(each, code=True) for each in designs or known.names()]
    run = engine("embedded").evaluate_specification
    reports, failed = [], False
    for entry in read_workload(workload, layers).layers:
        tensors = random_tensors(entry.layer, cells.seed)
        for design in chosen:
            trace = simulate(
                entry.layer, design, *tensors, parameters, nonidealities=cells, adc_step=adc_step
            )
            counted = engine_events(design.plan(entry.layer, parameters), run)
            different = sorted(differing(trace.counts, counted))
            exact = parameters.adc_bits is None and cells.ideal and adc_step in (None, 1)
            failed |= bool(different) or (exact and not trace.error.exact)
            reports.append((trace, counted, different))

    def table() -> None:
        for report in reports:
            _print(Console(), *report)

    results.show(
        form, table, lambda: {"schema": 1, "results": [_as_json(*report) for report in reports]}
    )
    return 1 if failed else 0


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


def _print(console: Console, trace: Trace, counted: dict[str, Any], different: list[str]) -> None:
    bits = trace.hardware.adc_bits
    converters = "lossless" if bits is None else f"{bits}-bit"
    console.print(
        f"[bold]{trace.layer.name}[/] on [bold]{trace.design}[/], {converters} converters: "
        f"{_verdict(trace)}",
        soft_wrap=True,
        highlight=False,
    )
    console.print(f"  {describe(trace.layer)}; tensors {TENSORS}", soft_wrap=True, highlight=False)
    table = Table(box=None, header_style="bold", padding=(0, 1))
    table.add_column("event")
    table.add_column("executed", justify="right")
    table.add_column("engine", justify="right")
    for name in (name for name in EVENTS if name in trace.counts or name in counted):
        style = "bold red" if name in different else None
        count = str(counted[name]) if name in counted else "-"
        table.add_row(name.replace("_", " "), str(trace.counts.get(name, "-")), count, style=style)
    console.print(table)
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
