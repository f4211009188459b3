"""What converters and cells make of pictures on each design, and who wins at equal accuracy.

    python benchmarks/accuracy.py [--write docs/accuracy.md] [pictures] [cells] [masks] [equal]

`pictures` and `cells`: the digit generator of `examples/` on the four ReRAM designs, one number of
the parameter set, or one fault of the cells, changed at a time. `masks`: the segmentation network
there. `equal`: the six layers of the RED papers, compared at equal accuracy. With `--write` the
page's tables of these parts, and the figure beside it, are replaced; without parts all are made.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from red_timeloop import compare
from red_timeloop.dataflow.nonideal import IDEAL, Nonidealities
from red_timeloop.designs import names, registry
from red_timeloop.files import write_atomic
from red_timeloop.hardware import Hardware
from red_timeloop.networks.result import FLOAT
from red_timeloop.networks.run import run
from red_timeloop.units import area, decibels, ratio, scaled
from red_timeloop.views.figures import PAPER, TWO_COLUMNS
from red_timeloop.views.picture import picture

EXAMPLES = Path(__file__).parents[1] / "examples"
DESIGNS = tuple(names())
SEEDS = 5  # of the cells
# 97.5th percentiles of Student's t by degrees of freedom: two-sided intervals of 95 %
_STUDENT = {4: 2.776, 19: 2.093}
HEADINGS = {
    part: "| " + " | ".join((first, *DESIGNS)) + " |"
    for part, first in (("pictures", "PSNR [dB]"), ("cells", "PSNR with cells [dB]"))
} | {
    "masks": "| IoU | " + " | ".join(DESIGNS) + " |",
    "equal": "| at least | design | bits | rows at once | reached | latency | energy | area |"
    " energy against RED's | energy x latency against RED's |",
}
# (axis, its values in the figure): what is changed in isaac_32nm
AXES: dict[str, tuple[Any, ...]] = {
    "adc_bits": (4, 5, 6, 7, 8),
    "cell_bits": (1, 2, 4),
    "rows": (32, 64, 128, 256),
}
FAULTS: dict[str, tuple[float, ...]] = {"variation": (0.05, 0.1, 0.2), "stuck": (0.001, 0.01)}
_TITLES = {
    "adc_bits": "converters [bits]",
    "cell_bits": "cells [bits], 8-bit converters",
    "rows": "rows, 6-bit converters",
    "variation": "variation [sigma of log G]",
    "stuck": "stuck cells [share]",
}


@dataclass(frozen=True)
class Row:
    """One setting on the designs: a mean for each, and half of its interval of 95 %.

    Attributes:
        axis: What is changed.
        value: To what.
        means: PSNR in dB, or IoU, by design; infinite where every picture is exact.
        halves: Half of the interval; NaN where there is none.
    """

    axis: str
    value: float
    means: tuple[float, ...]
    halves: tuple[float, ...]

    def __str__(self) -> str:
        cells = [
            f"{mean:.3g}" + ("" if math.isnan(half) else f" ± {half:.2g}")
            for mean, half in zip(self.means, self.halves, strict=True)
        ]
        return f"| {_TITLES[self.axis]}: {self.value:g} | " + " | ".join(cells) + " |"


def interval(samples: Sequence[float]) -> tuple[float, float]:
    """Return the mean and half of its interval of 95 % (Student, 1908)."""
    values = np.asarray(samples, float)
    half = _STUDENT[len(values) - 1] * values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean()), float(half)


def psnr(found: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.float64]:
    """Return the ratio of each picture in dB, ``[N]``; the peak is the span of all wanted ones."""
    noise = np.square(found.astype(float) - wanted).reshape(len(wanted), -1).mean(axis=1)
    return np.asarray(10 * np.log10(float(np.ptp(wanted)) ** 2 / noise))


def generated(hardware: Hardware, cells: Nonidealities) -> dict[str, NDArray[np.float64]]:
    """Return the ratio of every picture of the generator to the float model's, by design."""
    model = EXAMPLES / "digits_generator"
    made = run(
        model.with_suffix(".onnx"),
        model.with_suffix(".npz"),
        designs=DESIGNS,
        hardware=hardware,
        nonidealities=cells,
    ).outputs
    (name,) = made[FLOAT]
    return {design: psnr(made[design][name], made[FLOAT][name]) for design in DESIGNS}


def setting(axis: str, value: Any) -> Hardware:
    """Return `isaac_32nm` with one number changed; rows are told apart with 6-bit converters."""
    more = {"adc_bits": 6} if axis == "rows" else {}
    return Hardware.load("isaac_32nm").replace(**{axis: value, **more})


def pictures() -> Iterator[Row]:
    """Yield the generator's quality with ideal cells; intervals are over its pictures."""
    for axis, values in AXES.items():
        for value in values:
            found = generated(setting(axis, value), IDEAL)
            means, halves = zip(*(interval(found[d].tolist()) for d in DESIGNS), strict=True)
            yield Row(axis, value, means, halves)


def cells() -> Iterator[Row]:
    """Yield it with faulty cells and the set's own converters; intervals are over the seeds."""
    hardware = Hardware.load("isaac_32nm")
    for axis, values in FAULTS.items():
        for value in values:
            runs = []
            for seed in range(SEEDS):
                faults = {"variation": value} if axis == "variation" else {}
                if axis == "stuck":
                    faults = {"stuck_off": value / 2, "stuck_on": value / 2}
                found = generated(hardware, Nonidealities(**faults, seed=seed))
                runs.append([found[design].mean() for design in DESIGNS])
            means, halves = zip(*map(interval, zip(*runs, strict=True)), strict=True)
            yield Row(axis, value, means, halves)


def masks() -> Iterator[Row]:
    """Yield the segmentation's intersection over union with the labels, cells ideal."""
    model = EXAMPLES / "digits_segmentation"
    with np.load(model.with_suffix(".npz")) as data:
        inputs, labels = data["input"], data["labels"]
    for value in AXES["adc_bits"]:
        done = run(
            model.with_suffix(".onnx"),
            inputs,
            labels,
            DESIGNS,
            setting("adc_bits", value),
        )
        found = {each.model: each.iou for each in done.qualities}
        means = tuple(float(found[design] or 0.0) for design in DESIGNS)
        yield Row("adc_bits", value, means, (math.nan,) * len(DESIGNS))


def equal() -> Iterator[str]:
    """Yield the designs at equal accuracy, as lines of the table."""
    for at_least in ("20dB", "lossless"):
        compared = compare("red_date2019", DESIGNS, at_least=at_least)
        totals = {}
        for design in DESIGNS:
            mine = [
                (r.entry.repeat, r.design_result) for r in compared.results if r.design == design
            ]
            totals[design] = [
                sum(n * getattr(result, key) for n, result in mine)
                for key in ("latency", "energy", "area")
            ]
        latency, energy, _ = totals["red"]
        for each in compared.converters:
            mine = totals[each.design]
            yield (
                f"| {at_least.replace('dB', ' dB')} | {each.design} | {each.hardware.adc_bits} |"
                f" {each.hardware.rows} | {decibels(each.reached)} | {scaled(mine[0], 's')} |"
                f" {scaled(mine[1], 'J')} | {area(mine[2])} | {ratio(mine[1] / energy)} |"
                f" {ratio(mine[0] * mine[1] / (latency * energy))} |"
            )


def figure(rows: Sequence[Row]) -> bytes:
    """Return the figure of the generator's quality as SVG: one panel an axis."""
    colours = registry.colours()
    axes_shown = [axis for axis in _TITLES if any(row.axis == axis for row in rows)]
    with mpl.rc_context(PAPER):
        canvas = Figure(figsize=(TWO_COLUMNS, 2.3), layout="constrained")
        panels = np.atleast_1d(canvas.subplots(1, len(axes_shown), sharey=True))
        for panel, axis in zip(panels, axes_shown, strict=True):
            mine = [row for row in rows if row.axis == axis]
            for index, design in enumerate(DESIGNS):
                panel.errorbar(
                    np.arange(len(mine)) + 0.08 * (index - 1.5),
                    [row.means[index] for row in mine],
                    [row.halves[index] for row in mine],
                    color=colours[design],
                    marker="osD^"[index],
                    markersize=3,
                    linewidth=0.9,
                    elinewidth=0.6,
                    label=design.replace("_", " "),
                )
            panel.set_xticks(range(len(mine)), [f"{row.value:g}" for row in mine])
            panel.set_xlabel(_TITLES[axis])
            panel.grid(True, axis="y", linewidth=0.3)
        panels[0].set_ylabel("PSNR [dB]")
        handles, labels = panels[0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
        words = "Picture quality of the digit generator on four designs, with intervals of 95 %."
        return picture(canvas, "svg", "Picture quality against converters and cells", words)


def written(page: str, part: str, lines: Sequence[str]) -> str:
    """Return the page with the table of a part replaced."""
    heading = HEADINGS[part]
    marks = "| --- |" + " ---: |" * (heading.count("|") - 2)
    table = re.compile(rf"^{re.escape(heading)}\n(\|.*\n)*", re.MULTILINE)
    return table.sub(lambda _: "\n".join([heading, marks, *lines]) + "\n", page)


def read(page: str, part: str) -> list[Row]:
    """Return the rows of a part that the page has."""
    body = page.partition(HEADINGS[part] + "\n")[2].split("\n\n")[0]
    axes = {title: axis for axis, title in _TITLES.items()}
    found = []
    for title, value, rest in re.findall(r"^\| (.+): (\S+) \| (.+) \|$", body, re.M):
        cells = [cell.split(" ± ") for cell in rest.split(" | ")]
        means = tuple(float(cell[0]) for cell in cells)
        halves = tuple(float(cell[1]) if len(cell) > 1 else math.nan for cell in cells)
        found.append(Row(axes[title], float(value), means, halves))
    return found


def main(arguments: list[str] | None = None) -> int:
    """Print the tables, or write them into the page and the figure beside it."""
    makers = {"pictures": pictures, "cells": cells, "masks": masks, "equal": equal}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(makers))
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.parts) - set(makers):
        parser.error(f"unknown: {', '.join(sorted(unknown))} (legal: {', '.join(makers)})")
    for part in chosen.parts or makers:
        lines = []
        print(HEADINGS[part], flush=True)
        for row in makers[part]():
            lines.append(str(row))
            print(row, flush=True)
        if chosen.write is not None:
            page = written(chosen.write.read_text(encoding="utf-8"), part, lines)
            write_atomic(chosen.write, page)
            shown = [*read(page, "pictures"), *read(page, "cells")]
            if shown:
                write_atomic(chosen.write.with_suffix(".svg"), figure(shown))
    return 0


if __name__ == "__main__":
    sys.exit(main())
