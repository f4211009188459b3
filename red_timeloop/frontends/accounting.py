"""What became of every operator of an imported model."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from red_timeloop.errors import InputError, shown
from red_timeloop.layer import Conv, TransposedConv
from red_timeloop.workload import Workload, WorkloadLayer

__all__ = ["Collector", "Imported", "Operator", "framework", "layer_name"]

DEFAULT_BITS = 8


@dataclass(frozen=True)
class Operator:
    """One operator of a model and what was done with it.

    Attributes:
        name: Its name in the model.
        type: Its operator type, in the framework's words.
        status: ``imported`` (a layer of the workload), ``free`` (no multiply-accumulates with
            weights: activation, normalisation, pooling, reshape) or ``not_modelled``.
        layer: The name of its layer, when imported.
        macs: Useful multiply-accumulates; None where they are not known.
        reason: Why it is not modelled.
    """

    name: str
    type: str
    status: str
    layer: str | None = None
    macs: int | None = 0
    reason: str = ""


@dataclass(frozen=True)
class Imported:
    """A model as a workload, with an account of every operator."""

    workload: Workload
    operators: tuple[Operator, ...]

    @property
    def not_modelled(self) -> tuple[Operator, ...]:
        """The operators that the workload leaves out although they may cost something."""
        return tuple(op for op in self.operators if op.status == "not_modelled")

    def share(self, operator: Operator) -> float | None:
        """Share of `operator` in the known multiply-accumulates; None if its own are unknown."""
        total = sum(op.macs or 0 for op in self.operators)
        if operator.macs is None:
            return None
        return operator.macs / total if total else 0.0

    def require_complete(self) -> None:
        """Raise an InputError that names the operators that are not modelled, if there are any."""
        left = self.not_modelled
        if left:
            named = "; ".join(f"{op.type} {op.name!r}: {op.reason}" for op in left[:5])
            more = f"; and {len(left) - 5} more" if len(left) > 5 else ""
            raise InputError(f"{len(left)} operators are not modelled: {named}{more}", key="strict")


class Collector:
    """Gathers layers and operators while a front end walks over a model."""

    def __init__(
        self,
        source: str,
        input_bits: int | None = None,
        weight_bits: int | None = None,
    ) -> None:
        self._source = source
        self._forced = {"input_bits": input_bits, "weight_bits": weight_bits}
        self._layers: list[WorkloadLayer] = []
        self._operators: list[Operator] = []
        self._calls: dict[str, int] = {}  # caller's identity of a weight -> index of its layer
        self._assumed_bits = False
        self._notes: list[str] = []

    def layer(
        self,
        name: str,
        kind: str,
        layer_type: type[TransposedConv] | type[Conv],
        arguments: Mapping[str, Any],
        identity: str | None = None,
    ) -> None:
        """Add a layer. One with the same `identity` and geometry as an earlier one repeats it.

        Raises:
            InputError: The geometry is not legal; names the operator.
        """
        values = dict(arguments)
        for key, forced in self._forced.items():
            if forced is not None:
                values[key] = forced
            elif values.get(key) is None:
                values[key] = DEFAULT_BITS
                self._assumed_bits = True
        try:
            made = layer_type(**values)
        except InputError as error:
            raise InputError(
                f"{kind} {name!r}: {error.message}", key=error.key, legal=error.legal
            ) from None
        known = self._calls.get(identity) if identity is not None else None
        if known is not None and self._layers[known].layer.unnamed == made:
            entry = self._layers[known]
            self._layers[known] = replace(entry, repeat=entry.repeat + 1)
        else:
            entry = WorkloadLayer(replace(made, name=self._unique(name)), self._source)
            if identity is not None:
                self._calls[identity] = len(self._layers)
            self._layers.append(entry)
        self._operators.append(Operator(name, kind, "imported", entry.name, made.macs))

    def matrix_product(
        self,
        name: str,
        kind: str,
        rows: int,
        inner: int,
        columns: int,
        bits: Mapping[str, int | None] | None = None,
        identity: str | None = None,
    ) -> None:
        """Add ``[rows, inner] @ [inner, columns]`` with resident weights as a 1x1 convolution."""
        arguments = {
            "in_channels": inner,
            "out_channels": columns,
            "input_size": (rows,),
            "kernel_size": 1,
            **(bits or {}),
        }
        self.layer(name, kind, Conv, arguments, identity)

    def free(self, name: str, kind: str) -> None:
        """Account for an operator without multiply-accumulates on weights."""
        self._operators.append(Operator(name, kind, "free"))

    def not_modelled(self, name: str, kind: str, reason: str, macs: int | None = None) -> None:
        """Account for an operator that the workload leaves out."""
        self._operators.append(Operator(name, kind, "not_modelled", None, macs, reason))

    def assume_batch(self, batch: int | None, inputs: Collection[str]) -> None:
        """Let the workload say that `inputs` leave their batch open, if there are any."""
        if inputs:
            self._notes.append(f"batch: the model leaves it open, {batch} is assumed")

    def checkpoint(self) -> tuple[Any, ...]:
        """The state, for `restore`."""
        return list(self._layers), list(self._operators), dict(self._calls)

    def restore(self, checkpoint: tuple[Any, ...]) -> None:
        """Forget what was added since `checkpoint`."""
        self._layers, self._operators, self._calls = checkpoint

    def finish(self, name: str, description: str) -> Imported:
        """Return the workload and the account.

        Raises:
            InputError: Nothing was imported.
        """
        if not self._layers:
            left = [op for op in self._operators if op.status == "not_modelled"]
            kinds = sorted({op.type for op in self._operators})
            raise InputError(
                "the model has nothing to import: "
                + (
                    "; ".join(f"{op.type} {shown(op.name)}: {op.reason}" for op in left[:5])
                    or f"its operators are {', '.join(kinds[:20]) or 'none'}"
                ),
                key="model",
                legal="a model with (transposed) convolutions or products with constant matrices",
            )
        notes = tuple(self._notes)
        if self._assumed_bits:
            notes += (f"bit widths: the model is not quantised, {DEFAULT_BITS} bits are assumed",)
        workload = Workload(layer_name(name), description, tuple(self._layers), self._source, notes)
        return Imported(workload, tuple(self._operators))

    def _unique(self, name: str) -> str:
        clean = layer_name(name)
        taken = {entry.name for entry in self._layers}
        if clean not in taken:
            return clean
        number = 2
        while f"{clean}_{number}" in taken:
            number += 1
        return f"{clean}_{number}"


def layer_name(name: str) -> str:
    """Return `name` with the characters that a workload file allows.

    >>> layer_name("/decoder/up.0/ConvTranspose:0")
    'decoder_up.0_ConvTranspose_0'
    """
    return re.sub(r"[^A-Za-z0-9_.\-]+", "_", name).strip("_.-")[:150] or "layer"


def framework(module: str, package: str) -> Any:
    """Import a framework.

    Raises:
        InputError: It is not installed; says how to.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise InputError(
            f"{error.name or module} is not installed",
            key=module,
            legal=f"pip install {package}",
        ) from error
