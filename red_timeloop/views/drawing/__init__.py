"""The picture that explains RED: modes, sub-crossbar tensor and zero-skipping data flow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from red_timeloop.designs import Design, find
from red_timeloop.errors import InputError
from red_timeloop.files import make_folder, write_atomic
from red_timeloop.layer import Layer
from red_timeloop.views.drawing.scene import Scene

__all__ = ["FORMATS", "Drawing", "draw"]

FORMATS = ("svg", "pdf", "png")

_MOST_STEPS = 4  # that fit the width of a figure
_MOST_FRAMES = 16


@dataclass(frozen=True)
class Drawing:
    """The picture of one layer.

    >>> from red_timeloop import TransposedConv
    >>> drawing = draw(TransposedConv(512, 256, (4, 4), 4, stride=2, padding=1, name="up"))
    >>> drawing.still("svg")[:5]
    b'<?xml'
    """

    scene: Scene
    steps: int

    @property
    def title(self) -> str:
        """Name of the picture."""
        return f"{self.scene.name} on {self.scene.label}"

    @property
    def description(self) -> str:
        """What the picture says, in words."""
        scene = self.scene
        layer = scene.layer
        kernel, stride = (" by ".join(map(str, v)) for v in (layer.kernel_size, layer.stride))
        return (
            f"Kernel of {kernel} pixels at stride {stride}, coloured by computation mode; "
            f"{scene.sub_crossbars} {scene.places}; and the first of {scene.step_count} steps: "
            "which input pixels drive which of them, and which output pixels appear."
        )

    def still(self, form: str = "svg") -> bytes:
        """Return the figure as the bytes of a `svg`, `pdf` or `png` file."""
        from red_timeloop.views.drawing.figure import still_figure
        from red_timeloop.views.picture import picture

        painter = still_figure(self.scene, self.steps)
        return picture(painter.figure, form, self.title, self.description)

    def moving(self, styles: dict[str, str]) -> Element:
        """Return the steps one after the other as an SVG tree, whose `styles` the caller writes."""
        from red_timeloop.views.drawing.animation import animated_tree
        from red_timeloop.views.drawing.figure import moving_strip

        painter, frames = moving_strip(self.scene, self._frames())
        return animated_tree(painter, frames, styles)

    def animated(self) -> bytes:
        """Return the steps one after the other as the bytes of a `svg` file."""
        from red_timeloop.views.picture import svg_file

        styles: dict[str, str] = {}
        return svg_file(self.moving(styles), styles, self.title, self.description)

    def _repr_svg_(self) -> str:
        return self.animated().decode().partition("?>")[2]

    def write(self, folder: str | Path, formats: tuple[str, ...] = ("svg",)) -> list[Path]:
        """Write `NAME.FORMAT`, and with `svg` `NAME-animated.svg`; return the files' paths.

        Raises:
            InputError: A format is not legal, or a file cannot be written.
        """
        for form in formats:
            if form not in FORMATS:
                raise InputError(f"unknown format {form!r}", key="format", legal=FORMATS)
        target = make_folder(folder)
        files = {f"{self.scene.name}.{form}": self.still(form) for form in formats}
        if "svg" in formats:
            files[f"{self.scene.name}-animated.svg"] = self.animated()
        return [write_atomic(target / name, content) for name, content in files.items()]

    def _frames(self) -> int:
        """Steps that the animation shows: all of a few, else what fits the output map's width."""
        if self.scene.step_count <= _MOST_FRAMES:
            return self.scene.step_count
        return min(_MOST_FRAMES, max(3, 24 // len(self.scene.axes[2].phases)))


def draw(layer: Layer, design: str | Design = "red", *, steps: int | None = None) -> Drawing:
    """Return the picture of `layer` on a design, with its first `steps` steps.

    Args:
        layer: A layer; planes of one with three spatial axes stand beside each other.
        design: A design, its name, or where it is; one that runs computation modes, each with
            outputs of its own.
        steps: Steps beside each other in the still figure, 1 to 4; 3, or 2 of planes, when None.

    Raises:
        InputError: The layer computes nothing, the design runs it in another way, or `steps` is
            not legal.
    """
    steps = (2 if layer.ndim == 3 else 3) if steps is None else steps
    if not 1 <= steps <= _MOST_STEPS:
        raise InputError(f"got {steps}", key="steps", legal=f"1 to {_MOST_STEPS}")
    return Drawing(Scene.of(layer, find(design, code=True)), steps)
