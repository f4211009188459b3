"""`red-timeloop reproduce`: the published figures beside the modelled ones."""

from __future__ import annotations

from pathlib import Path

import click

from red_timeloop.cli import options, results
from red_timeloop.cli.progress import progress_bar
from red_timeloop.files import make_folder, to_json
from red_timeloop.report.reproduction import page, print_reproduction
from red_timeloop.reproduction import reproduce

__all__ = ["command"]


@click.command(name="reproduce")
@options.format_("table", "json")
@options.output
def command(form: str, output: Path | None) -> None:
    """Compare what was published on RED with what the models say.

    Every figure is modelled with each parameter set, with sums merged digitally or in current, and
    with a fold of 1 or 2. With --output, reproduction.md and reproduction.json are written there.
    """
    if output is not None:
        make_folder(output)  # before the work of seconds
    with progress_bar() as progress:
        result = reproduce(lambda text: progress(0, 0, text))
    results.show(form, lambda: print_reproduction(result), result.as_dict)
    if output is not None:
        text = to_json(result.as_dict())
        results.write(output, {"reproduction.md": page(result), "reproduction.json": text})
