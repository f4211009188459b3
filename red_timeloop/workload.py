"""Workloads: named lists of layers, each with its source, read from and written to YAML.

The keys of a file are those of `TransposedConv` and `Conv`, with `type`, `source`, `unconfirmed`
and `repeat` beside them::

    schema: 1
    name: example
    description: Two layers of a generator
    source: where the numbers come from; a layer may have its own
    layers:
      - name: up1
        type: transposed_conv          # or conv
        in_channels: 512
        out_channels: 256
        input_size: [4, 4]
        kernel_size: 4                 # an integer for all axes, or one value an axis
        stride: 2
        padding: [[1, 1], 1]           # a value may be a [before, after] pair
        repeat: 2                      # how many layers of this geometry there are
        unconfirmed: [what no primary source confirms]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from red_timeloop import resources
from red_timeloop.errors import InputError, meant, shown
from red_timeloop.layer import Conv, Layer, TransposedConv

__all__ = ["Workload", "WorkloadLayer", "dump_workload", "load_workload", "workload_names"]


@dataclass(frozen=True)
class WorkloadLayer:
    """A layer of a workload.

    Attributes:
        layer: Its geometry; `layer.name` is the layer's name in the workload.
        source: Where its numbers come from; empty where nobody said.
        repeat: How many layers of this geometry the network runs.
        unconfirmed: What about it no primary source confirms.
    """

    layer: Layer
    source: str
    repeat: int = 1
    unconfirmed: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The layer's name, unique in its workload."""
        return self.layer.name or ""


@dataclass(frozen=True)
class Workload:
    """A named list of layers in the order they run.

    >>> load_workload("red_date2019:GAN_Deconv3").layers[0].layer.output_size
    (8, 8)
    """

    name: str
    description: str
    layers: tuple[WorkloadLayer, ...]
    source: str = ""
    unconfirmed: tuple[str, ...] = ()

    def select(self, names: Sequence[str]) -> Workload:
        """Return the workload with the layers `names` only, in the workload's order.

        Raises:
            InputError: A name that no layer has; the legal values are the layers' names.
        """
        known = [entry.name for entry in self.layers]
        for name in names:
            if name not in known:
                raise InputError(
                    f"workload {self.name} has no layer {shown(name)}{meant(name, known)}",
                    key="layer",
                    legal=known,
                )
        return replace(self, layers=tuple(e for e in self.layers if e.name in names))

    @property
    def macs(self) -> int:
        """Useful multiply-accumulates of all layers."""
        return sum(entry.repeat * entry.layer.macs for entry in self.layers)

    @property
    def zero_inserted_macs(self) -> int:
        """Multiply-accumulates of all layers when zeros are inserted."""
        return sum(entry.repeat * entry.layer.zero_inserted_macs for entry in self.layers)


def workload_names() -> list[str]:
    """Return the names of the workloads that come with the package."""
    return resources.names("workloads")


def load_workload(name_or_path: str | Path) -> Workload:
    """Read a workload by its shipped name or from a YAML file.

    Args:
        name_or_path: ``NAME``, ``FILE``, ``NAME:LAYER`` or ``FILE:LAYER``.

    Raises:
        InputError: There is no such workload or layer, or the file is not a workload; names the
            file, the key and what is legal there.
    """
    text = str(name_or_path)
    path = _find(text)
    if path is not None:
        return _read(path)
    head, _, layer = text.rpartition(":")
    path = _find(head) if head else None
    if path is not None:
        return _read(path).select([layer])
    raise InputError(
        f"no workload or file {shown(head or text)}{meant(head or text, workload_names())}",
        key="workload",
        legal=[*workload_names(), "or the path of a YAML, ONNX or Keras file"],
    )


def dump_workload(workload: Workload) -> str:
    """Return the YAML text that `load_workload` reads back as the same workload."""
    import yaml

    head: dict[str, object] = {"schema": 1, "name": workload.name}
    for key in ("description", "source"):
        if getattr(workload, key):
            head[key] = getattr(workload, key)
    if workload.unconfirmed:
        head["unconfirmed"] = list(workload.unconfirmed)
    head["layers"] = [_entry(entry, workload.source) for entry in workload.layers]
    return yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=100)


def _find(text: str) -> Path | None:
    if text in workload_names():
        return resources.path(f"workloads/{text}.yaml")
    try:
        return Path(text) if Path(text).is_file() else None
    except OSError:  # a name that no file can have, such as one of thousands of characters
        return None


def _read(path: Path) -> Workload:
    from red_timeloop._workload_file import read  # pydantic and PyYAML: only when a file is read

    return read(path)


def _entry(entry: WorkloadLayer, default_source: str) -> dict[str, object]:
    """The YAML form of a layer, without what is at its default."""
    layer = entry.layer
    kind = "transposed_conv" if layer.transposed else "conv"
    values: dict[str, object] = {"name": layer.name, "type": kind}
    values |= {"in_channels": layer.in_channels, "out_channels": layer.out_channels}
    values["input_size"] = list(layer.input_size)
    values["kernel_size"] = list(layer.kernel_size)
    optional: dict[str, tuple[object, object]] = {
        "stride": (list(layer.stride), [1] * layer.ndim),
        "padding": (list(map(list, layer.padding)), [[0, 0]] * layer.ndim),
        "dilation": (list(layer.dilation), [1] * layer.ndim),
        "groups": (layer.groups, 1),
        "batch": (layer.batch, 1),
        "input_bits": (layer.input_bits, 8),
        "weight_bits": (layer.weight_bits, 8),
        "repeat": (entry.repeat, 1),
        "source": (entry.source, default_source),
        "unconfirmed": (list(entry.unconfirmed), []),
    }
    if isinstance(layer, TransposedConv):
        optional["output_padding"] = (list(layer.output_padding), [0] * layer.ndim)
    values |= {key: value for key, (value, default) in optional.items() if value != default}
    return values


LAYER_TYPES: dict[str, type[TransposedConv] | type[Conv]] = {
    "transposed_conv": TransposedConv,
    "conv": Conv,
}
