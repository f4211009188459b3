"""The command group: finds each command's module only when it is asked for."""

from __future__ import annotations

import ast
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import click

from red_timeloop import __version__
from red_timeloop.cli import end_at_once
from red_timeloop.cli.verbosity import Verbosity, add_options
from red_timeloop.errors import InputError, WorkerError, meant

__all__ = ["cli", "main"]

# what one wants to do, and names of the commands that do it
_GROUPS = {
    "Compare designs": ("compare", "chip", "run", "report"),
    "See how a layer runs": ("list", "decompose", "draw", "simulate", "verify"),
    "Search and sweep": ("map", "check", "sweep", "pareto", "best", "sensitivity"),
    "Work with other files and tools": (
        *("import", "model", "export", "problem"),
        *("tables", "components", "doctor"),
    ),
    "Check against the papers": ("reproduce",),
}
_COMMANDS = tuple(name for group in _GROUPS.values() for name in group)
# Where a command is no function `command` in a module of its name in red_timeloop.cli.
_PLACES = {
    **{name: (f"{name}_", "command") for name in ("list", "map", "import")},
    **{name: ("points", name) for name in ("pareto", "best", "sensitivity")},
}


class _LazyGroup(click.Group):
    """A group that imports a command's module when the command runs or shows its help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            ctx.fail(f"No such command {cmd_name!r}{meant(cmd_name, _COMMANDS)}")
        module, function = _PLACES.get(cmd_name, (cmd_name, "command"))
        command = getattr(import_module(f"red_timeloop.cli.{module}"), function)
        if signal.getsignal(signal.SIGINT) is end_at_once:
            signal.signal(signal.SIGINT, signal.default_int_handler)  # from here on there is work
        assert isinstance(command, click.Command)
        return add_options(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with what their docstrings say, none of them imported."""
        limit = formatter.width - 6 - max(map(len, _COMMANDS))
        for title, commands in _GROUPS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [
                        (name, click.Command(name, help=_help(name)).get_short_help_str(limit))
                        for name in commands
                    ]
                )


def _help(name: str) -> str | None:
    module, function = _PLACES.get(name, (name, "command"))
    tree = ast.parse(Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8"))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    return next(ast.get_docstring(node) for node in functions if node.name == function)


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 the answer is no, 2 the input cannot be used, 130 interrupted.",
)
@click.version_option(__version__, prog_name="red-timeloop")
def cli() -> None:
    """Model deconvolution on RED and its rivals, with Timeloop's semantics."""


add_options(cli)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; bad input ends with one message and exit code 2."""
    verbosity = Verbosity()
    started = time.monotonic()
    try:
        with _ending_what_runs():
            code = cli.main(
                args=arguments, prog_name="red-timeloop", standalone_mode=False, obj=verbosity
            )
    except (InputError, WorkerError, OSError) as error:
        if verbosity.verbose:
            traceback.print_exc()
        what: object = error
        if isinstance(error, OSError):  # which no command can help: the disk of the output is full
            what = f"{error.filename or 'the output'}: {error.strerror or error}"
        click.echo(f"Error: {what}", err=True)
        sys.exit(1 if isinstance(error, WorkerError) else 2)
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        if hasattr(signal, "pthread_sigmask"):
            # An interrupt in code made from text (a dataclass's) lets Python end by the signal.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    if verbosity.verbose:
        click.echo(f"Took {time.monotonic() - started:.2f} s.", err=True)
    sys.exit(code if isinstance(code, int) else 0)


@contextmanager
def _ending_what_runs() -> Iterator[None]:
    """Let SIGTERM end the command as an exception does, so that a Timeloop that runs ends too."""

    def end(*_: object) -> None:
        sys.exit(128 + signal.SIGTERM)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    main()
