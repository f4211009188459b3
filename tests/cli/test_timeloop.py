"""`export`, `tables` and `doctor` on real processes, and what they write in the real tools."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from close import near
from places import DATA, ROOT, STANDIN

import red_timeloop
from red_timeloop import resources
from red_timeloop.components.accelergy import PLUG_IN_PATH
from red_timeloop.components.tables import price
from red_timeloop.engines.timeloop import tools
from red_timeloop.spec.loader import load_text
from red_timeloop.spec.reader import read_art_file, read_ert_file, read_specification

RUNS = DATA / "timeloop_runs"


def run(
    *arguments: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "red_timeloop.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GAN_Deconv2 on RED, exported."""
    folder = tmp_path_factory.mktemp("export") / "bundle"
    done = run("export", "red_date2019:GAN_Deconv2", "--design", "red", "-o", str(folder))
    assert done.returncode == 0, done.stderr
    assert "python run.py" in done.stdout
    return folder


def test_bundle_holds_everything(bundle: Path) -> None:
    names = {path.name for path in bundle.iterdir()}
    groups = {"taps_3x3", "taps_3x2", "taps_2x3", "taps_2x2"}
    assert names == {"README.md", "run.py", "components.lib.yaml", "inputs", *groups}
    assert len((bundle / "README.md").read_text().splitlines()) == 3
    files = {path.name for path in (bundle / "taps_3x2").iterdir()}
    tables = {"ERT.yaml", "ART.yaml", "components.csv"}
    own = {"architecture.yaml", "problem.yaml", "mapping.yaml", "constraints.yaml", "mapper.yaml"}
    assert files == tables | own


def test_bundle_needs_nothing_of_this_package(bundle: Path) -> None:
    program = (bundle / "run.py").read_text()
    assert "red_timeloop" not in program
    compile(program, "run.py", "exec")


def test_bundle_gives_the_designs_numbers(bundle: Path) -> None:
    """The files, read back as any Timeloop user's, cost what `compare` says."""
    comparison = red_timeloop.compare(
        "red_date2019", designs=["red"], layers=["GAN_Deconv2"], engine="embedded"
    )
    expected = comparison.results[0].as_dict()
    cycles = 0
    for folder in bundle.glob("taps_*"):
        result = red_timeloop.model(
            [folder / f"{name}.yaml" for name in ("architecture", "problem", "mapping")],
            ert=folder / "ERT.yaml",
            art=folder / "ART.yaml",
            engine="embedded",
        )
        cycles = max(cycles, result["cycles"])
    assert cycles == expected["cycles"]


def test_constraints_of_the_bundle_allow_its_mapping(bundle: Path) -> None:
    folder = bundle / "taps_2x2"
    names = ("architecture", "problem", "constraints", "mapping")
    found = read_specification([folder / f"{name}.yaml" for name in names])
    assert found.mapping is not None
    held = found.constraints.levels["inter_row_spatial"].spatial
    assert held.factor("C") == 128
    assert found.constraints.levels["edram"].temporal.factor("C") == 1
    assert found.constraints.levels["edram"].temporal.factor("P") is None


def test_groups_of_one_shape_have_folders_of_their_own(tmp_path: Path) -> None:
    """With a padding of 1 the four modes of GAN_Deconv3 differ in their offsets only."""
    done = run("export", "red_date2019:GAN_Deconv3", "-o", str(tmp_path))
    assert done.returncode == 0, done.stderr
    folders = sorted(path.parent.name for path in tmp_path.glob("*/problem.yaml"))
    assert folders == ["inputs", *(f"taps_2x2_{number}" for number in (1, 2, 3, 4))]
    assert [Path(line).name for line in done.stdout.splitlines()[:5]] == [*folders[1:], "inputs"]


def test_a_design_that_the_mapper_maps(tmp_path: Path) -> None:
    done = run(
        *("export", "red_date2019:FCN_Deconv1", "--design", "eyeriss_split"),
        *("-o", str(tmp_path / "bundle")),
    )
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "bundle" / "taps_2x2"
    names = ("architecture", "problem", "constraints", "mapping")
    assert read_specification([folder / f"{name}.yaml" for name in names]).mapping is not None


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["export", "red_date2019", "-o", "X"], "--layer: 'red_date2019' has 6 layers (legal:"),
        (["export", "red_date2019:GAN", "-o", "X"], "GAN_Deconv1"),
        (
            ["export", "red_date2019:GAN_Deconv1", "--design", "rde", "-o", "X"],
            "unknown design 'rd",
        ),
        (["export", "red_date2019:GAN_Deconv1", "-o", str(ROOT)], "holds something already"),
        (
            ["tables", "--design", "rde"],
            "design: unknown design 'rde'; did you mean 'red'? (legal: red",
        ),
        (["tables", "--set", "rows"], "--set: got 'rows' (legal: KEY=VALUE)"),
        (
            ["tables", "--set", "adc_resolution=99"],
            "adc.resolution: out of range: 99 (legal: 1 .. ",
        ),
        (["tables", "--set", "rows=1", "--set", "crossbar_rows=2"], "crossbar_rows: given twice"),
        (["tables", "--set", "typo=1"], "typo: unknown setting (legal: access_resistance_ohm"),
        (
            ["tables", "--design", "eyeriss", "--set", "rows=1"],
            "rows: unknown setting; did you mean",
        ),
        (["tables", "--set", "rows=[1]"], "rows: got [1] (legal: a number or a word)"),
        (["tables", "--set", "rows=1", "--format", "lib"], "--format lib: lists all components"),
        (["tables", "/nowhere.yaml"], "cannot read"),
    ],
)
def test_refusals(arguments: list[str], expected: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("design", ["red", "padding_free"])
def test_tables_are_the_prices(design: str, tmp_path: Path) -> None:
    architecture = read_specification(resources.path(f"arch/{design}.yaml")).architecture
    ert, art = price(architecture)
    for form in ("ert", "art"):
        done = run("tables", "--design", design, "--format", form, "-o", str(tmp_path / form))
        assert done.returncode == 0, done.stderr
    found = read_ert_file(tmp_path / "ert").energies
    for level, energies in ert.energies.items():
        assert found[level] == near(energies, rel=1e-12)
    assert read_art_file(tmp_path / "art").areas == near(art.areas, rel=1e-12)
    assert "Energies in pJ" in (tmp_path / "ert").read_text().splitlines()[0]


def test_settings_change_the_prices() -> None:
    small = run("tables", "--format", "art", "--set", "crossbar_columns=64").stdout
    assert small == run("tables", "--format", "art", "--set", "columns=64").stdout
    large = run("tables", "--format", "art").stdout
    assert small != large


def test_csv_library_has_units_sources_and_the_actions_it_needs() -> None:
    text = run("tables", "--format", "csv").stdout
    assert "COMPONENT: reram_cell\n" in text
    body = text.partition("COMPONENT: reram_cell\n")[2].partition("\n\n")[0]
    rows = list(csv.DictReader(body.splitlines()))
    assert {row["action"] for row in rows} >= {"read", "write", "update", "leak"}
    read = next(row for row in rows if row["action"] == "read")
    ert, _ = price(read_specification(resources.path("arch/red.yaml")).architecture)
    assert float(read["energy"]) == near(ert.energies["cell"]["read"] * 1e12, rel=1e-8)
    assert read["unit"] == "pJ; um^2"
    assert read["source"] == "red_timeloop.components.crossbar.ReramCell"


def test_shipped_component_list_is_the_one_written() -> None:
    shipped = ROOT / "share/accelergy/primitive_component_libs/red_timeloop.lib.yaml"
    assert run("tables", "--format", "lib").stdout == shipped.read_text()
    listed = load_text(shipped.read_text())["classes"]
    array = next(each for each in listed if each["name"] == "reram_array")
    assert array["attributes"]["rows"] == "must_specify"
    assert {action["name"] for action in array["actions"]} == {"read", "write", "update", "leak"}


def test_doctor_says_what_is_missing_and_where_to_read() -> None:
    done = run("doctor", environment={"PATH": "/nowhere", "RED_TIMELOOP_PYTHON": "/nowhere/python"})
    assert done.returncode == 1
    for name in ("timeloop-model", "timeloop-mapper", "accelergy", "pytimeloop"):
        line = next(line for line in done.stdout.splitlines() if f" {name} " in line)
        assert line.startswith("missing")
        assert "https://" in line


def test_doctor_names_the_plug_in_without_pytimeloop() -> None:
    away = {"PATH": "/nowhere", "RED_TIMELOOP_PYTHON": "/nowhere/python"}
    for options, said in (((), "a specification names it"), (("--register",), "cannot register")):
        lines = run("doctor", *options, environment=away).stdout.splitlines()
        line = next(line for line in lines if " plug-in " in line)
        assert f"accelergy_plug_ins: [{PLUG_IN_PATH}]" in line
        assert said in line


def test_doctor_finds_what_is_there(tmp_path: Path) -> None:
    settings = {
        "TMPDIR": str(tmp_path),
        "PATH": f"{STANDIN / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{STANDIN}",
        "RED_TIMELOOP_PYTHON": sys.executable,
        "STANDIN": "capacity",
        "STANDIN_DATA": str(RUNS),
    }
    done = run("doctor", environment=settings)
    assert done.returncode == 1
    assert f"timeloop-model   {STANDIN}" in done.stdout
    assert "ok       pytimeloop" in done.stdout
    trial = next(line for line in done.stdout.splitlines() if "trial run" in line)
    assert "exceeds buffer capacity" in trial


@pytest.mark.timeloop
def test_bundle_runs_on_the_real_tools(bundle: Path) -> None:
    found = tools.find_tools()
    if missing := found.missing("model"):
        pytest.skip(missing)
    environment = {key: item for key, item in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(found.python), "run.py"],
        cwd=bundle,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(bundle.glob("*/model/timeloop-model.stats.txt"))) == 5


@pytest.mark.timeloop
def test_csv_library_prices_components_in_accelergy(tmp_path: Path) -> None:
    """The library plug-in, told of the folder, gives the energies of the rows."""
    accelergy = tools.find_tools().accelergy
    if accelergy is None:
        pytest.skip("accelergy is not on PATH")
    shared = accelergy.parents[1] / "share" / "accelergy" / "estimation_plug_ins"
    if not (shared / "accelergy-library-plugin").is_dir():
        pytest.skip("Accelergy's library plug-in is not installed")
    (tmp_path / "library").mkdir()
    run("tables", "--format", "csv", "-o", str(tmp_path / "library" / "red.csv"))
    (tmp_path / "home/.config/accelergy").mkdir(parents=True)
    lists = ROOT / "share/accelergy/primitive_component_libs"
    (tmp_path / "home/.config/accelergy/accelergy_config.yaml").write_text(
        f"version: '0.4'\nprimitive_components: [{lists}]\ncompound_components: []\n"
        f"math_functions: []\ntable_plug_ins: {{roots: []}}\npython_plug_ins: []\n"
        f"estimator_plug_ins: [{shared / 'accelergy-library-plugin'}]\n"
    )
    architecture = read_specification(resources.path("arch/red.yaml")).architecture
    given = architecture.level("cell").attributes.items()
    attributes = ", ".join(f"{name}: {value}" for name, value in given)
    (tmp_path / "arch.yaml").write_text(
        "architecture:\n  version: 0.4\n  subtree:\n  - name: chip\n"
        '    attributes: {technology: "32nm", global_cycle_seconds: 8e-7}\n'
        "    local:\n    - name: cell[1..2]\n      class: storage\n      subclass: reram_cell\n"
        f"      attributes: {{{attributes}}}\n      required_actions: [read, leak]\n"
    )
    done = subprocess.run(
        [str(accelergy), "arch.yaml", "-o", "out"],
        cwd=tmp_path,
        env={
            **os.environ,
            "HOME": str(tmp_path / "home"),
            "ACCELERGY_COMPONENT_LIBRARIES": str(tmp_path / "library"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    table = tmp_path / "out" / "ERT.yaml"
    assert table.is_file(), (done.stdout + done.stderr)[-2000:]
    ert, _ = price(architecture)
    found = read_ert_file(table).energy("cell", "read")
    assert found == near(ert.energies["cell"]["read"], rel=1e-4)
