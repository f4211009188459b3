"""Draw the package as a house: each part stands on those below it, as wide as it has lines.

Run as `python docs/house.py FILE.svg`; the order is that of tests/test_import_order.py, which
holds the package to it.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]


def lines_of(part: str) -> int:
    """Return the lines of a module, or of all modules of a package."""
    path = ROOT / "red_timeloop" / part
    files = path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]
    return sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)


def main(target: str) -> None:
    """Draw the house into a file, whose suffix is its format."""
    from matplotlib.figure import Figure
    from test_import_order import ORDER

    from red_timeloop.views.palette import BASE, text_on
    from red_timeloop.views.picture import picture

    figure = Figure(figsize=(7.16, 0.26 * len(ORDER)), layout="constrained")
    axes = figure.subplots()
    for storey, parts in enumerate(ORDER):
        left, small = 0, []
        for number, part in enumerate(sorted(parts, key=lines_of, reverse=True)):
            width, colour = lines_of(part), BASE[number % 3]
            axes.barh(storey, width, left=left, color=colour, edgecolor="white")
            place = {"va": "center", "color": text_on(colour), "fontsize": 7}
            if width > 700 + 100 * len(part):
                axes.text(left + 80, storey, f"{part}  {width:,}", **place)
            else:
                small.append(part)
            left += width
        axes.text(left + 80, storey, ", ".join(small), va="center", fontsize=7)
    axes.set_yticks([])
    axes.tick_params(labelsize=7)
    axes.set_xlabel("lines; a part imports only from the storeys below it", fontsize=7)
    axes.spines[["top", "right", "left"]].set_visible(False)
    words = "Parts of the package, from errors and files at the bottom to the command line on top"
    Path(target).write_bytes(picture(figure, Path(target).suffix[1:], "The house", words))


if __name__ == "__main__":
    main(*sys.argv[1:])
