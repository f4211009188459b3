"""The mapper: finds the best mapping of a specification, and says how sure it is."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from red_timeloop.engines.base import ENGINES
from red_timeloop.engines.base import engine as engine_of
from red_timeloop.engines.embedded.machine import Machine, Shape, build_machine, build_shape
from red_timeloop.engines.embedded.nest import Nest
from red_timeloop.engines.result import EngineResult
from red_timeloop.errors import InputError
from red_timeloop.mapper.bound import build_bound
from red_timeloop.mapper.candidates import Candidates, Objective, order_of
from red_timeloop.mapper.evolution import evolve
from red_timeloop.mapper.exhaustive import exhaust
from red_timeloop.mapper.padding import padded
from red_timeloop.mapper.report import SearchReport
from red_timeloop.mapper.space import Space, build_space
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import LevelMapping, Mapping, Problem, Specification

if TYPE_CHECKING:
    from red_timeloop.engines.timeloop.engine import SearchOptions

__all__ = ["OBJECTIVES", "Found", "find", "forget", "search", "search_specification"]

OBJECTIVES: tuple[Objective, ...] = ("edp", "energy", "delay")
BUDGET = 60_000  # mappings
_SMALL = 4_000  # ways to deal the dimensions that are gone through without a first guess

Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class Found:
    """The best mapping of a space and the certificate.

    Attributes:
        nest: The mapping, None when no legal one was found.
        value: Its value of the objective (J * cycles, J or cycles).
        optimal: Whether every mapping that could be better was evaluated.
        space: Ways to deal the dimensions, times ways to keep data spaces.
        evaluated: Mappings evaluated.
        pruned: Ways to deal the dimensions left out, by reason.
        bound: A value that no mapping can be better than.
    """

    nest: Nest | None
    value: float
    optimal: bool
    space: int
    evaluated: int
    pruned: dict[str, int]
    bound: float


_done: dict[tuple[Space, Objective, int, int], Found] = {}


def find(
    space: Space,
    objective: Objective,
    budget: int = BUDGET,
    seed: int = 0,
    *,
    stop: Callable[[], bool] = lambda: False,
    progress: Progress = lambda done, best: None,
) -> Found:
    """Return the best mapping of `space`; equal questions are answered from memory.

    First a guided random search, then, if there are few enough mappings, all of them.
    """
    key = (space, objective, budget, seed)
    if key not in _done:
        found = _find(space, objective, budget, seed, stop, progress)
        if stop():
            return found
        _done[key] = found
    return _done[key]


def forget() -> None:
    """Forget all answers, so that the next question is searched for again."""
    _done.clear()


def _find(
    space: Space,
    objective: Objective,
    budget: int,
    seed: int,
    stop: Callable[[], bool],
    progress: Progress,
) -> Found:
    bound = build_bound(space, objective)
    deals = prod(space.count_options(dimension) for dimension in range(len(space.shape.sizes)))
    size = deals * len(space.keeps)
    best: Candidates | None = None
    value, spent = float("inf"), 0
    if size > _SMALL:
        share = budget if size > 40 * budget else budget // 3
        islands, spent = evolve(space, objective, share, seed, stop=stop, progress=progress)
        if islands and len(islands[0].values):
            first = islands[0]
            value = first.best
            best = Candidates(first.levels, first.factors[:1], order_of(first.keys[:1], space))
    optimal, pruned = False, {}
    if size <= 40 * budget and not stop():
        coverage = exhaust(
            space, objective, bound, max(0, budget - spent), value, stop=stop, progress=progress
        )
        spent += coverage.evaluated
        optimal, pruned = coverage.complete, coverage.pruned
        if coverage.best is not None:
            best, value = coverage.best, coverage.value
    nest = None if best is None else best.batch(space).nest(0)
    lowest = value if optimal else bound.lowest
    return Found(nest, value, optimal, size, spent, pruned, lowest)


def search(
    spec_files: str | Path | Sequence[str | Path],
    objective: Objective = "edp",
    ert: str | Path | None = None,
    art: str | Path | None = None,
    engine: str = "embedded",
    budget: int = BUDGET,
    *,
    seed: int = 0,
    padding: bool = False,
    progress: Progress = lambda done, best: None,
    mapper_options: SearchOptions | None = None,
) -> tuple[Mapping, dict[str, Any]]:
    """Find the best mapping of a Timeloop v0.4 specification under its constraints.

    Args:
        spec_files: YAML file or files with architecture, problem and constraints.
        objective: `edp` (energy times cycles), `energy` or `delay` (cycles, then energy).
        ert: File with the energy table (pJ an action).
        art: File with the area table (um^2).
        engine: `embedded`, or `timeloop` for the real timeloop-mapper, which takes
            `mapper_options` in place of budget, seed and padding and gives no certificate.
        budget: Mappings to evaluate at most.
        seed: Equal seeds give equal results.
        padding: Try the problem with awkward sizes (large prime factors) rounded up as well. If
            that is better, the result and the mapping are those of the larger problem.
        progress: Called with the mappings evaluated so far and the best value.
        mapper_options: How timeloop-mapper searches.

    Returns:
        The mapping, and the result of `red_timeloop.model` with a further key `search`:
        `{"objective", "value", "optimal", "space", "evaluated", "pruned", "bound", "gap",
        "padding", "wall_s", "seed"}`. `optimal` is true when the whole space was covered;
        otherwise `bound` is a value that no mapping can be better than, and `gap` says how far the
        mapping may be from it. `padding` is `{dimension: [size, padded size]}`.
        Ctrl-C ends the search early, with the best mapping so far.

    Raises:
        InputError: The files are not legal, a constraint cannot be met, or no legal mapping was
            found; names level and dimension.
    """
    specification = read_specification(spec_files, ert=ert, art=art)
    mapping, result, report = search_specification(
        specification,
        objective,
        engine=engine,
        budget=budget,
        seed=seed,
        padding=padding,
        progress=progress,
        mapper_options=mapper_options,
    )
    return mapping, {**result.as_dict(), "search": report.as_dict()}


def search_specification(
    specification: Specification,
    objective: Objective = "edp",
    *,
    engine: str = "embedded",
    budget: int = BUDGET,
    seed: int = 0,
    padding: bool = False,
    progress: Progress = lambda done, best: None,
    mapper_options: SearchOptions | None = None,
    interruptible: bool = True,
) -> tuple[Mapping, EngineResult, SearchReport]:
    """Find the best mapping of a specification that is already read; see `search`.

    Unless `interruptible`, Ctrl-C raises KeyboardInterrupt as usual: for searches that are a part
    of something longer, which should end as a whole.
    """
    if objective not in OBJECTIVES:
        raise InputError(f"unknown objective {objective!r}", key="objective", legal=OBJECTIVES)
    if budget < 1:
        raise InputError(f"a budget of {budget} mappings", key="budget", legal="at least 1")
    if specification.problem is None:
        raise InputError("no file has a problem", key="problem")
    runner = engine_of(engine)
    if runner.__name__ == ENGINES["timeloop"]:
        from red_timeloop.mapper.timeloop import search_specification as search_timeloop

        return search_timeloop(specification, objective, mapper_options)
    started = time.perf_counter()
    problems = [specification.problem]
    if padding:
        problems += [each for each in [padded(specification.problem)] if each != problems[0]]
    with _interruptible(interruptible) as stop:

        def found_in(space: Space) -> Found:
            return find(space, objective, budget, seed, stop=stop, progress=progress)

        found, space, problem = _best_of(problems, specification, found_in)
    if found.nest is None:
        raise _nothing_found(found)
    mapping = _mapping(found.nest, space.machine, space.shape)
    mapped = replace(specification, mapping=mapping, problem=problem)
    result = runner.evaluate_specification(mapped)
    report = SearchReport(
        objective=objective,
        value=found.value,
        optimal=found.optimal,
        seconds=time.perf_counter() - started,
        space=found.space,
        evaluated=found.evaluated,
        pruned=found.pruned,
        bound=found.bound,
        padding={
            name: (size, problem.sizes[name])
            for name, size in specification.problem.sizes.items()
            if size != problem.sizes[name]
        },
        seed=seed,
    )
    return mapping, result, report


def _best_of(
    problems: Sequence[Problem], specification: Specification, found_in: Callable[[Space], Found]
) -> tuple[Found, Space, Problem]:
    best: tuple[Found, Space, Problem] | None = None
    reasons: list[InputError] = []
    for problem in problems:
        try:
            space = _space(specification, problem)
        except InputError as error:  # a size that the constraints do not allow
            reasons.append(error)
            continue
        found = found_in(space)
        if best is None or found.value < best[0].value:
            best = found, space, problem
    if best is None:
        raise reasons[0]
    return best


def _space(specification: Specification, problem: Problem) -> Space:
    machine = build_machine(
        specification.architecture,
        problem.data_space_names,
        specification.ert,
        specification.art,
    )
    return build_space(machine, build_shape(problem), specification.constraints)


def _nothing_found(found: Found) -> InputError:
    reasons = ", ".join(f"{reason} {number}" for reason, number in found.pruned.items() if number)
    if found.optimal:
        return InputError(
            f"no mapping is legal: all {found.space} ways to deal the dimensions break a capacity,"
            f" a fan-out or the minimum utilization ({reasons or 'capacity'})",
            key="constraints",
        )
    return InputError(
        f"no legal mapping among the {found.evaluated} that were evaluated",
        key="budget",
        legal="a larger budget, or looser constraints",
    )


def _mapping(nest: Nest, machine: Machine, shape: Shape) -> Mapping:
    names = tuple(tensor.name for tensor in shape.tensors)

    def chosen(flags: tuple[bool, ...]) -> tuple[str, ...]:
        return tuple(name for name, flag in zip(names, flags, strict=True) if flag)

    def loops(given: tuple[tuple[int, int], ...]) -> tuple[tuple[str, int], ...]:
        return tuple((shape.dimensions[dimension], factor) for dimension, factor in given)

    levels = {}
    for storage, level in reversed(list(zip(machine.levels, nest.levels, strict=True))):
        levels[storage.name] = LevelMapping(
            temporal=loops(level.temporal),
            spatial_x=loops(level.spatial_x),
            spatial_y=loops(level.spatial_y),
            keep=chosen(level.keep),
            bypass=tuple(name for name in names if name not in chosen(level.keep)),
            no_temporal_reuse=chosen(level.no_temporal_reuse),
            no_spatial_reuse=chosen(level.no_multicast),
            no_link_transfer=chosen(level.no_link_transfer),
            rmw_first_update=chosen(level.rmw_first_update),
            no_coalesce=chosen(level.no_coalesce),
        )
    return Mapping(levels)


@contextmanager
def _interruptible(wanted_here: bool) -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C into a wish to stop, while the search runs in the main thread."""
    wanted = threading.Event()
    if not wanted_here or threading.current_thread() is not threading.main_thread():
        yield wanted.is_set
        return

    def note(number: int, frame: FrameType | None) -> None:
        wanted.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield wanted.is_set
    finally:
        signal.signal(signal.SIGINT, before)
