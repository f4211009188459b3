"""RED: a sub-crossbar for each kernel pixel, all computation modes side by side.

Fan, Li, Li, Chen, Li: "RED: A ReRAM-based deconvolution accelerator", DATE 2019 (pixel-wise
mapping, zero-skipping data flow) and IEEE TCAD 2020.
"""

from __future__ import annotations

import math

from red_timeloop.decomposition import decompose
from red_timeloop.designs.modes import mode_parts
from red_timeloop.designs.plan import Plan
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import TransposedConv

__all__ = ["plan"]


def plan(layer: TransposedConv, hardware: Hardware) -> Plan:
    """Map `layer` on RED.

    In one step every mode makes one output pixel of all output channels; the kernel pixels of a
    mode add up in current or in digital adders (`hardware.merge`). A fold of f takes f turns for a
    step.

    Raises:
        InputError: The fold is more than the kernel pixels of any mode, or nothing is computed.
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
        design="red",
        layer=layer,
        hardware=hardware,
        architecture="red",
        parts=mode_parts(decomposition, hardware, taps_on="sub_crossbars"),
        modes=sum(math.prod(group.modes_per_axis) for group in decomposition.groups),
        steps=decomposition.steps * hardware.fold,
    )
