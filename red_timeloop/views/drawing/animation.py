"""Moving pictures: one painted figure whose shapes are seen in their frames only."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from red_timeloop.views.drawing.painter import Painter
from red_timeloop.views.picture import SVG, svg_tree

__all__ = ["animated_tree"]

_SECONDS = 1.2  # a frame
_HOLD = 2  # frames that the last one stays


def animated_tree(painter: Painter, frames: int, styles: dict[str, str]) -> Element:
    """Return an SVG tree that shows one frame after the other, without scripts.

    Where the reader asks for less motion, and in print, the last frame stands still. `styles` are
    those of the shapes, which the caller writes.
    """
    root = svg_tree(painter.figure, styles)
    for element in root.iter():
        seen = painter.frames.get(element.get("id", ""))
        if seen is not None:
            own = f"{element.get('class', '')} frame {_name(seen, frames)}"
            element.set("class", own.strip())
        if element.get("id", "").startswith("shape-"):
            del element.attrib["id"]
    style = Element(f"{{{SVG}}}style")
    style.text = _style(sorted(set(painter.frames.values())), frames)
    root.insert(0, style)
    return root


def _name(span: tuple[int, int], frames: int) -> str:
    """Class of what is seen in a span of frames; a page may hold animations of several lengths."""
    return f"f{span[0]}-{span[1]}of{frames}"


def _style(spans: list[tuple[int, int]], frames: int) -> str:
    """Return the style sheet: each span of frames is visible for its part of the period."""
    turns = frames + _HOLD
    rules = [".frame{animation:step-end infinite}"]
    still = [".frame{animation:none!important;visibility:hidden}"]
    for first, last in spans:
        end = turns if last == frames - 1 else last + 1
        name = _name((first, last), frames)
        points = [(0, first == 0), (100 * first / turns, True), (100 * end / turns, False)]
        stops = {f"{at:.4g}%": "visible" if on else "hidden" for at, on in points if at < 100}
        body = "".join(f"{at}{{visibility:{value}}}" for at, value in stops.items())
        rules.append(f"@keyframes {name}{{{body}}}")
        rules.append(f".{name}{{animation-name:{name};animation-duration:{turns * _SECONDS:g}s}}")
        if last == frames - 1:
            still.append(f".{name}{{visibility:visible}}")
    rest = "".join(still)
    return "\n".join([*rules, f"@media print,(prefers-reduced-motion:reduce){{{rest}}}"])
