"""Turns a matplotlib figure into the bytes of a file, alike on every machine."""

from __future__ import annotations

import io
from typing import Any
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure

from red_timeloop.views.svg import SVG, group_runs, squeeze, style_sheet

__all__ = ["GRID", "GROUND", "INK", "STYLE", "SVG", "picture", "svg_file", "svg_text", "svg_tree"]

INK, GRID, GROUND = "#1b1f24", "#c8ced4", "#fffffe"  # a page puts its own in their place

# Text stays text in SVG, to be found and copied, and becomes embedded TrueType in PDF.
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "red-timeloop",  # equal input gives an equal file
    "pdf.fonttype": 42,
    "font.family": "DejaVu Sans",  # comes with matplotlib
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    "axes.edgecolor": INK,
    "grid.color": GRID,
    "legend.frameon": False,
}


def picture(figure: Figure, form: str, title: str, description: str) -> bytes:
    """Return `figure` as the bytes of a `svg`, `pdf` or `png` file (300 dots an inch)."""
    if form == "svg":
        styles: dict[str, str] = {}
        return svg_file(svg_tree(figure, styles), styles, title, description)
    stream = io.BytesIO()
    metadata: dict[str, dict[str, Any]] = {
        "pdf": {"CreationDate": None, "Title": title},
        "png": {"Title": title, "Description": description},
    }
    with matplotlib.rc_context(STYLE):
        figure.savefig(stream, format=form, dpi=300, metadata=metadata[form])
    return stream.getvalue()


def svg_tree(figure: Figure, styles: dict[str, str]) -> ElementTree.Element:
    """Return `figure` as a small SVG tree, whose `styles` (class by style) the caller writes."""
    stream = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(stream.getvalue())
    squeeze(root, styles)
    root.set("role", "img")
    return root


def svg_file(
    root: ElementTree.Element, styles: dict[str, str], title: str, description: str
) -> bytes:
    """Return an SVG tree as a file with its styles, and with words for those who do not see it."""
    words = {"title": title, "desc": description, "style": style_sheet(styles)}
    for place, (tag, text) in enumerate(words.items()):
        element = ElementTree.Element(f"{{{SVG}}}{tag}")
        element.text = text
        root.insert(place, element)
    group_runs(root)
    return svg_text(root)


def svg_text(root: ElementTree.Element) -> bytes:
    """Return an SVG tree as a file."""
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written.replace(b" />", b"/>")
