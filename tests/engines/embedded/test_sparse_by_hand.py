"""Small sparse problems: instances, ranks and bounds counted over all placements, or by hand."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from close import near

from red_timeloop.engines.embedded.sparse import cost
from red_timeloop.engines.embedded.sparse.density import Hypergeometric
from red_timeloop.engines.embedded.sparse.evaluation import (
    SparseProblem,
    SparseResult,
    evaluate_sparse,
)
from red_timeloop.errors import InputError
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import Specification

# Two of A's eight values are not zero: rows of two across four columns, N across three rows.
TEXT = """\
architecture:
  nodes:
  - !Component
    name: far
    class: DRAM
    attributes: {width: 64, datawidth: 8, metadata_storage_width: 16, metadata_datawidth: 4,
                 metadata_storage_depth: 100}
    sparse_optimizations:
      representation_format: {data_spaces: [{name: A, ranks: [{format: UOP}, {format: CP}]}]}
  - !Container {name: lane, spatial: {meshX: 4, meshY: 3}}
  - !Component
    name: near
    class: SRAM
    attributes: {depth: 64, width: 8, datawidth: 8, metadata_storage_width: 16,
                 metadata_datawidth: 4, metadata_storage_depth: 100}
    sparse_optimizations:
      representation_format: {data_spaces: [{name: A, ranks: [{format: CP}]}]}
  - !Component {name: mac, class: intmac}
sparse_optimizations:
  targets:
  - target: lane
    action_optimization:
    - {type: spatial_skipping, options: [{target: B, condition_on: [A]}]}
problem:
  instance: {M: 4, N: 6, K: 2, densities: {A: {distribution: hypergeometric, density: 0.25}}}
  shape:
    dimensions: [M, N, K]
    data_spaces:
    - {name: A, projection: [[[M]], [[K]]]}
    - {name: B, projection: [[[K]], [[N]]]}
    - {name: Z, projection: [[[M]], [[N]]], read_write: True}
mapping:
- {target: far, type: temporal, factors: [N=2]}
- {target: lane, type: spatial, factors: [M=4, N=3], permutation: [M, N], split: 1}
- {target: near, type: temporal, factors: [K=2]}
"""
INSIDE = "factors: [N=2]}", "factors: [N=2, K=2], permutation: [K, N]}"  # K around the fan-out


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Specification]:
    def reader(*changes: tuple[str, str]) -> Specification:
        text = TEXT
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "spec.yaml").write_text(text)
        return read_specification(tmp_path / "spec.yaml")

    return reader


def evaluated(specification: Specification) -> SparseResult:
    problem, mapping = specification.problem, specification.mapping
    assert problem is not None
    assert mapping is not None
    return evaluate_sparse(specification.architecture, problem, mapping, specification.ert)


def test_instances_are_skipped_where_all_placements_leave_them_empty(
    read: Callable[..., Specification],
) -> None:
    """Of compute and near, for A (whose empty rows do not arrive), B (skipped with them) and Z."""
    rows = [len({place // 2 for place in places}) for places in combinations(range(8), 2)]
    share = Fraction(sum(rows), 4 * len(rows))
    found = evaluated(read()).instances
    few, every, one = (max(rows), 3), (4, 3), (1, 1)
    assert found.most == ((few, few, one, one),) * 2 + ((every, every, one, one),)
    for average, expected in zip(found.average, (12 * share, 12 * share, 12), strict=True):
        assert average == near([float(expected)] * 2 + [1.0, 1.0])
    assert (found.compute, found.compute_most) == (12.0, every)
    assert found.skipped == {(1, 1): near(float(1 - share))}


def test_a_target_that_stays_while_the_condition_moves_is_needed_for_all_of_it(
    read: Callable[..., Specification],
) -> None:
    """Z stays for both values of a row of A: it is skipped as before; A arrives value by value."""
    changes = (
        INSIDE,
        ("near, type: temporal, factors: [K=2]", "near, type: temporal, factors: []"),
    )
    found = evaluated(read(("target: B, cond", "target: Z, cond"), *changes)).instances
    assert found.average[2][1] == near(12 * (1 - 15 / 28))
    assert found.average[0][1] == near(12 * 0.25)
    assert found.average[1][1] == near(12.0)
    assert [most[1] for most in found.most] == [(2, 3), (4, 3), (2, 3)]
    around = ("permutation: [K, N]", "permutation: [N, K]")  # N moves Z before K does
    found = evaluated(read(("target: B, cond", "target: Z, cond"), *changes, around)).instances
    assert found.average[2][1] == near(12 * 0.25)


def test_what_is_left_after_skipping_must_fit(read: Callable[..., Specification]) -> None:
    both = "\n    - {type: spatial_skipping, options: [{target: Z, condition_on: [A]}]}\nproblem:"
    given = ("\nproblem:", both)
    assert evaluated(read(given, ("meshX: 4", "meshX: 2"))).instances.compute_most == (2, 3)
    for old, mesh, words in (
        ("meshX: 4", "meshX: 1", "2 instances along X, the fan-out has 1"),
        ("4, meshY: 3", "2, meshY: 2", "3 instances along Y, the fan-out has 2"),
    ):
        with pytest.raises(InputError, match=words):
            evaluated(read(given, (old, mesh)))
    with pytest.raises(InputError, match="4 instances along X, the fan-out has 2"):
        evaluated(read(("meshX: 4", "meshX: 2")))  # Z is not skipped


def test_skipping_is_on_one_condition(read: Callable[..., Specification]) -> None:
    with pytest.raises(InputError, match=r"lane.*: spatial skipping of B on 2 data spaces"):
        evaluated(read(("condition_on: [A]", "condition_on: [A, Z]")))


def test_loops_go_to_the_outermost_rank_that_may_have_them(
    read: Callable[..., Specification],
) -> None:
    """Four rows of two values: one fiber of five offsets, and four fibers of two bits."""

    def capacity(ranks: str) -> object:
        found = evaluated(
            read(
                ("ranks: [{format: UOP}, {format: CP}]", f"ranks: [{ranks}]"),
                ("hypergeometric, density: 0.25", "fixed_structured, density: 1.0"),
                ("factors: [N=2]", "factors: [N=2, M=2]"),
                ("factors: [M=4, N=3]", "factors: [M=2, N=3]"),
                ("mapping:\n", "mapping:\n- {target: near, type: dataspace, bypass: [A]}\n"),
            )
        ).as_engine_result()
        sparse = found.levels["far"].data_spaces["A"].sparse
        assert sparse is not None
        return sparse.format_capacity

    rows = "{format: UOP, flattened_rankIDs: [[M]]}"
    assert capacity(rows + ", {format: B, flattened_rankIDs: [[K]]}") == ((8, 0), (0, 5))
    with pytest.raises(InputError, match="the loops K=2 of A are more than its 1 ranks can take"):
        capacity(rows)


def test_computes_that_no_saving_leaves_out(read: Callable[..., Specification]) -> None:
    """A quarter of 48, less one for the densities' six decimals and six for roundings."""

    def sparse(*changes: tuple[str, str]) -> SparseProblem:
        found = read(*changes)
        assert found.problem is not None
        return SparseProblem.of(found.architecture, found.problem)

    assert sparse().least_computes == 11 - 6
    assert sparse(("density: 0.25", "density: 0.125")).least_computes == 0
    assert [level.capacity for level in sparse().machine.levels] == [64, 1, None]
    assert [level.capacity for level in sparse().uncompressed.levels] == [None, 1, None]


def test_blocks_that_are_hardly_ever_partly_full_count_as_full() -> None:
    """Half of the words, in blocks of two: from 51 blocks on the last one is not told apart."""

    def factor(words: int) -> float:
        model = Hypergeometric(2 * words, words)
        tile = SimpleNamespace(density=0.5, compressed=True, shape=words, model=model, box=(words,))
        return cost._partly_full(cast(Any, SimpleNamespace(block_size=2)), cast(Any, tile))

    assert factor(102) == 1.0
    odd = sum(chance for k, chance in Hypergeometric(200, 100).probabilities((100,)) if k % 2)
    assert factor(100) == near((25 + odd / 2) / 25)


RANKS = "{format: UOP}, {format: CP}]}]}\n"
SKIPPING = (
    (
        RANKS,
        f"{RANKS}      action_optimization:\n"
        "      - {type: skipping, options: [{target: B, condition_on: [A]}]}\n",
    ),
    (TEXT[TEXT.index("sparse_optimizations:\n  targets") : TEXT.index("problem:")], ""),
)


@pytest.mark.parametrize(
    ("far", "across", "near", "width", "reads", "met"),
    [
        # tiles of B that stay while rows of A go by are wanted by the first that is not empty
        ("M=4, N=2], permutation: [M, N", "N=3", "K=2", 64, 12, "all"),
        ("M=4, N=2], permutation: [N, M", "N=3", "K=2", 64, 48, "row"),
        ("M=4, N=6], permutation: [N, M", "", "K=2", 8, 48, "row"),
        ("M=4, N=6], permutation: [N, M", "", "K=2", 16, 48, "row"),
        ("N=6", "M=4", "K=2", 8, 12, "all"),
        # words are read with their block: of one word, of two, of four
        ("M=4, N=6, K=2], permutation: [K, N, M", "", "", 8, 48, "word"),
        ("M=4, N=6, K=2], permutation: [K, N, M", "", "", 16, 48, "row"),
        ("M=4, N=6, K=2], permutation: [K, N, M", "", "", 32, 48, "all"),
        ("M=4, N=6, K=2], permutation: [M, K, N", "", "", 8, 12, "column"),
        ("M=4, N=6, K=2], permutation: [N, M, K", "", "", 8, 48, "word"),
    ],
)
def test_tiles_that_meet_zeros_alone_are_not_sent(
    far: str,
    across: str,
    near: str,
    width: int,
    reads: int,
    met: str,
    read: Callable[..., Specification],
) -> None:
    """Of B's words as many are skipped as placements leave the values of A empty that they meet."""
    given = read(
        *SKIPPING,
        ("factors: [N=2]}", f"factors: [{far}]}}"),
        ("factors: [M=4, N=3], permutation: [M, N], split: 1", f"factors: [{across}]"),
        ("near, type: temporal, factors: [K=2]", f"near, type: temporal, factors: [{near}]"),
        ("width: 64", f"width: {width}"),
    )
    values = {"word": {0}, "row": {0, 1}, "column": {0, 2, 4, 6}, "all": set(range(8))}[met]
    placed = [values & set(places) for places in combinations(range(8), 2)]
    empty = Fraction(sum(not each for each in placed), len(placed))
    found = evaluated(given).as_engine_result().levels["far"].data_spaces["B"].sparse
    assert found is not None
    assert (found.reads.algorithmic, found.reads.skipped) == (reads, int(reads * empty))


def test_a_tile_stays_no_longer_than_the_level_around_keeps_it(
    read: Callable[..., Specification],
) -> None:
    """K around `far`, which keeps Z: what near skips is asked anew for each of A's two values."""
    far = TEXT[TEXT.index("  - !Component") : TEXT.index("  - !Container")]
    host = far.replace("name: far", "name: host").replace(
        "[{format: UOP}", "[{format: UOP}, {format: UOP}"
    )
    changes = (
        ("target: B, cond", "target: Z, cond"),
        ("near, type: temporal, factors: [K=2]", "near, type: temporal, factors: []"),
        ("  nodes:\n", f"  nodes:\n{host}"),
        ("mapping:\n", "mapping:\n- {target: host, type: temporal, factors: [K=2]}\n"),
    )
    found = evaluated(read(*changes)).instances
    assert found.average[2][1] == near(12 * 0.25)
    through = ("mapping:\n", "mapping:\n- {target: far, type: dataspace, bypass: [Z]}\n")
    found = evaluated(read(*changes, through, ("factors: [N=2]", "factors: []"), ("N: 6", "N: 3")))
    assert found.instances.average[2][1] == near(12 * (1 - 15 / 28))


def test_without_skipping_all_instances_compute(read: Callable[..., Specification]) -> None:
    """The fan-out lies inside `near`, of which there is one."""
    near = TEXT[
        TEXT.index("  - !Component\n    name: near") : TEXT.index("  - !Component {name: mac")
    ]
    lane = TEXT[TEXT.index("  - !Container") : TEXT.index("  - !Component\n    name: near")]
    ranks = "ranks: [{format: CP}]", "ranks: [{format: UOP}, {format: CP}]"
    found = evaluated(read(SKIPPING[1], (lane + near, near + lane), ranks)).instances
    assert (found.compute, found.compute_most) == (12.0, (4, 3))
    assert found.most == (((4, 3), (1, 1), (1, 1), (1, 1)),) * 3
    assert [average[0] for average in found.average] == [12.0] * 3
    assert found.skipped == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([("ranks: [{format: CP}]", "ranks: [{format: B}]")],
         "far: the innermost ranks of A (CP) are not those of the level inside (B)"),
        ([("ranks: [{format: UOP}, {format: CP}]", "ranks: [{format: CP}]"),
          ("ranks: [{format: CP}]}]}\n  - !Component {name: mac",
           "ranks: [{format: UOP}, {format: UOP}]}]}\n  - !Component {name: mac")],
         "far: A has 1 ranks, the level inside 2"),
        ([("      representation_format: {data_spaces: [{name: A, ranks: [{format: UOP}, {form"
           "at: CP}]}]}\n", "      compute_optimization: []\n")],
         "near: A is compressed, and not at the level around"),
        ([("    sparse_optimizations:\n      representation_format: {data_spaces: [{name: A, ranks:"
           " [{format: CP}]}]}\n", "")],
         "near.decompression_supported: A is compressed at the level around and not here"),
        ([("metadata_storage_depth: 100}\n    sparse_optimizations:\n      representation_format: "
           "{data_spaces: [{name: A, ranks: [{format: CP}]",
           "metadata_storage_depth: 0}\n    sparse_optimizations:\n      representation_format: "
           "{data_spaces: [{name: A, ranks: [{format: CP}]")],
         "near: the tiles of the mapping have 8 bits of metadata, there is room for 0"),
    ],
)  # fmt: skip
def test_formats_that_do_not_go_together(
    changes: list[tuple[str, str]], message: str, read: Callable[..., Specification]
) -> None:
    with pytest.raises(InputError) as caught:
        evaluated(read(*changes))
    assert message in str(caught.value)


def test_what_is_skipped_must_be_kept_somewhere(read: Callable[..., Specification]) -> None:
    elsewhere = ("mapping:\n", "mapping:\n- {target: far, type: dataspace, bypass: [B]}\n")
    with pytest.raises(InputError, match="far: B is kept neither here nor further out"):
        evaluated(read(*SKIPPING, elsewhere))


def test_nothing_is_skipped_on_a_condition_without_metadata(
    read: Callable[..., Specification],
) -> None:
    dense = ("target: B, condition_on: [A]", "target: A, condition_on: [Z]")
    found = evaluated(read(dense)).instances
    assert found.compute_most == (4, 3)
    assert found.skipped == {(0, 1): 0.0}


@pytest.mark.parametrize("order", ["M, N", "N, M"])
def test_words_for_a_fan_out_are_skipped_where_all_its_operations_are(
    order: str, read: Callable[..., Specification]
) -> None:
    """Each word of B goes to the four rows of a column of A, which six of 28 placements empty."""
    near = TEXT[
        TEXT.index("  - !Component\n    name: near") : TEXT.index("  - !Component {name: mac")
    ]
    lane = TEXT[TEXT.index("  - !Container") : TEXT.index("  - !Component\n    name: near")]
    skipping = near.replace("[{format: CP}]", "[{format: UOP}, {format: CP}]") + (
        "      action_optimization:\n"
        "      - {type: skipping, options: [{target: B, condition_on: [A]}]}\n"
    )
    mesh = "{meshX: 4, meshY: 4}"
    given = read(
        SKIPPING[1],
        (lane + near, skipping + lane.replace("{meshX: 4, meshY: 3}", mesh)),
        ("permutation: [M, N]", f"permutation: [{order}]"),
    )
    found = evaluated(given).as_engine_result().levels["near"].data_spaces["B"].sparse
    assert found is not None
    reads = 2 * 2 * 3  # K, N around and N across
    assert (found.reads.algorithmic, found.reads.skipped) == (reads, int(reads * 6 / 28))


@pytest.mark.parametrize(
    ("nonzeros", "blocks"), [(7, 251), (9, 251), (10, 251), (19, 251), (20, 125), (90, 28)]
)
def test_statistics_of_blocks_go_by_tenths_of_the_density(nonzeros: int, blocks: int) -> None:
    """Of a hundred; from as many blocks of two words on, none counts as partly full."""
    for words, full in ((2 * blocks, True), (2 * blocks - 1, False)):
        model = Hypergeometric(100 * words, nonzeros * words)
        density = nonzeros / 100
        tile: Any = SimpleNamespace(
            density=density, compressed=True, shape=words, model=model, box=(words,)
        )
        found = cost._partly_full(cast(Any, SimpleNamespace(block_size=2)), tile)
        assert (found == 1.0) == full


@pytest.mark.parametrize(("depth", "fits"), [(5, True), (4, False)])
def test_words_of_all_tiles_must_fit(
    depth: int, fits: bool, read: Callable[..., Specification]
) -> None:
    """Two words of a row of A, which may both be there, two of B and one of Z."""
    given = read(("{depth: 64,", f"{{depth: {depth},"))
    if fits:
        assert evaluated(given).computes.actual > 0
        return
    with pytest.raises(InputError, match=r"near: .*5 words"):
        evaluated(given)
