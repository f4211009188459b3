"""What a point is made of, written canonically, and the key that follows from it.

Two points have the same key exactly when everything that their results depend on is the same: the
layers, every number of the parameter set, the engine and the version of the models. The names of a
parameter set or of a sweep do not matter, nor how a number came to its value.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from red_timeloop.circuit import Circuit
from red_timeloop.designs import Design
from red_timeloop.designs.registry import content_digest
from red_timeloop.engines.timeloop.tools import find_tools
from red_timeloop.hardware import Hardware
from red_timeloop.resources import model_version
from red_timeloop.workload import Workload

__all__ = [
    "canonical",
    "checksum",
    "describe_context",
    "describe_hardware",
    "digest",
    "point_keys",
]


def canonical(content: object) -> str:
    """Return JSON that is the same for the same content.

    >>> canonical({"b": 1, "a": (0.1, None)})
    '{"a":[0.1,null],"b":1}'
    """
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def digest(text: str) -> bytes:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).digest()


def describe_context(
    workload: Workload, engine: str, sqnr: bool, designs: Iterable[Design] = ()
) -> dict[str, Any]:
    """Return what all points of a sweep over one workload share, apart from the hardware.

    Designs that do not come with the package are told by the files that define them.
    """
    layers = [
        {
            "type": "transposed_conv" if entry.layer.transposed else "conv",
            "repeat": entry.repeat,
            **{
                field.name: getattr(entry.layer, field.name)
                for field in dataclasses.fields(entry.layer)
            },
        }
        for entry in workload.layers
    ]
    version = model_version()
    if engine == "timeloop":
        version = {**version, "timeloop": _timeloop_version()}
    own = {each.name: digest for each in designs if (digest := content_digest(each))}
    content = {"engine": engine, "layers": layers, "sqnr": sqnr, "version": version}
    return {**content, "designs": own} if own else content


def _timeloop_version() -> str:
    """Return a digest of the real Timeloop's program, which does not tell its version."""
    program = find_tools().model
    if program is None:
        return ""
    return hashlib.sha256(program.read_bytes()).hexdigest()[:16]


def describe_hardware(hardware: Hardware) -> dict[str, Any]:
    """Return every number of a parameter set by name, the circuit's among them."""
    own = {
        field.name: getattr(hardware, field.name)
        for field in dataclasses.fields(hardware)
        if field.name not in ("name", "circuit")
    }
    return {**own, **{name: getattr(hardware.circuit, name) for name in Circuit.names()}}


def checksum(*values: object) -> int:
    """Return a CRC-32 of a row, the same for what a database makes of the values.

    >>> checksum(1, "a", None) == checksum(1.0, "a", math.nan)
    True
    """
    return zlib.crc32("\n".join(map(_stored, values)).encode("utf-8", "surrogatepass"))


def _stored(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, int | float):
        return "" if math.isnan(value) else repr(float(value))
    return "" if value is None else str(value)


def point_keys(
    context: bytes,
    numbers: Mapping[str, Any],
    varied: Mapping[str, NDArray[Any]],
    count: int,
) -> list[bytes]:
    """Return the key of each point of a block.

    A key is the digest of the context's digest and the canonical text of the parameter set. That
    text is assembled around the numbers that vary, so that a key costs microseconds.

    Args:
        context: Digest of `describe_context`.
        numbers: What the points share, as of `describe_hardware`.
        varied: Circuit numbers that differ, one for each point.
        count: Number of points.
    """
    names = sorted(varied)
    pieces, piece = [], "{"
    for name in sorted(numbers):
        piece += f"{canonical(name)}:"
        if name in varied:
            pieces.append(piece)
            piece = ""
        else:
            piece += canonical(numbers[name])
        piece += ","
    head = context.hex()
    tail = piece.removesuffix(",") + "}"
    columns = [[_number(value) for value in varied[name].tolist()] for name in names]
    if not names:
        return [digest(head + tail)] * count
    return [
        digest(head + "".join(p + number for p, number in zip(pieces, row, strict=True)) + tail)
        for row in zip(*columns, strict=True)
    ]


def _number(value: float) -> str:
    """Return `canonical(value)`, faster."""
    return repr(value) if math.isfinite(value) else canonical(value)
