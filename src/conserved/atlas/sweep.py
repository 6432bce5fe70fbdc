"""The sweep: compute what the results file does not hold yet."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from os import PathLike

from conserved.atlas.case import Case, with_architectures
from conserved.atlas.cells import Atlas
from conserved.atlas.cluster import cluster_results, require_distributed
from conserved.atlas.compute import compute
from conserved.atlas.local import installed, local_results
from conserved.atlas.patterns import require_small
from conserved.atlas.results import Result
from conserved.atlas.store import Store
from conserved.errors import InputError, is_whole
from conserved.kernel.deadline import within
from conserved.problem import Problem

Progress = Callable[[int, int], None]


def sweep(
    problems: Iterable[Problem | Case],
    path: str | PathLike[str],
    *,
    seed: int = 0,
    jobs: int = 1,
    budget: float | None = None,
    scheduler: str | None = None,
    retry: bool = False,
    progress: Progress | None = None,
) -> Atlas:
    """Bound the laws of many problems, and of each without its symmetry, into a results file.

    Every result is written when it is found. Calling again computes what is missing, and what a
    smaller budget left open.

    Args:
        problems: what to compare with all data; ``cases`` makes them from texts.
        path: the results file, made when missing, extended when it is an atlas.
        seed: an integer ≥ 0, of every closure.
        jobs: processes; one is this one, with all its threads, more have one BLAS thread each.
        budget: seconds for each closure; the best bound so far is then kept, and marked.
        scheduler: address of a running Dask scheduler to use instead of local processes.
        retry: compute again what had failed.
        progress: called with (done, all), first with what the file holds already. All counts the
            problems and those on all data that they are compared with.

    Returns:
        The results of these problems; ``Atlas.open(path)`` has the whole file.

    Raises:
        InputError: an unusable argument, or a file that is not an atlas.
        LimitError: too many problems.
    """
    wanted = with_architectures(_case(problem) for problem in problems)
    _check_arguments(len(wanted), seed, jobs, budget)
    if scheduler is not None:
        require_distributed(scheduler)
    with Store(path) as store:
        known = {result.case: result for result in store.results() if result.seed == seed}
        missing = [
            case for case in wanted if case not in known or not known[case].settles(budget, retry)
        ]
        report = _silent if progress is None else progress
        present = len(wanted) - len(missing)
        report(present, len(wanted))
        with closing(_results(missing, seed, budget, jobs, scheduler)) as arriving:
            for done, result in enumerate(arriving, start=present + 1):
                store.save(result)
                report(done, len(wanted))
        known = {result.case: result for result in store.results() if result.seed == seed}
    return Atlas(tuple(known[case] for case in wanted))


def _silent(done: int, everything: int) -> None:
    """No progress is wanted."""


def _results(
    cases: list[Case], seed: int, budget: float | None, jobs: int, scheduler: str | None
) -> Generator[Result, None, None]:
    if not cases:
        return
    if scheduler is not None:
        yield from cluster_results(cases, seed, budget, scheduler)
    elif min(jobs, len(cases)) > 1:
        yield from local_results(cases, seed, budget, jobs)
    else:
        yield from (compute(case, seed, budget) for case in cases)


def _case(problem: Problem | Case) -> Case:
    if isinstance(problem, Case):
        return problem
    if isinstance(problem, Problem):
        return Case.of(problem)
    raise InputError("problems", repr(problem), "give conserved.Problem or atlas.Case objects")


def _check_arguments(count: int, seed: int, jobs: int, budget: float | None) -> None:
    require_small(count, "sweep", "problems")
    if not is_whole(seed) or not 0 <= seed < 2**63:
        raise InputError("seed", seed, "a seed is an integer ≥ 0, below 2^63 in an atlas")
    if not is_whole(jobs) or jobs < 1:
        raise InputError("jobs", jobs, "the number of processes is an integer ≥ 1")
    if jobs > 1 and not installed():
        raise InputError("jobs", jobs, "more than one needs loky: pip install 'conserved[atlas]'")
    within(budget)  # refuses what is none
