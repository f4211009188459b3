"""Random settings of (transposed) convolutions for the comparison with the frameworks."""

from __future__ import annotations

from random import Random


def draw(random: Random, transposed_share: float = 0.75):
    """One configuration: sizes per axis, groups, channels, and whether it is transposed."""
    ndim = random.choice([1, 2, 2, 3])

    def axes(values):
        return [random.choice(values) for _ in range(ndim)]

    groups = random.choice([1, 1, 2])
    stride, dilation = axes([1, 2, 3, 4]), axes([1, 1, 2, 3])
    return {
        "transposed": random.random() < transposed_share,
        "ndim": ndim,
        "groups": groups,
        "in_channels": groups * random.randint(1, 2),
        "out_channels": groups * random.randint(1, 2),
        "input": axes(range(1, 7) if ndim < 3 else range(1, 5)),
        "kernel": axes([1, 2, 3, 4, 5]),
        "stride": stride,
        "dilation": dilation,
        "padding": axes([0, 1, 2]),
        "output_padding": [
            random.randint(0, max(s, d) - 1) if random.random() < 0.5 else 0
            for s, d in zip(stride, dilation, strict=True)
        ],
    }
