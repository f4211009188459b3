"""Shows a command's result as it was asked for, and writes it to the files of `-o`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import click

from red_timeloop.cli.verbosity import say
from red_timeloop.files import make_folder, to_json, write_atomic

__all__ = ["show", "write"]


def show(
    form: str,
    table: Callable[[], None],
    content: Callable[[], object],
    rows: Callable[[], str] | None = None,
) -> None:
    """Print a result in the form that `--format` names.

    Args:
        form: `table`, `json` or `csv`.
        table: Prints the result for a reader.
        content: Returns what the JSON holds.
        rows: Returns the CSV, where the command offers one.
    """
    if form == "json":
        click.echo(to_json(content()), nl=False)
    elif form == "csv" and rows is not None:
        click.echo(rows(), nl=False)
    else:
        table()


def write(folder: Path | None, texts: Mapping[str, str | bytes]) -> None:
    """Write files, by name, into the folder of `-o` if one was given."""
    if folder is None:
        return
    folder = make_folder(folder)
    for name, text in texts.items():
        write_atomic(folder / name, text)
    *others, last = texts
    say(f"Wrote {', '.join(others)}{' and ' * bool(others)}{last} to {folder}")
