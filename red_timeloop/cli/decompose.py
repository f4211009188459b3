"""`red-timeloop decompose`: the computation modes of a workload's layers."""

from __future__ import annotations

from itertools import product
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from red_timeloop.cli import options, results
from red_timeloop.decomposition import Decomposition, Mode, decompose
from red_timeloop.frontends.read import read_workload

__all__ = ["command"]

_WIDEST_PICTURE = 32  # kernel pixels an axis; a wider one does not fit a terminal
_MOST_ROWS = 16  # modes listed one by one


@click.command(name="decompose")
@options.workload()
@options.layer
@options.format_("table", "json")
def command(workload: str, layers: tuple[str, ...], form: str) -> None:
    """Show the computation modes and sub-crossbars of each layer.

    WORKLOAD is a name that `red-timeloop list` shows, or a YAML, ONNX or Keras file.
    """
    loaded = read_workload(workload, layers)
    parts = [(entry.name, decompose(entry.layer)) for entry in loaded.layers]

    def content() -> dict[str, Any]:
        found = [_as_json(name, decomposition) for name, decomposition in parts]
        return {"schema": 1, "workload": loaded.name, "layers": found}

    def table() -> None:
        console = Console()
        for name, decomposition in parts:
            _print(console, name, decomposition)

    results.show(form, table, content)


def _as_json(name: str, parts: Decomposition) -> dict[str, Any]:
    layer = parts.layer
    return {
        "layer": name,
        "type": "transposed_conv" if layer.transposed else "conv",
        "input_size": layer.input_size,
        "output_size": layer.output_size,
        "kernel_size": layer.kernel_size,
        "stride": layer.stride,
        "padding": layer.padding,
        "dilation": layer.dilation,
        "groups": layer.groups,
        "macs": layer.macs,
        "zero_inserted_macs": layer.zero_inserted_macs,
        "zero_redundancy": layer.zero_redundancy,
        "sub_crossbars": parts.sub_crossbars,
        "window": parts.window,
        "steps": parts.steps,
        "modes": [
            {
                "phase": mode.phase,
                "taps": mode.taps,
                "offsets": mode.offsets,
                "sub_kernel_shape": mode.sub_kernel_shape,
                "output_count": mode.output_count,
                "empty": mode.empty,
            }
            for mode in parts.modes
        ],
        "mode_groups": [
            {
                "phases": [mode.phase for mode in group.modes],
                "taps_per_axis": group.taps_per_axis,
                "output_count_per_axis": group.output_count_per_axis,
                "modes_per_axis": group.modes_per_axis,
            }
            for group in parts.groups
        ],
    }


def _print(console: Console, name: str, parts: Decomposition) -> None:
    layer = parts.layer
    kind = "transposed convolution" if layer.transposed else "convolution"
    console.print(
        f"[bold]{name}[/]: {kind}, {_times(layer.input_size)}x{layer.in_channels} to "
        f"{_times(layer.output_size)}x{layer.out_channels}, kernel {_times(layer.kernel_size)}, "
        f"stride {_times(layer.stride)}",
        soft_wrap=True,
    )
    used = sum(not mode.empty for mode in parts.modes)
    console.print(
        f"  {used} computation mode{'s' * (used != 1)}{_empty_note(len(parts.modes) - used)}, "
        f"{parts.sub_crossbars} sub-crossbars, {parts.steps} steps, "
        f"each reading a window of {_times(parts.window)} input pixels",
        soft_wrap=True,
    )
    console.print(_mode_table(parts))
    if len(parts.modes) > 1:
        console.print(_picture(parts), highlight=False)
    console.print()


def _empty_note(count: int) -> str:
    return f" (and {count} without taps, whose outputs are zero)" if count else ""


def _mode_table(parts: Decomposition) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1))
    for title in ("mode", "phase", "sub-kernel", "taps per axis", "input offsets", "outputs"):
        table.add_column(title)
    for index, mode in enumerate(parts.modes[:_MOST_ROWS]):
        table.add_row(
            str(index),
            _times(mode.phase, ","),
            _times(mode.sub_kernel_shape),
            " x ".join(_set(taps) for taps in mode.taps),
            " x ".join(_set(offsets) for offsets in mode.offsets),
            _times(mode.output_count),
        )
    if len(parts.modes) > _MOST_ROWS:
        table.add_row("...", f"{len(parts.modes) - _MOST_ROWS} more", "", "", "", "")
    return table


def _picture(parts: Decomposition) -> str:
    """The kernel with the number of its mode on every pixel; the last axis runs to the right."""
    size = parts.layer.kernel_size
    if max(size) > _WIDEST_PICTURE:
        return f"  (a kernel of {_times(size)} is too wide to draw)"
    owner: dict[tuple[int, ...], str] = {}
    for index, mode in enumerate(parts.modes):
        owner.update({tap: _label(index, mode) for tap in product(*mode.taps)})
    width = max(map(len, owner.values()))
    lines = ["  kernel pixels by mode:"]
    for outer in product(*map(range, size[:-1])):
        if len(size) == 3 and outer[-1] == 0:
            lines.append(f"  plane {outer[0]}:")
        row = product(*((index,) for index in outer), range(size[-1]))
        lines.append("    " + " ".join(owner[tap].rjust(width) for tap in row))
    return "\n".join(lines)


def _label(index: int, mode: Mode) -> str:
    return "-" if mode.empty else str(index)


def _times(values: tuple[int, ...], sign: str = "x") -> str:
    return sign.join(map(str, values))


def _set(values: tuple[int, ...]) -> str:
    if len(values) > 4:
        return f"{{{values[0]},{values[1]},..,{values[-1]}}}"
    return "{" + ",".join(map(str, values)) + "}"
