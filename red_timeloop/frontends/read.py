"""Whatever says a network, as a workload."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from red_timeloop.errors import InputError, shown
from red_timeloop.frontends.accounting import Imported
from red_timeloop.layer import Layer
from red_timeloop.workload import Workload, WorkloadLayer, load_workload

__all__ = ["read_model", "read_workload"]

_MODELS = "a file .onnx or .keras, or MODULE:NAME of a PyTorch or Keras model"
_FILES = {".onnx": "onnx", ".keras": "keras"}  # suffix -> module of this package
_PICKLES = (".pt", ".pth", ".ckpt", ".bin", ".pkl")


def read_workload(
    network: str | Path | Workload | Layer | Iterable[Layer], layers: Sequence[str] | str = ()
) -> Workload:
    """Return a network as a workload.

    Args:
        network: The name of a shipped workload, a YAML file, an ONNX or Keras file, each of them
            also with `:LAYER`; or a layer, or several; a workload is returned as it is.
        layers: Names of the layers that are meant; all of them where there is none.

    Raises:
        InputError: There is no such workload, layer or file, or it is no network.

    >>> from red_timeloop import TransposedConv
    >>> read_workload(TransposedConv(64, 32, (8, 8), 4, stride=2)).layers[0].name
    'layer1'
    """
    if isinstance(network, str | Path):
        found = _read(str(network))
    elif isinstance(network, Workload):
        found = network
    else:
        found = _of_layers([network] if isinstance(network, Layer) else network)
    names = [layers] if isinstance(layers, str) else list(layers)
    return found.select(names) if names else found


def _read(text: str) -> Workload:
    for name, layer in ((text, ""), text.rpartition(":")[::2]):
        if Path(name).suffix.lower() in _FILES:
            imported = read_model(name, batch=1)
            left = [each.type for each in imported.not_modelled]
            notes = (f"not modelled: {', '.join(dict.fromkeys(left))}",) if left else ()
            found = imported.workload
            found = replace(found, unconfirmed=(*found.unconfirmed, *notes))
            return found.select([layer]) if layer else found
    return load_workload(text)


def _of_layers(layers: Any) -> Workload:
    legal = "a name, a file, a workload, a layer, or several"
    try:
        given = list(layers)
    except TypeError:
        raise InputError(f"got {shown(layers)}", key="workload", legal=legal) from None
    if not given or not all(isinstance(each, Layer) for each in given):
        raise InputError(f"got {shown(given)}", key="workload", legal=legal)
    named = [
        each if each.name else replace(each, name=f"layer{number}")
        for number, each in enumerate(given, 1)
    ]
    names = [each.name for each in named]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two layers are called {name!r}", key="name", legal="names once")
    entries = tuple(WorkloadLayer(each, "given as an object") for each in named)
    return Workload(names[0] if len(names) == 1 else "layers", "", entries)


def read_model(
    model: str, shapes: Mapping[str, tuple[int, ...]] | None = None, **options: Any
) -> Imported:
    """Read a model of a framework.

    Args:
        model: An ONNX file, a .keras file, or `MODULE:NAME`, which imports a Python module (the
            current folder is searched) and takes a model from it, or a function that returns one.
        shapes: Sizes of inputs that the model leaves open, by name.
        options: `name`, `input_bits`, `weight_bits`, and for files `batch`, as of
            `red_timeloop.frontends.onnx.load`.

    Raises:
        InputError: It is no model, or nothing of it can be imported.
    """
    suffix = Path(model).suffix.lower()
    if suffix in _FILES:
        return _load(_FILES[suffix], model, shapes, options)
    if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", model):
        return _load_object(_find(model), shapes, options)
    hint = ""
    if suffix in _PICKLES:
        hint = " (reading a PyTorch file may run code: name the module that makes the model)"
    elif suffix in (".h5", ".hdf5"):
        hint = " (save it again as .keras)"
    raise InputError(f"cannot tell what {model!r} is{hint}", key="MODEL", legal=_MODELS)


def _load(
    framework: str, model: Any, shapes: Mapping[str, tuple[int, ...]] | None, options: Any
) -> Imported:
    module = import_module(f"red_timeloop.frontends.{framework}")  # only what is needed
    imported = module.load(model, shapes=shapes, **options)
    assert isinstance(imported, Imported)
    return imported


def _find(model: str) -> Any:
    module, _, attribute = model.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise InputError(f"{model!r}: {error}", key="MODEL", legal=_MODELS) from error
    return found


def _frameworks(value: Any) -> set[str]:
    """The packages of the classes that `value` is an instance of."""
    return {base.__module__.split(".")[0] for base in type(value).__mro__}


def _load_object(
    found: Any, shapes: Mapping[str, tuple[int, ...]] | None, options: dict[str, Any]
) -> Imported:
    if isinstance(found, type) or not _frameworks(found) & {"torch", "keras"}:
        if not callable(found):
            raise InputError(f"{found!r} is not a model", key="MODEL", legal=_MODELS)
        try:
            found = found()
        except Exception as error:
            raise InputError(
                f"making the model failed: {error}", key="MODEL", legal="a call without arguments"
            ) from error
    if "keras" in _frameworks(found):
        return _load("keras", found, shapes, options)
    if "torch" in _frameworks(found):
        return _load("torch", found, shapes, options)
    raise InputError(f"{found!r} is not a model", key="MODEL", legal=_MODELS)
