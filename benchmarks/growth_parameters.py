"""Growth in D, the number of parameters, beside the floor: one dense D×D rank by python-flint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.measure import Measurement, Result, WrongCountError
from benchmarks.worker import Floor, Sample, Task, closures, floor


@dataclass(frozen=True)
class Size:
    """One network of a growing family.

    Args:
        family: its curve in the plot.
        network: as on the command line.
        laws: their number, from theory §7; a closure that says otherwise is refused.
        floor: whether the dense rank is measured too.
        seconds, ratio, megabytes: targets of the issue, where it has one.
        most: repetitions at most, where five would take minutes.
    """

    family: str
    network: str
    laws: int
    floor: bool = False
    seconds: float | None = None
    ratio: float | None = None
    megabytes: float | None = None
    most: int | None = None


SIZES = [
    *(Size("linear", f"linear:{n}-{n}-{n}", n * (n + 1) // 2, floor=True) for n in (5, 10, 15, 20)),
    Size("linear", "linear:30-30-30", 465, floor=True, seconds=6.0, ratio=2.5),
    Size("linear", "linear:40-40-40", 820, floor=True, most=1),
    Size("linear", "linear:50-50-50", 1275, floor=True, seconds=120.0, megabytes=4000.0, most=1),
    *(
        Size("attention", f"attention:dim={4 * a},tokens=3,head={a}", a * (a + 1), seconds=limit)
        for a, limit in ((2, None), (4, 3.0), (8, None))
    ),
    Size("attention", "attention:dim=64,tokens=3,head=16", 272, most=1),
    *(Size("mlp gelu", f"mlp:{n}-{n}-{n},act=gelu", 0) for n in (8, 16, 24, 32)),
]
WARM_UPS = {
    "linear": Task("linear:2-2-2"),
    "attention": Task("attention:dim=4,tokens=3,head=1"),
    "mlp gelu": Task("mlp:2-2-2,act=gelu"),
}


def run(repetitions: int, sizes: list[Size] | None = None) -> Result:
    """Time, peak memory and, for the linear family, the ratio to the floor."""
    measurements: list[Measurement] = []
    points: list[dict[str, Any]] = []
    for size in SIZES if sizes is None else sizes:
        samples, floors = [], []
        for seed in range(min(repetitions, size.most or repetitions)):
            task = Task(size.network, seed=seed)
            samples.append(closures([task], WARM_UPS[size.family]))
            _check(size, samples[-1])
            # next to the closure in time, so that a busy moment slows both
            if size.floor:
                floors.append(floor(samples[-1].answers[0].parameters, seed))
        measured = _measurements(size, samples, floors)
        measurements += measured
        points.append(_point(size, samples[0], measured))
    return Result(measurements, {"points": points})


def _check(size: Size, sample: Sample) -> None:
    upper = sample.answers[0].upper
    if upper != size.laws:
        raise WrongCountError(f"{size.network} has {size.laws} laws, not {upper}")


def _measurements(size: Size, samples: list[Sample], floors: list[Floor]) -> list[Measurement]:
    name = f"{size.network} (D={samples[0].answers[0].parameters})"
    seconds = tuple(sample.seconds for sample in samples)
    measured = [
        Measurement(f"{name} closure", "s", seconds, size.seconds),
        Measurement(f"{name} peak memory", "MB", tuple(s.peak_mb for s in samples), size.megabytes),
    ]
    if floors:
        ratios = tuple(s / f.rank for s, f in zip(seconds, floors, strict=True))
        measured += [
            Measurement(f"{name} flint rank alone", "s", tuple(f.rank for f in floors)),
            Measurement(f"{name} flint build + rank", "s", tuple(f.build + f.rank for f in floors)),
            Measurement(f"{name} closure ÷ rank alone", "×", ratios, size.ratio, strict=False),
        ]
    return measured


def _point(size: Size, sample: Sample, measured: list[Measurement]) -> dict[str, Any]:
    """What the plot needs, by the last words of each measurement's name."""
    answer = sample.answers[0]
    medians = {m.name.split(") ", 1)[1]: round(m.median, 6) for m in measured}
    return {
        "family": size.family,
        "network": size.network,
        "parameters": answer.parameters,
        "laws": answer.upper,
        "ranks": list(answer.ranks),
        "evaluations": answer.evaluations,
        "medians": medians,
    }
