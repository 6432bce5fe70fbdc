"""Counts with all laws written down and certified on both sides; certificates and their check."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import Measurement, Result, WrongCountError
from benchmarks.published_suite import draw_suite
from benchmarks.worker import Answer, Task, analyses, command, timed_section

SUITE_SECONDS = 20.0
CHECK_SECONDS = 2.0
CERTIFICATE_KB = 200.0
WARM_UP = Task("linear:2-2-2")

# network, number of laws (theory §7), seconds
LARGE = (
    ("linear:16-16-16", 136, 20.0),
    ("attention:dim=8,tokens=3,head=4,heads=2", 2 * 4 * 5, 20.0),
)
# network, symmetry, labels: D ≤ 100 each
CERTIFIED = (
    ("linear:5-5-4-4-5", "none", "invariant"),
    ("relu:2-3-7-3-7,bias", "none", "invariant"),
    ("attention:dim=4,tokens=2,head=2", "none", "invariant"),
    ("linear:7-3-7", "hyperoctahedral", "equivariant"),
)


def run(repetitions: int) -> Result:
    """The published suite, two larger networks, four certificates."""
    measurements = [_suite(repetitions)]
    measurements += [_large(*case, repetitions) for case in LARGE]
    for case in CERTIFIED:
        measurements += _certificate(case, repetitions)
    return Result(measurements)


def check(name: str, answer: Answer, laws: int) -> None:
    """Refuse an analysis whose two bounds are not both the known number."""
    if not answer.closed or (answer.lower, answer.upper) != (laws, laws):
        raise WrongCountError(
            f"{name} has {laws} laws; {answer.lower} are written down, at most {answer.upper}"
        )


def _suite(repetitions: int) -> Measurement:
    cases = draw_suite()
    samples = []
    for seed in range(repetitions):
        sample = analyses([Task(case.network, seed=seed) for case in cases], WARM_UP)
        for case, answer in zip(cases, sample.answers, strict=True):
            check(case.network, answer, case.laws)
        samples.append(sample.seconds)
    name = f"the {len(cases)} published networks: counts and all laws, certified"
    return Measurement(name, "s", tuple(samples), SUITE_SECONDS)


def _large(network: str, laws: int, seconds: float, repetitions: int) -> Measurement:
    samples = [analyses([Task(network, seed=seed)], WARM_UP) for seed in range(repetitions)]
    for sample in samples:
        check(network, sample.answers[0], laws)
    times = tuple(sample.seconds for sample in samples)
    return Measurement(f"{network}: {laws} laws certified", "s", times, seconds)


def _certificate(case: Sequence[str], repetitions: int) -> list[Measurement]:
    network, symmetry, labels = case
    name = network if symmetry == "none" else f"{network}, {symmetry}, {labels}"
    seconds, sizes = [], []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "certificate.json"
        options = ("--symmetry", symmetry, "--labels", labels, "--certificate", str(path))
        for seed in range(repetitions):
            command(("-m", "conserved", "analyze", network, *options, "--seed", str(seed)))
            sizes.append(path.stat().st_size / 1000)
            with timed_section():
                taken, said = command(("-m", "conserved", "check", str(path), "--json"))
            if json.loads(said)["status"] != "CERTIFIED":
                raise WrongCountError(f"{name}: its certificate is not proved again")
            seconds.append(taken)
    return [
        Measurement(f"{name}: size of the certificate", "kB", tuple(sizes), CERTIFICATE_KB),
        Measurement(f"{name}: conserved check, whole process", "s", tuple(seconds), CHECK_SECONDS),
    ]
