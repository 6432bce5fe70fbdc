"""The published suite of 2307.00144 (appendix): all 100 closures timed, every count checked."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from benchmarks.measure import Measurement, Result, WrongCountError
from benchmarks.worker import Task, closures
from conserved.zoo.suite import SUITE_SEED, SuiteCase, draw_suite

TARGET = 1.0
WARM_UP = Task("linear:2-2-2")
SAGEMATH = {
    "name": "SageMath code of 2307.00144, the 50 linear nets of its own suite",
    "unit": "s",
    "value": 1014.0,
    "source": "cited: the authors' code on such a machine; not run by this benchmark",
}


def check_counts(cases: Sequence[SuiteCase], counts: Sequence[int]) -> None:
    """Refuse counts that differ from the independent ones.

    Raises:
        WrongCountError: naming every network whose count is wrong.
    """
    wrong = [
        f"{case.network} has {case.laws} laws, not {count}"
        for case, count in zip(cases, counts, strict=True)
        if count != case.laws
    ]
    if wrong:
        raise WrongCountError("; ".join(wrong))


def run(repetitions: int, cases: Sequence[SuiteCase] | None = None) -> Result:
    """Time all closures of the suite, one fresh process for each repetition."""
    cases = draw_suite() if cases is None else cases
    totals, by_case = [], []
    for repetition in range(repetitions):
        seeds = range(repetition * len(cases), (repetition + 1) * len(cases))
        tasks = [Task(case.network, seed=s) for case, s in zip(cases, seeds, strict=True)]
        sample = closures(tasks, WARM_UP)
        check_counts(cases, [answer.upper for answer in sample.answers])
        totals.append(sample.seconds)
        by_case.append(sample.answers)
    networks = [
        {
            "network": case.network,
            "laws": case.laws,
            "parameters": answers[0].parameters,
            "median_seconds": round(median(answer.seconds for answer in answers), 6),
        }
        for case, answers in zip(cases, zip(*by_case, strict=True), strict=True)
    ]
    total = Measurement(
        f"all {len(cases)} closures, every count checked", "s", tuple(totals), target=TARGET
    )
    parts = [
        Measurement(
            f"of these, {kind}",
            "s",
            tuple(
                sum(a.seconds for c, a in zip(cases, answers, strict=True) if _is(kind, c))
                for answers in by_case
            ),
        )
        for kind in ("linear", "relu")
    ]
    return Result([total, *parts], {"suite_seed": SUITE_SEED, "networks": networks}, [SAGEMATH])


def _is(kind: str, case: SuiteCase) -> bool:
    return case.network.startswith(f"{kind}:")
