"""The figures of a page: matplotlib's, with colours and type of the page, and marks to point at."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

from red_timeloop.views.data import Chart
from red_timeloop.views.figures import new_figure
from red_timeloop.views.picture import GRID, GROUND, INK, STYLE, svg_text, svg_tree
from red_timeloop.views.svg import SVG, style_sheet

__all__ = ["Figures", "inline"]


WIDTH, SIZE = 420, 12  # points, which are a page's pixels; a phone shows them a little smaller


@dataclass
class Figures:
    """The figures of one page, and the styles and definitions that they share."""

    styles: dict[str, str] = field(default_factory=dict)
    definitions: dict[str, Element] = field(default_factory=dict)
    moving: bool = False  # whether there is a moving picture among them

    def chart(self, chart: Chart) -> Markup:
        """Return a chart with a group for each layer, to be hidden and moved up."""
        with mpl.rc_context(STYLE | {"font.size": SIZE, "hatch.linewidth": 0.5}):
            figure = new_figure(chart, WIDTH / 72, SIZE, page=True)
        root = self._tree(figure, chart.title, "The numbers stand in a table below", chart)
        box = figure.axes[0].get_position()
        pitch = 72 * box.height * figure.get_figheight() / len(chart.layers)
        root.set("data-pitch", f"{pitch:.2f}")
        return inline(root)

    def of(self, figure: Figure, title: str, words: str) -> Markup:
        """Return any figure; ids as of `figures.draw` become data of marks."""
        return inline(self._tree(figure, title, words))

    def _tree(self, figure: Figure, title: str, words: str, chart: Chart | None = None) -> Element:
        root = self.take(svg_tree(figure, self.styles), f"{title}. {words}")
        root.set("tabindex", "0")
        rows = {
            name: Element(f"{{{SVG}}}g", {"class": "row", "data-layer": name})
            for name in (chart.layers if chart else ())
        }
        for child in list(root):
            name = child.get("id", "")
            if name.startswith("["):
                layer, *rest = json.loads(child.attrib.pop("id"))
                marks = dict(zip(("data-design", "data-tip", "data-point"), rest, strict=True))
                child.attrib.update({key: value for key, value in marks.items() if value})
                if layer:
                    root.remove(child)
                    rows[layer].append(child)
        order = ["", *(chart.designs if chart else ())]
        for row in rows.values():  # by design, as arrow keys go through a row
            row[:] = sorted(row, key=lambda mark: order.index(mark.get("data-design", "")))
        root.extend(rows.values())
        return root

    def take(self, root: Element, words: str) -> Element:
        """Return a tree as an element of the page, its definitions among those of all."""
        for definitions in root.findall(f"{{{SVG}}}defs"):
            root.remove(definitions)
            self.definitions.update({child.get("id", ""): child for child in definitions})
        root.attrib |= {"aria-label": words, "class": "fig"}
        for key in ("width", "height", "font-family"):
            del root.attrib[key]
        return root

    @property
    def sheet(self) -> Markup:
        """The rules of all figures."""
        rules = style_sheet(self.styles)
        for colour, own in (
            (INK, "currentColor"),
            (GRID, "var(--grid)"),
            (GROUND, "var(--ground)"),
        ):
            rules = rules.replace(colour, own)
        return Markup(rules)

    @property
    def defs(self) -> Markup:
        """An element without a size that holds the definitions of all figures."""
        root = Element(f"{{{SVG}}}svg", {"class": "defs", "aria-hidden": "true"})
        ElementTree.SubElement(root, f"{{{SVG}}}defs").extend(self.definitions.values())
        return inline(root)


def inline(root: Element) -> Markup:
    """Return a tree as text of a page; what it says is escaped by what writes it."""
    return Markup(svg_text(root).decode().partition("?>")[2].strip())
