"""Sweep files: what to run, checked in full before the first point.

A sweep file is YAML::

    schema: 1
    name: crossbar_size
    workloads: [red_date2019]          # names that `red-timeloop list` shows, or YAML files
    layers: [GAN_Deconv1, FCN_Deconv2] # of these workloads; all when left out
    designs: [red, zero_padding]       # all when left out
    engine: embedded                   # or timeloop
    hardware: [isaac_32nm]             # parameter sets to start from
    parameters:                        # any number of a parameter set, or technology
      rows: [64, 128, 256]
      cell_bits: [1, 2]
      on_resistance_ohm: {from: 2.0e4, to: 1.0e6, steps: 20, scale: log}
    sampling: product                  # zip, random or latin_hypercube
    points: 1000                       # to draw, for the last two (their ranges need no steps)
    seed: 1
    objectives: [energy_J, latency_s]
    constraints: [area_m2 <= 2.0e-4]
    chip: isaac                        # on whole chips; see `red_timeloop.sweeps.chip_points`
    sqnr: true                         # execute each layer for its SQNR, the default; and unless
                                       # a constraint names sqnr_dB, `best` and `pareto` keep to
                                       # points that lose no more than the parameter set itself
    timeout_s: 300                     # for one layer on one design with the timeloop engine

A point is one workload with one assignment of the parameters to one parameter set; it is evaluated
on every design.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from red_timeloop import designs
from red_timeloop.chip.chips import Chip, load_chip
from red_timeloop.circuit import Circuit, check_number
from red_timeloop.components.registry import parse_technology
from red_timeloop.designs import BASELINE, Design, choose
from red_timeloop.engines.timeloop.tools import find_tools
from red_timeloop.errors import InputError, meant
from red_timeloop.hardware import Hardware
from red_timeloop.spec.loader import load_file
from red_timeloop.sweeps.chip_points import (
    CHIP_PARAMETERS,
    WHOLE_CHIP_PARAMETERS,
    check_chip,
    check_chip_value,
)
from red_timeloop.sweeps.measures import Condition, Objective, measures, usual
from red_timeloop.sweeps.space import Axis, Sampling, Space, Value
from red_timeloop.workload import Workload, load_workload

__all__ = ["TECHNOLOGY", "Sweep", "apply", "load_sweep"]

TECHNOLOGY = "technology"  # a parameter that moves the circuit to another node, supply included
_WHOLE = ("rows", "columns", "cell_bits", "dac_bits", "adc_bits", "fold", *WHOLE_CHIP_PARAMETERS)
_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-]*$", max_length=200)]
_DRAWN = ("random", "latin_hypercube")
_MOST_STEPS = 1_000_000
_MOST_POINTS = 10_000_000  # drawn at once


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _RangeKeys(_Keys):
    start: float = Field(alias="from", allow_inf_nan=False)
    to: float = Field(allow_inf_nan=False)
    steps: Annotated[int, Field(ge=2, le=_MOST_STEPS, strict=True)] | None = None
    scale: Literal["linear", "log"] = "linear"


class _SweepKeys(_Keys):
    version: Literal[1] = Field(1, alias="schema")
    name: _Name = "sweep"
    description: str = ""
    workloads: str | Annotated[list[str], Field(min_length=1)] = "red_date2019"
    layers: Annotated[list[str], Field(min_length=1)] | None = None
    designs: Annotated[list[str], Field(min_length=1)] | None = None
    engine: Literal["embedded", "timeloop"] = "embedded"
    hardware: str | Annotated[list[str], Field(min_length=1)] = "isaac_32nm"
    parameters: dict[str, Any] = {}
    sampling: Sampling = "product"
    points: Annotated[int, Field(ge=1, le=_MOST_POINTS, strict=True)] | None = None
    seed: Annotated[int, Field(ge=0, strict=True)] = 0
    objectives: list[str] | None = None
    constraints: list[str] = []
    chip: str | None = None
    sqnr: bool = True
    timeout_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 600.0


@dataclass(frozen=True)
class Sweep:
    """A checked sweep.

    Attributes:
        name: Name under which the store remembers it.
        workloads: What is run.
        designs: The designs, by name: each as it was asked for, which a worker finds it by.
        engine: Name of the engine.
        bases: Parameter sets that the parameters change.
        space: The parameters and how they are combined.
        objectives: What is to be small or large.
        constraints: What a point must keep to be feasible; all points are run and stored.
        sqnr: Whether the signal to quantization noise ratio is simulated.
        timeout: Longest time in s for one layer on one design with the timeloop engine.
        chip: The chip that parameters change; None: layers are run, without a chip.
        source: The definition as it was given.
    """

    name: str
    workloads: tuple[Workload, ...]
    designs: Mapping[str, str | Design]
    engine: str
    bases: tuple[Hardware, ...]
    space: Space
    objectives: tuple[Objective, ...]
    constraints: tuple[Condition, ...]
    sqnr: bool
    timeout: float
    chip: Chip | None
    source: Mapping[str, Any]

    @property
    def size(self) -> int:
        """Points, each of which is evaluated on every design."""
        return self.space.size * len(self.workloads) * len(self.bases)


def load_sweep(
    definition: str | Path | Mapping[str, Any], designs: Sequence[str | Design] = ()
) -> Sweep:
    """Read and check a sweep file, or a mapping with the same keys.

    Args:
        definition: The file, or the mapping.
        designs: In place of those that the definition names: designs, their names, or where they
            are (`FILE.py:NAME`, `package.module:NAME`), which a file may not say.

    Raises:
        InputError: A key is unknown or missing, or a value is not legal; names file and key.

    >>> load_sweep({"parameters": {"rows": [64, 128], "fold": [1, 2]}}).size
    4
    """
    file = None if isinstance(definition, Mapping) else Path(definition)
    content = dict(definition if isinstance(definition, Mapping) else load_file(definition))
    if file is not None:
        content.setdefault("name", file.stem)
    try:
        keys = _SweepKeys.model_validate(content)
    except ValidationError as error:
        raise _explain(error, _SweepKeys).located(file=file) from None
    try:
        return _build(keys, content, designs)
    except InputError as error:
        raise error.located(file=file) from None


def apply(base: Hardware, values: Mapping[str, Any]) -> Hardware:
    """Return the parameter set with the parameters of a sweep applied.

    Raises:
        InputError: A value is not legal.
    """
    beside = (TECHNOLOGY, *CHIP_PARAMETERS)
    numbers = {name: value for name, value in values.items() if name not in beside}
    if TECHNOLOGY in values:
        node = parse_technology(values[TECHNOLOGY])
        base = base.replace(circuit=base.circuit.at_node(node))
    return base.replace(**numbers) if numbers else base


def _build(keys: _SweepKeys, source: Mapping[str, Any], given: Sequence[str | Design]) -> Sweep:
    names = [keys.workloads] if isinstance(keys.workloads, str) else keys.workloads
    workloads = tuple(_at("workloads", load_workload, name) for name in names)
    if keys.layers is not None:
        layers = keys.layers
        workloads = tuple(_at("layers", workload.select, layers) for workload in workloads)
    sets = [keys.hardware] if isinstance(keys.hardware, str) else keys.hardware
    bases = tuple(_at("hardware", Hardware.load, name) for name in sets)
    named = tuple(given) or tuple(_at("designs", designs.find, name) for name in keys.designs or ())
    found = _at("designs", choose, named or None)
    asked: dict[str, str | Design] = {}
    for each in given:
        own = choose([each])
        asked |= {design.name: each if len(own) == 1 else design for design in own}
    chosen = {design.name: asked.get(design.name, design.name) for design in found}
    chip = _at("chip", load_chip, keys.chip) if keys.chip is not None else None
    if chip is not None and keys.engine != "embedded":
        raise InputError(f"got {keys.engine!r} with a chip", key="engine", legal="embedded")
    if keys.engine == "timeloop" and (missing := find_tools().missing("model")):
        raise InputError(missing, key="engine", legal="embedded; see 'red-timeloop doctor'")
    space = _space(keys, bases)
    parameters = [axis.name for axis in space.axes]
    check_chip(chip, parameters)
    constraints = tuple(
        Condition.parse(text, f"constraints[{i}]") for i, text in enumerate(keys.constraints)
    )
    objectives = tuple(
        Objective.parse(text, f"objectives[{i}]")
        for i, text in enumerate(keys.objectives or usual(chip=chip is not None))
    )
    _check_measures(keys, objectives, constraints, chosen, parameters)
    return Sweep(
        name=keys.name,
        workloads=workloads,
        designs=chosen,
        engine=keys.engine,
        bases=bases,
        space=space,
        objectives=objectives,
        constraints=constraints,
        sqnr=keys.sqnr,
        timeout=keys.timeout_s,
        chip=chip,
        source={**source, "designs": list(chosen)} if given else dict(source),
    )


def _check_measures(
    keys: _SweepKeys,
    objectives: tuple[Objective, ...],
    constraints: tuple[Condition, ...],
    chosen: Mapping[str, str | Design],
    parameters: Sequence[str],
) -> None:
    """Refuse objectives and constraints on what this sweep does not measure."""
    known = tuple(measures(chip=keys.chip is not None))
    named = [(f"objectives[{i}]", o.measure, known) for i, o in enumerate(objectives)]
    legal = (*known, *parameters)
    named += [(f"constraints[{i}]", c.name, legal) for i, c in enumerate(constraints)]
    for key, measure, legal in named:
        if measure not in legal:
            where = "on a chip" if keys.chip is not None else "without a chip"
            what = "measure" if legal is known else "measure or parameter"
            raise InputError(f"there is no {what} {measure!r} {where}", key=key, legal=legal)
        if measure == "sqnr_dB" and not keys.sqnr:
            raise InputError("this sweep does not simulate the SQNR", key=key, legal="sqnr: true")
        if measure in ("speedup", "energy_saving") and BASELINE.name not in chosen:
            raise InputError(
                f"{measure} is against zero padding, which is not run",
                key=key,
                legal=f"{BASELINE.name} among the designs",
            )


def _space(keys: _SweepKeys, bases: tuple[Hardware, ...]) -> Space:
    drawn = keys.sampling in _DRAWN
    if drawn != (keys.points is not None):
        raise InputError(
            "the number of points is missing" if drawn else f"{keys.sampling} gives the points",
            key="points",
            legal="with sampling: random or latin_hypercube, and only then",
        )
    if drawn and not keys.parameters:
        raise InputError("nothing to draw from", key="parameters", legal="at least one parameter")
    axes = tuple(
        _axis(name, given, keys.sampling, bases) for name, given in keys.parameters.items()
    )
    lengths = {axis.name: len(axis.values) for axis in axes}
    if keys.sampling == "zip" and len(set(lengths.values())) > 1:
        raise InputError(
            f"lists of different lengths: {', '.join(f'{n} {k}' for n, k in lengths.items())}",
            key="parameters",
            legal="equally many values of each, with sampling: zip",
        )
    return Space(axes, keys.sampling, keys.points or 1, keys.seed)


def _axis(name: str, given: Any, sampling: Sampling, bases: tuple[Hardware, ...]) -> Axis:
    key = f"parameters.{name}"
    legal_names = [*_parameter_names(), TECHNOLOGY, *CHIP_PARAMETERS]
    if name not in legal_names:
        message = f"unknown parameter{meant(name, legal_names)}"
        raise InputError(message, key=key, legal=legal_names)
    if isinstance(given, Mapping):
        axis = _range_axis(name, key, given, sampling in _DRAWN)
        for value in axis.values or axis.at_ends():
            _checked(name, value, key, bases)
        return axis
    values = given if isinstance(given, list | tuple) else [given]
    if not values:
        raise InputError("has no values", key=key, legal="a list of values, or a range")
    for index, value in enumerate(values):
        if isinstance(value, list | dict):
            raise InputError(f"got {value!r}", key=f"{key}[{index}]", legal="a number or a word")
    legal = [_checked(name, v, f"{key}[{i}]", bases) for i, v in enumerate(values)]
    if sampling == "product":
        legal = list(dict.fromkeys(legal))  # a value given twice is the same points twice
    return Axis(name, values=tuple(legal))


def _range_axis(name: str, key: str, given: Mapping[str, Any], drawn: bool) -> Axis:
    try:
        keys = _RangeKeys.model_validate(dict(given))
    except ValidationError as error:
        problem = _explain(error, _RangeKeys)
        place = f"{key}.{problem.key}" if problem.key else key
        raise InputError(problem.message, key=place, legal=problem.legal) from None
    if name not in (*_WHOLE, *Circuit.names(), *CHIP_PARAMETERS):
        raise InputError("a range needs a parameter that is a number", key=key, legal="a list")
    if keys.start > keys.to:
        raise InputError(
            f"the range ends at {keys.to:g}, before it begins at {keys.start:g}", key=f"{key}.to"
        )
    log = keys.scale == "log"
    if log and keys.start <= 0:
        raise InputError(
            f"a logarithmic range cannot begin at {keys.start:g}",
            key=f"{key}.from",
            legal="above 0, or scale: linear",
        )
    whole = name in _WHOLE
    if whole and (keys.start != int(keys.start) or keys.to != int(keys.to)):
        raise InputError(f"{name} is a whole number", key=key, legal="whole ends of the range")
    if keys.steps is not None:
        values = Axis.spaced(keys.start, keys.to, keys.steps, log, whole)
        return Axis(name, values=values)
    if not drawn:
        raise InputError(
            "a range to enumerate needs its number of steps",
            key=f"{key}.steps",
            legal="a whole number from 2, or sampling: random or latin_hypercube",
        )
    return Axis(name, low=keys.start, high=keys.to, log=log, whole=whole)


def _checked(name: str, value: Any, key: str, bases: tuple[Hardware, ...]) -> Value:
    """Return the value as the parameter set takes it, so that 2 and 2.0 are the same point."""
    if name in ("zeros_stored", "zero_aware") and not isinstance(value, bool):
        raise InputError(f"got {value!r}", key=key, legal="true, false")
    if name in CHIP_PARAMETERS:
        return check_chip_value(name, value, key)
    if name == TECHNOLOGY:
        try:
            return f"{parse_technology(value) * 1e9:.10g}nm"
        except InputError as error:
            raise InputError(error.message, key=key, legal=error.legal) from None
    try:
        if name in Circuit.names():
            return check_number(name, value)
        changed = [apply(base, {name: value}) for base in bases]
    except InputError as error:
        raise InputError(error.message, key=key, legal=error.legal) from None
    result: Value = getattr(changed[0], name)
    return result


def _parameter_names() -> list[str]:
    own = [f.name for f in dataclasses.fields(Hardware) if f.name not in ("name", "circuit")]
    return [*own, *Circuit.names()]


def _at(key: str, call: Any, argument: Any) -> Any:
    """Call, and let an error name the sweep file's key."""
    try:
        return call(argument)
    except InputError as error:
        if error.file is not None:  # the error is in the file that the key names
            raise
        raise InputError(error.message, key=key, legal=error.legal) from None


def _explain(error: ValidationError, model: type[BaseModel]) -> InputError:
    """Return the first problem that pydantic found, in the words of the file."""
    problem = error.errors(include_url=False)[0]
    place = ""
    for part in problem["loc"]:
        if isinstance(part, int):
            place += f"[{part}]"
        elif not place or "[" not in str(part):  # not the name of a branch of a union
            place += f".{part}" if place and part != "str" else str(part) if not place else ""
    if problem["type"] == "extra_forbidden":
        legal = [field.alias or name for name, field in model.model_fields.items()]
        unknown = problem["loc"][-1]
        return InputError(f"unknown key{meant(unknown, legal)}", key=place, legal=legal)
    if problem["type"] == "missing":
        return InputError("this key is missing", key=place, legal="required")
    given = repr(problem["input"])
    short = given if len(given) <= 60 else given[:57] + "..."
    reason = problem["msg"][0].lower() + problem["msg"][1:]
    return InputError(f"got {short}", key=place, legal=reason.removeprefix("input should be "))
