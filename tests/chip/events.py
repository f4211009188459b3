"""A chip's pipeline played event by event with SimPy, to hold its closed form against.

Every stage is a process that works row by row: it waits for the lines under its kernel, for room
in the line buffer of the stage behind it, and for its words to pass the port of its tile, of whose
time stages in the same tile have fixed parts. Which lines a row needs is found by trying the
layer's own formula tap by tap.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import simpy

from red_timeloop.chip.chips import Chip
from red_timeloop.chip.stage import Stage
from red_timeloop.layer import Layer

AHEAD = 2  # rows whose words pass the port before the row that is computed is done


class _Count:
    """A number that rises; a process sleeps until it is as large as it needs."""

    def __init__(self, env: simpy.Environment) -> None:
        self.env, self.value = env, 0
        self.waiting: list[tuple[int, simpy.Event]] = []

    def rise_to(self, value: int) -> None:
        if value > self.value:
            self.value = value
            ready = [event for least, event in self.waiting if least <= value]
            self.waiting = [each for each in self.waiting if each[0] > value]
            for event in ready:
                event.succeed()

    def reaches(self, value: int):
        if self.value < value:
            self.waiting.append((value, self.env.event()))
            yield self.waiting[-1][1]


def _taps(layer: Layer, output: int) -> list[int]:
    """Return the real input lines that an output line needs."""
    size, found = layer.input_size[0], []
    for tap in range(layer.kernel_size[0]):
        place = tap * layer.dilation[0] - layer.padding[0][0]
        if layer.transposed:
            line, rest = divmod(output - place, layer.stride[0])
        else:
            line, rest = output * layer.stride[0] + place, 0
        if not rest and 0 <= line < size:
            found.append(line)
    return found


def _windows(stage: Stage, before_lines: int, before_rows: int) -> list[tuple[int, int]]:
    """Return the first and last row of what comes before that each row of a stage needs."""
    layer, windows, known = stage.layer, [], (0, 0)
    outputs, inputs = layer.output_size[0], layer.input_size[0]
    for begin in range(0, outputs, stage.lines):
        lines = [
            line
            for output in range(begin, min(begin + stage.lines, outputs))
            for line in _taps(layer, output)
        ]
        if lines:
            per_row = -(-before_lines // before_rows)
            first = int(min(lines) * before_lines / inputs) // per_row
            last = (-int(-(max(lines) + 1) * before_lines // inputs) - 1) // per_row
            known = (first, max(last, known[1]))
        windows.append(known)
    return windows


def _ports(chain: Sequence[tuple[Stage, int]], chip: Chip) -> list[float]:
    """Return the time in s that the port of each stage's tile works for an image."""
    places = [0, *itertools.accumulate(s.crossbars * n for s, n in chain)]
    tiles = [begin // chip.crossbars_per_tile for begin in places]
    sizes = [stage.crossbars * count / chip.crossbars_per_tile for stage, count in chain]
    words = [stage.input_bits + stage.output_bits for stage, _ in chain]
    small = [(t, w) for t, w, x in zip(tiles, words, sizes, strict=False) if x < 1]
    return [
        (sum(w for t, w in small if t == tiles[i]) if x < 1 else words[i] / x)
        / chip.port_bits_per_s
        for i, x in enumerate(sizes)
    ]


def play(
    stages: Sequence[Stage],
    copies: Sequence[int],
    chip: Chip,
    images: int,
    room: Sequence[int],
    wires: Sequence[float],
):
    """Return the time in s at which each image's last line is out.

    Args:
        stages: The network.
        copies: Copies of each stage.
        chip: The chip.
        images: How many are played.
        room: Rows that the line buffer before each stage of the chain holds.
        wires: Time in s that the busiest wire between routers takes for an image, by
            stage of the chain.
    """
    env = simpy.Environment()
    chain = [(s, n) for s, n in zip(stages, copies, strict=True) for _ in range(s.repeat)]
    first, last = chain[0][0], chain[-1][0]
    lines = first.layer.input_size[0]
    rows = [lines, *(-(-s.layer.output_size[0] // s.lines) for s, _ in chain)]
    widths = [lines, *(s.layer.output_size[0] for s, _ in chain)]
    done = [_Count(env) for _ in rows]  # rows that each stage has given, over all images
    freed = [_Count(env) for _ in rows]  # rows that the stage behind needs no more
    fetched = [_Count(env) for _ in chain]  # rows whose words have passed the port
    begun = [_Count(env) for _ in chain]
    windows = [_windows(s, widths[i], rows[i]) for i, (s, _) in enumerate(chain)]
    finished: list[float] = []

    def source():
        for count in range(images * lines):
            yield from freed[0].reaches(count + 1 - room[0])
            yield env.timeout(first.input_bits / lines / chip.link_bits_per_s)
            done[0].rise_to(count + 1)

    def fetch(index: int, passing: float):
        mine, theirs = rows[index + 1], rows[index]
        for image in range(images):
            for row, (_, high) in enumerate(windows[index]):
                count = image * mine + row + 1
                yield from done[index].reaches(image * theirs + high + 1)
                yield from begun[index].reaches(count - AHEAD)
                yield env.timeout(passing / mine)
                fetched[index].rise_to(count)

    def work(index: int, stage: Stage, copies: int):
        mine, theirs = rows[index + 1], rows[index]
        row_time = stage.time(copies) / mine
        for image in range(images):
            for row in range(mine):
                count = image * mine + row + 1
                yield from fetched[index].reaches(count)
                if index + 1 < len(chain):
                    yield from freed[index + 1].reaches(count - room[index + 1])
                begun[index].rise_to(count)
                yield env.timeout(row_time)
                done[index + 1].rise_to(count)
                after = windows[index][row + 1][0] if row + 1 < mine else theirs
                freed[index].rise_to(image * theirs + after)

    def sink():
        for image in range(images):
            for row in range(rows[-1]):
                yield from done[-1].reaches(image * rows[-1] + row + 1)
                yield env.timeout(last.output_bits / rows[-1] / chip.link_bits_per_s)
            finished.append(env.now)

    env.process(source())
    for index, ((stage, count), port) in enumerate(zip(chain, _ports(chain, chip), strict=True)):
        env.process(fetch(index, max(port, wires[index])))
        env.process(work(index, stage, count))
    env.process(sink())
    env.run()
    return finished
