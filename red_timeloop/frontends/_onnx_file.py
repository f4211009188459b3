"""Reads ONNX files, and refuses those that reach outside their folder."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from red_timeloop.errors import InputError, shown

__all__ = ["check", "parse", "parse_file"]

_LARGEST_FILE = 2 * 2**30  # bytes; protocol buffers end there


def parse_file(onnx: Any, path: Path) -> Any:
    """Read the model at `path` without its external data."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe or a device has no end
            raise InputError("is no regular file", file=path, legal="an ONNX file")
        if status.st_size >= _LARGEST_FILE:
            raise InputError(
                f"{status.st_size} bytes are too many for one ONNX file",
                file=path,
                legal="less than 2 GiB, with the weights as external data",
            )
        return parse(onnx, path.read_bytes(), path)
    except OSError as error:
        raise InputError(f"cannot read: {error.strerror or error}", file=path) from error


def parse(onnx: Any, data: bytes, path: Path | None = None) -> Any:
    """Read a model from bytes."""
    try:
        proto = onnx.ModelProto.FromString(data)
    except Exception as error:  # protobuf's DecodeError has no common base across its versions
        raise InputError(
            f"not an ONNX model, or truncated: {error}", file=path, legal="an ONNX file"
        ) from error
    if not proto.graph.node or not proto.ir_version:
        raise InputError("not an ONNX model: it has no operators", file=path, legal="an ONNX file")
    return proto


def check(onnx: Any, proto: Any, folder: Path | None) -> None:
    """Refuse text that is none, and external data outside the model's folder, links followed."""
    for message in _messages(proto):
        for field, value in message.ListFields():
            if field.type != field.TYPE_STRING:
                continue
            for text in [value] if isinstance(value, str | bytes) else value:
                if not isinstance(text, str):  # not UTF-8, which only a damaged file has
                    raise InputError(
                        f"not an ONNX model, or damaged: {field.full_name} is not text but "
                        f"{shown(text)}"
                    )
    for message in _messages(proto):
        if isinstance(message, onnx.TensorProto) and (
            message.data_location == onnx.TensorProto.EXTERNAL or message.external_data
        ):
            _refuse_outside(message, folder)


def _refuse_outside(tensor: Any, folder: Path | None) -> None:
    locations = [entry.value for entry in tensor.external_data if entry.key == "location"] or [""]
    for location in locations:
        if _outside(location, folder):
            raise InputError(
                f"tensor {shown(tensor.name)} has its data in {shown(location)}, outside the "
                "model's folder",
                key="external_data",
                legal="relative paths below the folder of the model",
            )


def _outside(location: str, folder: Path | None) -> bool:
    parts = (PurePosixPath(location), PureWindowsPath(location))
    if not location or any(p.is_absolute() or ".." in p.parts for p in parts):
        return True
    if PureWindowsPath(location).drive:
        return True
    try:
        return folder is not None and not (
            (folder / location).resolve().is_relative_to(folder.resolve())
        )
    except (OSError, ValueError, RuntimeError):  # no path at all: a zero byte, a loop of links
        return True


def _messages(message: Any) -> Iterator[Any]:
    """A message and every message in it; the depth is bounded by the format's own."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if hasattr(value, "ListFields") else value:
                yield from _messages(part)
