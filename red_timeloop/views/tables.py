"""Tables in a terminal: words at the left of their columns, numbers at the right."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

__all__ = ["Cell", "plain", "table", "texts"]

Cell = tuple[str, float | None]  # what is written, and by what number it is sorted

_WIDTH = 200  # of a pipe or file, which has none of its own


def plain(console: Console | None = None, *, stderr: bool = False) -> Console:
    """Return a console that prints text as it is, as `console` or standard output would."""
    console = console or Console(stderr=stderr)
    width = None if console.is_terminal else _WIDTH
    return Console(file=console.file, width=width, markup=False, highlight=False, soft_wrap=True)


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    words: Collection[str] = ("design",),
    *,
    widths: Sequence[int] = (),
    gap: int = 2,
) -> Table:
    """Return a table of text.

    Args:
        heads: Titles of the columns.
        rows: Texts, one for each title.
        words: Titles of columns that hold words; the others hold numbers.
        widths: The least width of each column.
        gap: Spaces between columns.
    """
    made = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
    least = [*widths, *[None] * (len(heads) - len(widths))]
    for head, width in zip(heads, least, strict=True):
        side: JustifyMethod = "left" if head in words else "right"
        made.add_column(Text(head), justify=side, no_wrap=True, min_width=width)
    for row in rows:
        made.add_row(*map(Text, row))
    return made


def texts(rows: Iterable[Sequence[Cell]]) -> list[list[str]]:
    """Return what is written in cells."""
    return [[text for text, _ in row] for row in rows]
