"""Verify whole workloads: decomposition, execution and event counts of every layer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop import designs
from red_timeloop.dataflow.direct import convolve
from red_timeloop.dataflow.events import UNSEEN, engine_events
from red_timeloop.dataflow.simulator import simulate
from red_timeloop.dataflow.trace import Deviation, deviation
from red_timeloop.decomposition import decompose
from red_timeloop.designs import Design
from red_timeloop.engines.base import engine
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.workload import Workload

__all__ = ["TENSORS", "Check", "differing", "random_tensors", "verify"]

TENSORS = "uniform over all bits"  # what `random_tensors` gives


@dataclass(frozen=True)
class Check:
    """One layer, decomposed or executed on a design, against what is known to be right.

    Attributes:
        layer: Name of the layer.
        subject: `decomposition`, or the name of a design.
        outputs: Outputs that were compared.
        error: Their difference from the exact ones.
        events: Event counts that were compared with the engine's.
        differences: Events whose counts differ: (executed, counted by the engine).
        not_run: Why the layer does not run there, or None.
    """

    layer: str
    subject: str
    outputs: int = 0
    error: Deviation | None = None
    events: int = 0
    differences: Mapping[str, tuple[Any, Any]] = dataclasses.field(default_factory=dict)
    not_run: str | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing differs."""
        return (self.error is None or self.error.exact) and not self.differences


def random_tensors(layer: Layer, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return inputs and weights that use all bits: uniform, inputs unsigned, weights signed.

    >>> from red_timeloop import TransposedConv
    >>> inputs, weights = random_tensors(TransposedConv(2, 3, (4, 4), 3, input_bits=4))
    >>> inputs.shape, weights.shape, bool(inputs.max() < 16)
    ((1, 2, 4, 4), (2, 3, 3, 3), True)
    """
    random = np.random.default_rng(seed)
    top = 1 << min(layer.input_bits, 62)  # wider ones are refused when they are run
    inputs = random.integers(0, top, layer.input_shape)
    half = 1 << min(layer.weight_bits - 1, 62)
    return inputs, random.integers(-half, half, layer.weight_shape)


def differing(
    executed: Mapping[str, int], counted: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """Return the events that an engine sees and whose counts differ: (executed, counted)."""
    names = sorted((executed.keys() | counted.keys()) - set(UNSEEN))
    return {
        name: (executed.get(name), counted.get(name))
        for name in names
        if executed.get(name) != counted.get(name)
    }


def verify(
    workload: Workload,
    chosen: Sequence[str | Design] = (),
    hardware: Hardware | None = None,
    *,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[Check, ...]:
    """Check every layer of `workload` on random tensors.

    The decomposition's sub-convolutions and the execution on each design must give the integer
    (transposed) convolution bit for bit, and the executed events must be the engine's. Layers of
    the same geometry are checked once.

    Args:
        workload: What to check.
        chosen: Designs with crossbars, their names, or where they are; none: the four ReRAM ones.
        hardware: The parameter set; its converters are taken as exact ones. None: `isaac_32nm`.
        seed: Seed of the tensors.
        progress: Called with (checks done, checks in all, what comes next).

    Raises:
        InputError: A design is unknown or has no crossbars.
    """
    executed = [designs.find(design, code=True) for design in chosen or designs.names()]
    exact = (hardware or Hardware.load()).replace(adc_bits=None)
    run = engine("embedded").evaluate_specification
    layers = list({_geometry(entry.layer): entry.layer for entry in workload.layers}.values())
    total = len(layers) * (1 + len(executed))
    checks: list[Check] = []
    for layer in layers:
        name = layer.name or ""
        inputs, weights = random_tensors(layer, seed)

        def announce(text: str, name: str = name) -> None:
            if progress:
                progress(len(checks), total, f"{name}: {text}")

        announce("decomposition")
        outputs = decompose(layer).apply(inputs, weights)
        error = deviation(outputs, convolve(layer, inputs, weights))
        checks.append(Check(name, "decomposition", outputs.size, error))
        for design in executed:
            announce(design.name)
            try:
                plan = design.plan(layer, exact)
            except InputError as reason:
                checks.append(Check(name, design.name, not_run=str(reason)))
                continue
            trace = simulate(layer, design, inputs, weights, exact)
            counted = engine_events(plan, run)
            differences = differing(trace.counts, counted)
            checks.append(
                Check(
                    name,
                    design.name,
                    trace.outputs.size,
                    trace.error,
                    len(counted),
                    differences,
                )
            )
    if progress:
        progress(total, total, "")
    return tuple(checks)


def _geometry(layer: Layer) -> tuple[Any, ...]:
    names = [field.name for field in dataclasses.fields(layer) if field.name != "name"]
    return (layer.transposed, *(getattr(layer, name) for name in names))
