"""`red-timeloop check`: confirm the certificate of a search."""

from __future__ import annotations

import json
from pathlib import Path

import click

from red_timeloop.cli.results import Answer, answering
from red_timeloop.errors import InputError
from red_timeloop.mapper.check import check

__all__ = ["command"]


@click.command(name="check")
@click.argument("file", metavar="SEARCH.json", type=click.Path(path_type=Path))
@answering()
def command(file: Path) -> Answer:
    """Derive anew what a search.json claims of its mapping.

    The mapping is evaluated, the parts of the space are listed, and a better mapping is looked for
    in each. The exit code is 1 when something does not follow.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read: {error.strerror}", file=file) from error
    except ValueError as error:
        raise InputError(f"no JSON: {error}", file=file) from error
    try:
        found = check(content if isinstance(content, dict) else {})
    except InputError as error:
        reason = str(InputError(error.message, key=error.key, legal=error.legal))
        return Answer(
            lambda: click.echo(f"refused: {reason}"),
            lambda: {"schema": 1, "confirmed": False, "reason": reason},
            code=1,
        )
    what = "optimal" if found.optimal else f"no mapping is better than {found.bound:.6g}"
    return Answer(
        lambda: click.echo(f"confirmed: {found.value:.6g}, {what}; {found.parts:,} claims checked"),
        lambda: {"schema": 1, "confirmed": True, **vars(found)},
    )
