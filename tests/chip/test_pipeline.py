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
from red_timeloop.chip.run import site_of
from red_timeloop.designs.evaluator import Evaluator
from red_timeloop.engines.base import engine
from red_timeloop.hardware import Hardware
from red_timeloop.workload import load_workload

pytest.importorskip("simpy")
_PATH = Path(__file__).with_name("events.py")
_SPEC = importlib.util.spec_from_file_location("events", _PATH)
assert _SPEC is not None
assert _SPEC.loader is not None
events = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(events)

CHIP = load_chip("isaac")
EVALUATOR = Evaluator(Hardware.load(), engine("embedded"))


def _site(workload: str, design: str) -> Site:
    return site_of(load_workload(workload), designs.choose([design])[0], EVALUATOR, CHIP)


def _played(workload: str, design: str) -> tuple[float, float]:
    """Return rate and latency of the closed form over those of the events."""
    site = _site(workload, design)
    found = schedule(site, Budget("chips", site.chips(CHIP.tiles_of(site.needed))))
    done = events.play(site.stages, found.copies, CHIP, images=5)
    assert found.flow.fill < found.flow.latency
    assert found.flow.drain < found.flow.latency
    return found.period / ((done[-1] - done[-3]) / 2), found.flow.latency / done[0]


# Networks of few rows: docs/chips.md says what the whole zoo gives.
@pytest.mark.parametrize("design", ["red", "zero_padding", "padding_free"])
@pytest.mark.parametrize("workload", ["3dgan", "dcgan", "dcgan_torch"])
def test_rate_and_latency_are_those_of_the_events(workload: str, design: str) -> None:
    period, latency = _played(workload, design)
    assert period == pytest.approx(1.0, rel=0.02)
    assert latency == pytest.approx(1.0, rel=0.02)


def test_small_stages_that_queue_for_a_port_are_where_they_part() -> None:
    period, latency = _played("discogan", "red")
    assert period == pytest.approx(1.0, rel=0.02)
    assert 0.9 < latency < 0.98


@pytest.mark.parametrize("design", ["red", "zero_padding"])
def test_rows_wait_for_the_lines_under_their_kernel(design: str) -> None:
    for stage in _site("discogan", design).stages:
        lines = stage.layer.input_size[0]
        tried = np.array([high for _, high in events._windows(stage, lines, lines)])
        mine = needed_rows(stage, None)
        # the formula allows for the tap 0, which the last line of some rows does not have
        assert np.all(mine >= np.maximum.accumulate(tried))
        assert np.all(mine - tried <= stage.layer.kernel_size[0] // stage.layer.stride[0])
