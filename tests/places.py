"""Where the tests find what is no module: the project's root, results, stand-ins, benchmarks."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data"
STANDIN = ROOT / "tests" / "standin"


def benchmark(name: str) -> ModuleType:
    """Return the command `benchmarks/NAME.py`, which makes the figures of a page."""
    known = f"{name}_command"
    specification = importlib.util.spec_from_file_location(known, ROOT / f"benchmarks/{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[known] = module
    specification.loader.exec_module(module)
    return module
