"""The report as a real browser shows it: figures, switches, type and colours, on desk and phone."""

from __future__ import annotations

import re
from pathlib import Path

import browser
import pytest

from red_timeloop.comparison import Comparison
from red_timeloop.views import data

needs_browser = pytest.mark.skipif(browser.find() is None, reason=browser.MISSING)

MEASURE = """
  const all = (what, from = page) => [...from.querySelectorAll(what)];
  const shown = (what, from) => all(what, from).filter(e => e.getClientRects().length);
  const figures = all("svg.fig");
  const outside = figures.filter(figure => {
    const box = figure.getBoundingClientRect();
    return shown("text", figure).some(text => {
      const own = text.getBoundingClientRect();
      return own.left < box.left - 1 || own.right > box.right + 1 || own.bottom > box.bottom + 1;
    });
  }).map(figure => figure.getAttribute("aria-label"));
  const words = shown("svg.fig text").map(t => t.getBoundingClientRect().height);
  const click = what => { page.querySelector(what).click(); };
  const energies = () => all("table").find(t => t.rows.length > 20).tBodies[0];
  const before = {
    marks: shown("[data-design=red][data-tip]").length,
    rows: shown("tr[data-layer]").length,
    heights: figures.map(f => f.viewBox.baseVal.height),
  };
  click("input[name=design][value=red]");
  click("input[name=layer][value=GAN_Deconv1]");
  const gone = shown("[data-design=red], [data-layer=GAN_Deconv1]").length;
  const lower = figures.filter((f, n) => f.viewBox.baseVal.height < before.heights[n]).length;
  click("input[name=design][value=red]");
  click("input[name=layer][value=GAN_Deconv1]");
  const heads = all("th button", energies().parentElement);
  heads.find(b => b.textContent === "energy").click();
  const column = heads.findIndex(b => b.textContent === "energy");
  const sorted = [...energies().rows].map(r => Number(r.cells[column].dataset.v));
  figures[0].focus();
  figures[0].dispatchEvent(new view.KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true}));
  return {
    ready: page.readyState, figures: figures.length, outside, before, gone, lower,
    smallest: Math.min(...words), sorted,
    tip: page.getElementById("tip").textContent,
    named: figures.filter(f => f.getAttribute("aria-label").length > 5).length,
    ground: view.getComputedStyle(page.body).backgroundColor,
    ink: view.getComputedStyle(page.querySelector(".row text")).fill,
    wide: page.documentElement.scrollWidth, room: page.documentElement.clientWidth,
    columns: view.getComputedStyle(page.querySelector(".charts"))
      .gridTemplateColumns.split(" ").length,
    frames: all(".picture .frame").filter(
      f => view.getComputedStyle(f).visibility === "visible").length,
  };
"""


@needs_browser
def test_browser_shows_every_chart_on_a_desk(folder: Path, comparison: Comparison) -> None:
    seen = browser.measure(folder / "report.html", MEASURE)
    assert seen.console == ()
    page = seen.result
    assert page["ready"] == "complete"
    assert page["figures"] == page["named"] == len(data.CHARTS) + 1
    assert page["outside"] == []
    assert page["columns"] == 2
    assert page["wide"] <= page["room"]
    assert page["ground"] == "rgb(255, 255, 255)"
    assert page["frames"] > 0, "the picture shows a frame"
    assert page["before"]["marks"] > 0
    assert page["before"]["rows"] == len(comparison.results) + len(comparison.workload.layers)
    assert page["gone"] == 0, "what is switched off is not seen"
    assert page["lower"] == len(data.CHARTS), "rows below move up"
    assert page["sorted"] == sorted(r.design_result.energy for r in comparison.results)
    first = data.format_value(comparison.summary[0].layers["GAN_Deconv1"][0], "x")
    assert page["tip"] == f"GAN_Deconv1, RED, {first}"


@needs_browser
def test_browser_shows_it_on_a_phone_in_the_dark(folder: Path) -> None:
    seen = browser.measure(folder / "report.html", MEASURE, width=390, dark=True)
    assert seen.console == ()
    page = seen.result
    assert page["columns"] == 1
    assert page["wide"] <= page["room"] == 390, "nothing sticks out to the side"
    assert page["outside"] == []
    dark, light = (sum(map(int, re.findall(r"\d+", page[key]))) / 3 for key in ("ground", "ink"))
    assert dark < 50
    assert light > 200


@needs_browser
@pytest.mark.skipif(browser.axe() is None, reason="no axe-core (`make browser` brings it)")
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_to_complain_of(folder: Path, tmp_path: Path, dark: bool) -> None:
    text = re.sub(
        r'<meta http-equiv="Content-Security-Policy"[^>]*>',
        "",
        (folder / "report.html").read_text(),
    )
    (tmp_path / "page.html").write_text(f"{text}<script>{browser.axe()}</script>")
    script = """
      page.querySelectorAll("details").forEach(each => { each.open = true; });
      return view.axe.run().then(found => found.violations.map(v => [v.id, v.nodes[0].html]));
    """
    assert browser.measure(tmp_path / "page.html", script, dark=dark).result == []


@needs_browser
def test_browser_would_have_told_of_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<!doctype html><body><script>console.error('wrong')</script></body>")
    seen = browser.measure(page, "return page.body.children.length")
    assert seen.result == 1
    assert any("wrong" in line for line in seen.console)
