"""Makes matplotlib's SVG small, and part of a page: styles become classes, colours the page's.

An element drawn with an id of our own keeps it, and so does one whose link is its id, as that of a
shape among many; those that matplotlib gives are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

__all__ = ["SVG", "group_runs", "squeeze", "style_sheet"]

SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
_OF_MATPLOTLIB = re.compile(r"[A-Za-z.0-9]+_\d+")
_DEFAULTS = {
    "opacity: 1",
    "stroke-linejoin: miter",
    "fill-opacity: 1",
    "stroke-opacity: 1",
    "stroke-dashoffset: 0",
}


def squeeze(root: Element, styles: dict[str, str]) -> None:
    """Rewrite a tree of matplotlib's in place.

    Args:
        root: The tree.
        styles: Class by style, which grows by what is met; see `style_sheet`.
    """
    used = {value[1:] for e in root.iter() for value in [e.get(_LINK, "")] if value}
    used |= set(re.findall(r"url\(#(.*?)\)", ElementTree.tostring(root, encoding="unicode")))
    defs = Element(f"{{{SVG}}}defs")
    children = [kept for child in root for kept in _squeezed(child, styles, used, defs)]
    root[:] = [defs, *children] if len(defs) else children
    root.attrib.pop("version", None)
    root.set("font-family", "DejaVu Sans, sans-serif")


def group_runs(root: Element) -> None:
    """Give what stands beside each other in one class a group of it, in the last class first."""
    out: list[Element] = []
    for name, run in groupby(list(root), key=lambda child: _classes(child)[1]):
        alike = list(run)
        if name and len(alike) > 1:
            group = Element(f"{{{SVG}}}g", {"class": name})
            for child in alike:
                own = _classes(child)[0]
                child.attrib.pop("class") if not own else child.set("class", own)
            group.extend(alike)
            group_runs(group)
            out.append(group)
        else:
            out += alike
    root[:] = out


def _classes(element: Element) -> tuple[str, str]:
    first, _, rest = element.get("class", "").partition(" ")
    return (first, rest) if rest else ("", first)


def style_sheet(styles: dict[str, str]) -> str:
    """Return the rules of the classes."""
    return "\n".join(f".{name}{{{style}}}" for style, name in styles.items())


def _squeezed(
    element: Element, styles: dict[str, str], used: set[str], defs: Element
) -> Iterator[Element]:
    """Yield what stands in the place of an element; definitions go to `defs`."""
    kind = element.tag.rpartition("}")[2]
    if kind in ("metadata", "style", "clipPath"):
        return
    children = [k for child in element for k in _squeezed(child, styles, used, defs)]
    if kind == "defs":
        defs.extend(children)
        return
    if kind == "a":
        for child in children:
            child.set("id", element.get(_LINK, ""))
        yield from children
        return
    attributes = _attributes(element, styles, used)
    if kind == "g" and (not children or not attributes):
        yield from children
    elif kind == "g" and len(children) == 1 and not attributes.keys() & children[0].keys():
        children[0].attrib.update(attributes)
        yield children[0]
    else:
        element.attrib.clear()
        element.attrib.update(attributes)
        element[:] = children
        element.tail = None
        if children:
            element.text = None
        yield element


def _attributes(element: Element, styles: dict[str, str], used: set[str]) -> dict[str, str]:
    kept = dict(element.attrib)
    kept.pop("clip-path", None)
    name = kept.get("id", "")
    if _OF_MATPLOTLIB.fullmatch(name) and name not in used:
        del kept["id"]
    style = "; ".join(
        rule for rule in re.split(r";\s*", kept.pop("style", "")) if rule and rule not in _DEFAULTS
    )
    if style:
        kept["class"] = styles.setdefault(style, f"s{len(styles)}")
    if kept.get("transform", "").startswith("rotate(-0 "):
        del kept["transform"]
    for key in ("x", "y", "width", "height", "transform"):
        if key in kept:
            kept[key] = re.sub(r"-?\d+\.\d+", lambda found: _number(found[0]), kept[key])
    if "d" in kept:
        kept["d"] = _path(kept["d"])
    return kept


def _number(written: str | float) -> str:
    return f"{round(float(written), 1) + 0.0:g}"  # of points


def _path(written: str) -> str:
    """Return a path's data with straight lines along the axes as such.

    >>> _path("M 1 1 L 10.001 1 L 10.001 5 z")
    'M1 1h9v4z'
    """
    out, at = [], ["", ""]
    for command, rest in re.findall(r"([A-Za-z])([^A-Za-z]*)", written):
        numbers = [_number(number) for number in rest.split()]
        if command == "L" and numbers[1] == at[1]:
            out.append(f"h{_number(float(numbers[0]) - float(at[0]))}")
        elif command == "L" and numbers[0] == at[0]:
            out.append(f"v{_number(float(numbers[1]) - float(at[1]))}")
        else:
            out.append(command + " ".join(numbers))
        at = numbers[-2:] or at
    return "".join(out)
