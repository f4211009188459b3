"""How good outputs are: against other outputs, and against what is right."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from red_timeloop._user_code import load_file
from red_timeloop.dataflow.trace import decibels
from red_timeloop.errors import InputError, shown
from red_timeloop.frontends.accounting import framework

__all__ = ["Score", "iou", "load_score", "psnr", "sqnr", "ssim", "top1"]

Score: TypeAlias = Callable[..., float]
_WINDOW = 7  # pixels of scikit-image's default window


def sqnr(found: NDArray[Any], wanted: NDArray[Any]) -> float:
    """Return the ratio of what is wanted to the difference from it, in dB."""
    difference = found.astype(np.float64) - wanted
    signal = float(np.square(wanted, dtype=np.float64).sum())
    return decibels(signal, float(np.square(difference).sum()))


def psnr(found: NDArray[Any], wanted: NDArray[Any]) -> float | None:
    """Return the peak signal to noise ratio in dB; the peak is the span of what is wanted.

    None for outputs that are no pictures ``[N, C, H, W]``.
    """
    span = _span(wanted)
    if span is None:
        return None
    noise = float(np.square(found.astype(np.float64) - wanted).mean())
    return decibels(span**2, noise) if noise else math.inf


def ssim(found: NDArray[Any], wanted: NDArray[Any]) -> float | None:
    """Return the structural similarity, the mean over the images (Wang et al., TIP 2004).

    Computed by scikit-image, with its default window of 7 pixels; None for outputs that are no
    pictures of that size.
    """
    span = _span(wanted)
    if span is None or min(wanted.shape[2:]) < _WINDOW:
        return None
    similarity = framework("skimage.metrics", "scikit-image").structural_similarity
    pairs = zip(found.astype(np.float64), wanted.astype(np.float64), strict=True)
    return float(np.mean([similarity(a, b, data_range=span, channel_axis=0) for a, b in pairs]))


def _span(wanted: NDArray[Any]) -> float | None:
    if wanted.ndim != 4 or wanted.dtype.kind != "f" or not wanted.size:
        return None
    return float(wanted.max() - wanted.min()) or None


def top1(outputs: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the share of images whose largest output ``[N, classes]`` is the label's ``[N]``."""
    return float((outputs.argmax(axis=1) == labels).mean())


def iou(outputs: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the intersection over the union with the labelled pixels.

    The mean over the classes that occur, but for class 0, the background.

    Args:
        outputs: ``[N, classes, *pixels]``, the largest being the class; or one channel, whose
            values above 0.5 are class 1.
        labels: ``[N, *pixels]``, integers.
    """
    found = outputs.argmax(axis=1) if outputs.shape[1] > 1 else (outputs[:, 0] > 0.5)
    ratios = []
    for each in sorted(set(np.unique(found).tolist()) | set(np.unique(labels).tolist())):
        if each:
            own, right = found == each, labels == each
            ratios.append(float((own & right).sum() / (own | right).sum()))
    return float(np.mean(ratios)) if ratios else 1.0


def labelled(outputs: NDArray[Any], labels: NDArray[Any]) -> dict[str, float]:
    """Return the measure that fits outputs and labels: `top1` or `iou`; none if neither does."""
    if outputs.ndim == 2 and labels.shape == outputs.shape[:1]:
        return {"top1": top1(outputs, labels)}
    if outputs.ndim > 2 and labels.shape == (outputs.shape[0], *outputs.shape[2:]):
        return {"iou": iou(outputs, labels)}
    return {}


def load_score(reference: str) -> Score:
    """Return the function at `FILE.py:NAME`.

    Raises:
        InputError: There is no such file or function, or loading it fails.
    """
    where, colon, name = reference.rpartition(":")
    path = Path(where)
    legal = "FILE.py:NAME of a function (outputs, labels) -> number"
    if not colon or path.suffix != ".py" or not path.is_file():
        raise InputError(f"got {shown(reference)}", key="--score", legal=legal)
    try:
        module = load_file(path)
    except InputError as error:
        raise error.located(key="--score") from error
    found = getattr(module, name, None)
    if not callable(found):
        raise InputError(f"has no function {shown(name)}", file=path, key="--score", legal=legal)
    return found  # type: ignore[no-any-return]
