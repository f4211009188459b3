"""A Timeloop architecture of one's own as two designs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from close import near
from places import ROOT

import red_timeloop
from red_timeloop import TransposedConv, designs, resources
from red_timeloop.cli.main import main
from red_timeloop.designs import CmosDesign
from red_timeloop.designs.evaluate import evaluate
from red_timeloop.designs.result import DesignResult
from red_timeloop.engines.embedded.engine import evaluate_specification
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.spec.emit import to_yaml
from red_timeloop.spec.write import art_section, ert_section

ARRAY = ROOT / "docs/examples/small_array.yaml"
LAYER = TransposedConv(8, 4, (4, 4), 5, stride=2, padding=2, output_padding=1)
SPARSE = """
    sparse_optimizations:
      action_optimization:
      - {type: skipping, options: [{target: Weights, condition_on: [Inputs]}]}
"""


@pytest.fixture(autouse=True)
def small_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("red_timeloop.designs.searched.BUDGET", 600)


def edited(folder: Path, *changes: tuple[str, str], name: str = "small_array.yaml") -> str:
    text = ARRAY.read_text()
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return str(file)


def run(design: designs.Design, layer: TransposedConv = LAYER) -> DesignResult:
    return evaluate(design, layer, Hardware.load(), evaluate_specification)


def both(reference: str, **jinja: Any) -> Sequence[DesignResult]:
    return [run(each) for each in designs.choose([reference], jinja)]


def test_it_runs_both_forms_beside_the_others() -> None:
    found = red_timeloop.compare(designs=["red", str(ARRAY)], layers=["FCN_Deconv1"])
    assert [each.design for each in found.results] == ["red", "small_array", "small_array_split"]
    _, dense, split = (each.design_result for each in found.results)
    for result, macs in ((dense, 34 * 34 * 16), (split, 17 * 17 * 16)):
        padded = any("padded" in note for note in result.notes)
        assert (result.computes == 21 * 21 * macs) != padded
        assert 21 * 21 * macs <= result.computes
    assert 0 < split.energy < dense.energy
    assert dense.cycle_time == 2e-9
    (line,) = [line for line in found.assumptions if line.startswith("small_array, small")]
    for said in ("500 MHz", "DRAM: red_timeloop DRAM LPDDR4", "mac: red_timeloop"):
        assert said in line


def test_results_are_the_engine_s_on_the_file_itself() -> None:
    """Nothing is added to what the files say: the parts, read and priced without a design."""
    for result in both(str(ARRAY)):
        cycles, energy = 0, 0.0
        for each in result.evaluations:
            specification = each.specification
            assert specification.mapping is not None
            again = evaluate_specification(specification)
            cycles, energy = cycles + again.cycles, energy + again.energy
            spatial = specification.mapping.levels["inter_PE_spatial"]
            assert {rank for rank, _ in spatial.spatial_x} <= {"M"}
            assert {rank for rank, _ in spatial.spatial_y} <= {"Q"}
            assert not {"N", "M", "P", "Q"} & {
                r for r, _ in specification.mapping.levels["sum"].temporal
            }
        assert (result.cycles, result.energy) == (cycles, near(energy, rel=1e-12))


def test_a_constraint_that_no_sub_convolution_can_meet_names_target_and_rank(
    tmp_path: Path,
) -> None:
    file = edited(tmp_path, ("factors: [N=1, M=1, P=1, Q=1]", "factors: [N=1, M=1, R=5]"))
    dense, split = designs.choose(file)
    assert run(dense).evaluations[0].specification.mapping.levels["sum"].temporal  # type: ignore[union-attr]
    with pytest.raises(InputError, match=r"^sum \(temporal\): R=5 cannot be met: .* R=3"):
        run(split)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("factors: [N=1, M=1, P=1, Q=1]", "factors: [K=1]"), "unknown dimension 'K'"),
        (("keep: [Outputs]", "keep: [Z]"), "unknown data space 'Z'"),
        (("name: DRAM", "name: !!python/name:os.system DRAM"), "tag"),
        (("technology:", "technologie: {{ cycler.__init__ }}\n  technology:"), "small_array.yaml"),
    ],
)
def test_what_is_not_legal_is_said_before_anything_runs(
    change: tuple[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        designs.choose(edited(tmp_path, change))


def test_names(tmp_path: Path) -> None:
    folder = tmp_path / "my-array"
    file = edited(folder, name="arch.yaml")
    for reference, name in (
        (file, "my_array"),
        (str(folder), "my_array"),
        (f"mine={file}", "mine"),
        (edited(tmp_path, name="04.2 b.yaml"), "design_04"),
    ):
        assert [each.name for each in designs.choose(reference)] == [name, f"{name}_split"]
    assert designs.choose(file, {"architecture": "a/b"})[0].name == "a_b"
    assert designs.find(f"{file}:my_array_split").name == "my_array_split"
    with pytest.raises(InputError, match=r"is two designs .legal: .*arch\.yaml:my_array, "):
        designs.find(file)
    with pytest.raises(InputError, match="two designs are called 'my_array'"):
        designs.choose([file, str(folder)])
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match=r"the folder has no specification .legal: \*\.yaml"):
        designs.choose(str(empty))


def test_a_folder_with_template_problem_mapping_and_tables(tmp_path: Path) -> None:
    plain = both(str(ARRAY))[1]
    read = plain.evaluations[0].specification
    assert read.ert is not None
    assert read.art is not None
    edited(tmp_path, ("meshX: 8", "meshX: {{columns}}"), name="arch.yaml.jinja2")
    tables = {
        "ERT": ert_section(read.ert, read.architecture),
        "ART": art_section(read.art, read.architecture),
    }
    tables["ERT"]["tables"][0]["actions"][0]["energy"] *= 1000  # DRAM read
    (tmp_path / "tables.yaml").write_text(to_yaml(tables))
    (tmp_path / "problem.yaml").write_text("problem: {shape: gone}")
    (tmp_path / "map.yaml").write_text("mapping: [{target: gone}]")
    dear = both(str(tmp_path), columns=8)[1]
    assert dear.energy > 100 * plain.energy
    assert any(note.startswith("problem: the files' own is left out") for note in dear.notes)
    assert any(note.startswith("mapping: the files' own is left out") for note in dear.notes)
    assert "mac: the energy table" in dear.rests_on, dear.rests_on


def test_the_density_of_a_sparse_architecture_is_the_share_of_real_pixels(tmp_path: Path) -> None:
    keep = "constraints:\n      dataspace: {keep: [Inputs, Weights], bypass: [Outputs]}"
    dense, split = both(edited(tmp_path, (keep, keep + SPARSE)))
    for result, boxes in ((dense, [(12, 12)]), (split, [(6, 6), (6, 5), (5, 6), (5, 5)])):
        reals = [(4, 4)] * 4
        for each, box, real in zip(result.evaluations, boxes, reals, strict=False):
            problem = each.specification.problem
            assert problem is not None
            scale = problem.sizes["C"] * problem.sizes["N"] / LAYER.in_channels
            density = problem.densities["Inputs"].density
            assert density == near(real[0] * real[1] / (box[0] * box[1] * scale))
    energy = sum(evaluate_specification(each.specification).energy for each in dense.evaluations)
    assert dense.energy == near(energy, rel=1e-12)
    counts = evaluate_specification(dense.evaluations[0].specification).levels["buffer"]
    assert counts.data_spaces["Weights"].sparse is not None


def test_eyeriss_is_nothing_but_its_files(tmp_path: Path) -> None:
    for folder in ("arch", "mappings"):
        shutil.copy(resources.path(f"{folder}/eyeriss.yaml"), tmp_path / f"{folder}.yaml")
    for name, own in zip(("eyeriss", "eyeriss_split"), both(f"e={tmp_path}"), strict=True):
        shipped = run(designs.find(name))
        assert (own.cycles, own.energy, own.area) == (shipped.cycles, shipped.energy, shipped.area)


def test_iso_area_asks_which_variables_grow(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="which variables grow"):
        run(designs.choose(str(ARRAY))[0].scaled(1e-6))
    file = edited(
        tmp_path,
        ("meshX: 8, meshY: 4", "meshX: columns, meshY: rows"),
        (
            "variables:",
            "scaled_ignored_by_timeloop: {fan_outs: [columns, rows]}\n"
            "variables:\n  columns: 8\n  rows: 4",
        ),
    )
    design = designs.choose(file)[0]
    assert isinstance(design, CmosDesign)
    own = run(design).area
    assert run(design.scaled(4 * own)).area > 1.5 * own


def test_map_takes_a_layer_and_a_design(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["map", "red_date2019:FCN_Deconv1", "--design", f"{ARRAY}:small_array_split"]
    with pytest.raises(SystemExit) as ended:
        main([*command, "--budget", "200", "--seconds", "2", "-o", str(tmp_path)])
    assert ended.value.code == 0
    (folder,) = (tmp_path / "FCN_Deconv1/small_array_split").iterdir()
    again = red_timeloop.model([ARRAY, folder / "problem.yaml"], mapping=folder / "mapping.yaml")
    assert f"in {again['cycles']:,} cycles" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["map", "red_date2019:FCN_Deconv1", "--design", "red"])
    assert ended.value.code == 2
    assert "red has a mapping of its own" in capsys.readouterr().err
