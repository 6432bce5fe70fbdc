"""The targets on the lifted route: groups of millions of elements or infinitely many.

Every count is checked against the formulas of theory §6, upper bound and named laws apart.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.measure import Measurement, Result, WrongCountError
from benchmarks.worker import Answer, Sample, Task, analyses, closures, command, timed_section


@dataclass(frozen=True)
class Case:
    """A problem with a target.

    Args:
        problem: as on the command line.
        laws: their number; ``analyze`` writes all of them down.
        seconds: the target, for the closure and for the whole analysis each.
        most: repetitions at most.
    """

    problem: Task
    laws: int
    seconds: float
    most: int | None = None


# the architecture laws of theory §7, and κ(k − κ) for the range laws
CASES = (
    Case(Task("linear:10-3-2", "permutation"), 6 + 3 * (9 - 3), 1.0),
    Case(Task("linear:200-3-1", "permutation"), 6 + 3 * (199 - 3), 20.0),
    Case(
        Task("lightning:dim=8,tokens=5,head=1,out=1", "orthogonal"),
        2 + 3 * (8 - 3),
        30.0,
        most=3,
    ),
    Case(Task("linear:7-3-7", "hyperoctahedral", "equivariant"), 6 + 6 * (7 - 6), 60.0),
)
WARM_UP = Task("linear:4-2-1", "permutation")
COMMAND = ("-m", "conserved", "analyze", "linear:10-3-2", "--symmetry", "permutation", "--json")
COMMAND_SECONDS = 1.0
ATLAS_SECONDS = 60.0
ATLAS_JOBS = 2  # the target is for two cores


def run(repetitions: int, cases: Sequence[Case] = CASES, commands: bool = True) -> Result:
    """The closure alone, the whole analysis, and two whole commands."""
    measurements = []
    for case in cases:
        times = min(repetitions, case.most or repetitions)
        tasks = [
            Task(case.problem.network, case.problem.symmetry, case.problem.labels, seed)
            for seed in range(times)
        ]
        alone = [closures([task], WARM_UP) for task in tasks]
        whole = [analyses([task], WARM_UP) for task in tasks]
        for sample in alone:
            check(case, sample.answers[0], named=0)
        for sample in whole:
            check(case, sample.answers[0], named=case.laws)
        measurements += [_measured(case, "closure", alone), _measured(case, "analyze", whole)]
    if commands:
        measurements += [_command(repetitions), _atlas(repetitions)]
    return Result(measurements)


def check(case: Case, answer: Answer, named: int) -> None:
    """Refuse a count, or a number of laws written down, that is not that of the theory."""
    name = f"{case.problem.network}, {case.problem.symmetry}"
    if not answer.closed:
        raise WrongCountError(f"{name}: not closed, or not proved")
    if (answer.lower, answer.upper) != (named, case.laws):
        raise WrongCountError(
            f"{name} has {case.laws} laws, {named} of them written down here, not {answer.upper} "
            f"with {answer.lower}"
        )


def rotation_laws(k: int, power: int, degree: int) -> int:
    """Laws that rotations by 2π/k add to ``poly:2-1-1,power=power`` under ``poly:degree``.

    The loss sees invariants of degrees power, 2·power, …, degree·power. Where rotations have none
    of these that O(2) lacks, it cannot tell them from O(2), and the direction of w is conserved.
    An extra invariant of degree m is the real part of z^a z̄^b with a + b = m and k | a − b ≠ 0.
    """
    degrees = [power * i for i in range(1, degree + 1)]
    extra = any(j % 2 == m % 2 for m in degrees for j in range(k, m + 1, k))
    return 0 if extra else 1


def check_atlas(cells: Sequence[dict[str, Any]]) -> None:
    """Refuse an atlas of the rotations that lacks a cell or has a wrong one."""
    wanted = {
        (f"poly:2-1-1,power={power}", f"poly:{degree}", f"rotation:{k}"): rotation_laws(
            k, power, degree
        )
        for power in (2, 3, 4)
        for degree in range(2, 7)
        for k in range(2, 17)
    }
    found = {
        (c["problem"]["network"], c["problem"]["loss"], c["problem"]["symmetry"]): c for c in cells
    }
    if len(cells) != len(wanted) or found.keys() != wanted.keys():
        raise WrongCountError(f"an atlas of {len(cells)} cells, not the {len(wanted)} asked for")
    for problem, added in wanted.items():
        cell = found[problem]
        if (cell["architecture_upper"], cell["added_upper"]) != (1, added) or not cell["closed"]:
            raise WrongCountError(
                f"atlas, {', '.join(problem)}: 1 law and {added} more, not {cell}"
            )


def _measured(case: Case, what: str, samples: Sequence[Sample]) -> Measurement:
    labels = "" if case.problem.labels == "invariant" else f", {case.problem.labels}"
    return Measurement(
        f"{case.problem.network}, {case.problem.symmetry}{labels}: {what}",
        "s",
        tuple(sample.answers[0].seconds for sample in samples),
        case.seconds,
        details={
            "laws": case.laws,
            "written_down": samples[0].answers[0].lower,
            "peak_mb": round(max(sample.peak_mb for sample in samples), 1),
        },
    )


def _command(repetitions: int) -> Measurement:
    samples = []
    for _ in range(repetitions):
        with timed_section():
            seconds, said = command(COMMAND, statuses=(0, 3))
        samples.append(seconds)
        if json.loads(said)["count"]["upper"] != CASES[0].laws:
            raise WrongCountError(f"{' '.join(COMMAND)}: not {CASES[0].laws} laws")
    name = "conserved analyze linear:10-3-2 --symmetry permutation, whole process"
    return Measurement(name, "s", tuple(samples), COMMAND_SECONDS)


def _atlas(repetitions: int) -> Measurement:
    samples = []
    for _ in range(repetitions):
        with TemporaryDirectory() as folder, timed_section():
            arguments = ("atlas", "r.sqlite", "--jobs", str(ATLAS_JOBS), "--json")
            seconds, said = command(("-m", "conserved", *arguments), (0, 3), Path(folder))
        samples.append(seconds)
        check_atlas(json.loads(said)["cells"])
    name = f"conserved atlas, 225 rotations, {ATLAS_JOBS} processes, whole command"
    return Measurement(name, "s", tuple(samples), ATLAS_SECONDS)
