"""The embedded engine on small machines whose counts can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from red_timeloop.engines.embedded import evaluate
from red_timeloop.engines.embedded.engine import evaluate_specification
from red_timeloop.engines.embedded.machine import build_machine, build_shape
from red_timeloop.engines.result import EngineResult
from red_timeloop.errors import InputError
from red_timeloop.spec.sparsity import SparseOptimizations
from red_timeloop.spec.types import (
    Architecture,
    ArtTable,
    Constraints,
    DataSpace,
    ErtTable,
    Level,
    LevelMapping,
    Mapping,
    Problem,
    Specification,
)

SPACES = ("Weights", "Inputs", "Outputs")


def convolution(**sizes: int) -> Problem:
    """A 1-D convolution: C input channels, R taps, P output pixels."""
    return Problem(
        "conv",
        ("C", "R", "P"),
        {"C": 1, "R": 1, "P": 1, **sizes},
        (
            DataSpace("Weights", ((("C", 1),), (("R", 1),))),
            DataSpace("Inputs", ((("C", 1),), (("R", 1), ("P", 1)))),
            DataSpace("Outputs", ((("P", 1),),), read_write=True),
        ),
    )


def machine(fan_out: int = 4, size: int | None = 100, **buffer: float) -> Architecture:
    return Architecture(
        (
            Level("backing", "storage"),
            Level("inter_pe_spatial", "spatial", "pe", mesh_x=fan_out),
            Level("buffer", "storage", instances_x=fan_out, size=size, **buffer),
            Level("mac", "compute", instances_x=fan_out),
        )
    )


ACTIONS = {"read": 2.0, "write": 3.0, "update": 5.0, "leak": 0.5}
ERT = ErtTable({"backing": {**ACTIONS, "leak": 0.0}, "buffer": ACTIONS, "mac": {"compute": 7.0}})
ART = ArtTable({"backing": 10.0, "buffer": 2.0, "mac": 1.0})
ALL = LevelMapping(keep=SPACES)
NONE = LevelMapping(bypass=SPACES)


def run(
    problem: Problem,
    backing: LevelMapping = ALL,
    pe: LevelMapping = NONE,
    buffer: LevelMapping = ALL,
    architecture: Architecture | None = None,
) -> EngineResult:
    mapping = Mapping({"backing": backing, "inter_pe_spatial": pe, "buffer": buffer})
    return evaluate(architecture or machine(), problem, mapping, ERT, ART)


def counts(result: EngineResult, level: str, space: str) -> tuple[int, ...]:
    data = result.levels[level].data_spaces[space]
    return data.reads, data.fills, data.updates, data.utilized_capacity


def test_sliding_window_moves_only_the_new_pixel() -> None:
    result = run(
        convolution(R=3, P=8),
        backing=replace(ALL, temporal=(("P", 8),)),
        buffer=replace(ALL, temporal=(("R", 3),)),
    )
    assert counts(result, "buffer", "Inputs") == (24, 3 + 7, 0, 3)
    assert counts(result, "backing", "Inputs") == (10, 0, 0, 10)
    assert counts(result, "buffer", "Weights") == (24, 3, 0, 3)  # resident
    # the first update of an output reads nothing; each output goes out once
    assert counts(result, "buffer", "Outputs") == (24 - 8, 0, 24, 1)
    assert counts(result, "backing", "Outputs") == (0, 0, 8, 8)


def test_multicast_and_spatial_reduction() -> None:
    result = run(
        convolution(C=4, P=8),
        backing=replace(ALL, temporal=(("P", 8),)),
        pe=replace(NONE, spatial_x=(("C", 4),)),
    )
    assert counts(result, "backing", "Weights") == (4, 0, 0, 4)
    assert counts(result, "backing", "Inputs") == (32, 0, 0, 32)
    assert counts(result, "backing", "Outputs")[2] == 8  # four partial sums become one
    assert result.levels["mac"].utilized_instances == 4
    assert result.cycles == 8


def test_no_spatial_reuse_sends_every_copy() -> None:
    problem = convolution(C=4, P=8)
    backing = replace(ALL, temporal=(("P", 8),))
    pe = replace(NONE, spatial_x=(("C", 4),), no_spatial_reuse=("Outputs",))
    assert counts(run(problem, backing, pe), "backing", "Outputs")[2] == 32


def test_neighbours_pass_inputs_on() -> None:
    """P across the instances, then R over time: each step takes three of four pixels from next."""
    problem = convolution(R=3, P=4)
    backing = replace(ALL, temporal=(("R", 3),))
    pe = replace(NONE, spatial_x=(("P", 4),))
    with_links = counts(run(problem, backing, pe), "backing", "Inputs")
    without = counts(
        run(problem, backing, replace(pe, no_link_transfer=SPACES)), "backing", "Inputs"
    )
    assert with_links[0] == 4 + 2 * 1
    assert without[0] == 4 + 2 * 4


def test_no_temporal_reuse_fetches_again() -> None:
    problem = convolution(R=3, P=8)
    backing = replace(ALL, temporal=(("P", 8),))
    buffer = replace(ALL, temporal=(("R", 3),), no_temporal_reuse=("Inputs", "Weights"))
    result = run(problem, backing, NONE, buffer)
    assert counts(result, "buffer", "Inputs")[1] == 24
    assert counts(result, "buffer", "Weights")[1] == 24


def test_first_update_may_read() -> None:
    problem = convolution(R=3, P=8)
    backing = replace(ALL, temporal=(("P", 8),))
    buffer = replace(ALL, temporal=(("R", 3),), rmw_first_update=("Outputs",))
    assert counts(run(problem, backing, NONE, buffer), "buffer", "Outputs")[:2] == (24, 8)


def test_energy_area_and_leakage() -> None:
    result = run(
        convolution(R=3, P=8),
        backing=replace(ALL, temporal=(("P", 8),)),
        buffer=replace(ALL, temporal=(("R", 3),)),
    )
    assert result.computes == result.cycles == 24
    assert result.area == 10.0 + 4 * (2.0 + 1.0)
    assert result.levels["mac"].energy == 24 * 7.0
    buffer = result.levels["buffer"]
    assert buffer.data_spaces["Inputs"].energy == 24 * 2.0 + 10 * 3.0
    assert buffer.leakage == 24 * 0.5
    spaces = sum(each.energy for each in buffer.data_spaces.values())
    assert buffer.energy == spaces + 24 * 0.5
    assert result.energy == sum(level.energy for level in result.levels.values())


@pytest.mark.parametrize("kind", ["read_bandwidth", "write_bandwidth", "shared_bandwidth"])
def test_bandwidth_slows_the_machine_down(kind: str) -> None:
    mappings = (
        replace(ALL, temporal=(("P", 8),)),
        NONE,
        replace(ALL, temporal=(("R", 3),)),
    )
    reads, writes = 24 + 24 + 16, 10 + 3 + 24
    words = {"read": reads, "write": writes, "shared": reads + writes}[kind.split("_")[0]]
    slow = run(convolution(R=3, P=8), *mappings, machine(**{kind: 0.5}))
    assert slow.cycles in (words * 2, words * 2 + 1)  # rounded up
    assert run(convolution(R=3, P=8), *mappings, machine(**{kind: 100.0})).cycles == 24


OUTER = replace(ALL, temporal=(("P", 8),))
INNER = replace(ALL, temporal=(("R", 3),))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"backing": ALL, "buffer": replace(ALL, temporal=(("R", 3), ("P", 8)))},
            "buffer: .* 21 words, the capacity is 20",
        ),
        ({"pe": replace(NONE, spatial_x=(("P", 8),))}, "inter_pe_spatial: P=8 needs 8 .* has 4"),
        ({"pe": replace(NONE, spatial_y=(("P", 8),))}, "inter_pe_spatial: .* along Y"),
        ({"backing": replace(ALL, temporal=(("P", 4),))}, "dimension P multiply to 4.* size is 8"),
        ({"backing": replace(ALL, temporal=(("Z", 8),))}, "backing: no dimension is called 'Z'"),
        ({"backing": replace(ALL, temporal=(("P", 0),))}, "backing: P has factor 0"),
        ({"backing": replace(ALL, temporal=(("P", 2), ("P", 4)))}, "backing: .*two loops"),
        ({"buffer": replace(ALL, spatial_x=(("P", 8),))}, "buffer: .*without fan-out"),
        (
            {"backing": replace(OUTER, no_coalesce=("Inputs",))},
            "backing: no_coalesce of Inputs at the outermost level",
        ),
        ({"buffer": replace(ALL, keep=("Bias",))}, "buffer: no data space is called 'Bias'"),
        (
            {
                "backing": replace(NONE, temporal=(("P", 8),)),
                "buffer": replace(NONE, temporal=(("R", 3),)),
            },
            "Weights is kept at no level",
        ),
    ],
)
def test_illegal_mappings_are_refused(changes: dict[str, LevelMapping], expected: str) -> None:
    levels = {"backing": OUTER, "pe": NONE, "buffer": INNER, **changes}
    with pytest.raises(InputError, match=expected):
        run(convolution(R=3, P=8), **levels, architecture=machine(size=20))


def test_minimum_utilization_is_checked() -> None:
    with pytest.raises(InputError, match=r"buffer: .* 9 words, the minimum utilization"):
        run(convolution(P=4), buffer=replace(ALL, temporal=(("P", 4),)),
            architecture=machine(min_utilization=0.5))  # fmt: skip


def test_missing_prices_are_refused() -> None:
    mapping = Mapping({"backing": ALL, "inter_pe_spatial": NONE, "buffer": ALL})
    with pytest.raises(InputError, match="no energies for the level buffer"):
        evaluate(machine(), convolution(), mapping, ErtTable({"mac": {"compute": 1.0}}), ART)
    with pytest.raises(InputError, match="no area for the level buffer"):
        evaluate(machine(), convolution(), mapping, ERT, ArtTable({}))


def changed(name: str, **attributes: Any) -> Architecture:
    """Return the machine with some attributes of one level changed."""
    given = machine()
    return Architecture(
        tuple(replace(x, **attributes) if x.name == name else x for x in given.levels)
    )


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (
            changed("mac", instances_x=6),
            "buffer: 6x1 instances of mac cannot be shared out among 4",
        ),
        (changed("mac", instances_y=3, instances_x=2), "2x3 instances of mac cannot be shared out"),
        (
            changed("buffer", cluster_size=3),
            "buffer.cluster_size: 4 instances do not fill clusters",
        ),
        (changed("buffer", power_gated_at="pe"), "buffer.power_gated_at: no level is called 'pe'"),
        (
            changed("buffer", sparse=SparseOptimizations(compute=("gating",))),
            "buffer.sparse_optimizations: sparse optimizations are evaluated, not searched",
        ),
    ],
)
def test_machines_that_are_refused(architecture: Architecture, message: str) -> None:
    with pytest.raises(InputError) as caught:
        build_machine(architecture, SPACES, None, None)
    assert message in str(caught.value)


def test_problems_that_are_refused() -> None:
    for size, shown in ((0, "0"), (-1, "-1")):
        with pytest.raises(InputError, match=f"instance: dimension P has size {shown}"):
            build_shape(convolution(P=size))
    with pytest.raises(InputError, match="dimension C has size None"):
        build_shape(replace(convolution(), sizes={"R": 1, "P": 1}))
    assert build_shape(convolution(P=1)).sizes == (1, 1, 1)
    with pytest.raises(InputError, match=r"Bias depends on the unknown dimension K \(legal: C, R"):
        build_shape(replace(convolution(), data_spaces=(DataSpace("Bias", ((("K", 1),),)),)))


def test_levels_that_a_mapping_has_too_many_or_too_few_of() -> None:
    every = {"backing": ALL, "inter_pe_spatial": NONE, "buffer": ALL}
    given: list[tuple[dict[str, LevelMapping], str]] = [
        ({**every, "pe": NONE}, "mapping: no level is called 'pe' .legal: buffer, inter_pe"),
        ({"backing": ALL, "buffer": ALL}, "mapping: nothing is said of the level inter_pe_spatial"),
    ]
    for levels, message in given:
        with pytest.raises(InputError, match=message):
            evaluate(machine(), convolution(), Mapping(levels))


def test_prices_that_are_needed_and_those_that_are_not() -> None:
    levels = {"backing": ALL, "inter_pe_spatial": NONE, "buffer": ALL}
    table = {**ERT.energies, "buffer": {"write": 1.0, "update": 1.0}}
    with pytest.raises(InputError, match="ERT: no energy for read of buffer"):
        evaluate(machine(), convolution(), Mapping(levels), ErtTable(table), ART)
    table["buffer"] = {**table["buffer"], "read": 1.0}  # which does not leak
    assert evaluate(machine(), convolution(), Mapping(levels), ErtTable(table), ART).energy > 0


def test_a_specification_of_a_part_is_refused() -> None:
    whole = Specification(machine(), convolution(), Constraints({}))
    with pytest.raises(InputError, match="mapping: no file has a mapping"):
        evaluate_specification(whole)
    with pytest.raises(InputError, match="problem: no file has a problem"):
        evaluate_specification(replace(whole, problem=None))
