"""Which ONNX operators cost no multiply-accumulates with weights, and what the others cost."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from red_timeloop.frontends._onnx_attributes import Attributes

__all__ = ["FREE", "macs_of"]

# Activations, elementwise arithmetic, normalisation, pooling, resampling, reductions, quantisation
# and data movement. An operator that is in no list is reported as not modelled.
_FREE_NAMES = """
    Abs Acos Acosh Add AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool
    BatchNormalization BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast CastLike Ceil
    Celu CenterCropPad Clip Col2Im Compress Concat ConcatFromSequence Constant ConstantOfShape
    Cos Cosh CumSum DepthToSpace DequantizeLinear Div Dropout DynamicQuantizeLinear Elu Equal
    Erf Exp Expand EyeLike Flatten Floor Gather GatherElements GatherND Gelu GlobalAveragePool
    GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization
    HardSigmoid HardSwish Hardmax Identity InstanceNormalization IsInf IsNaN LRN
    LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization LpPool Max
    MaxPool MaxRoiPool MaxUnpool Mean MeanVarianceNormalization Min Mish Mod Mul Neg
    NonMaxSuppression NonZero Not OneHot Optional OptionalGetElement OptionalHasElement Or
    PRelu Pad Pow QuantizeLinear RMSNormalization RandomNormal RandomNormalLike RandomUniform
    RandomUniformLike Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp
    ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize
    ReverseSequence RoiAlign Round Scatter ScatterElements ScatterND Selu SequenceAt
    SequenceConstruct SequenceEmpty SequenceInsert SequenceLength Shape Shrink Sigmoid Sign
    Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split SplitToSequence Sqrt
    Squeeze Sub Sum Swish Tan Tanh TensorScatter ThresholdedRelu Tile TopK Transpose Trilu
    Unique Unsqueeze Upsample Where Xor
"""
FREE = frozenset(_FREE_NAMES.split())

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def macs_of(
    node: Any, shapes: Mapping[str, tuple[int | None, ...] | None], attributes: Attributes
) -> tuple[int | None, str]:
    """Multiply-accumulates of an operator that is not modelled, where known, and the reason."""
    known = [_known(shapes.get(name)) for name in node.input]
    made = _known(shapes.get(node.output[0])) if node.output else None
    if node.op_type in _GATES:
        return _recurrent(node.op_type, known), "recurrent layers are not modelled"
    if node.op_type == "Einsum":
        return _einsum(attributes.word("equation", ""), known), "Einsum is not modelled"
    if node.op_type == "DeformConv":
        weights = known[1] if len(known) > 1 else None
        macs = prod(made) * prod(weights[1:]) if made and weights else None
        return macs, "input pixels that depend on the data are not modelled"
    if node.op_type in ("If", "Loop", "Scan", "SequenceMap"):
        return None, "what its subgraphs compute is not modelled"
    return None, "unknown operator"


def _known(shape: tuple[int | None, ...] | None) -> tuple[int, ...] | None:
    if shape is None or None in shape:
        return None
    return tuple(size for size in shape if size is not None)


def _recurrent(kind: str, known: list[tuple[int, ...] | None]) -> int | None:
    """Inputs ``[T, N, I]``, weights ``[directions, gates * H, I]`` and ``[.., gates * H, H]``."""
    if len(known) < 3 or known[0] is None or known[1] is None or known[2] is None:
        return None
    if len(known[0]) != 3:
        return None
    return known[0][0] * known[0][1] * (prod(known[1]) + prod(known[2]))


def _einsum(equation: str, known: list[tuple[int, ...] | None]) -> int | None:
    """The product of all index sizes, which is right for two factors."""
    terms = equation.replace(" ", "").split("->")[0].split(",")
    if len(terms) != len(known) or "." in equation:
        return None
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, known, strict=True):
        if shape is None or len(term) != len(shape):
            return None
        sizes.update(zip(term, shape, strict=True))
    return prod(sizes.values())
