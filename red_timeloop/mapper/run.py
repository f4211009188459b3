"""The mapper: finds the best mapping of a specification, and says how sure it is."""

from __future__ import annotations

import collections.abc as abc
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from red_timeloop.engines.base import ENGINES
from red_timeloop.engines.base import engine as engine_of
from red_timeloop.engines.embedded.machine import build_machine, build_shape
from red_timeloop.engines.embedded.nest import mapping_of
from red_timeloop.engines.embedded.sparse.evaluation import SparseProblem
from red_timeloop.engines.pricing import priced
from red_timeloop.engines.result import EngineResult
from red_timeloop.errors import InputError
from red_timeloop.mapper.candidates import Objective
from red_timeloop.mapper.find import BUDGET, ENDS, Found, Progress, Question, find, find_all
from red_timeloop.mapper.imperfect import Improved, improve
from red_timeloop.mapper.padding import padded
from red_timeloop.mapper.report import FrontPoint, SearchReport
from red_timeloop.mapper.space import Space, build_space
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import Mapping, Problem, Specification

if TYPE_CHECKING:
    from red_timeloop.engines.timeloop.engine import SearchOptions

__all__ = ["OBJECTIVES", "map_all", "search", "search_specification", "space_of"]

OBJECTIVES: tuple[Objective, ...] = (*ENDS, "pareto")
_IMPERFECT = 50  # one in so many of the budget may be an imperfect mapping beside
SECONDS = 60.0  # that the search takes at most


def search(
    spec_files: str | Path | Sequence[str | Path],
    objective: Objective = "edp",
    ert: str | Path | None = None,
    art: str | Path | None = None,
    engine: str = "embedded",
    budget: int = BUDGET,
    *,
    seed: int = 0,
    seconds: float | None = SECONDS,
    proof: bool = True,
    padding: bool = False,
    imperfect: bool = False,
    progress: Progress = lambda done, best: None,
    mapper_options: SearchOptions | None = None,
    jinja: abc.Mapping[str, Any] | None = None,
    estimator: str = "auto",
) -> tuple[Mapping, dict[str, Any]]:
    """Find the best mapping of a Timeloop v0.4 specification under its constraints.

    Args:
        spec_files: YAML file or files with architecture, problem and constraints.
        objective: `edp` (energy times cycles), `energy`, `delay` (cycles, then energy), or `pareto`
            for all mappings than which none has less energy and no more cycles (the one of the
            lowest energy times cycles is the result).
        ert: File with the energy table (pJ an action).
        art: File with the area table (um^2).
        engine: `embedded`, or `timeloop` for the real timeloop-mapper, which takes
            `mapper_options` in place of budget, seed and padding and gives no certificate.
        budget: Mappings that the guided search evaluates at most; the proof may evaluate any.
        seed: Equal seeds give equal results, unless time runs out.
        seconds: Time to search at most, None for any. A step that has begun is finished first.
        proof: Whether to prove that no mapping is better, or find it; otherwise that is done only
            where there are few mappings.
        padding: Try the problem with awkward sizes (large prime factors) rounded up as well. If
            that is better, the result and the mapping are those of the larger problem.
        imperfect: Look for mappings with imperfect factors as well, from the best one with perfect
            factors and that of the padded problem, with up to a fiftieth of the budget more.
            Nothing is proved about them.
        progress: Called with the mappings evaluated so far and the best value.
        mapper_options: How timeloop-mapper searches.
        jinja: Data of the files that are Jinja2 templates.
        estimator: Who prices where there is no table; see `red_timeloop.engines.pricing`. To find
            the least `delay` no prices are needed.

    Returns:
        The mapping, and the result of `red_timeloop.model` with a further key `search`:
        `{"objective", "value", "optimal", "space", "parts", "evaluated", "pruned", "bound", "gap",
        "padding", "scale", "wall_s", "seed"}`, for `pareto` with `"front"` and `"left"`.
        `optimal` is true when no mapping of the space is better;
        otherwise `bound` is a value that no mapping can be better than, and `gap` says how far the
        mapping may be from it. `padding` is `{dimension: [size, padded size]}`.
        Ctrl-C ends the search early, with the best mapping so far.

    Raises:
        InputError: The files are not legal, a constraint cannot be met, or no legal mapping was
            found; names level and dimension.
    """
    specification = priced(
        read_specification(spec_files, ert=ert, art=art, jinja=jinja),
        estimator,
        engine_of(engine).__name__ == ENGINES["timeloop"],
        needed=objective != "delay",
    )
    mapping, result, report = search_specification(
        specification,
        objective,
        engine=engine,
        budget=budget,
        seed=seed,
        seconds=seconds,
        proof=proof,
        padding=padding,
        imperfect=imperfect,
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
    seconds: float | None = SECONDS,
    proof: bool = True,
    padding: bool = False,
    imperfect: bool = False,
    progress: Progress = lambda done, best: None,
    mapper_options: SearchOptions | None = None,
) -> tuple[Mapping, EngineResult, SearchReport]:
    """Find the best mapping of a specification that is already read; see `search`."""
    _check(objective, budget, seconds)
    if specification.problem is None:
        raise InputError("no file has a problem", key="problem")
    if objective == "pareto" and specification.architecture.sparse:
        raise InputError("no front is searched for sparse tensors", key="objective", legal=ENDS)
    runner = engine_of(engine)
    if runner.__name__ == ENGINES["embedded"]:
        _check_priced(specification, objective)
    if runner.__name__ == ENGINES["timeloop"]:
        from red_timeloop.mapper.timeloop import search_specification as search_timeloop

        return search_timeloop(specification, objective, mapper_options)
    if imperfect and (objective == "pareto" or specification.architecture.sparse):
        legal = f"dense tensors, and {', '.join(ENDS)}"
        raise InputError("no imperfect factors are searched for here", key="imperfect", legal=legal)
    started = time.perf_counter()
    problems = [specification.problem]
    if padding or imperfect:
        problems += [each for each in [padded(specification.problem)] if each != problems[0]]
    with _interruptible() as wanted:

        def stop() -> bool:
            return wanted() or (seconds is not None and time.perf_counter() - started > seconds)

        def found_in(space: Space) -> Found:
            return find(space, objective, budget, seed, proof=proof, stop=stop, progress=progress)

        tried = _tried(problems, specification, found_in, first=not padding)
        found, space, problem = min(tried if padding else tried[:1], key=lambda each: each[0].value)
        if found.nest is None:
            raise _nothing_found(found)
        mapping, scale = mapping_of(found.nest, space.machine, space.shape), 1.0
        if imperfect:
            better = _improved(tried, specification, objective, budget, seed, stop)
            # nothing is known of all imperfect mappings
            found = replace(found, optimal=False, bound=0.0, claims=None)
            if better is not None and better.value < found.value:
                mapping, scale, problem = better.mapping, better.scale, tried[0][2]
                found = replace(found, value=better.value)
    _check_loops(mapping, specification.most_temporal_loops)
    mapped = replace(specification, mapping=mapping, problem=problem)
    result = runner.evaluate_specification(mapped)
    report = SearchReport(
        objective=objective,
        value=found.value,
        optimal=found.optimal,
        seconds=time.perf_counter() - started,
        space=found.space,
        evaluated=found.evaluated,
        parts=found.parts,
        pruned=found.pruned,
        bound=found.bound,
        padding=_padding(specification.problem, problem),
        seed=seed,
        front=tuple(
            FrontPoint(energy, cycles, mapping_of(nest, space.machine, space.shape))
            for energy, cycles, nest in found.front
        ),
        left=found.left,
        claims=found.claims,
        scale=scale,
    )
    return mapping, result, report


def map_all(
    asked: Sequence[Sequence[Specification]], budget: int, seed: int = 0
) -> list[list[tuple[float, Mapping] | InputError]]:
    """Map many problems side by side, each for its own objective (or edp), without proof.

    They are a part of something longer, which Ctrl-C ends as a whole.

    Args:
        asked: Of each problem the ways to say it. Only the best of them has the whole budget.
        budget: Mappings that are tried.
        seed: What random numbers start from.

    Returns:
        For each way the value of its objective and the mapping, or why there is none.
    """
    answers: list[list[tuple[float, Mapping] | InputError]] = []
    questions = [[_question(way, budget, seed) for way in ways] for ways in asked]
    rivals = [[each for each in own if isinstance(each, Question)] for own in questions]
    for ways, own, answered in zip(asked, questions, find_all(rivals), strict=True):
        found = iter(answered)
        answers.append(
            [
                _mapped(way, each, next(found)) if isinstance(each, Question) else each
                for way, each in zip(ways, own, strict=True)
            ]
        )
    return answers


def _question(specification: Specification, budget: int, seed: int) -> Question | InputError:
    objective = specification.objective or "edp"
    try:
        if specification.problem is None:
            raise InputError("no file has a problem", key="problem")
        _check_priced(specification, objective)
        space = space_of(specification, specification.problem)
        return Question(space, objective, budget, seed, proof=False)
    except InputError as error:
        return error


def _mapped(
    specification: Specification, question: Question, found: Found
) -> tuple[float, Mapping] | InputError:
    if found.nest is None:
        return _nothing_found(found)
    mapping = mapping_of(found.nest, question.space.machine, question.space.shape)
    try:
        _check_loops(mapping, specification.most_temporal_loops)
        return found.value, mapping
    except InputError as error:
        return error


def _check(objective: str, budget: int, seconds: float | None) -> None:
    """Refuse options that make no search."""
    if objective not in OBJECTIVES:
        raise InputError(f"unknown objective {objective!r}", key="objective", legal=OBJECTIVES)
    if budget < 1:
        raise InputError(f"a budget of {budget} mappings", key="budget", legal="at least 1")
    if seconds is not None and seconds <= 0:
        raise InputError(f"{seconds:g} seconds", key="seconds", legal="above 0")


def _padding(given: Problem, padded: Problem) -> dict[str, tuple[int, int]]:
    """Return the sizes that were rounded up, before and after."""
    sizes = {name: (size, padded.sizes[name]) for name, size in given.sizes.items()}
    return {name: pair for name, pair in sizes.items() if pair[0] != pair[1]}


def _tried(
    problems: Sequence[Problem],
    specification: Specification,
    found_in: Callable[[Space], Found],
    first: bool,
) -> list[tuple[Found, Space, Problem]]:
    """Return what is found for each problem that the constraints allow; `first`: that one."""
    tried: list[tuple[Found, Space, Problem]] = []
    reasons: list[InputError] = []
    for problem in problems:
        try:
            space = space_of(specification, problem)
        except InputError as error:  # a size that the constraints do not allow
            reasons.append(error)
            if first and not tried:
                break
            continue
        tried.append((found_in(space), space, problem))
    if not tried:
        raise reasons[0]
    return tried


def _improved(
    tried: Sequence[tuple[Found, Space, Problem]],
    specification: Specification,
    objective: Objective,
    budget: int,
    seed: int,
    stop: Callable[[], bool],
) -> Improved | None:
    """Return the best mapping with imperfect factors near those found; the first problem's."""
    _, space, problem = tried[0]
    starts = [found.nest for found, _, _ in tried if found.nest is not None]
    given = replace(specification, problem=problem)
    return improve(given, space, starts, objective, max(1, budget // _IMPERFECT), seed, stop)


def _check_priced(specification: Specification, objective: Objective) -> None:
    """Refuse to optimize energies that nothing gives: all mappings would be equally good."""
    if objective == "delay":
        return
    table = specification.ert
    names = specification.architecture.names
    if table is None or not any(table.energies.get(name) for name in names):
        what = "no energy table prices" if table is None else "the energy table prices none of"
        raise InputError(
            f"{what} the components, so {objective} cannot be judged",
            key="objective",
            legal="--ert FILE with the energies, or --objective delay",
        )


def _check_loops(mapping: Mapping, most: int | None) -> None:
    """Refuse the best mapping where the files allow fewer loops than it has."""
    loops = sum(len(level.temporal) for level in mapping.levels.values())
    if most is not None and loops > most:
        raise InputError(
            f"the best mapping has {loops} loops over time, and no other is searched for",
            key="mapper.max_temporal_loops_in_a_mapping",
            legal=f"{loops} or more, or -1 for no limit",
        )


def space_of(specification: Specification, problem: Problem) -> Space:
    """Return the mappings of `problem` that a specification's constraints allow.

    Raises:
        InputError: See `build_machine`, `build_space`.
    """
    given = specification.architecture, specification.ert, specification.art
    if given[0].sparse:
        sparse = SparseProblem.of(given[0], problem, *given[1:])
        space = build_space(sparse.uncompressed, sparse.shape, specification.constraints)
        return replace(space, sparse=sparse)
    machine = build_machine(given[0], problem.data_space_names, *given[1:])
    return build_space(machine, build_shape(problem), specification.constraints)


def _nothing_found(found: Found) -> InputError:
    if found.optimal:
        return InputError(
            f"no mapping is legal: all {found.space} ways to deal the dimensions break a capacity,"
            " a fan-out or the minimum utilization",
            key="constraints",
        )
    return InputError(
        f"no legal mapping among the {found.evaluated} that were evaluated",
        key="budget",
        legal="a larger budget, or looser constraints",
    )


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C into a wish to stop, while the search runs in the main thread."""
    wanted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield wanted.is_set
        return

    def note(number: int, frame: FrameType | None) -> None:
        wanted.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield wanted.is_set
    finally:
        signal.signal(signal.SIGINT, before)
