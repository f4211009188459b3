"""Code in a file that a person named; see `designs.registry` for when it is loaded."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from red_timeloop.errors import InputError

__all__ = ["load_file", "said"]


def load_file(file: Path) -> ModuleType:
    """Run a Python file once, as a module that may import what lies beside it.

    Raises:
        InputError: There is no such file, or running it fails.
    """
    path = file.resolve()
    if not path.is_file():
        raise InputError("there is no such file", file=file)
    known = f"red_timeloop_user_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if known in sys.modules:
        return sys.modules[known]
    specification = importlib.util.spec_from_file_location(known, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    sys.modules[known] = module
    try:
        specification.loader.exec_module(module)
    except Exception as error:  # a user's code
        del sys.modules[known]
        raise InputError(f"cannot run it: {said(error)}", file=file) from error
    return module


def said(error: Exception) -> str:
    """Return what an error of somebody else's code is, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
