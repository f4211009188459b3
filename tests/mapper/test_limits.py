"""What is held at a time changes no answer; what is too large is left open, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import permutations, product
from math import prod
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from mapper.small_spaces import problem, random_space
from mapper.test_bound import across_alone, space

from red_timeloop.engines.embedded.machine import build_machine, build_shape
from red_timeloop.mapper import cache, check, exhaustive, find, padding, run
from red_timeloop.mapper import space as spaces
from red_timeloop.mapper.bound import build_bound
from red_timeloop.mapper.exact import choices, goals, lower, part, parts, search, walk
from red_timeloop.mapper.exact.frame import build_frame
from red_timeloop.mapper.exact.goals import Lowest
from red_timeloop.mapper.exact.search import prove
from red_timeloop.mapper.space import Space, build_space
from red_timeloop.spec.types import Architecture, Constraints, Level, LevelConstraints

CHOSEN = space((4, 1), C=2, M=3, P=4)
# The parts: what four registers side by side can spread.
SPREADS = [each for each in product((1, 2), (1, 3), (1, 2, 4)) if prod(each) <= 4]
SHAPES = 2 * 3  # divisors of 3 and of 4: of the part that is looked at first
SPACES = [each for each in map(random_space, map(random.Random, range(12))) if each is not None]


def patched(monkeypatch: pytest.MonkeyPatch, limits: Mapping[tuple[ModuleType, str], int]) -> None:
    for (module, name), value in limits.items():
        monkeypatch.setattr(module, name, value)


@pytest.mark.parametrize(
    ("module", "name"), [(search, "_BATCH"), (walk, "_CHUNK"), (walk, "_ROOM")]
)
def test_pieces_of_any_size_go_through_the_same_mappings(
    module: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Known optima, so that what is looked at does not depend on what was found before."""
    batches: list[int] = []
    evaluate = search.evaluate_candidates

    def counted(candidates: Any, *others: Any) -> Any:
        batches.append(len(candidates))
        return evaluate(candidates, *others)

    monkeypatch.setattr(search, "evaluate_candidates", counted)
    for chosen in SPACES[:5]:
        best = prove(chosen, Lowest("edp")).goal.value
        whole = prove(chosen, Lowest("edp", best * (1 + 1e-9)))
        with monkeypatch.context() as context:
            context.setattr(module, name, 2)
            batches.clear()
            pieces = prove(chosen, Lowest("edp", best * (1 + 1e-9)))
        assert pieces.goal.value == whole.goal.value
        assert pieces.complete
        assert name != "_BATCH" or max(batches, default=0) <= 6  # orders of one mapping
        assert pieces.ruled_out == whole.ruled_out


def test_dealing_a_row_at_a_time_goes_through_the_same_mappings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bound = build_bound(CHOSEN, "energy")
    found = []
    for rows in (exhaustive._ROWS, 1):
        monkeypatch.setattr(exhaustive, "_ROWS", rows)
        covered = exhaustive.exhaust(CHOSEN, Lowest("energy"), bound, 10**9)
        assert covered.complete
        pruned = covered.pruned["fan_out"], covered.pruned["capacity"]
        found.append((covered.goal.value, pruned))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("limits", "parts_known"),
    [
        ({(parts, "_MOST"): len(SPREADS)}, False),
        ({(part, "MOST_SHAPES"): SHAPES}, True),
        ({(lower, "_MOST_PAIRS"): SHAPES, (walk, "_ROOM"): 1}, True),
    ],
)
def test_what_just_fits_is_searched_and_one_less_is_left_open(
    limits: dict[tuple[ModuleType, str], int],
    parts_known: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    best = prove(CHOSEN, Lowest("energy")).goal.value
    patched(monkeypatch, limits)
    whole = prove(CHOSEN, Lowest("energy"))
    assert (whole.complete, whole.goal.value) == (True, best)
    (first, most), *others = limits.items()
    patched(monkeypatch, {first: most - 1, **dict(others)})
    less = prove(CHOSEN, Lowest("energy"))
    assert not less.complete
    assert less.bound <= best * (1 + 1e-9)
    assert (less.claims is not None) == parts_known


@pytest.mark.parametrize("between", [True, False])
def test_pairs_of_spreads_are_counted_before_those_that_fit(
    between: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two arrays that can hold all of four dimensions of 4, apart or next to each other: each
    spreads 3^4 = 81 factors, 81^2 = 6561 pairs of which a quarter or less fits."""
    names = ("Weights", "Inputs", "Outputs")
    levels = [Level("dram", "storage"), Level("one", "spatial", "b", mesh_x=256)]
    levels += [Level("buffer", "storage", instances_x=256)] * between
    levels += [Level("two", "spatial", "r", mesh_x=256, instances_x=256)]
    levels += [Level(n, k, instances_x=256**2) for n, k in (("r", "storage"), ("m", "compute"))]  # type: ignore[arg-type]
    machine = build_machine(Architecture(tuple(levels)), names, None, None)
    shape = build_shape(problem(C=4, M=4, R=4, P=4))
    rules = Constraints({level.name: LevelConstraints() for level in levels[:-1]})
    frame = build_frame(build_space(machine, shape, rules))
    monkeypatch.setattr(parts, "_MOST", 1641)
    assert len(parts.spreads(frame)) == (6**4 if between else 3**4)
    monkeypatch.setattr(parts, "_MOST", 1640)
    with pytest.raises(parts.TooManyPartsError):
        parts.spreads(frame)


def test_orders_that_matter_to_neighbours_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    alike, met = search._alike, 0
    for chosen in SPACES:
        counts = [0]

        def counted(*given: Any, counts: list[int] = counts) -> Any:
            found = alike(*given)
            counts.append(len(found))
            return found

        with monkeypatch.context() as context:
            context.setattr(search, "_alike", counted)
            assert prove(chosen, Lowest("energy")).complete
            if max(counts) < 2:
                continue
            met += 1
            context.setattr(search, "_DEEPEST", max(counts))
            whole = prove(chosen, Lowest("energy"))
            context.setattr(search, "_DEEPEST", max(counts) - 1)
            less = prove(chosen, Lowest("energy"))
        assert whole.complete
        assert (less.complete, less.claims is None) == (False, False)
        assert less.bound <= whole.goal.value * (1 + 1e-9)
        break
    assert met


def test_more_than_eight_free_loops_have_too_many_orders() -> None:
    def orders(count: int) -> int:
        own: Any = SimpleNamespace(innermost={0: (count,)}, outermost={0: ()})
        own.pinned = partial(Space.pinned, own)
        chosen: Any = SimpleNamespace(dimensions=tuple(range(count + 1)), storages=(0,), space=own)
        return len(choices.all_orders(chosen, 0, tuple(range(count + 1))))

    assert orders(8) == 40_320
    with pytest.raises(choices.TooManyOrdersError):
        orders(9)


def test_orders_are_counted_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four loops have 24 orders; where C is pinned inside and P outside, M and R have two."""
    chosen = space(C=2, M=2, R=2, P=2)
    loops = ((), (C, M, R, P))
    monkeypatch.setattr(exhaustive, "_MOST_ORDERS", 24)
    assert set(exhaustive._orders(chosen, loops)) == {((), own) for own in permutations(loops[1])}
    assert len(exhaustive._orders(chosen, ((C,), *loops[1:]))) == 24
    monkeypatch.setattr(exhaustive, "_MOST_ORDERS", 23)
    with pytest.raises(choices.TooManyOrdersError):
        exhaustive._orders(chosen, loops)
    pinned = replace(chosen, innermost=((), (C,)), outermost=((), (P,)))
    assert exhaustive._orders(pinned, loops) == [((), (C, M, R, P)), ((), (C, R, M, P))]
    covered = exhaustive.exhaust(chosen, Lowest("energy"), build_bound(chosen, "energy"), 10**9)
    assert not covered.complete
    assert covered.evaluated


C, M, R, P = range(4)


@pytest.mark.parametrize(
    ("tensors", "kept", "classes"),
    [
        ((0,), {frozenset({P})}, 2),  # weights: with the pixels inside, or not
        ((2,), {frozenset({C, R})}, 4),  # outputs: inside are C, R, both or none
        ((0, 2), {frozenset({P}), frozenset({C, R})}, 5),  # of both only one at a time stays
    ],
)
def test_orders_worth_a_try_are_those_of_the_longest_runs(
    tensors: tuple[int, ...], kept: set[frozenset[int]], classes: int
) -> None:
    frame = build_frame(space(C=2, M=3, R=5, P=4))
    every = (C, M, R, P)
    found = choices.orders_worth_trying(frame, 1, every, tensors, every=False)
    runs = {
        frozenset(order[:count])
        for order in found
        for count in (1, 2)
        if frozenset(order[:count]) in ({P}, {C, R})
    }
    assert runs == kept
    assert len(found) == len(kept)
    assert len(choices.orders_worth_trying(frame, 1, every, tensors, every=True)) == classes


def test_sliding_inputs_are_worth_every_sequence_but_those_that_start_anew() -> None:
    """M stands inside the first move or not (2), and C, which moves all, first or not.

    Of the loops that slide, R or P comes first, the other one follows at once, behind M, or not
    before C; with M inside there is no "behind M".
    """
    frame = build_frame(space(C=2, M=3, R=5, P=4))
    found = choices.orders_worth_trying(frame, 1, (C, M, R, P), (1,), every=False)
    assert len(found) == 2 * (2 + 3)
    assert all(order[0] != C and order[:2] != (M, C) for order in found)
    both = choices.orders_worth_trying(frame, 1, (C, M, R, P), (1,), every=True)
    assert len(both) == len(found) + 2


def test_a_dimension_that_only_both_axes_could_hold_has_no_mapping() -> None:
    """One loop lies along X or along Y: of 4 by 4 instances no loop spreads 16."""
    chosen = across_alone()
    covered = exhaustive.exhaust(chosen, Lowest("energy"), build_bound(chosen, "energy"), 10**9)
    assert (covered.complete, covered.evaluated, covered.goal.best) == (True, 0, None)


def test_more_choices_of_what_is_kept_than_are_gone_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Registers of 40 words keep or leave each of three tensors: 8 choices; of fewer, a sample."""

    def kept() -> tuple[int, set[tuple[bool, ...]]]:
        found = space(keep=None, C=2, P=3)
        return found.keep_count, {levels[0].keep for levels in found.keeps}

    every = set(product((False, True), repeat=3))
    monkeypatch.setattr(spaces, "_MOST_KEEPS", 8)
    assert kept() == (8, every)
    monkeypatch.setattr(spaces, "_MOST_KEEPS", 7)
    assert kept() == (8, {(True,) * 3, (False,) * 3})  # all and nothing at least
    proof = prove(space(keep=None, C=2, P=3), Lowest("energy"))
    assert (proof.complete, proof.claims, proof.bound) == (False, None, 0.0)


def test_limits_stay_what_they_are() -> None:
    """What was proved is proved again, in as much memory; the command's help says the first two."""
    assert (find.BUDGET, run.SECONDS) == (60_000, 60.0)
    assert (find._SMALL, find._LOOK, find._MEDIUM) == (4_000, 10, 40)
    assert (parts._MOST, part.MOST_SHAPES, lower._MOST_PAIRS) == (10**6, 2 * 10**6, 3 * 10**6)
    assert (search._DEEPEST, search._BATCH, check._MOST_PARTS) == (20_000, 8192, 5 * 10**6)
    assert (walk._CHUNK, walk._ROOM, exhaustive._ROWS) == (20_000, 400_000, 8192)
    assert exhaustive._MOST_ORDERS == 20_000
    assert (spaces._MOST_KEEPS, run._IMPERFECT, goals.SAME) == (512, 50, 1e-9)
    assert (cache.MOST_BYTES, cache._WAIT) == (64 * 2**20, 10.0)
    assert (padding.PIECES, padding.MOST) == ((2, 3, 5, 7), 0.15)
