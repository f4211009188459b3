"""`red-timeloop problem`: a deconvolution as problems that plain Timeloop runs."""

from __future__ import annotations

from typing import Any

import click

from red_timeloop.cli import options
from red_timeloop.cli.results import Answer, answering
from red_timeloop.decomposition import decompose
from red_timeloop.designs.convolutions import FORMS, Convolution, plain_convolutions
from red_timeloop.spec.emit import to_yaml
from red_timeloop.spec.write import problem_section
from red_timeloop.workload import Workload, WorkloadLayer

__all__ = ["command"]


@click.command(name="problem")
@options.network
@click.option(
    "--form",
    "way",
    type=click.Choice(FORMS),
    default="split",
    show_default=True,
    help="The convolution over the zero-inserted map, or the sub-convolutions.",
)
@answering(folder=True)
def command(network: Workload, way: str) -> Answer:
    """Write a deconvolution as Timeloop problems.

    They have the ranks N C M R S P Q of any convolution, so that every Timeloop architecture runs
    them. A README says how often each runs and how the results add up. WORKLOAD is a name that
    `red-timeloop list` shows, or a YAML, ONNX or Keras file.
    """
    problems = [
        (entry, plain_convolutions(entry.layer, split=way == "split")) for entry in network.layers
    ]
    sections = "\n".join(_section(entry, parts) for entry, parts in problems)

    def files() -> dict[str, str]:
        texts = {
            f"{entry.name}/{_file(part)}" if len(problems) > 1 else _file(part): _text(part)
            for entry, parts in problems
            for part in parts
        }
        return {**texts, "README.md": f"{_HEAD.format(network.name, way)}\n{sections}"}

    return Answer(
        lambda: click.echo(sections),
        lambda: {"schema": 1, "form": way, "layers": _as_json(problems)},
        files=files,
    )


_HEAD = """# {0} as plain Timeloop problems: {1}

Run every file on your architecture (timeloop-mapper, timeloop-model, `red-timeloop map`). Then

* energy, computes and accesses of a layer: runs x value, summed over its files;
* cycles: the same sum where one accelerator makes the runs one after the other; where each run has
  an accelerator of its own, the largest value;
* area: that of one accelerator, or of all of them.

The sizes are real: nothing is padded. The rows below that say which kernel pixels a run has are
those of one axis; a run is any combination of one row of each axis with the sizes of its file.
"""


def _file(part: Convolution) -> str:
    sizes = part.problem.sizes
    outputs = "x".join(str(sizes[rank]) for rank in "OPQ" if rank in sizes)
    return f"{part.name.replace(' ', '_')}_outputs_{outputs}.yaml"


def _text(part: Convolution) -> str:
    times = f"runs {part.runs} time{'s' * (part.runs > 1)} in one pass over the layer"
    return f"# {part.name}: {times}\n{to_yaml({'problem': problem_section(part.problem)})}"


def _section(entry: WorkloadLayer, parts: tuple[Convolution, ...]) -> str:
    layer = entry.layer
    ranks = list(parts[0].problem.sizes)
    lines = [
        f"## {entry.name}\n",
        f"| file | runs | {' | '.join(ranks)} | MACs a run |",
        f"| --- | ---: |{' ---: |' * len(ranks)} ---: |",
    ]
    for part in parts:
        sizes = " | ".join(str(part.problem.sizes[rank]) for rank in ranks)
        lines.append(f"| {_file(part)} | {part.runs} | {sizes} | {part.problem.operations:,} |")
    total = sum(part.runs * part.problem.operations for part in parts)
    lines.append(
        f"\nIn all {total:,} MACs, of which {layer.macs:,} meet a real pixel (the rest meets"
        f" inserted zeros or the border); with zeros inserted it has {layer.zero_inserted_macs:,}."
    )
    if layer.groups > 1:
        lines.append(f"Each of its {layer.groups} groups of channels is a run of its own.")
    if entry.repeat > 1:
        lines.append(f"The network has {entry.repeat} such layers.")
    if layer.transposed and parts[0].name != FORMS[0]:
        lines += ["", *_phases(entry)]
    return "\n".join(lines) + "\n"


def _phases(entry: WorkloadLayer) -> list[str]:
    """Return which kernel pixels and which input pixels make which output pixels, per axis."""
    decomposition = decompose(entry.layer)
    lines = [
        "| axis | output pixels | kernel pixels | first input pixels |",
        "| --- |" + " --- |" * 3,
    ]
    for axis, phases in enumerate(decomposition.axes):
        for mode in phases:
            outputs = mode.outputs
            which = f"{outputs.start}, +{outputs.step}, {len(outputs)} of them"
            kernel = ", ".join(map(str, mode.taps)) or "none: zero (or the bias), no run"
            lines.append(f"| {axis} | {which} | {kernel} | {', '.join(map(str, mode.offsets))} |")
    return lines


def _as_json(layers: list[tuple[WorkloadLayer, tuple[Convolution, ...]]]) -> list[dict[str, Any]]:
    return [
        {
            "layer": entry.name,
            "repeat": entry.repeat,
            "macs": entry.layer.macs,
            "problems": [
                {
                    "name": part.name,
                    "runs": part.runs,
                    "macs": part.problem.operations,
                    "problem": problem_section(part.problem),
                }
                for part in parts
            ],
        }
        for entry, parts in layers
    ]
