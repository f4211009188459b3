"""What a command says on standard error, and how much: `--quiet` and `--verbose` on every one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from red_timeloop.comparison import Progress

__all__ = ["Verbosity", "add_options", "detail", "progress_bar", "say"]


@dataclass
class Verbosity:
    """What the options of one run ask for; the run's click context holds it."""

    quiet: bool = False
    verbose: bool = False


def add_options(command: click.Command) -> click.Command:
    """Give `command` the options `--quiet` and `--verbose`, once."""
    if any(parameter.name == "quiet" for parameter in command.params):
        return command
    for name, words in (
        ("quiet", "No progress and no messages; errors are still shown."),
        ("verbose", "Say more: what was chosen, how long it took, and an error's traceback."),
    ):
        command.params.append(
            click.Option(
                [f"--{name}"], is_flag=True, expose_value=False, callback=_remember, help=words
            )
        )
    return command


def say(message: str) -> None:
    """Write a message to standard error, unless asked to be quiet."""
    if not _current().quiet:
        click.echo(message, err=True)


def detail(message: str) -> None:
    """Write a message to standard error if asked to be verbose."""
    if _current().verbose:
        click.echo(message, err=True)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Show a bar while the block runs; nothing with `--quiet` or where nobody watches.

    A total of 0 stands for one that is not known.
    """
    if _current().quiet or not sys.stderr.isatty():
        yield lambda done, total, text: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    text = TextColumn("{task.description}")
    shown = Console(stderr=True)
    # drawn where something is done, not by a thread, with which no process could be forked
    with Bar(*columns, text, console=shown, transient=True, auto_refresh=False) as bar:
        task = bar.add_task("", total=None)

        def update(done: int, total: int, text: str) -> None:
            bar.update(task, completed=done, total=total or None, description=text, refresh=True)

        yield update


def _current() -> Verbosity:
    context = click.get_current_context(silent=True)
    found = context.find_object(Verbosity) if context is not None else None
    return found or Verbosity()


def _remember(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    found = context.find_object(Verbosity)
    if value and found is not None:
        setattr(found, str(parameter.name), True)
        if found.quiet and found.verbose:
            raise click.UsageError("--quiet and --verbose exclude each other", context)
