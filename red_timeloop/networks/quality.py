"""How accurate a network must be on a design, measured by running it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from red_timeloop.accuracy import parse_at_least
from red_timeloop.designs import Design
from red_timeloop.errors import InputError, shown
from red_timeloop.frontends.accounting import layer_name
from red_timeloop.hardware import Hardware
from red_timeloop.networks.result import NetworkRun
from red_timeloop.networks.run import run

__all__ = ["NetworkAccuracy"]

# what may be bounded -> how it is written, and the attribute of `Quality` that has it
_MEASURES = {
    "sqnr": ("SQNR", "integer_db"),
    "psnr": ("PSNR", "psnr_db"),
    "ssim": ("SSIM", "ssim"),
    "iou": ("IoU", "iou"),
    "top1": ("top-1", "top1"),
}


class NetworkAccuracy:
    """A bound on what a network's outputs are worth, the least of them where there are several.

    Args:
        at_least: `40dB` or `lossless`, of the outputs against the ideal integer model; or
            `MEASURE=NUMBER`, one of `psnr`, `ssim` (against the float model), `iou`, `top1` (with
            the labels).
        model: As `red_timeloop.networks.run.run` takes it.
        inputs: Likewise.
        settings: Its other arguments, as `labels` or `nonidealities`.

    Raises:
        InputError: The bound is none.
    """

    def __init__(self, at_least: str, model: Any, inputs: Any, **settings: Any) -> None:
        legal = "a ratio as 40dB, lossless, or psnr, ssim, iou or top1 with a number, as iou=0.9"
        found = re.fullmatch(r"\s*(?:(\w+)\s*=)?\s*(\S.*?)\s*", at_least)
        key = (found[1] or "sqnr") if found else ""
        if key not in _MEASURES or found is None:
            raise InputError(f"got {shown(at_least)}", key="at_least", legal=legal)
        self.measure, self._attribute = _MEASURES[key]
        try:
            self.at_least = float(found[2]) if found[1] else parse_at_least(found[2])
        except ValueError:
            raise InputError(f"got {shown(at_least)}", key="at_least", legal=legal) from None
        self.notes: tuple[str, ...] = ()
        self._arguments = (model, inputs)
        self._settings = settings
        self._runs: dict[tuple[Design, Hardware], NetworkRun] = {}

    def reaches(self, design: Design, hardware: Hardware) -> bool:
        """Tell whether the outputs on a design are good enough."""
        return self.reached(design, hardware)[0] >= self.at_least

    def reached(self, design: Design, hardware: Hardware) -> tuple[float, Mapping[str, float]]:
        """Return what the outputs on a design are worth, and the ratio of each layer's own sums.

        Raises:
            InputError: The network cannot be run there, or its outputs have no such measure.
        """
        done = self._run(design, hardware)
        values = [
            getattr(each, self._attribute) for each in done.qualities if each.model == design.name
        ]
        known = [value for value in values if value is not None and not math.isnan(value)]
        if not known:
            raise InputError(
                f"the outputs of {done.network} have no {self.measure}",
                key="at_least",
                legal="iou and top1 with labels that fit, psnr and ssim of pictures",
            )
        own = {
            layer_name(each.layer): each.own_db
            for each in done.layers
            if each.design == design.name
        }
        return min(known), own

    def _run(self, design: Design, hardware: Hardware) -> NetworkRun:
        key = design, hardware
        if key not in self._runs:
            self._runs[key] = run(
                *self._arguments, designs=design, hardware=hardware, **self._settings
            )
            done = self._runs[key]
            self.notes = (
                f"{self.measure} of {done.network} over {done.images} images, by running it; the "
                "ratio of a layer is that of its own sums.",
                *done.notes,
            )
        return self._runs[key]
