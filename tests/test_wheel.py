"""The wheel, installed away from the checkout, runs the main job with the files it carries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import red_timeloop

ROOT = Path(red_timeloop.__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_carries_the_yaml_and_the_type_marker(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    plug_in = "share/accelergy/estimation_plug_ins/red_timeloop/red_timeloop.estimator.yaml"
    assert any(name.endswith(plug_in) for name in names)
    for folder in ("arch", "arch/parameters", "mappings", "workloads"):
        for file in (ROOT / folder).glob("*.yaml"):
            assert f"red_timeloop/_data/{folder}/{file.name}" in names
    assert "red_timeloop/py.typed" in names


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and without the checkout: its Python."""
    environment = tmp_path_factory.mktemp("installed") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    # The environment starts empty: the wheel goes in without the checkout, its dependencies come
    # from the ones that run this test.
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = environment / "lib" / version / "site-packages"
    zipfile.ZipFile(wheel).extractall(site)
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return environment / "bin" / "python"


def run(python: Path, folder: Path, *arguments: str) -> str:
    """Run the command line of an environment in a folder; return what it prints."""
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    start = "import sys; from red_timeloop.cli.main import main; main(sys.argv[1:])"
    done = subprocess.run(
        [str(python), "-c", start, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env=clean,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_wheel_runs_compare_in_an_empty_environment(installed: Path, tmp_path: Path) -> None:
    where = "import red_timeloop; print(red_timeloop.__file__)"
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    found = subprocess.run(
        [str(installed), "-c", where],
        capture_output=True,
        text=True,
        env=clean,
        cwd=tmp_path,
        check=True,
    )
    assert Path(found.stdout.strip()).is_relative_to(installed.parents[1])
    content = run(installed, tmp_path, "compare", "--layer", "GAN_Deconv3", "--format", "json")
    assert {result["design"] for result in json.loads(content)["results"]} >= {"red"}


def test_a_design_of_one_s_own_goes_through_every_command(installed: Path, tmp_path: Path) -> None:
    for name in ("half_split.py", "half_split.yaml", "bias_adder.py"):
        (tmp_path / name).write_text((ROOT / "docs/examples" / name).read_text())
    own = ("--design", "half_split.py:HALF_SPLIT")
    layer = "red_date2019:FCN_Deconv1"

    def ours(*arguments: str) -> str:
        return run(installed, tmp_path, *arguments)

    compared = json.loads(
        ours("compare", "--layer", "FCN_Deconv1", *own, "--design", "red", "--format", "json")
    )
    mine, _ = compared["results"]
    assert (mine["design"], mine["steps"]) == ("half_split", 34 * 17)
    assert mine["energy_breakdown_J"]["bias"] > 0
    assert {row["design"] for row in compared["summary"]} == {"half_split", "red"}
    assert "half_split" in ours("compare", "--layer", "FCN_Deconv1", *own)
    assert "All 15 events that the engine sees are equal" in ours("simulate", layer, *own)
    assert "1 executions" in ours("verify", layer, *own)
    assert "report.html" in ours("report", "red_date2019", *own, "-o", "page")
    assert "half split" in (tmp_path / "page/report.html").read_text()
    ours("draw", layer, *own, "--format", "png", "-o", "picture")
    assert (tmp_path / "picture/FCN_Deconv1.png").stat().st_size > 10_000
    ours("export", layer, *own, "-o", "bundle")
    part = next((tmp_path / "bundle").glob("taps*"))
    files = [str(part / f"{name}.yaml") for name in ("architecture", "problem")]
    mapping = ("--mapping", str(part / "mapping.yaml"))
    ours("model", *files, *mapping, "--rules", "half_split.py:HALF_SPLIT")
    (tmp_path / "rows.yaml").write_text("parameters: {rows: [64, 128]}\nlayers: [FCN_Deconv1]\n")
    ours("sweep", "rows.yaml", "-o", "swept", "-j", "2", *own, "--design", "zero_padding")
    assert "half_split" in ours("pareto", "swept")
    assert "red_serial" in ours("list")
