"""Training runs with a verdict for every law: the published settings, and steps of a wider net."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

from benchmarks.measure import Measurement, Result, WrongCountError
from benchmarks.worker import timed_section
from conserved import Problem, analyze
from conserved.simulate import Dynamics, GradientFlow, StochasticDescent, simulate


@dataclass(frozen=True)
class Case:
    """Runs from several starts.

    Args:
        name: what is measured.
        network, symmetry: as on the command line.
        dynamics: each start takes it, and its ladder of other accuracies.
        starts: how many.
        seconds: the target for all of them together.
    """

    name: str
    network: str
    symmetry: str
    dynamics: Dynamics
    starts: int
    seconds: float


CASES = (
    Case(
        "lightning attention, dim 8, exact O(8) average, 6 starts, flow",
        "lightning:dim=8,tokens=5,head=1,out=1",
        "orthogonal",
        GradientFlow(time=1.0),
        6,
        20.0,
    ),
    Case("linear W ∈ R³ with C₃, 5 starts, flow", "linear:3-1", "shift", GradientFlow(), 5, 2.0),
    Case(
        "relu:64-32-10, 1000 steps of SGD, every step audited",
        "relu:64-32-10",
        "none",
        StochasticDescent(),
        1,
        5.0,
    ),
)


def run(repetitions: int) -> Result:
    """Each case, laws known beforehand, data drawn and verdicts made within the time."""
    return Result([_measured(case, repetitions) for case in CASES])


def _measured(case: Case, repetitions: int) -> Measurement:
    problem = Problem.from_text(case.network, symmetry=case.symmetry)
    laws = analyze(problem, budget=30.0).laws
    samples = []
    for repetition in range(repetitions):
        seeds = range(repetition * case.starts, (repetition + 1) * case.starts)
        with timed_section():
            start = perf_counter()
            found = [
                simulate(problem, laws, dynamics=case.dynamics, samples=20, seed=seed)
                for seed in seeds
            ]
            samples.append(perf_counter() - start)
        if any(verdict.outcome == "violated" for each in found for verdict in each.verdicts):
            raise WrongCountError(f"{case.name}: a true law is called broken")
    details = {"laws": [law.text for law in laws]}
    return Measurement(case.name, "s", tuple(samples), case.seconds, details=details)
