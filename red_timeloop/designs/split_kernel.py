"""Split kernels: each computation mode is one dense matrix of its own on a plain PIM.

TDC (Chang, Kang, Kang: "An energy-efficient FPGA-based deconvolutional neural networks accelerator
for single image super-resolution", IEEE TCSVT 2020) and split deconvolution (Xu et al., 2020) split
the kernel in the same way; this is what they give a ReRAM accelerator that is not RED.
"""

from __future__ import annotations

import math

from red_timeloop.decomposition import decompose
from red_timeloop.designs.modes import mode_parts
from red_timeloop.designs.plan import Plan
from red_timeloop.hardware import Hardware
from red_timeloop.layer import TransposedConv

__all__ = ["plan"]


def plan(layer: TransposedConv, hardware: Hardware) -> Plan:
    """Map `layer` as one (taps * C) x M matrix per mode; steps and windows are RED's."""
    decomposition = decompose(layer)
    return Plan(
        design="split_kernel",
        layer=layer,
        hardware=hardware,
        architecture="split_kernel",
        parts=mode_parts(decomposition, hardware, taps_on="rows"),
        modes=sum(math.prod(group.modes_per_axis) for group in decomposition.groups),
        steps=decomposition.steps,
    )
