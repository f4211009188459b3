"""How near is near: all tests compare numbers in the same way."""

from __future__ import annotations

from typing import Any

import pytest


def near(expected: Any, rel: float = 1e-9) -> Any:
    """Equal but for rounding, however small: `pytest.approx` alone takes 1e-13 J for 2e-13 J."""
    return pytest.approx(expected, rel=rel, abs=0)
