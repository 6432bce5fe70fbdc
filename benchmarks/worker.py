"""One sample in a fresh process: cold caches, its own peak memory, one warm-up call.

The parent sends a job as JSON on stdin and reads the answer on stdout. Jobs: ``closures`` runs
``lie_closure`` on a list of problems; ``analyses`` does the same with ``conserved.analyze``,
reasons included; ``rank`` is the floor, one dense rank by python-flint.
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
    route: str = "auto"  # of the closure; an analysis takes its own
    flow: str = "gradient"


@dataclass(frozen=True)
class Answer:
    """What one closure said, or the one that an analysis is about.

    Args:
        seconds: of the closure, or of the whole analysis.
        lower: laws found and named; a closure alone finds none.
        upper, parameters, ranks, evaluations: of the closure.
        closed: it is closed, and its bound proved.
    """

    seconds: float
    lower: int
    upper: int
    parameters: int
    ranks: tuple[int, ...]
    evaluations: int
    closed: bool


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


def environment() -> dict[str, str]:
    """For child processes: this checkout importable, and byte code cached as for any user."""
    child = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return child | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}


def closures(tasks: Sequence[Task], warm_up: Task) -> Sample:
    """Time ``lie_closure`` on the tasks, in order, in a fresh process, the warm-up untimed."""
    return _sample("closures", tasks, warm_up)


def analyses(tasks: Sequence[Task], warm_up: Task) -> Sample:
    """The same for the whole ``conserved.analyze``: both closures, the laws and the reasons."""
    return _sample("analyses", tasks, warm_up)


def command(
    arguments: Sequence[str], statuses: Sequence[int] = (0,), folder: Path = ROOT
) -> tuple[float, str]:
    """Seconds and output of ``python ARGUMENTS``, a whole process; another status is an error."""
    start = perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
    )
    seconds = perf_counter() - start
    if done.returncode not in statuses:
        raise RuntimeError(f"python {' '.join(arguments)}: {done.returncode}\n{done.stderr}")
    return seconds, done.stdout


def _sample(job: str, tasks: Sequence[Task], warm_up: Task) -> Sample:
    said = _ask({"job": job, "tasks": [asdict(task) for task in tasks], "warm_up": asdict(warm_up)})
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
def timed_section() -> Iterator[None]:
    """Start without garbage, and collect none before the end."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _run_closures(job: dict[str, Any]) -> dict[str, Any]:
    from conserved import Problem, analyze, lie_closure

    def ready(task: dict[str, Any]) -> Callable[[], Any]:
        seed, route = task.pop("seed"), task.pop("route")
        problem = Problem.from_text(**task)
        if job["job"] == "analyses":
            return lambda: analyze(problem, seed=seed)
        return lambda: lie_closure(problem, seed=seed, route=route)

    calls = [ready(task) for task in job["tasks"]]
    ready(job["warm_up"])()
    found, marks = [], [0.0] * (len(calls) + 1)
    with timed_section():
        marks[0] = perf_counter()
        for index, call in enumerate(calls):
            found.append(call())
            marks[index + 1] = perf_counter()
    answers = [_answer(marks[i + 1] - marks[i], said) for i, said in enumerate(found)]
    return asdict(Sample(marks[-1] - marks[0], _peak_mb(), tuple(answers)))


def _answer(seconds: float, said: Any) -> Answer:
    lower, closure = 0, said
    if hasattr(said, "closure"):  # an analysis
        lower, closure = said.count.lower, said.closure
    return Answer(
        seconds=seconds,
        lower=lower,
        upper=closure.upper,
        parameters=closure.parameters,
        ranks=closure.ranks,
        evaluations=closure.evaluations,
        closed=closure.closed and closure.rigorous,
    )


def _run_rank(job: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    from conserved.arithmetic.exact import to_flint
    from conserved.kernel.primes import BLAS_PRIMES
    from conserved.kernel.scalars import Array

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
    if rank < size - 3:  # probability about p^-16
        raise AssertionError(f"a random {size}×{size} matrix of rank {rank}")
    return asdict(Floor(middle - start, end - middle))


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
    run = _run_rank if job["job"] == "rank" else _run_closures
    answer = run(job)
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
