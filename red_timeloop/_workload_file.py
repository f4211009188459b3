"""Reads a workload file: YAML, then its keys (pydantic), then each layer (`layer.py`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from red_timeloop import _yaml
from red_timeloop.errors import InputError, meant, shown
from red_timeloop.workload import LAYER_TYPES, Workload, WorkloadLayer

__all__ = ["read"]

# Names become table rows, command-line words and file names.
_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-]*$", max_length=200)]
_Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _LayerKeys(_Keys):
    name: _Name
    type: Literal["transposed_conv", "conv"]
    # The values of a layer are checked by the layer itself, so that they are checked alike
    # whether they come from a file or from Python.
    in_channels: Any
    out_channels: Any
    input_size: Any
    kernel_size: Any
    stride: Any = None
    padding: Any = None
    output_padding: Any = None
    dilation: Any = None
    groups: Any = None
    batch: Any = None
    input_bits: Any = None
    weight_bits: Any = None
    repeat: Annotated[int, Field(ge=1)] = 1
    source: _Text | None = None
    unconfirmed: list[_Text] = []


class _WorkloadKeys(_Keys):
    version: Literal[1] = Field(1, alias="schema")
    name: _Name
    description: str = ""
    source: _Text | None = None
    unconfirmed: list[_Text] = []
    layers: Annotated[list[_LayerKeys], Field(min_length=1)]


def read(path: Path) -> Workload:
    """Read the workload file `path`; see `red_timeloop.workload.load_workload`."""
    try:
        content = _yaml.load(path)
        if content is None:
            raise InputError("the file says nothing", file=path, legal="a workload: name, layers")
        keys = _WorkloadKeys.model_validate(content)
    except ValidationError as error:
        raise _explain(error, path) from None
    layers = tuple(_layer(path, keys, index) for index in range(len(keys.layers)))
    names = [entry.name for entry in layers]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InputError(
                f"{name!r} is the name of an earlier layer",
                file=path,
                key=f"layers[{index}].name",
                legal="a name of its own for each layer",
            )
    return Workload(
        name=keys.name,
        description=keys.description,
        layers=layers,
        source=keys.source or "",
        unconfirmed=tuple(keys.unconfirmed),
    )


def _layer(path: Path, keys: _WorkloadKeys, index: int) -> WorkloadLayer:
    entry, where = keys.layers[index], f"layers[{index}]"
    source = entry.source or keys.source or ""
    given = entry.model_fields_set - {"type", "repeat", "source", "unconfirmed"}
    arguments = {key: getattr(entry, key) for key in given}
    if entry.type == "conv" and "output_padding" in arguments:
        raise InputError(
            "an ordinary convolution has no output padding",
            file=path,
            key=f"{where}.output_padding",
            legal="only with type: transposed_conv",
        )
    try:
        layer = LAYER_TYPES[entry.type](**arguments)
    except InputError as error:
        raise InputError(
            error.message, file=path, key=f"{where}.{error.key}", legal=error.legal
        ) from None
    return WorkloadLayer(layer, source, entry.repeat, tuple(entry.unconfirmed))


def _explain(error: ValidationError, path: Path) -> InputError:
    """The first problem that pydantic found, in the words of the file."""
    problem = error.errors(include_url=False)[0]
    place = problem["loc"]
    key = ""
    for part in place:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else str(part)
    given = problem["input"]
    if problem["type"] == "extra_forbidden":
        inside = len(place) > 1
        known = [
            f.alias or n for n, f in (_LayerKeys if inside else _WorkloadKeys).model_fields.items()
        ]
        return InputError(f"unknown key{meant(place[-1], known)}", file=path, key=key, legal=known)
    if problem["type"] == "missing":
        return InputError("this key is missing", file=path, key=key, legal="required")
    if problem["type"].startswith("model_"):
        return InputError(
            f"{shown(given)} is not a mapping",
            file=path,
            key=key or None,
            legal="key: value pairs",
        )
    legal = {
        "string_pattern_mismatch": "letters, digits, '_', '.', '-', not starting with '.' or '-'",
        "literal_error": "1" if key == "schema" else ", ".join(LAYER_TYPES),
        "string_type": "text",
        "string_too_short": "text that is not empty",
        "int_type": "an integer of at least 1",
        "greater_than_equal": "an integer of at least 1",
        "list_type": "a list",
        "too_short": "a list of at least one layer",
    }.get(problem["type"])
    return InputError(f"{shown(given)} cannot stand here", file=path, key=key, legal=legal)
