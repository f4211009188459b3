"""What a run of a network hands back."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop._html import html_table
from red_timeloop.networks.graph import Values

__all__ = ["FLOAT", "IDEAL", "LayerQuality", "NetworkRun", "Quality", "as_text", "columns"]

FLOAT, IDEAL = "float", "integer"  # what designs are compared with


@dataclass(frozen=True)
class LayerQuality:
    """What an operator on crossbars adds to the error.

    Attributes:
        layer: Name of the operator.
        kind: Its ONNX operator.
        design: What it ran on.
        integers: Who says its integers: `calibration` or `model`.
        quantization_db: SQNR of its outputs in the ideal integer model, against the float model.
        own_db: SQNR of its sums on the design, against the exact sums of the same inputs.
        total_db: SQNR of its outputs on the design, against those of the ideal integer model.
        conversions: Column sums that were converted.
        saturations: Those above the converter's last code.
    """

    layer: str
    kind: str
    design: str
    integers: str
    quantization_db: float
    own_db: float
    total_db: float
    conversions: int
    saturations: int


@dataclass(frozen=True)
class Quality:
    """How good an output is.

    Attributes:
        model: `float`, `integer` (the ideal one), or a design.
        output: Name of the output.
        float_db: SQNR against the float model.
        integer_db: SQNR against the ideal integer model; None for the float model.
        psnr_db: Against the float model; None where outputs are no pictures.
        ssim: Likewise.
        top1: Share of images with the right class, where there are such labels.
        iou: Intersection over union with the labels, where there are such.
        score: What the user's function says.
    """

    model: str
    output: str
    float_db: float
    integer_db: float | None
    psnr_db: float | None = None
    ssim: float | None = None
    top1: float | None = None
    iou: float | None = None
    score: float | None = None


@dataclass(frozen=True)
class NetworkRun:
    """A network run in floats, on ideal integers, and on designs.

    Attributes:
        network: Name of the network.
        hardware: Name of the parameter set.
        designs: Names of the designs.
        images: Images that were run.
        notes: What was assumed, in words.
        qualities: By model and output.
        layers: By design and operator.
        inputs: What was put in, by name.
        outputs: What came out: by model, then by name.
        labels: What would be right.
    """

    network: str
    hardware: str
    designs: tuple[str, ...]
    images: int
    notes: tuple[str, ...]
    qualities: tuple[Quality, ...]
    layers: tuple[LayerQuality, ...]
    inputs: Values = field(repr=False)
    outputs: Mapping[str, Values] = field(repr=False)
    labels: NDArray[Any] | None = field(default=None, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the tensors, for JSON."""
        return {
            "schema": 1,
            "network": self.network,
            "hardware": self.hardware,
            "designs": list(self.designs),
            "images": self.images,
            "notes": list(self.notes),
            "results": [asdict(each) for each in self.qualities],
            "layers": [asdict(each) for each in self.layers],
        }

    def pictures(self, most: int = 6) -> dict[str, bytes]:
        """Return a PNG for each output that is pictures, by the output's name.

        Args:
            most: Images in it.
        """
        from red_timeloop.networks.pictures import side_by_side

        found = {name: side_by_side(self, name, most) for name in self.outputs[FLOAT]}
        return {name: picture for name, picture in found.items() if picture is not None}

    def _repr_html_(self) -> str:
        """Show results and pictures in a notebook."""
        parts = [f"<h4>{escape(self.network)}, {self.images} images, {escape(self.hardware)}</h4>"]
        parts += [html_table(*columns(each)) for each in (self.qualities, self.layers)]
        parts += [f"<p>{escape(note)}</p>" for note in self.notes]
        for name, picture in self.pictures().items():
            data = base64.b64encode(picture).decode()
            parts.append(f'<img alt="{escape(name)}" src="data:image/png;base64,{data}">')
        return "\n".join(parts)


def columns(rows: tuple[Any, ...]) -> tuple[list[str], list[list[str]]]:
    """Return the titles of the columns that say something, and their cells as text."""
    found = [asdict(row) for row in rows]
    used = [key for key in (found[0] if found else ()) if any(r[key] is not None for r in found)]
    titles = [key.replace("_db", " (dB)").replace("_", " ") for key in used]
    return titles, [[as_text(row[key]) for key in used] for row in found]


def as_text(value: Any) -> str:
    """Return a value as tables show it."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return "exact" if np.isposinf(value) else f"{value:.4g}"
    return str(value)
