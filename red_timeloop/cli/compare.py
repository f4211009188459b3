"""`red-timeloop compare`: a workload on several designs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from red_timeloop.cli import options, results
from red_timeloop.cli._comparing import compared, comparing
from red_timeloop.cli.verbosity import detail
from red_timeloop.comparison import Comparison
from red_timeloop.files import to_json
from red_timeloop.zoo import zoo_as_csv, zoo_as_dict

__all__ = ["command"]


@click.command(name="compare")
@options.workload(optional=True)
@comparing
@options.format_("table", "json", "csv")
@options.output
def command(workload: str | None, form: str, output: Path | None, **choice: Any) -> None:
    """Compare designs on the layers of a workload.

    WORKLOAD is a name that `red-timeloop list` shows, or a YAML, ONNX or Keras file; the six layers
    of the RED benchmark when left out.
    """
    comparisons = compared([workload] if workload else [], **choice)
    if choice["everything"]:
        _show_all(comparisons, form, output)
        return
    (comparison,) = comparisons
    detail(f"{comparison.engine} engine, {len(comparison.results)} evaluations.")

    def table() -> None:
        from red_timeloop.views.table import print_comparison  # not to be loaded for JSON

        print_comparison(comparison)

    results.show(form, table, comparison.as_dict, comparison.to_csv)
    if output is not None:
        content, rows = to_json(comparison.as_dict()), comparison.to_csv()
        results.write(output, {"comparison.json": content, "comparison.csv": rows})


def _show_all(comparisons: Sequence[Comparison], form: str, output: Path | None) -> None:
    def table() -> None:
        from red_timeloop.views.zoo_table import print_zoo  # not to be loaded for JSON

        print_zoo(comparisons)

    results.show(form, table, lambda: zoo_as_dict(comparisons), lambda: zoo_as_csv(comparisons))
    if output is not None:
        content, rows = to_json(zoo_as_dict(comparisons)), zoo_as_csv(comparisons)
        results.write(output, {"zoo.json": content, "zoo.csv": rows})
