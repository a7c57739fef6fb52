"""Dask for a bench: worker processes on this machine, or a cluster that is there already.

Each job is one task. A worker process that dies takes its own job along and no other: Dask starts the process
again and gives the job one more chance.
"""

import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, Queue
from time import monotonic
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from recosim.errors import BenchError
from recosim.scenarios.bench.jobs import Order, Outcome

SCHEMES = ("tcp", "tls", "ws", "wss", "ucx")
CONNECT_S = 10
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR")}
SETTINGS = {
    "distributed.scheduler.allowed-failures": 1,
    # a worker holds the job it does and no other, so that its death is charged to the right one
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.nanny.pre-spawn-environ": ONE_THREAD,
    "distributed.comm.timeouts.connect": f"{CONNECT_S}s",
}
NO_LEAK_TOLD = "ignore::UserWarning:multiprocessing.resource_tracker"
WAIT_FOR_WORKERS_S = 30
LOOK_EVERY_S = 2.0


@contextmanager
def dask_client(workers: int, scheduler: str | None) -> Iterator[Any]:
    """Connect to a cluster, or start one of ``workers`` processes with one thread each.

    Raises
    ------
    BenchError
        There is no scheduler at the address, or it has no workers.
    """
    import dask
    from distributed import Client

    with _quiet(), dask.config.set(SETTINGS):
        if scheduler is None:
            with _local(workers) as cluster, Client(cluster, set_as_default=False) as client:
                yield client
            return
        try:
            _knock(scheduler)  # a client that never connected complains when it is thrown away
            client = Client(scheduler, set_as_default=False, timeout=f"{CONNECT_S}s")
        except (OSError, ValueError) as error:
            raise BenchError(
                f"--scheduler {scheduler}: no Dask scheduler answers there ({_first_line(error)}); start one "
                "with dask scheduler, and give the address it prints, such as tcp://10.0.0.5:8786"
            ) from error
        try:
            _await_workers(client, scheduler)
            yield client
        finally:
            client.close(timeout=5)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask from logging what becomes an error of ours, or is no error: a worker that is told to end."""
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "distributed"]
    before = {name: logging.getLogger(name).level for name in names}
    try:
        for name in names:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def _knock(scheduler: str) -> None:
    parts = urlsplit(scheduler)
    if parts.scheme not in SCHEMES or not parts.hostname or not parts.port:
        raise ValueError(f"not an address of the form tcp://host:port, nor of {', '.join(SCHEMES[1:])}")
    socket.create_connection((parts.hostname, parts.port), timeout=CONNECT_S).close()


@contextmanager
def _local(workers: int) -> Iterator[Any]:
    from distributed import LocalCluster

    with _no_leak_told():
        cluster: Any = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # any port that is free
            memory_limit=0,
            silence_logs=logging.CRITICAL,
            env=ONE_THREAD,
            preload=["recosim.scenarios.bench.worker"],
        )
    try:
        yield cluster
    finally:
        cluster.close(timeout=5)


@contextmanager
def _no_leak_told() -> Iterator[None]:
    """Keep Python's tracker, which begins with the first process, from telling what a dead worker leaked."""
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = ",".join([*([before] if before else []), NO_LEAK_TOLD])
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before


def _await_workers(client: Any, scheduler: str) -> None:
    try:
        client.wait_for_workers(1, timeout=WAIT_FOR_WORKERS_S)
    except TimeoutError as error:
        raise BenchError(
            f"--scheduler {scheduler}: the scheduler has no workers after {WAIT_FOR_WORKERS_S} s; start some "
            f"with dask worker {scheduler}"
        ) from error


def outcomes(
    client: Any, orders: Sequence[Order], work: Callable[[Order], Outcome]
) -> Iterator[tuple[Order, Outcome]]:
    """Do all jobs and hand out each outcome as it comes, in any order.

    Raises
    ------
    BenchError
        The scheduler is gone, or has had no workers for a while.
    """
    from recosim.scenarios.bench.task import call, packed

    ended: Queue[tuple[int, Any]] = Queue()
    futures = []
    session = uuid4().hex[:8]
    for number, order in enumerate(orders):
        key = f"{order.job.name}-{session}-{number}"
        future = client.submit(call, packed(work, order), key=key, pure=False)
        future.add_done_callback(lambda done, number=number: ended.put((number, done)))
        futures.append(future)
    left = len(futures)
    seen_workers = monotonic()
    try:
        while left:
            try:
                number, future = ended.get(timeout=LOOK_EVERY_S)
            except Empty:
                seen_workers = _look(client, seen_workers)
                continue
            left -= 1
            yield orders[number], _outcome(client, future)
            future.release()
            seen_workers = monotonic()
    finally:
        with suppress(Exception):
            client.cancel(futures)


def _look(client: Any, seen_workers: float) -> float:
    """Find out whether anybody is still at work; returns when workers were last seen."""
    if client.status != "running":
        raise BenchError(f"the Dask scheduler is gone; {_again()}")
    try:
        there = bool(client.nthreads())
    except Exception as error:
        raise BenchError(f"the Dask scheduler does not answer ({_first_line(error)}); {_again()}") from error
    if there:
        return monotonic()
    if monotonic() - seen_workers > WAIT_FOR_WORKERS_S:
        raise BenchError(
            f"the Dask scheduler has had no workers for {WAIT_FOR_WORKERS_S} s; start some, and {_again()}"
        )
    return seen_workers


def _again() -> str:
    return "give the same command again: runs that are finished are not repeated"


def _outcome(client: Any, future: Any) -> Outcome:
    if future.status == "finished":
        outcome: Outcome = future.result()
        return outcome
    if future.status in ("cancelled", "lost"):
        raise BenchError(f"the Dask scheduler is gone or has dropped a run; {_again()}")
    error = future.exception()
    if type(error).__name__ == "KilledWorker":
        return Outcome(
            error="the worker process died each time: code of the controller ended it, or memory ran out"
        )
    if isinstance(error, ImportError):
        return Outcome(error=f"the worker cannot import recosim ({_first_line(error)}); install it there")
    return Outcome(error=f"the worker failed: {type(error).__name__}: {_first_line(error)}")


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
