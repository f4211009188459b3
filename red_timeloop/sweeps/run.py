"""Running a sweep: look up what is stored, evaluate the rest, store it block by block."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from red_timeloop.dataflow.quality import workload_sqnr
from red_timeloop.designs import Design, find
from red_timeloop.hardware import Hardware
from red_timeloop.parallel import processes
from red_timeloop.sweeps.backends import Evaluate, workers
from red_timeloop.sweeps.chip_points import describe_chip
from red_timeloop.sweeps.content import (
    canonical,
    describe_context,
    describe_hardware,
    digest,
    point_keys,
)
from red_timeloop.sweeps.definition import TECHNOLOGY, Sweep, apply, load_sweep
from red_timeloop.sweeps.evaluation import Outcome, Task, varying_parameters
from red_timeloop.sweeps.rows import evaluation_columns, layer_columns
from red_timeloop.sweeps.space import Block
from red_timeloop.sweeps.store import Store

__all__ = ["Progress", "SweepResult", "sweep"]

# Called with (points done, points in all), stored ones included.
Progress = Callable[[int, int], None]

_BLOCK = 8192  # points of an evaluation: what is lost when the process is killed, and its memory
_WAVE = 4  # blocks a worker before all results are waited for
_CLUSTER = 16  # workers that a cluster is assumed to have


@dataclass(frozen=True)
class SweepResult:
    """What a run of a sweep did.

    Attributes:
        store: The store's file.
        name: Name of the sweep in it.
        points: Points of the sweep.
        evaluated: Points of which something was evaluated now.
        reused: Points that were there.
        failed: Evaluations (a point on a design) that ended in an error now.
    """

    store: Path
    name: str
    points: int
    evaluated: int
    reused: int
    failed: int


@dataclass(frozen=True)
class _Pending:
    """A task with what is needed to store it."""

    task: Task
    keys: list[bytes]
    context: int
    base: int


def sweep(
    definition: str | Path | Mapping[str, Any] | Sweep,
    output: str | Path,
    *,
    designs: Sequence[str | Design] = (),
    jobs: int = 1,
    address: str | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> SweepResult:
    """Run the points of a sweep that the store in `output` does not have.

    Args:
        definition: A sweep file (see `red_timeloop.sweeps.definition`), a mapping with the same
            keys, or a sweep.
        output: Folder of the store; made when it is not there. Sweeps may share it.
        designs: In place of those of the definition; see `load_sweep`.
        jobs: Processes on this machine; -1 for one a core.
        address: Address of a Dask scheduler to use in their place.
        retry_failed: Run points again that ended in an error.
        progress: Told how far it is.

    Raises:
        InputError: The sweep is not legal; raised before the first point.
        SweepError: The store cannot be used or a worker was lost; what is stored stays stored.
    """
    checked = definition if isinstance(definition, Sweep) else load_sweep(definition, designs)
    # A cluster may have more workers than a wave has blocks; a small one is kept busy.
    busy = _CLUSTER if address is not None else processes(jobs)
    counts = {"evaluated": 0, "reused": 0, "failed": 0}

    def report(pending: _Pending | None, reused: int) -> None:
        counts["evaluated"] += pending.task.block.count if pending else 0
        counts["reused"] += reused
        if progress:
            progress(min(counts["evaluated"] + counts["reused"], checked.size), checked.size)

    with Store.create(output) as store:
        identity = store.add_sweep(checked.name, {**checked.source, **_stated(checked)})
        numbers = {name: store.add_design(name) for name in checked.designs}
        waiting = _pending(checked, store, identity, numbers, retry_failed, report)
        with workers(jobs, address) as evaluate:
            while tasks := list(islice(waiting, 1 if busy == 1 else _WAVE * busy)):
                for pending, outcomes in _evaluated(evaluate, tasks):
                    store.add_points(
                        identity,
                        pending.context,
                        pending.base,
                        pending.keys,
                        _changes(pending.task.block),
                        evaluation_columns(outcomes, numbers, pending.task.layers),
                        layer_columns(outcomes, numbers),
                    )
                    counts["failed"] += sum(
                        error is not None for outcome in outcomes for error in outcome.errors
                    )
                    report(pending, 0)
        return SweepResult(store.file, checked.name, checked.size, **counts)


def _stated(checked: Sweep) -> dict[str, Any]:
    """Return what else makes a sweep what it is: its parameter sets, and how accurate they are.

    The file names the sets, which may change; the ratio that a set's own converters reach on a
    design is what its points are held to. None: no layer can be executed there.
    """
    chip = describe_chip(checked.chip)
    bases = {
        base.name: digest(canonical(describe_hardware(base) | chip)).hex() for base in checked.bases
    }
    if not checked.sqnr:
        return {"bases": bases}
    stated: dict[str, Any] = {}
    for workload in checked.workloads:
        layers = [entry.layer for entry in workload.layers]
        for base in checked.bases:
            for name, reference in checked.designs.items():
                ratio = workload_sqnr(layers, find(reference, code=True), base)
                stated.setdefault(workload.name, {}).setdefault(base.name, {})[name] = (
                    str(ratio) if ratio is not None and math.isinf(ratio) else ratio
                )
    return {"bases": bases, "stated_sqnr_dB": stated}


def _evaluated(
    evaluate: Evaluate, tasks: Sequence[_Pending]
) -> Iterator[tuple[_Pending, tuple[Outcome, ...]]]:
    for index, outcomes in evaluate([pending.task for pending in tasks]):
        yield tasks[index], outcomes


def _pending(
    checked: Sweep,
    store: Store,
    identity: int,
    designs: Mapping[str, int],
    retry_failed: bool,
    report: Callable[[None, int], None],
) -> Iterator[_Pending]:
    """Yield what is left to do; note the points that are there as this sweep's."""
    varying = varying_parameters(checked.engine, chip=checked.chip is not None)
    chip = describe_chip(checked.chip)
    chosen = [find(reference, code=True) for reference in checked.designs.values()]
    for workload in checked.workloads:
        content = describe_context(workload, checked.engine, checked.sqnr, chosen)
        context, context_key = store.add_context(workload.name, content)
        for base in checked.bases:
            base_id = store.add_base(base.name, describe_hardware(base) | chip)
            for block in checked.space.blocks(varying, _BLOCK):
                numbers = _numbers(base, block) | chip
                keys = point_keys(context_key, numbers, block.varied, block.count)
                known = store.known(keys, failed_too=not retry_failed)
                if known:
                    store.add_members(identity, [point for point, _ in known.values()])
                groups = _missing(keys, known, designs)
                done = block.count - sum(map(len, groups.values()))
                if done:
                    report(None, done)
                for missing, rows in groups.items():
                    task = Task(
                        layers=workload.layers,
                        designs=tuple(checked.designs[name] for name in missing),
                        engine=checked.engine,
                        base=base,
                        block=block.select(rows),
                        sqnr=checked.sqnr,
                        timeout=checked.timeout,
                        chip=checked.chip,
                    )
                    yield _Pending(task, [keys[row] for row in rows], context, base_id)


def _numbers(base: Hardware, block: Block) -> dict[str, Any]:
    """Return the parameter set of a block, whether or not its numbers go together."""
    values = dict(block.shared)
    node = {TECHNOLOGY: values.pop(TECHNOLOGY)} if TECHNOLOGY in values else {}
    return describe_hardware(apply(base, node)) | values


def _missing(
    keys: Sequence[bytes],
    known: Mapping[bytes, tuple[int, set[int]]],
    designs: Mapping[str, int],
) -> dict[tuple[str, ...], list[int]]:
    """Return the points of a block by the designs that they lack; equal points only once."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for key, row in {key: row for row, key in reversed(list(enumerate(keys)))}.items():
        evaluated = known[key][1] if key in known else set()
        missing = tuple(name for name, number in designs.items() if number not in evaluated)
        if missing:
            groups.setdefault(missing, []).append(row)
    return {missing: sorted(rows) for missing, rows in groups.items()}


def _changes(block: Block) -> list[str]:
    """Return what each point of a block changes in its base, as JSON."""
    shared = dict(block.shared)
    names = list(block.varied)
    columns = [values.tolist() for values in block.varied.values()]
    if not names:
        return [json.dumps(shared)] * block.count
    return [
        json.dumps(shared | dict(zip(names, row, strict=True)))
        for row in zip(*columns, strict=True)
    ]
