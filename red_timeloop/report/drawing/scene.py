"""What there is to draw, as plain values: kernel pixels, their modes, and what each step does.

A layer with one spatial axis is drawn as two axes of which the first has one pixel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, product
from math import prod

from red_timeloop.decomposition import AxisMode, decompose
from red_timeloop.designs import Design
from red_timeloop.designs.lanes import Lane
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer

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
        spacing: Positions from one input pixel to the next; more than 1 where zeros are inserted.
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
    spacing: int = 1

    @property
    def pixels(self) -> int:
        """Real pixels of the input."""
        return (self.input_size - 1) // self.spacing + 1

    @property
    def steps(self) -> int:
        """Steps along the axis: the outputs of its longest non-empty phase."""
        return max((len(phase.outputs) for phase in self.phases if not phase.empty), default=0)


@dataclass(frozen=True)
class Step:
    """One step of the data flow.

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
    """All that the picture of one layer on a design shows.

    Attributes:
        layer: The layer.
        name: Its name.
        label: The design's.
        axes: The two axes; the first has one pixel when the layer has one spatial axis.
        in_turn: Whether the modes take turns; otherwise they make a step together.
        pixelwise: Whether every kernel pixel has a sub-crossbar.
    """

    layer: Layer
    name: str
    label: str
    axes: tuple[Axis, Axis]
    in_turn: bool
    pixelwise: bool

    @classmethod
    def of(cls, layer: Layer, design: Design) -> Scene:
        """Return what there is to draw of `layer` on `design`.

        Raises:
            InputError: The layer has three spatial axes, or the design cannot run it or has no
                data flow of computation modes.
        """
        name = layer.name or "layer"
        if layer.ndim > 2:
            raise InputError(
                f"{name} has {layer.ndim} spatial axes; `red-timeloop decompose` lists its modes",
                key="draw",
                legal="layers with 1 or 2 spatial axes",
            )
        plan = design.plan(layer, Hardware.load())
        lanes = design.lanes(plan)
        if not lanes:
            raise InputError(f"{design.name} has no crossbars to draw", key="draw")
        modes = decompose(layer).axes
        axes = [_axis(layer, lanes, modes[axis], axis) for axis in range(layer.ndim)]
        if layer.ndim == 1:
            axes.insert(0, Axis(1, 1, 1, 1, 1, 0, (_POINT,), 1, (0,)))
        if prod(sum(not phase.empty for phase in axis.phases) for axis in axes) != len(lanes):
            raise InputError(
                f"{design.name} does not run {name} as computation modes, each with outputs of its "
                "own",
                key="draw",
                legal="designs that do, e.g. red",
            )
        first, second = axes
        taps = sum(prod(len(table[0]) for table in lane.kernel) for lane in lanes)
        pixelwise = plan.sub_crossbars == taps
        return cls(layer, name, design.label, (first, second), plan.order == "in_turn", pixelwise)

    @cached_property
    def sub_crossbars(self) -> int:
        """Kernel pixels that stand on crossbars."""
        return sum(phase not in self.empty for phase in self.phase_of_tap.values())

    @property
    def zeros(self) -> bool:
        """Whether inserted zeros are read."""
        return any(axis.spacing > 1 for axis in self.axes)

    @property
    def places(self) -> str:
        """What kernel pixels stand on."""
        if self.pixelwise:
            return "sub-crossbars, one for each kernel pixel"
        return "kernel pixels on crossbars"

    @cached_property
    def step_count(self) -> int:
        """Steps of an image."""
        if self.in_turn:
            used = [[len(p.outputs) for p in axis.phases if not p.empty] for axis in self.axes]
            return prod(map(sum, used))
        return prod(axis.steps for axis in self.axes)

    @property
    def flat(self) -> bool:
        """True when the layer has one spatial axis."""
        return self.layer.ndim == 1

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
        every = list(product(rows.phases, columns.phases))
        turns = [[pair] for pair in every] if self.in_turn else [every]
        number = 0
        for at in product(range(rows.steps), range(columns.steps)):
            for turn in turns:
                step = self._step(number, at, turn)
                if step.outputs:
                    yield step
                    number += 1

    def first_steps(self, count: int) -> tuple[Step, ...]:
        """Return the first `count` steps, or all when there are fewer."""
        return tuple(islice(self.steps(), count))

    def _step(self, number: int, at: Pixel, turn: Sequence[tuple[AxisMode, AxisMode]]) -> Step:
        rows, columns = self.axes
        y, x = at[0] * rows.input_stride, at[1] * columns.input_stride
        window = {
            (y + dy, x + dx): place
            for place, (dy, dx) in enumerate(product(rows.offsets, columns.offsets))
        }
        reads: dict[Pixel, Pixel] = {}
        outputs: dict[Pixel, Pixel] = {}
        for a, b in turn:
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
        return all(
            0 <= at < axis.input_size and at % axis.spacing == 0
            for at, axis in zip(pixel, self.axes, strict=True)
        )


def _axis(layer: Layer, lanes: Sequence[Lane], modes: Sequence[AxisMode], axis: int) -> Axis:
    """Return one axis as the lanes run it; phases that nothing computes are the layer's."""
    phases: dict[int, AxisMode] = {}
    for lane in lanes:
        if lane.outputs is not None:
            outputs, taps = lane.outputs[axis], tuple(lane.kernel[axis][0].tolist())
            reads = lane.reads[axis]
            phases[outputs.start] = AxisMode(outputs.start, taps, reads.offsets, outputs)
    own = [mode for mode in modes if not mode.empty]
    if [set(mode.taps) for mode in own] == [set(phases[p].taps) for p in sorted(phases)]:
        phases = {mode.phase: mode for mode in modes}
    reads = lanes[0].reads[axis]
    offsets = {offset for lane in lanes for offset in lane.reads[axis].offsets}
    return Axis(
        input_size=(layer.input_size[axis] - 1) * reads.spacing + 1,
        output_size=layer.output_size[axis],
        kernel_size=layer.kernel_size[axis],
        stride=layer.stride[axis],
        dilation=layer.dilation[axis],
        before=layer.padding[axis][0],
        phases=tuple(phases[phase] for phase in sorted(phases)),
        input_stride=reads.stride,
        offsets=tuple(sorted(offsets)),
        spacing=reads.spacing,
    )
