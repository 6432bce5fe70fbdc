"""From the question to the answer: both bounds, the laws, and the reasons."""

from __future__ import annotations

from conserved.analysis.answer import SCHEMA, Analysis, Count
from conserved.analysis.inquiry import Inquiry
from conserved.closure import Progress, check_arguments
from conserved.errors import InputError, is_whole
from conserved.problem import Problem

__all__ = ["SCHEMA", "Analysis", "Count", "analyze"]

DEGREE_LIMIT = 12


def analyze(
    problem: Problem,
    *,
    seed: int = 0,
    budget: float | None = None,
    laws: bool = True,
    degree: int | None = None,
    progress: Progress | None = None,
) -> Analysis:
    """Count the independent conservation laws of a problem, and write them down.

    Args:
        problem: network, loss, data class and flow.
        seed: an integer ≥ 0; the same seed gives the same run.
        budget: seconds for each closure and each search; the best so far is reported when they are
            used up.
        laws: also look for the laws themselves, and say why the symmetry adds some.
        degree: try polynomial laws up to this degree; by default only where that is cheap.
        progress: called with (stage, rank, D) as the rank grows.

    Returns:
        Both bounds for the data class asked for and for all data, the laws, and the reasons.

    Raises:
        InputError: unusable arguments.
        LimitError: a problem too large for memory, an orbit too large to enumerate, or a degree
            with too many unknowns.

    Example:
        >>> from conserved.networks import Linear
        >>> analysis = analyze(Problem(network=Linear(3, 2, 2)))
        >>> print(analysis.count, "|", *analysis.laws)
        3 | W1 W1ᵀ − W2ᵀ W2
    """
    check_arguments(problem, seed, 0, budget, progress)
    return Inquiry(problem, int(seed), budget, _degree(degree), progress).answer(laws=laws)


def _degree(degree: int | None) -> int | None:
    if degree is None:
        return None
    if not is_whole(degree) or not 1 <= degree <= DEGREE_LIMIT:
        raise InputError("degree", degree, f"a degree is a whole number from 1 to {DEGREE_LIMIT}")
    return int(degree)
