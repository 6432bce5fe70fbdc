"""One sample in a fresh process: cold caches, its own peak memory, one warm-up call.

The parent sends a job as JSON on stdin and reads the answer on stdout. Jobs: ``closures`` runs
``lie_closure`` on a list of problems; ``rank`` is the floor, one dense rank by python-flint.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.machine import ROOT

# a closure that outgrows this fails alone; without it, it would take the machine down with it
MOST_BYTES = 8 * 2**30
MOST_SECONDS = 600


@dataclass(frozen=True)
class Task:
    """A problem in the texts of the command line."""

    network: str
    symmetry: str = "none"
    labels: str = "invariant"
    seed: int = 0


@dataclass(frozen=True)
class Answer:
    """What one closure said."""

    seconds: float
    upper: int
    parameters: int
    ranks: tuple[int, ...]
    evaluations: int


@dataclass(frozen=True)
class Sample:
    """All closures of a job: wall time of the whole loop, and the peak of the process."""

    seconds: float
    peak_mb: float
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Floor:
    """Seconds for one random dense D×D matrix mod p: list → flint matrix, then its rank."""

    build: float
    rank: float
    rank_all_cores: float


def environment() -> dict[str, str]:
    """For child processes: this checkout importable, and byte code cached as for any user."""
    child = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return child | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}


def closures(tasks: Sequence[Task], warm_up: Task, collector: bool = False) -> Sample:
    """Time ``lie_closure`` on the tasks, in order, in a fresh process.

    Args:
        tasks: the problems.
        warm_up: called once before, untimed.
        collector: leave the garbage collector on. Memory is to be measured with it: tapes are
            reference cycles, and without it a closure with deep brackets keeps them all, 2.5 GB
            instead of 0.45 GB for ``linear:4-2-4`` under sign-permutations, which costs time too.
    """
    job = {"tasks": [asdict(task) for task in tasks], "warm_up": asdict(warm_up)}
    said = _ask({"job": "closures", **job, "collector": collector})
    answers = tuple(Answer(**{**a, "ranks": tuple(a["ranks"])}) for a in said.pop("answers"))
    return Sample(answers=answers, **said)


def floor(size: int, seed: int) -> Floor:
    """Time one size×size rank by python-flint, in a fresh process."""
    return Floor(**_ask({"job": "rank", "size": size, "seed": seed}))


def _ask(job: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.worker"],
        cwd=ROOT,
        env=environment(),
        input=json.dumps(job),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=MOST_SECONDS,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@contextmanager
def timed_section(collector: bool = False) -> Iterator[None]:
    """Start without garbage; unless asked otherwise, collect none before the end."""
    gc.collect()
    if not collector:
        gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _run_closures(job: dict[str, Any]) -> dict[str, Any]:
    from conserved import Problem, lie_closure

    def ready(task: dict[str, Any]) -> Callable[[], Any]:
        seed = task.pop("seed")
        problem = Problem.from_text(**task)
        return lambda: lie_closure(problem, seed=seed)

    calls = [ready(task) for task in job["tasks"]]
    ready(job["warm_up"])()
    found, marks = [], [0.0] * (len(calls) + 1)
    with timed_section(job["collector"]):
        marks[0] = perf_counter()
        for index, call in enumerate(calls):
            found.append(call())
            marks[index + 1] = perf_counter()
    answers = [
        Answer(marks[i + 1] - marks[i], c.upper, c.parameters, c.ranks, c.evaluations)
        for i, c in enumerate(found)
    ]
    return asdict(Sample(marks[-1] - marks[0], _peak_mb(), tuple(answers)))


def _run_rank(job: dict[str, Any]) -> dict[str, Any]:
    import flint
    import numpy as np

    from conserved.arithmetic.exact import to_flint
    from conserved.arithmetic.primes import BLAS_PRIMES
    from conserved.arithmetic.scalars import Array

    prime = BLAS_PRIMES[0]  # the closure's own default modulus
    size = job["size"]
    rng = np.random.default_rng(job["seed"])
    matrix: Array = rng.integers(0, int(prime), size=(size, size))
    to_flint(matrix[:8, :8], prime).rank()
    with timed_section():
        start = perf_counter()
        built = to_flint(matrix, prime)
        middle = perf_counter()
        rank = built.rank()  # one thread: what python-flint does unless told otherwise
        end = perf_counter()
        flint.ctx.threads = os.cpu_count() or 1
        built.rank()
        threaded = perf_counter() - end
    if rank < size - 3:  # probability about p^-16
        raise AssertionError(f"a random {size}×{size} matrix of rank {rank}")
    return asdict(Floor(middle - start, end - middle, threaded))


def _limit_memory() -> None:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MOST_BYTES if hard == resource.RLIM_INFINITY else min(MOST_BYTES, hard)
    with suppress(ValueError, OSError):  # macOS knows the limit but refuses to set it
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _peak_mb() -> float:
    """Peak resident memory of this process in 10^6 bytes."""
    try:
        # not ru_maxrss: Linux lets a child start from its parent's peak
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main() -> None:
    """Answer the job on stdin."""
    _limit_memory()
    job = json.load(sys.stdin)
    answer = {"closures": _run_closures, "rank": _run_rank}[job["job"]](job)
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
