"""The pipeline's closed form against one that is played event by event."""

from __future__ import annotations

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
from chip import events

CHIP = load_chip("isaac")
EVALUATOR = Evaluator(Hardware.load(), engine("embedded"))


def _site(workload: str, design: str) -> Site:
    return site_of(load_workload(workload), designs.choose([design])[0], EVALUATOR, CHIP)


def _played(workload: str, design: str) -> tuple[float, float]:
    """Return rate and latency of the closed form over those of the events."""
    site = _site(workload, design)
    found = schedule(site, Budget("chips", site.chips(CHIP.tiles_of(site.needed))))
    wires = site.mesh_times(found.placements[0])
    done = events.play(site.stages, found.copies, CHIP, 5, found.flow.buffers, wires)
    assert found.flow.fill < found.flow.latency
    assert found.flow.drain < found.flow.latency
    return found.period / ((done[-1] - done[-3]) / 2), found.flow.latency / done[0]


# Networks of few rows: docs/chips.md says what the whole zoo gives.
@pytest.mark.parametrize("design", ["red", "zero_padding", "padding_free"])
@pytest.mark.parametrize("workload", ["3dgan", "dcgan", "discogan", "vae_mnist"])
def test_rate_and_latency_are_those_of_the_events(workload: str, design: str) -> None:
    period, latency = _played(workload, design)
    assert period == pytest.approx(1.0, rel=1e-9)
    assert latency == pytest.approx(1.0, rel=1e-9)


def test_line_buffers_a_row_smaller_hold_the_images_up() -> None:
    site = _site("vae_mnist", "red")
    found = schedule(site, Budget("chips", 1))
    wires, buffers = site.mesh_times(found.placements[0]), found.flow.buffers
    slower = []
    for index, rows in list(enumerate(buffers))[1:]:  # the host waits if it has to
        low, high = _needs(site)[index]
        if rows > max(high - low) + 1:  # else no row could begin
            less = [*buffers[:index], rows - 1, *buffers[index + 1 :]]
            done = events.play(site.stages, found.copies, CHIP, 9, less, wires)
            slower.append((done[-1] - done[-3]) / 2 / found.period)
    assert len(slower) > 3
    assert min(slower) > 1.02


def _needs(site: Site) -> list:
    chain = [stage for stage in site.stages for _ in range(stage.repeat)]
    return [needed_rows(s, b) for s, b in zip(chain, [None, *chain], strict=False)]


@pytest.mark.parametrize("design", ["red", "zero_padding"])
def test_rows_wait_for_the_lines_under_their_kernel(design: str) -> None:
    for stage in _site("discogan", design).stages:
        lines = stage.layer.input_size[0]
        low, high = needed_rows(stage, None)
        tried = np.array(events._windows(stage, lines, lines))
        assert np.array_equal(high, np.maximum.accumulate(tried[:, 1]))
        assert np.all(low <= tried[:, 0])  # what a later row needs is kept
