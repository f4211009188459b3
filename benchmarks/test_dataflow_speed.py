"""How long executions take, on one core (set OMP_NUM_THREADS=1 to keep NumPy to one).

Aims: DCGAN's generator at batch 16 at most 30 s at once, on two cores; FCN_Deconv2 (K16 s8, 70x70
pixels, 21 channels) at most 60 s, GAN_Deconv3 at full size at most 20 s.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from red_timeloop import designs, simulate
from red_timeloop.dataflow import execute
from red_timeloop.dataflow.direct import convolve
from red_timeloop.dataflow.verification import random_tensors
from red_timeloop.hardware import Hardware
from red_timeloop.workload import load_workload


@pytest.mark.parametrize("design", designs.names())
@pytest.mark.parametrize(("name", "seconds"), [("GAN_Deconv3", 20), ("FCN_Deconv2", 60)])
def test_execution(benchmark: Any, name: str, seconds: float, design: str) -> None:
    layer = load_workload(f"red_date2019:{name}").layers[0].layer
    tensors = random_tensors(layer)
    trace = benchmark.pedantic(simulate, (layer, design, *tensors), rounds=1)
    assert trace.error.exact
    if benchmark.stats is not None:
        assert benchmark.stats.stats.max <= seconds


@pytest.mark.parametrize("design", designs.names())
def test_a_generator_at_once(benchmark: Any, design: str) -> None:
    hardware = Hardware.load()
    layers = []
    for entry in load_workload("dcgan").layers:
        sizes = {each.name: getattr(entry.layer, each.name) for each in fields(entry.layer)}
        layers.append(type(entry.layer)(**{**sizes, "batch": 16}))
    tensors = [random_tensors(layer) for layer in layers]

    def generate() -> Any:
        pairs = zip(layers, tensors, strict=True)
        return [execute(layer, design, *pair, hardware).outputs for layer, pair in pairs]

    outputs = benchmark.pedantic(generate, rounds=1)
    assert (outputs[-1] == convolve(layers[-1], *tensors[-1])).all()
    if benchmark.stats is not None:
        assert benchmark.stats.stats.max <= 30
