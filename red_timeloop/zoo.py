"""Every shipped workload on the designs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from red_timeloop import designs as known
from red_timeloop.comparison import (
    Comparison,
    Progress,
    by_layers,
    compare_on,
    layers_and_designs,
)
from red_timeloop.designs import Design
from red_timeloop.designs.evaluator import Evaluator
from red_timeloop.engines.base import engine as get_engine
from red_timeloop.hardware import Hardware
from red_timeloop.workload import Workload, load_workload, workload_names

__all__ = ["compare_zoo", "zoo_as_dict"]


def compare_zoo(
    designs: Iterable[str | Design] | None = None,
    engine: str = "embedded",
    *,
    hardware: Hardware,
    progress: Progress | None = None,
    iso_area: bool = False,
    crossbars: int | None = None,
    jobs: int = 1,
) -> tuple[Comparison, ...]:
    """Compare the designs on every shipped workload; what a design cannot hold is recorded.

    Args:
        designs: As in `red_timeloop.compare`.
        engine: As in `red_timeloop.compare`.
        hardware: The parameter set that all designs share.
        progress: Told what comes next: layers done, layers in all, "layer of workload".
        iso_area: As in `red_timeloop.compare`; so is `crossbars`.
        crossbars: Crossbars that mapped ReRAM designs may use.
        jobs: Processes that evaluate the layers, -1 for one a core.

    Raises:
        InputError: A design or engine does not exist.
    """
    zoo = [load_workload(name) for name in workload_names()]
    total = sum(len(workload.layers) for workload in zoo)
    counting = get_engine(engine)
    evaluator = Evaluator(hardware, counting, iso_area=iso_area, crossbars=crossbars)
    chosen = known.choose(designs)
    evaluator.prepare(*layers_and_designs(zoo, chosen), jobs, by_layers(progress))
    return tuple(_run(zoo, chosen, evaluator, progress, total))


def _run(
    zoo: list[Workload],
    designs: Sequence[Design],
    evaluator: Evaluator,
    progress: Progress | None,
    total: int,
) -> Iterator[Comparison]:
    before = 0
    for workload in zoo:

        def report(
            done: int, tasks: int, text: str, workload: Workload = workload, before: int = before
        ) -> None:
            if progress:
                layers = done * len(workload.layers) // tasks
                progress(before + layers, total, f"{workload.name}: {text}" if text else "")

        yield compare_on(workload, designs, evaluator, progress=report, keep_going=True)
        before += len(workload.layers)


def zoo_as_dict(comparisons: Iterable[Comparison]) -> dict[str, Any]:
    """Return the comparisons in the keys of the JSON output (schema 1), one a workload."""
    return {"schema": 1, "comparisons": [comparison.as_dict() for comparison in comparisons]}
