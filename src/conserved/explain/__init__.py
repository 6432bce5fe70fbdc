"""Why a law exists: the lifted group, its blocks, and the laws that come from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conserved.closure import Closure
from conserved.errors import LimitError, Redraw
from conserved.explain.ranges import Fibres, RangeLaw, range_laws
from conserved.explain.reasons import filled_blocks, lift_reasons, loss_reason, order_reason
from conserved.fields import MomentFields
from conserved.lifted import LiftReport, report_on, splitting_scalars
from conserved.problem import Problem

__all__ = ["Explanation", "RangeLaw", "explain"]


@dataclass(frozen=True)
class Explanation:
    """Why data symmetry adds laws to a problem, or none.

    Attributes:
        reasons: sentences, in the order in which one would tell them.
        laws: verified laws owed to the symmetry of the data.
        lift: what the loss sees of the data, where the network has a lift.
    """

    reasons: tuple[str, ...]
    laws: tuple[RangeLaw, ...] = ()
    lift: LiftReport | None = None


def explain(
    problem: Problem, closure: Closure, architecture: Closure, *, seed: int = 0
) -> Explanation:
    """Say why a symmetric class of data has the laws it has.

    Args:
        problem: what was counted.
        closure: its upper bound.
        architecture: the upper bound for all data.
        seed: draws points; the same seed gives the same explanation.

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
    extra = closure.upper - architecture.upper
    first = loss_reason(problem, extra, closure)
    if first:
        return Explanation((first,))
    if problem.network.lift() is None:
        return Explanation(
            (
                "The network has no lift f = A(θ) Φ(x) of manageable size, so squared error need "
                "not see the data through few moments.",
            )
        )
    try:
        return _lifted(problem, closure, extra, seed)
    except MemoryError:  # the count is found already and must not be lost
        return Explanation(("The lift was not analysed: not enough memory.",))
    except (LimitError, Redraw) as error:
        return Explanation((f"The lift was not analysed: {error}.",))


def _lifted(problem: Problem, closure: Closure, extra: int, seed: int) -> Explanation:
    scalars = splitting_scalars(problem)
    rng = np.random.default_rng([seed, 1])
    fields = MomentFields(problem, scalars, rng)
    report = report_on(scalars, fields.space, rng)
    blocks = report.features or ()
    laws = range_laws(problem, fields, blocks) if extra else ()
    lines = lift_reasons(problem, report, laws, extra, closure)
    if not extra and report.feature_algebra is not None:
        if report.feature_algebra[1] == 0:
            lines.append(
                order_reason(scalars, problem, fields.space)
                or "No continuous group of feature isometries is left, so no range is conserved."
            )
        elif any(block.symmetry[1] for block in blocks):
            algebra, dimension = report.feature_algebra
            total = sum(block.symmetry[1] for block in blocks)
            if dimension < total:
                lines.append(
                    f"Inputs and outputs turn together: the isometries are a {dimension}-"
                    f"dimensional part of {algebra}, too few to keep a range."
                )
        counts = [Fibres(scalars, problem.network, block).count for block in blocks]
        lines += filled_blocks(blocks, counts)
    return Explanation(tuple(lines), laws, report)
