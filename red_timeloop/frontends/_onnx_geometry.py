"""ONNX's padding rules for Conv and ConvTranspose.

Source: the ONNX operator specification, Conv and ConvTranspose (attributes auto_pad, pads,
output_shape, output_padding), and for what it leaves open the behaviour of onnxruntime. One known
difference: where SAME meets a convolution that reads at least two pixels less than there are,
onnxruntime skips pixels at the beginning too; the specification, and this file, at the end only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from red_timeloop.errors import InputError
from red_timeloop.frontends._onnx_attributes import Attributes

__all__ = ["conv_arguments", "transposed_arguments"]

_MOST = 2**31 - 1
_AUTO_PADS = ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")


def conv_arguments(
    attributes: Attributes, inputs: Sequence[int], weights: Sequence[int]
) -> dict[str, Any]:
    """Arguments of `Conv` for input shape ``[N, C, *in]``, weights ``[M, C / group, *kernel]``."""
    common = _common(attributes, inputs, weights, transposed=False)
    auto = attributes.word("auto_pad", "NOTSET", _AUTO_PADS)
    if auto.startswith("SAME"):
        common["padding"] = tuple(
            # output = ceil(input / stride); what the kernel then lacks is split in halves
            _halves(max(0, (-(-size // s) - 1) * s + d * (k - 1) + 1 - size), auto)
            for size, k, s, d in _axes(common)
        )
    return common


def transposed_arguments(
    attributes: Attributes, inputs: Sequence[int], weights: Sequence[int]
) -> dict[str, Any]:
    """Arguments of `TransposedConv`; weights ``[C, M / group, *kernel]``."""
    common = _common(attributes, inputs, weights, transposed=True)
    ndim = len(common["input_size"])
    extra = attributes.integers("output_padding", ndim, 0) or [0] * ndim
    auto = attributes.word("auto_pad", "NOTSET", _AUTO_PADS)
    # older models give [N, M, *out]
    wanted = attributes.integers("output_shape", (ndim, ndim + 2), 0)[-ndim:]
    if wanted or auto.startswith("SAME"):
        crops = []
        for axis, (size, k, s, d) in enumerate(_axes(common)):
            total = s * (size - 1) + extra[axis] + d * (k - 1) + 1
            total -= wanted[axis] if wanted else s * size
            if total < 0 and wanted:
                extra[axis] -= total  # more than the kernel reaches: pixels with only the bias
            # SAME with a kernel smaller than its stride: nothing is cropped and nothing added
            crops.append(_halves(max(0, total), auto))
        common["padding"] = tuple(crops)
    common["output_padding"] = tuple(extra)
    return common


def _common(
    attributes: Attributes, inputs: Sequence[int], weights: Sequence[int], *, transposed: bool
) -> dict[str, Any]:
    ndim = len(inputs) - 2
    if len(weights) != len(inputs) or ndim < 1:
        raise InputError(
            f"input {list(inputs)} and weights {list(weights)} do not have the same axes",
            key="weights",
            legal="two axes before the spatial ones, and the same spatial axes in both",
        )
    groups = attributes.integer("group", 1, 1, _MOST)
    made, taken = weights[0], weights[1] * groups
    if transposed:
        made, taken = weights[1] * groups, weights[0]
    if inputs[1] != taken:
        raise InputError(
            f"the input has {inputs[1]} channels, the weights {list(weights)} take {taken}",
            key="weights",
        )
    kernel = attributes.integers("kernel_shape", ndim, 1) or list(weights[2:])
    if kernel != list(weights[2:]):
        raise InputError(f"{kernel} is not the weights' {list(weights[2:])}", key="kernel_shape")
    pads = attributes.integers("pads", 2 * ndim, 0)
    if not pads or attributes.word("auto_pad", "NOTSET", _AUTO_PADS) != "NOTSET":
        pads = [0] * (2 * ndim)
    return {
        "in_channels": inputs[1],
        "out_channels": made,
        "input_size": tuple(inputs[2:]),
        "kernel_size": tuple(kernel),
        "stride": tuple(attributes.integers("strides", ndim, 1) or [1] * ndim),
        "dilation": tuple(attributes.integers("dilations", ndim, 1) or [1] * ndim),
        "padding": tuple(zip(pads[:ndim], pads[ndim:], strict=True)),
        "groups": groups,
        "batch": inputs[0],
    }


def _axes(common: Mapping[str, Any]) -> list[tuple[int, int, int, int]]:
    names = ("input_size", "kernel_size", "stride", "dilation")
    return list(zip(*(common[name] for name in names), strict=True))


def _halves(total: int, auto: str) -> tuple[int, int]:
    """Split a padding; the odd pixel goes to the end for SAME_UPPER, else to the beginning."""
    small = total // 2
    return (small, total - small) if auto == "SAME_UPPER" else (total - small, small)
