"""Reading what a network is to be run on: arrays and pictures."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.errors import InputError, shown
from red_timeloop.frontends.accounting import framework
from red_timeloop.networks.graph import Network, Values

__all__ = ["Normalization", "check_inputs", "read_files", "read_labels"]

_PICTURES = (".png", ".jpg", ".jpeg")
_LEGAL = ".npy, .npz, .png, .jpg or .jpeg files"


@dataclass(frozen=True)
class Normalization:
    """How pixels of pictures become inputs: ``(value / 255 - mean) / std`` for each channel.

    Attributes:
        mean: One value, or one a channel.
        std: Likewise.
        size: Height and width that pictures are resized to (bicubic); None: they stay as they are.
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if any(value <= 0 for value in self.std):
            raise InputError(f"got {shown(self.std)}", key="std", legal="numbers above 0")

    def __str__(self) -> str:
        size = f"resized to {self.size[0]}x{self.size[1]}, " if self.size else ""
        mean, std = (", ".join(f"{v:g}" for v in each) for each in (self.mean, self.std))
        return f"{size}(value / 255 - mean) / std with mean {mean} and std {std}"


def read_files(
    network: Network, files: Sequence[str | Path], normalization: Normalization
) -> tuple[Values, NDArray[Any] | None, str]:
    """Read the inputs of a network, files one after the other along the batch.

    A `.npz` has an array for each input by its name, or one for the only input; `labels` in it are
    what is right.

    Returns:
        The inputs, the labels if there are any, and what was read in words.

    Raises:
        InputError: A file cannot be read or does not fit the model.
    """
    if not files:
        raise InputError("no file is given", key="--input", legal=_LEGAL)
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in network.inputs}
    labels: list[NDArray[Any]] = []
    pictures = 0
    for file in map(Path, files):
        try:
            if file.suffix.lower() in _PICTURES:
                found = {_only(network): _picture(network, file, normalization)}
                pictures += 1
            else:
                found = _arrays(network, file)
        except InputError as error:
            raise error.located(file=file) from None
        if "labels" in found and "labels" not in parts:
            labels.append(found["labels"])
        for name, values in parts.items():
            values.append(found[name])
    if labels and len(labels) != len(files):
        raise InputError("only some files have labels", key="labels", legal="all or none")
    try:
        joined = {name: np.concatenate(values) for name, values in parts.items()}
        right = np.concatenate(labels) if labels else None
    except ValueError as error:
        raise InputError(
            f"files do not fit each other: {error}", key="--input", legal="arrays of one shape"
        ) from None
    words = f"{len(files)} file{'s' * (len(files) > 1)}"
    if pictures:
        words += f", pictures as {normalization}"
    return joined, right, words


def read_labels(file: str | Path) -> NDArray[Any]:
    """Read labels from a `.npy`, or the only array or `labels` of a `.npz`."""
    path = Path(file)
    try:
        found = _load(path)
    except InputError as error:
        raise error.located(file=path) from None
    if "labels" in found:
        return found["labels"]
    if len(found) != 1:
        raise InputError(f"has the arrays {', '.join(found)}", file=path, legal="labels")
    return next(iter(found.values()))


def check_inputs(network: Network, inputs: Mapping[str, NDArray[Any]]) -> tuple[Values, int]:
    """Return inputs in the types that the model declares, and how many images they are.

    Raises:
        InputError: Names, shapes or types are not the model's.
    """
    if set(inputs) != set(network.inputs):
        raise InputError(
            f"inputs {', '.join(map(shown, inputs)) or 'none'}",
            key="inputs",
            legal=", ".join(network.inputs),
        )
    checked: Values = {}
    counts = set()
    for name, (shape, dtype) in network.inputs.items():
        array = np.asarray(inputs[name])
        if array.dtype.kind not in "biuf" or (array.dtype.kind == "f" and dtype.kind != "f"):
            raise InputError(f"{shown(name)} is of {array.dtype}", key="inputs", legal=str(dtype))
        fits = shape is None or (
            len(shape) == array.ndim
            and all(
                want in (None, size)
                for want, size in list(zip(shape, array.shape, strict=True))[1:]
            )
        )
        if not fits or not array.ndim or not array.size:
            wanted = "x".join("?" if n is None else str(n) for n in shape or ()) or "any"
            raise InputError(
                f"{shown(name)} has the shape {'x'.join(map(str, array.shape)) or 'of a number'}",
                key="inputs",
                legal=wanted,
            )
        fixed = shape[0] if shape else None
        if fixed and len(array) % fixed:
            raise InputError(
                f"{shown(name)} has {len(array)} images, the model takes {fixed} at a time",
                key="inputs",
                legal=f"a multiple of {fixed}",
            )
        counts.add(len(array))
        checked[name] = np.ascontiguousarray(array, dtype)
    if len(counts) != 1:
        raise InputError(f"inputs of {sorted(counts)} images", key="inputs", legal="as many each")
    return checked, counts.pop()


def _only(network: Network) -> str:
    if len(network.inputs) != 1:
        raise InputError(
            f"the model has the inputs {', '.join(network.inputs)}",
            legal="a .npz with an array for each",
        )
    return next(iter(network.inputs))


def _arrays(network: Network, file: Path) -> Values:
    found = _load(file)
    names = [name for name in found if name != "labels" or name in network.inputs]
    if len(network.inputs) == 1 and len(names) == 1:
        found[_only(network)] = found.pop(names[0])
    missing = [name for name in network.inputs if name not in found]
    if missing:
        raise InputError(
            f"has no array {', '.join(map(shown, missing))}, only {', '.join(names) or 'none'}",
            legal=f"an array for each of {', '.join(network.inputs)}",
        )
    return found


def _load(file: Path) -> Values:
    """Read a `.npy` (as the array ``""``) or a `.npz`, never pickled objects."""
    if file.suffix.lower() not in (".npy", ".npz"):
        raise InputError("is of no known kind", legal=_LEGAL)
    try:
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except OSError as error:
        raise InputError(f"cannot read: {error.strerror or error}") from error
    except (ValueError, EOFError, zipfile.BadZipFile, KeyError, MemoryError) as error:
        raise InputError(f"not an array file, or damaged: {error}", legal=_LEGAL) from error


def _picture(network: Network, file: Path, normalization: Normalization) -> NDArray[np.float32]:
    """Read a picture as ``[1, C, H, W]``, or ``[1, H, W, C]`` where the model has channels last."""
    shape, _ = network.inputs[_only(network)]
    if shape is None or len(shape) != 4 or not {shape[1], shape[3]} & {1, 3}:
        raise InputError(
            f"the model's input {shown(list(shape or ()))} is no picture of 1 or 3 channels",
            legal=".npy or .npz files",
        )
    last = shape[1] not in (1, 3)
    channels = 3 if (shape[3] if last else shape[1]) == 3 else 1
    image = framework("PIL.Image", "pillow")
    try:
        with image.open(file, formats=("PNG", "JPEG")) as opened:
            picture = opened.convert("L" if channels == 1 else "RGB")
            if normalization.size is not None:
                height, width = normalization.size
                picture = picture.resize((width, height), image.Resampling.BICUBIC)
            pixels = np.asarray(picture, np.float32).reshape(*picture.size[::-1], channels) / 255
    except FileNotFoundError as error:
        raise InputError("there is no such file", legal=_LEGAL) from error
    except (OSError, ValueError, SyntaxError, image.DecompressionBombError) as error:
        raise InputError("not a picture, or damaged", legal="PNG or JPEG") from error
    for key in ("mean", "std"):
        if len(getattr(normalization, key)) not in (1, channels):
            raise InputError(
                f"{len(getattr(normalization, key))} values for {channels} channels",
                key=key,
                legal=f"1 or {channels}",
            )
    mean, std = (np.array(each, np.float32) for each in (normalization.mean, normalization.std))
    made = ((pixels - mean) / std).astype(np.float32)
    return (made if last else made.transpose(2, 0, 1))[None]
