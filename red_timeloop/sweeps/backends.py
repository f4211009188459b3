"""Where the blocks are evaluated: in this process, in others beside it, or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any

from red_timeloop.errors import InputError, WorkerError, shown
from red_timeloop.parallel import deal, processes
from red_timeloop.resources import model_version
from red_timeloop.sweeps.errors import SweepError
from red_timeloop.sweeps.evaluation import Outcome, Task, evaluate_task

__all__ = ["Evaluate", "workers"]

# Yields (position of the task, its outcomes) as tasks end, in any order.
Evaluate = Callable[[Sequence[Task]], Iterator[tuple[int, tuple[Outcome, ...]]]]

_CONNECT_SECONDS = 20


@contextmanager
def workers(jobs: int = 1, address: str | None = None) -> Iterator[Evaluate]:
    """Give something that evaluates tasks.

    Args:
        jobs: Processes on this machine; 1 for none but this one, -1 for one a core.
        address: Address of a Dask scheduler, e.g. `tcp://host:8786`, to use in their place. Its
            workers need this package.

    Raises:
        InputError: The number of jobs, or the address, is not legal.
        SweepError: A worker ended before its task did, or there is no scheduler.
    """
    count = processes(jobs)
    if address is not None:
        with _dask(address) as evaluate:
            yield evaluate
    elif count == 1:
        yield lambda tasks: enumerate(map(evaluate_task, tasks))
    else:
        try:
            with ExitStack() as ending:
                yield lambda tasks: ending.enter_context(closing(deal(evaluate_task, tasks, count)))
        except WorkerError as error:
            raise SweepError(
                f"{error}; its points are not stored, all others are: run the same command to go on"
            ) from error


@contextmanager
def _dask(address: str) -> Iterator[Evaluate]:
    try:
        import distributed
        from distributed.comm.addressing import parse_address, parse_host_port
        from distributed.comm.core import CommClosedError
        from distributed.scheduler import KilledWorker
    except ImportError as error:
        raise SweepError(
            "a cluster needs Dask: pip install dask distributed here and on the workers"
        ) from error
    try:
        parse_host_port(parse_address(address)[1])
    except ValueError as error:
        raise InputError(
            f"got {shown(address)}", key="address", legal="host and port, e.g. tcp://host:8786"
        ) from error
    try:
        connect: Any = distributed.Client
        client = connect(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise SweepError(f"{address}: no Dask scheduler answers there ({error})") from error
    try:
        yield partial(_spread, client, partial(_evaluate_alike, model_version()))
    except KilledWorker as error:
        raise SweepError(
            f"{address}: a worker was lost several times with the same points; all others are "
            "stored: run the same command to go on"
        ) from error
    except (CommClosedError, distributed.CancelledError) as error:
        raise SweepError(
            f"{address}: the scheduler is gone; points that came back before are stored"
        ) from error
    finally:
        client.close()


def _spread(
    client: Any, evaluate: Callable[[Task], tuple[Outcome, ...]], tasks: Sequence[Task]
) -> Iterator[tuple[int, tuple[Outcome, ...]]]:
    """Evaluate tasks on a cluster's workers.

    Not with joblib, which evaluates here where a cluster has one worker, and waits without end
    for a task that was lost.
    """
    import distributed

    numbers = {client.submit(evaluate, task, pure=False): n for n, task in enumerate(tasks)}
    finished: Any = distributed.as_completed  # without types
    for future in finished(list(numbers), loop=client.loop):
        yield numbers.pop(future), future.result()


def _evaluate_alike(version: Mapping[str, str], task: Task) -> tuple[Outcome, ...]:
    """Evaluate a task where the models are those of `version`, under whose key they are stored."""
    if version != model_version():
        raise SweepError(f"a worker has other models ({model_version()}) than this ({version})")
    return evaluate_task(task)
