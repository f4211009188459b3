"""Running a program with a time limit, and killing all of it when the limit is reached."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

__all__ = ["run_limited"]

_GRACE = 2.0  # seconds between asking and killing


def run_limited(
    command: Sequence[str],
    *,
    folder: Path,
    log: Path,
    seconds: float,
    environment: Mapping[str, str] | None = None,
) -> int | None:
    """Run `command` in `folder`, its output going to `log`.

    It gets a process group of its own, so that at the limit (or when this process is interrupted)
    whatever it has started is killed with it.

    Returns:
        The exit code; None when the time limit was reached.
    """
    process: subprocess.Popen[bytes] | None = None
    with log.open("ab") as stream:
        try:
            with _signals_held_back():
                process = subprocess.Popen(
                    list(command),
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    env=None if environment is None else dict(environment),
                    start_new_session=True,
                )
            return process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process is not None:
                _kill_group(process)


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """Handle SIGINT and SIGTERM afterwards: what starts meanwhile has a name to be ended by."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seen: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {each: signal.signal(each, lambda number, _: seen.append(number)) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler or signal.SIG_DFL)
        for number in seen:
            signal.raise_signal(number)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End the whole group; its leader may be gone already while its children still run."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_GRACE)
