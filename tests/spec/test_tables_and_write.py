"""Energy and area tables, and random specifications written and read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from close import near
from hypothesis import given, settings
from hypothesis import strategies as st

from red_timeloop.errors import InputError
from red_timeloop.spec.mapping import check_mapping
from red_timeloop.spec.reader import read_art_file, read_ert_file, read_specification
from red_timeloop.spec.types import (
    Architecture,
    ArtTable,
    Constraints,
    DataSpace,
    DataSpaceConstraint,
    ErtTable,
    FactorConstraint,
    Level,
    LevelConstraints,
    LevelMapping,
    Loop,
    LoopConstraint,
    Mapping,
    Problem,
    Specification,
    ordered,
)
from red_timeloop.spec.write import mapping_text, specification_text

ERT = """\
ERT:
  version: '0.4'
  tables:
  - name: chip.cell[1..4]
    actions:
    - {name: read, arguments: {x: 1}, energy: 1.5}
    - {name: read, arguments: {x: 2}, energy: 2.5}
    - {name: leak, energy: 0}
  - {name: 'chip.tile[1..2].mac[1..8]', actions: [{name: compute, energy: 1e3}]}
"""
ART = "ART: {version: 0.4, tables: [{name: 'chip.cell[1..4]', area: 2.0}, {name: mac, area: 0.5}]}"


def test_tables_are_read_in_si_units(tmp_path: Path) -> None:
    file = tmp_path / "tables.yaml"
    file.write_text(ERT + ART)
    ert, art = read_ert_file(file), read_art_file(file)
    assert ert.energies["cell"] == {"read": near(2.5e-12), "leak": 0.0}
    assert ert.energy("mac", "compute") == near(1e-9)
    assert (ert.energy("mac", "leak"), ert.energy("none", "read", 7.0)) == (0.0, 7.0)
    assert art.areas == {"cell": near(2e-12), "mac": near(0.5e-12)}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("ERT:", "ET:", "the key 'ERT' is missing"),
        ("tables:", "table:", "ERT: the key 'tables' is missing"),
        ("energy: 1.5", "energy: none", "ERT.cell.read.energy: expression 'none'"),
        ("energy: 1.5", "energy: -1", "ERT.cell.read.energy: expected a number, got -1 (legal: 0"),
        (", energy: 1e3", "", "ERT.mac.compute: the key 'energy' is missing"),
        ("name: chip.cell[1..4]", "label: cell", "ERT: the key 'name' is missing"),
        ("[{name: compute, energy: 1e3}]", "[3]", "ERT.mac.actions: an entry is a number, not a"),
        ("name: 'chip.tile[1..2].mac[1..8]'", "name: cell", "ERT.name: 'cell' given twice"),
    ],
)
def test_table_refusals(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in ERT
    file = tmp_path / "ERT.yaml"
    file.write_text(ERT.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        read_ert_file(file)
    assert expected in str(caught.value)


def test_an_area_must_be_there(tmp_path: Path) -> None:
    file = tmp_path / "ART.yaml"
    file.write_text(ART.replace(", area: 0.5", ""))
    with pytest.raises(InputError, match=r"ART\.mac: the key 'area' is missing"):
        read_art_file(file)


DIMENSIONS = ("C", "M", "N", "P", "R", "Y")
SPACES = ("Weights", "Inputs", "Outputs")
NAMES = st.from_regex(r"[a-z]{2,4}[0-9]?", fullmatch=True).filter(
    lambda name: name not in ("on", "no", "yes", "off", "true", "false", "null", "nan", "inf")
)
SCALARS = st.one_of(
    st.integers(-9, 10**6), st.booleans(), st.text("ab 3:{}'\"\\é", max_size=5), st.floats(0, 1e9)
)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    spaces = []
    for name in SPACES:
        axes = draw(
            st.lists(
                st.lists(
                    st.tuples(st.sampled_from(DIMENSIONS), st.integers(1, 3)),
                    min_size=1,
                    max_size=2,
                ).map(tuple),
                min_size=1,
                max_size=4,
            )
        )
        spaces.append(DataSpace(name, tuple(axes), name == "Outputs"))
    sizes = {name: draw(st.sampled_from([1, 2, 3, 4, 6, 12])) for name in DIMENSIONS}
    return Problem(draw(NAMES), DIMENSIONS, sizes, tuple(spaces))


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    count = draw(st.integers(1, 5))
    names = draw(st.lists(NAMES, min_size=2 * count + 2, max_size=2 * count + 2, unique=True))
    levels: list[Level] = []
    x = y = 1
    parallel = draw(st.integers(0, count + 1))
    for index in range(count):
        if index and index < parallel and draw(st.booleans()):
            mesh = draw(
                st.tuples(st.integers(1, 3), st.integers(1, 3)).filter(lambda m: m != (1, 1))
            )
            target = draw(st.sampled_from([names[index], names[count + index]]))
            levels.append(spatial_level(target, (x, y), mesh))
            x, y = x * mesh[0], y * mesh[1]
        inside = index >= parallel and count - parallel > 1
        group = (0, index - parallel) if inside else (None, None)
        levels.append(storage_level(draw, names[index], (x, y), group))
    attributes = {"has_power_gating": False, **draw(st.dictionaries(NAMES, SCALARS, max_size=2))}
    levels.append(
        Level(
            *(names[-1], "compute", names[-1], "intmac", "reram_mac", attributes, x, y),
        )
    )
    variables = draw(st.dictionaries(NAMES, SCALARS, max_size=3))
    return Architecture(tuple(levels), names[-2], variables)


def spatial_level(target: str, at: tuple[int, int], mesh: tuple[int, int]) -> Level:
    return Level(
        name=f"inter_{target}_spatial",
        kind="spatial",
        target=target,
        component_class="dummy_storage",
        attributes={
            **{"n_banks": 2, "cluster_size": 1, "reduction_supported": True},
            **{"multiple_buffering": 1, "min_utilization": 0, "allow_overbooking": False},
            **{"width": 1, "depth": 1, "datawidth": 1, "technology": -1},
            "has_power_gating": False,
        },
        instances_x=at[0],
        instances_y=at[1],
        mesh_x=mesh[0],
        mesh_y=mesh[1],
        depth=1,
        width=1,
        datawidth=1,
        size=1,
    )


def storage_level(
    draw: st.DrawFn, name: str, at: tuple[int, int], group: tuple[int | None, int | None]
) -> Level:
    datawidth, block = draw(st.integers(1, 16)), draw(st.integers(1, 4))
    depth = draw(st.none() | st.integers(1, 999))
    bandwidth = draw(st.none() | st.integers(1, 9))
    attributes = {
        **{"n_banks": 2, "cluster_size": 1, "reduction_supported": True, "multiple_buffering": 1},
        **{"min_utilization": 0, "allow_overbooking": False, "has_power_gating": False},
        **{"width": datawidth * block, "datawidth": datawidth},
        **({} if depth is None else {"depth": depth}),
        **({} if bandwidth is None else {"read_bandwidth": bandwidth}),
        **{f"own_{key}": x for key, x in draw(st.dictionaries(NAMES, SCALARS, max_size=2)).items()},
    }
    return Level(
        name=name,
        kind="storage",
        target=name,
        component_class=draw(st.sampled_from(["SRAM", "DRAM", "storage", "regfile"])),
        subclass=draw(st.none() | NAMES),
        attributes=attributes,
        instances_x=at[0],
        instances_y=at[1],
        depth=depth,
        width=datawidth * block,
        datawidth=datawidth,
        block_size=block,
        size=None if depth is None else depth * block,
        read_bandwidth=bandwidth,
        required_actions=draw(st.sampled_from([(), ("update",)])),
        area_scale=draw(st.sampled_from([1.0, 2.5])),
        parallel_group=group[0],
        parallel_child=group[1],
    )


def split(draw: st.DrawFn, problem: Problem, count: int) -> list[dict[str, int]]:
    """Cut every dimension's size into one factor for each of `count` places."""
    places: list[dict[str, int]] = [{} for _ in range(count)]
    for name, size in problem.sizes.items():
        while size > 1:
            prime = next(p for p in (2, 3) if size % p == 0)
            place = places[draw(st.integers(0, count - 1))]
            place[name] = place.get(name, 1) * prime
            size //= prime
    return places


@st.composite
def mappings(draw: st.DrawFn, problem: Problem, architecture: Architecture) -> Mapping:
    levels = architecture.mapped_levels
    places = split(draw, problem, len(levels))
    names = st.sets(st.sampled_from(SPACES)).map(lambda found: ordered(found, SPACES))
    chosen: dict[str, LevelMapping] = {}
    owners = {name: draw(st.integers(0, 9)) for name in SPACES}
    children = [level.name for level in levels if level.parallel_group is not None]
    for level, place in zip(levels, places, strict=True):
        loops: list[Loop] = draw(st.permutations(list(place.items())))
        if level.kind == "spatial":
            cut = draw(st.integers(0, len(loops)))
            chosen[level.name] = LevelMapping(
                spatial_x=tuple(loops[:cut]),
                spatial_y=tuple(loops[cut:]),
                bypass=SPACES,
                no_spatial_reuse=draw(names),
                no_link_transfer=draw(names),
            )
            continue
        keep = draw(names)
        if level.name in children:
            own = children.index(level.name)
            keep = tuple(name for name in SPACES if owners[name] % len(children) == own)
        chosen[level.name] = LevelMapping(
            temporal=tuple(loops),
            keep=keep,
            bypass=tuple(name for name in SPACES if name not in keep),
            no_temporal_reuse=draw(names),
            rmw_first_update=draw(names),
            no_coalesce=draw(names),
        )
    return Mapping(chosen)


@st.composite
def specifications(draw: st.DrawFn) -> Specification:
    problem, architecture = draw(problems()), draw(architectures())
    energies = st.dictionaries(st.sampled_from(["read", "leak"]), st.floats(0, 1e-9), min_size=1)
    return Specification(
        architecture=architecture,
        problem=problem,
        constraints=Constraints({}),
        mapping=draw(mappings(problem, architecture)),
        variables=architecture.variables,
        ert=ErtTable({level.name: draw(energies) for level in architecture.levels}),
        art=ArtTable({level.name: draw(st.floats(0, 1e-6)) for level in architecture.levels}),
    )


def close(one: dict[str, float], other: dict[str, float]) -> bool:
    return one == pytest.approx(other, rel=1e-14, abs=1e-300)


@given(specifications())
@settings(max_examples=60, deadline=None)
def test_random_specifications_survive_being_written(
    tmp_path_factory: pytest.TempPathFactory, spec: Specification
) -> None:
    assert spec.mapping is not None
    assert spec.problem is not None
    assert spec.ert is not None
    assert spec.art is not None
    folder = tmp_path_factory.mktemp("spec")
    file, own = folder / "spec.yaml", folder / "mapping.yaml"
    file.write_text(specification_text(spec))
    found = read_specification(file)
    assert found.architecture == spec.architecture
    assert (found.problem, found.mapping) == (spec.problem, spec.mapping)
    assert found.ert is not None
    assert found.art is not None
    assert all(close(found.ert.energies[n], spec.ert.energies[n]) for n in spec.ert.energies)
    assert close(dict(found.art.areas), dict(spec.art.areas))
    bare = Specification(spec.architecture, spec.problem, Constraints({}), ert=spec.ert)
    if not any(level.parallel_group is not None for level in spec.architecture.levels):
        file.write_text(specification_text(bare))
        own.write_text(mapping_text(spec.mapping, spec.architecture, spec.problem))
        assert read_specification(file, mapping=own).mapping == spec.mapping


@st.composite
def loop_constraints(draw: st.DrawFn, kind: str) -> LoopConstraint:
    factors = draw(
        st.dictionaries(
            st.sampled_from(DIMENSIONS),
            st.tuples(st.sampled_from(["=", "<=", ">="]), st.integers(1, 9)),
        )
    )
    order = tuple(draw(st.permutations(DIMENSIONS)))
    inner, outer = draw(st.integers(0, 3)), draw(st.integers(3, 6))
    names = st.sets(st.sampled_from(SPACES)).map(lambda found: ordered(found, SPACES))
    number = st.none() | st.integers(1, 9)
    return LoopConstraint(
        factors=tuple(FactorConstraint(d, *rest) for d, rest in factors.items()),
        permutation=order[:inner],
        outermost=order[outer:],
        split=draw(st.none() | st.integers(0, 6)) if kind == "spatial" else None,
        no_reuse=draw(names),
        no_link_transfer=draw(names) if kind == "spatial" else (),
        rmw_first_update=draw(names) if kind == "temporal" else (),
        default_max_factor=draw(number),
        default_min_factor=draw(number),
        remainders=draw(number),
    )


@given(problems(), architectures(), st.data())
@settings(max_examples=30, deadline=None)
def test_random_constraints_survive_being_written(
    tmp_path_factory: pytest.TempPathFactory,
    problem: Problem,
    architecture: Architecture,
    data: st.DataObject,
) -> None:
    levels: dict[str, LevelConstraints] = {}
    for level in architecture.mapped_levels:
        keep = SPACES if level.parallel_child in (None, 0) else ()
        spaces = DataSpaceConstraint(keep, tuple(name for name in SPACES if name not in keep))
        if level.kind == "spatial":
            spaces, found = DataSpaceConstraint((), SPACES), data.draw(loop_constraints("spatial"))
            levels[level.name] = LevelConstraints(spatial=found, data_spaces=spaces)
        else:
            spaces = replace(spaces, no_coalesce=data.draw(st.sampled_from([(), SPACES[1:]])))
            found, most = (
                data.draw(loop_constraints("temporal")),
                data.draw(st.sampled_from([None, 0.25])),
            )
            levels[level.name] = LevelConstraints(found, LoopConstraint(), spaces, most)
    owners = [x for x in architecture.levels if x.parallel_group is not None]
    for index, level in enumerate(owners):
        keep = SPACES if index == 0 else ()
        spaces = DataSpaceConstraint(keep, tuple(name for name in SPACES if name not in keep))
        levels[level.name] = LevelConstraints(levels[level.name].temporal, data_spaces=spaces)
    constraints = Constraints(levels, data.draw(st.sampled_from([0.0, 0.5])))
    file = tmp_path_factory.mktemp("spec") / "spec.yaml"
    file.write_text(specification_text(Specification(architecture, problem, constraints)))
    assert read_specification(file).constraints == constraints


def test_tables_are_named_as_accelergy_names_them() -> None:
    levels = (Level("memory", "storage"), Level("mac", "compute", instances_x=4, instances_y=2))
    tables = ErtTable({"mac": {"compute": 1.5e-12}}), ArtTable({"mac": 2.5e-12})
    for name, top in (("chip", "chip_top_level"), ("", "top_level")):
        made = Architecture(levels, name, {"global_cycle_seconds": 2e-9})
        text = specification_text(
            Specification(made, None, Constraints({}), ert=tables[0], art=tables[1])
        )
        assert text.count(f'name: "{top}.mac[1..8]"') == 2
        assert "arguments: {global_cycle_seconds: 2e-09, action_latency_cycles: 1}" in text
        assert "energy: 1.5\n" in text
        assert "area: 2.5}" in text


def test_a_mapping_made_by_a_program_is_checked() -> None:
    space = DataSpace("Outputs", ((("C", 1),),), True)
    problem = Problem("p", ("C",), {"C": 4}, (space,))
    levels = (Level("memory", "storage"), Level("mac", "compute"))
    architecture = Architecture(levels)
    check_mapping(Mapping({"memory": LevelMapping((("C", 4),))}), architecture, problem)
    for loops, name, expected in [
        ((("C", 2),), "memory", "multiply to 2"),
        ((("K", 4),), "memory", "unknown dimension 'K' at 'memory' (legal: C)"),
        ((("C", 4),), "buffer", "unknown level 'buffer' (legal: memory)"),
    ]:
        with pytest.raises(InputError) as caught:
            check_mapping(Mapping({name: LevelMapping(loops)}), architecture, problem)
        assert expected in str(caught.value)
