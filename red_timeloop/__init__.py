"""RED, a ReRAM accelerator for deconvolution, as a plug-in for Timeloop and Accelergy.

The public names are loaded on first use, so that ``import red_timeloop`` stays fast.
"""

from __future__ import annotations

TYPE_CHECKING = False  # nothing is imported before the command can answer Ctrl-C

if TYPE_CHECKING:
    from typing import Any

    from red_timeloop.chip.run import on_chip as on_chip
    from red_timeloop.comparison import compare as compare
    from red_timeloop.dataflow.simulator import simulate as simulate
    from red_timeloop.decomposition import decompose as decompose
    from red_timeloop.engines.base import model as model
    from red_timeloop.hardware import Hardware as Hardware
    from red_timeloop.layer import Conv as Conv
    from red_timeloop.layer import TransposedConv as TransposedConv
    from red_timeloop.mapper.run import search as search
    from red_timeloop.networks.run import run as run
    from red_timeloop.sweeps.run import sweep as sweep
    from red_timeloop.views.drawing import draw as draw
    from red_timeloop.views.write import report as report
    from red_timeloop.workload import Workload as Workload

__version__ = "0.2.0"

_HOME = {
    "compare": "red_timeloop.comparison",
    "TransposedConv": "red_timeloop.layer",
    "Conv": "red_timeloop.layer",
    "Hardware": "red_timeloop.hardware",
    "Workload": "red_timeloop.workload",
    "decompose": "red_timeloop.decomposition",
    "draw": "red_timeloop.views.drawing",
    "model": "red_timeloop.engines.base",
    "on_chip": "red_timeloop.chip.run",
    "search": "red_timeloop.mapper.run",
    "report": "red_timeloop.views.write",
    "run": "red_timeloop.networks.run",
    "simulate": "red_timeloop.dataflow.simulator",
    "sweep": "red_timeloop.sweeps.run",
}

__all__ = [
    "Conv",
    "Hardware",
    "TransposedConv",
    "Workload",
    "__version__",
    "compare",
    "decompose",
    "draw",
    "model",
    "on_chip",
    "report",
    "run",
    "search",
    "simulate",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'red_timeloop' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
