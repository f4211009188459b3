"""The report shows the comparison's numbers, alone in one file, and a real browser agrees."""

from __future__ import annotations

import csv
import json
import math
import re
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import browser
import pytest
from close import near

from red_timeloop import resources
from red_timeloop.comparison import Comparison, compare
from red_timeloop.errors import InputError
from red_timeloop.report import data
from red_timeloop.report.charts import bar_charts, stack_charts
from red_timeloop.report.figures import paper_figures
from red_timeloop.report.loop_nest import loop_nests
from red_timeloop.report.palette import PARTS
from red_timeloop.report.write import write_report
from red_timeloop.spec.reader import read_specification

needs_browser = pytest.mark.skipif(browser.find() is None, reason=browser.MISSING)

BARS = [data.latency, data.energy, data.speedup, data.saving, data.area, data.zeros]
STACKS = [data.energy_parts, data.time_parts]


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare("red_date2019", engine="embedded")


@pytest.fixture(scope="module")
def folder(comparison: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("report")
    assert comparison.report(target) == target / "report.html"
    return target


def rectangles(svg: str) -> list[dict[str, str]]:
    root = ElementTree.fromstring(svg)
    return [dict(element.attrib) for element in root.iter() if element.tag.endswith("rect")]


@pytest.mark.parametrize("dataset", BARS)
def test_every_bar_stands_for_its_number(comparison: Comparison, dataset) -> None:
    bars = dataset(comparison)
    drawn = {}
    for layer, svg in bar_charts(bars):
        for bar in rectangles(svg):
            assert bar["data-layer"] == layer
            left, width = float(bar["x"]), float(bar["width"])
            drawn[layer, bar["data-design"]] = (float(bar["data-value"]), left, left + width)
    assert {key: value for key, (value, _, _) in drawn.items()} == dict(bars.values)
    # Ends of bars lie on one straight axis, of the values or of their logarithms.
    scale = math.log if bars.logarithmic else float
    free = [(scale(v), right if v > 0 else left) for v, left, right in drawn.values() if v]
    (low, low_at), (high, high_at) = min(free), max(free)
    for value, at in free:
        share = (value - low) / (high - low)
        assert at == pytest.approx(low_at + share * (high_at - low_at), abs=0.6)


@pytest.mark.parametrize("dataset", STACKS)
def test_parts_of_a_bar_add_up_and_keep_their_proportion(comparison: Comparison, dataset) -> None:
    stacks = dataset(comparison)
    for layer, svg in stack_charts(stacks):
        pieces = rectangles(svg)
        scales = [float(p["width"]) / float(p["data-value"]) for p in pieces]
        wide = [s for s, p in zip(scales, pieces, strict=True) if float(p["width"]) > 10]
        assert wide == near([wide[0]] * len(wide), rel=2e-3), "one scale for a layer"
        for design in stacks.designs:
            own = [piece for piece in pieces if piece["data-design"] == design]
            for before, after in pairwise(own):
                end = float(before["x"]) + float(before["width"])
                assert float(after["x"]) == pytest.approx(end, abs=0.02)
            assert sum(float(p["data-value"]) for p in own) == near(stacks.whole(layer, design))


def test_parts_are_the_results_own(comparison: Comparison) -> None:
    energy, time = data.energy_parts(comparison), data.time_parts(comparison)
    for result in comparison.results:
        key = (result.layer, result.design)
        assert energy.whole(*key) == near(result.design_result.energy)
        assert time.whole(*key) == near(result.design_result.latency)


@pytest.mark.parametrize("name", resources.names("arch"))
def test_every_level_of_a_shipped_architecture_has_a_group_and_a_colour(name: str) -> None:
    levels = read_specification(resources.path(f"arch/{name}.yaml")).architecture.levels
    priced = [level.name for level in levels if level.kind != "spatial" and level.name != "host"]
    assert priced
    assert {data.component_group(level) for level in priced} <= set(data.COMPONENT_GROUPS)
    assert len(data.COMPONENT_GROUPS) <= len(PARTS)


def test_negative_numbers_are_drawn_to_the_left_of_zero() -> None:
    values = {("up", "red"): 0.5, ("up", "padding_free"): -0.25, ("up", "eyeriss"): 0.0}
    designs = ("red", "padding_free", "eyeriss")
    labels = {name: name for name in designs}
    bars = data.Bars("saving", "Saved", "%", ("up",), designs, values, labels)
    ((_, svg),) = bar_charts(bars)
    more, less, none = rectangles(svg)
    zero = float(more["x"])
    assert float(less["x"]) + float(less["width"]) == pytest.approx(zero, abs=0.02)
    assert float(none["x"]) == pytest.approx(zero, abs=0.02)
    assert float(more["width"]) == pytest.approx(2 * float(less["width"]), abs=0.02)
    assert ">-25.0 %<" in svg


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for key, value in attrs:
            if key in ("href", "src", "xlink:href") and value:
                self.links.append(value)
            if key == "id" and value:
                self.ids.append(value)


def test_page_needs_nothing_but_itself_and_links_to_its_data(folder: Path) -> None:
    page = _Links()
    page.feed((folder / "report.html").read_text())
    assert not {"script", "iframe", "object", "img"} & set(page.tags)
    for link in page.links:
        assert link.startswith(("#", "data:,")) or (folder / link).is_file(), link
    assert {"red_date2019.csv", "red_date2019.json"} <= set(page.links)
    assert len(page.ids) == len(set(page.ids)), "every id once"
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


def test_data_beside_the_page_is_the_comparison(folder: Path, comparison: Comparison) -> None:
    content = json.loads((folder / "red_date2019.json").read_text())
    assert content == json.loads(json.dumps(comparison.as_dict()))
    rows = list(csv.DictReader((folder / "red_date2019.csv").open()))
    assert len(rows) == len(comparison.results) == 24


def test_page_says_what_was_assumed_and_with_what(folder: Path, comparison: Comparison) -> None:
    text = (folder / "report.html").read_text()
    for line in comparison.assumptions:
        assert line in text
    for name in ("on_resistance_ohm", "columns_per_adc", "NumPy", "embedded"):
        assert name in text


def test_mappings_multiply_out_to_the_problem(comparison: Comparison) -> None:
    for result in comparison.results:
        plan = result.design_result.plan
        for part, (name, nest) in zip(plan.parts, loop_nests(result.design_result), strict=True):
            assert name == part.name
            product: dict[str, int] = {}
            for rank, last in re.findall(r"(?:for|parallel) (\w+) in 0\.\.(\d+)", nest):
                product[rank] = product.get(rank, 1) * (int(last) + 1)
            wanted = {rank: size for rank, size in part.problem.sizes.items() if size > 1}
            assert product == wanted


def test_two_workloads_share_a_page_and_failures_are_listed(tmp_path: Path) -> None:
    from red_timeloop.comparison import Failure

    first = compare("red_date2019", ["red"], "embedded", layers=["GAN_Deconv3"])
    second = compare("sngan_cifar10", ["red", "zero_padding"], "embedded")
    failed = Comparison(
        second.workload,
        second.hardware,
        second.engine,
        second.results,
        second.baseline,
        (Failure("<b>layer</b>", "red", "needs 7 crossbars & has 3"),),
    )
    written = write_report([first, failed], tmp_path / "new" / "folder")
    assert [path.name for path in written] == [
        "report.html",
        "red_date2019.json",
        "red_date2019.csv",
        "sngan_cifar10.json",
        "sngan_cifar10.csv",
    ]
    text = written[0].read_text()
    assert "&lt;b&gt;layer&lt;/b&gt; on red: needs 7 crossbars &amp; has 3" in text
    assert text.count('data-chart="latency"') == 2


def test_equal_comparisons_give_equal_pages(folder: Path, tmp_path: Path) -> None:
    again = compare("red_date2019", engine="embedded").report(tmp_path)
    assert again.read_text() == (folder / "report.html").read_text()


def test_nothing_to_show_is_refused(comparison: Comparison, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no results to report"):
        write_report([], tmp_path)
    with pytest.raises(InputError, match="'red_date2019' stands twice"):
        write_report([comparison, comparison], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_named(comparison: Comparison, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file.*cannot make the folder"):
        comparison.report(tmp_path / "file" / "report")


def test_paper_figures_hold_the_numbers_and_their_fonts(tmp_path: Path) -> None:
    from red_timeloop.report.figures import write_figures

    small = compare(
        "red_date2019", ["red", "zero_padding"], "embedded", layers=["GAN_Deconv3", "FCN_Deconv2"]
    )
    heights = {}
    for key, title, words, figure in paper_figures(small):
        assert title
        assert words
        assert figure.get_figwidth() in (3.5, 7.16)
        boxes = [bar.get_height() for bars in figure.axes[0].containers for bar in bars]
        heights[key] = boxes
    latency = data.latency(small).values
    # bars are drawn design by design
    assert heights["latency"] == near(
        [
            latency[layer, design]
            for design in small.designs
            for layer in ("GAN_Deconv3", "FCN_Deconv2")
        ]
    )
    shares = data.energy_parts(small)
    assert sum(heights["energy_parts"]) == near(
        sum(shares.whole(*key) / shares.scale(key[0]) for key in shares.values)
    )
    paths = write_figures(small, tmp_path)
    assert len(paths) == 3 * len(heights) == len({path.name for path in paths})
    for path in paths:
        content = path.read_bytes()
        if path.suffix == ".pdf":
            assert b"/FontFile2" in content
            assert b"/Type3" not in content
        elif path.suffix == ".svg":
            tags = {element.tag for element in ElementTree.fromstring(content).iter()}
            assert not any(tag.endswith("}text") for tag in tags)
        else:
            assert content.startswith(b"\x89PNG")


def test_command_writes_a_page(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "red_timeloop.cli.main",
            "report",
            "sngan_cifar10",
            "--engine",
            "embedded",
            "--design",
            "red",
            "-o",
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == str(tmp_path / "report.html")
    assert (tmp_path / "sngan_cifar10.json").is_file()


MEASURE = """
  const rects = [...page.querySelectorAll("svg.chart rect")];
  const boxes = rects.map(r => r.getBoundingClientRect());
  const charts = [...page.querySelectorAll("svg.chart")];
  const texts = [...page.querySelectorAll("svg.chart text")];
  const outside = charts.filter(chart => {
    const box = chart.getBoundingClientRect();
    return [...chart.querySelectorAll("text")].some(text => {
      const own = text.getBoundingClientRect();
      return own.left < box.left - 1 || own.right > box.right + 1 || own.bottom > box.bottom + 1;
    });
  }).map(chart => chart.querySelector("title").textContent);
  const fills = new Set(rects.map(r => view.getComputedStyle(r).fill));
  return {
    ready: page.readyState,
    charts: charts.length,
    bars: rects.length,
    shown: boxes.filter(b => b.width > 0 && b.height > 4).length,
    outside: outside,
    smallest: Math.min(...texts.map(t => t.getBoundingClientRect().height)),
    described: charts.filter(c => {
      const ids = c.getAttribute("aria-labelledby").split(" ");
      return c.getAttribute("role") === "img" && ids.length === 2
        && ids.every(id => page.getElementById(id).textContent.length > 3);
    }).length,
    black: fills.has("rgb(0, 0, 0)"),
    ground: view.getComputedStyle(page.body).backgroundColor,
    ink: view.getComputedStyle(page.querySelector("svg.chart .label")).fill,
    wide: page.documentElement.scrollWidth, room: page.documentElement.clientWidth,
    columns: view.getComputedStyle(page.querySelector(".charts"))
      .gridTemplateColumns.split(" ").length,
    frames: [...page.querySelectorAll(".picture .frame")].filter(
      f => view.getComputedStyle(f).visibility === "visible").length,
  };
"""


@needs_browser
def test_browser_shows_every_chart_on_a_desk(folder: Path, comparison: Comparison) -> None:
    seen = browser.measure(folder / "report.html", MEASURE)
    assert seen.console == ()
    page = seen.result
    assert page["ready"] == "complete"
    assert page["charts"] == page["described"] == 7 * 6
    bars = sum(len(dataset(comparison).values) for dataset in BARS if dataset is not data.saving)
    pieces = sum(
        1
        for dataset in STACKS
        for parts in dataset(comparison).values.values()
        for value in parts.values()
        if value
    )
    assert page["bars"] == bars + pieces
    assert page["shown"] == page["bars"]
    assert page["outside"] == []
    assert not page["black"], "every bar has a colour of its own"
    assert page["columns"] == 3
    assert page["wide"] <= page["room"]
    assert page["ground"] == "rgb(255, 255, 255)"
    assert page["frames"] > 0, "the picture shows a frame"


@needs_browser
def test_browser_shows_it_on_a_phone_in_the_dark(folder: Path) -> None:
    seen = browser.measure(folder / "report.html", MEASURE, width=390, dark=True)
    assert seen.console == ()
    page = seen.result
    assert page["columns"] == 1
    assert page["wide"] <= page["room"] == 390, "nothing sticks out to the side"
    assert page["outside"] == []
    assert page["smallest"] >= 9, "words keep their size"
    dark, light = (sum(map(int, re.findall(r"\d+", page[key]))) / 3 for key in ("ground", "ink"))
    assert dark < 50
    assert light > 200


@needs_browser
def test_browser_would_have_told_of_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<!doctype html><body><script>console.error('wrong')</script></body>")
    seen = browser.measure(page, "return page.body.children.length")
    assert seen.result == 1
    assert any("wrong" in line for line in seen.console)
