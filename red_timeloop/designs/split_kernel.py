"""Split kernels: each computation mode is one dense matrix of its own on a plain PIM.

TDC (Chang, Kang, Kang: "An energy-efficient FPGA-based deconvolutional neural networks accelerator
for single image super-resolution", IEEE TCSVT 2020) and split deconvolution (Xu et al., 2020) split
the kernel in the same way; this is what they give a ReRAM accelerator that is not RED. Data were
reshaped to leave out the zeros of transposed convolutions on ReRAM before RED, by LerGAN (Mao et
al., "LerGAN: A zero-free, low data movement and PIM-based GAN architecture", MICRO 2018).
"""

from __future__ import annotations

from red_timeloop import resources
from red_timeloop.decomposition import decompose
from red_timeloop.designs.design import CrossbarDesign
from red_timeloop.designs.modes import mode_count, mode_parts
from red_timeloop.designs.plan import Plan
from red_timeloop.designs.zero_padding import ZERO_PADDING
from red_timeloop.hardware import Hardware
from red_timeloop.layer import TransposedConv

__all__ = ["SPLIT_KERNEL"]


def plan(layer: TransposedConv, hardware: Hardware) -> Plan:
    """Map `layer` as one (taps * C) x M matrix per mode; steps and windows are RED's."""
    decomposition = decompose(layer)
    return Plan(
        layer,
        hardware,
        mode_parts(decomposition, hardware, taps_on="rows"),
        modes=mode_count(decomposition),
        steps=decomposition.steps,
    )


SPLIT_KERNEL = CrossbarDesign(
    name="split_kernel",
    summary="a dense matrix per mode on a plain PIM",
    transposed=plan,
    architecture=resources.path("arch/split_kernel.yaml"),
    constraints=resources.path("mappings/split_kernel.yaml"),
    ordinary=ZERO_PADDING,
    colour="#009e73",
    assumption="RED with the rows of its modes packed: what RED adds up from a sub-crossbar for "
    "each kernel pixel meets on the rows of one crossbar. Zero-free data on ReRAM before RED: "
    "LerGAN (MICRO 2018).",
)
