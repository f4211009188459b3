"""Pictures side by side: what the float model, the ideal integers and the designs make."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.networks.result import FLOAT, NetworkRun

__all__ = ["side_by_side"]

_INCHES = 1.5  # of a picture


def side_by_side(result: NetworkRun, output: str, most: int) -> bytes | None:
    """Return a PNG with a row for each image: its input, what each model makes, and differences.

    The differences are those from the float model, on one scale for all, which is printed.

    Args:
        result: The run.
        output: Name of the output.
        most: Images at most.

    Returns:
        None where the output is no picture ``[N, C, H, W]``, or has but one pixel.
    """
    from matplotlib.figure import Figure

    shown = {model: _shown(values[output]) for model, values in result.outputs.items()}
    wanted = shown[FLOAT]
    if wanted is None:
        return None
    panels: list[tuple[str, NDArray[Any]]] = []
    differences: list[tuple[str, NDArray[Any]]] = []
    for name, values in result.inputs.items():
        given = _shown(values)
        if given is not None:
            panels.append((name, given))
    for model, made in shown.items():
        assert made is not None
        panels.append((model, made))
        if model != FLOAT:
            away = np.abs(made - wanted)
            differences.append((model, away if away.ndim == 3 else away.max(axis=-1)))
    rows = min(most, len(wanted))
    columns = len(panels) + len(differences)
    span = max(float(away[:rows].max()) for _, away in differences) or 1.0
    figure = Figure(
        figsize=(columns * _INCHES, rows * _INCHES + 0.5), layout="constrained", facecolor="white"
    )
    axes = figure.subplots(rows, columns, squeeze=False)
    for row in range(rows):
        for column, (model, pictures) in enumerate(panels):
            low, high = float(pictures.min()), float(pictures.max())
            reach = (low, high) if column < len(result.inputs) else _reach(wanted)
            picture = np.clip((pictures[row] - reach[0]) / ((reach[1] - reach[0]) or 1), 0, 1)
            axes[row, column].imshow(picture, cmap="gray", vmin=0, vmax=1)
            axes[0, column].set_title(model, fontsize=8)
        for column, (model, away) in enumerate(differences, len(panels)):
            image = axes[row, column].imshow(away[row], cmap="magma", vmin=0, vmax=span)
            axes[0, column].set_title(f"|{model} - float|", fontsize=8)
    for each in axes.flat:
        each.set_axis_off()
    bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=30)
    bar.ax.tick_params(labelsize=7)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=110)
    return stream.getvalue()


def _reach(pictures: NDArray[Any]) -> tuple[float, float]:
    return float(pictures.min()), float(pictures.max())


def _shown(values: NDArray[Any]) -> NDArray[Any] | None:
    """Return ``[N, H, W]`` or ``[N, H, W, 3]``; the class where there is one channel a class."""
    if values.ndim != 4 or values.shape[2] * values.shape[3] == 1:
        return None
    found: NDArray[Any] = values[:, 0] if values.shape[1] == 1 else values.argmax(axis=1)
    if values.shape[1] == 3:
        found = np.moveaxis(values, 1, -1)
    return found.astype(np.float64)
