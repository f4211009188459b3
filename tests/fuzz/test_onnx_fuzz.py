"""A short run of the mutations of `onnx_fuzz.py`, and hypothesis's own attributes of a node."""

from __future__ import annotations

import harness
import onnx
import onnx_fuzz
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

NAMES = ("strides", "dilations", "pads", "kernel_shape", "group", "auto_pad", "output_shape")
FIELDS = {
    "i": st.integers(-(2**63), 2**63 - 1),
    "s": st.binary(max_size=6) | st.sampled_from([b"VALID", b"SAME_UPPER"]),
    "ints": st.lists(st.integers(-3, 2**40) | st.integers(1, 4), max_size=6),
    "floats": st.lists(st.floats(width=32), max_size=3),
    "ref_attr_name": st.text(max_size=3),
    "type": st.sampled_from(onnx.AttributeProto.AttributeType.values()),
}
ATTRIBUTES = st.lists(
    st.builds(
        lambda name, fields: onnx.AttributeProto(name=name, **fields),
        st.sampled_from(NAMES),
        st.fixed_dictionaries({}, optional=FIELDS),
    ),
    max_size=4,
)


def test_mutated_models_are_read_or_refused_in_one_line() -> None:
    report = harness.run(onnx_fuzz.make, onnx_fuzz.read, 150, seed=7)
    assert not report.failures, report.failures[0]
    assert report.outcomes["read"] > 0
    assert report.outcomes["refused"] > 0


def test_the_models_that_are_mutated_are_read() -> None:
    for data in onnx_fuzz.seeds():
        assert harness.outcome(onnx_fuzz.read, data) == ("read", "")


def test_equal_seeds_make_equal_inputs_and_what_fails_is_noticed() -> None:
    given_to: list[bytes] = []

    def broken(data: bytes) -> None:
        given_to.append(data)
        raise KeyError

    assert harness.run(onnx_fuzz.make, broken, 5, seed=3).outcomes == {"traceback": 5}
    harness.run(onnx_fuzz.make, broken, 5, seed=3)
    assert given_to[:5] == given_to[5:]


@pytest.mark.parametrize("kind", ["Conv", "ConvTranspose", "QLinearConv"])
@given(attributes=ATTRIBUTES)
@settings(max_examples=40, deadline=None)
def test_any_attributes_of_a_convolution(kind: str, attributes: list[object]) -> None:
    model = onnx.ModelProto.FromString(onnx_fuzz.seeds()[0])
    del model.graph.node[1:]
    node = model.graph.node[0]
    node.op_type = kind
    node.output[0] = "y"
    del node.attribute[:]
    node.attribute.extend(attributes)
    ended, detail = harness.outcome(onnx_fuzz.read, model.SerializeToString())
    assert ended in harness.GOOD, detail
