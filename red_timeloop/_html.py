"""A table as notebooks show it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["html_table"]


def html_table(head: Sequence[object], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """Return a table in HTML: the first column in words, the others numbers, aligned right.

    >>> html_table(["a<b"], [["x"]])
    '<table><thead><tr><th>a&lt;b</th></tr></thead><tbody><tr><td>x</td></tr></tbody></table>'
    """

    def line(cells: Sequence[object], tag: str) -> str:
        style = ' style="text-align: right"'
        return "".join(
            f"<{tag}{style if number else ''}>{escape(str(cell))}</{tag}>"
            for number, cell in enumerate(cells)
        )

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{line(head, 'th')}</tr></thead><tbody>{body}</tbody></table>"
