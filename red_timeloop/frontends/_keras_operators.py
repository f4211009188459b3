"""Geometry of Keras's layers, and which of its operations cost no multiply-accumulates."""

from __future__ import annotations

from math import prod
from typing import Any

from red_timeloop.errors import InputError
from red_timeloop.layer import Conv, TransposedConv

__all__ = ["CONTAINERS", "FREE", "geometry"]

CONTAINERS = frozenset(["Functional", "Sequential", "Model"])

_FREE_NAMES = """
    InputLayer Activation ReLU LeakyReLU PReLU ELU Softmax Identity Dropout SpatialDropout1D
    SpatialDropout2D SpatialDropout3D AlphaDropout GaussianDropout GaussianNoise Masking Embedding
    ActivityRegularization BatchNormalization LayerNormalization GroupNormalization
    RMSNormalization UnitNormalization SpectralNormalization Normalization Rescaling Resizing
    MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D
    AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GlobalAveragePooling1D
    GlobalAveragePooling2D GlobalAveragePooling3D Reshape Flatten Permute RepeatVector Cropping1D
    Cropping2D Cropping3D ZeroPadding1D ZeroPadding2D ZeroPadding3D UpSampling1D UpSampling2D
    UpSampling3D Concatenate Add Subtract Multiply Average Maximum Minimum CenterCrop
    Abs Absolute AbsoluteS Negative Divide TrueDivide Power Sqrt Square Rsqrt Exp Expm1 Log Log1p
    Log10 Log2 Sin Cos Tan Sinh Cosh Tanh Arcsin Arccos Arctan Sigmoid Softplus Softsign Silu Relu
    Relu6 LeakyRelu Elu Selu Gelu Celu Glu HardSigmoid HardSilu HardTanh SoftShrink HardShrink
    LogSigmoid LogSoftmax Mish SquarePlus Threshold Erf Sign Floor Ceil Round Clip Where Equal
    NotEqual Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr LogicalNot LogicalXor Mod
    Cast StopGradient Stack Split Squeeze ExpandDims Transpose Moveaxis Swapaxes Tile Repeat Roll
    Flip Pad Take TakeAlongAxis GetItem Slice SliceUpdate Scatter ScatterUpdate BroadcastTo Ravel
    Mean Sum Prod Max Min Std Var Amax Amin Argmax Argmin Any All Count_nonzero Cumsum Cumprod
    Norm Normalize TopK Sort Argsort Zeros ZerosLike Ones OnesLike FullLike Full Arange OneHot
    MaxPool AveragePool Resize ConvertToTensor Copy Reshape Squeeze Unstack
"""
FREE = frozenset(_FREE_NAMES.split())

_Made = list[tuple[type[TransposedConv] | type[Conv], dict[str, Any]]]


def geometry(layer: Any, kind: str, shape: tuple[int, ...]) -> _Made | None:
    """The layers that one Keras layer is on an input of `shape`; None for an unknown kind."""
    if kind == "Dense":
        return [_product(prod(shape[1:-1]), shape[-1], layer.units, shape[0])]
    if kind in ("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"):
        return [(TransposedConv, _transposed(layer, shape))]
    if kind in ("Conv1D", "Conv2D", "Conv3D"):
        common = _common(layer, shape, layer.filters, layer.groups)
        return [(Conv, _conv_padding(layer, common))]
    if kind in ("DepthwiseConv1D", "DepthwiseConv2D"):
        common = _depthwise(layer, shape)
        return [(Conv, common)]
    if kind in ("SeparableConv1D", "SeparableConv2D"):
        first = _depthwise(layer, shape)
        return [(Conv, first), (Conv, _pointwise(layer, first))]
    return None


def _product(rows: int, inner: int, columns: int, batch: int) -> tuple[type[Conv], dict[str, Any]]:
    return Conv, {
        "in_channels": inner,
        "out_channels": columns,
        "input_size": (rows,),
        "kernel_size": 1,
        "batch": batch,
    }


def _common(layer: Any, shape: tuple[int, ...], made: int, groups: int) -> dict[str, Any]:
    last = layer.data_format == "channels_last"
    return {
        "in_channels": shape[-1] if last else shape[1],
        "out_channels": made,
        "input_size": tuple(shape[1:-1] if last else shape[2:]),
        "kernel_size": tuple(layer.kernel_size),
        "stride": _tuple(layer.strides, len(shape) - 2),
        "dilation": _tuple(layer.dilation_rate, len(shape) - 2),
        "groups": groups,
        "batch": shape[0],
    }


def _tuple(value: Any, ndim: int) -> tuple[int, ...]:
    return (value,) * ndim if isinstance(value, int) else tuple(value)


def _axes(common: dict[str, Any]) -> list[tuple[int, int, int, int]]:
    names = ("input_size", "kernel_size", "stride", "dilation")
    return list(zip(*(common[name] for name in names), strict=True))


def _conv_padding(layer: Any, common: dict[str, Any]) -> dict[str, Any]:
    """`same` gives ceil(input / stride) pixels, the odd zero at the end; `causal` is all before."""
    pairs = []
    for size, k, s, d in _axes(common):
        span = d * (k - 1) + 1
        if layer.padding == "same":
            total = max(0, (-(-size // s) - 1) * s + span - size)
            pairs.append((total // 2, total - total // 2))
        else:
            pairs.append((span - 1, 0) if layer.padding == "causal" else (0, 0))
    return {**common, "padding": tuple(pairs)}


def _transposed(layer: Any, shape: tuple[int, ...]) -> dict[str, Any]:
    """Crops of a transposed layer.

    Keras defines `same` by TensorFlow's gradient of a convolution: output = input * stride, and of
    the span - stride pixels to cut the odd one goes to the end. An explicit output padding p sets
    the output to (input - 1) * stride + span mod 2 + p instead. `valid` keeps all pixels, and at
    least stride for each input pixel. Source: Keras 3, keras.src.backend.common.backend_utils.
    """
    common = _common(layer, shape, layer.filters, getattr(layer, "groups", 1))
    chosen = layer.output_padding
    crops, extra = [], []
    for axis, (_, k, s, d) in enumerate(_axes(common)):
        span = d * (k - 1) + 1
        p = chosen if chosen is None or isinstance(chosen, int) else chosen[axis]
        if layer.padding == "valid":
            before, made = 0, (max(span, s) if p is None else span + p)
        else:
            made = s if p is None else span % 2 + p
            # pixels made by one input pixel after the cut; zeros left of it fill the front first
            zeros = s + span - 2 if p is None else span + span % 2 - 2 + p
            before = span - 1 - min(zeros - zeros // 2, span - 1)
        after = span - before - made
        crops.append((before, max(0, after)))
        extra.append(max(0, -after))
    limits = [max(s, d) for _, _, s, d in _axes(common)]
    if any(value >= limit for value, limit in zip(extra, limits, strict=True)):
        raise InputError(
            f"layer {layer.name!r} adds {max(extra)} pixels behind its output",
            key="output_padding",
            legal="less than max(stride, dilation)",
        )
    return {**common, "padding": tuple(crops), "output_padding": tuple(extra)}


def _depthwise(layer: Any, shape: tuple[int, ...]) -> dict[str, Any]:
    channels = shape[-1] if layer.data_format == "channels_last" else shape[1]
    common = _common(layer, shape, channels * layer.depth_multiplier, channels)
    return _conv_padding(layer, common)


def _pointwise(layer: Any, first: dict[str, Any]) -> dict[str, Any]:
    return {
        "in_channels": first["out_channels"],
        "out_channels": layer.filters,
        "input_size": Conv(**first).output_size,
        "kernel_size": 1,
        "batch": first["batch"],
    }
