"""Why laws appeared or not, in plain words (theory §4–6)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from conserved.arithmetic.exact import rational_reconstruction
from conserved.arithmetic.residues import Residues
from conserved.arithmetic.scalars import Array
from conserved.closure import Closure
from conserved.explain.ranges import RangeLaw
from conserved.fields import MomentSpace
from conserved.lifted import LiftReport
from conserved.losses import PolynomialLoss
from conserved.networks.lift import PolynomialLift
from conserved.problem import Problem
from conserved.symmetry.invariants import kernel
from conserved.symmetry.isotypic import Block


def loss_reason(problem: Problem, extra: int, closure: Closure) -> str:
    """What the loss alone decides: Theorem 3, the ladder, or room for Theorem 4."""
    loss = problem.loss
    if closure.rank == 0:
        return "The averaged loss does not depend on the parameters at all: nothing ever moves."
    if not isinstance(loss, PolynomialLoss):
        verdict = "as here" if extra == 0 else "but not here: the network ties points of an orbit"
        return (
            f"Theorem 3: {loss.spec} is no polynomial in the prediction, so it tells the points of "
            f"an orbit apart and data symmetry generically adds no law, {verdict}."
        )
    if loss.degree > 2 and problem.labels.name != "invariant":
        return (
            f"Loss of degree {loss.degree}: it sees moments of the data up to order {loss.degree} "
            "in the prediction; with labels that move, even and odd degrees are two ladders."
        )
    if loss.degree > 2:
        return (
            f"Loss of degree {loss.degree}: it sees moments of the data up to order {loss.degree} "
            "in the prediction; each step of the degree can remove laws that squared error has."
        )
    return ""


def lift_reasons(
    problem: Problem, report: LiftReport, laws: Sequence[RangeLaw], extra: int, closure: Closure
) -> list[str]:
    """Theorem 4 on this problem: moments, lifted group, blocks and formulas."""
    algebra, dimension = report.algebra
    lines = [
        f"Theorem 4: squared error sees the data through averaged moments only, {report.quadratic} "
        f"of ΦΦᵀ and {report.mixed} of yΦᵀ with Φ = {report.name}, τ = {report.dimension}."
    ]
    if report.mixed == 0:
        lines.append("Labels drop out: no averaged moment yΦᵀ survives, so they pull on nothing.")
    acts = f"{problem.group.name} acts" if problem.symmetric else "no symmetry acts"
    if dimension:
        lines.append(f"{acts}; the loss sees a group with Lie algebra {algebra}.")
    else:
        lines.append(f"{acts}; the loss sees no continuous group.")
    if closure.rank == 1:
        lines.append(
            "All data pull along one and the same direction field: D − 1 = "
            f"{closure.parameters - 1} laws."
        )
    for law in laws:
        lines.append(
            f"+{law.independent}: the {law.text} is conserved, {law.formula} "
            f"(k = {law.dimension}, κ = {law.vectors})."
        )
    explained = sum(law.independent for law in laws)
    if closure.rank > 1 and explained < extra:
        missing = extra - explained
        verb = "is" if missing == 1 else "are"
        lines.append(f"Of the {extra} extra laws {missing} {verb} not of range or direction form.")
    return lines


def filled_blocks(blocks: Sequence[Block], vectors: Sequence[int]) -> list[str]:
    """Blocks whose vectors fill them: symmetric, but without a law."""
    return [
        f"The block of dimension k = {block.dimension} is filled by κ = {kappa} vectors of "
        "parameters (κ ≥ k), so its range says nothing."
        for block, kappa in zip(blocks, vectors, strict=True)
        if block.dimension > 1 and kappa >= block.dimension
    ]


def order_reason(scalars: Residues, problem: Problem, space: MomentSpace) -> str:
    """An invariant form that the data's group has and the orthogonal group has not, or ""."""
    lift = space.lift
    if not isinstance(lift, PolynomialLift) or lift.degree == 1:
        return ""
    n = lift.exponents.shape[1]
    for degree in (lift.degree, 2 * lift.degree):
        forms = PolynomialLift(lift.network, degree)
        group = problem.group
        moves = forms.representation(scalars, group.generators(scalars))
        turns = forms.derivative(scalars, group.infinitesimal(scalars))
        one = np.eye(forms.dimension, dtype=scalars.dtype)
        images = [scalars.reduce(move - one) for move in moves] + list(turns)
        if not images:
            continue
        invariant = kernel(scalars, np.concatenate(images, axis=1))  # rows c with cᵀρ(g) = cᵀ
        if len(invariant) > (1 if degree % 2 == 0 else 0):
            example = _polynomial(scalars, forms, invariant, n)
            return (
                f"The order is too high for O({n}): this loss sees forms of degree {degree} in the "
                f"input, and {group.name} keeps {example} that O({n}) does not keep."
            )
    return ""


def _polynomial(scalars: Residues, forms: PolynomialLift, invariant: Array, n: int) -> str:
    """A short invariant polynomial as text, or a description."""
    best = ""
    for row in invariant:
        terms = []
        for coefficient, alpha in zip(scalars.canonical(row), forms.exponents, strict=True):
            value = rational_reconstruction(int(coefficient), int(scalars.prime), 1000)
            if value is None:
                break
            if value:
                terms.append((value, alpha))
        else:
            text = " + ".join(f"{_factor(v)}{_monomial(a)}" for v, a in terms)
            text = text.replace("+ -", "− ")
            radial = all((alpha % 2 == 0).all() for _, alpha in terms) and len(terms) > 1
            if not best or (len(text) < len(best) and not radial):
                best = text
    return best or f"a form of degree {forms.degree}"


def _factor(value: object) -> str:
    text = str(value)
    return {"1": "", "-1": "-"}.get(text, f"{text} ")


def _monomial(alpha: Array) -> str:
    digits = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
    lower = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
    parts = []
    for i, power in enumerate(alpha.tolist(), start=1):
        if power:
            exponent = "" if power == 1 else str(power).translate(digits)
            parts.append(f"x{str(i).translate(lower)}{exponent}")
    return " ".join(parts)
