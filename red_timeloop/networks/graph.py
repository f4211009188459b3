"""An ONNX graph as steps: operators for the crossbars, and what lies between for onnxruntime."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.errors import InputError, shown
from red_timeloop.frontends._onnx_file import check, parse, parse_file
from red_timeloop.frontends._onnx_functions import inline
from red_timeloop.frontends.accounting import framework
from red_timeloop.networks.operators import Operator, mapped_operator

__all__ = ["Network", "Segment", "Values", "read_network"]

Values = dict[str, NDArray[Any]]

# What the same inputs do not give the same outputs of, so that nothing could be compared.
_RANDOM = (
    "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
    "RandomUniformLike",
)  # fmt: skip
_INTEGER_FORM = ("ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul")


@dataclass
class Segment:
    """Operators that onnxruntime runs, as a model of their own.

    Attributes:
        nodes: Their ONNX nodes.
        inputs: What they read that earlier steps or the user give.
        outputs: What later steps read of what they give, or the user.
    """

    nodes: list[Any]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    _session: Any = field(default=None, repr=False)

    def run(self, network: Network, values: Values) -> Values:
        """Return the outputs.

        Raises:
            InputError: onnxruntime refuses a node or cannot compute it.
        """
        if not self.outputs:
            return {}
        if self._session is None:
            self._session = network.session(self.nodes, values, self.inputs, self.outputs)
        feeds = {name: values[name] for name in self.inputs}
        return dict(zip(self.outputs, computed(self._session, self.outputs, feeds), strict=True))


@dataclass
class Network:
    """A model.

    Attributes:
        name: Its name.
        proto: The ``onnx.ModelProto``, local functions put where they are called.
        inputs: What the user gives: the declared shape (None where a size is open) and type by
            name.
        outputs: Names of what it gives.
        constants: Values that depend on no input.
        nodes: The nodes that depend on one.
        steps: What to do, in order.
        elsewhere: Multiplications with a reason for not standing on crossbars, by node.
        sessions: Those of the whole model that have been made, by what they give.
    """

    name: str
    proto: Any
    inputs: Mapping[str, tuple[tuple[int | None, ...] | None, np.dtype[Any]]]
    outputs: tuple[str, ...]
    constants: Values
    nodes: list[Any] = field(default_factory=list)
    steps: tuple[Segment | Operator, ...] = ()
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    sessions: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False)

    @property
    def operators(self) -> tuple[Operator, ...]:
        """The operators on crossbars."""
        return tuple(step for step in self.steps if isinstance(step, Operator))

    def session(
        self, nodes: Sequence[Any], values: Values, inputs: Iterable[str], outputs: Iterable[str]
    ) -> Any:
        """Return a session of onnxruntime that computes `outputs` of `inputs`, which lie in
        `values`, with `nodes`.
        """
        onnx, runtime = framework("onnx", "onnx"), framework("onnxruntime", "onnxruntime")
        helper = onnx.helper
        inputs = list(inputs)
        read = {name for node in nodes for name in reads(node)} | set(outputs)
        initializers = [
            onnx.numpy_helper.from_array(self.constants[name], name)
            for name in sorted(read & self.constants.keys() - set(inputs))
        ]
        given = [
            helper.make_tensor_value_info(
                name,
                helper.np_dtype_to_tensor_dtype(values[name].dtype),
                [None] * values[name].ndim,
            )
            for name in inputs
        ]
        taken = [onnx.ValueInfoProto(name=name) for name in outputs]
        graph = helper.make_graph(nodes, "segment", given, taken, initializers)
        model = helper.make_model(graph, opset_imports=self.proto.opset_import)
        model.ir_version = min(max(self.proto.ir_version, 4), 10)
        options = runtime.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            return runtime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # of kinds of its own, from C++
            raise InputError(
                f"onnxruntime does not take it: {first_line(error)}", key="model"
            ) from error


def computed(session: Any, outputs: Sequence[str], feeds: Values) -> list[NDArray[Any]]:
    """Run a session of onnxruntime.

    Raises:
        InputError: It cannot compute that; says why.
    """
    try:
        found = session.run(list(outputs), feeds)
    except Exception as error:
        raise InputError(f"onnxruntime cannot run it: {first_line(error)}", key="model") from error
    return [np.asarray(value) for value in found]


def first_line(error: Exception) -> str:
    """Return the first line of what an error says."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def reads(node: Any) -> list[str]:
    """Return the names of what a node reads, its subgraphs included."""
    names = [name for name in node.input if name]
    for attribute in node.attribute:
        for graph in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
            own = {tensor.name for tensor in graph.initializer} | {i.name for i in graph.input}
            own |= {name for inner in graph.node for name in inner.output}
            names += [name for inner in graph.node for name in reads(inner) if name not in own]
            names += [value.name for value in graph.output if value.name not in own]
    return names


def read_network(model: Any) -> Network:
    """Read an ONNX model with its weights and cut it into steps.

    Args:
        model: The path of a file, or an ``onnx.ModelProto``.

    Raises:
        InputError: It is no ONNX model, has nothing for crossbars or weights that are inputs, is in
            a quantised form other than QDQ, draws random numbers, or a framework is not installed.
    """
    onnx = framework("onnx", "onnx")
    path = None if isinstance(model, onnx.ModelProto) else Path(model)
    proto = parse(onnx, model.SerializeToString()) if path is None else parse_file(onnx, path)
    try:
        folder = path.parent if path else None
        check(onnx, proto, folder)
        if folder is not None:
            try:
                onnx.load_external_data_for_model(proto, str(folder))
            except Exception as error:
                raise InputError(
                    f"cannot read its external data: {first_line(error)}", key="external_data"
                ) from error
        proto = inline(onnx, proto)
        return _cut(onnx, proto, path.stem if path else proto.graph.name or "model")
    except InputError as error:
        raise error.located(file=path) from None


def _cut(onnx: Any, proto: Any, name: str) -> Network:
    graph = proto.graph
    if graph.sparse_initializer:
        raise InputError("has sparse initializers", key="model", legal="dense ones")
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    inputs = {}
    for value in graph.input:
        if value.name not in constants:
            kind = value.type.tensor_type
            sizes = [d.dim_value if d.dim_value > 0 else None for d in kind.shape.dim]
            dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type or 1)
            inputs[value.name] = (tuple(sizes) if kind.HasField("shape") else None, dtype)
    outputs = tuple(value.name for value in graph.output)
    network = Network(name, proto, inputs, outputs, constants)
    producers = {output: node for node in graph.node for output in node.output}
    nodes = _fold(network, list(graph.node))
    network.nodes = nodes
    steps: list[Segment | Operator] = []
    elsewhere: dict[str, str] = {}
    for index, node in enumerate(nodes):
        label = node.name or f"{node.op_type}_{index}"
        _refuse(node, label)
        step = mapped_operator(onnx, node, label, constants, producers, inputs)
        if isinstance(step, str):
            elsewhere[label] = step
        if isinstance(step, Operator):
            steps.append(step)
        elif steps and isinstance(steps[-1], Segment):
            steps[-1].nodes.append(node)
        else:
            steps.append(Segment([node]))
    network.steps, network.elsewhere = _needed(steps, outputs, constants), elsewhere
    if not network.operators:
        kinds = ", ".join(sorted({node.op_type for node in nodes})[:20])
        raise InputError(
            f"nothing in it stands on crossbars: its operators are {kinds}",
            key="model",
            legal="(transposed) convolutions or products with constant matrices",
        )
    return network


def _refuse(node: Any, label: str) -> None:
    if node.op_type in _RANDOM:
        raise InputError(
            f"{node.op_type} {shown(label)} draws random numbers, so that no two runs compare",
            key="model",
            legal="a model whose outputs follow from its inputs",
        )
    if node.op_type in _INTEGER_FORM:
        raise InputError(
            f"{node.op_type} {shown(label)} has integer operands",
            key="model",
            legal="a float model, or one in QDQ form (QuantizeLinear and DequantizeLinear)",
        )


def _fold(network: Network, nodes: list[Any]) -> list[Any]:
    """Compute what depends on constants alone; return the other nodes."""
    known = set(network.constants)
    folded, left = [], []
    for node in nodes:  # in topological order, as ONNX demands
        if node.op_type not in _RANDOM and all(name in known for name in reads(node)):
            folded.append(node)
            known.update(node.output)
        else:
            left.append(node)
    read = {name for node in left for name in reads(node)} | set(network.outputs)
    wanted = sorted({name for node in folded for name in node.output if name} & read)
    if wanted:
        session = network.session(folded, {}, (), wanted)
        network.constants |= dict(zip(wanted, computed(session, wanted, {}), strict=True))
    return left


def _needed(
    steps: Sequence[Segment | Operator], outputs: Sequence[str], constants: Values
) -> tuple[Segment | Operator, ...]:
    """Return the steps that the outputs need, each with what it takes and gives."""
    wanted = set(outputs)
    kept: list[Segment | Operator] = []
    for step in reversed(steps):
        if isinstance(step, Operator):
            if step.output in wanted:
                kept.append(step)
                wanted |= set(step.reads)
            continue
        after = set(wanted)
        nodes: list[Any] = []
        for node in reversed(step.nodes):
            if wanted & set(node.output):
                nodes.insert(0, node)
                wanted |= set(reads(node))
        made = {name for node in nodes for name in node.output}
        taken = {name for node in nodes for name in reads(node)} - made - constants.keys()
        if nodes:
            given = tuple(sorted(made & after))
            kept.append(Segment(nodes, tuple(sorted(taken)), given))
    return tuple(reversed(kept))
