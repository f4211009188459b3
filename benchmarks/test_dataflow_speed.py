"""How long executions take, on one core (set OMP_NUM_THREADS=1 to keep NumPy to one).

Aims: FCN_Deconv2 (K16 s8, 70x70 pixels, 21 channels) at most 60 s, GAN_Deconv3 at full size at
most 20 s.
"""

from __future__ import annotations

from typing import Any

import pytest

from red_timeloop import designs, simulate
from red_timeloop.dataflow.verification import random_tensors
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
