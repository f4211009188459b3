"""`--quiet`, `--verbose`, progress, exit codes, colours and completion: alike on every command."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from red_timeloop.cli.main import cli

COMMAND = [sys.executable, "-m", "red_timeloop.cli.main"]
NAMES = cli.list_commands(click.Context(cli))
SMALL = ["compare", "--layer", "FCN_Deconv1", "--engine", "embedded"]


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **variables},
    )


def run_on_terminal(*arguments: str, **variables: str) -> tuple[int, str]:
    """Exit code and what a terminal shows of standard output and standard error."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **variables}
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=follower, stderr=follower, stdin=follower, env=environment
    ) as process:
        os.close(follower)
        shown, end = b"", time.monotonic() + 60
        while time.monotonic() < end:
            if not select.select([leader], [], [], 1)[0]:
                continue
            try:
                piece = os.read(leader, 65536)
            except OSError:  # the last writer has closed
                break
            if not piece:
                break
            shown += piece
        os.close(leader)
        return process.wait(timeout=10), shown.decode()


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_the_options_and_one_voice(name: str) -> None:
    context = click.Context(cli)
    command = cli.get_command(context, name)
    assert command is not None
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"--quiet", "--verbose"} <= options
    summary = (command.help or "").split("\n\n")[0]
    assert summary.endswith("."), "a sentence"
    assert len(summary) <= 72, "that fits the list of commands"
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            words = (parameter.help or "").partition("[")[0].rstrip()
            assert not words[:1].islower() or words.startswith("timeloop-"), (
                f"{parameter.opts}: {words!r}"
            )
            assert words.endswith("."), f"{parameter.opts}: {words!r}"


def test_options_stand_before_or_after_the_command(tmp_path: Path) -> None:
    loud = run(*SMALL, "-o", str(tmp_path))
    assert "Wrote" in loud.stderr
    for arguments in (["--quiet", *SMALL], [*SMALL, "--quiet"]):
        quiet = run(*arguments, "-o", str(tmp_path))
        assert quiet.returncode == 0
        assert quiet.stderr == ""
        assert quiet.stdout == loud.stdout


def test_verbose_says_who_counted_and_shows_where_an_error_arose() -> None:
    done = run("--verbose", *SMALL)
    assert "embedded engine" in done.stderr
    assert "Took" in done.stderr
    wrong = run("compare", "nothing", "--verbose")
    assert wrong.returncode == 2
    assert "Traceback" in wrong.stderr
    assert wrong.stderr.rstrip().splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in run("compare", "nothing").stderr


def test_quiet_and_verbose_exclude_each_other() -> None:
    done = run("--quiet", "list", "--verbose")
    assert done.returncode == 2
    assert "exclude each other" in done.stderr


def test_progress_is_for_terminals_only() -> None:
    done = run(*SMALL)
    assert done.stderr == ""
    code, shown = run_on_terminal(*SMALL)
    assert code == 0
    assert "FCN_Deconv1 on" in shown, "the bar names what runs"
    assert re.search(r"[0-4]/4", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)), "how many are done"
    code, shown = run_on_terminal(*SMALL, "--quiet")
    assert code == 0
    assert "FCN_Deconv1 on" not in shown


def test_colours_only_where_they_are_wanted() -> None:
    colour = "\x1b["
    assert colour not in run(*SMALL).stdout
    code, shown = run_on_terminal(*SMALL, "--quiet")
    assert code == 0
    assert "\x1b[1m" in shown or "\x1b[3" in shown
    _, plain = run_on_terminal(*SMALL, "--quiet", NO_COLOR="1")
    assert "\x1b[3" not in plain, "no colour"


def test_exit_codes() -> None:
    assert run("list").returncode == 0
    assert run("compare", "nothing").returncode == 2
    assert run("nothing").returncode == 2
    assert run("compare", "--nothing").returncode == 2


def test_a_closed_pipe_is_no_error() -> None:
    command = " ".join([*COMMAND, "list", "--format", "json"])
    done = subprocess.run(
        ["sh", "-c", f"{command} | head -n 1"], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_made(shell: str) -> None:
    done = run(_RED_TIMELOOP_COMPLETE=f"{shell}_source")
    assert "_RED_TIMELOOP_COMPLETE" in done.stdout


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("red-timeloop ", {"compare", "decompose", "draw", "report"}),
        ("red-timeloop compare red_", {"red_date2019"}),
        ("red-timeloop draw vo", {"voc_fcn8s"}),
        ("red-timeloop compare --design pad", {"padding_free"}),
        ("red-timeloop compare dcgan --hardware mono", {"monolithic_65nm"}),
    ],
)
def test_completion_knows_the_names(words: str, wanted: set[str]) -> None:
    count = len(words.split()) - (not words.endswith(" "))
    done = run(_RED_TIMELOOP_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(count))
    found = {line.partition(",")[2] for line in done.stdout.split()}
    assert wanted <= found


def test_completion_knows_the_layers_of_a_workload() -> None:
    words = "red-timeloop decompose red_date2019:GAN"
    done = run(
        _RED_TIMELOOP_COMPLETE="fish_complete", COMP_WORDS=words, COMP_CWORD=words.split()[-1]
    )
    found = {line.partition(",")[2] for line in done.stdout.split()}
    assert found == {f"red_date2019:GAN_Deconv{number}" for number in (1, 2, 3, 4)}


def test_interrupting_ends_with_130_and_one_line() -> None:
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "compare", "--all", "--engine", "embedded"],
        stdout=subprocess.DEVNULL,
        stderr=follower,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"},
    ) as process:
        os.close(follower)
        shown = b""
        while b" on " not in shown:  # the bar names the first layer: evaluations have begun
            shown += os.read(leader, 65536)
        process.send_signal(signal.SIGINT)
        try:
            while piece := os.read(leader, 65536):
                shown += piece
        except OSError:  # the process has closed its end
            pass
        assert process.wait(timeout=30) == 130
    os.close(leader)
    assert shown.decode().rstrip().endswith("Interrupted.")
    assert b"Traceback" not in shown


@pytest.mark.parametrize("module", ["click", "red_timeloop.comparison", "numpy", "yaml"])
def test_interrupting_an_import_ends_with_130_and_one_line(module: str, tmp_path: Path) -> None:
    """The signal comes when the command imports a module, before there is any work."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [*COMMAND, "compare", "--layer", "GAN_Deconv3"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Interrupted.\n")


def test_ending_the_command_ends_what_it_has_started(tmp_path: Path) -> None:
    """Timeloop runs in a session of its own, which a terminal or a supervisor does not end."""
    mark = tmp_path / "pid"
    code = (
        "import sys; from pathlib import Path; from red_timeloop.cli import main\n"
        "from red_timeloop.engines.timeloop import process\n"
        "def command():\n"
        f"    words = ['sh', '-c', 'echo $$ > {mark}.new; mv {mark}.new {mark}; sleep 60']\n"
        f"    folder = Path({str(tmp_path)!r})\n"
        "    process.run_limited(words, folder=folder, log=folder / 'log', seconds=60)\n"
        "main.cli.main = lambda **_: command()\n"
        "main.main([])"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        while not mark.exists():
            assert parent.poll() is None
        parent.terminate()
        assert parent.wait(timeout=60) == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)
