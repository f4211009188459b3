"""Moving pictures: one painted figure whose shapes are seen in their frames only."""

from __future__ import annotations

import io
from xml.etree import ElementTree

from red_timeloop.report.drawing.painter import Painter
from red_timeloop.report.picture import STYLE, SVG, picture, svg_text

__all__ = ["animated_gif", "animated_svg"]

_SECONDS = 1.2  # a frame
_HOLD = 2  # frames that the last one stays


def animated_svg(painter: Painter, frames: int, title: str, description: str) -> bytes:
    """Return an SVG that shows one frame after the other, without scripts.

    Where the reader asks for less motion, and in print, the last frame stands still.
    """
    root = ElementTree.fromstring(picture(painter.figure, "svg", title, description))
    for element in root.iter():
        seen = painter.frames.get(element.get("id", ""))
        if seen is not None:
            element.set("class", f"frame f{seen[0]}-{seen[1]}")
    style = ElementTree.Element(f"{{{SVG}}}style")
    style.text = _style(sorted(set(painter.frames.values())), frames)
    root.insert(2, style)
    return svg_text(root)


def animated_gif(painter: Painter, frames: int) -> bytes:
    """Return a GIF with one picture a frame, at 150 dots an inch, repeated for ever."""
    import matplotlib
    from PIL import Image

    pictures = []
    for frame in range(frames):
        for shape, (begin, end) in painter.shapes:
            shape.set_visible(begin <= frame <= end)
        stream = io.BytesIO()
        with matplotlib.rc_context(STYLE):
            painter.figure.savefig(stream, format="png", dpi=150)
        stream.seek(0)
        pictures.append(Image.open(stream).convert("RGB").quantize(64))
    for shape, _ in painter.shapes:
        shape.set_visible(True)
    durations = [round(1000 * _SECONDS)] * frames
    durations[-1] *= 1 + _HOLD
    stream = io.BytesIO()
    first, *rest = pictures
    first.save(stream, format="GIF", save_all=True, append_images=rest, duration=durations, loop=0)
    return stream.getvalue()


def _style(spans: list[tuple[int, int]], frames: int) -> str:
    """Return the style sheet: each span of frames is visible for its part of the period."""
    turns = frames + _HOLD
    rules = [f".frame {{ animation: {turns * _SECONDS:g}s step-end infinite; }}"]
    still = [".frame { animation: none !important; visibility: hidden; }"]
    for first, last in spans:
        end = turns if last == frames - 1 else last + 1
        name = f"f{first}-{last}"
        points = [(0, first == 0), (100 * first / turns, True), (100 * end / turns, False)]
        stops = {f"{at:.4f}%": "visible" if on else "hidden" for at, on in points if at < 100}
        body = " ".join(f"{at} {{ visibility: {value}; }}" for at, value in stops.items())
        rules.append(f"@keyframes {name} {{ {body} }}")
        rules.append(f".{name} {{ animation-name: {name}; }}")
        if last == frames - 1:
            still.append(f".{name} {{ visibility: visible; }}")
    rest = " ".join(still)
    rules += [f"@media (prefers-reduced-motion: reduce) {{ {rest} }}", f"@media print {{ {rest} }}"]
    return "\n".join(rules)
