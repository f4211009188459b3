"""What there is to draw, as plain values: kernel pixels, their modes, and what each step does.

Every layer is drawn on three axes, planes, rows and columns, of which those that it does not have
are one pixel long.
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

Pixel = tuple[int, ...]  # plane, row, column

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
        window: The input pixels that are broadcast; pixels outside the input are zeros.
        again: Those that the step before has read too.
        reads: The input pixel that each kernel pixel's sub-crossbar is driven with.
        outputs: The output pixel of each mode (by phase) that has one in this step.
    """

    number: int
    window: frozenset[Pixel]
    again: frozenset[Pixel]
    reads: dict[Pixel, Pixel]
    outputs: dict[Pixel, Pixel]


@dataclass(frozen=True)
class Scene:
    """All that the picture of one layer on a design shows.

    Attributes:
        layer: The layer.
        name: Its name.
        label: The design's.
        axes: Planes, rows and columns.
        in_turn: Whether the modes take turns; otherwise they make a step together.
        pixelwise: Whether every kernel pixel has a sub-crossbar.
    """

    layer: Layer
    name: str
    label: str
    axes: tuple[Axis, Axis, Axis]
    in_turn: bool
    pixelwise: bool

    @classmethod
    def of(cls, layer: Layer, design: Design) -> Scene:
        """Return what there is to draw of `layer` on `design`.

        Raises:
            InputError: The design cannot run the layer, or has no data flow of computation modes.
        """
        name = layer.name or "layer"
        plan = design.plan(layer, Hardware.load())
        lanes = design.lanes(plan)
        if not lanes:
            raise InputError(f"{design.name} has no crossbars to draw", key="draw")
        modes = decompose(layer).axes
        axes = [_axis(layer, lanes, modes[axis], axis) for axis in range(layer.ndim)]
        axes = [Axis(1, 1, 1, 1, 1, 0, (_POINT,), 1, (0,))] * (3 - layer.ndim) + axes
        if prod(sum(not phase.empty for phase in axis.phases) for axis in axes) != len(lanes):
            raise InputError(
                f"{design.name} does not run {name} as computation modes, each with outputs of its "
                "own",
                key="draw",
                legal="designs that do, e.g. red",
            )
        planes, rows, columns = axes
        taps = sum(prod(len(table[0]) for table in lane.kernel) for lane in lanes)
        pixelwise = plan.sub_crossbars == taps
        whole = (planes, rows, columns)
        return cls(layer, name, design.label, whole, plan.order == "in_turn", pixelwise)

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
    def modes(self) -> list[tuple[AxisMode, ...]]:
        """The phases of each mode, in the order in which `red-timeloop decompose` counts them."""
        return list(product(*(axis.phases for axis in self.axes)))

    @cached_property
    def mode_numbers(self) -> dict[Pixel, int]:
        """Number of each phase's mode."""
        return {_phase(mode): number for number, mode in enumerate(self.modes)}

    @cached_property
    def empty(self) -> frozenset[Pixel]:
        """Phases without taps or without outputs."""
        return frozenset(_phase(mode) for mode in self.modes if any(part.empty for part in mode))

    @cached_property
    def phase_of_tap(self) -> dict[Pixel, Pixel]:
        """The phase whose mode each kernel pixel belongs to."""
        return {
            tap: _phase(mode) for mode in self.modes for tap in product(*(p.taps for p in mode))
        }

    def steps(self) -> Iterator[Step]:
        """Yield the steps in order, the last axis fastest."""
        turns = [[mode] for mode in self.modes] if self.in_turn else [self.modes]
        number, before = 0, frozenset[Pixel]()
        for at in product(*(range(axis.steps) for axis in self.axes)):
            for turn in turns:
                step = self._step(number, at, turn, before)
                if step.outputs:
                    yield step
                    number, before = number + 1, step.window

    def first_steps(self, count: int) -> tuple[Step, ...]:
        """Return the first `count` steps, or all when there are fewer."""
        return tuple(islice(self.steps(), count))

    def _step(
        self,
        number: int,
        at: Pixel,
        turn: Sequence[tuple[AxisMode, ...]],
        before: frozenset[Pixel],
    ) -> Step:
        start = [place * axis.input_stride for place, axis in zip(at, self.axes, strict=True)]
        window = frozenset(product(*map(_shifted, start, (axis.offsets for axis in self.axes))))
        reads: dict[Pixel, Pixel] = {}
        outputs: dict[Pixel, Pixel] = {}
        for mode in turn:
            if any(p.empty or place >= len(p.outputs) for p, place in zip(mode, at, strict=True)):
                continue
            made = (part.outputs[place] for part, place in zip(mode, at, strict=True))
            outputs[_phase(mode)] = tuple(made)
            pixels = product(*map(_shifted, start, (part.offsets for part in mode)))
            reads |= zip(product(*(part.taps for part in mode)), pixels, strict=True)
        return Step(number, window, window & before, reads, outputs)

    def pixel_name(self, pixel: Pixel) -> str:
        """Return what an input pixel is called in every step: its row's letter and its column.

        The number of its plane stands before that where there are planes.
        """
        plane, row, column = pixel
        letters = ""
        while row >= 0:
            row, letters = row // 26 - 1, chr(97 + row % 26) + letters
        return f"{plane if self.layer.ndim == 3 else ''}{letters}{column}"

    def mark(self, pixel: Pixel) -> str:
        """Return a pixel as ids have it: its place on rows and columns, and on planes if any."""
        return ".".join(map(str, pixel[3 - max(2, self.layer.ndim) :]))

    def inside(self, pixel: Pixel) -> bool:
        """True when `pixel` is a pixel of the input, not one of the zeros around it."""
        return all(
            0 <= at < axis.input_size and at % axis.spacing == 0
            for at, axis in zip(pixel, self.axes, strict=True)
        )


def _phase(mode: tuple[AxisMode, ...]) -> Pixel:
    return tuple(part.phase for part in mode)


def _shifted(start: int, offsets: Sequence[int]) -> list[int]:
    return [start + offset for offset in offsets]


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
