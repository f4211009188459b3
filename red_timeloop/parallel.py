"""Processes beside this one: how many, how they end, and work dealt to them."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

from red_timeloop.errors import InputError, WorkerError

__all__ = ["deal", "processes", "stopping_workers"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def processes(jobs: int) -> int:
    """Return the number of processes that `jobs` stands for.

    Raises:
        InputError: The number is not legal.
    """
    if jobs == 0 or jobs < -1:
        raise InputError(
            f"got {jobs}", key="jobs", legal="a whole number from 1, or -1: one a core"
        )
    if jobs > 0:
        return jobs
    import joblib

    return int(joblib.cpu_count())


@lru_cache(maxsize=1)
def serve(parent: int) -> None:
    """Leave interrupts to the parent, which kills its workers, and end when it was killed itself.

    A terminal sends Ctrl-C to workers too, and loky's would print where they were; without their
    parent they would wait for work for five minutes.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def stopping_workers() -> Iterator[None]:
    """Kill the workers when the block fails: they are in the middle of what nobody waits for."""
    from joblib.externals.loky import get_reusable_executor

    try:
        yield
    except BaseException:
        get_reusable_executor().shutdown(wait=False, kill_workers=True)
        raise


def deal(
    work: Callable[[_Item], _Result], items: Sequence[_Item], jobs: int
) -> Iterator[tuple[int, _Result]]:
    """Yield `(number of the item, work(item))` as processes of their own end them, in any order.

    Items go one by one, since each is much work; arrays travel in messages, not in files.

    Args:
        work: A function of a module; what it takes and returns travels between processes.
        items: What to work on, the longest work first if that is known.
        jobs: Processes.

    Raises:
        WorkerError: A process ended before its work did.
    """
    import joblib
    from joblib.externals.loky.process_executor import BrokenProcessPool

    numbered = joblib.delayed(_numbered)
    try:
        with stopping_workers(), joblib.parallel_config(backend="loky", n_jobs=jobs):
            parallel = joblib.Parallel(
                return_as="generator_unordered", batch_size=1, max_nbytes=None
            )
            parent = os.getpid()
            for number, packed in parallel(
                numbered(work, n, item, parent) for n, item in enumerate(items)
            ):
                yield number, _unpacked(packed)
    except BrokenProcessPool as error:
        raise WorkerError(
            "a worker process ended before its work did (killed, or out of memory?)"
        ) from error


def _unpacked(packed: bytes) -> Any:
    """Return what was packed: all of it is kept, so that looking for garbage takes longest."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        return pickle.loads(packed)
    finally:
        if collecting:
            gc.enable()


def _numbered(
    work: Callable[[_Item], _Result], number: int, item: _Item, parent: int
) -> tuple[int, bytes]:
    """Do the work; joblib would pack what it gives three times slower."""
    if os.getpid() != parent:  # of one process it is the parent that works
        serve(parent)
    return number, pickle.dumps(work(item), pickle.HIGHEST_PROTOCOL)
