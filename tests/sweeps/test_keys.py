"""The key of a sweep's point covers every module that its result can depend on."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import red_timeloop
from red_timeloop import resources
from red_timeloop.resources import model_files

PACKAGE = Path(red_timeloop.__file__).resolve().parent
RUN = """
import sys
import red_timeloop
from red_timeloop.dataflow.verification import verify
from red_timeloop.workload import load_workload
red_timeloop.compare(layers=["FCN_Deconv1"], designs=["red", "zero_padding", "eyeriss_split"])
red_timeloop.sweep({"layers": ["FCN_Deconv1"]}, sys.argv[1])
verify(load_workload("red_date2019").select(["FCN_Deconv1"]), ["padding_free"])
for module in list(sys.modules.values()):
    if (getattr(module, "__name__", "") or "").startswith("red_timeloop"):
        print(module.__file__)
"""


def test_all_that_an_evaluation_loads_is_covered(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path / "store")],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {Path(line).resolve() for line in done.stdout.splitlines()}
    assert len(loaded) > 60
    assert loaded <= set(model_files())


def test_nothing_that_is_covered_imports_what_is_not() -> None:
    covered = set(model_files())
    for file in covered:
        if file.suffix != ".py" or file == PACKAGE / "__init__.py":  # whose names are lazy
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("red_timeloop."):
                path = PACKAGE.parent / (node.module or "").replace(".", "/")
                found = {path.with_suffix(".py"), path / "__init__.py"} & covered
                shows = (node.module or "").startswith("red_timeloop.views.")
                handed_over = shows and file.name == "_comparison.py"
                assert found or handed_over, f"{file} imports {node.module}"


def test_every_shipped_architecture_and_constraint_is_covered() -> None:
    for folder in ("arch", "mappings", "arch/parameters"):
        for name in resources.names(folder):
            assert resources.path(f"{folder}/{name}.yaml") in model_files()
