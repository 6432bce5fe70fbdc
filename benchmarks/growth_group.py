"""Growth in the order of the data symmetry: on explicit orbits, and on lifted moments.

Explicit orbits list every group element; what takes ten seconds there is left out. Lifted moments
need generators only: the same problems, and those of orders far beyond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.measure import Measurement, Result, WrongCountError
from benchmarks.worker import Sample, Task, closures
from conserved import Problem


@dataclass(frozen=True)
class Family:
    """Problems that differ in the group, on one route.

    Args:
        name: its colour in the plot.
        route: "orbits" or "moments".
        problems: each with the number of its laws, where the theory gives it.
        most: repetitions at most, where five would take a minute.
    """

    name: str
    route: str
    problems: tuple[tuple[Task, int | None], ...]
    most: int | None = None


def _permutation(n: int, hidden: int = 2) -> tuple[Task, int]:
    """hidden·(2·hidden + 1 − hidden)/2 balancedness laws, and the range of W1 (theory §6, §7)."""
    extra = hidden * max(0, n - 1 - hidden)
    return Task(f"linear:{n}-{hidden}-1", "permutation"), hidden * (hidden + 1) // 2 + extra


def _sign_permutations(n: int, hidden: int) -> tuple[Task, int]:
    """The same with κ = 2·hidden: equivariant labels."""
    extra = 2 * hidden * max(0, n - 2 * hidden)
    task = Task(f"linear:{n}-{hidden}-{n}", "hyperoctahedral", "equivariant")
    return task, hidden * (hidden + 1) // 2 + extra


def _rotation(k: int) -> tuple[Task, None]:
    return Task("poly:2-2-1,power=2", f"rotation:{k}"), None


def _squares(n: int) -> tuple[Task, None]:
    return Task(f"poly:{n}-2-1,power=2", "hyperoctahedral"), None


_SMALL_ROTATIONS = (3, 4, 6, 8, 16, 32, 64, 128, 256)
_PERMUTATION = "permutations, linear n-2-1"
_ROTATION = "plane rotations, poly 2-2-1"
_SQUARES = "sign-permutations, poly n-2-1"
_NARROW = "sign-permutations, linear n-1-n, equivariant"
_DEEP = "sign-permutations, linear n-2-n, equivariant"
FAMILIES = (
    Family(_PERMUTATION, "orbits", tuple(_permutation(n) for n in range(3, 9))),
    Family(_ROTATION, "orbits", tuple(_rotation(k) for k in _SMALL_ROTATIONS)),
    Family(_SQUARES, "orbits", tuple(_squares(n) for n in range(2, 6))),
    Family(_NARROW, "orbits", tuple(_sign_permutations(n, 1) for n in range(2, 7))),
    Family(_DEEP, "orbits", tuple(_sign_permutations(n, 2) for n in (2, 3))),
    Family(_DEEP, "orbits", (_sign_permutations(4, 2),), most=1),
    Family(
        _PERMUTATION,
        "moments",
        tuple(_permutation(n) for n in (*range(3, 9), 10, 12, 15, 20, 25, 30, 35, 40)),
    ),
    Family(_ROTATION, "moments", tuple(_rotation(k) for k in (*_SMALL_ROTATIONS, 1024, 4096))),
    Family(_SQUARES, "moments", tuple(_squares(n) for n in range(2, 7))),
    Family(
        _NARROW,
        "moments",
        tuple(_sign_permutations(n, 1) for n in (*range(2, 7), 8, 10, 12, 16, 20)),
    ),
    Family(_DEEP, "moments", tuple(_sign_permutations(n, 2) for n in (*range(2, 7), 8)), most=3),
)
_WARM_UP = ("poly:2-2-1,power=2", "negation")


def run(repetitions: int, families: Sequence[Family] = FAMILIES) -> Result:
    """Time against group order; a process meets each group once."""
    measurements: list[Measurement] = []
    points: list[dict[str, Any]] = []
    for family in families:
        samples = []
        for seed in range(min(repetitions, family.most or repetitions)):
            tasks = [
                Task(task.network, task.symmetry, task.labels, seed, family.route)
                for task, _ in family.problems
            ]
            samples.append(closures(tasks, Task(*_WARM_UP, route=family.route)))
        for index, (task, laws) in enumerate(family.problems):
            measurement, point = _measured(family, task, laws, samples, index)
            measurements.append(measurement)
            points.append(point)
    _check_routes(points)
    return Result(measurements, {"points": points})


def _measured(
    family: Family, task: Task, laws: int | None, samples: list[Sample], index: int
) -> tuple[Measurement, dict[str, Any]]:
    answers = [sample.answers[index] for sample in samples]
    counts = {answer.upper for answer in answers}
    if len(counts) > 1 or (laws is not None and counts != {laws}):
        raise WrongCountError(f"{task.network}, {task.symmetry}: {laws} laws, not {counts}")
    group = Problem.from_text(task.network, symmetry=task.symmetry).group
    order = int(group.order)
    measurement = Measurement(
        f"{family.route}: {task.network}, {group.name} (order {in_short(order)})",
        "s",
        tuple(answer.seconds for answer in answers),
    )
    return measurement, {
        "family": family.name,
        "route": family.route,
        "network": task.network,
        "symmetry": task.symmetry,
        "order": order,
        "upper": answers[0].upper,
        "evaluations": answers[0].evaluations,
        "median_seconds": round(measurement.median, 6),
    }


def _check_routes(points: Sequence[dict[str, Any]]) -> None:
    """Both routes have to find the same count, formula or not."""
    known: dict[tuple[str, str], int] = {}
    for point in points:
        problem = (point["network"], point["symmetry"])
        if known.setdefault(problem, point["upper"]) != point["upper"]:
            raise WrongCountError(
                f"{', '.join(problem)}: {known[problem]} laws on one route, {point['upper']} on "
                "the other"
            )


def in_short(order: int) -> str:
    """``3,628,800`` as it is, larger numbers as ``8.2e47``."""
    return f"{order:,}" if order < 10**9 else f"{order:.1e}".replace("e+0", "e").replace("e+", "e")
