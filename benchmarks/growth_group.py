"""Growth in the order of the data symmetry, on explicit orbits (every group element listed)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.measure import Measurement, Result, WrongCountError
from benchmarks.worker import Sample, Task, closures
from conserved import Problem


@dataclass(frozen=True)
class Family:
    """Problems that differ in the group, and the number of laws where theory §7 gives it."""

    name: str
    problems: tuple[tuple[Task, int | None], ...]
    once: bool = False  # one repetition, for what takes a minute, and none with --quick


def _permutation(n: int, hidden: int = 2) -> tuple[Task, int]:
    extra = hidden * (n - 1 - hidden) if n - 1 > hidden else 0
    return Task(f"linear:{n}-{hidden}-1", "permutation"), 3 + extra


def _sign_permutations(n: int) -> tuple[Task, int]:
    extra = 4 * (n - 4) if n > 4 else 0
    return Task(f"linear:{n}-2-{n}", "hyperoctahedral", "equivariant"), 3 + extra


_ROTATIONS = (3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
_DEEP = "hyperoctahedral, linear n-2-n, equivariant labels"
FAMILIES = (
    Family("permutation, linear n-2-1", tuple(_permutation(n) for n in range(3, 8))),
    Family(
        "rotation:K, poly 2-2-1",
        tuple((Task("poly:2-2-1,power=2", f"rotation:{k}"), None) for k in _ROTATIONS),
    ),
    Family(
        "hyperoctahedral, poly n-2-1",
        tuple((Task(f"poly:{n}-2-1,power=2", "hyperoctahedral"), None) for n in range(2, 6)),
    ),
    Family(_DEEP, tuple(_sign_permutations(n) for n in range(2, 5))),
    Family(_DEEP, (_sign_permutations(5),), once=True),
)
WARM_UP = Task("poly:2-2-1,power=2", "negation")


def run(repetitions: int, families: tuple[Family, ...] = FAMILIES) -> Result:
    """Time against group order; a process lists each group once, so no group is cached."""
    measurements: list[Measurement] = []
    points: list[dict[str, Any]] = []
    for family in families:
        if family.once and repetitions == 1:
            continue
        samples = []
        for seed in range(1 if family.once else repetitions):
            tasks = [
                Task(task.network, task.symmetry, task.labels, seed) for task, _ in family.problems
            ]
            samples.append(closures(tasks, WARM_UP, collector=True))
        for index, (task, laws) in enumerate(family.problems):
            measurement, point = _measured(family, task, laws, samples, index)
            measurements.append(measurement)
            points.append(point)
    return Result(measurements, {"points": points})


def _measured(
    family: Family, task: Task, laws: int | None, samples: list[Sample], index: int
) -> tuple[Measurement, dict[str, Any]]:
    answers = [sample.answers[index] for sample in samples]
    counts = {answer.upper for answer in answers}
    if len(counts) > 1 or (laws is not None and counts != {laws}):
        raise WrongCountError(f"{task.network}, {task.symmetry}: {laws} laws, not {counts}")
    group = Problem.from_text(task.network, symmetry=task.symmetry).group
    measurement = Measurement(
        f"{task.network}, {group.name} (order {group.order})",
        "s",
        tuple(answer.seconds for answer in answers),
    )
    return measurement, {
        "family": family.name,
        "network": task.network,
        "symmetry": task.symmetry,
        "labels": task.labels,
        "order": group.order,
        "upper": answers[0].upper,
        "ranks": list(answers[0].ranks),
        "evaluations": answers[0].evaluations,
        "median_seconds": round(measurement.median, 6),
    }
