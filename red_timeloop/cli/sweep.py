"""`red-timeloop sweep`: run the points of a sweep file that are not stored yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from red_timeloop.cli import options
from red_timeloop.cli.results import Answer, answering
from red_timeloop.cli.verbosity import progress_bar
from red_timeloop.sweeps import Store, SweepError, load_sweep, sweep
from red_timeloop.sweeps.run import SweepResult

__all__ = ["command"]

_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


@click.command(name="sweep")
@click.argument("file", metavar="SWEEP.yaml", type=options.PATH)
@options.output("Folder of the store; sweeps may share it.", required=True)
@options.jobs(
    default=-1, show_default=False, help="Processes that evaluate.  [default: one a core]"
)
@click.option(
    "--address",
    metavar="ADDRESS",
    help="Evaluate on the workers of this Dask scheduler, e.g. tcp://host:8786.",
)
@options.design()
@click.option("--retry-failed", is_flag=True, help="Run points again that ended in an error.")
@answering()
def command(file: Path, output: Path, designs: tuple[str, ...], **choice: Any) -> Answer:
    """Run a design-space sweep; stop it at any time and run it again to go on.

    Points that the store has are not run again. Look at the results with `red-timeloop pareto`,
    `best` and `sensitivity`.
    """
    checked = load_sweep(file, designs)
    try:
        with progress_bar() as progress:
            result = sweep(
                checked,
                output,
                progress=lambda done, total: progress(done, total, checked.name),
                **choice,
            )
    except SweepError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo("Interrupted; what was stored stays. Run the same command to go on.", err=True)
        raise click.exceptions.Exit(_INTERRUPTED) from None
    return Answer(
        lambda: _print(result, output),
        lambda: {"schema": 1, **vars(result), "store": str(result.store)},
    )


def _print(result: SweepResult, output: Path) -> None:
    click.echo(
        f"{result.name}: {result.points:,} points, {result.evaluated:,} evaluated now,"
        f" {result.reused:,} there before. Store: {result.store}"
    )
    if result.failed:
        with Store.read(output) as store:
            reasons = store.failures(most=5)
        click.echo(f"{result.failed:,} evaluations failed; the store has the reasons:")
        for reason, count in reasons:
            click.echo(f"  {count:,} x {reason}")
