"""A sweep on the cores of this machine: one process a core, one problem at a time in each."""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Thread

from conserved.atlas.case import Case
from conserved.atlas.compute import compute, failure
from conserved.atlas.results import Result
from conserved.errors import ConservedError

_AHEAD = 2  # problems handed out per worker, so that none waits for us
_ONE_THREAD = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
_DIED = "its process died, perhaps for lack of memory; computed alone, it died again"


def local_results(
    cases: Sequence[Case], seed: int, budget: float | None, jobs: int
) -> Iterator[Result]:
    """Results in the order they are found; close the iterator to stop the workers.

    When a worker dies, the problems then in flight are computed again one by one: only the one
    that dies alone has failed.

    Raises:
        ConservedError: workers that do not start at all.
    """
    waiting = deque(cases)
    while waiting:
        for case in (yield from _until_a_worker_dies(waiting, seed, budget, jobs)):
            if (yield from _until_a_worker_dies(deque([case]), seed, budget, 1)):
                yield failure(case, seed, budget, _DIED)


def cores() -> int:
    """Cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _until_a_worker_dies(
    waiting: deque[Case], seed: int, budget: float | None, jobs: int
) -> Generator[Result, None, list[Case]]:
    """Work off the queue; the return value is what was in flight when a worker died."""
    jobs = min(jobs, len(waiting))
    flying: dict[Future[Result], Case] = {}
    with _workers(jobs) as pool:
        try:
            while waiting or flying:
                while waiting and len(flying) < _AHEAD * jobs:
                    with _worker_settings():
                        future = pool.submit(compute, waiting[0], seed, budget)
                    flying[future] = waiting.popleft()
                done, _ = wait(flying, return_when=FIRST_COMPLETED)
                for future in done:
                    result = future.result()
                    del flying[future]
                    yield result
        except BrokenProcessPool:
            pass
    return list(flying.values())


@contextmanager
def _workers(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Workers that start clean and end with us, however we end."""
    context = get_context("spawn")  # a fork would copy our threads' locks
    lifeline, ours = context.Pipe(duplex=False)
    # Made first: it starts the resource tracker, which lifts the mask on Ctrl-C again.
    pool = ProcessPoolExecutor(jobs, context, initializer=_bind, initargs=(lifeline,))
    with _worker_settings():
        started = [pool.submit(os.getpid) for _ in range(jobs)]
    try:
        _require_start(started[0])
        yield pool
    finally:
        ours.close()  # ends the workers, also amid a long closure
        pool.shutdown(cancel_futures=True)
        lifeline.close()


def _require_start(started: Future[int]) -> None:
    try:
        started.result()
    except BrokenProcessPool as error:
        raise ConservedError(
            "the worker processes do not start; a script has to call sweep(…) under "
            "`if __name__ == '__main__':`"
        ) from error


@contextmanager
def _worker_settings() -> Iterator[None]:
    """What a process started now inherits: one BLAS thread, and deafness to Ctrl-C.

    Both have to hold before the worker's first import. Ctrl-C reaches us alone, and we end them.
    """
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    if sys.platform != "win32":
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        if sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _bind(lifeline: Connection) -> None:
    """In a worker: wait, aside, for the other end of the pipe to close."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    try:
        lifeline.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)
