"""Other dynamics and given data: the suites of 2405.12888 certified, and what a dataset fixes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.measure import Measurement, Result, WrongCountError
from benchmarks.worker import Answer, Task, analyses, command
from conserved.zoo.dynamics_suite import DYNAMICS_SEED, KINDS, DynamicsCase, draw_dynamics_suite

WARM_UP = Task("linear:2-2-2", flow="momentum")
TARGET = 60.0
SINGLE = (  # name, case, target in seconds
    (DynamicsCase("", "linear:2-3-2", "momentum", 3), 2.0),
    (DynamicsCase("", "linear:3-3-3", "mirror", 3), 1.0),
)
DIGITS = 5.0
PUBLISHED = {
    "name": "checks of 2405.12888 (its own draws of these kinds, 64 cores)",
    "unit": "s",
    "value": 2700.0,
    "source": "cited: 45 minutes on 64 cores, as the paper states; not run by this benchmark",
}


def check_answers(cases: Sequence[DynamicsCase], answers: Sequence[Answer]) -> None:
    """Refuse counts that are not certified, or not the known ones.

    Raises:
        WrongCountError: naming every network whose count is wrong.
    """
    wrong = [
        f"{case.network} under {case.flow} has {case.laws} laws, not {answer.lower} to "
        f"{answer.upper}{'' if answer.closed else ', not closed'}"
        for case, answer in zip(cases, answers, strict=True)
        if not (answer.closed and answer.lower == answer.upper == case.laws)
    ]
    if wrong:
        raise WrongCountError("; ".join(wrong))


def run(repetitions: int, cases: Sequence[DynamicsCase] | None = None) -> Result:
    """Whole analyses with laws, both bounds certified; ``conserved data`` as a whole process."""
    suite = draw_dynamics_suite() if cases is None else cases
    every = [*suite, *(case for case, _ in SINGLE)]
    found = []
    for repetition in range(repetitions):
        tasks = [Task(case.network, flow=case.flow, seed=repetition) for case in every]
        answers = analyses(tasks, WARM_UP).answers
        check_answers(every, answers)
        found.append(answers)
    count = len(suite)
    totals = tuple(sum(a.seconds for a in answers[:count]) for answers in found)
    name = f"all {count} analyses of the suites, every count certified"
    measured = [Measurement(name, "s", totals, target=TARGET)]
    for kind in KINDS:
        places = [i for i, case in enumerate(suite) if case.kind == kind]
        sums = tuple(sum(answers[i].seconds for i in places) for answers in found)
        measured.append(Measurement(f"of these, {kind}", "s", sums))
    for place, (case, target) in enumerate(SINGLE, start=count):
        samples = tuple(answers[place].seconds for answers in found)
        measured.append(Measurement(f"{case.network} under {case.flow}", "s", samples, target))
    measured.append(_digits(repetitions))
    return Result(measured, {"suite_seed": DYNAMICS_SEED}, [PUBLISHED])


def _digits(repetitions: int) -> Measurement:
    """``conserved data`` on the digits of scikit-learn, labels last, from a CSV file."""
    from sklearn.datasets import load_digits

    loaded = load_digits()
    rows = np.column_stack([loaded.data, loaded.target]).astype(int)
    samples = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "digits.csv"
        np.savetxt(path, rows, fmt="%d", delimiter=",")
        for _ in range(repetitions):
            words = ["-m", "conserved", "data", str(path), "--label-columns", "1"]
            seconds, said = command(words)
            if "1,797 rows" not in said or "rank       61" not in said:
                raise WrongCountError("the digits have 1,797 rows of rank 61")
            samples.append(seconds)
    return Measurement("conserved data on digits, 1,797 × 64", "s", tuple(samples), DIGITS)
