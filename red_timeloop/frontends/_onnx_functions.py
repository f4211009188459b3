"""Local functions of ONNX models: put where they are called, after counting what that makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from red_timeloop.errors import InputError, shown

__all__ = ["inline"]

_MOST_NODES = 200_000  # after inlining; the largest models of the ONNX zoo have some thousands
_DEEPEST = 100  # calls within calls

_Key = tuple[str, str, str]


def inline(onnx: Any, proto: Any) -> Any:
    """Return the model without local functions.

    Raises:
        InputError: A function calls itself, calls are nested too deeply, they would make too many
            nodes, or are not what the function takes.
    """
    if not proto.functions:
        return proto
    functions = {_key(function): function for function in proto.functions}
    _count(proto.graph.node, functions, {}, ())
    from onnx import inliner

    try:
        return inliner.inline_local_functions(proto)
    except Exception as error:  # of a kind of its own, from C++
        raise InputError(f"inlining its functions failed: {error}", key="functions") from None


def _count(
    nodes: Any, functions: dict[_Key, Any], counted: dict[_Key, int], callers: tuple[_Key, ...]
) -> int:
    """Return how many nodes there are when every function stands where it is called."""
    total = 0
    for node in _nested(nodes):
        key = _key(node)
        function = functions.get(key)
        if function is None:
            total += 1
            continue
        called = shown(f"{key[0]}.{key[1]}")
        if key in callers:
            raise InputError(
                f"the function {called} calls itself", key="functions", legal="no recursion"
            )
        if len(callers) == _DEEPEST:
            raise InputError(
                f"the call of {called} is nested {_DEEPEST + 1} deep",
                key="functions",
                legal=f"at most {_DEEPEST}",
            )
        if len(node.input) > len(function.input) or len(node.output) > len(function.output):
            raise InputError(
                f"the call of {called} has {len(node.input)} inputs and {len(node.output)} outputs",
                key="functions",
                legal=f"at most {len(function.input)} and {len(function.output)}",
            )
        if key not in counted:
            counted[key] = _count(function.node, functions, counted, (*callers, key))
        total += counted[key]
    if not callers and total > _MOST_NODES:
        raise InputError(
            f"has {_large(total)} nodes with its functions inlined",
            key="functions",
            legal=f"at most {_MOST_NODES}",
        )
    return total


def _nested(nodes: Any) -> Iterator[Any]:
    """Every node, those of subgraphs too; the depth is bounded by the format's own."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _nested(graph.node)


def _key(value: Any) -> _Key:
    """What a function is found by; that of a node is its operator's."""
    kind = getattr(value, "op_type", None)
    name = value.name if kind is None else kind
    domain = "" if value.domain == "ai.onnx" else value.domain
    return domain, name, getattr(value, "overload", "")


def _large(number: int) -> str:
    return str(number) if number < 10**12 else f"over 10^{len(str(number)) - 1}"
