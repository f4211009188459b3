"""`red-timeloop pareto`: the points of a sweep that no other point beats."""

from __future__ import annotations

from pathlib import Path

import click

from red_timeloop.cli import _sweep_options, options
from red_timeloop.cli.verbosity import say
from red_timeloop.files import make_folder, write_atomic

__all__ = ["command"]


@click.command(name="pareto")
@_sweep_options.store
@options.design
@_sweep_options.objective
@options.format_("table", "json", "csv")
@options.output
def command(
    folder: Path,
    name: str | None,
    conditions: tuple[str, ...],
    designs: tuple[str, ...],
    objectives: tuple[str, ...],
    form: str,
    output: Path | None,
) -> None:
    """Show the Pareto front of the sweep in DIR, over all designs.

    With -o it is also written as pareto.csv, pareto.json and, with two objectives, as a figure.
    """
    from red_timeloop.report.sweep_figure import pareto_figure
    from red_timeloop.report.sweep_table import print_results, to_csv, to_json
    from red_timeloop.sweeps.analysis import pareto

    results = _sweep_options.feasible(folder, name, designs, conditions)
    chosen = _sweep_options.chosen(objectives, results)
    front = pareto(results, chosen)
    rows = [front.row(index) for index in range(len(front))]
    content = {"schema": 1, "objectives": [str(o) for o in chosen], "front": rows}
    if form == "json":
        click.echo(to_json(content))
    elif form == "csv":
        click.echo(to_csv(rows), nl=False)
    else:
        click.echo(f"{len(front):,} of {len(results):,} feasible evaluations: {_words(chosen)}\n")
        print_results(front, [objective.measure for objective in chosen])
    if output is not None:
        target = make_folder(output)
        write_atomic(target / "pareto.json", to_json(content) + "\n")
        write_atomic(target / "pareto.csv", to_csv(rows))
        if len(chosen) == 2:
            for workload in dict.fromkeys(results.words["workload"].tolist()):
                mine = results.select(results.words["workload"] == workload)
                figure = pareto_figure(mine, (chosen[0], chosen[1]))
                write_atomic(target / f"pareto_{workload}.svg", figure)
        say(f"Wrote the front to {target}")


def _words(objectives: tuple[object, ...]) -> str:
    return ", ".join(map(str, objectives))
