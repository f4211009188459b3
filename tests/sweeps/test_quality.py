"""The signal-to-noise ratio as a measure of a sweep, and the small layer it is taken on."""

from __future__ import annotations

import math
from pathlib import Path

from sweeps.stored import rows

from red_timeloop.layer import Conv
from red_timeloop.sweeps import sweep
from red_timeloop.sweeps.quality import sample_layer
from red_timeloop.sweeps.table import load_results


def test_sqnr_is_a_measure(workload: str, tmp_path: Path) -> None:
    definition = {
        "workloads": workload,
        "designs": ["red", "split_kernel"],
        "parameters": {"adc_bits": [3, 5, None], "read_voltage_v": [0.1, 0.2]},
        "sqnr": True,
        "constraints": ["sqnr_dB >= 20"],
    }
    assert sweep(definition, tmp_path).failed == 0
    found = rows(
        tmp_path,
        "SELECT d.name, json_extract(p.changes, '$.adc_bits'), e.sqnr_dB FROM evaluations e"
        " JOIN points p ON p.id = e.point JOIN designs d ON d.id = e.design",
    )
    by_bits: dict[tuple[str, int | None], set[float]] = {}
    for name, bits, sqnr in found:
        by_bits.setdefault((name, bits), set()).add(sqnr)
    for name in ("red", "split_kernel"):
        (low,), (high,), (exact,) = (by_bits[name, bits] for bits in (3, 5, None))
        assert low < high < exact == math.inf
    results = load_results(tmp_path)
    assert 0 < len(results.feasible()) < len(results)
    assert (results.feasible().numbers["sqnr_dB"] >= 20).all()


def test_a_sampled_layer_has_the_taps_and_rows_of_the_layer() -> None:
    layer = Conv(64, 32, (28, 28), 7, stride=2, padding=0, groups=4)
    small = sample_layer(layer)
    assert (small.in_channels, small.out_channels, small.groups) == (16, 4, 1)
    assert small.input_size == (8, 8)  # the least of the sizes that a kernel of 7 fits into
    assert (small.kernel_size, small.stride) == (layer.kernel_size, layer.stride)
