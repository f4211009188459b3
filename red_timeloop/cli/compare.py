"""`red-timeloop compare`: a workload on several designs."""

from __future__ import annotations

from typing import Any

import click

from red_timeloop.cli import options
from red_timeloop.cli._comparing import compared, comparing
from red_timeloop.cli.results import Answer, answering
from red_timeloop.cli.verbosity import detail
from red_timeloop.zoo import zoo_as_dict

__all__ = ["command"]


@click.command(name="compare")
@options.workload(optional=True)
@comparing
@answering(csv=True, folder=True)
def command(workload: str | None, **choice: Any) -> Answer:
    """Compare designs on the layers of a workload.

    WORKLOAD is a name that `red-timeloop list` shows, or a YAML, ONNX or Keras file; the six layers
    of the RED benchmark when left out.
    """
    from red_timeloop.views import comparison_table as tables

    comparisons = compared([workload] if workload else [], **choice)
    if choice["everything"]:
        return Answer(
            lambda: tables.print_zoo(comparisons),
            lambda: zoo_as_dict(comparisons),
            lambda: [row for comparison in comparisons for row in comparison.rows()],
            ("zoo.json", "zoo.csv"),
        )
    (comparison,) = comparisons
    detail(f"{comparison.engine} engine, {len(comparison.results)} evaluations.")
    return Answer(
        lambda: tables.print_comparison(comparison),
        comparison.as_dict,
        comparison.rows,
        ("comparison.json", "comparison.csv"),
    )
