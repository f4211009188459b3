"""What every test may rely on: no store of searches, and only the package's own components."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from places import DATA, STANDIN

from red_timeloop.components import registry
from red_timeloop.engines.timeloop import tools
from red_timeloop.mapper.cache import SWITCH

os.environ.setdefault(SWITCH, "off")
settings.register_profile("untimed", settings.default, deadline=None)  # machines are busy
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _components_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget what a test registered, and users' files, which register when they are run."""
    monkeypatch.setattr(registry, "_registered", {})
    yield
    for name in [name for name in sys.modules if name.startswith("red_timeloop_user_")]:
        del sys.modules[name]


@pytest.fixture
def behave(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Return a function that puts the stand-in for Timeloop on PATH and says how it behaves."""

    def behaving(how: str, **environment: str) -> None:
        settings = {
            "PATH": f"{STANDIN / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "PYTHONPATH": str(STANDIN),
            "STANDIN": how,
            "STANDIN_DATA": str(DATA / "timeloop_runs"),
            "STANDIN_CHILD": str(tmp_path / "child"),
            "TMPDIR": str(tmp_path),
            tools.PYTHON_VARIABLE: sys.executable,
            **environment,
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    return behaving
