"""`red-timeloop reproduce`: the published figures beside the modelled ones."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import click

from red_timeloop.cli import options
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
    from red_timeloop.report.reproduction import page, print_reproduction
    from red_timeloop.reproduction import reproduce

    folder = make_folder(output) if output is not None else None
    result = reproduce(_progress())
    if form == "json":
        click.echo(json.dumps(result.as_dict(), indent=2))
    else:
        print_reproduction(result)
    if folder is not None:
        write_atomic(folder / "reproduction.md", page(result))
        text = json.dumps(result.as_dict(), indent=2) + "\n"
        write_atomic(folder / "reproduction.json", text)
        click.echo(f"Wrote reproduction.md and reproduction.json to {folder}", err=True)


def _progress() -> Callable[[str], None] | None:
    """Return what shows the work in progress, on a terminal."""
    if not sys.stderr.isatty():
        return None

    def show(text: str) -> None:
        click.echo(f"\r\x1b[K{text[:78]}", nl=False, err=True)

    click.get_current_context().call_on_close(lambda: click.echo("\r\x1b[K", nl=False, err=True))
    return show
