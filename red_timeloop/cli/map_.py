"""`red-timeloop map`: find the best mapping of a specification."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Mapping_
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from red_timeloop.cli import options, results
from red_timeloop.cli.model import print_result
from red_timeloop.cli.verbosity import progress_bar, say
from red_timeloop.designs import Design, choose
from red_timeloop.designs.specification import assemble
from red_timeloop.engines.base import ENGINES
from red_timeloop.engines.base import engine as get_engine
from red_timeloop.engines.pricing import priced
from red_timeloop.engines.result import EngineResult
from red_timeloop.engines.timeloop.engine import SearchOptions
from red_timeloop.errors import InputError
from red_timeloop.export import numbered
from red_timeloop.files import to_json
from red_timeloop.frontends.read import read_workload
from red_timeloop.hardware import Hardware
from red_timeloop.mapper.check import certificate
from red_timeloop.mapper.find import BUDGET
from red_timeloop.mapper.report import SearchReport
from red_timeloop.mapper.run import OBJECTIVES, SECONDS, search_specification
from red_timeloop.mapper.timeloop import differences
from red_timeloop.spec.emit import to_yaml
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import Problem, Specification
from red_timeloop.spec.write import mapping_text, problem_section

__all__ = ["command"]


@click.command(name="map")
@options.specification
@click.option(
    "--objective",
    type=click.Choice(OBJECTIVES),
    help="Energy times cycles, energy, cycles, or all trade-offs between the two.  [default: the "
    "files' mapper section, or edp]",
)
@click.option(
    "--engine",
    type=click.Choice(["embedded", "timeloop", "auto"]),
    default="embedded",
    show_default=True,
    help="Who searches: this package, or the real timeloop-mapper.",
)
@options.gathered(
    "theirs",
    lambda **given: SearchOptions(**{k: value for k, value in given.items() if value is not None}),
    click.option("--algorithm", help="Algorithm of timeloop-mapper.  [default: random_pruned]"),
    click.option(
        "--threads", "num_threads", type=int, help="Of timeloop-mapper: threads.  [default: all]"
    ),
    click.option("--victory-condition", type=int, help="Its mappings without improvement, to end."),
    click.option("--invalid", "timeout", type=int, help="Its invalid mappings in a row, to end."),
)
@click.option(
    "--seconds",
    type=float,
    help=f"Time to search at most.  [default: {SECONDS:g}; timeloop-mapper: no limit]",
)
@click.option(
    "--budget",
    default=BUDGET,
    show_default=True,
    help="Mappings that the guided search evaluates at most; the proof has its --seconds.",
)
@click.option(
    "--padding",
    is_flag=True,
    help="Try awkward sizes (large primes) rounded up as well; what was padded is reported.",
)
@click.option(
    "--imperfect",
    is_flag=True,
    help="Look for loops with a shorter last pass (Ruby's imperfect factors) as well.",
)
@click.option("--seed", default=0, show_default=True, help="Equal seeds give equal mappings.")
@options.output(
    "Folder for mapping.yaml, stats.json, search.json (problem.yaml too if it is no file; of "
    "a front also mapping-1.yaml and so on, least energy first).",
)
@options.estimator
@click.option(
    "--verify",
    is_flag=True,
    help="Evaluate the result with the real timeloop-model too; exit with 1 if they differ.",
)
@options.cache
@options.design("", "Map a layer on the problems of this design; SPEC is then WORKLOAD:LAYER.")
@options.hardware
@results.answering()
def command(
    files: dict[str, Any],
    objective: str | None,
    engine: str,
    theirs: SearchOptions,
    seconds: float | None,
    budget: int,
    output: Path | None,
    estimator: str,
    verify: bool,
    designs: tuple[str, ...],
    hardware: Hardware,
    **choice: Any,
) -> results.Answer:
    """Find the best mapping of a specification under its constraints.

    SPEC are Timeloop v0.4 YAML files or Jinja2 templates of them, merged as timeloopfe does. With
    --design it is a layer of a workload, which the design makes one or several problems of.

    Ctrl-C ends the search early, with the best mapping so far. `red-timeloop check` confirms what
    search.json claims.
    """
    spec, *more = files["paths"]
    if designs and (files["ert"] or files["art"] or more):
        raise InputError("a design has tables beside it", key="--design", legal="one WORKLOAD")
    if designs:
        jobs = dict(_on_designs(str(spec), choose(designs, files["jinja"], estimator), hardware))
    else:
        jobs = {"": read_specification(**files)}
    found: dict[str, tuple[EngineResult, SearchReport]] = {}
    real = get_engine(engine).__name__ == ENGINES["timeloop"]
    for name, read in jobs.items():
        wanted = objective or read.objective or OBJECTIVES[0]
        aim = next(each for each in OBJECTIVES if each == wanted)
        specification = priced(read, estimator, real, needed=aim != "delay")
        for note in specification.notes:
            say(note)
        with progress_bar() as progress:
            mapping, result, report = search_specification(
                specification,
                aim,
                engine=engine,
                budget=budget,
                seconds=SECONDS if seconds is None else seconds,
                progress=lambda done, best: progress(done, budget, f"best {best:.4g}"),
                mapper_options=theirs if seconds is None else replace(theirs, seconds=seconds),
                **choice,
            )
        mapped = replace(specification, mapping=mapping, problem=_padded(specification, report))
        if verify:
            report = replace(report, differences=differences(mapped, result))
        found[name] = result, report
        if output is not None:
            results.write(output / name, _texts(mapped, result, report, whole=bool(designs)))
    code = 1 if any(report.differences for _, report in found.values()) else 0
    return results.Answer(lambda: _print(found), lambda: _as_json(found), code=code)


def _on_designs(
    layers: str, designs: Iterable[Design], hardware: Hardware
) -> Iterator[tuple[str, Specification]]:
    """Yield the problems that designs make of layers, by LAYER/DESIGN/PART."""
    for entry in read_workload(layers).layers:
        for design in designs:
            plan = design.plan(entry.layer, hardware)
            if plan.clock is None or any(part.loops is not None for part in plan.parts):
                raise InputError(
                    f"{design.name} has a mapping of its own",
                    key="--design",
                    legal="designs that are mapped; for others compare --map",
                )
            for note in plan.notes:
                say(note)
            names = numbered([part.name for part in plan.parts])
            for name, part in zip(names, plan.parts, strict=True):
                place = f"{entry.name}/{design.name}/{name.replace(' ', '_')}"
                yield place, replace(assemble(plan, part, plan.clock), notes=part.notes)


def _print(found: Mapping_[str, tuple[EngineResult, SearchReport]]) -> None:
    for name, (result, report) in found.items():
        if name:
            click.echo(name)
        print_result(result)
        for point in report.front:
            click.echo(f"{point.energy:.6g} J, {point.cycles} cycles")
        click.echo(_certificate(report))
        for line in report.differences or ():
            click.echo(f"differs from timeloop-model: {line}")
        if report.differences == ():
            click.echo("timeloop-model gives the same cycles, counts and energies")


def _as_json(found: Mapping_[str, tuple[EngineResult, SearchReport]]) -> dict[str, Any]:
    content = {
        name: {**result.as_dict(), "search": report.as_dict()}
        for name, (result, report) in found.items()
    }
    return content.get("") or {"schema": 1, "mappings": content}


def _certificate(report: SearchReport) -> str:
    space, evaluated = report.space, report.evaluated
    if report.bound is None:
        broken = "".join(f"; not obeyed: {each}" for each in report.broken_constraints)
        return f"the best that timeloop-mapper found ({report.algorithm}){broken}"
    sizes = [f"{name} {size} to {larger}" for name, (size, larger) in report.padding.items()]
    padding = f"padded {', '.join(sizes)}; " if sizes else ""
    if report.scale > 1:
        padding = f"Timeloop leaves out computes: judged with {report.scale:.4g} of its energy; "
    spent = f"; {evaluated:,} mappings evaluated"
    ways = "" if space is None else f"{_rounded(space)} ways to deal the dimensions"
    if report.optimal:
        what = f"proved: no mapping of the {ways} is better"
        if report.front:
            what = f"proved: the {len(report.front)} are the whole front of the {ways}"
        pruned = ", ".join(f"{n:,} by {why}" for why, n in report.pruned.items() if n)
        return f"{padding}{what}{spent}" + (
            f", of {report.parts:,} parts ruled out {pruned}" * bool(pruned)
        )
    what = f"not proved: the best found in {ways}"
    if report.front:
        what += f"; {len(report.left):,} parts of the space may add to the front"
    elif report.gap is not None:
        what = f"at most {1 + report.gap:.3g} times the best possible of the {ways}"
        if report.gap < 1:
            what = f"at most {report.gap:.1%} above the best possible of the {ways}"
    return f"{padding}{what}{spent}"


def _rounded(number: int) -> str:
    """Return a number that a person can read."""
    return f"{number:,}" if number < 1_000_000 else f"{number:.2g}"


def _padded(specification: Specification, report: SearchReport) -> Problem:
    assert specification.problem is not None
    padded = {name: larger for name, (_, larger) in report.padding.items()}
    return replace(specification.problem, sizes={**specification.problem.sizes, **padded})


def _texts(
    mapped: Specification, result: EngineResult, report: SearchReport, *, whole: bool
) -> dict[str, str]:
    """Return the files of `-o`; the problem among them if `whole`, or if it was padded."""
    problem, architecture = mapped.problem, mapped.architecture
    assert problem is not None
    assert mapped.mapping is not None
    texts = {"mapping.yaml": mapping_text(mapped.mapping, architecture, problem)}
    for number, point in enumerate(report.front, 1):
        texts[f"mapping-{number}.yaml"] = mapping_text(point.mapping, architecture, problem)
    if report.padding or whole:
        texts["problem.yaml"] = to_yaml({"problem": problem_section(problem)})
    return {
        **texts,
        "stats.json": to_json(result.as_dict()),
        "search.json": to_json({**report.as_dict(), **certificate(mapped, report)}),
    }
