"""Writes a report: the page, the data beside it, and figures for a paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from red_timeloop.chip.result import ChipComparison
from red_timeloop.comparison import Comparison, compare
from red_timeloop.errors import InputError
from red_timeloop.files import make_folder, to_json, write_atomic
from red_timeloop.layer import Layer
from red_timeloop.workload import Workload

__all__ = ["report", "write_report"]


def report(
    found: Comparison | str | Path | Workload | Layer | Iterable[Layer],
    output: str | Path,
    *,
    figures: bool = False,
    chips: Sequence[ChipComparison] = (),
) -> Path:
    """Write the page of a comparison, or of `compare(workload)`, and return its path.

    Args:
        found: A comparison, or a workload as `compare` takes it; what a design cannot hold is
            listed on the page.
        output: Folder for `report.html` and its data; made if there is none.
        figures: Also write every chart as SVG, PDF and PNG.
        chips: Networks on whole chips to show below, as `on_chip` returns them.

    Raises:
        InputError: The workload cannot be used, nothing can be shown, or a file cannot be written.
    """
    if not isinstance(found, Comparison):
        found = compare(found, keep_going=True)
    return write_report([found], output, figures=figures, chips=chips)[0]


def write_report(
    comparisons: Sequence[Comparison],
    folder: str | Path,
    *,
    figures: bool = False,
    sweeps: Sequence[str | Path] = (),
    chips: Sequence[ChipComparison] = (),
) -> list[Path]:
    """Write `report.html` with `WORKLOAD.csv` and `WORKLOAD.json` beside it.

    Args:
        comparisons: What to show; each has results, and the workloads' names differ.
        folder: Where to write; made if there is none.
        figures: Also write every chart as SVG, PDF and PNG, sized for a paper in two columns.
        sweeps: Stores of design-space sweeps to show below.
        chips: Networks on whole chips to show below.

    Returns:
        The files' paths, the page first.

    Raises:
        InputError: There is nothing to show, two workloads have one name, or a file cannot be
            written.
        SweepError: A sweep's store cannot be read.
    """
    from red_timeloop.views.page import render
    from red_timeloop.views.sweep_section import load_sweeps

    names = [comparison.workload.name for comparison in comparisons]
    if not names or not all(comparison.results for comparison in comparisons):
        raise InputError("no results to report", key="report")
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"workload {name!r} stands twice", key="report", legal="names once")
    loaded = [each for store in sweeps for each in load_sweeps(store)]
    target = make_folder(folder)
    written: list[Path] = []
    drawn: dict[str, list[str]] = {}
    for comparison in comparisons:
        name = comparison.workload.name
        text = to_json(comparison.as_dict())
        written.append(write_atomic(target / f"{name}.json", text))
        written.append(write_atomic(target / f"{name}.csv", comparison.to_csv()))
        if figures:
            from red_timeloop.views.figures import write_figures

            paths = write_figures(comparison, target)
            drawn[name] = [path.name for path in paths]
            written += paths
    page = write_atomic(target / "report.html", render(comparisons, drawn, loaded, chips))
    return [page, *written]
