"""`red-timeloop reproduce`: the published figures beside the modelled ones."""

from __future__ import annotations

import click

from red_timeloop.cli.results import Answer, answering
from red_timeloop.cli.verbosity import progress_bar
from red_timeloop.reproduction import Reproduction, reproduce
from red_timeloop.reproduction.page import INTRODUCTION, blocks, page
from red_timeloop.views.tables import plain, table

__all__ = ["command"]

_PICTURES = ("svg", "pdf")


@click.command(name="reproduce")
@answering(folder=True)
def command() -> Answer:
    """Compare what was published on RED with what the models say.

    Every figure is modelled with isaac_32nm and with red_paper, the circuits inferred from RED's
    figures, against zero padding, padding free and a CMOS array; and with variants of both against
    zero padding. With --output, reproduction.md, its picture and reproduction.json are written
    there.
    """
    with progress_bar() as progress:
        result = reproduce(lambda text: progress(0, 0, text))

    def files() -> dict[str, str | bytes]:
        from red_timeloop.views.reproduction_figure import reproduction_figure

        drawn = {f"reproduction.{form}": reproduction_figure(result, form) for form in _PICTURES}
        return {"reproduction.md": page(result), **drawn}

    return Answer(
        lambda: _print(result),
        result.as_dict,
        names=("reproduction.json",),
        files=files,
    )


def _print(result: Reproduction) -> None:
    console = plain()
    console.print(INTRODUCTION)
    for block in blocks(result):
        console.print(f"\n{block.heading}", style="bold")
        if block.text:
            console.print(block.text)
        if block.rows:
            console.print(table(block.headings, block.rows, block.headings))
