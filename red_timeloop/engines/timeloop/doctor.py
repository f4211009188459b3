"""What the doctor asks the real tools."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from red_timeloop.engines.embedded.evaluation import evaluate
from red_timeloop.engines.timeloop.tools import TimeloopError
from red_timeloop.errors import InputError
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

__all__ = ["register", "registered", "trial", "versions"]

_SECONDS = 60.0
_VERSIONS = """
import importlib.metadata as metadata, json
found = {}
for name in ("pytimeloop", "accelergy"):
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""
_CONFIGURATION = """
import contextlib, io, json
with contextlib.redirect_stdout(io.StringIO()):
    from accelergy.utils.utils import get_config_file_path
    from accelergy.utils.yaml import load_yaml
    path = get_config_file_path()
    content = load_yaml(path)
plug_ins = {key: list(content.get(key) or []) for key in ("python_plug_ins", "estimator_plug_ins")}
print(json.dumps({"path": str(path), **plug_ins}))
"""
_REGISTER = """
import sys
from accelergy.plug_in_interface.estimator import add_estimator_path
add_estimator_path(sys.argv[1])
"""


def _ask(python: Path, program: str, *arguments: str) -> str:
    done = subprocess.run(
        [str(python), "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        raise TimeloopError((done.stderr.strip().splitlines() or ["no message"])[-1])
    return (done.stdout.strip().splitlines() or [""])[-1]


def versions(python: Path) -> dict[str, str]:
    """Return the versions of pytimeloop and accelergy that `python` has."""
    found: dict[str, str] = json.loads(_ask(python, _VERSIONS))
    return found


def _configuration(python: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_ask(python, _CONFIGURATION))
    return found


def registered(python: Path, plug_in: Path) -> str:
    """Return where Accelergy's configuration names the plug-in; "" when it does not."""
    try:
        found = _configuration(python)
    except TimeloopError:
        return ""
    for path in map(Path, found["python_plug_ins"]):
        if path.resolve() in (plug_in, plug_in.parent):
            return f"{plug_in}, in {found['path']}"
    for path in map(Path, found["estimator_plug_ins"]):
        for file in sorted(path.rglob("red_timeloop.estimator.yaml")):
            return str(file)
    return ""


def register(python: Path, plug_in: Path) -> None:
    """Add the plug-in to the user's Accelergy configuration.

    Raises:
        TimeloopError: Accelergy refuses, or has no configuration yet.
    """
    _ask(python, _REGISTER, str(plug_in))


def trial() -> str:
    """Run the smallest problem on timeloop-model; return what is wrong, "" when it agrees."""
    from red_timeloop.engines.timeloop.engine import run_model

    specification = _smallest()
    assert specification.problem is not None
    assert specification.mapping is not None
    try:
        found = run_model(specification).result
    except InputError as error:
        return str(error)
    ours = evaluate(
        specification.architecture,
        specification.problem,
        specification.mapping,
        specification.ert,
        specification.art,
    )
    if found.cycles != ours.cycles:
        return f"timeloop-model says {found.cycles} cycles, the embedded engine {ours.cycles}"
    return ""


def _smallest() -> Specification:
    """Return a vector of four products on one memory."""
    spaces = tuple(DataSpace(name, ((("C", 1),),), name == "Out") for name in ("In", "Out"))
    attributes = {"width": 8, "datawidth": 8, "depth": 64}
    memory = Level(
        "memory",
        "storage",
        "memory",
        "SRAM",
        attributes=attributes,
        width=8,
        datawidth=8,
        depth=64,
        size=64,
    )
    compute = Level("mac", "compute", "mac", "intmac")
    actions = {"read": 1e-12, "write": 1e-12, "update": 1e-12, "leak": 0.0}
    return Specification(
        Architecture((memory, compute), "chip", {"global_cycle_seconds": 1e-9}),
        Problem("vector", ("C",), {"C": 4}, spaces),
        Constraints({}),
        Mapping({"memory": LevelMapping((("C", 4),), keep=("In", "Out"))}),
        ert=ErtTable({"memory": actions, "mac": {"compute": 1e-12, "leak": 0.0}}),
        art=ArtTable({"memory": 1e-10, "mac": 1e-10}),
    )
