"""Workloads from PyTorch modules.

The module runs once on fake tensors, which have shapes and no values, and every operator that
reaches PyTorch's dispatcher is seen: modules and functional calls, nested, shared and repeated
ones alike.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from math import prod
from typing import Any

from red_timeloop.errors import InputError
from red_timeloop.frontends._torch_operators import is_free
from red_timeloop.frontends.accounting import Collector, Imported, framework
from red_timeloop.layer import Conv, TransposedConv

__all__ = ["load"]


def load(
    module: Any,
    example: Any = None,
    *,
    shapes: Sequence[Sequence[int]] | Mapping[str, Sequence[int]] | None = None,
    name: str | None = None,
    input_bits: int | None = None,
    weight_bits: int | None = None,
) -> Imported:
    """Read a PyTorch module as a workload.

    Args:
        module: A ``torch.nn.Module``, or any callable on tensors. Exported programs, compiled,
            scripted and traced modules, those in a ``DataParallel`` and lazy ones are read too.
        example: An example input, or a tuple of them. Only shapes and dtypes matter.
        shapes: Instead of `example`: shapes of float inputs, in order or by the parameter names of
            ``forward``.
        name: The workload's name; the class's by default.
        input_bits: Bits of every layer's inputs, 8 by default.
        weight_bits: Bits of every layer's weights, 8 by default.

    Raises:
        InputError: The module fails on the example (its message is given), there is no example,
            nothing could be imported, or ``torch`` is not installed.
    """
    torch = framework("torch", "torch")
    module = _unwrapped(torch, module)
    if not callable(module):
        raise InputError(f"{module!r} is not a module", key="module", legal="a torch.nn.Module")
    label = name or getattr(module, "__name__", None) or type(module).__name__
    positional, named = _ordered(module, *_inputs(torch, example, shapes))
    collector = Collector(f"PyTorch module {label}", input_bits, weight_bits)
    _run(torch, module, positional, named, collector)
    return collector.finish(label, f"Imported from PyTorch module {label}")


def _unwrapped(torch: Any, module: Any) -> Any:
    """The module in what `torch.export`, `torch.compile` or `DataParallel` made of it."""
    if isinstance(module, torch.export.ExportedProgram):
        return module.module()
    parallel = (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)
    while isinstance(module, parallel) or hasattr(module, "_orig_mod"):
        module = module.module if isinstance(module, parallel) else module._orig_mod
    return module


def _inputs(torch: Any, example: Any, shapes: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if example is not None:
        return (tuple(example) if isinstance(example, tuple | list) else (example,)), {}
    if isinstance(shapes, Mapping) and shapes:
        return (), {key: torch.empty(tuple(size), device="meta") for key, size in shapes.items()}
    if shapes:
        return tuple(torch.empty(tuple(size), device="meta") for size in shapes), {}
    raise InputError(
        "a PyTorch module does not say the sizes of its inputs",
        key="shape",
        legal="--shape NAME=1x3x64x64 for each parameter of forward (or an example input)",
    )


def _ordered(
    module: Any, positional: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Put named inputs in their order: lazy and exported modules take them in no other way."""
    try:
        signature = inspect.signature(getattr(module, "forward", module))
        bound = signature.bind(*positional, **named)
    except (TypeError, ValueError):  # the call will say what it lacks
        return positional, named
    return bound.args, bound.kwargs


def _run(
    torch: Any, module: Any, positional: tuple[Any, ...], named: dict[str, Any], into: Collector
) -> None:
    """Run the module; whatever it raises is an InputError."""
    try:
        _watch(torch, module, positional, named, into)
    except InputError:
        raise
    except Exception as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"the module does not run on the given input: {first}",
            key="module",
            legal="an input it accepts; no control flow that depends on values",
        ) from error


def _watch(
    torch: Any, module: Any, positional: tuple[Any, ...], named: dict[str, Any], into: Collector
) -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.utils._pytree import tree_map_only

    module = _with_sizes(torch, module, positional, named)
    fake = FakeTensorMode(allow_non_fake_inputs=True)

    def as_fake(tensor: Any) -> Any:
        # on the processor, whatever device the example is on: a fake tensor has no memory there
        with fake:
            return torch.empty(tuple(tensor.shape), dtype=tensor.dtype, device="cpu")

    arguments = tree_map_only(torch.Tensor, as_fake, (positional, named))
    state = _fake_state(torch, module, as_fake)
    watcher = _watcher(torch, into, arguments)
    with _evaluating(torch, module, watcher), torch.no_grad(), fake, watcher:
        if state is None:
            module(*arguments[0], **arguments[1])
        else:
            torch.func.functional_call(module, state, arguments[0], arguments[1])


def _with_sizes(torch: Any, module: Any, positional: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """A lazy module as it is after its first run, which gives its parameters their sizes."""
    from torch.utils._pytree import tree_map_only

    if not isinstance(module, torch.nn.Module):
        return module
    values = (*module.parameters(), *module.buffers())
    lazy = torch.nn.parameter.is_lazy
    if not any(map(lazy, values)):
        return module
    # copied by hand: a lazy buffer cannot be, and a parameter would lose its laziness
    memo = {id(v): type(v)(device="meta", dtype=v.dtype) for v in values if lazy(v)}
    sized = copy.deepcopy(module, memo).eval()
    sized._apply(lambda value: value if lazy(value) else value.to("meta"))
    arguments = tree_map_only(torch.Tensor, lambda t: t.to("meta"), (positional, named))
    with torch.no_grad():
        sized(*arguments[0], **arguments[1])
    return sized


def _fake_state(torch: Any, module: Any, as_fake: Any) -> dict[str, Any] | None:
    """Stand-ins for the parameters and buffers, so that a model of any size takes no memory."""
    if not isinstance(module, torch.nn.Module) or any(map(_scripted, module.modules())):
        return None  # scripted code keeps its own parameters
    values = [*module.named_parameters(remove_duplicate=False)]
    values += module.named_buffers(remove_duplicate=False)
    stand_ins: dict[int, Any] = {}
    for _, value in values:  # a shared parameter keeps one stand-in
        if id(value) not in stand_ins:
            stand_ins[id(value)] = as_fake(value)
    return {key: stand_ins[id(value)] for key, value in values}


def _scripted(part: Any) -> bool:
    """Whether TorchScript runs it, in which no hook can be set."""
    return type(part).__module__.startswith("torch.jit")


@contextmanager
def _evaluating(torch: Any, module: Any, watcher: Any) -> Iterator[None]:
    """Set evaluation mode and follow which submodule runs; put everything back afterwards."""
    if not isinstance(module, torch.nn.Module):
        yield
        return
    training = {part: part.training for part in module.modules()}
    handles = []
    fast_path = torch.backends.mha.get_fastpath_enabled()
    onednn = torch.backends.mkldnn.enabled
    try:
        with suppress(NotImplementedError):  # of an exported program, which has one mode only
            module.eval()
        torch.backends.mha.set_fastpath_enabled(False)  # it hides a whole encoder in one operator
        torch.backends.mkldnn.enabled = False  # and this a whole recurrent layer
        for path, part in module.named_modules():
            if not _scripted(part):
                handles.append(part.register_forward_pre_hook(watcher.entering(path)))
                handles.append(part.register_forward_hook(watcher.leaving, always_call=True))
        yield
    finally:
        for handle in handles:
            handle.remove()
        torch.backends.mha.set_fastpath_enabled(fast_path)
        torch.backends.mkldnn.enabled = onednn
        for part, flag in training.items():
            part.training = flag


class _Origins:
    """Which tensors depend on the inputs, and what the others, constants, were made from."""

    def __init__(self, torch: Any, inputs: Any) -> None:
        from torch.utils._pytree import tree_leaves
        from torch.utils.weak import WeakIdKeyDictionary

        self.torch, self.leaves = torch, tree_leaves
        self.dependent, self.origin = WeakIdKeyDictionary(), WeakIdKeyDictionary()
        self.mark(inputs)

    def mark(self, values: Any) -> None:
        self.dependent.update(dict.fromkeys(self.tensors(values), True))

    def tensors(self, values: Any) -> list[Any]:
        return [leaf for leaf in self.leaves(values) if isinstance(leaf, self.torch.Tensor)]

    def constant(self, value: Any) -> bool:
        return isinstance(value, self.torch.Tensor) and value not in self.dependent

    def identity(self, value: Any) -> str:
        return str(self.origin.get(value, id(value)))

    def follow(self, given: list[Any], result: Any, *, in_place: bool) -> bool:
        """Note what an operator made of `given`; return whether it depends on the inputs."""
        depends = any(tensor in self.dependent for tensor in given)
        if depends:
            self.mark([result, given if in_place else []])
        elif given:
            for made in self.tensors(result):
                self.origin[made] = self.identity(given[0])
        return depends


def _watcher(torch: Any, collector: Collector, arguments: Any) -> Any:
    """A dispatch mode that accounts for every operator (a class made here: its base is torch's)."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Watcher(TorchDispatchMode):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.path = [""]
            self.origins = _Origins(torch, arguments)
            self.count = 0

        def entering(self, path: str) -> Any:
            return lambda module, inputs: self.path.append(path)

        def leaving(self, module: Any, inputs: Any, outputs: Any) -> None:
            self.path.pop()

        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            result = func(*args, **(kwargs or {}))
            if func.namespace == "prim":  # a question about a tensor, not an operator
                return result
            tensors = self.origins.tensors((args, kwargs))
            depends = self.origins.follow(tensors, result, in_place=func._schema.is_mutable)
            self.count += 1
            base = func._schema.name.removeprefix("aten::")
            name = self.path[-1] or f"{base}_{self.count}"
            if depends:
                _account(self.origins, func, base, name, args, result, collector)
            elif tensors:
                collector.free(name, base)  # from parameters alone: computed once
            return result

    return Watcher()


def _account(
    origins: _Origins, func: Any, kind: str, name: str, args: Any, result: Any, collector: Collector
) -> None:
    if kind in ("convolution", "_convolution"):  # the second in traced modules
        _convolution(origins, name, args, collector)
    elif kind in ("mm", "addmm", "bmm", "baddbmm", "mv", "addmv", "dot"):
        first, second = args[1:3] if kind in ("addmm", "baddbmm", "addmv") else args[:2]
        _product(origins, kind, name, first, second, collector)
    elif is_free(func, kind):
        collector.free(name, kind)
    elif "attention" in kind:
        reason = "both factors depend on the inputs"
        collector.not_modelled(name, kind, reason, _attention_macs(args))
    else:
        collector.not_modelled(name, kind, "unknown operator")


def _convolution(origins: _Origins, name: str, args: Any, collector: Collector) -> None:
    data, weights, _, stride, padding, dilation, transposed, extra, groups = args[:9]
    kind = "conv_transpose" if transposed else "conv"
    ndim = weights.dim() - 2
    shape = list(data.shape) if data.dim() == weights.dim() else [1, *data.shape]
    arguments: dict[str, Any] = {
        "in_channels": shape[1],
        "out_channels": weights.shape[1] * groups if transposed else weights.shape[0],
        "input_size": tuple(shape[2:]),
        "kernel_size": tuple(weights.shape[2:]),
        "stride": _spread(stride, ndim),
        "padding": _spread(padding, ndim),
        "dilation": _spread(dilation, ndim),
        "groups": groups,
        "batch": shape[0],
    }
    layer_type: type[TransposedConv] | type[Conv] = TransposedConv if transposed else Conv
    if transposed:
        arguments["output_padding"] = _spread(extra, ndim)
    if not origins.constant(weights):
        macs = layer_type(**arguments).macs
        collector.not_modelled(name, kind, "its weights depend on the inputs", macs)
        return
    collector.layer(name, f"{kind}{ndim}d", layer_type, arguments, origins.identity(weights))


def _product(
    origins: _Origins, kind: str, name: str, first: Any, second: Any, collector: Collector
) -> None:
    left, right = list(first.shape), list(second.shape)
    if len(left) == 1:
        left = [1, *left]
    if len(right) == 1:
        right = [*right, 1]
    if origins.constant(first) and not origins.constant(second):  # (A x)' = x' A'
        first, second = second, first
        left, right = [*right[:-2], right[-1], right[-2]], [*left[:-2], left[-1], left[-2]]
    macs = prod(left) * right[-1]
    if not origins.constant(second):
        collector.not_modelled(name, kind, "both factors depend on the inputs", macs)
    elif prod(right[:-2]) > 1 and not _copies(second):
        collector.not_modelled(name, kind, "a stack of constant matrices", macs)
    else:
        rows, identity = prod(left[:-1]), origins.identity(second)
        collector.matrix_product(name, kind, rows, left[-1], right[-1], identity=identity)


def _copies(stack: Any) -> bool:
    """True when a stack of matrices is one matrix, expanded: its stride between them is 0."""
    sizes, strides = stack.shape[:-2], stack.stride()[:-2]
    return all(size == 1 or stride == 0 for size, stride in zip(sizes, strides, strict=True))


def _attention_macs(args: Any) -> int | None:
    """Fused attention: queries ``[N, H, L, E]``, keys ``[N, H, S, E]``, values ``[N, H, S, V]``."""
    if len(args) < 3:
        return None
    query, key, value = (list(part.shape) for part in args[:3])
    return int(prod(query[:-1]) * key[-2] * (query[-1] + value[-1]))


def _spread(values: Sequence[int], ndim: int) -> tuple[int, ...]:
    return tuple(values) if len(values) == ndim else (values[0],) * ndim
