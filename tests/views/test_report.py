"""The report shows the comparison's numbers, alone in one file."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from close import near
from markupsafe import escape
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

import red_timeloop
from red_timeloop import TransposedConv, on_chip, resources
from red_timeloop.cli.main import cli
from red_timeloop.comparison import Comparison, compare
from red_timeloop.designs import evaluator
from red_timeloop.errors import InputError
from red_timeloop.spec.reader import read_specification
from red_timeloop.views import data
from red_timeloop.views.data import component_group
from red_timeloop.views.loop_nest import loop_nests
from red_timeloop.views.palette import PARTS
from red_timeloop.views.write import write_report

SVG = "{http://www.w3.org/2000/svg}"
PAGE = "report.html"
RATIOS = ("speedup", "energy_ratio")


def figures(page: Path) -> dict[str, ElementTree.Element]:
    """The page's charts by name."""
    found = re.findall(
        r'<figure data-chart="(\w+)">.*?(<svg.*?</svg>)', page.read_text(), re.DOTALL
    )
    return {key: ElementTree.fromstring(svg) for key, svg in found}


def marks(svg: ElementTree.Element) -> list[tuple[str, str, ElementTree.Element]]:
    """Layer and design of what stands for a value in a chart."""
    return [
        (row.get("data-layer", ""), mark.get("data-design", ""), mark)
        for row in svg.iter(f"{SVG}g")
        if row.get("class") == "row"
        for mark in row
        if mark.get("data-tip")
    ]


@pytest.mark.parametrize("key", ["latency", "energy", "area", "speedup", "energy_ratio"])
def test_every_dot_stands_for_its_number(comparison: Comparison, folder: Path, key: str) -> None:
    base = {result.layer: result.design_result for result in comparison.baseline}
    wanted = {}
    for result in comparison.results:
        own, zero_padding = result.design_result, base[result.layer]
        if key not in RATIOS or result.design != "zero_padding":
            wanted[result.layer, result.design] = {
                "speedup": zero_padding.latency / own.latency,
                "energy_ratio": own.energy / zero_padding.energy,
            }.get(key) or getattr(own, key)
    axes = getattr(comparison.plot, key)(Figure().subplots())
    drawn = {
        tuple(json.loads(url)[:2]): place[0]
        for dots in axes.collections
        if isinstance(dots, PathCollection)
        for url, place in zip(dots.get_urls(), dots.get_offsets(), strict=True)
    }
    assert drawn == {place: near(value) for place, value in wanted.items()}
    unit = {"latency": "s", "energy": "J", "area": "m2"}.get(key, "x")
    told = {(la, d): mark.get("data-tip") for la, d, mark in marks(figures(folder / PAGE)[key])}
    assert told == {place: data.format_value(value, unit) for place, value in wanted.items()}


@pytest.mark.parametrize("key", ["energy_parts", "time_parts"])
def test_parts_of_a_bar_add_up_to_its_share_of_zero_paddings(
    comparison: Comparison, key: str
) -> None:
    axes = getattr(comparison.plot, key)(Figure().subplots())
    total = {"energy_parts": "energy", "time_parts": "latency"}[key]
    wholes = {(r.layer, r.design): getattr(r.design_result, total) for r in comparison.results}
    bars: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for boxes in axes.collections:
        for url, path in zip(boxes.get_urls(), boxes.get_paths(), strict=True):
            layer, design, *_ = json.loads(url)
            if design:
                ends = path.vertices[:, 0]
                bars.setdefault((layer, design), []).append((min(ends), max(ends)))
    assert bars.keys() == wholes.keys()
    for (layer, design), pieces in bars.items():
        share = wholes[layer, design] / wholes[layer, "zero_padding"]
        ends = [0.0, *(right for _, right in pieces)]
        assert [left for left, _ in pieces] == [near(end) for end in ends[:-1]]
        assert ends[-1] == near(share)


def test_the_arrow_keys_go_through_a_row_by_design(folder: Path, comparison: Comparison) -> None:
    order = [
        design
        for layer, design, _ in marks(figures(folder / PAGE)["energy_parts"])
        if layer == "GAN_Deconv1"
    ]
    assert list(dict.fromkeys(order)) == list(comparison.designs)
    assert order == sorted(order, key=comparison.designs.index)


def test_a_part_looks_the_same_in_every_figure(comparison: Comparison) -> None:
    looks: dict[str, set[tuple[object, ...]]] = {}
    for part in (comparison, compare("red_date2019", ["red", "eyeriss"], layers=["GAN_Deconv3"])):
        for key in ("energy_parts", "time_parts"):
            legend = getattr(part.plot, key)(Figure().subplots()).get_legend()
            for text, patch in zip(legend.get_texts(), legend.get_patches(), strict=True):
                looks.setdefault(text.get_text(), set()).add(
                    (patch.get_facecolor(), patch.get_hatch())
                )
    assert {"converters", "convert"} <= looks.keys()
    assert all(len(found) == 1 for found in looks.values())
    assert looks["converters"] == looks["convert"], "one thing, in one colour"


def test_rows_and_columns_used_are_those_of_the_layer(folder: Path) -> None:
    # FCN_Deconv1: 21 channels on 128 rows; 21 outputs of 8 bits in 2-bit cells on 128 columns
    found = {
        mark.get("data-tip")
        for layer, design, mark in marks(figures(folder / "report.html")["use"])
        if (layer, design) == ("FCN_Deconv1", "red")
    }
    assert found == {"rows 16.4 %", "columns 65.6 %"}


@pytest.mark.parametrize("name", resources.names("arch"))
def test_every_level_of_a_shipped_architecture_has_a_group_and_a_colour(name: str) -> None:
    levels = read_specification(resources.path(f"arch/{name}.yaml")).architecture.levels
    priced = [level.name for level in levels if level.kind != "spatial" and level.name != "host"]
    assert priced
    assert {component_group(level) for level in priced} <= set(data.COMPONENT_GROUPS)
    assert len(data.COMPONENT_GROUPS) <= len(PARTS)


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
    assert not {"iframe", "object", "img"} & set(page.tags)
    text = (folder / "report.html").read_text()
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'\"" in text, "no other script may run"
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
        assert escape(line) in text
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


def test_convolutions_on_which_all_are_equal_are_marked(tmp_path: Path) -> None:
    network = compare("sngan_cifar10", ["red", "zero_padding"])
    page = write_report([network], tmp_path)[0].read_text()
    folded = set(re.findall(r'name="layer" value="([^"]+)" data-alike', page))
    equal = {
        entry.name
        for entry in network.workload.layers
        if not entry.layer.transposed
        and len({r.design_result.energy for r in network.results if r.layer == entry.name}) == 1
    }
    assert folded == equal
    assert 0 < len(folded) < len(network.workload.layers)


def test_equal_comparisons_give_equal_pages(folder: Path, tmp_path: Path) -> None:
    again = compare("red_date2019", engine="embedded").report(tmp_path)
    assert again.read_text() == (folder / "report.html").read_text()


def test_a_page_of_a_workload_is_that_of_its_comparison(tmp_path: Path) -> None:
    layer = TransposedConv(8, 8, (4, 4), kernel_size=4, stride=2, padding=1, name="up")
    page = red_timeloop.report(layer, tmp_path / "one")
    assert page == tmp_path / "one" / "report.html"
    assert page.read_text() == red_timeloop.report(compare(layer), tmp_path / "two").read_text()


def test_a_chip_is_shown_with_its_pictures(tmp_path: Path) -> None:
    comparison = compare("red_date2019", ["red"], layers=["GAN_Deconv3"])
    found = on_chip(comparison.workload, ["red"], "embedded")
    text = red_timeloop.report(comparison, tmp_path, chips=[found]).read_text()
    (section,) = re.findall(r'<section id="chip-red_date2019".*?</section>', text, re.DOTALL)
    titles = re.findall(r'<figure class="wide"><figcaption><h3>([^<]*)', section)
    plan_and_timeline = ["red_date2019 on isaac, RED"] * 2
    assert titles == ["Area and power of red_date2019 on isaac", *plan_and_timeline]
    for result in found.results:
        assert f'data-v="{result.rate}"' in section
        assert f'data-v="{result.as_dict()["tops_per_W"]}"' in section
    assert all(escape(line) in section for line in found.assumptions)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_chip_takes_over_what_the_comparison_evaluated(
    jobs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, str]] = []
    evaluate = evaluator.evaluate

    def noted(design: Any, layer: Any, *rest: Any, **more: Any) -> Any:
        asked.append((layer, design.name))
        return evaluate(design, layer, *rest, **more)

    dealt = []
    deal = evaluator.deal
    monkeypatch.setattr(evaluator, "evaluate", noted)
    monkeypatch.setattr(evaluator, "deal", lambda *told: dealt.append(told) or deal(*told))
    words = ["report", "dcgan", "--chip", "isaac", "--engine", "embedded", "--design", "red"]
    CliRunner().invoke(cli, [*words, "--jobs", jobs, "-o", str(tmp_path)], catch_exceptions=False)
    assert (tmp_path / "report.html").exists()
    assert len(asked) == len(set(asked)) >= 1  # a full crossbar, for the peak rate, at least
    assert len(dealt) == (jobs == "2")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--area", "50mm2"], "a budget of no chip"),
        (["--chip", "isaac", "--map"], "--map is not for chips"),
        (["--chip", "isaac", "--area", "9mm2", "--chips", "2"], "more than one budget"),
        (["--chip", "isaak"], "isaak"),
    ],
)
def test_what_cannot_be_put_on_a_chip_is_refused(
    options: list[str], message: str, tmp_path: Path
) -> None:
    words = ["report", "red_date2019:GAN_Deconv3", *options, "-o", str(tmp_path / "page")]
    with pytest.raises(InputError, match=message):
        CliRunner().invoke(cli, words, catch_exceptions=False)
    assert not (tmp_path / "page").exists()


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


def test_paper_figures_are_in_every_format_with_their_fonts(tmp_path: Path) -> None:
    small = compare("red_date2019", ["red", "zero_padding"], layers=["GAN_Deconv3", "FCN_Deconv2"])
    paths = [path for path in write_report([small], tmp_path, figures=True) if "-" in path.name]
    assert len(paths) == 3 * (len(data.CHARTS) + 1)
    for path in paths:
        content = path.read_bytes()
        if path.suffix == ".pdf":
            assert b"/FontFile2" in content
            assert b"/Type3" not in content
        elif path.suffix == ".svg":
            words = {element.text for element in ElementTree.fromstring(content).iter(f"{SVG}text")}
            assert {"GAN_Deconv3", "FCN_Deconv2"} - words == set() or "zeros" in path.name
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
