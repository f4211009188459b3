"""The estimators that others keep for AccelForge, as the package `hwcomponents` finds them."""

from __future__ import annotations

import importlib.util


def installed() -> bool:
    return importlib.util.find_spec("hwcomponents") is not None


class HwComponents:
    pass
