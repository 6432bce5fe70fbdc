"""Why a law exists: what the loss sees of the symmetry, and the laws that are due to that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from conserved.closure import Closure
from conserved.explain.flows import flow_reasons
from conserved.explain.orders import ladder_reason, order_reason
from conserved.explain.reasons import (
    filled_blocks,
    law_reason,
    lift_reasons,
    loss_reason,
    no_lift_reason,
    turning_together,
)
from conserved.kernel.deadline import OutOfTimeError, ended_by, within
from conserved.law import Law
from conserved.problem import Problem
from conserved.search.lifted import Lifted, LiftReport, splitting_scalars

__all__ = ["Explanation", "explain", "flow_reasons"]


@dataclass(frozen=True)
class Explanation:
    """Why data symmetry adds laws to a problem, or none.

    Attributes:
        reasons: sentences, those of the flow first, in the order in which one would tell them.
        lift: what the loss sees of the data, where the network has a lift and there was time.
    """

    reasons: tuple[str, ...]
    lift: LiftReport | None = field(default=None, compare=False)


def explain(
    problem: Problem,
    closure: Closure,
    architecture: Closure,
    laws: Sequence[Law] = (),
    lifted: Lifted | None = None,
    *,
    budget: float | None = None,
) -> Explanation:
    """Say why a symmetric class of data has the laws it has.

    Args:
        problem: what was counted.
        closure: its upper bound.
        architecture: the upper bound for all data.
        laws: those found; the ones due to the symmetry are told.
        lifted: what is known already of what the loss sees.
        budget: seconds; what there was no time for is named.

    Example:
        >>> from conserved.closure import lie_closure
        >>> from conserved.networks import Linear
        >>> from conserved.symmetry import Permutation
        >>> problem = Problem(network=Linear(4, 3, 1), symmetry=Permutation(4))
        >>> closures = lie_closure(problem), lie_closure(problem.architecture())
        >>> explain(problem, *closures).reasons[-1]
        'The block of dimension k = 3, multiplicity 1, is filled by κ = 3 vectors of parameters \
(κ ≥ k), so its range says nothing.'
    """
    if not problem.symmetric or problem.inputs is not None:
        return Explanation(())
    with within(budget):
        try:
            return _told(problem, closure, architecture, laws, lifted)
        except OutOfTimeError:
            return Explanation((f"Before the reasons were found {ended_by()}.",))


def _told(
    problem: Problem,
    closure: Closure,
    architecture: Closure,
    laws: Sequence[Law],
    lifted: Lifted | None,
) -> Explanation:
    # bounds that are still open do not compare
    both = closure.closed and architecture.closed
    extra = closure.upper - architecture.upper if both else None
    due = [law for law in laws if law.origin == "data symmetry"]
    first = loss_reason(problem, extra, closure)
    if not first and problem.network.lift() is not None:
        lifted = lifted or Lifted(problem, splitting_scalars(problem))
        return _lift_told(problem, closure, extra, due, lifted)
    lines = [first or no_lift_reason(problem)]
    if first and extra == 0 and closure.rank > 1:
        lifted = Lifted(problem, splitting_scalars(problem))
        # what a loss of higher degree sees that squared error does not
        lines += lifted.step("the ladder", lambda: ladder_reason(problem)) or []
    return Explanation((*lines, *map(law_reason, due)))


def _lift_told(
    problem: Problem, closure: Closure, extra: int | None, laws: Sequence[Law], lifted: Lifted
) -> Explanation:
    """Theorem 4: what is missing is said last."""
    if lifted.features_known():
        lifted.step("the group that the loss sees", lambda: lifted.blocks)
    report, why_none = lifted.report, []
    if report is None:
        return Explanation((f"The lift was not analysed: {lifted.stopped}.",))
    if extra == 0 and closure.rank > 1 and report.blocks:

        def reasons() -> list[str]:
            return [
                *turning_together(report),
                *order_reason(lifted, report),
                *filled_blocks(problem.network, report.features or ()),
            ]

        why_none = lifted.step("the reason why there is no law", reasons) or []
    lines = [*lift_reasons(problem, report, laws, extra, closure), *why_none]
    if lifted.stopped:
        lines.append(f"The reasons end here: {lifted.stopped}. The count does not depend on them.")
    return Explanation(tuple(lines), report if report.blocks else None)
