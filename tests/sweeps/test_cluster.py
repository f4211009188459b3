"""The same sweep on a local cluster of two Dask workers."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from red_timeloop.errors import InputError
from red_timeloop.sweeps import SweepError, backends, sweep

distributed = pytest.importorskip("distributed")

DEFINITION = {
    "layers": ["GAN_Deconv3"],
    "designs": ["red", "zero_padding"],
    "parameters": {
        "rows": [64, 128],
        "columns": [3, 64, 128],
        "adc_rate_hz": {"from": 1e8, "to": 1e9, "steps": 50},
    },
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as cluster:
        yield cluster


def everything(folder: Path) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(folder / "sweep.sqlite")
    found = connection.execute(
        "SELECT hex(p.key), d.name, e.error, e.energy_J, e.latency_s FROM evaluations e"
        " JOIN points p ON p.id = e.point JOIN designs d ON d.id = e.design ORDER BY 1, 2"
    ).fetchall()
    connection.close()
    return found


def test_a_cluster_gives_what_one_process_gives(cluster: Any, tmp_path: Path) -> None:
    address = cluster.scheduler_address
    here, there = tmp_path / "here", tmp_path / "there"
    assert sweep(DEFINITION, here).evaluated == 300
    result = sweep(DEFINITION, there, address=address)
    assert (result.evaluated, result.failed) == (300, 200)
    assert everything(here) == everything(there)
    assert sweep(DEFINITION, there, address=address).evaluated == 0
    with backends.workers(address=address), pytest.raises(ValueError, match="No clients"):
        distributed.default_client()
    with distributed.Client(address) as client:
        assert sorted(backends._spread(client, abs, [-5, -5])) == [(0, 5), (1, 5)]  # equal tasks
    with distributed.Client(address) as client:
        busy = client.run(lambda dask_worker: dask_worker.state.executed_count)
    assert len(busy) == 2
    assert all(count > 0 for count in busy.values())


def test_a_lost_worker_costs_nothing(cluster: Any, tmp_path: Path) -> None:
    """Dask starts another and runs its points again."""
    killed: list[int] = []

    def kill_one(done: int, total: int) -> None:
        if done and not killed:
            pid = next(iter(cluster.workers.values())).pid
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)

    many = {**DEFINITION, "designs": ["zero_padding"]}
    many["parameters"] = {"rows": {"from": 16, "to": 23, "steps": 8}}
    result = sweep(many, tmp_path, address=cluster.scheduler_address, progress=kill_one)
    assert killed
    assert (result.evaluated, result.failed) == (8, 0)


def test_workers_with_other_models_are_refused(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "model_version", lambda: {"package": "0.0.1", "models": "x"})
    with pytest.raises(SweepError, match=r"other models .* than this .*0\.0\.1"):
        sweep(DEFINITION, tmp_path, address=cluster.scheduler_address)


def test_a_single_worker_is_used_and_a_lost_scheduler_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "_CONNECT_SECONDS", 1)
    few = {
        "layers": ["GAN_Deconv3"],
        "designs": ["zero_padding"],
        "parameters": {"rows": [64, 128]},
    }
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        dashboard_address=None,
        silence_logs=50,
    ) as cluster:
        address = cluster.scheduler_address
        assert sweep(few, tmp_path, address=address).evaluated == 2
        assert cluster.workers[0].state.executed_count == 2

        def close(done: int, total: int) -> None:
            cluster.close()

        more = {**few, "parameters": {"rows": [16, 32, 48]}}
        with pytest.raises(SweepError, match=f"{address}: the scheduler is gone; points that came"):
            sweep(more, tmp_path, address=address, progress=close)


def test_points_that_end_their_workers_are_given_up(
    cluster: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    monkeypatch.setattr(backends, "_evaluate_alike", lambda version, task: os._exit(1))
    with pytest.raises(SweepError, match="a worker was lost several times with the same points"):
        sweep(DEFINITION, tmp_path, address=cluster.scheduler_address)


def test_no_scheduler_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_CONNECT_SECONDS", 1)
    with pytest.raises(SweepError, match="no Dask scheduler answers there"):
        sweep(DEFINITION, tmp_path, address="tcp://127.0.0.1:1")
    for address in ("nonsense://x", "", "tcp://host:port"):
        with pytest.raises(InputError, match=r"address: got '.*' \(legal: host and port"):
            sweep(DEFINITION, tmp_path, address=address)
