"""Bounds on what a network's outputs are worth on a design."""

from __future__ import annotations

import numpy as np
import pytest
from places import ROOT

from red_timeloop import compare, designs
from red_timeloop.errors import InputError
from red_timeloop.frontends.onnx import load
from red_timeloop.hardware import Hardware
from red_timeloop.networks.quality import NetworkAccuracy
from red_timeloop.networks.run import run

MODEL = ROOT / "examples" / "digits_generator.onnx"
INPUTS = np.load(MODEL.with_suffix(".npz"))["input"][:3]
for _needed in ("onnx", "onnxruntime", "skimage"):
    pytest.importorskip(_needed, reason="needs the dependency group frontends")


def test_designs_are_given_what_the_outputs_need() -> None:
    """The bits that are found reach the bound in a run of their own; one bit less does not."""
    workload = load(MODEL, shapes={"input": (1, 18)}).workload
    hardware = Hardware.load().replace(rows=16)  # no fewer rows are tried
    bound = NetworkAccuracy("psnr=30", MODEL, INPUTS)
    found = compare(workload, ["red"], hardware=hardware, at_least=bound)
    each = found.converters[0]
    bits = each.hardware.adc_bits
    assert bits
    for tried, enough in ((bits, True), (bits - 1, False)):
        done = run(MODEL, INPUTS, designs="red", hardware=hardware.replace(adc_bits=tried))
        (reached,) = (q.psnr_db for q in done.qualities if q.model == "red")
        assert reached is not None
        assert (reached >= 30) == enough
    assert each.reached >= 30
    assert any("PSNR of digits_generator over 3 images" in line for line in found.assumptions)
    # Layers of both go by the names of the model's operators.
    assert [r.sqnr_db is not None for r in found.results] == [True] * len(workload.layers)


@pytest.mark.parametrize("text", ["iou", "iou=", "iou=good", "dice=0.9", "", "psnr=30dB"])
def test_bounds_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"at_least: .*(lossless|as iou=0.9|from 1dB)"):
        NetworkAccuracy(text, MODEL, INPUTS)


def test_a_measure_needs_what_it_measures_against() -> None:
    bound = NetworkAccuracy("iou=0.9", MODEL, INPUTS)
    with pytest.raises(InputError, match="the outputs of digits_generator have no IoU"):
        bound.reaches(designs.find("red"), Hardware.load())
