"""What another dynamics makes of the laws of gradient flow, and why (theory §14)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from conserved.dynamics import Natural
from conserved.kernel.flow import GRADIENT, OUTPUTS, SIGN, Flow
from conserved.law import GramLaw, Law
from conserved.law.lines import lines
from conserved.problem import Problem


def flow_reasons(
    problem: Problem, upper: int, plain: int | None = None, laws: Sequence[Law] = ()
) -> tuple[str, ...]:
    """Sentences; none for gradient flow.

    Args:
        problem: what was counted.
        upper: how many laws it has at most.
        plain: how many gradient flow has at most, where that is known.
        laws: some of those of gradient flow.
    """
    flow = problem.moves
    if flow == OUTPUTS:
        return ()
    if flow == SIGN:
        return _signs(problem, upper)
    if flow == GRADIENT:
        if isinstance(problem.flow, Natural):
            return (
                "F is symmetric and its range is the span of all pulls, so F⁺ maps that span onto "
                "itself: the laws are those of gradient flow.",
            )
        return ()
    told = [line.text.split(", ")[0] for line in lines(laws)]
    told_of = [*_counts(upper, plain), *_kept(flow, told, plain == upper), *_broken(flow, laws)]
    if flow.scales(problem.network.program.parameters):
        told_of.append("Decay only scales θ by e^{−λt}: h of degree d becomes e^{dλt} h.")
    return tuple(told_of)


def _signs(problem: Problem, upper: int) -> tuple[str, ...]:
    """Which entries of θ turn together."""
    size = problem.network.size
    if not upper:
        return (
            "No two entries of the gradient are proportional on all datasets, so the sign of each "
            "turns alone, and nothing stays.",
        )
    return (
        f"The signs of the {size} entries of the gradient are those of {size - upper}: only "
        "entries whose gradients are proportional on all datasets, or 0, never change sign alone.",
        "Laws are those of the cell of θ where proportional entries have the same sign; in other "
        "cells + stands for −, so that θ_i − θ_j of factors is |θ_i| − |θ_j|.",
    )


def _counts(upper: int, plain: int | None) -> list[str]:
    if plain is None or plain == upper:
        return []
    return [f"Gradient flow has {plain} laws, this flow {upper}."]


def _kept(flow: Flow, told: Sequence[str], same: bool) -> list[str]:
    """How laws of gradient flow come over."""
    example = f", as {told[0]} does," if told else ""
    if flow.moving:
        return [
            "With momentum a law needs a motion of θ that leaves the loss and the kinetic energy "
            f"alone: rotations keep their angular momentum, what comes from rescalings{example} "
            "is lost."
        ]
    lines_ = []
    if flow.mirror and flow.power > 1:
        told = "log θ" if flow.power == 2 else f"θ^{{{2 - flow.power}}}"
        half = Fraction(flow.power, 2)
        lines_.append(
            f"With dφ = θ^{{−{half}}} dθ this is gradient flow in φ: where gradient flow "
            f"keeps sums of squares, this flow keeps such sums of {told}."
        )
    elif flow.mirror:
        lines_.append(
            "With θ = u²/4 the mirror flow is gradient flow in u, where squares u² are linear in θ."
        )
    if flow.rates:
        lines_.append(
            "With θ = √η φ this is gradient flow in φ, so squares of a tensor come divided by η."
        )
    if flow.metric:
        lines_.append("With P = B Bᵀ and θ = B φ this is gradient flow in φ.")
    if flow.free and not same:
        lines_.append(
            "A rate for every entry turns rotations of several units into no isometry of φ, θ = "
            f"√η φ; what mixes units{example} is lost, squares over single units stay."
        )
    return lines_


def _broken(flow: Flow, laws: Sequence[Law]) -> list[str]:
    """Laws whose parts decay at different rates."""
    if flow.moving or not flow.decay:
        return []
    rates = dict(flow.decay)
    reasons = []
    for line in lines(laws):
        tensors = {t.tensor for law in line.laws if isinstance(law, GramLaw) for t in law.terms}
        found = {rates.get(tensor, 0): tensor for tensor in sorted(tensors, reverse=True)}
        if len(found) > 1:
            shown = line.text.split(", ")[0]
            (one, first), (other, second), *_ = sorted(found.items(), key=lambda pair: pair[1])
            reasons.append(
                f"Different decay on {first} and {second}, {one} and {other}, destroys {shown}:"
                " its parts shrink at different rates."
            )
    return reasons
