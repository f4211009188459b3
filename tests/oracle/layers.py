"""Hypothesis strategies that draw legal layers small enough for the oracle."""

from __future__ import annotations

from hypothesis import strategies as st

from red_timeloop.errors import InputError
from red_timeloop.layer import Conv, TransposedConv

_LARGEST = {1: 7, 2: 4, 3: 2}  # input pixels an axis
_KERNEL = {1: 9, 2: 5, 3: 3}
_STRIDE = {1: 6, 2: 4, 3: 3}


@st.composite
def _common(draw, ndim):
    def per_axis(element):
        return draw(st.tuples(*[element] * ndim))

    groups = draw(st.integers(1, 3))
    return {
        "in_channels": groups * draw(st.integers(1, 2)),
        "out_channels": groups * draw(st.integers(1, 2)),
        "input_size": per_axis(st.integers(1, _LARGEST[ndim])),
        "kernel_size": per_axis(st.integers(1, _KERNEL[ndim])),
        "stride": per_axis(st.integers(1, _STRIDE[ndim])),
        "dilation": per_axis(st.integers(1, 4)),
        "padding": per_axis(st.tuples(st.integers(0, 6), st.integers(0, 6))),
        "groups": groups,
        "batch": draw(st.integers(1, 2)),
    }


@st.composite
def transposed_layers(draw):
    """A legal transposed convolution in 1 to 3 axes."""
    ndim = draw(st.integers(1, 3))
    arguments = draw(_common(ndim))
    arguments["output_padding"] = tuple(
        draw(st.integers(0, max(s, d) - 1))
        for s, d in zip(arguments["stride"], arguments["dilation"], strict=True)
    )
    return _legal(TransposedConv, arguments)


@st.composite
def ordinary_layers(draw):
    """A legal ordinary convolution in 1 to 3 axes."""
    return _legal(Conv, draw(_common(draw(st.integers(1, 3)))))


def _legal(kind, arguments):
    """The layer; where the padding leaves no output, without padding or, for a Conv, with more."""
    try:
        return kind(**arguments)
    except InputError:
        if kind is TransposedConv:
            return kind(**{**arguments, "padding": 0})
        spans = zip(arguments["dilation"], arguments["kernel_size"], strict=True)
        return kind(**{**arguments, "padding": tuple(d * (k - 1) for d, k in spans)})
