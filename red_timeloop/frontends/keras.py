"""Workloads from Keras 3 models.

The model is called once on symbolic tensors while every operation in it is watched, so nested,
shared and wrapped layers are seen as often as they run.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from math import prod
from pathlib import Path
from sys import modules
from typing import Any

from red_timeloop.errors import InputError
from red_timeloop.frontends._keras_operators import CONTAINERS, FREE, geometry
from red_timeloop.frontends.accounting import Collector, Imported, framework

__all__ = ["load"]

_LARGEST_CONFIG = 64 * 2**20  # bytes, unpacked


def load(
    model: Any,
    *,
    shapes: Mapping[str, Sequence[int]] | None = None,
    name: str | None = None,
    input_bits: int | None = None,
    weight_bits: int | None = None,
    batch: int | None = None,
) -> Imported:
    """Read a Keras 3 model as a workload.

    Args:
        model: A ``keras.Model``, or the path of a ``.keras`` file. Of a file only the
            configuration is read, in Keras's safe mode: no weights, no code.
        shapes: Shapes of the inputs, batch first, by name; needed where the model leaves sizes
            open, which is the batch at least, unless it was built with ``batch_shape``.
        name: The workload's name; the file's or the model's by default.
        input_bits: Bits of every layer's inputs, 8 by default.
        weight_bits: Bits of every layer's weights, 8 by default.
        batch: Size of the first axis of inputs that leave nothing but it open; the workload notes
            it. None: they must be in `shapes`.

    Raises:
        InputError: The file is not a Keras 3 model or needs code of its own, sizes are open, or
            ``keras`` is not installed.
    """
    _choose_backend()
    keras = framework("keras", "keras")
    source = None
    if isinstance(model, str | Path):
        source = Path(model)
        model = _read(keras, source)
    label = name or (source.stem if source else model.name)
    origin = f"Keras model {source.name if source else label}"
    collector = Collector(origin, input_bits, weight_bits)
    try:
        assumed = _open_batches(model, batch) if batch else {}
        collector.assume_batch(batch, assumed.keys() - (shapes or {}).keys())
        arguments = _inputs(keras, model, assumed | dict(shapes or {}))
        with _watched(keras, collector):
            try:
                model(arguments)
            except InputError:
                raise
            except Exception as error:
                first = (str(error).strip() or type(error).__name__).splitlines()[0]
                raise InputError(
                    f"the model does not run on the given shapes: {first}", key="shape"
                ) from error
        return collector.finish(label, f"Imported from {origin}")
    except InputError as error:
        raise error.located(file=source) from None


def _choose_backend() -> None:
    """Let Keras use a backend that is there, where nobody has chosen one that is.

    Keras writes its default, TensorFlow, to `keras.json` on first use, whether it is there or not.
    """
    if "keras" in modules or "KERAS_BACKEND" in os.environ or find_spec("keras") is None:
        return
    configured = _configured_backend()
    if configured is not None and find_spec(configured) is not None:
        return
    for backend in ("tensorflow", "jax", "torch"):
        if find_spec(backend) is not None:
            os.environ["KERAS_BACKEND"] = backend
            return
    os.environ["KERAS_BACKEND"] = "numpy"


def _configured_backend() -> str | None:
    folder = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        backend = json.loads((folder / "keras.json").read_text(encoding="utf-8"))["backend"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return backend if backend in ("tensorflow", "jax", "torch", "numpy") else None


def _read(keras: Any, path: Path) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            entry = archive.getinfo("config.json")
            if entry.file_size > _LARGEST_CONFIG:
                raise InputError("its configuration is too large", file=path, legal="64 MiB")
            config = json.loads(archive.read(entry))
        return keras.saving.deserialize_keras_object(config, safe_mode=True)
    except OSError as error:
        raise InputError(f"cannot read: {error.strerror or error}", file=path) from error
    except (zipfile.BadZipFile, KeyError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            "not a Keras 3 model, or truncated",
            file=path,
            legal="a .keras file (model.save('model.keras') writes one)",
        ) from error
    except InputError:
        raise
    except Exception as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"Keras cannot rebuild the model in safe mode: {first}",
            file=path,
            legal="a model of Keras's own layers; import others from Python",
        ) from error


def _open_batches(model: Any, batch: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of inputs of which only the first size is open, with `batch` there."""
    declared = {each.name: tuple(each.shape) for each in getattr(model, "inputs", None) or ()}
    return {
        name: (batch, *rest)
        for name, (first, *rest) in declared.items()
        if first is None and rest and None not in rest
    }


def _inputs(keras: Any, model: Any, shapes: Mapping[str, Sequence[int]]) -> Any:
    """Symbolic tensors of full shape, in the structure that the model takes."""
    declared = list(getattr(model, "inputs", None) or [])
    if not declared:
        if len(shapes) != 1:
            raise InputError(
                "the model does not say the sizes of its input",
                key="shape",
                legal="--shape input=1x64x64x3",
            )
        return keras.KerasTensor(tuple(next(iter(shapes.values()))), name="input")
    names = [tensor.name for tensor in declared]
    for key in shapes:
        if key not in names:
            raise InputError(f"the model has no input {key!r}", key="shape", legal=names)
    sized = [_sizes(tensor, shapes.get(tensor.name)) for tensor in declared]
    unknown = [(name, sizes) for name, sizes in zip(names, sized, strict=True) if None in sizes]
    if unknown:
        raise InputError(
            f"the model leaves sizes of its inputs open: "
            f"{'; '.join(f'{name} {_written(sizes)}' for name, sizes in unknown)}",
            key="shape",
            legal=" ".join(f"--shape {name}={_example(sizes)}" for name, sizes in unknown),
        )
    made = [
        keras.KerasTensor(sizes, dtype=tensor.dtype, name=tensor.name)
        for tensor, sizes in zip(declared, sized, strict=True)
    ]
    structure = getattr(model, "_inputs_struct", None)
    if structure is None or len(made) == 1:
        return made[0] if len(made) == 1 else made
    return keras.tree.pack_sequence_as(structure, made)


def _sizes(tensor: Any, given: Sequence[int] | None) -> tuple[int | None, ...]:
    """Sizes of an input; those given must fit those that the model fixes."""
    declared = tuple(tensor.shape)
    if given is None:
        return declared
    if len(given) != len(declared):
        raise InputError(
            f"{tensor.name} has {len(declared)} axes, not {len(given)}",
            key="shape",
            legal=f"{len(declared)} sizes, the batch first",
        )
    for fixed, size in zip(declared, given, strict=True):
        if fixed not in (None, size):
            raise InputError(
                f"{tensor.name} has the size {fixed} there, not {size}",
                key="shape",
                legal=f"--shape {tensor.name}={_example(declared)}",
            )
    return tuple(given)


def _written(sizes: Sequence[int | None]) -> str:
    return "x".join("?" if size is None else str(size) for size in sizes)


def _example(sizes: Sequence[int | None]) -> str:
    """Sizes that could be given: one image, and 64 for every other size that is open."""
    filled = [1 if sizes[0] is None else sizes[0], *(size or 64 for size in sizes[1:])]
    return _written(filled)


@contextmanager
def _watched(keras: Any, collector: Collector) -> Iterator[None]:
    """Account for every operation that is called on symbolic tensors while the block runs.

    Keras has no hooks on calls, so the two entry points are wrapped here and put back.
    """
    classes = (keras.Operation, keras.layers.Layer)
    originals = [part.__dict__["symbolic_call"] for part in classes]

    def wrap(original: Any) -> Any:
        def symbolic_call(self: Any, *args: Any, **kwargs: Any) -> Any:
            own = type(self).__module__.split(".")[0] == "keras"
            if own and type(self).__name__ not in CONTAINERS:
                _account(keras, self, args, kwargs, collector)
                return original(self, *args, **kwargs)
            before = collector.checkpoint()
            try:  # its call runs on symbolic tensors too, which shows what is inside
                return self.call(*args, **kwargs)
            except InputError:
                raise
            except Exception:
                if own:
                    raise
                collector.restore(before)
                reason = "a layer of the model's own, whose arithmetic cannot be seen"
                collector.not_modelled(self.name, type(self).__name__, reason)
                return original(self, *args, **kwargs)

        return symbolic_call

    filtering = keras.config.is_traceback_filtering_enabled()
    keras.config.disable_traceback_filtering()  # it rewrites the messages of what we raise
    for part, original in zip(classes, originals, strict=True):
        part.symbolic_call = wrap(original)
    try:
        yield
    finally:
        if filtering:
            keras.config.enable_traceback_filtering()
        for part, original in zip(classes, originals, strict=True):
            part.symbolic_call = original


def _account(keras: Any, operation: Any, args: Any, kwargs: Any, collector: Collector) -> None:
    kind, name = type(operation).__name__, operation.name
    shapes = [
        tuple(leaf.shape) for leaf in keras.tree.flatten((args, kwargs)) if hasattr(leaf, "shape")
    ]
    repeat, wrapped = 1, operation
    if kind == "TimeDistributed" and shapes:
        wrapped, repeat = operation.layer, shapes[0][1]
        shapes = [(shapes[0][0] * repeat, *shapes[0][2:])]  # steps run like images of a batch
        kind = type(wrapped).__name__
    if kind in FREE:
        collector.free(name, kind)
        return
    found = geometry(wrapped, kind, shapes[0]) if shapes else None
    if found is None:
        macs = _unmodelled_macs(operation, kind, shapes)
        collector.not_modelled(name, kind, "this operation is not modelled", macs)
        return
    for part, (layer_type, arguments) in enumerate(found):
        label = name if len(found) == 1 else f"{name}_{part + 1}"
        collector.layer(label, kind, layer_type, arguments, f"{id(wrapped)}/{part}")


def _unmodelled_macs(operation: Any, kind: str, shapes: Sequence[tuple[int, ...]]) -> int | None:
    gates = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}.get(kind)
    if gates is not None and shapes:
        images, steps, width = shapes[0]
        return int(images * steps * gates * operation.units * (width + operation.units))
    if kind not in ("Matmul", "Dot") or len(shapes) < 2 or min(map(len, shapes[:2])) < 2:
        return None
    left, right = shapes[:2]
    return max(prod(left[:-2]), prod(right[:-2])) * left[-2] * left[-1] * right[-1]
