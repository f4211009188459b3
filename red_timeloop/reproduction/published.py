"""What was published on RED, and when a modelled figure counts as the same."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CROSSBAR_LIMIT", "LAYERS", "NETWORKS", "PUBLISHED", "Published", "judge"]

_DATE = (
    "Fan, Li, Li, Chen, Li: RED, a ReRAM-based deconvolution accelerator, DATE 2019 "
    "(arXiv 1907.02987)"
)
_TCAD = (
    "Li, Li, Fan, Li: RED, a ReRAM-based efficient accelerator for deconvolutional "
    "computation, IEEE TCAD 2020 (10.1109/TCAD.2020.2981055)"
)

LAYERS = "red_date2019"
# What the second paper's range is compared with; its public text names GANs and FCNs. The last is
# the one layer that its upper end can be: a kernel of 16 at stride 8 takes 64 times the steps with
# zero padding, while the steps of voc_fcn8s as a network give 50.14.
NETWORKS = ("dcgan", "sngan_cifar10", "voc_fcn8s", "voc_fcn8s:upscore8")

# Sub-crossbars a layer of the first paper may have before kernel pixels share them. 31.15x is just
# under 32 = 64 / 2, which a layer of 256 kernel pixels reaches when two share a sub-crossbar.
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
        tolerance: How far off an end is met: in relation to a factor, or in the unit of a share.
        rivals: The classes of rivals that the range is against.
        note: What the publication says of them.
    """

    key: str
    figure: str
    source: str
    low: float
    high: float
    share: bool
    tolerance: float
    rivals: tuple[str, ...] = ()
    note: str = ""

    @property
    def workload(self) -> str:
        """`layer` or `network`, what the range is over."""
        return self.key.partition("_")[0]

    @property
    def measure(self) -> str:
        """`speedup`, `saving` or `efficiency`, what the range is of."""
        return self.key.partition("_")[2]

    def deviation(self, modelled: float, wanted: float) -> float:
        """Return how far a modelled end is off, in the unit of the tolerance."""
        return modelled - wanted if self.share else modelled / wanted - 1


PUBLISHED = {
    entry.key: entry
    for entry in (
        Published(
            "zero_redundancy",
            "zeros in the zero-inserted input map of GAN_Deconv3",
            f"{_DATE}, motivation",
            0.8678,
            0.8678,
            share=True,
            tolerance=0.01,
        ),
        Published(
            "layer_speedup",
            "speedup of RED, six layers",
            f"{_DATE}, abstract; some copies misprint the range as 3.69x to 1.15x",
            3.69,
            31.15,
            share=False,
            tolerance=0.05,
            rivals=("zero_padding",),
            note="against a ReRAM accelerator that pads with zeros",
        ),
        Published(
            "layer_saving",
            "energy reduction of RED, six layers",
            f"{_DATE}, abstract",
            0.08,
            0.8836,
            share=True,
            tolerance=0.10,
            rivals=("zero_padding",),
            note="against 'the state-of-the-art', taken as zero padding",
        ),
        Published(
            "network_speedup",
            "speedup of RED, networks",
            f"{_TCAD}, abstract",
            4.0,
            56.16,
            share=False,
            tolerance=0.05,
            rivals=("zero_padding", "padding_free", "cmos"),
            note="against ReRAM accelerators and a CMOS counterpart",
        ),
        Published(
            "network_efficiency",
            "energy efficiency of RED, networks",
            f"{_TCAD}, abstract",
            1.05,
            18.17,
            share=False,
            tolerance=0.20,
            rivals=("zero_padding", "padding_free", "cmos"),
            note="against ReRAM accelerators and a CMOS counterpart",
        ),
    )
}


def judge(published: Published, low: float, high: float) -> str:
    """Return the verdict on a modelled range: which of its ends are met within the tolerance.

    >>> judge(PUBLISHED["layer_speedup"], 3.7, 64.0)
    'lower end only'
    """
    ends = ((low, published.low), (high, published.high))
    met = [abs(published.deviation(*pair)) <= published.tolerance for pair in ends]
    if all(met):
        return "reproduced"
    if any(met):
        return "lower end only" if met[0] else "upper end only"
    return "not reproduced"
