"""`red-timeloop decompose`: the computation modes of a workload's layers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import click
from rich.table import Table

from red_timeloop.cli import options
from red_timeloop.cli.results import Answer, answering, fields
from red_timeloop.decomposition import Decomposition, decompose
from red_timeloop.views.tables import plain, table
from red_timeloop.workload import Workload

__all__ = ["command"]

_OF_MODES = ("phase", "taps", "offsets", "sub_kernel_shape", "output_count", "empty")
_OF_GROUPS = ("taps_per_axis", "output_count_per_axis", "modes_per_axis")
_WIDEST_PICTURE = 32  # kernel pixels an axis; a wider one does not fit a terminal
_MOST_ROWS = 16  # modes listed one by one


@click.command(name="decompose")
@options.network
@answering()
def command(network: Workload) -> Answer:
    """Show the computation modes and sub-crossbars of each layer.

    WORKLOAD is a name that `red-timeloop list` shows, or a YAML, ONNX or Keras file.
    """
    parts = {entry.name: decompose(entry.layer) for entry in network.layers}
    content = {"schema": 1, "workload": network.name}
    return Answer(
        lambda: _print(parts),
        lambda: {**content, "layers": [_as_json(*part) for part in parts.items()]},
    )


def _as_json(name: str, parts: Decomposition) -> dict[str, Any]:
    layer = parts.layer
    return {
        "layer": name,
        "type": "transposed_conv" if layer.transposed else "conv",
        **fields(
            layer, "input_size", "output_size", "kernel_size", "stride", "padding", "dilation"
        ),
        **fields(layer, "groups", "macs", "zero_inserted_macs", "zero_redundancy"),
        **fields(parts, "sub_crossbars", "window", "steps"),
        "modes": [fields(mode, *_OF_MODES) for mode in parts.modes],
        "mode_groups": [
            {"phases": [mode.phase for mode in group.modes], **fields(group, *_OF_GROUPS)}
            for group in parts.groups
        ],
    }


def _print(layers: Mapping[str, Decomposition]) -> None:
    console = plain()
    for name, parts in layers.items():
        console.print(_words(name, parts))
        console.print(_modes(parts))
        if len(parts.modes) > 1:
            console.print(_picture(parts))
        console.print()


def _words(name: str, parts: Decomposition) -> str:
    layer = parts.layer
    kind = "transposed convolution" if layer.transposed else "convolution"
    used = sum(not mode.empty for mode in parts.modes)
    empty = len(parts.modes) - used
    none = f" (and {empty} without taps, whose outputs are zero)" if empty else ""
    return (
        f"{name}: {kind}, {_times(layer.input_size)}x{layer.in_channels} to "
        f"{_times(layer.output_size)}x{layer.out_channels}, kernel {_times(layer.kernel_size)}, "
        f"stride {_times(layer.stride)}\n"
        f"  {used} computation mode{'s' * (used != 1)}{none}, "
        f"{parts.sub_crossbars} sub-crossbars, {parts.steps} steps, "
        f"each reading a window of {_times(parts.window)} input pixels"
    )


def _modes(parts: Decomposition) -> Table:
    heads = ("  mode", "phase", "sub-kernel", "taps per axis", "input offsets", "outputs")
    rows = [
        [
            f"  {index}",
            _times(mode.phase, ","),
            _times(mode.sub_kernel_shape),
            " x ".join(_set(taps) for taps in mode.taps),
            " x ".join(_set(offsets) for offsets in mode.offsets),
            _times(mode.output_count),
        ]
        for index, mode in enumerate(parts.modes[:_MOST_ROWS])
    ]
    if len(parts.modes) > _MOST_ROWS:
        rows.append(["  ...", f"{len(parts.modes) - _MOST_ROWS} more", *[""] * 4])
    return table(heads, rows, heads)


def _picture(parts: Decomposition) -> str:
    """The kernel with the number of its mode on every pixel; the last axis runs to the right."""
    size = parts.layer.kernel_size
    if max(size) > _WIDEST_PICTURE:
        return f"  (a kernel of {_times(size)} is too wide to draw)"
    owner: dict[tuple[int, ...], str] = {}
    for index, mode in enumerate(parts.modes):
        label = "-" if mode.empty else str(index)
        owner |= dict.fromkeys(product(*mode.taps), label)
    width = max(map(len, owner.values()))
    lines = ["  kernel pixels by mode:"]
    for outer in product(*map(range, size[:-1])):
        if len(size) == 3 and outer[-1] == 0:
            lines.append(f"  plane {outer[0]}:")
        row = product(*((index,) for index in outer), range(size[-1]))
        lines.append("    " + " ".join(owner[tap].rjust(width) for tap in row))
    return "\n".join(lines)


def _times(values: tuple[int, ...], sign: str = "x") -> str:
    return sign.join(map(str, values))


def _set(values: tuple[int, ...]) -> str:
    if len(values) > 4:
        return f"{{{values[0]},{values[1]},..,{values[-1]}}}"
    return "{" + ",".join(map(str, values)) + "}"
