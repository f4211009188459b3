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

__all__ = ["conv_arguments", "transposed_arguments"]

_AUTO_PADS = ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")


def conv_arguments(
    attributes: Mapping[str, Any], inputs: Sequence[int], weights: Sequence[int]
) -> dict[str, Any]:
    """Arguments of `Conv` for input shape ``[N, C, *in]``, weights ``[M, C / group, *kernel]``."""
    groups = _positive(attributes.get("group", 1), "group")
    common = _common(attributes, inputs, weights, weights[0], weights[1] * groups)
    auto = _auto_pad(attributes)
    if auto.startswith("SAME"):
        common["padding"] = tuple(
            # output = ceil(input / stride); what the kernel then lacks is split in halves
            _halves(max(0, (-(-size // s) - 1) * s + d * (k - 1) + 1 - size), auto)
            for size, k, s, d in _axes(common)
        )
    return common


def transposed_arguments(
    attributes: Mapping[str, Any], inputs: Sequence[int], weights: Sequence[int]
) -> dict[str, Any]:
    """Arguments of `TransposedConv`; weights ``[C, M / group, *kernel]``."""
    groups = _positive(attributes.get("group", 1), "group")
    common = _common(attributes, inputs, weights, weights[1] * groups, weights[0])
    ndim = len(common["input_size"])
    extra = _list(attributes, "output_padding", ndim, 0)
    auto = _auto_pad(attributes)
    wanted = attributes.get("output_shape")
    if wanted is not None and len(wanted) > ndim:
        wanted = wanted[-ndim:]  # older models give [N, M, *out]
    if wanted and len(wanted) != ndim:
        raise InputError(f"{list(wanted)} has {len(wanted)} values", key="output_shape")
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
    attributes: Mapping[str, Any],
    inputs: Sequence[int],
    weights: Sequence[int],
    made: int,
    taken: int,
) -> dict[str, Any]:
    ndim = len(inputs) - 2
    if len(weights) != len(inputs) or ndim < 1:
        raise InputError(
            f"input {list(inputs)} and weights {list(weights)} do not have the same axes",
            key="weights",
        )
    if inputs[1] != taken:
        raise InputError(
            f"the input has {inputs[1]} channels, the weights {list(weights)} take {taken}",
            key="weights",
        )
    kernel = list(attributes.get("kernel_shape") or weights[2:])
    if kernel != list(weights[2:]):
        raise InputError(f"{kernel} is not the weights' {list(weights[2:])}", key="kernel_shape")
    pads = _list(attributes, "pads", 2 * ndim, 0)
    if _auto_pad(attributes) != "NOTSET":
        pads = [0] * (2 * ndim)
    return {
        "in_channels": inputs[1],
        "out_channels": made,
        "input_size": tuple(inputs[2:]),
        "kernel_size": tuple(kernel),
        "stride": tuple(_list(attributes, "strides", ndim, 1)),
        "dilation": tuple(_list(attributes, "dilations", ndim, 1)),
        "padding": tuple(zip(pads[:ndim], pads[ndim:], strict=True)),
        "groups": _positive(attributes.get("group", 1), "group"),
        "batch": inputs[0],
    }


def _axes(common: Mapping[str, Any]) -> list[tuple[int, int, int, int]]:
    names = ("input_size", "kernel_size", "stride", "dilation")
    axes = list(zip(*(common[name] for name in names), strict=True))
    if any(s < 1 for _, _, s, _ in axes):
        raise InputError(f"{list(common['stride'])} has a value below 1", key="strides")
    return axes


def _halves(total: int, auto: str) -> tuple[int, int]:
    """Split a padding; the odd pixel goes to the end for SAME_UPPER, else to the beginning."""
    small = total // 2
    return (small, total - small) if auto == "SAME_UPPER" else (total - small, small)


def _auto_pad(attributes: Mapping[str, Any]) -> str:
    value = attributes.get("auto_pad", "NOTSET")
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    if text not in _AUTO_PADS:
        raise InputError(f"{text!r} is unknown", key="auto_pad", legal=_AUTO_PADS)
    return text


def _list(attributes: Mapping[str, Any], key: str, length: int, default: int) -> list[int]:
    values = attributes.get(key)
    if not values:
        return [default] * length
    if len(values) != length:
        raise InputError(f"{list(values)} has {len(values)} values", key=key, legal=f"{length}")
    return list(values)


def _positive(value: int, key: str) -> int:
    if value < 1:
        raise InputError(f"{value} is too small", key=key, legal="at least 1")
    return value
