"""What the attributes of a memory mean: capacity, block, bandwidth, with Timeloop's defaults."""

from __future__ import annotations

import collections.abc as abc
from typing import Any

from red_timeloop.errors import shown
from red_timeloop.spec.fields import error
from red_timeloop.spec.loader import YamlMap
from red_timeloop.spec.types import Value

__all__ = ["STORAGE_DEFAULTS", "UNLIMITED", "memory_fields"]

# timeloopfe fills these in where a storage component does not give them
STORAGE_DEFAULTS: dict[str, Value] = {
    "n_banks": 2,
    "cluster_size": 1,
    "reduction_supported": True,
    "multiple_buffering": 1,
    "min_utilization": 0,
    "allow_overbooking": False,
}
# timeloopfe wants a depth on every storage, Timeloop none on an unlimited one (DRAM): this, the
# largest that Timeloop's 32 bits hold, is how users write "unlimited"
UNLIMITED = 2**32 - 1
_DEFAULT_WORD_BITS = 16

_MOST = 2**62
# what Timeloop reads of a buffer and this package does not, with what to write instead
# (timeloop src/model/buffer.cpp)
_NOT_READ = {
    **dict.fromkeys(
        ("network_read", "network_fill", "network_drain", "network_update"), "networks"
    ),
    "n_words": "block_size",
    "memory_depth": "depth",
    "data_storage_depth": "depth",
}
_LATENCIES = ("network_fill_latency", "network_drain_latency")

Attributes = abc.Mapping[str, Value | abc.Mapping[str, Value]]


class _Reader:
    """Typed access to evaluated attributes."""

    def __init__(self, section: YamlMap, attributes: Attributes, name: str) -> None:
        self.section, self.attributes, self.path = section, attributes, f"{name}.attributes"

    def fail(self, key: str, expected: str) -> Exception:
        raw = self.attributes[key]
        return error(f"expected {expected}, got {shown(raw)}", self.section, key, path=self.path)

    def whole(self, key: str, default: int | None, least: int = 0) -> int | None:
        raw = self.attributes.get(key)
        if raw is None:
            return default
        if isinstance(raw, float) and raw.is_integer():
            raw = int(raw)
        if isinstance(raw, bool) or not isinstance(raw, int) or raw < least:
            raise self.fail(key, f"a whole number of {least} or more")
        if raw > _MOST:
            raise self.fail(key, "at most 2^62")
        return raw

    def real(self, key: str, default: float | None, least: float = 0.0) -> float | None:
        raw = self.attributes.get(key)
        if raw is None:
            return default
        if isinstance(raw, bool) or not isinstance(raw, int | float) or not raw >= least:
            raise self.fail(key, f"a number of {least:g} or more")
        return float(raw)

    def flag(self, key: str, default: bool) -> bool:
        raw = self.attributes.get(key)
        if raw is None:
            return default
        if isinstance(raw, str) and raw.lower() in ("true", "false"):
            return raw.lower() == "true"
        if raw not in (0, 1):
            raise self.fail(key, "true or false")
        return bool(raw)


def memory_fields(section: YamlMap, attributes: Attributes, name: str, kind: str) -> dict[str, Any]:
    """Return the fields of a `Level` that its attributes determine.

    Args:
        section: The YAML the component's own attributes came from (for errors).
        attributes: The evaluated attributes, inherited ones and defaults included.
        name: The component's name.
        kind: `storage` or `compute`.

    Raises:
        InputError: An attribute is missing, of the wrong type, or does not fit the others.
    """
    read = _Reader(section, attributes, name)
    datawidth = read.whole("datawidth", None, 1)
    gated = attributes.get("power_gated_at")
    fields: dict[str, Any] = {
        "datawidth": datawidth if datawidth is not None else _DEFAULT_WORD_BITS,
        "has_power_gating": read.flag("has_power_gating", False),
        "power_gated_at": str(gated) if gated is not None else None,
    }
    if kind == "compute":
        return fields
    for key in ("datawidth", "width"):
        if attributes.get(key) is None:
            raise error(f"the key {key!r} is missing", section, path=read.path)
    _check_read(read)
    fields.update(_capacity(read, fields["datawidth"]))
    fields.update(_bandwidth(read))
    fields["multiple_buffering"] = read.real("multiple_buffering", 1.0, 1.0)
    fields["min_utilization"] = read.real("min_utilization", 0.0)
    fields["reduction_supported"] = read.flag("reduction_supported", True)
    fields["allow_overbooking"] = read.flag("allow_overbooking", False)
    return fields


def _check_read(read: _Reader) -> None:
    """Refuse attributes that change Timeloop's counts or cycles and are not modelled."""
    for key, instead in _NOT_READ.items():
        if read.attributes.get(key) is not None and read.attributes.get(instead) is None:
            wrong = "networks are not modelled" if instead == "networks" else "not read"
            legal = None if instead == "networks" else instead
            raise error(wrong, read.section, key, path=read.path, legal=legal)
    for key in _LATENCIES:
        if read.attributes.get(key) not in (None, 0):
            raise error(
                "latencies of networks are not modelled",
                read.section,
                key,
                path=read.path,
                legal="0",
            )


def _capacity(read: _Reader, datawidth: int) -> dict[str, Any]:
    width = read.whole("width", None, 1)
    cluster = read.whole("cluster_size", 1, 1)
    block = read.whole("block_size", None, 1)
    assert width is not None
    assert cluster is not None
    if block is not None:
        cluster = max(width // (block * datawidth), 1)
    words = cluster * (block or 1) * datawidth
    if width % words or width < words:
        raise read.fail("width", f"a multiple of datawidth times cluster_size ({words} bits)")
    block = block or width // words
    given = [key for key in ("depth", "entries", "sizeKB") if read.attributes.get(key) is not None]
    if len(given) > 1:
        raise error(
            f"{' and '.join(given)} both give the size", read.section, given[1], path=read.path
        )
    depth, entries, kilobytes = (read.whole(key, None) for key in ("depth", "entries", "sizeKB"))
    size = None
    if depth is not None:
        size = depth * block
    elif entries is not None:
        size = entries
    elif kilobytes is not None:
        size = kilobytes * 1024 * 8 // datawidth
    return {
        "width": width,
        "depth": depth,
        "cluster_size": cluster,
        "block_size": block,
        "size": size,
    }


def _bandwidth(read: _Reader) -> dict[str, Any]:
    both = read.real("bandwidth", None)  # Timeloop's deprecated spelling: half for each direction
    half = None if both is None else both / 2
    scale = read.attributes.get("per_dataspace_bandwidth_consumption_scale") or {}
    if not isinstance(scale, abc.Mapping):
        raise read.fail("per_dataspace_bandwidth_consumption_scale", "a mapping")
    if not all(type(each) in (int, float) and float(each) >= 0 for each in scale.values()):  # type: ignore[arg-type]
        raise read.fail("per_dataspace_bandwidth_consumption_scale", "numbers of 0 or more")
    return {
        "read_bandwidth": read.real("read_bandwidth", half),
        "write_bandwidth": read.real("write_bandwidth", half),
        "shared_bandwidth": read.real("shared_bandwidth", None),
        "bandwidth_scale": dict(scale),
    }
