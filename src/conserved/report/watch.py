"""Two short runs for a report: the flow, along which laws hold, and descent, where they drift."""

from __future__ import annotations

from collections.abc import Callable

from conserved.analysis import Analysis
from conserved.errors import ConservedError, InputError
from conserved.kernel.flow import GRADIENT
from conserved.simulate import Dynamics, GradientDescent, GradientFlow, Simulation, simulate

MOST_PARAMETERS = 2000  # beyond it two runs are no small thing beside an analysis
_LENGTH = 1.5  # of the path at most
# long enough to bend, short enough that what decays is not yet lost in rounding
_RUNS: tuple[Dynamics, ...] = (GradientFlow(time=2.0), GradientDescent(rate=0.01, steps=200))


def watch(
    analysis: Analysis, *, seed: int = 0, told: Callable[[str], None] | None = None
) -> list[Simulation]:
    """Watch the laws of an analysis along gradient flow and along gradient descent.

    Args:
        analysis: with its laws.
        seed: draws the data and the start.
        told: called with one line for each run that could not be made, and why.

    Returns:
        The runs that could be made: none without laws or for large networks, and no flow for
        networks with kinks, where a solver of high order crawls.

    Example:
        >>> from conserved.analysis import analyze
        >>> from conserved.problem import Problem
        >>> runs = watch(analyze(Problem.from_text("linear:3-2-2")))
        >>> [[verdict.outcome for verdict in run.verdicts] for run in runs]
        [['conserved'], ['drifting as predicted']]
    """
    runs: list[Simulation] = []
    problem = analysis.problem
    if not analysis.laws or problem.network.size > MOST_PARAMETERS or problem.moves != GRADIENT:
        return runs
    kinks = analysis.problem.network.piecewise
    for dynamics in _RUNS[1:] if kinks else _RUNS:
        try:
            run = simulate(
                analysis.problem, analysis.laws, dynamics=dynamics, length=_LENGTH, seed=seed
            )
        except (ConservedError, InputError, MemoryError) as error:
            if told is not None:
                told(f"not watched along {dynamics.text}: {error}")
            continue
        runs.append(run)
    return runs
