"""`red-timeloop reproduce`: the published figures beside the modelled ones."""

from __future__ import annotations

from pathlib import Path

import click

from red_timeloop.cli import options, results
from red_timeloop.cli.progress import progress_bar
from red_timeloop.files import make_folder, to_json
from red_timeloop.reproduction import reproduce
from red_timeloop.views.reproduction import PICTURE, page, print_reproduction

__all__ = ["command"]


@click.command(name="reproduce")
@options.format_("table", "json")
@options.output
def command(form: str, output: Path | None) -> None:
    """Compare what was published on RED with what the models say.

    Every figure is modelled with isaac_32nm and with red_paper, the circuits inferred from RED's
    figures, against zero padding, padding free and a CMOS array; and with variants of both against
    zero padding. With --output, reproduction.md, its picture and reproduction.json are written
    there.
    """
    if output is not None:
        make_folder(output)  # before the work of a minute
    with progress_bar() as progress:
        result = reproduce(lambda text: progress(0, 0, text))
    results.show(form, lambda: print_reproduction(result), result.as_dict)
    if output is not None:
        from red_timeloop.views.reproduction_figure import reproduction_figure

        drawn = PICTURE, PICTURE.replace(".svg", ".pdf")
        files: dict[str, str | bytes] = {
            "reproduction.md": page(result),
            **{name: reproduction_figure(result, name.rpartition(".")[2]) for name in drawn},
            "reproduction.json": to_json(result.as_dict()),
        }
        results.write(output, files)
