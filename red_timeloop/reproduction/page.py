"""Published and modelled figures as a page of text, and that as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from red_timeloop.reproduction import Figure, Reproduction
from red_timeloop.reproduction.figures import MAIN, Sensitivity
from red_timeloop.reproduction.published import CROSSBAR_LIMIT, PUBLISHED, Published
from red_timeloop.units import percent

__all__ = ["INTRODUCTION", "Block", "blocks", "page", "span"]

_BLOCKS = 20  # width of the longest bar
INTRODUCTION = (
    "The published figures of RED beside the modelled ones, all layers with one set of "
    "circuits. `isaac_32nm` is the default; `red_paper` is inferred from the published "
    "figures: word lines through all modes, a converter for every column, inserted zeros "
    "driven and stored like data. No number of it was fitted; its mechanisms were chosen "
    "among several, and its file says what is inferred. In layers of the first paper with "
    f"more than {CROSSBAR_LIMIT} sub-crossbars two kernel pixels share one (inferred from "
    "31.15x); none do in the networks of the second. The CMOS rival is one array, not as large "
    "as RED. An end counts as met within 5 % of a speedup, 20 % of an energy efficiency and 10 "
    "points of a saving. What the papers' texts say of layers, node and converters was not at "
    "hand: their abstracts and introductions were."
)
_WHY = (
    "Where an energy end is missed on one layer, the crossbars say why: every sub-crossbar of"
    " a mode is converted for itself, however few of its rows are used. Merged in current a "
    "mode is converted once, but zero padding then joins lines of thousands of rows, which "
    "settle so slowly that speedups come out too high (`red_paper, merged in current`). A "
    "split kernel is RED with the rows of its modes packed; data without zeros on ReRAM were "
    "LerGAN's before (MICRO 2018)."
)
_MOVES = (
    "One parameter at a time over its published spread, all others kept: the one that moves "
    "each end most, and the factor by which it moves the ratio of the rival's time or energy "
    "to RED's. All bars have one scale, logarithmic."
)


@dataclass(frozen=True)
class Block:
    """A heading, what stands below it, and a table."""

    heading: str
    text: str
    headings: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


def page(result: Reproduction) -> str:
    """Return the same as Markdown, with a picture of all variants beside it."""
    lines = ["# Published and modelled figures", "", INTRODUCTION, ""]
    lines += ["![Published ranges as bands, every variant as a line](reproduction.svg)", ""]
    for block in blocks(result):
        lines += [f"## {block.heading}", ""]
        lines += [block.text, ""] if block.text else []
        if block.rows:
            cells = [block.headings, ["---"] * len(block.headings), *block.rows]
            lines += [*map(_row, cells), ""]
    return "\n".join(lines).rstrip() + "\n"


def span(published: Published, low: float, high: float) -> str:
    """Return a range of a figure as a person reads it.

    >>> span(PUBLISHED["layer_saving"], 0.08, 0.8836)
    '8.0 % to 88.4 %'
    """
    ends = [_value(published, end) for end in (low, high)]
    return ends[0] if low == high else f"{ends[0]} to {ends[1]}"


def blocks(result: Reproduction) -> Iterator[Block]:
    """Yield the page, a heading after the other."""
    verdicts = [
        f"* {figure}{f', {name}' if name else ''}: **{text}**"
        for figure, by_set in result.summary().items()
        for name, text in by_set.items()
    ]
    yield Block("Verdicts", "\n".join(verdicts))
    for published in PUBLISHED.values():
        yield _figure_block(published, result.of(published))
    yield _variants(result)
    notes = [
        f"* {figure.published.figure}, {figure.variant}, against {figure.rival}: {figure.note}"
        for figure in result.figures
        if figure.variant in MAIN and figure.note
    ]
    yield Block("Why", "\n".join([_WHY, "", *notes]))
    headings = ("set", "against", "end", "parameter", "moves", "at its ends", "factor")
    yield Block("What moves the ends most", _MOVES)
    longest = max((each.bars[0].swing for each in result.sensitivities), default=0.0) or 1.0
    for published in PUBLISHED.values():
        mine = [each for each in result.sensitivities if each.published == published]
        if mine:
            yield Block(_title(published), "", headings, [_bar(each, longest) for each in mine])


def _figure_block(published: Published, figures: Sequence[Figure]) -> Block:
    whole = f"{_title(published)}: published {span(published, published.low, published.high)}"
    notes = [f"Source: {published.source}.", published.note and f"Published {published.note}."]
    shown = [figure for figure in figures if figure.variant in MAIN]
    if not shown:
        (only,) = figures
        notes.append(f"Modelled: {span(published, only.low, only.high)}, {only.note}.")
        return Block(whole, " ".join(filter(None, notes)))
    ranks = {figure.rival: number for number, figure in enumerate(shown)}
    shown.sort(key=lambda figure: ranks[figure.rival])
    headings = ("against", "set", "lower end", "", "upper end", "", "verdict")
    return Block(whole, " ".join(filter(None, notes)), headings, [_cells(f) for f in shown])


def _cells(figure: Figure) -> list[str]:
    published = figure.published
    cells = [figure.rival or "", str(figure.variant)]
    ends = zip((figure.low, figure.high), figure.ends, figure.deviations, strict=True)
    for value, name, off in ends:
        far = published.measure != "saving" and abs(off) >= 1
        by = f"{off + 1:.3g} times" if far else f"{100 * off:+.1f} {_unit(published)}"
        cells += [f"{_value(published, value)} ({by})", name]
    return [*cells, figure.verdict]


def _variants(result: Reproduction) -> Block:
    ranges: dict[str, list[str]] = {}
    for figure in result.figures:
        if figure.rival == "zero_padding":
            text = span(figure.published, figure.low, figure.high)
            ranges.setdefault(str(figure.variant), []).append(text)
    published = [p for p in PUBLISHED.values() if p.rivals]
    first = ["published", *(span(p, p.low, p.high) for p in published)]
    rows = [first, *([name, *texts] for name, texts in ranges.items())]
    headings = ("circuits", *(p.figure.removesuffix(", six layers") for p in published))
    return Block("Every variant against zero padding", "", headings, rows)


def _bar(each: Sensitivity, longest: float) -> list[str]:
    bar = each.bars[0]
    ends = [_value(each.published, each.value(ratio)) for ratio in (bar.at_low, bar.at_high)]
    return [
        each.set,
        each.rival,
        each.end,
        bar.parameter,
        f"{bar.low} to {bar.high}",
        f"{ends[0]} to {ends[1]}",
        f"{'█' * round(_BLOCKS * bar.swing / longest)} {bar.factor:.2f}x".strip(),
    ]


def _title(published: Published) -> str:
    return published.figure[0].upper() + published.figure[1:]


def _unit(published: Published) -> str:
    return "points" if published.share else "%"


def _value(published: Published, number: float) -> str:
    return percent(number) if published.share else f"{number:.2f}x"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"
