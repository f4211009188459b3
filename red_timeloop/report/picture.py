"""Turns a matplotlib figure into the bytes of a file, alike on every machine."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["STYLE", "SVG", "picture", "svg_text"]

SVG = "http://www.w3.org/2000/svg"

# Text becomes outlines in SVG and embedded TrueType in PDF.
STYLE: Any = {
    "svg.fonttype": "path",
    "svg.hashsalt": "red-timeloop",  # equal input gives an equal file
    "pdf.fonttype": 42,
    "font.family": "DejaVu Sans",  # comes with matplotlib
}


def picture(figure: Figure, form: str, title: str, description: str) -> bytes:
    """Return `figure` as the bytes of a `svg`, `pdf` or `png` file (300 dots an inch)."""
    import matplotlib

    stream = io.BytesIO()
    metadata: dict[str, dict[str, Any]] = {
        "svg": {"Date": None, "Title": title},
        "pdf": {"CreationDate": None, "Title": title},
        "png": {"Title": title, "Description": description},
    }
    with matplotlib.rc_context(STYLE):
        figure.savefig(stream, format=form, dpi=300, metadata=metadata[form])
    if form != "svg":
        return stream.getvalue()
    root = ElementTree.fromstring(stream.getvalue())
    # A name and a description for those who do not see it.
    root.set("role", "img")
    for place, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ElementTree.Element(f"{{{SVG}}}{tag}")
        element.text = text
        root.insert(place, element)
    return svg_text(root)


def svg_text(root: ElementTree.Element) -> bytes:
    """Return an SVG tree as a file."""
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
