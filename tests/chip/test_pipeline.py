"""The pipeline's closed form against one that is played event by event."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from red_timeloop import designs
from red_timeloop.chip.budget import Budget, Site
from red_timeloop.chip.chips import load_chip
from red_timeloop.chip.network import schedule
from red_timeloop.chip.pipeline import needed_rows
from red_timeloop.chip.stage import stage_of
from red_timeloop.comparison import compare

pytest.importorskip("simpy")
_PATH = Path(__file__).with_name("events.py")
_SPEC = importlib.util.spec_from_file_location("events", _PATH)
assert _SPEC is not None
assert _SPEC.loader is not None
events = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(events)

CHIP = load_chip("isaac")


def _site(workload: str, design: str) -> Site:
    found = compare(workload, designs.choose([design]), "embedded")
    return Site(CHIP, tuple(stage_of(result, CHIP) for result in found.results))


# Networks whose rows are few: the whole zoo is played by hand (docs/chips.md).
@pytest.mark.parametrize("design", ["red", "zero_padding"])
@pytest.mark.parametrize("workload", ["discogan", "3dgan", "vae_mnist"])
def test_rate_and_latency_are_those_of_the_events(workload: str, design: str) -> None:
    site = _site(workload, design)
    found = schedule(site, Budget("chips", 1))
    done = events.play(site.stages, found.copies, CHIP, images=5)
    assert found.flow.latency == pytest.approx(done[0], rel=0.02, abs=0)
    assert found.period == pytest.approx((done[-1] - done[-3]) / 2, rel=0.02, abs=0)
    assert found.flow.fill < found.flow.latency
    assert found.flow.drain < found.flow.latency


@pytest.mark.parametrize("design", ["red", "zero_padding"])
def test_rows_wait_for_the_lines_under_their_kernel(design: str) -> None:
    for stage in _site("discogan", design).stages:
        lines = stage.layer.input_size[0]
        tried = np.array([high for _, high in events._windows(stage, lines, lines)])
        mine = needed_rows(stage, None)
        # the formula allows for the tap 0, which the last line of some rows does not have
        assert np.all(mine >= np.maximum.accumulate(tried))
        assert np.all(mine - tried <= stage.layer.kernel_size[0] // stage.layer.stride[0])
