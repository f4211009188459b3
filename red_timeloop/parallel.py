"""Processes beside this one: how many, how they end, and work dealt to them."""

from __future__ import annotations

import gc
import multiprocessing
import multiprocessing.resource_tracker
import os
import pickle
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

from red_timeloop.errors import InputError, WorkerError

__all__ = ["deal", "processes"]

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
def _workers(count: int) -> Iterator[Any]:
    """Give an executor; where the block fails its processes are killed, for nobody waits for them.

    They are forked, which takes no second as starting them does, unless there is a thread that may
    hold a lock at that moment, which no copy of it would let go.
    """
    from joblib.externals.loky import ProcessPoolExecutor, get_reusable_executor
    from joblib.externals.loky.backend import resource_tracker

    forked = sys.platform == "linux" and threading.active_count() == 1
    if forked:
        executor = ProcessPoolExecutor(count, context=multiprocessing.get_context("fork"))
    else:  # what loky and Python start beside it lets interrupts in again, and so starts first
        resource_tracker.ensure_running()
        multiprocessing.resource_tracker.ensure_running()
        executor = get_reusable_executor(max_workers=count)
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False, kill_workers=True)
        raise
    if forked:
        executor.shutdown()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put interrupts off: what is started in the block never gets any, not before `serve` either.

    A process that is interrupted while it imports would print where it was.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def deal(
    work: Callable[[_Item], _Result], items: Sequence[_Item], jobs: int
) -> Generator[tuple[int, _Result]]:
    """Yield `(number of the item, work(item))` as they end, in any order.

    This process works too: the others, which may take a second to start, take items from the front,
    and it takes them from the end. Closing the generator kills them.

    Args:
        work: A function of a module; what it takes and returns travels between processes.
        items: What to work on, the longest work first if that is known.
        jobs: Processes, this one among them.

    Raises:
        WorkerError: A process ended before its work did.
    """
    waiting = deque(enumerate(items))
    if jobs == 1 or len(waiting) < 2:
        yield from ((number, work(item)) for number, item in waiting)
        return
    from joblib.externals.loky.process_executor import BrokenProcessPool

    others = jobs - 1
    running: dict[Future[bytes], int] = {}
    try:
        with _workers(others) as executor:
            while waiting or running:
                fair = -(-len(waiting) * others // jobs)  # this process takes the rest
                with _uninterrupted():
                    for _ in range(min(fair, 2 * others - len(running))):
                        number, item = waiting.popleft()
                        running[executor.submit(_packed, work, item, os.getpid())] = number
                if waiting:
                    number, item = waiting.pop()
                    yield number, work(item)
                else:
                    wait(running, return_when=FIRST_COMPLETED)
                for done in [each for each in running if each.done()]:
                    yield running.pop(done), _unpacked(done.result())
    except BrokenProcessPool as error:
        raise WorkerError(
            "a worker process ended before its work did (killed, or out of memory?)"
        ) from error


def _packed(work: Callable[[_Item], _Result], item: _Item, parent: int) -> bytes:
    """Do the work; loky would pack what it gives three times slower."""
    serve(parent)
    return pickle.dumps(work(item), pickle.HIGHEST_PROTOCOL)


def _unpacked(packed: bytes) -> Any:
    """Return what was packed: all of it is kept, so that looking for garbage takes longest."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        return pickle.loads(packed)
    finally:
        if collecting:
            gc.enable()
