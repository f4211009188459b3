"""What commands answer: printed as `--format` says, and written to the folder of `-o`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from red_timeloop.cli import options
from red_timeloop.cli.verbosity import say
from red_timeloop.files import folder_for, make_folder, to_csv, to_json, write_atomic

__all__ = ["Answer", "answering", "fields", "write"]


@dataclass(frozen=True)
class Answer:
    """What a command found, each form of it made when it is asked for.

    Attributes:
        table: Prints it for a reader.
        content: Returns what the JSON holds.
        rows: Returns the rows of the CSV, where the command offers one.
        names: Of the JSON file in the folder of `-o`, and of the CSV file if there is one.
        files: Returns what else is written there, by name.
        code: The exit code.
        unsaid: Returns sentences that the CSV has no place for, for standard error.
    """

    table: Callable[[], object]
    content: Callable[[], object]
    rows: Callable[[], Sequence[Mapping[str, Any]]] = tuple
    names: tuple[str, ...] = ()
    files: Callable[[], Mapping[str, str | bytes]] = dict
    code: int = 0
    unsaid: Callable[[], Sequence[str]] = tuple


def answering(*, csv: bool = False, folder: bool = False) -> Callable[[Callable[..., Answer]], Any]:
    """Add `--format` to a command that returns an `Answer`, with `csv` if there are rows.

    With `folder`, `-o` is added too.
    """
    forms = ("table", "json", "csv") if csv else ("table", "json")

    def add(function: Callable[..., Answer]) -> Any:
        @wraps(function)
        def command(*arguments: Any, form: str, **values: Any) -> int:
            output: Path | None = values.pop("output") if folder else None
            with nullcontext() if output is None else folder_for(output):  # before long work
                answer = function(*arguments, **values)
            texts: tuple[Callable[[], str], ...] = (
                lambda: to_json(answer.content()),
                lambda: to_csv(answer.rows()),
            )
            if form == "table":
                answer.table()
            else:
                click.echo(texts[form == "csv"](), nl=False)
            for sentence in answer.unsaid() if form == "csv" else ():
                say(sentence)
            if output is not None:
                own = {name: text() for name, text in zip(answer.names, texts, strict=False)}
                write(output, {**own, **answer.files()})
            return answer.code

        if folder:
            command = options.output()(command)
        return options.format_(*forms)(command)

    return add


def fields(of: object, *names: str) -> dict[str, Any]:
    """Return attributes by name, as JSON has them."""
    return {name: getattr(of, name) for name in names}


def write(folder: Path, texts: Mapping[str, str | bytes]) -> None:
    """Write files, by name, into a folder, and say so."""
    folder = make_folder(folder)
    for name, text in texts.items():
        make_folder((folder / name).parent)
        write_atomic(folder / name, text)
    *others, last = texts
    say(f"Wrote {', '.join(others)}{' and ' * bool(others)}{last} to {folder}")
