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


def test_wheel_runs_compare_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    # The environment starts empty: the wheel goes in without the checkout, its dependencies come
    # from the ones that run this test.
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = environment / "lib" / version / "site-packages"
    zipfile.ZipFile(wheel).extractall(site)
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [
            str(environment / "bin" / "python"),
            "-c",
            "import red_timeloop, sys; print(red_timeloop.__file__); "
            "from red_timeloop.cli.main import main; main(sys.argv[1:])",
            *("compare", "--layer", "GAN_Deconv3", "--format", "json"),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=clean,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    where, content = done.stdout.split("\n", 1)
    assert Path(where).is_relative_to(environment)
    assert {result["design"] for result in json.loads(content)["results"]} >= {"red"}
