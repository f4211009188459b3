"""Limits of the arithmetic, from both sides, and blocks of any size: none may change a number."""

from __future__ import annotations

import numpy as np
import pytest

from red_timeloop import Conv, TransposedConv, designs, simulate
from red_timeloop.dataflow import bank, machine
from red_timeloop.dataflow.encoding import require_width
from red_timeloop.dataflow.execution import execute
from red_timeloop.dataflow.verification import random_tensors
from red_timeloop.errors import InputError
from red_timeloop.hardware import Hardware

OWN = Hardware.load()
WIDE = OWN.replace(adc_bits=None, rows=None, columns=None, cell_bits=8, dac_bits=8)


@pytest.mark.parametrize("channels", [511, 601])
def test_odd_sums_above_what_single_precision_holds_are_exact(channels: int) -> None:
    """511 x 255 x 255 is odd and above 2^24, as is 601 x 255 x 127: single precision drops a unit.

    Both stay below 2^25, from which on no fault of a factor of two could be told.
    """
    layer = Conv(channels, 1, (1,), 1)
    inputs = np.full(layer.input_shape, 255)
    weights = np.full(layer.weight_shape, 127)
    expected = channels * 255 * 127
    assert simulate(layer, "red", inputs, weights, WIDE).outputs.item() == expected
    assert execute(layer, "red", inputs, weights, WIDE).outputs.item() == expected


@pytest.mark.parametrize("design", [*designs.names(), "red_serial"])
def test_what_is_held_at_a_time_changes_no_count(
    design: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few sums, few inputs, and the cells of one crossbar, in place of all at once."""
    layer = TransposedConv(9, 6, (2, 3), 4, stride=2, padding=1, batch=2)
    hardware = OWN.replace(rows=8, columns=16, adc_bits=3)
    tensors = random_tensors(layer)
    whole = simulate(layer, design, *tensors, hardware)
    for module, limit in (
        (machine, "_MOST_SUMS"),
        (machine, "_MOST_INPUTS"),
        (bank, "_MOST_CELLS"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(module, limit, 400)
            parts = simulate(layer, design, *tensors, hardware)
        np.testing.assert_array_equal(parts.outputs, whole.outputs)
        assert parts.counts == whole.counts


@pytest.mark.parametrize(
    ("cells", "bits", "products", "sum_bits"),
    [
        (2, (20, 20), 4095, 52),  # 12 bits of products
        (2, (20, 20), 4096, 53),
        (8, (1, 1), 2**43 - 1, 52),  # 8 bits of a cell, one of a pulse
        (8, (1, 1), 2**43, 53),
        (None, (30, 21), 0, 52),  # of one product
        (None, (30, 22), 0, 53),
    ],
)
def test_sums_of_52_bits_are_the_widest(
    cells: int | None, bits: tuple[int, int], products: int, sum_bits: int
) -> None:
    hardware = OWN.replace(cell_bits=cells) if cells else OWN
    if sum_bits <= 52:
        require_width(hardware, *bits, products)
        return
    message = f"sums of {products} products of {bits[0]} by {bits[1]} bits take {sum_bits} bits"
    with pytest.raises(InputError, match=message):
        require_width(hardware, *bits, products)
