"""What every test may rely on: no store of searches, and only the package's own components."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from red_timeloop.components import registry
from red_timeloop.mapper.cache import SWITCH

os.environ.setdefault(SWITCH, "off")


@pytest.fixture(autouse=True)
def _components_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget what a test registered, and users' files, which register when they are run."""
    monkeypatch.setattr(registry, "_registered", {})
    yield
    for name in [name for name in sys.modules if name.startswith("red_timeloop_user_")]:
        del sys.modules[name]
