"""How much a command says on standard error: `--quiet` and `--verbose`, on every command."""

from __future__ import annotations

from dataclasses import dataclass

import click

__all__ = ["Verbosity", "add_options", "detail", "is_quiet", "say"]


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


def is_quiet() -> bool:
    """Whether the command that runs was asked to be quiet."""
    return _current().quiet


def say(message: str) -> None:
    """Write a message to standard error, unless asked to be quiet."""
    if not is_quiet():
        click.echo(message, err=True)


def detail(message: str) -> None:
    """Write a message to standard error if asked to be verbose."""
    if _current().verbose:
        click.echo(message, err=True)


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
