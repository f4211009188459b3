"""What there is to draw, as plain values: kernel pixels, their modes, and what each step does.

A layer with one spatial axis is drawn as two axes of which the first has one pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, product

from red_timeloop.decomposition import AxisMode, Decomposition
from red_timeloop.errors import InputError

__all__ = ["Axis", "Pixel", "Scene", "Step"]

Pixel = tuple[int, int]

_POINT = AxisMode(phase=0, taps=(0,), offsets=(0,), outputs=range(1))


@dataclass(frozen=True)
class Axis:
    """One axis of a layer as the picture needs it.

    Attributes:
        input_size, output_size, kernel_size, stride, dilation, before: As the layer has them;
            `before` is the padding in front.
        phases: The axis's share of the modes, one a phase.
        input_stride: Input pixels from one step to the next.
        offsets: The window: input offsets that a step reads, ascending.
    """

    input_size: int
    output_size: int
    kernel_size: int
    stride: int
    dilation: int
    before: int
    phases: tuple[AxisMode, ...]
    input_stride: int
    offsets: tuple[int, ...]

    @property
    def steps(self) -> int:
        """Steps along the axis: the outputs of its longest non-empty phase."""
        return max((len(phase.outputs) for phase in self.phases if not phase.empty), default=0)


@dataclass(frozen=True)
class Step:
    """One step of the zero-skipping data flow.

    Attributes:
        number: Its place in the order of steps, from 0.
        window: The input pixels that are broadcast, with their place in the window; pixels
            outside the input are zeros.
        reads: The input pixel that each kernel pixel's sub-crossbar is driven with.
        outputs: The output pixel of each mode (by phase) that has one in this step.
    """

    number: int
    window: dict[Pixel, int]
    reads: dict[Pixel, Pixel]
    outputs: dict[Pixel, Pixel]


@dataclass(frozen=True)
class Scene:
    """All that the picture of one layer shows.

    Raises:
        InputError: The layer has three spatial axes, or no step to show.
    """

    parts: Decomposition
    name: str

    def __post_init__(self) -> None:
        if self.parts.layer.ndim > 2:
            raise InputError(
                f"{self.name} has {self.parts.layer.ndim} spatial axes; `red-timeloop decompose` "
                "lists its modes",
                key="draw",
                legal="layers with 1 or 2 spatial axes",
            )
        if not self.parts.sub_crossbars:
            raise InputError(f"{self.name} has no kernel pixel that meets an output", key="draw")

    @cached_property
    def axes(self) -> tuple[Axis, Axis]:
        """The two axes; the first has one pixel when the layer has one spatial axis."""
        layer = self.parts.layer
        axes = [
            Axis(
                input_size=layer.input_size[n],
                output_size=layer.output_size[n],
                kernel_size=layer.kernel_size[n],
                stride=layer.stride[n],
                dilation=layer.dilation[n],
                before=layer.padding[n][0],
                phases=self.parts.axes[n],
                input_stride=1 if layer.transposed else layer.stride[n],
                offsets=self.parts.window_offsets[n],
            )
            for n in range(layer.ndim)
        ]
        if layer.ndim == 1:
            axes.insert(0, Axis(1, 1, 1, 1, 1, 0, (_POINT,), 1, (0,)))
        return axes[0], axes[1]

    @property
    def flat(self) -> bool:
        """True when the layer has one spatial axis."""
        return self.parts.layer.ndim == 1

    @cached_property
    def mode_numbers(self) -> dict[Pixel, int]:
        """Number of each phase's mode, as `red-timeloop decompose` counts them."""
        rows, columns = self.axes
        phases = product((p.phase for p in rows.phases), (p.phase for p in columns.phases))
        return {phase: number for number, phase in enumerate(phases)}

    @cached_property
    def empty(self) -> frozenset[Pixel]:
        """Phases without taps or without outputs."""
        rows, columns = self.axes
        return frozenset(
            (a.phase, b.phase)
            for a, b in product(rows.phases, columns.phases)
            if a.empty or b.empty
        )

    @cached_property
    def phase_of_tap(self) -> dict[Pixel, Pixel]:
        """The phase whose mode each kernel pixel belongs to."""
        rows, columns = self.axes
        return {
            (k, m): (a.phase, b.phase)
            for a, b in product(rows.phases, columns.phases)
            for k, m in product(a.taps, b.taps)
        }

    def steps(self) -> Iterator[Step]:
        """Yield the steps in order, the last axis fastest."""
        rows, columns = self.axes
        for number, at in enumerate(product(range(rows.steps), range(columns.steps))):
            yield self._step(number, at)

    def first_steps(self, count: int) -> tuple[Step, ...]:
        """Return the first `count` steps, or all when there are fewer."""
        return tuple(islice(self.steps(), count))

    def _step(self, number: int, at: Pixel) -> Step:
        rows, columns = self.axes
        y, x = at[0] * rows.input_stride, at[1] * columns.input_stride
        window = {
            (y + dy, x + dx): place
            for place, (dy, dx) in enumerate(product(rows.offsets, columns.offsets))
        }
        reads: dict[Pixel, Pixel] = {}
        outputs: dict[Pixel, Pixel] = {}
        for a, b in product(rows.phases, columns.phases):
            done = at[0] >= len(a.outputs) or at[1] >= len(b.outputs)
            if a.empty or b.empty or done:
                continue
            outputs[a.phase, b.phase] = (a.outputs[at[0]], b.outputs[at[1]])
            for (k, dy), (m, dx) in product(
                zip(a.taps, a.offsets, strict=True), zip(b.taps, b.offsets, strict=True)
            ):
                reads[k, m] = (y + dy, x + dx)
        return Step(number, window, reads, outputs)

    def inside(self, pixel: Pixel) -> bool:
        """True when `pixel` is a pixel of the input, not one of the zeros around it."""
        return all(0 <= at < axis.input_size for at, axis in zip(pixel, self.axes, strict=True))
