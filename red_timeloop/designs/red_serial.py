"""RED with its computation modes in turn on one set of crossbars: less area, more steps.

The modes' sub-crossbars lie one below the other on the rows of the same crossbars, as many as fit,
and are activated one mode after the other; converters, adders and registers serve them all. The
window of inputs is read once for all turns of a step, and latched in the rows' drivers, as in RED's
fold (Fan et al., DATE 2019), which this carries from the kernel pixels of a mode to the modes. To
run the phases of a transposed convolution one after the other on the same hardware is the order of
GANAX (Yazdanbakhsh et al., "GANAX: A unified MIMD-SIMD acceleration for generative adversarial
networks", ISCA 2018), there on processing elements with filters loaded for each phase; on resident
weights it is an order of this package's own, published by nobody.
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

__all__ = ["RED_SERIAL"]


def plan(layer: TransposedConv, hardware: Hardware) -> Plan:
    """Map `layer` with a step for every output pixel that some kernel pixel reaches.

    Raises:
        InputError: The hardware folds kernel pixels, which would share the rows of the modes.
    """
    if hardware.fold != 1:
        raise InputError(
            f"{hardware.fold} kernel pixels to fold where modes take turns", key="fold", legal="1"
        )
    decomposition = decompose(layer)
    return Plan(
        layer,
        hardware,
        mode_parts(decomposition, hardware, taps_on="sub_crossbars", order="in_turn"),
        modes=mode_count(decomposition),
        steps=sum(
            math.prod(mode.output_count) for group in decomposition.groups for mode in group.modes
        ),
        order="in_turn",
    )


RED_SERIAL = CrossbarDesign(
    name="red_serial",
    summary="RED's modes in turn on one set of crossbars",
    transposed=plan,
    architecture=resources.path("arch/red.yaml"),
    constraints=resources.path("mappings/red_serial.yaml"),
    ordinary=ZERO_PADDING,
    label="RED serial",
    colour="#8c3b00",
)
