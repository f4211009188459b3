"""What public specifications have beside what this package writes, checked by its meaning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from spec.texts import ARCHITECTURE, MAPPING, PROBLEM

from red_timeloop.engines.base import engine
from red_timeloop.errors import InputError
from red_timeloop.mapper.run import search_specification
from red_timeloop.spec.reader import read_sections
from red_timeloop.spec.types import Specification

Read = Callable[..., Specification]
Message = Callable[..., str]

ROOMY = ARCHITECTURE.replace("{depth: 4,", "{depth: 8,")
MATRIX = """\
problem:
  version: 0.4
  shape:
    name: matrix_vector
    dimensions: [C, M]
    data_spaces:
    - {name: W, projection: [[[C]], [[M]]]}
    - {name: I, projection: [[[C]]]}
    - {name: O, projection: [[[M]]], read_write: true}
  instance: {C: 8, M: 16}
"""
NEAR = """\
architecture:
  nodes:
  - !Component {name: far, class: DRAM, attributes: {depth: 4096, width: 64, datawidth: 8}}
  - !Container {name: pe, spatial: {meshX: 8}}
  - !Component {name: near, class: SRAM, attributes: {depth: 64, width: 64, datawidth: 8}}
  - !Component {name: mac, class: intmac}
"""


def test_a_nothing_keeps_what_passes_by(read: Read, message: Message) -> None:
    text = """\
architecture:
  nodes:
  - !Component {name: far, class: DRAM, attributes: {width: 64, datawidth: 8}}
  - !Parallel
    nodes:
    - !Component {name: w, class: SRAM, attributes: {depth: 64, width: 8, datawidth: 8},
        constraints: {dataspace: {keep: [W]}}}
    - !Component {name: o, class: SRAM, attributes: {depth: 64, width: 8, datawidth: 8},
        constraints: {dataspace: {keep: [O]}}}
    - !Nothing {constraints: {dataspace: {keep_only: [I]}}}
  - !Component {name: mac, class: intmac}
"""
    found = read(text, MATRIX)
    for level, kept in (("w", "W"), ("o", "O")):
        spaces = found.constraints.levels[level].data_spaces
        assert spaces.keep == (kept,)
        assert set(spaces.bypass) == {"W", "I", "O"} - {kept}
    twice = text.replace("keep_only: [I]", "keep: [I, W]")
    assert "several children of a !Parallel keep the data space 'W': w, nothing" in message(
        twice, MATRIX
    )
    none = text.replace("{constraints: {dataspace: {keep_only: [I]}}}", "{}")
    assert "no child of a !Parallel keeps the data space 'I'" in message(none, MATRIX)


def test_nodes_name_members_of_those_before(read: Read, message: Message) -> None:
    text = NEAR.replace("spatial: {meshX: 8}", "attributes: {n: 2 * 4}, spatial: {meshX: n}")
    text = text.replace("depth: 64", "depth: (far.attributes.depth // pe.get_fanout() // 8)")
    level = read(text, MATRIX).architecture.level("near")
    assert (level.depth, level.instances_x) == (64, 8)
    text = NEAR.replace("depth: 4096", "depth: near.attributes.depth")
    assert "is of a node that does not stand before" in message(text, MATRIX)


def test_variables_may_be_lists_and_lists_of_mappings(read: Read) -> None:
    variables = """\
variables:
- {version: 0.4, HISTOGRAM: [0, 3, 1], INF: 4294967295}
- {SUMS: sum(HISTOGRAM), ONES: "([1] * 15)"}
- {LEVELS: len(HISTOGRAM), MORE: HISTOGRAM}
"""
    text = NEAR.replace("depth: 4096", "depth: INF, histogram: HISTOGRAM, names: [a, 'b', 1]")
    found = read(variables, text, MATRIX)
    assert found.variables["SUMS"] == 4
    assert found.variables["LEVELS"] == 3
    assert found.variables["MORE"] == (0, 3, 1)
    far = found.architecture.level("far")
    assert far.depth is None
    assert far.attributes["histogram"] == (0, 3, 1)
    assert far.attributes["names"] == ("a", "b", 1)


def test_nomerge_replaces_a_list(read: Read) -> None:
    text = NEAR.replace(
        "near, class: SRAM, attributes: {depth: 64, width: 64, datawidth: 8}",
        "near, class: SRAM, <<<: *base, constraints: {temporal: {rmw_first_update: !nomerge [O]}}",
    )
    base = """\
macros_ignore:
- &base
  attributes: {depth: 64, width: 64, datawidth: 8}
  constraints: {dataspace: {keep_only: ["*"]}, temporal: {rmw_first_update: ["*"]}}
"""
    near = read(base + text, MATRIX).constraints.levels["near"]
    assert near.temporal.rmw_first_update == ("O",)
    assert near.data_spaces.keep == ("W", "I", "O")


MAPSPACE = "mapspace:\n  targets:\n  - {target: near, type: temporal, factors: [C=8, M=2]}\n"


@pytest.mark.parametrize(
    "text",
    [
        MAPSPACE,
        MAPSPACE.replace("targets:", "constraints:"),
        MAPSPACE.replace("  targets:\n", ""),
        MAPSPACE.replace("mapspace:", "mapspace_constraints:"),
        MAPSPACE.replace("  targets:", "  template: uber\n  targets:"),
    ],
)
def test_constraints_below_mapspace_are_obeyed(read: Read, text: str) -> None:
    found = read(NEAR, MATRIX, text)
    mapping, _, _ = search_specification(found, "delay")
    assert dict(mapping.levels["near"].temporal) == {"C": 8, "M": 2}


def test_the_mappers_settings(read: Read, message: Message) -> None:
    text = "mapper: {optimization_metrics: [delay, energy], algorithm: random, live_status: true}"
    found = read(NEAR, MATRIX, text)
    assert found.objective == "delay"
    assert found.notes == (
        "mapper: algorithm: only timeloop-mapper reads this",
        "mapper: of delay, energy only delay is optimized",
    )
    assert read(NEAR, MATRIX, "mapper: {optimization_metric: edp}").objective == "edp"
    assert read(NEAR, MATRIX).objective is None
    for section, expected in (
        (
            "mapper: {optimization_metric: [last_level_accesses]}",
            "'last_level_accesses' is not mod",
        ),
        ("mapper: {algorithmm: random}", "mapper.algorithmm: unknown key"),
        ("mapspace: {template: ruby}", "mapspace.template: the template 'ruby' is not modelled"),
        ("mapspace: {target: []}", "mapspace.target: unknown key"),
        ("mapspace: {targets: 3}", "mapspace.targets: expected a list, got a number"),
        ("globals: {expression_custom_functions: [f.py]}", "functions in Python files are not run"),
        (
            "globals: {environment_variables: {TIMELOOP_ENABLE_TOROIDAL_LINKS: 1}}",
            "TIMELOOP_ENABLE_TOROIDAL_LINKS changes Timeloop's counts",
        ),
        ("globals: {python: 3}", "globals.python: unknown key"),
    ):
        assert expected in message(NEAR, MATRIX, section)


def test_a_limit_on_loops_is_kept_or_said(read: Read) -> None:
    found = read(NEAR, MATRIX, "mapper: {max_temporal_loops_in_a_mapping: 9}")
    assert search_specification(found, "delay")[1].cycles == 16
    found = read(NEAR, MATRIX, "mapper: {max_temporal_loops_in_a_mapping: 1}")
    with pytest.raises(InputError, match="max_temporal_loops_in_a_mapping: the best mapping has"):
        search_specification(found, "delay")


def test_energies_that_nothing_prices_are_not_optimized(read: Read) -> None:
    found = read(NEAR, MATRIX)
    for objective in ("edp", "energy"):
        with pytest.raises(InputError, match=r"no energy table prices .* or --objective delay"):
            search_specification(found, objective)
    assert search_specification(found, "delay")[1].cycles == 16
    table = "ERT: {tables: [{name: other, actions: [{name: read, energy: 1}]}]}"
    with pytest.raises(InputError, match="the energy table prices none of the components"):
        search_specification(read(NEAR, MATRIX, table), "edp")


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("network_fill_latency: 3", "near.attributes.network_fill_latency: latencies of networks"),
        ("network_read: 'noc'", "near.attributes.network_read: networks are not modelled"),
        ("n_words: 2", "near.attributes.n_words: not read (legal: block_size)"),
    ],
)
def test_attributes_that_change_counts_are_not_dropped(
    message: Message, attributes: str, expected: str
) -> None:
    assert expected in message(NEAR.replace("depth: 64,", f"depth: 64, {attributes},"), MATRIX)


TREE = """\
dumped_by_timeloop_front_end: true
architecture:
  version: '0.4'
  subtree:
  - name: chip_top_level
    attributes: {version: '0.4', technology: "32nm", global_cycle_seconds: 1e-9, vdd: 0.9,
      columns: 4, rows: 8, has_power_gating: false, power_gated_at: null}
    local:
    - name: buffer[1..1]
      class: SRAM
      attributes: {depth: 512, width: 32, datawidth: 8, read_bandwidth: 4, meshX: 1, meshY: 1}
    - name: inter_column_spatial[1..1]
      class: dummy_storage
      attributes: {width: 1, depth: 1, datawidth: 1, technology: -1, meshX: 1, meshY: 1}
    - name: inter_row_spatial[1..4]
      class: dummy_storage
      attributes: {width: 1, depth: 1, datawidth: 1, technology: -1, meshX: 4, meshY: 1}
    - name: cell[1..32]
      class: storage
      subclass: reram_cell
      attributes: {depth: 8, width: 8, datawidth: 8, meshX: 4, meshY: 8}
    - name: mac[1..32]
      class: compute
      subclass: reram_mac
      attributes: {meshX: 4, meshY: 8}
architecture_constraints:
  targets:
  - {type: bypass, target: cell, keep: [Weights], bypass: [Inputs, Outputs]}
  - {type: bypass, target: inter_row_spatial, bypass: [Weights, Inputs, Outputs]}
  - {type: temporal, target: inter_row_spatial, factors: "C=1,M=1,P=1,R=1", permutation: CMPR}
mapping: []
"""


def test_what_timeloopfe_writes_is_the_same_machine(read: Read) -> None:
    nodes = read(ROOMY, PROBLEM, MAPPING)
    raw = MAPPING.replace("target: column", "target: inter_column_spatial")
    tree = read(TREE, PROBLEM, raw.replace("target: row", "target: inter_row_spatial"))
    assert tree.architecture.names == nodes.architecture.names
    for one, other in zip(tree.architecture.levels, nodes.architecture.levels, strict=True):
        for key in ("kind", "target", "instances_x", "instances_y", "mesh_x", "mesh_y", "size"):
            assert getattr(one, key) == getattr(other, key), (one.name, key)
    scale = "per_dataspace_bandwidth_consumption_scale"
    scaled = TREE.replace("read_bandwidth: 4,", f"read_bandwidth: 4, {scale}: {{Weights: 2}},")
    assert read(scaled, PROBLEM).architecture.level("buffer").bandwidth_scale == {"Weights": 2}
    assert tree.architecture.variables["vdd"] == 0.9
    assert not {"version", "has_power_gating", "power_gated_at"} & {*tree.architecture.variables}
    results = [engine("embedded").evaluate_specification(each) for each in (tree, nodes)]
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("cell[1..32]", "cell[1..30]", "cell.attributes: meshX 4 times meshY 8 is not the number"),
        ("mac[1..32]", "mac[1..]", "'mac[1..]' is no name (legal: mac[1..168])"),
        ("class: compute", "class: SRAM", "the key 'datawidth' is missing"),
        ("inter_row_spatial[1..4]", "rowbuffer[1..4]", "keeps data and has a fan-out of 1 by 8"),
        ("version: '0.4'\n  subtree", "version: 0.1\n  subtree", "version 0.1 is not read"),
        ("name: cell[1..32]", "name: buffer[1..32]", "the name 'buffer' is taken"),
        ("name: cell[1..32]", "name: cell[2..1]", "local.name: 'cell[2..1]' has no instances"),
        (
            "name: buffer[1..1]",
            "name: buffer[1..2147483649]",
            "'buffer[1..2147483649]' has no inst",
        ),
        (
            "    - name: cell[1..32]\n      class: storage",
            "    - name: cell[1..32]\n      class: mac",
            "'cell' computes and is not last",
        ),
        (
            "mac[1..32]\n      class: compute\n      subclass: reram_mac\n      attributes: {"
            "meshX: 4, meshY: 8}",
            "mac[1..18]\n      class: compute\n      attributes: {meshX: 6, meshY: 3}",
            "'mac' has 6 by 3 instances below 4 by 8 of 'cell' (legal: multiples)",
        ),
        ("    local:", "    nodes: []\n    local:", "unknown key (legal: attributes, local, name"),
    ],
)
def test_refused_trees(message: Message, old: str, new: str, expected: str) -> None:
    assert old in TREE
    assert expected in message(TREE.replace(old, new, 1), PROBLEM)


def test_options_of_the_command_line(read: Read, tmp_path) -> None:
    from click.testing import CliRunner

    from red_timeloop.cli.main import cli

    (tmp_path / "top.yaml.jinja2").write_text(
        f"{{{{include_text('nodes.yaml')}}}}\nproblem: {{{{include(layer, 'problem')}}}}\n{MAPPING}"
    )
    (tmp_path / "nodes.yaml").write_text(ROOMY)
    (tmp_path / "layer.yaml").write_text(PROBLEM.replace("R: 3", "R: 3, Stride: 4"))
    arguments = [str(tmp_path / "top.yaml.jinja2"), "--jinja", "layer=layer.yaml"]
    arguments += ["--estimator", "none"]
    ran = CliRunner().invoke(cli, ["model", *arguments, "--format", "json"])
    assert ran.exit_code == 0, ran.output
    assert '"computes": 2304' in ran.output
    without = CliRunner().invoke(cli, ["map", arguments[0], "--objective", "delay"])
    assert without.exit_code != 0


def test_constraints_that_fix_every_factor_are_a_mapping(read: Read, tmp_path: Path) -> None:
    targets = """\
extra_mapping_constraints:
  targets:
  - {target: far, type: temporal, factors: [C=1, M=2]}
  - {target: pe, type: spatial, factors: [C=1, M=8]}
  - {target: near, type: temporal, factors: [C=8, M=1], permutation: [C, M]}
"""
    found = read(NEAR, MATRIX, targets, fixed=True)
    assert found.mapping is not None
    assert engine("embedded").evaluate_specification(found).cycles == 16
    assert read(NEAR, MATRIX, targets).mapping is None
    assert read(NEAR, MATRIX, targets.replace("M=2", "M<=2"), fixed=True).mapping is None
    (tmp_path / "fixed.yaml").write_text(NEAR + MATRIX + targets)
    assert read_sections(tmp_path / "fixed.yaml").specification({}, None).mapping is None
    (tmp_path / "mapped.yaml").write_text(ROOMY + PROBLEM + MAPPING)
    assert read_sections(tmp_path / "mapped.yaml").specification({}, None).mapping is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "architecture:\n  nodes:\n" + "  - !Container {name: a}\n" * 201,
            "architecture.nodes: there are 201 entries (legal: at most 200)",
        ),
        (
            "variables: {" + ", ".join(f"v{n}: 1" for n in range(10_001)) + "}\n" + NEAR,
            "variables: there are 10001 entries",
        ),
        (
            NEAR + "constraints:\n  targets: [" + "{}, " * 10_001 + "]",
            "constraints: there are 10001 entries",
        ),
        (
            NEAR + "problem: {shape: {dimensions: [" + "C, " * 41 + "]}, instance: {C: 1}}",
            "problem.shape.dimensions: there are 41 entries",
        ),
        (
            NEAR.replace("{depth: 64", "{" + ", ".join(f"a{n}: 1" for n in range(501)) + ", d: 1"),
            "near.attributes: there are 504 entries (legal: at most 500)",
        ),
        (
            NEAR.replace(
                "  - !Container",
                "".join(
                    f"  - !Container {{name: c{each}, attributes: {{"
                    + ", ".join(f"a{each}_{n}: 1" for n in range(400))
                    + "}}\n"
                    for each in range(2)
                )
                + "  - !Container",
            ),
            "c1.attributes: there are 800 entries",
        ),
        (
            NEAR + MATRIX.replace("[[[C]], [[M]]]", "[[" + "[C], " * 41 + "]]"),
            "problem.shape.data_spaces.W.projection: there are 41 entries",
        ),
    ],
    ids=["nodes", "variables", "constraints", "dimensions", "attributes", "inherited", "terms"],
)
def test_sections_have_an_end(message: Message, text: str, expected: str) -> None:
    assert expected in message(text, *([] if "problem" in text else [MATRIX]))


def test_many_sizes_that_are_not_read_take_no_time(read: Read) -> None:
    sizes = ", ".join(f"Size{n}: 1" for n in range(50_000))
    (note,) = read(NEAR, MATRIX.replace("C: 8,", f"C: 8, {sizes},")).notes
    assert note.endswith("Size9 and 49990 more: no dimension, not read")
