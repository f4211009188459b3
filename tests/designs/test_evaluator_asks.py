"""Many layers on many designs: what an evaluator asks for, and what it keeps."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from red_timeloop import Conv, TransposedConv, designs
from red_timeloop.designs import evaluator as evaluator_module
from red_timeloop.designs.evaluator import Evaluator
from red_timeloop.designs.red import RED
from red_timeloop.engines.embedded import engine as embedded
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware

OWN = Hardware.load()


def layers(count: int) -> list[Conv]:
    return [Conv(1, 1, (n,), 1, name=str(n)) for n in range(1, count + 1)]


@pytest.mark.parametrize(("count", "shares"), [(1, 1), (32, 1), (33, 2), (65, 3)])
def test_32_layers_or_so_are_searched_for_together(
    count: int, shares: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal layers are one, and told with the others done."""
    asked: list[list[int]] = []
    told: list[tuple[int, int]] = []

    def together(_: Any, share: Any, chosen: Any) -> None:
        assert [each.name for each in chosen] == ["eyeriss"]
        asked.append([layer.input_size[0] for layer in share])

    monkeypatch.setattr(Evaluator, "map_together", together)
    evaluator = Evaluator(OWN, embedded)
    chosen = designs.choose(["red", "eyeriss"])
    own = layers(count)
    evaluator.prepare([*own, *own[:1]], chosen, 1, lambda *done: told.append(done))
    assert len(asked) == shares
    assert sorted(each for share in asked for each in share) == list(range(1, count + 1))
    ends = np.cumsum([len(share) for share in asked]).tolist()
    assert told == [(end, count) for end in ends]
    asked.clear()
    evaluator.prepare(own, chosen[:1], 1)  # red searches for nothing
    assert asked == []


@pytest.mark.parametrize("names", [["red"], ["eyeriss", "simba_split"]])
def test_shares_have_alike_much_to_search_for(names: list[str]) -> None:
    """Counted here again: the ways to say all parts of each layer, and one for all the rest."""
    chosen = designs.choose(names) if names != ["red"] else ()

    def work(layer: TransposedConv) -> int:
        ways: list[Any] = []
        for design in chosen:
            for part in design.plan(layer, OWN).parts:
                ways += [x.problem for x in (part, *part.alternatives) if x.problem not in ways]
        return 1 + len(ways)

    own = [
        TransposedConv(16, 8 + n, (5 + n % 7, 6), 3 + n % 2, stride=2, padding=1) for n in range(24)
    ]
    for count in (1, 2, 3):
        shares = Evaluator(OWN, embedded)._shares(own, chosen, count)
        assert sorted((each for share in shares for each in share), key=own.index) == own
        loads = [sum(map(work, share)) for share in shares]
        assert len(loads) == count
        assert max(loads) - min(loads) <= max(map(work, own))
    assert len(Evaluator(OWN, embedded)._shares(own[:2], chosen, 3)) == 2


def test_layers_that_are_known_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []
    monkeypatch.setattr(
        Evaluator,
        "map_together",
        lambda _, share, chosen: asked.append([layer.input_size[0] for layer in share]),
    )
    evaluator = Evaluator(OWN, embedded)
    eyeriss, simba = designs.choose(["eyeriss", "simba"])
    first, second = layers(2)
    known: Any = SimpleNamespace(design=eyeriss)
    evaluator.know(replace(first, name="else"), known)
    assert evaluator(first, eyeriss) is known
    evaluator.prepare([first, second], [eyeriss], 1)
    evaluator.prepare([first, second], [eyeriss, simba], 1)  # not known on both
    assert asked == [[2], [2, 1]]


def test_an_evaluator_under_other_numbers_is_of_the_same_kind() -> None:
    evaluator = Evaluator(OWN, embedded, iso_area=True, crossbars=7)
    other = evaluator.under(OWN.replace(rows=64))
    assert (other.iso_area, other.crossbars, other.engine) == (True, 7, embedded)
    assert (other.hardware.rows, other.engine_name) == (64, "embedded")
    plain = Evaluator(OWN, embedded)
    assert (plain.iso_area, plain.crossbars) == (False, None)


def test_designs_of_one_area() -> None:
    """RED is what it is, others are scaled or copied, unless they are mapped on crossbars."""
    layer = TransposedConv(8, 8, (8, 8), 16, stride=8)
    padding, eyeriss = designs.find("zero_padding"), designs.find("eyeriss")
    plain, alike = Evaluator(OWN, embedded), Evaluator(OWN, embedded, iso_area=True)
    red = alike(layer, RED)
    assert red == plain(layer, RED)
    one, copied = plain(layer, padding), alike(layer, padding)
    assert one.area < copied.area <= red.area
    assert copied.plan.crossbars > one.plan.crossbars
    assert alike._sized(layer, eyeriss) == eyeriss.scaled(red.area)
    assert alike._sized(layer, RED) is RED
    assert plain._sized(layer, eyeriss) is eyeriss


def test_mapped_designs_are_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many of their own choices as crossbars allow take the place of copies."""
    asked: list[tuple[str, Any]] = []

    def recorded(design: Any, *_: Any, crossbars: Any, known: Any) -> Any:
        asked.append((design.name, crossbars))
        return SimpleNamespace(area=1.0, plan=None)

    monkeypatch.setattr(evaluator_module, "evaluate", recorded)
    layer, evaluator = layers(1)[0], Evaluator(OWN, embedded, iso_area=True, crossbars=64)
    evaluator(layer, designs.find("zero_padding"))
    assert asked == [("red", 64), ("zero_padding", 64)]
    evaluator(replace(layer, name="else"), designs.find("zero_padding"))
    assert len(asked) == 2


def test_one_share_needs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def deal(run: Any, chunks: Any, workers: int) -> Any:
        asked.append(len(chunks))
        return iter(())

    monkeypatch.setattr(evaluator_module, "deal", deal)
    for count in (1, 2, 3, 65):
        Evaluator(OWN, embedded).prepare(layers(count), designs.choose(["red"]), 2)
    assert asked == [2, 2, 3]  # of 65 layers 32 at most
    own = SimpleNamespace(
        name="own", plan=lambda *_: SimpleNamespace(searched=False), __module__="else"
    )
    Evaluator(OWN, embedded).prepare(layers(3), [own], 2)  # type: ignore[list-item]
    assert asked == [2, 2, 3]


def test_a_process_evaluates_its_share_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without processes of its own; what a design cannot run is left out."""
    asked: list[tuple[Any, int]] = []
    monkeypatch.setattr(
        Evaluator, "prepare", lambda _, own, chosen, jobs: asked.append((own, chosen, jobs))
    )
    own, chosen = tuple(layers(2)), designs.choose(["red", "zero_padding"])
    up = TransposedConv(2, 2, (2, 2), 2, stride=2)
    hardware = OWN.replace(fold=9)  # more than a mode of RED has
    chunk = evaluator_module._Chunk((*own, up), chosen, hardware, "embedded", False, None)
    found = evaluator_module._evaluate_chunk(chunk)
    assert asked == [(chunk.layers, chosen, 1)]
    assert [list(each) for each in found] == [["red", "zero_padding"]] * 2 + [["zero_padding"]]
    plain = Evaluator(hardware, embedded)
    assert found[2]["zero_padding"] == plain(up, chosen[1])


def test_a_plan_is_searched_for_once_whosever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both designs of an array run a convolution alike; RED searches for nothing."""
    asked: list[list[str]] = []

    def together(pairs: Any, run: Any) -> list[Any]:
        asked.append([design.name for design, _ in pairs])
        return [SimpleNamespace(design=design, plan=plan) for design, plan in pairs]

    monkeypatch.setattr(evaluator_module, "evaluate_all", together)
    chosen = designs.choose(["red", "eyeriss", "eyeriss_split", "simba"])
    layer, up = layers(1)[0].unnamed, TransposedConv(2, 2, (2, 2), 3, stride=2)
    evaluator = Evaluator(OWN, embedded)
    evaluator.map_together([layer, up], chosen)
    assert asked.pop() == ["eyeriss", "simba", "eyeriss", "eyeriss_split", "simba"]
    evaluator.map_together([layer, up], chosen)  # all are known, or equal to what is
    assert asked.pop() == []
    assert evaluator(up, chosen[1]).design == chosen[1]
    mapped = Evaluator(OWN, embedded, crossbars=9)
    mapped.map_together([layer, up], chosen)
    assert asked.pop() == []
    none = InputError("none")
    monkeypatch.setattr(evaluator_module, "evaluate_all", lambda pairs, _: [none for _ in pairs])
    other = Evaluator(OWN, embedded)
    other.map_together([up], chosen)
    assert not other._known[up]
