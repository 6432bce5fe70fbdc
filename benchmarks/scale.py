"""Large D: one exact rank beside a float64 LU of that size, and a count certified at D = 20,000."""

from __future__ import annotations

from benchmarks.measure import Measurement, Result, WrongCountError
from benchmarks.worker import Certified, Task, certified, elimination

SIZES = (5_000, 10_000, 20_000)
LARGE = Task("linear:100-100-100")
LAWS = 5_050  # W1 W1ᵀ − W2ᵀ W2, symmetric 100×100
SECONDS = 1800.0


def check(task: Task, found: Certified, laws: int) -> None:
    """Refuse a count that is not the known one, or not certified.

    Raises:
        WrongCountError: with what was found.
    """
    if (found.count, found.status) != (laws, "CERTIFIED"):
        raise WrongCountError(f"{task.network} has {laws} laws, not {found.count}, {found.status}")


def run(
    repetitions: int, sizes: tuple[int, ...] = SIZES, large: Task = LARGE, laws: int = LAWS
) -> Result:
    """Time and peak memory; one sample each, whatever is asked for."""
    del repetitions
    measurements: list[Measurement] = []
    for size in sizes:
        found = elimination(size, seed=0)
        name = f"D={size:,}"
        measurements += [
            Measurement(f"{name} exact rank", "s", (found.rank,)),
            Measurement(f"{name} float64 LU", "s", (found.factor,)),
            Measurement(f"{name} rank ÷ LU", "×", (found.rank / found.factor,)),
            Measurement(f"{name} peak memory of the rank", "MB", (found.peak_mb,)),
        ]
    whole = certified(large)
    check(large, whole, laws)
    measurements += [
        Measurement(
            f"{large.network} counted and certified",
            "s",
            (whole.analysis + whole.certificate,),
            target=SECONDS,
        ),
        Measurement(f"{large.network} certificate checked", "s", (whole.check,)),
        Measurement(f"{large.network} peak memory", "MB", (whole.peak_mb,)),
    ]
    return Result(measurements)
