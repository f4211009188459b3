"""RED: a sub-crossbar for each kernel pixel, all computation modes side by side.

Fan, Li, Li, Chen, Li: "RED: A ReRAM-based deconvolution accelerator", DATE 2019 (pixel-wise
mapping, zero-skipping data flow) and IEEE TCAD 2020.
"""

from __future__ import annotations

import math

from red_timeloop import resources
from red_timeloop.decomposition import decompose
from red_timeloop.designs.design import CrossbarDesign
from red_timeloop.designs.modes import mode_count, mode_parts
from red_timeloop.designs.plan import Plan
from red_timeloop.designs.zero_padding import ZERO_PADDING
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import TransposedConv

__all__ = ["RED"]


def plan(layer: TransposedConv, hardware: Hardware) -> Plan:
    """Map `layer` on RED.

    In one step every mode makes one output pixel of all output channels; the kernel pixels of a
    mode add up in current or in digital adders (`hardware.merge`). A fold of f takes f turns for a
    step.

    Raises:
        InputError: The fold is more than the kernel pixels of any mode.
    """
    decomposition = decompose(layer)
    most = max((math.prod(g.taps_per_axis) for g in decomposition.groups), default=1)
    if hardware.fold > most:
        raise InputError(
            f"no computation mode has {hardware.fold} kernel pixels to fold",
            key="fold",
            legal=f"1 to {most}",
        )
    return Plan(
        layer,
        hardware,
        mode_parts(decomposition, hardware, taps_on="sub_crossbars"),
        modes=mode_count(decomposition),
        steps=decomposition.steps * hardware.fold,
    )


RED = CrossbarDesign(
    name="red",
    summary="a sub-crossbar per kernel pixel, all modes side by side",
    transposed=plan,
    architecture=resources.path("arch/red.yaml"),
    constraints=resources.path("mappings/red.yaml"),
    ordinary=ZERO_PADDING,
    label="RED",
    colour="#d55e00",
)
