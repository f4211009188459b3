"""Reads ONNX files, and refuses those that reach outside their folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from red_timeloop.errors import InputError

__all__ = ["parse", "refuse_outside"]

_LARGEST_FILE = 2 * 2**30  # bytes; protocol buffers end there


def parse(onnx: Any, path: Path) -> Any:
    """Read the model at `path` without its external data."""
    try:
        size = path.stat().st_size
        if size >= _LARGEST_FILE:
            raise InputError(
                f"{size} bytes are too many for one ONNX file",
                file=path,
                legal="less than 2 GiB, with the weights as external data",
            )
        proto = onnx.load(str(path), format="protobuf", load_external_data=False)
    except OSError as error:
        raise InputError(f"cannot read: {error.strerror or error}", file=path) from error
    except InputError:
        raise
    except Exception as error:  # protobuf's DecodeError has no common base across its versions
        raise InputError(
            f"not an ONNX model, or truncated: {error}", file=path, legal="an ONNX file"
        ) from error
    if not proto.graph.node or not proto.ir_version:
        raise InputError("not an ONNX model: it has no operators", file=path, legal="an ONNX file")
    _require_text(proto.graph, path)
    return proto


def _require_text(graph: Any, path: Path) -> None:
    """Refuse names that are not UTF-8, which only a damaged file has (they come as bytes)."""
    names = [name for node in graph.node for name in (node.name, node.op_type, node.domain)]
    names += [name for node in graph.node for name in (*node.input, *node.output)]
    names += [a.name for node in graph.node for a in node.attribute]
    names += [part.name for part in (*graph.input, *graph.initializer, *graph.value_info)]
    if not all(isinstance(name, str) for name in (*names, graph.name)):
        raise InputError("not an ONNX model, or damaged: names are not text", file=path)


def refuse_outside(onnx: Any, proto: Any, folder: Path | None) -> None:
    """Refuse tensors whose external data lies outside the model's folder, links followed."""
    for tensor in _tensors(onnx, proto):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        location = {entry.key: entry.value for entry in tensor.external_data}.get("location", "")
        parts = (PurePosixPath(location), PureWindowsPath(location))
        outside = not location or any(p.is_absolute() or ".." in p.parts for p in parts)
        outside = outside or bool(PureWindowsPath(location).drive)
        if not outside and folder is not None:
            outside = not (folder / location).resolve().is_relative_to(folder.resolve())
        if outside:
            raise InputError(
                f"tensor {tensor.name!r} has its data in {location!r}, outside the model's folder",
                key="external_data",
                legal="relative paths below the folder of the model",
            )


def _tensors(onnx: Any, message: Any) -> Iterator[Any]:
    """Every TensorProto anywhere in a message."""
    if isinstance(message, onnx.TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if isinstance(value, Sequence) or hasattr(value, "add") else [value]:
                yield from _tensors(onnx, part)
