"""What was published on RED, and when a modelled figure counts as the same."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CROSSBAR_LIMIT", "NETWORKS", "PUBLISHED", "Published", "judge"]

_DATE = (
    "Fan, Li, Li, Chen, Li: RED, a ReRAM-based deconvolution accelerator, DATE 2019 "
    "(arXiv 1907.02987)"
)
_TCAD = (
    "Fan, Li, Li, Chen, Li: RED, a ReRAM-based efficient accelerator for deconvolutional "
    "computation, IEEE TCAD 2020 (10.1109/TCAD.2020.2981055)"
)

# The networks of several transposed convolutions that the second paper's range is compared with.
# It names GANs and FCNs; which ones and how many is not in its public text.
NETWORKS = ("dcgan", "sngan_cifar10", "voc_fcn8s")

# Sub-crossbars a layer may have before kernel pixels share them. The published 31.15x is just under
# 32 = 64 / 2, which an upscoring layer of 256 kernel pixels reaches when two share a sub-crossbar.
CROSSBAR_LIMIT = 128


@dataclass(frozen=True)
class Published:
    """A published range.

    Attributes:
        key: Short name.
        figure: What the figure is.
        source: Where it was published.
        low: Lower end (a factor, or a share from 0 to 1).
        high: Upper end; equal to `low` for a single number.
        share: Whether it is a share, printed in per cent, rather than a factor.
        note: What the publication leaves open.
    """

    key: str
    figure: str
    source: str
    low: float
    high: float
    share: bool
    note: str = ""


PUBLISHED = {
    entry.key: entry
    for entry in (
        Published(
            "zero_redundancy",
            "zeros in the zero-inserted input map of GAN_Deconv3",
            f"{_DATE}, motivation",
            0.8678,
            0.8678,
            True,
        ),
        Published(
            "layer_speedup",
            "speedup of RED over zero padding, six layers",
            f"{_DATE}, abstract; some copies misprint the range as 3.69x to 1.15x",
            3.69,
            31.15,
            False,
        ),
        Published(
            "layer_saving",
            "energy reduction of RED, six layers",
            f"{_DATE}, abstract",
            0.08,
            0.8836,
            True,
            "taken as against zero padding; the abstract says 'the state-of-the-art'",
        ),
        Published(
            "network_speedup",
            "speedup of RED over other accelerators, networks",
            f"{_TCAD}, abstract",
            4.0,
            56.16,
            False,
        ),
        Published(
            "network_efficiency",
            "energy efficiency of RED over other accelerators, networks",
            f"{_TCAD}, abstract",
            1.05,
            18.17,
            False,
        ),
    )
}


def judge(published: Published, low: float, high: float) -> str:
    """Return the verdict on a modelled range.

    An end is met when it lies within a tenth of a published factor, or within five hundredths of a
    published share: about what the unpublished node, converters and buffers can be asked for.

    >>> judge(PUBLISHED["layer_speedup"], 4.0, 64.0)
    'lower end only'
    """
    met = [_meets(published, *pair) for pair in ((published.low, low), (published.high, high))]
    if all(met):
        return "reproduced"
    if any(met):
        return "lower end only" if met[0] else "upper end only"
    return "not reproduced"


def _meets(published: Published, wanted: float, modelled: float) -> bool:
    if published.share:
        return abs(modelled - wanted) <= 0.05
    return abs(modelled / wanted - 1) <= 0.10
