"""`red-timeloop reproduce`: the published figures beside the modelled ones."""

from __future__ import annotations

import json
from pathlib import Path

import click

from red_timeloop.cli import options
from red_timeloop.cli.verbosity import say
from red_timeloop.files import make_folder, write_atomic

__all__ = ["command"]


@click.command(name="reproduce")
@options.format_("table", "json")
@options.output
def command(form: str, output: Path | None) -> None:
    """Compare what was published on RED with what the models say.

    Every figure is modelled with each parameter set, with sums merged digitally or in current, and
    with a fold of 1 or 2. With --output, reproduction.md and reproduction.json are written there.
    """
    from red_timeloop.cli.progress import progress_bar
    from red_timeloop.report.reproduction import page, print_reproduction
    from red_timeloop.reproduction import reproduce

    folder = make_folder(output) if output is not None else None
    with progress_bar() as progress:
        result = reproduce(lambda text: progress(0, 0, text))
    if form == "json":
        click.echo(json.dumps(result.as_dict(), indent=2))
    else:
        print_reproduction(result)
    if folder is not None:
        write_atomic(folder / "reproduction.md", page(result))
        text = json.dumps(result.as_dict(), indent=2) + "\n"
        write_atomic(folder / "reproduction.json", text)
        say(f"Wrote reproduction.md and reproduction.json to {folder}")
