"""The published suite (2307.00144, appendix): 50 linear and 50 ReLU networks, every count checked.

The counts are checked against computations that share nothing with the closure. Linear: the rank
of the gradients of the balancedness laws W_i W_iᵀ − W_{i+1}ᵀ W_{i+1}, which are all the laws when
the input and output widths are not both 1. ReLU: one law for each hidden unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Measurement, Result, WrongCountError
from benchmarks.worker import Task, closures
from conserved.arithmetic.exact import rank
from conserved.arithmetic.primes import INT64_PRIMES

SUITE_SEED = 230700144
NETS = 50  # of each kind
TARGET = 1.0
WARM_UP = Task("linear:2-2-2")
SAGEMATH = {
    "name": "SageMath code of 2307.00144, the 50 linear nets of its own suite",
    "unit": "s",
    "value": 1014.0,
    "source": "cited: the authors' code on such a machine; not run by this benchmark",
}


@dataclass(frozen=True)
class Case:
    """A network of the suite and the number of its laws."""

    network: str
    laws: int


def draw_suite(seed: int = SUITE_SEED) -> list[Case]:
    """The 100 networks: 2–4 weight layers; linear of widths 2–5, ReLU of widths 2–9."""
    rng = np.random.default_rng(seed)
    cases = []
    for _ in range(NETS):
        widths = _widths(rng, most=5)
        cases.append(Case(f"linear:{_text(widths)}", balancedness_rank(widths, rng)))
    for _ in range(NETS):
        widths = _widths(rng, most=9)
        bias = ",bias" if rng.integers(2) else ""
        cases.append(Case(f"relu:{_text(widths)}{bias}", sum(widths[1:-1])))
    return cases


def balancedness_rank(widths: Sequence[int], rng: np.random.Generator) -> int:
    """Rank of the gradients of W_i W_iᵀ − W_{i+1}ᵀ W_{i+1}, i < L, at a random integer point."""
    weights = [rng.integers(-999, 1000, size=(m, n)) for n, m in pairwise(widths)]
    rows = []
    for i, (below, above) in enumerate(pairwise(weights)):
        for a in range(len(below)):
            for b in range(a + 1):
                gradient = [np.zeros_like(weight) for weight in weights]
                # ⟨row a, row b⟩ of W_i, minus ⟨column a, column b⟩ of W_{i+1}
                gradient[i][a] += below[b]
                gradient[i][b] += below[a]
                gradient[i + 1][:, a] -= above[:, b]
                gradient[i + 1][:, b] -= above[:, a]
                rows.append(np.concatenate([block.ravel() for block in gradient]))
    matrix: NDArray[np.int64] = np.array(rows)
    return rank(matrix, INT64_PRIMES[0])


def check_counts(cases: Sequence[Case], counts: Sequence[int]) -> None:
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


def run(repetitions: int, cases: Sequence[Case] | None = None) -> Result:
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


def _is(kind: str, case: Case) -> bool:
    return case.network.startswith(f"{kind}:")


def _widths(rng: np.random.Generator, most: int) -> list[int]:
    layers = int(rng.integers(2, 5))
    return [int(width) for width in rng.integers(2, most + 1, size=layers + 1)]


def _text(widths: Sequence[int]) -> str:
    return "-".join(map(str, widths))
