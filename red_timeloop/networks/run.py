"""Run a network with its weights on mapped crossbars, and say what that costs in quality."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from red_timeloop.dataflow.direct import convolve
from red_timeloop.dataflow.execution import execute
from red_timeloop.dataflow.nonideal import IDEAL as IDEAL_CELLS
from red_timeloop.dataflow.nonideal import Nonidealities
from red_timeloop.dataflow.trace import decibels
from red_timeloop.designs import Design, choose
from red_timeloop.errors import InputError, shown
from red_timeloop.hardware import Hardware
from red_timeloop.layer import Layer
from red_timeloop.networks import scores
from red_timeloop.networks.graph import Network, Values, read_network
from red_timeloop.networks.inference import exact, float_values, infer
from red_timeloop.networks.inputs import Normalization, check_inputs, read_files, read_labels
from red_timeloop.networks.operators import Operator
from red_timeloop.networks.quantization import Range, Scheme, observe, scheme
from red_timeloop.networks.result import FLOAT, IDEAL, LayerQuality, NetworkRun, Quality

__all__ = ["Inputs", "run"]

Inputs = NDArray[Any] | Mapping[str, NDArray[Any]] | str | Path | Sequence[str | Path]
Progress = Callable[[int, int, str], None]


def run(
    model: Any,
    inputs: Inputs,
    labels: NDArray[Any] | str | Path | None = None,
    designs: str | Design | Sequence[str | Design] = "red",
    hardware: str | Path | Mapping[str, Any] | Hardware = "isaac_32nm",
    *,
    nonidealities: Nonidealities = IDEAL_CELLS,
    adc_step: int | None = None,
    input_bits: int = 8,
    weight_bits: int = 8,
    percentile: float = 100.0,
    calibration: Inputs | None = None,
    normalization: Normalization | None = None,
    score: Callable[..., float] | None = None,
    batch: int = 16,
    progress: Progress | None = None,
) -> NetworkRun:
    """Run a network on designs, beside the float model and the ideal integer model.

    (Transposed) convolutions and products with constant matrices stand on the designs' crossbars;
    onnxruntime computes everything else.

    Args:
        model: The path of an ONNX file, or an ``onnx.ModelProto``.
        inputs: An array ``[N, ...]``, one for each input by name, or files: `.npy`, `.npz`, PNG or
            JPEG.
        labels: What is right: classes ``[N]``, pixels ``[N, *pixels]``, or what `score` takes;
            None: those of a `.npz` among the inputs, if any.
        designs: Designs, their names, or where they are.
        hardware: As in `red_timeloop.compare`; converters are the parameter set's own.
        nonidealities: What the cells do wrong; each layer draws numbers of its own from the seed.
        adc_step: Units of cell current between a converter's codes.
        input_bits: Bits of inputs that are calibrated.
        weight_bits: Bits of weights that are.
        percentile: Percentile of an image's magnitudes that the integers reach to; the largest
            image counts.
        calibration: What to calibrate on; None: the inputs.
        normalization: How pixels of pictures become inputs; None: from 0 to 1.
        score: Given outputs and labels (None if there are none), or outputs alone, returns how good
            they are.
        batch: Images at a time.
        progress: Called with (operators done, operators in all, what comes next).

    Raises:
        InputError: The model cannot be run, inputs or labels do not fit it, or a design cannot run
            a layer.
    """
    _check(input_bits, weight_bits, percentile, batch)
    network = read_network(model)
    normalization = normalization or Normalization()
    given, found, words = _read(network, inputs, normalization)
    right = _labels(labels, found, len(next(iter(given.values()))))
    seen = given if calibration is None else _read(network, calibration, normalization)[0]
    session = _Session(
        network=network,
        designs=choose([designs] if not isinstance(designs, Sequence) else designs),
        hardware=Hardware.load(hardware),
        nonidealities=nonidealities,
        adc_step=adc_step,
        progress=progress,
        steps=len(list(_batches(network, given, batch))),
    )
    ranges = _calibrate(network, seen, percentile, batch)
    schemes = {
        each.name: scheme(each, ranges[each.name], input_bits, weight_bits)
        for each in network.operators
    }
    parts: dict[str, list[Values]] = {}
    for some in _batches(network, given, batch):
        for name, made in session.compare(schemes, some).items():
            parts.setdefault(name, []).append(made)
    outputs = {name: _joined(network, each) for name, each in parts.items()}
    qualities = tuple(_qualities(outputs, right, score))
    notes = [f"inputs: {words}", _calibrated(schemes, calibration, percentile)]
    notes += [f"on onnxruntime: {name}, {why}" for name, why in network.elsewhere.items()]
    if right is not None and not score and all(q.top1 is q.iou is None for q in qualities):
        notes.append(_unused(right, given=labels is not None))
    return NetworkRun(
        network=network.name,
        hardware=session.hardware.name,
        designs=tuple(design.name for design in session.designs),
        images=len(next(iter(given.values()))),
        notes=tuple(notes),
        qualities=qualities,
        layers=tuple(session.layers(schemes)),
        inputs=given,
        outputs=outputs,
        labels=right,
    )


def _check(input_bits: int, weight_bits: int, percentile: float, batch: int) -> None:
    for key, bits, least in (("input_bits", input_bits, 1), ("weight_bits", weight_bits, 2)):
        if not least <= bits <= 16:
            raise InputError(f"got {bits}", key=key, legal=f"{least} to 16")
    if not 0 < percentile <= 100:
        raise InputError(f"got {percentile}", key="percentile", legal="above 0, at most 100")
    if batch < 1:
        raise InputError(f"got {batch}", key="batch", legal="1 or more")


def _read(
    network: Network, inputs: Inputs, normalization: Normalization
) -> tuple[Values, NDArray[Any] | None, str]:
    labels, words = None, "arrays"
    if isinstance(inputs, np.ndarray):
        found: Mapping[str, NDArray[Any]] = {next(iter(network.inputs), ""): inputs}
    elif isinstance(inputs, Mapping):
        found = inputs
    else:
        files = [inputs] if isinstance(inputs, str | Path) else inputs
        found, labels, words = read_files(network, files, normalization)
    return check_inputs(network, found)[0], labels, words


def _labels(
    labels: NDArray[Any] | str | Path | None, found: NDArray[Any] | None, images: int
) -> NDArray[Any] | None:
    if labels is not None:
        found = read_labels(labels) if isinstance(labels, str | Path) else np.asarray(labels)
    if found is not None and (not found.ndim or len(found) != images):
        raise InputError(
            f"{len(found) if found.ndim else 'no'} labels for {images} images",
            key="labels",
            legal="one an image",
        )
    return found


def _unused(labels: NDArray[Any], *, given: bool) -> str:
    """Say that labels fit no output; where the user gave them, that is an error."""
    found = f"labels {list(labels.shape)} fit no output"
    if given:
        legal = "one class an image, or the class of each pixel"
        raise InputError(found, key="labels", legal=legal)
    return f"{found} and are not used"


def _batches(network: Network, inputs: Values, batch: int) -> Iterator[Values]:
    """Yield the images, as many at a time as asked for, or as the model fixes."""
    fixed = [shape[0] for shape, _ in network.inputs.values() if shape and shape[0]]
    size = fixed[0] if fixed else batch
    for first in range(0, len(next(iter(inputs.values()))), size):
        yield {name: values[first : first + size] for name, values in inputs.items()}


def _calibrate(network: Network, inputs: Values, percentile: float, batch: int) -> dict[str, Range]:
    """Return the ranges of the operators' inputs over all images."""
    ranges = {each.name: Range() for each in network.operators}
    unknown = [each for each in network.operators if each.quantized is None]
    for some in _batches(network, inputs, batch) if unknown else ():
        values = float_values(network, some, [each.data for each in unknown])
        for each in unknown:
            ranges[each.name] = observe(ranges[each.name], values[each.data], percentile, each.name)
    return ranges


def _calibrated(schemes: Mapping[str, Scheme], calibration: object, percentile: float) -> str:
    kinds = sorted({each.by for each in schemes.values()})
    where = "the inputs themselves" if calibration is None else "the given calibration inputs"
    reach = "the largest magnitude" if percentile == 100 else f"percentile {percentile:g}"
    text = f"calibrated on {where}, {reach}; weights by channel, inputs by tensor"
    return "integers: " + " and ".join(
        {"calibration": text, "model": "the model's own (QDQ)"}[kind] for kind in kinds
    )


def _joined(network: Network, parts: Sequence[Values]) -> Values:
    joined = {}
    for name in network.outputs:
        arrays = [part[name] for part in parts]
        joined[name] = np.concatenate(arrays) if arrays[0].ndim else np.stack(arrays)
    return joined


@dataclass
class _Energies:
    """Sums of squares, of a signal and of what is wrong with it."""

    signal: float = 0.0
    noise: float = 0.0

    def add(self, found: NDArray[Any], wanted: NDArray[Any]) -> None:
        self.signal += float(np.square(wanted, dtype=np.float64).sum())
        self.noise += float(np.square(found.astype(np.float64) - wanted).sum())

    @property
    def db(self) -> float:
        return decibels(self.signal, self.noise)


@dataclass
class _Tally:
    """What has been found out about an operator on a design so far."""

    own: _Energies = field(default_factory=_Energies)
    total: _Energies = field(default_factory=_Energies)
    conversions: int = 0
    saturations: int = 0


@dataclass
class _Session:
    """The runs of a network, batch by batch, and what has been found out so far."""

    network: Network
    designs: tuple[Design, ...]
    hardware: Hardware
    nonidealities: Nonidealities
    adc_step: int | None
    progress: Progress | None
    steps: int
    done: int = 0
    quantization: dict[str, _Energies] = field(default_factory=dict)
    tallies: dict[tuple[str, str], _Tally] = field(default_factory=dict)

    def compare(self, schemes: Mapping[str, Scheme], inputs: Values) -> dict[str, Values]:
        """Run one batch as all models; return their outputs."""
        operators = self.network.operators
        names = [*self.network.outputs, *(each.output for each in operators)]
        floats = float_values(self.network, inputs, names)
        ideal: Values = {}

        def keep(operator: Operator, made: NDArray[Any]) -> None:
            self._announce(IDEAL, operator)
            ideal[operator.name] = made
            wanted = floats[operator.output]
            self.quantization.setdefault(operator.name, _Energies()).add(made, wanted)
            if operator.output not in self.network.outputs:
                del floats[operator.output]  # the largest values of all: no longer than needed

        outputs = {IDEAL: infer(self.network, schemes, inputs, exact, keep)}
        outputs = {FLOAT: {name: floats[name] for name in self.network.outputs}} | outputs
        for design in self.designs:

            def multiply(
                operator: Operator,
                layer: Layer,
                integers: NDArray[np.int64],
                weights: NDArray[np.int64],
                design: Design = design,
            ) -> NDArray[np.int64]:
                return self._multiply(design, operator, layer, integers, weights)

            def watch(operator: Operator, made: NDArray[Any], design: Design = design) -> None:
                self._announce(design.name, operator)
                self.tallies[design.name, operator.name].total.add(made, ideal[operator.name])

            outputs[design.name] = infer(self.network, schemes, inputs, multiply, watch)
        return outputs

    def _announce(self, model: str, operator: Operator) -> None:
        self.done += 1
        if self.progress:
            total = self.steps * (1 + len(self.designs)) * len(self.network.operators)
            self.progress(self.done, total, f"{model}: {operator.name}")

    def _multiply(
        self,
        design: Design,
        operator: Operator,
        layer: Layer,
        integers: NDArray[np.int64],
        weights: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Multiply on a design; the cells of an operator are the same in every batch."""
        place = [each.name for each in self.network.operators].index(operator.name)
        seed = np.random.SeedSequence([self.nonidealities.seed, place]).generate_state(1)
        made = execute(
            layer,
            design,
            integers,
            weights,
            self.hardware,
            nonidealities=replace(self.nonidealities, seed=int(seed[0])),
            adc_step=self.adc_step,
        )
        tally = self.tallies.setdefault((design.name, operator.name), _Tally())
        tally.conversions += made.conversions
        tally.saturations += made.saturations
        tally.own.add(made.outputs, convolve(layer, integers, weights))
        return made.outputs

    def layers(self, schemes: Mapping[str, Scheme]) -> Iterator[LayerQuality]:
        """Yield what each operator adds to the error, design by design."""
        for design in self.designs:
            for each in self.network.operators:
                tally = self.tallies[design.name, each.name]
                yield LayerQuality(
                    layer=each.name,
                    kind=each.kind,
                    design=design.name,
                    integers=schemes[each.name].by,
                    quantization_db=self.quantization[each.name].db,
                    own_db=tally.own.db,
                    total_db=tally.total.db,
                    conversions=tally.conversions,
                    saturations=tally.saturations,
                )


def _qualities(
    outputs: Mapping[str, Values],
    labels: NDArray[Any] | None,
    score: Callable[..., float] | None,
) -> Iterator[Quality]:
    for name, wanted in outputs[FLOAT].items():
        for model, made in outputs.items():
            found = made[name]
            if found.shape != wanted.shape:
                raise InputError(
                    f"the output {shown(name)} has the shape {list(found.shape)} on {model} and "
                    f"{list(wanted.shape)} in floats, so that they cannot be compared",
                    key="model",
                )
            measured = scores.labelled(found, labels) if labels is not None else {}
            other = model != FLOAT
            yield Quality(
                model=model,
                output=name,
                float_db=scores.sqnr(found, wanted),
                integer_db=scores.sqnr(found, outputs[IDEAL][name]) if other else None,
                psnr_db=scores.psnr(found, wanted) if other else None,
                ssim=scores.ssim(found, wanted) if other else None,
                score=_score(score, found, labels) if score else None,
                **measured,
            )


def _score(score: Callable[..., float], found: NDArray[Any], labels: NDArray[Any] | None) -> float:
    """Return what the user's function says of an output."""
    try:
        alone = len(inspect.signature(score).parameters) == 1
        return float(score(found) if alone else score(found, labels))
    except Exception as error:
        raise InputError(
            f"the score failed: {type(error).__name__}: {error}",
            key="score",
            legal="a function (outputs, labels) -> number",
        ) from error
