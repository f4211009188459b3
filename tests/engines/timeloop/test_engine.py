"""The engine `timeloop`, with a stand-in that behaves as the real tools were seen to.

`data/timeloop_runs/` holds what they wrote (timeloop 4cf6d4c, timeloop-python b8aaf2c) on this
package's own specification of a small layer, 8x3x3 to 4x8x8 with a 4x4 kernel and stride 2 on RED.
`standin/` has an executable that replays it, good and bad.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from close import near
from places import DATA

import red_timeloop
from red_timeloop.cli.main import cli
from red_timeloop.components.tables import price
from red_timeloop.engines.base import engine
from red_timeloop.engines.embedded.engine import evaluate_specification as embedded
from red_timeloop.engines.timeloop import tools
from red_timeloop.engines.timeloop.check import broken_constraints
from red_timeloop.engines.timeloop.engine import Run, SearchOptions, run_mapper, run_model
from red_timeloop.engines.timeloop.tools import TimeloopError
from red_timeloop.errors import InputError
from red_timeloop.mapper.run import search
from red_timeloop.spec.reader import read_specification
from red_timeloop.spec.types import Specification

RUNS = DATA / "timeloop_runs"
Behave = Callable[..., None]


@pytest.fixture
def model_spec() -> Specification:
    return read_specification(RUNS / "model.yaml")


@pytest.fixture
def mapper_spec() -> Specification:
    return read_specification(RUNS / "mapper.yaml")


def test_recorded_run_is_the_embedded_result(behave: Behave, model_spec: Specification) -> None:
    behave("good")
    found, ours = run_model(model_spec).result.as_dict(), embedded(model_spec).as_dict()
    assert found["engine"] == "timeloop"
    assert list(found) == list(ours)
    assert list(found["levels"]) == list(ours["levels"])
    assert (found["cycles"], found["computes"]) == (ours["cycles"], ours["computes"])
    assert found["area_m2"] == near(ours["area_m2"])
    assert found["energy_J"] == pytest.approx(ours["energy_J"], abs=0.005e-15 * found["computes"])
    for name, level in found["levels"].items():
        mine = ours["levels"][name]
        assert {k: v for k, v in level.items() if isinstance(v, int)} == {
            k: v for k, v in mine.items() if isinstance(v, int)
        }
        for space, counts in level["data_spaces"].items():
            assert counts.pop("energy_J") == pytest.approx(
                mine["data_spaces"][space].pop("energy_J"), abs=0.0051e-12
            )
            assert counts == mine["data_spaces"][space]


def test_public_call_runs_it(behave: Behave) -> None:
    behave("good")
    found = red_timeloop.model(RUNS / "model.yaml", engine="timeloop")
    assert (found["engine"], found["cycles"]) == ("timeloop", 16)


def test_auto_takes_timeloop_where_it_works(
    behave: Behave, monkeypatch: pytest.MonkeyPatch
) -> None:
    behave("good")
    assert red_timeloop.model(RUNS / "model.yaml", engine="auto")["engine"] == "timeloop"
    monkeypatch.setenv("PATH", "/nowhere")
    assert red_timeloop.model(RUNS / "model.yaml", engine="auto")["engine"] == "embedded"
    with pytest.raises(InputError, match="unknown engine 'other'"):
        engine("other")


def test_mapper_returns_result_and_mapping(behave: Behave, mapper_spec: Specification) -> None:
    behave("good")
    run = run_mapper(mapper_spec)
    assert run.broken == ()
    assert run.result.cycles == 16
    again = embedded(replace(mapper_spec, mapping=run.mapping))
    assert again.cycles == run.result.cycles
    assert again.energy == near(run.result.energy, rel=1e-4)


def test_search_is_the_real_mappers(behave: Behave) -> None:
    behave("good")
    found = search([RUNS / "mapper.yaml"], "edp", engine="timeloop")
    mapping, result = found
    assert result["engine"] == "timeloop"
    report = result["search"]
    assert report["value"] == result["energy_J"] * result["cycles"]
    assert (report["optimal"], report["bound"], report["broken_constraints"]) == (False, None, [])
    assert set(mapping.levels) >= {"edram", "inter_row_spatial"}
    embedded_keys = search([RUNS / "mapper.yaml"], "edp")[1]["search"]
    assert set(embedded_keys) <= set(report)
    with pytest.raises(InputError, match="unknown objective 'speed'"):
        search([RUNS / "mapper.yaml"], "speed", engine="timeloop")  # type: ignore[arg-type]


def test_map_command_passes_options_on(behave: Behave, tmp_path: Path) -> None:
    behave("good")
    runner = CliRunner()
    arguments = ["map", str(RUNS / "mapper.yaml"), "--engine", "timeloop", "--threads", "1"]
    done = runner.invoke(cli, [*arguments, "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "the best that timeloop-mapper found (random_pruned)" in done.output
    again = read_specification(RUNS / "mapper.yaml", mapping=tmp_path / "out" / "mapping.yaml")
    assert again.mapping is not None
    done = runner.invoke(cli, [*arguments, "--algorithm", "magic"])
    assert isinstance(done.exception, InputError)
    assert "unknown algorithm 'magic'" in str(done.exception)


def test_estimators_are_named(behave: Behave, model_spec: Specification) -> None:
    behave("good", STANDIN_ACCELERGY="1")
    run = run_model(replace(model_spec, ert=None, art=None))
    assert run.estimators["adc"] == "RedTimeloopAdc"
    assert run.result.area > 0


FAILURES = [
    ("nothing", "timeloop-model.stats.txt is empty: [  0] STATEMENT: 500 invalid mappings (500"),
    ("cut", "the stats file is cut off: it has no summary"),
    ("dropped", "mapped 288 computes, the problem has 8192: constraints or a mapping"),
    ("capacity", "ERROR: couldn't map level edram: mapped tile size 144 exceeds buffer capacity"),
    ("estimator", "stats.txt is missing: Accelergy has no energy estimator for 'no_such_part'"),
    ("range", "InputError: resolution: out of range: 99 (legal: 1 .. 16)"),
    ("unnamed", "no estimator is named for 'adc'"),
    ("silent", "ended with exit code 3"),
    ("frontend", "ValueError: Expected one of ('spatial', 'temporal'), got 3"),
]


@pytest.mark.parametrize(("how", "expected"), FAILURES)
def test_failures_say_why_and_keep_the_output(
    behave: Behave, model_spec: Specification, tmp_path: Path, how: str, expected: str
) -> None:
    behave(how)
    with pytest.raises(TimeloopError) as caught:
        run_model(model_spec, output=tmp_path / "run")
    assert expected in str(caught.value)
    assert not (tmp_path / "run").exists()
    kept = tmp_path / "run.failed"
    assert f"output kept in {kept}" in str(caught.value)
    assert (kept / "specification.yaml").is_file()


def test_time_limit_kills_the_children(
    behave: Behave, model_spec: Specification, tmp_path: Path
) -> None:
    behave("hang")
    begun = time.perf_counter()
    with pytest.raises(TimeloopError, match="ended at the time limit of 2 s"):
        run_model(model_spec, output=tmp_path / "run", seconds=2)
    assert time.perf_counter() - begun < 20
    child = int((tmp_path / "child").read_text())
    for _ in range(50):  # the kernel takes a moment to bury it
        if not alive(child):
            break
        time.sleep(0.1)
    assert not alive(child)


def alive(process: int) -> bool:
    """Return whether a process runs; one that is dead but not yet waited for does not."""
    stat = Path(f"/proc/{process}/stat")
    if not stat.exists():
        try:
            os.kill(process, 0)
        except OSError:
            return False
        return not Path("/proc/self").exists()
    return stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_whole_runs_are_kept_under_their_name(
    behave: Behave, model_spec: Specification, tmp_path: Path
) -> None:
    behave("good")
    run = run_model(model_spec, output=tmp_path / "deep" / "run")
    assert run.folder == tmp_path / "deep" / "run"
    assert (run.folder / "timeloop-model.stats.txt").is_file()
    with pytest.raises(InputError, match="exists already"):
        run_model(model_spec, output=run.folder)


def test_nothing_is_left_without_an_output_folder(
    behave: Behave, model_spec: Specification, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behave("good")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert isinstance(run_model(model_spec), Run)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_a_shell_would_misread_is_refused(
    behave: Behave, model_spec: Specification, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    behave("good")
    odd = tmp_path / "$(touch gone)"
    odd.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(odd))
    with pytest.raises(TimeloopError, match="timeloopfe cannot work below this folder"):
        run_model(model_spec)


def test_missing_tools_are_named(
    behave: Behave, model_spec: Specification, monkeypatch: pytest.MonkeyPatch
) -> None:
    behave("good")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    with pytest.raises(TimeloopError, match="timeloopfe cannot be imported: ModuleNotFound"):
        run_model(model_spec)
    monkeypatch.setenv(tools.PYTHON_VARIABLE, "/nowhere/python")
    with pytest.raises(TimeloopError, match="No such file"):
        run_model(model_spec)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(TimeloopError, match="timeloop-model is not on PATH"):
        run_model(model_spec)


def test_specifications_that_cannot_be_run(behave: Behave, model_spec: Specification) -> None:
    behave("good")
    with pytest.raises(InputError, match="no file has a mapping"):
        run_model(replace(model_spec, mapping=None))
    with pytest.raises(InputError, match="no file has a problem"):
        run_mapper(replace(model_spec, problem=None))
    assert model_spec.problem is not None
    long = replace(model_spec.problem, dimensions=("channel",), sizes={"channel": 4})
    with pytest.raises(InputError, match="Timeloop cannot read the dimension 'channel'"):
        run_mapper(replace(model_spec, problem=long))


def test_search_options_are_checked_and_passed() -> None:
    section = SearchOptions(num_threads=3, victory_condition=7).section()
    assert (section["num_threads"], section["victory_condition"]) == (3, 7)
    assert section["algorithm"] == "random_pruned"
    with pytest.raises(InputError, match="unknown algorithm 'magic' "):
        SearchOptions(algorithm="magic").section()
    with pytest.raises(InputError, match="num_threads"):
        SearchOptions(num_threads=0).section()


def test_broken_constraints_are_named(mapper_spec: Specification, behave: Behave) -> None:
    behave("good")
    mapping = run_mapper(mapper_spec).mapping
    problem, constraints = mapper_spec.problem, mapper_spec.constraints
    assert problem is not None
    edram = mapping.levels["edram"]
    loops = (("C", 2), ("Q", 2))
    changed = {
        **mapping.levels,
        "edram": replace(edram, temporal=loops, keep=("Weights",), bypass=("Inputs", "Outputs")),
    }
    temporal = replace(constraints.levels["edram"].temporal, permutation=("Q", "C"))
    levels = {
        **constraints.levels,
        "edram": replace(constraints.levels["edram"], temporal=temporal),
    }
    found = broken_constraints(
        replace(mapping, levels=changed),
        mapper_spec.architecture,
        problem,
        replace(constraints, levels=levels),
    )
    assert found == [
        "edram: C=2 breaks C=1",
        "edram: Inputs is bypassed, not kept",
        "edram: Outputs is bypassed, not kept",
        "edram: Weights is kept, not bypassed",
        "edram: the order CQ breaks the permutation QC",
    ]


REAL = pytest.mark.timeloop


@pytest.fixture
def real() -> None:
    """Skip where the real tools are not there."""
    if missing := tools.find_tools().missing("model"):
        pytest.skip(missing)


@REAL
@pytest.mark.usefixtures("real")
def test_real_model_agrees(model_spec: Specification) -> None:
    found, ours = run_model(model_spec).result, embedded(model_spec)
    for name, level in found.levels.items():
        for space, counts in level.data_spaces.items():
            mine = ours.levels[name].data_spaces[space]
            assert replace(counts, energy=mine.energy) == mine
    assert found.energy == near(ours.energy, rel=1e-4)


@REAL
@pytest.mark.usefixtures("real")
def test_real_accelergy_uses_the_plug_in(model_spec: Specification) -> None:
    run = run_model(replace(model_spec, ert=None, art=None))
    assert run.estimators["adc"] == "RedTimeloopAdc"
    assert set(run.estimators) >= {"edram", "row_driver", "cell", "array"}
    ert, art = price(model_spec.architecture)
    ours = embedded(replace(model_spec, ert=ert, art=art))
    assert run.result.energy == near(ours.energy, rel=1e-4)
    assert run.result.area == near(ours.area, rel=1e-4)


@REAL
@pytest.mark.usefixtures("real")
def test_real_mapper_finds_a_mapping(mapper_spec: Specification) -> None:
    run = run_mapper(mapper_spec, SearchOptions(num_threads=1, victory_condition=20))
    assert run.result.computes == 8192
    assert run.broken == ()


@REAL
@pytest.mark.usefixtures("real")
def test_real_failure_is_explained(model_spec: Specification, tmp_path: Path) -> None:
    levels = tuple(
        replace(level, subclass="no_such_part") if level.name == "adc" else level
        for level in model_spec.architecture.levels
    )
    architecture = replace(model_spec.architecture, levels=levels)
    with pytest.raises(TimeloopError, match="no energy estimator for 'no_such_part'"):
        run_model(
            replace(model_spec, architecture=architecture, ert=None, art=None),
            output=tmp_path / "run",
        )
