"""Why a law exists: the lifted group, its blocks, and the laws that come from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conserved.arithmetic.threads import threads_for
from conserved.closure import Closure
from conserved.errors import LimitError, Redraw
from conserved.explain.orders import ladder_reason, order_reason
from conserved.explain.ranges import Findings, range_laws
from conserved.explain.reasons import (
    filled_blocks,
    lift_reasons,
    loss_reason,
    no_lift_reason,
    turning_together,
)
from conserved.fields import MomentFields
from conserved.kernel.deadline import OutOfTimeError, time_limit
from conserved.law import Law
from conserved.lifted import (
    LiftReport,
    moments_alone,
    splitting_scalars,
    with_blocks,
    with_features,
)
from conserved.problem import Problem

__all__ = ["REASONS_SECONDS", "Explanation", "explain"]

REASONS_SECONDS = 20.0  # for the reasons of a problem, where no budget is given


@dataclass(frozen=True)
class Explanation:
    """Why data symmetry adds laws to a problem, or none.

    Attributes:
        reasons: sentences, in the order in which one would tell them.
        laws: verified laws owed to the symmetry of the data.
        lift: what the loss sees of the data, where the network has a lift and there was time.
    """

    reasons: tuple[str, ...]
    laws: tuple[Law, ...] = ()
    lift: LiftReport | None = None


def explain(
    problem: Problem,
    closure: Closure,
    architecture: Closure,
    *,
    seed: int = 0,
    budget: float | None = None,
) -> Explanation:
    """Say why a symmetric class of data has the laws it has.

    Args:
        problem: what was counted.
        closure: its upper bound.
        architecture: the upper bound for all data.
        seed: draws points; the same seed gives the same explanation.
        budget: seconds, by default ``REASONS_SECONDS``; what there was no time for is named.

    Example:
        >>> from conserved.closure import lie_closure
        >>> from conserved.networks import Linear
        >>> from conserved.symmetry import Permutation
        >>> problem = Problem(network=Linear(4, 2, 1), data=Permutation(4))
        >>> closures = lie_closure(problem), lie_closure(problem.architecture())
        >>> explain(problem, *closures).laws[0].text
        'range of W1 on the zero-sum part of the features'
    """
    if not problem.symmetric:
        return Explanation(())
    # bounds that are still open do not compare
    both = closure.closed and architecture.closed
    extra = closure.upper - architecture.upper if both else None
    first = loss_reason(problem, extra, closure)
    if first:
        return Explanation((first, *_ladder(problem, closure, extra, budget)))
    if problem.network.lift() is None:
        return Explanation((no_lift_reason(problem),))
    story = _Story(problem, closure, extra, seed)
    seconds = REASONS_SECONDS if budget is None else budget
    try:
        with time_limit(seconds), threads_for(problem.network.size):
            story.find()
        stopped = ""
    except OutOfTimeError:
        stopped = f"{seconds:g} s were not enough for {story.stage}"
    except MemoryError:  # the count is found already and must not be lost
        stopped = f"not enough memory for {story.stage}"
    except (LimitError, Redraw) as error:
        stopped = f"{story.stage} failed: {error}"
    return story.told(stopped)


def _ladder(
    problem: Problem, closure: Closure, extra: int | None, budget: float | None
) -> list[str]:
    """What a loss of higher degree sees that squared error does not, where no law is left."""
    if extra != 0 or closure.rank < 2:
        return []
    try:
        with time_limit(REASONS_SECONDS if budget is None else budget):
            return ladder_reason(problem)
    except (OutOfTimeError, MemoryError, LimitError, Redraw):
        return []  # one sentence less; the count does not depend on it


class _Story:
    """What is known so far, in the order in which it is found.

    Attributes:
        stage: what is being looked for, for a sentence should it take too long.
    """

    def __init__(self, problem: Problem, closure: Closure, extra: int | None, seed: int) -> None:
        self.problem = problem
        self.closure = closure
        self.extra = extra
        self.rng = np.random.default_rng([seed, 1])
        self.stage = ""
        self.report: LiftReport | None = None
        self.found: Findings | None = None
        self.why_none: list[str] = []

    def find(self) -> None:
        """Laws first, then what is only told."""
        problem, rng = self.problem, self.rng
        self.stage = "averaging the moments"
        scalars = splitting_scalars(problem)
        fields = MomentFields(problem, scalars, rng)
        self.report = moments_alone(fields.space)
        self.stage = "the isometries of the features"
        self.report = with_features(scalars, fields.space, self.report, rng)
        blocks = self.report.features or ()
        self.stage = "the laws that they give"
        self.found = Findings() if self.extra == 0 else range_laws(problem, fields, blocks)
        self.stage = "the group that the loss sees"
        self.report = with_blocks(scalars, fields.space, self.report, rng)
        if self.extra == 0 and self.closure.rank > 1:
            self.stage = "the reason why there is no law"
            self.why_none = turning_together(self.report)
            self.why_none += order_reason(scalars, problem, fields.space, self.report)
            self.why_none += filled_blocks(problem.network, blocks)

    def told(self, stopped: str) -> Explanation:
        """As sentences; what is missing is said last."""
        if self.report is None:
            return Explanation((f"The lift was not analysed: {stopped}.",))
        lines = lift_reasons(self.problem, self.report, self.found, self.extra, self.closure)
        lines += self.why_none
        if stopped:
            lines.append(f"The reasons end here: {stopped}. The count does not depend on them.")
        whole = self.report if self.report.blocks else None
        laws = () if self.found is None else self.found.laws
        return Explanation(tuple(lines), laws, whole)
