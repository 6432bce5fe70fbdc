"""One sample in a fresh process: cold caches, its own peak memory, one warm-up call.

The parent sends a job as JSON on stdin and reads the answer on stdout. Jobs: ``closures`` runs
``lie_closure`` on a list of problems; ``analyses`` does the same with ``conserved.analyze``,
reasons included; ``rank`` is the floor, one dense rank by python-flint; ``elimination`` is one of
our own beside a float64 LU; ``certified`` is an analysis with its certificate and the check.
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
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.machine import ROOT

# a closure that outgrows this fails alone; without it, it would take the machine down with it
MOST_BYTES = 8 * 2**30
MOST_SECONDS = 600
_LARGE_SECONDS = 3600  # for the largest problems
_ROWS = 512  # that arrive at once


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


@dataclass(frozen=True)
class Elimination:
    """Seconds for one dense rank mod p, rows arriving in blocks, and for a float64 LU of that size.

    Args:
        rank, factor: the exact rank; LAPACK's LU factorisation with partial pivoting.
        peak_mb: of the process before the LU, whose matrix is held whole.
    """

    rank: float
    factor: float
    peak_mb: float


def elimination(size: int, seed: int) -> Elimination:
    """Time the closure's own elimination beside a float64 LU, in one fresh process."""
    job = {"job": "elimination", "size": size, "seed": seed}
    return Elimination(**_ask(job, _LARGE_SECONDS))


@dataclass(frozen=True)
class Certified:
    """Seconds for an analysis with all laws, its certificate, and the check of that."""

    analysis: float
    certificate: float
    check: float
    peak_mb: float
    count: int
    status: str


def certified(task: Task) -> Certified:
    """Count, certify and check one problem in a fresh process."""
    return Certified(**_ask({"job": "certified", "task": asdict(task)}, _LARGE_SECONDS))


def _ask(job: dict[str, Any], seconds: float = MOST_SECONDS) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.worker"],
        cwd=ROOT,
        env=environment(),
        input=json.dumps(job),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=seconds,
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
    return asdict(Sample(marks[-1] - marks[0], peak_mb(), tuple(answers)))


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


def _run_elimination(job: dict[str, Any]) -> dict[str, Any]:
    import numpy as np
    from scipy.linalg import lapack

    from conserved.kernel.primes import BLAS_PRIMES
    from conserved.kernel.residues import residues
    from conserved.kernel.rowspace import RowSpace

    size, scalars = job["size"], residues(BLAS_PRIMES[0])
    rng = np.random.default_rng(job["seed"])
    spent = 0.0
    space = RowSpace(scalars, size)
    with timed_section():
        for start in range(0, size, _ROWS):
            rows = scalars.random(rng, (min(_ROWS, size - start), size))
            begun = perf_counter()
            space.add(rows)
            spent += perf_counter() - begun
        if space.rank < size - 3:  # probability about p^-16
            raise AssertionError(f"a random {size}×{size} matrix of rank {space.rank}")
        peak = peak_mb()
        del space
        matrix = np.asfortranarray(rng.standard_normal((size, size)))
        begun = perf_counter()
        lapack.dgetrf(matrix, overwrite_a=True)
        return asdict(Elimination(spent, perf_counter() - begun, peak))


def _run_certified(job: dict[str, Any]) -> dict[str, Any]:
    from conserved import Problem, analyze
    from conserved.certificate import check_certificate

    task = job["task"]
    seed, _ = task.pop("seed"), task.pop("route")
    problem = Problem.from_text(**task)
    with timed_section():
        marks = [perf_counter()]
        found = analyze(problem, seed=seed)
        marks.append(perf_counter())
        certificate = found.certificate
        marks.append(perf_counter())
        report = check_certificate(certificate)
        marks.append(perf_counter())
    times = [end - start for start, end in pairwise(marks)]
    return asdict(Certified(*times, peak_mb(), found.count.upper, report.status))


def _limit_memory() -> None:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = MOST_BYTES if hard == resource.RLIM_INFINITY else min(MOST_BYTES, hard)
    with suppress(ValueError, OSError):  # macOS knows the limit but refuses to set it
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def peak_mb() -> float:
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


_RUNS = {"rank": _run_rank, "elimination": _run_elimination, "certified": _run_certified}


def main() -> None:
    """Answer the job on stdin."""
    _limit_memory()
    job = json.load(sys.stdin)
    answer = _RUNS.get(job["job"], _run_closures)(job)
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
