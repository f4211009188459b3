"""The closed forms of `AxisReads` against walking the axis position by position."""

from hypothesis import given
from hypothesis import strategies as st

from red_timeloop.designs.reads import AxisReads


@st.composite
def sweeps(draw: st.DrawFn) -> AxisReads:
    spacing = draw(st.integers(1, 4))
    tap_stride = draw(st.integers(1, 3))
    first = draw(st.integers(-9, 9))
    return AxisReads(
        steps=draw(st.integers(1, 12)),
        offsets=tuple(first + tap_stride * k for k in range(draw(st.integers(1, 5)))),
        pixels=draw(st.integers(1, 8)),
        stride=1 if spacing > 1 else draw(st.integers(1, 4)),
        spacing=spacing,
        tap_stride=tap_stride,
    )


def is_real(sweep: AxisReads, position: int) -> bool:
    return position % sweep.spacing == 0 and 0 <= position // sweep.spacing < sweep.pixels


@given(sweeps())
def test_reads_are_counted_tap_by_tap(sweep: AxisReads) -> None:
    touched = [sweep.stride * j + o for j in range(sweep.steps) for o in sweep.offsets]
    assert sweep.reads == sum(is_real(sweep, x) for x in touched)
    assert sweep.positions_read == len(touched)


@given(sweeps(), st.booleans())
def test_fills_fetch_each_position_of_the_boxes_once(sweep: AxisReads, sliding: bool) -> None:
    low, high = sweep.offsets[0], sweep.offsets[-1]
    if sliding:
        boxes = [
            x
            for j in range(sweep.steps)
            for x in range(sweep.stride * j + low, sweep.stride * j + high + 1)
        ]
    else:
        boxes = list(range(low, sweep.stride * (sweep.steps - 1) + high + 1))
    assert sweep.positions_filled(sliding=sliding) == len(set(boxes))
    assert sweep.fills(sliding=sliding) == sum(is_real(sweep, x) for x in set(boxes))
