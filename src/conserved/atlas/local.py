"""A sweep on processes of this machine, by loky; only we write the results file."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib.util import find_spec
from threading import Thread
from time import sleep
from typing import TYPE_CHECKING

from conserved.atlas.case import Case
from conserved.atlas.compute import compute, failure
from conserved.atlas.results import Result

if TYPE_CHECKING:
    from loky import ProcessPoolExecutor

DIED = "the processes that tried it died, perhaps for lack of memory"
_TRIES = 4  # of a problem whose process dies
_LOOK = 0.5  # seconds between two looks at who started a process
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def installed() -> bool:
    """Whether loky is here."""
    return find_spec("loky") is not None


def local_results(
    cases: Sequence[Case], seed: int, budget: float | None, jobs: int
) -> Iterator[Result]:
    """Results in the order they are found, by processes of this machine that end with us.

    Where one dies, the problems that were under way are tried again, each alone, so that none
    takes the blame of another: four times in all.
    """
    waiting, alone, deaths = deque(cases), deque[Case](), Counter[Case]()
    while waiting or alone:
        queue, width = (alone, 1) if alone else (waiting, jobs)
        running: dict[Future[Result], Case] = {}
        with _pool(min(width, len(queue))) as pool:
            try:
                while queue or running:
                    while queue and len(running) < width:
                        with _deaf_to_ctrl_c():  # processes start with the first problems
                            future = pool.submit(compute, queue[0], seed, budget)
                        running[future] = queue.popleft()
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        result = future.result()
                        del running[future]
                        yield result
            except BrokenProcessPool:
                deaths.update(running.values())
        alone.extend(case for case in running.values() if deaths[case] < _TRIES)
        for case in running.values():
            if deaths[case] >= _TRIES:
                yield failure(case, seed, budget, DIED)


@contextmanager
def _pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Processes with one BLAS thread each, as they share the cores out; ended at once."""
    from loky import ProcessPoolExecutor
    from loky.backend import resource_tracker

    resource_tracker.ensure_running()  # when it starts it lifts the mask of signals
    pool = ProcessPoolExecutor(
        jobs, initializer=_end_with, initargs=(os.getpid(),), env=dict.fromkeys(_THREADS, "1")
    )
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, kill_workers=True)


def _end_with(parent: int) -> None:
    """In a process that was started: leave where whoever started it was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            sleep(_LOOK)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Threads and processes started inside leave Ctrl-C to us, and we end them."""
    if sys.platform == "win32":
        yield
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
