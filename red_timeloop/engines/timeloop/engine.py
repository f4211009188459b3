"""The engine `timeloop`: the real timeloop-model and timeloop-mapper, through timeloopfe.

Every run has a folder. It is written beside its final name and renamed when all checks have passed,
so that a folder without the suffix `.failed` holds a whole run.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from red_timeloop.components.accelergy import PLUG_IN_PATH
from red_timeloop.engines.result import EngineResult, LevelResult
from red_timeloop.engines.timeloop.check import broken_constraints, estimators, failure_reason
from red_timeloop.engines.timeloop.process import run_limited
from red_timeloop.engines.timeloop.stats import parse_stats
from red_timeloop.engines.timeloop.tools import TimeloopError, find_tools
from red_timeloop.errors import InputError
from red_timeloop.files import make_folder, write_atomic
from red_timeloop.spec.reader import read_art_file, read_specification
from red_timeloop.spec.types import Constraints, Level, Mapping, Specification
from red_timeloop.spec.write import specification_text

__all__ = ["Run", "SearchOptions", "evaluate_specification", "run_mapper", "run_model"]

MODEL_SECONDS = 600.0
ALGORITHMS = ("random_pruned", "linear_pruned", "hybrid", "random", "exhaustive")
_RUNNER = Path(__file__).with_name("runner.py")
_SAFE = re.compile(r"[A-Za-z0-9_./+-]+")  # timeloopfe puts the path into a shell command


@dataclass(frozen=True)
class SearchOptions:
    """How timeloop-mapper searches; names as in Timeloop's `mapper` section.

    Attributes:
        algorithm: One of `ALGORITHMS`.
        num_threads: Threads.
        victory_condition: A thread ends after so many valid mappings without improvement.
        timeout: A thread ends after so many invalid mappings in a row.
        search_size: A thread ends after so many valid mappings; 0 for no limit.
        max_permutations_per_if_visit: Loop orders tried for each factorization.
        optimization_metrics: What to minimise, most important first.
        seconds: Limit on the whole run, in s.
    """

    algorithm: str = "random_pruned"
    num_threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    victory_condition: int = 500
    timeout: int = 15000
    search_size: int = 0
    max_permutations_per_if_visit: int = 16
    optimization_metrics: tuple[str, ...] = ("edp",)
    seconds: float = 3600.0

    def section(self) -> dict[str, object]:
        """Return the `mapper` section.

        Raises:
            InputError: A value is not legal.
        """
        if self.algorithm not in ALGORITHMS:
            raise InputError(
                f"unknown algorithm {self.algorithm!r}", key="algorithm", legal=ALGORITHMS
            )
        for key in ("num_threads", "victory_condition", "timeout"):
            if getattr(self, key) < 1:
                raise InputError(f"got {getattr(self, key)}", key=key, legal="1 or more")
        return {
            "algorithm": self.algorithm,
            "num_threads": self.num_threads,
            "victory_condition": self.victory_condition,
            "timeout": self.timeout,
            "search_size": self.search_size,
            "max_permutations_per_if_visit": self.max_permutations_per_if_visit,
            "optimization_metrics": list(self.optimization_metrics),
            "live_status": False,
            "diagnostics": False,
        }


@dataclass(frozen=True)
class Run:
    """A run that passed all checks.

    Attributes:
        result: Counts, cycles and energies.
        mapping: The mapping that was evaluated, or found.
        estimators: Who estimated each component; empty where tables were given.
        broken: Constraints that the mapping found does not obey.
        folder: What the tools wrote; None when it was not to be kept.
    """

    result: EngineResult
    mapping: Mapping
    estimators: dict[str, str]
    broken: tuple[str, ...] = ()
    folder: Path | None = None


def evaluate_specification(specification: Specification) -> EngineResult:
    """Evaluate the specification's mapping; see `red_timeloop.engines.base.Engine`."""
    return run_model(specification).result


def run_model(
    specification: Specification,
    *,
    output: str | Path | None = None,
    seconds: float = MODEL_SECONDS,
) -> Run:
    """Evaluate the specification's mapping with timeloop-model.

    Without an energy table, Accelergy is asked, with this package's estimators.

    Args:
        specification: Has a problem and a mapping.
        output: Folder to keep what the tools wrote; it must not exist.
        seconds: Limit on the run.

    Raises:
        TimeloopError: Timeloop is missing, failed, ran too long, or its answer is not whole or not
            that of the problem; says what its logs say, and where the folder is kept.
        InputError: The specification lacks a problem or mapping, or `output` cannot be made.
    """
    if specification.mapping is None:
        raise InputError("no file has a mapping", key="mapping")
    return _run("model", specification, output, seconds)


def run_mapper(
    specification: Specification,
    options: SearchOptions | None = None,
    *,
    output: str | Path | None = None,
) -> Run:
    """Search a mapping with timeloop-mapper.

    Args:
        specification: Has a problem; its constraints hold, a mapping is ignored.
        options: How to search.
        output: Folder to keep what the tools wrote; it must not exist.

    Raises:
        TimeloopError: As `run_model`, and when no mapping was found.
        InputError: As `run_model`.
    """
    options = options or SearchOptions()
    free = replace(specification, mapping=None, mapper=options.section())
    return _run("mapper", free, output, options.seconds)


def _run(
    command: str, specification: Specification, output: str | Path | None, seconds: float
) -> Run:
    tools = find_tools()
    if missing := tools.missing(command):
        raise TimeloopError(missing, key="engine", legal="see 'red-timeloop doctor'")
    if specification.problem is None:
        raise InputError("no file has a problem", key="problem")
    assert tools.python is not None
    _single_characters(specification)
    _perfect(specification)
    final = _final_folder(output)
    folder = _working_folder()
    kept = folder
    try:
        _start(command, specification, folder, tools.python, seconds)
        run = _read_run(command, specification, folder)
    except BaseException as error:
        kept = _keep(folder, final, failed=True)
        if isinstance(error, TimeloopError):
            raise TimeloopError(
                f"{error.message} (output kept in {kept})", key=f"timeloop-{command}"
            ) from error
        raise
    if final is None:
        shutil.rmtree(folder, ignore_errors=True)
        return run
    return replace(run, folder=_keep(folder, final, failed=False))


def _perfect(specification: Specification) -> None:
    """Refuse imperfect factors, which timeloopfe does not hand over."""
    if specification.mapping is not None and specification.mapping.imperfect:
        raise InputError(
            "timeloopfe does not take imperfect factors",
            key="mapping",
            legal="the embedded engine, or the mapping file given to timeloop-model as it is",
        )


def _single_characters(specification: Specification) -> None:
    assert specification.problem is not None
    for name in specification.problem.dimensions:
        if len(name) != 1:
            raise InputError(
                f"Timeloop cannot read the dimension {name!r}",
                key="problem.shape.dimensions",
                legal="names of one character",
            )


def _final_folder(output: str | Path | None) -> Path | None:
    if output is None:
        return None
    final = Path(output)
    if final.exists():
        raise InputError("exists already", file=final, legal="a folder that is not there yet")
    make_folder(final.parent)
    return final


def _working_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="red-timeloop-"))
    if not _SAFE.fullmatch(str(folder)):
        raise TimeloopError(
            "timeloopfe cannot work below this folder",
            file=folder,
            key="TMPDIR",
            legal="letters, digits and _ . / + - only",
        )
    return folder


def _keep(folder: Path, final: Path | None, *, failed: bool) -> Path:
    """Move the working folder to where it stays; that of a failed run gets the suffix."""
    target = final or folder
    if failed:
        target = target.with_name(target.name + ".failed")
    if target.exists():
        return folder
    shutil.move(folder, target)
    return target


def _start(
    command: str, specification: Specification, folder: Path, python: Path, seconds: float
) -> None:
    write_atomic(folder / "specification.yaml", specification_text(_with_plug_in(specification)))
    log = folder / "timeloop.log"
    job = {
        "command": command,
        "files": [str(folder / "specification.yaml")],
        "output": str(folder),
        "log": str(log),
    }
    write_atomic(folder / "job.json", json.dumps(job))
    arguments = [str(python), str(_RUNNER), str(folder / "job.json")]
    code = run_limited(arguments, folder=folder, log=folder / "runner.log", seconds=seconds)
    if code is None:
        raise TimeloopError(f"ended at the time limit of {seconds:g} s")
    if code != 0:
        reason = failure_reason(folder) or _last_line(folder / "runner.log")
        raise TimeloopError(reason or f"ended with exit code {code}")


def _with_plug_in(specification: Specification) -> Specification:
    """Name this package's estimators where Accelergy will be asked."""
    if specification.ert is not None and specification.art is not None:
        return specification
    named = specification.globals.get("accelergy_plug_ins") or []
    assert isinstance(named, list)
    plug_ins = list(dict.fromkeys([*map(str, named), str(PLUG_IN_PATH)]))
    return replace(specification, globals={**specification.globals, "accelergy_plug_ins": plug_ins})


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines() if path.is_file() else []
    return lines[-1] if lines else ""


def _read_run(command: str, specification: Specification, folder: Path) -> Run:
    """Read what the run left and check it."""
    problem, architecture = specification.problem, specification.architecture
    assert problem is not None
    stats_file = folder / f"timeloop-{command}.stats.txt"
    if not stats_file.is_file() or not stats_file.read_text(errors="replace").strip():
        what = "empty" if stats_file.is_file() else "missing"
        reason = failure_reason(folder) or "the logs do not say why"
        raise TimeloopError(f"{stats_file.name} is {what}: {reason}")
    printed = parse_stats(stats_file.read_text(errors="replace"))
    if printed.computes != problem.operations:
        raise TimeloopError(
            f"mapped {printed.computes} computes, the problem has {problem.operations}: "
            "constraints or a mapping that Timeloop misread dropped a dimension"
        )
    found = estimators(folder)
    art, priced = specification.art, architecture.levels
    if art is None:
        # Accelergy's placeholder for the fan-outs, its `dummy`, gives each an area of 1 um^2.
        priced = tuple(level for level in priced if level.kind != "spatial")
        art = read_art_file(folder / f"timeloop-{command}.ART.yaml")
    area = sum(art.areas.get(level.name, 0.0) * level.instances for level in priced)
    mapping = specification.mapping
    broken: list[str] = []
    if mapping is None:
        mapping = _found_mapping(specification, folder / "timeloop-mapper.map.yaml")
        broken = broken_constraints(mapping, architecture, problem, specification.constraints)
    levels = {
        level.name: printed.levels.get(level.name) or _hidden(level, mapping)
        for level in reversed(architecture.levels)
        if level.kind != "spatial" or level.name in printed.levels
    }
    by = found if specification.ert is None else specification.ert.priced_by
    result = replace(printed, area=area, levels=levels, priced_by=by)
    return Run(result, mapping, found, tuple(broken))


def _hidden(level: Level, mapping: Mapping) -> LevelResult:
    """Return the entry of a level that Timeloop hides, because it has no accesses and no energy.

    The compute level is hidden when computing is free; its used instances are the mapping's.
    """
    used = 0
    if level.kind == "compute":
        used = math.prod(
            count
            for chosen in mapping.levels.values()
            for _, count in chosen.spatial_x + chosen.spatial_y
        )
    return LevelResult(level.instances, used, 0.0)


def _found_mapping(specification: Specification, path: Path) -> Mapping:
    """Read the mapper's mapping against the architecture alone: constraints are checked after."""
    if not path.is_file() or not path.read_text().strip():
        raise TimeloopError(f"{path.name} is missing or empty")
    assert specification.problem is not None
    bare = path.with_name("bare-specification.yaml")
    free = replace(specification, mapper={}, globals={}, ert=None, art=None)
    write_atomic(bare, specification_text(replace(free, constraints=Constraints({}))))
    found = read_specification(bare, mapping=path).mapping
    assert found is not None
    return found
