"""Architectures: flattening, inheritance, defaults, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from spec.texts import ARCHITECTURE, PROBLEM

from red_timeloop.errors import InputError
from red_timeloop.spec.reader import read_sections, specification_files
from red_timeloop.spec.types import Level, Specification

Message = Callable[..., str]
Read = Callable[..., Specification]
HEAD = "architecture:\n  nodes:\n"
BUFFER = (
    "  - !Component {name: buffer, class: SRAM, attributes: {depth: 8, width: 8, datawidth: 8}}\n"
)
MAC = "  - !Component {name: mac, class: compute}\n"


def levels(read: Read, text: str, **options: object) -> dict[str, Level]:
    return {level.name: level for level in read(text, **options).architecture.levels}


def test_containers_become_levels_and_fan_outs_multiply(read: Read) -> None:
    found = levels(read, ARCHITECTURE)
    assert list(found) == ["buffer", "inter_column_spatial", "inter_row_spatial", "cell", "mac"]
    assert [found[name].kind for name in found] == [
        *("storage", "spatial", "spatial", "storage", "compute")
    ]
    assert [(x.instances_x, x.instances_y) for x in found.values()] == [
        *((1, 1), (1, 1), (4, 1), (4, 8), (4, 8))
    ]
    row = found["inter_row_spatial"]
    assert (row.mesh_x, row.mesh_y, row.fanout, row.target) == (1, 8, 8, "row")
    assert (row.depth, row.width, row.datawidth, row.size, row.block_size) == (1,) * 5


def test_what_stands_last_is_named(message: Message) -> None:
    lower = BUFFER.replace("name: buffer", "name: lower")
    assert "the last node must compute, got 'lower'" in message(HEAD + BUFFER + lower)
    after = message(HEAD + BUFFER + MAC + lower)
    assert "'lower' stands after the compute level 'mac'" in after


def test_attributes_are_evaluated_inherited_and_completed(read: Read) -> None:
    found = levels(read, ARCHITECTURE)
    buffer = found["buffer"]
    assert (buffer.depth, buffer.block_size, buffer.size) == (512, 4, 2048)
    assert (buffer.read_bandwidth, buffer.write_bandwidth) == (4.0, None)
    assert buffer.attributes["vdd"] == 0.9
    assert (buffer.attributes["n_banks"], buffer.multiple_buffering) == (2, 1.0)
    assert found["mac"].attributes == {"vdd": 0.9, "has_power_gating": False}
    assert (found["cell"].subclass, found["mac"].datawidth) == ("reram_cell", 16)
    empty = levels(read, HEAD + BUFFER.replace("depth: 8", "depth: 8, own: null, a: 3") + MAC)
    assert "own" not in empty["buffer"].attributes
    assert empty["buffer"].attributes["a"] == 3


def test_component_models_see_variables_too(read: Read) -> None:
    architecture = read(ARCHITECTURE).architecture
    seen = architecture.component_attributes(architecture.level("cell"))
    assert (seen["technology"], seen["rows"], seen["depth"]) == ("32nm", 8, 4)


def test_variables_can_be_replaced_and_added(read: Read) -> None:
    found = levels(read, ARCHITECTURE, variables={"columns": 3, "spare": 1})
    assert found["cell"].instances_x == 3
    assert read(ARCHITECTURE, variables={"spare": 1}).variables["spare"] == 1


def test_later_variables_see_a_replaced_one(read: Read) -> None:
    text = "variables: {a: 2, b: a * 3}\n" + HEAD + BUFFER + MAC
    assert read(text, variables={"a": 5}).variables["b"] == 15


def test_fan_out_on_a_component_stands_before_it(read: Read) -> None:
    text = HEAD + BUFFER + MAC.replace("compute}", "compute, spatial: {meshY: 3}}")
    found = levels(read, text)
    assert list(found) == ["buffer", "inter_mac_spatial", "mac"]
    assert (found["mac"].instances_y, found["inter_mac_spatial"].mesh_y) == (3, 3)
    architecture = read(text).architecture
    assert all(architecture.level(name).name == name for name in found)
    assert read(ARCHITECTURE).architecture.level("row").name == "inter_row_spatial"
    with pytest.raises(KeyError):
        architecture.level("row")


def test_a_notebook_shows_the_hierarchy(read: Read) -> None:
    table = read(ARCHITECTURE).architecture._repr_html_()
    rows = [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in table.split("<tr>")[2:]]
    assert rows == [
        ["buffer", "", "SRAM", "1", "2,048", "8"],
        ["column", "4 x 1 of what follows", "", "1", "", ""],
        ["row", "1 x 8 of what follows", "", "4", "", ""],
        ["cell", "", "reram_cell", "32", "4", "8"],
        ["mac", "", "reram_mac", "32", "", ""],
    ]


def test_sizes_in_other_units_and_unlimited(read: Read) -> None:
    def one(attributes: str) -> Level:
        return levels(
            read,
            HEAD + f"  - !Component {{name: m, class: DRAM, attributes: {attributes}}}\n" + MAC,
        )["m"]

    assert one("{width: 16, datawidth: 8, entries: 100}").size == 100
    assert one("{width: 16, datawidth: 8, sizeKB: 2}").size == 2048
    assert one("{width: 16, datawidth: 8}").size is None
    assert one("{width: 16, datawidth: 8, depth: 4294967295}").size is None
    assert one("{width: 32, datawidth: 8, depth: 4, block_size: 2}").cluster_size == 2
    assert one("{width: 32, datawidth: 8, depth: 4, cluster_size: 2}").size == 8
    assert one("{width: 8, datawidth: 8, depth: 2**62}").size == 2**62
    alone = one("{width: 32, datawidth: 8, block_size: 1, multiple_buffering: 1}")
    assert (alone.cluster_size, alone.block_size) == (4, 1)
    free = "per_dataspace_bandwidth_consumption_scale: {W: 0}, read_bandwidth: 0"
    assert one(f"{{width: 8, datawidth: 8, {free}}}").bandwidth_scale == {"W": 0}
    halves = one("{width: 8, datawidth: 8, bandwidth: 6, write_bandwidth: 1}")
    assert (halves.read_bandwidth, halves.write_bandwidth) == (3.0, 1.0)


@pytest.mark.parametrize(("said", "there"), [("0", 0), ("'false'", 0), ("1", 1), ("True", 1)])
def test_truth_is_said_by_words_and_by_numbers(read: Read, said: str, there: int) -> None:
    more = BUFFER.replace("name: buffer", f"name: more, enabled: {said}")
    assert ("more" in levels(read, HEAD + BUFFER + more + MAC)) == there


def test_disabled_and_nothing_vanish(read: Read) -> None:
    off = BUFFER.replace("name: buffer", "name: off, enabled: False")
    nothing = "  - !Component {name: n, class: nothing}\n" + "  - !Nothing {}\n" * 2
    assert list(levels(read, HEAD + BUFFER + off + nothing + MAC)) == ["buffer", "mac"]


def test_classes_with_a_known_word(read: Read) -> None:
    text = HEAD + BUFFER.replace("SRAM", "my_smartbuffer_SRAM") + MAC.replace("compute", "fpmac_x")
    assert [level.kind for level in levels(read, text).values()] == ["storage", "compute"]


def node(text: str) -> str:
    return HEAD + f"  - {text}\n" + MAC


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("problem: {}", "file0.yaml: the key 'architecture' is missing"),
        ("architecture: 3", "file0.yaml: architecture: expected a mapping, got 3"),
        ("architecture: {version: 0.3, nodes: []}", "version 0.3 is not read (legal: 0.4)"),
        ("architecture: {subtree: []}", "the last component must compute"),
        ("architecture: {subtree: [3]}", "architecture.subtree: a node is a number, not a mapping"),
        (
            "architecture: {subtree: [{name: a, local: [[]]}]}",
            "a.local: a node is a list, not a mapping",
        ),
        (
            "architecture: {subtree: [{name: a}, {name: b}]}",
            "architecture: a subtree has two branches",
        ),
        ("architecture: {version: 0.4}", "file0.yaml:1: architecture: the key 'nodes' is missing"),
        (
            "architecture: {nodes: [], node: 3}",
            "architecture.node: unknown key; did you mean 'nodes'? (leg",
        ),
        (HEAD + BUFFER, "the last node must compute, got 'buffer' (legal: a class with one of mac"),
        (HEAD + MAC + BUFFER, "'buffer' stands after the compute level 'mac'"),
        (HEAD + BUFFER + BUFFER + MAC, "the name 'buffer' is taken, first at "),
        (HEAD + "  - {name: a}\n" + MAC, "node 0 is a mapping without a tag (legal: !Component"),
        (HEAD + "  - 3\n" + MAC, "node 0 is a number without a tag"),
        (node("!Component {class: SRAM}"), "!Component: the key 'name' is missing"),
        (node("!Component {name: a}"), "a: the key 'class' is missing"),
        (node("!Component {name: a, class: flux}"), "a.class: unknown class 'flux' (legal: a word"),
        (node("!Component {name: a, class: XY_NoC}"), "a.class: networks are not modelled"),
        (node("!Component {name: a, class: SRAM, size: 3}"), "a.size: unknown key (legal: area_"),
        (node("!Container {name: a, class: SRAM}"), "a.class: unknown key"),
        (node("!Container {name: a, networks: [1]}"), "a.networks: networks are not modelled"),
        (node("!Container {name: a, spatial: {meshZ: 3}}"), "a.spatial.meshZ: unknown key"),
        (
            node("!Container {name: a, spatial: {meshX: 0}}"),
            "a.spatial.meshX: expected a whole number, got 0 (legal: 1 or more)",
        ),
        (
            node("!Container {name: a, spatial: {meshX: 3 / 2}}"),
            "a.spatial.meshX: expected a whole number, got '3 / 2' = 1.5",
        ),
        (
            node("!Container {name: a, spatial: {meshX: [1]}}"),
            "a.spatial.meshX: expected a whole number, got a list",
        ),
        (node("!Container {name: a, spatial: {meshX: rows}}"), "the name 'rows' is not defined"),
        (
            node("!Component {name: a, class: SRAM, attributes: {depth: 3, width: 8}}"),
            "file0.yaml:3: a.attributes: the key 'datawidth' is missing",
        ),
        (
            node("!Component {name: a, class: SRAM, attributes: {depth: 3, datawidth: 8}}"),
            "a.attributes: the key 'width' is missing",
        ),
        (
            node("!Component {name: a, class: SRAM, attributes: {width: 12, datawidth: 8}}"),
            "expected a multiple of datawidth times cluster_size (8 bits), got 12",
        ),
        (
            node(
                "!Component {name: a, class: SRAM, "
                "attributes: {width: 8, datawidth: 8, block_size: 4}}"
            ),
            "expected a multiple of datawidth times cluster_size (32 bits), got 8",
        ),
        (
            node(
                "!Component {name: a, class: SRAM, attributes: {datawidth: 8, width: 8, "
                "per_dataspace_bandwidth_consumption_scale: {W: -1}}}"
            ),
            "consumption_scale: expected numbers of 0 or more",
        ),
        (
            node(
                "!Component {name: a, class: SRAM, attributes: {datawidth: 8, width: 8, "
                "per_dataspace_bandwidth_consumption_scale: 3}}"
            ),
            "consumption_scale: expected a mapping",
        ),
        (
            node(
                "!Component {name: a, class: SRAM, attributes: {width: 8, datawidth: 8, depth: -1}}"
            ),
            "a.attributes.depth: expected a whole number of 0 or more, got -1",
        ),
        (
            node(
                "!Component {name: a, class: SRAM, "
                "attributes: {width: 8, datawidth: 8, depth: 1.0e+308}}"
            ),
            "a.attributes.depth: expected at most 2^62, got 1e+308",
        ),
        (
            node(
                "!Component {name: a, class: SRAM, "
                "attributes: {width: 8, datawidth: 8, depth: 1, entries: 2}}"
            ),
            "depth and entries both give the size",
        ),
        (
            node("!Component {name: a, class: SRAM, attributes: {type: LPDDR4}}"),
            "a.attributes.type: expression 'LPDDR4': the name 'LPDDR4' is not defined; quote it",
        ),
        (
            node(
                "!Component {name: a, class: SRAM, "
                "attributes: {width: 8, datawidth: 8, read_bandwidth: 'fast'}}"
            ),
            "a.attributes.read_bandwidth: expected a number of 0 or more, got 'fast'",
        ),
        (
            node(
                "!Component {name: a, class: SRAM, "
                "attributes: {width: 8, datawidth: 8, multiple_buffering: 0.5}}"
            ),
            "a.attributes.multiple_buffering: expected a number of 1 or more, got 0.5",
        ),
        (
            node(
                "!Component {name: a, class: SRAM, "
                "attributes: {width: 8, datawidth: 8, reduction_supported: 7}}"
            ),
            "a.attributes.reduction_supported: expected true or false, got 7",
        ),
        (
            node("!Component {name: a, class: SRAM, sparse_optimizations: {x: 1}}"),
            "a.x: unknown key (legal: action_optimization, compute_optimization, name",
        ),
        (
            node("!Container {name: a, sparse_optimizations: {x: 1}}"),
            "sparse optimizations of a container are not modelled",
        ),
        (
            node("!Component {name: a, class: SRAM, enabled: [1]}"),
            "a.enabled: expected true or false, got a list",
        ),
        (
            node("!Parallel {nodes: [!Container {name: a, spatial: {meshX: 2}}]}"),
            "the container 'a' stands directly under a !Parallel (legal: components, or a !Hier",
        ),
        (
            node("!Parallel {nodes: [!Component {name: a, class: mac, spatial: {meshX: 2}}]}"),
            "the fan-out of 'a' stands inside a !Parallel",
        ),
        (
            "variables: {mac: 2}\n" + node("!Container {name: b, attributes: {x: mac + 1}}"),
            "b.attributes.x: expression 'mac + 1': 'mac' is the name of a node, which hides",
        ),
        ("variables: {a: b, b: 1}\n" + HEAD + MAC, "variables.a: expression 'b': the name 'b' is"),
        (
            "variables: {a: 2}\n" + node("!Container {name: a, spatial: {meshX: a}}"),
            "a.spatial.meshX: expression 'a': 'a' is the name of a node, which hides a variable",
        ),
        (
            node("!Container {name: a, attributes: {tag: 3}}"),
            "a.attributes.tag: timeloopfe reserves",
        ),
        ("variables: {version: 0.2}\n" + HEAD + MAC, "variables.version: version 0.2 is not read"),
        ("variables: [1]\n" + HEAD + MAC, "variables: expected a mapping, got a list of a num"),
        ("arch: {}\n" + HEAD + MAC, "file0.yaml:1: arch: unknown key (legal: *_components, *_con"),
        (
            "sparse_optimizations: {targets: [1]}\n" + HEAD + MAC,
            "sparse_optimizations.targets: an entry is a number, not a mapping",
        ),
    ],
)
def test_refusals(message: Message, text: str, expected: str) -> None:
    assert expected in message(text)


def test_files_are_combined(read: Read, message: Message) -> None:
    one = "variables: {version: 0.4, a: 1}\narchitecture:\n  version: 0.4\n  nodes:\n" + BUFFER
    two = "variables: {a: 1, b: a + 1}\narchitecture: {nodes: [!Component {name: mac, class: mac}]}"
    found = read(one, two)
    assert found.architecture.names == ("buffer", "mac")
    assert found.variables == {"a": 1, "b": 2}
    assert (
        message(one, two.replace("a: 1", "a: 2"))
        == "file1.yaml:1: a: 2 contradicts 1 of another file"
    )


def test_sections_of_several_files_stand_where_the_first_one_does(message: Message) -> None:
    missing = "file0.yaml:2: architecture: the key 'nodes' is missing"
    assert message("variables: {}\narchitecture: {}", "\n\n\narchitecture: {}").startswith(missing)
    listed = "variables: {}\narchitecture:\n- {version: 0.4}\n- {nodes: []}\n"
    assert message(listed).startswith(missing.replace(":2", ":3"))


def test_a_folder_stands_for_the_specification_files_in_it(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(MAC)
    (tmp_path / "a.yaml").write_text(HEAD + BUFFER)
    (tmp_path / "c.txt").write_text("no YAML: [")
    (tmp_path / "d.yaml").mkdir()
    assert [file.name for file in specification_files(tmp_path)] == ["a.yaml", "b.yaml"]
    assert specification_files(tmp_path / "c.txt") == [tmp_path / "c.txt"]
    with pytest.raises(InputError, match=r"the folder has no specification .legal: \*\.yaml \*"):
        specification_files(tmp_path / "d.yaml")


def test_what_is_ignored_has_no_effect_and_what_is_left_out_is_told(
    read: Read, tmp_path: Path
) -> None:
    plain = read(ARCHITECTURE, PROBLEM)
    assert read("notes_ignored: [1]\nmapper:\nproblem:\n" + ARCHITECTURE, PROBLEM) == plain
    assert read(ARCHITECTURE, PROBLEM, "problem:\nvariables:\n") == plain
    assert plain.problem is not None
    again = read(ARCHITECTURE, PROBLEM, problem=replace(plain.problem, name="own"))
    assert again.problem is not None
    assert again.problem.name == "own"
    assert again.notes == ("problem: the files' own is left out, another takes its place",)
    (tmp_path / "whole.yaml").write_text(ARCHITECTURE)
    names = ("version", "technology", "global_cycle_seconds", "columns", "rows")
    assert read_sections(tmp_path / "whole.yaml").variables == names


def test_no_file_and_a_missing_file(read: Read, message: Message) -> None:
    assert message() == "no specification file was given"
    assert "cannot read" in message(HEAD + BUFFER + MAC, mapping="/nowhere/mapping.yaml")


@pytest.mark.parametrize(
    "section",
    ["mapper", "mapspace", "globals", "constraints", "sparse_optimizations", "components"],
)
def test_every_section_is_of_the_version_and_has_keys_that_are_known(
    section: str, message: Message
) -> None:
    files = ARCHITECTURE, PROBLEM
    assert f"{section}.wrong: unknown key" in message(*files, f"{section}: {{wrong: 1}}")
    if section != "components":  # which Accelergy has versions of its own for
        wrong = f"{section}.version: version 0.3 is not read (legal: 0.4)"
        assert wrong in message(*files, f"{section}: {{version: 0.3}}")
