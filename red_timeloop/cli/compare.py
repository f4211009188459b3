"""`red-timeloop compare`: a workload on several designs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from red_timeloop.accuracy import Accuracy
from red_timeloop.cli import options
from red_timeloop.cli.results import Answer, answering
from red_timeloop.cli.verbosity import detail, progress_bar
from red_timeloop.comparison import Comparison, compare
from red_timeloop.designs import Design, choose
from red_timeloop.errors import InputError
from red_timeloop.workload import Workload
from red_timeloop.zoo import compare_zoo, zoo_as_dict

__all__ = ["command", "compared", "comparing"]

_F = TypeVar("_F", bound=Callable[..., Any])

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--all", "everything", is_flag=True, help="Run every shipped workload."),
    options.gathered("designs", choose, options.design(), options.jinja, options.estimator),
    options.layer,
    options.engine,
    options.hardware,
    options.gathered(
        "crossbars",
        lambda mapped, crossbars: crossbars if mapped else None,
        click.option(
            "--map", "mapped", is_flag=True, help="Let the mapper choose what designs leave open."
        ),
        click.option(
            "--crossbars",
            type=click.IntRange(min=1),
            default=16_128,
            show_default=True,
            help="With --map: crossbars that a layer may use, ISAAC's chip by default.",
        ),
    ),
    click.option(
        "--at-least",
        metavar="RATIO",
        help="Compare at equal accuracy: each design with the cheapest converters (bits, rows"
        " driven at once) that reach this signal to quantization noise ratio on random tensors,"
        " e.g. 35dB, or lossless.",
    ),
    click.option(
        "--input",
        "inputs",
        type=options.PATH,
        metavar="FILE",
        multiple=True,
        help="With --at-least and MODEL.onnx in place of WORKLOAD: run the network on these (.npy, "
        ".npz, PNG, JPEG), so that RATIO bounds its outputs; also psnr=30, ssim=0.9, iou=0.9, "
        "top1=0.9, the last two with labels in a .npz.",
    ),
    click.option(
        "--iso-area",
        is_flag=True,
        help="Give designs RED's area, layer by layer: arrays are scaled, crossbars copied.",
    ),
    options.jobs(),
    options.cache,
)


def comparing(function: _F) -> _F:
    """Add the options of a comparison, which `compared` takes."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def compared(
    workloads: Sequence[str],
    *,
    everything: bool,
    designs: tuple[Design, ...],
    layers: tuple[str, ...],
    at_least: str | None,
    inputs: tuple[Path, ...],
    keep_going: bool = False,
    **shared: Any,
) -> list[Comparison]:
    """Compare on each of `workloads`, the benchmark of RED when empty, or on all shipped ones.

    `shared` is what `compare` and `compare_zoo` take alike.

    Raises:
        InputError: An option is not legal, or workloads were named beside `--all`.
    """
    beside = {"--layer": layers, "--at-least": at_least, "--input": inputs}
    if everything and (workloads or any(beside.values())):
        other = workloads[0] if workloads else next(key for key, given in beside.items() if given)
        raise InputError(
            f"{other} and --all exclude each other",
            key="--all",
            legal="--all, or a workload with or without --layer",
        )
    if everything:
        with progress_bar() as progress:
            return list(compare_zoo(designs, progress=progress, **shared))
    shared |= {"layers": layers, "keep_going": keep_going, "at_least": at_least}
    networks: Sequence[str | Workload] = workloads or ("red_date2019",)
    if inputs:
        network, shared["at_least"] = _network(workloads, at_least, inputs, layers)
        networks = (network,)
    found = []
    for each in networks:
        with progress_bar() as progress:
            found.append(compare(each, designs, progress=progress, **shared))
    return found


def _network(
    models: Sequence[str], at_least: str | None, inputs: tuple[Path, ...], layers: tuple[str, ...]
) -> tuple[Workload, Accuracy]:
    """Return the layers of a network, and what its outputs must be worth on its inputs."""
    model, *more = models or ("",)
    if more or not model.endswith(".onnx") or at_least is None or layers:
        raise InputError(
            "a network is run as a whole, to bound what comes out",
            key="--input",
            legal="with MODEL.onnx and --at-least, without --layer",
        )
    from red_timeloop.frontends.onnx import load
    from red_timeloop.networks.graph import read_network
    from red_timeloop.networks.inputs import Normalization, read_files
    from red_timeloop.networks.quality import NetworkAccuracy

    found, _, _ = read_files(read_network(model), inputs, Normalization())
    shapes = {name: (1, *values.shape[1:]) for name, values in found.items()}
    return load(model, shapes=shapes).workload, NetworkAccuracy(at_least, model, inputs)


@click.command(name="compare")
@options.workload(metavar="[WORKLOAD[:LAYER]]", required=False)
@comparing
@answering(csv=True, folder=True)
def command(workload: str | None, **choice: Any) -> Answer:
    """Compare designs on the layers of a workload.

    WORKLOAD is a name that `red-timeloop list` shows, or a YAML, ONNX or Keras file; the six layers
    of the RED benchmark when left out.
    """
    from red_timeloop.views import comparison_table as tables

    comparisons = compared([workload] if workload else [], **choice)
    if choice["everything"]:
        return Answer(
            lambda: tables.print_zoo(comparisons),
            lambda: zoo_as_dict(comparisons),
            lambda: [row for comparison in comparisons for row in comparison.rows()],
            ("zoo.json", "zoo.csv"),
        )
    (comparison,) = comparisons
    detail(f"{comparison.engine} engine, {len(comparison.results)} evaluations.")
    return Answer(
        lambda: tables.print_comparison(comparison),
        comparison.as_dict,
        comparison.rows,
        ("comparison.json", "comparison.csv"),
    )
