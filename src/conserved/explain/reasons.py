"""Why laws appeared or not, in plain words (theory §4–6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import isqrt, prod

from conserved.closure import Closure
from conserved.law import Law, PhaseLaw, SpanLaw
from conserved.losses import PolynomialLoss
from conserved.networks.base import Network
from conserved.networks.lift import LIFT_LIMIT
from conserved.problem import Problem
from conserved.search.lifted import LiftReport
from conserved.symmetry.isotypic import Block
from conserved.symmetry.sizes import counted, readable


def loss_reason(problem: Problem, extra: int | None, closure: Closure) -> str:
    """What the loss alone decides: Theorem 3, the ladder, or room for Theorem 4."""
    loss = problem.loss
    if closure.rank == 0 and closure.closed:
        return "The averaged loss does not depend on the parameters at all: nothing ever moves."
    if not isinstance(loss, PolynomialLoss):
        verdict = ", as here" if extra == 0 else ""
        if extra:
            verdict = ", but not here: the network ties points of an orbit"
        return (
            f"Theorem 3: {loss.spec} is no polynomial in the prediction, so it separates the "
            f"orbit points and data symmetry generically adds no law{verdict}."
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


def no_lift_reason(problem: Problem) -> str:
    """Why there are no moments to speak of."""
    tau = problem.network.lift_dimension
    if tau:
        return (
            f"The lift f = A(θ) Φ(x) was not analysed: it has τ = {readable(tau)} entries, over "
            f"the limit of {LIFT_LIMIT:,}."
        )
    return (
        "The network has no lift f = A(θ) Φ(x), so squared error need not see the data through few "
        "moments."
    )


def lift_reasons(
    problem: Problem, report: LiftReport, laws: Sequence[Law], extra: int | None, closure: Closure
) -> list[str]:
    """Theorem 4 on this problem: moments, lifted group, blocks and formulas.

    Args:
        problem: squared error and a network with a lift.
        report: what the loss sees, as far as it is known.
        laws: those due to the symmetry.
        extra: how many laws the symmetry adds; None where a bound is still open.
        closure: the bound with the symmetry.
    """
    lines = [
        f"Theorem 4: squared error sees the data through averaged moments only, {report.quadratic} "
        f"of ΦΦᵀ and {report.mixed} of yΦᵀ with Φ = {report.name}, τ = {report.dimension}."
    ]
    if report.mixed == 0:
        lines.append("The averaged cross-moment yΦᵀ vanishes, so labels do not enter the gradient.")
    seen = _seen(problem, report)
    if seen:
        lines.append(f"{problem.group.name} acts; {seen}.")
    if closure.rank == 1 and closure.closed:
        lines.append(
            "All data pull along one and the same direction field: D − 1 = "
            f"{counted(closure.parameters - 1, 'law')}."
        )
    lines += map(law_reason, laws)
    missing = (extra or 0) - sum(law.independent for law in laws)
    if extra is not None and closure.rank > 1 and missing > 0:
        lines.append(_unexplained(extra, missing))
    return lines


def law_reason(law: Law) -> str:
    """What a law due to the symmetry is, and how its number comes about."""
    if isinstance(law, SpanLaw | PhaseLaw) or law.name != law.text:
        shown = f": {law.text}" if law.size == 1 and law.text != law.name else ""
        return f"+{law.independent}: the {law.name} is conserved, {_numbers(law)}{shown}."
    where = "on data of this class, and not on all data"
    return f"+{law.independent}: {law.text} is conserved {where}."


def _numbers(law: Law) -> str:
    """How many numbers fix what is conserved."""
    if law.size == 1 or not isinstance(law, SpanLaw):
        return "one number" if law.size == 1 else f"{law.size} numbers"
    if law.what == "direction":
        return f"{law.size + 1} − 1 = {law.size} numbers"
    units = {"real": 1, "complex": 2, "quaternionic": 4}[law.field]
    k, kappa = law.dimension // units, len(law.pivots) // units
    copies = isqrt(units * kappa * (k - kappa) // law.independent)  # of the block in R^k
    k, kappa = k // copies, kappa // copies
    over = {1: "", 2: " over C", 4: " over H"}[units]
    times = "" if units == 1 else f"{units}·"
    return (
        f"{'' if units == 1 else units}κ(k − κ) = {times}{kappa}·({k} − {kappa}) = "
        f"{units * kappa * (k - kappa)} numbers{over} (k = {k}, κ = {kappa})"
    )


def _unexplained(extra: int, missing: int) -> str:
    """How many of the extra laws have no name here."""
    what = "up to " if missing > 1 else ""
    if missing == extra:
        return (
            f"The symmetry adds {what}{missing} {'law' if missing == 1 else 'laws'} that are of "
            "neither range nor direction form."
        ).replace("law that are", "law that is")
    verb = "is" if missing == 1 else "are"
    return f"Of the {extra} extra laws {missing} {verb} of neither range nor direction form."


def _seen(problem: Problem, report: LiftReport) -> str:
    """The lifted group in words, as far as it is known."""
    if not report.blocks:
        return ""
    whole, part = report.algebra, report.feature_algebra
    if not whole[1]:
        return "the loss sees no continuous group"
    straight = report.dimension == problem.network.input_shape[-1]  # Φ(x) = x
    words = f"the loss sees a group with Lie algebra {whole[0]}"
    if straight or part is None:
        return words
    turning = f"of which {part[0]} comes" if part[1] else "none of which comes"
    return f"{words} on Φ and the outputs, {turning} from turning inputs or outputs"


def turning_together(report: LiftReport) -> list[str]:
    """Isometries of inputs that are tied to isometries of outputs."""
    if report.feature_algebra is None or report.features is None:
        return []
    algebra, dimension = report.feature_algebra
    if not dimension or dimension >= sum(block.symmetry[1] for block in report.features):
        return []
    return [
        f"Inputs and outputs turn together: the isometries are a {dimension}-dimensional part of "
        f"{algebra}, too few to keep a range."
    ]


_WORDS = {"complex": ("complex", 2), "quaternionic": ("quaternionic", 4)}


def filled_blocks(network: Network, blocks: Sequence[Block]) -> list[str]:
    """Blocks whose vectors fill them: symmetric, but without a law. Equal ones are told once."""
    found: Counter[tuple[str, str, int, int, int]] = Counter()
    for block in blocks:
        word, size = _WORDS.get(block.kind or "", ("", 1))
        k, kappa = block.dimension // size, _vectors(network, block)
        if block.symmetry[1] and len(block.copies) and kappa >= k:
            found[word, _side(network, block), k, block.multiplicity, kappa] += 1
    lines = []
    for (word, side, k, multiplicity, kappa), count in found.items():
        kind = f"{word} " if word else ""
        what = f"The {kind}block" if count == 1 else f"Each of the {count} {kind}blocks"
        vectors = "vector" if kappa == 1 else "vectors"
        lines.append(
            f"{what}{side} of dimension k = {k}, multiplicity {multiplicity}, is filled by "
            f"κ = {kappa} {vectors} of parameters (κ ≥ k), so its range says nothing."
        )
    return lines


def _side(network: Network, block: Block) -> str:
    """Where the block lies, when not in the inputs."""
    n = network.input_shape[-1]
    if not block.copies[..., n:].any():
        return ""
    return " of inputs and outputs" if block.copies[..., :n].any() else " of the outputs"


def _vectors(network: Network, block: Block) -> int:
    """κ: how many independent vectors of the block the parameters hold.

    A tensor has features along one axis or two; what is left of it without the block's part of
    these axes says how many of its entries belong to the block.
    """
    n, k = network.input_shape[-1], block.dimension
    inside: dict[str, dict[int, int]] = {}
    for name, axis, side in network.feature_axes():
        columns = slice(0, n) if side == "input" else slice(n, None)
        copies = sum(bool(copy[:, columns].any()) for copy in block.copies)
        inside.setdefault(name, {})[axis] = copies * k
    entries = 0
    for parameter in network.parameters:
        held = inside.get(parameter.name, {})
        left = (length - held.get(axis, 0) for axis, length in enumerate(parameter.shape))
        entries += parameter.size - prod(left)
    return entries // k
