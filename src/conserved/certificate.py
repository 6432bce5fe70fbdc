"""Making a certificate: both bounds and the evidence, short enough to mail and to check again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from conserved.check.document import (
    NEXT,
    Certificate,
    Claim,
    Data,
    LowerBound,
    UpperBound,
    patterns_of,
    portable,
    seen_everywhere,
)
from conserved.check.independence import independence
from conserved.check.reading import read_file, read_json, read_text
from conserved.closure import Closure
from conserved.errors import ConservedError
from conserved.existence import existence
from conserved.fields import choose_route
from conserved.genericity import genericity
from conserved.law import Law
from conserved.problem import Problem
from conserved.recipe import SEED_LIMIT, recipe_for
from conserved.verification import verify

__all__ = ["Certificate", "certify", "read_file", "read_json", "read_text"]


def certify(
    problem: Problem,
    closure: Closure,
    laws: Sequence[Law],
    *,
    architecture: Closure | None = None,
    seed: int = 0,
) -> Certificate:
    """Make the certificate of an analysis.

    Args:
        problem: what was counted.
        closure: its upper bound.
        laws: explicit laws; those of the architecture count for all data, those owed to the
            symmetry for the class asked for.
        architecture: the upper bound for all data; needed under a symmetry.
        seed: draws the points of the certificate.

    Returns:
        A certificate whose ranks were found again, and whose laws were tested again.

    Raises:
        InputError: a loss or group that no text builds again, or a lift of a network's own.
        ConservedError: a law is false, or a closure for all data is missing.

    Example:
        >>> from conserved.closure import lie_closure
        >>> from conserved.law import GramLaw, GramTerm, Layout
        >>> from conserved.networks import Linear
        >>> problem = Problem(network=Linear(3, 2, 2))
        >>> layout = Layout.of(problem.network.parameters)
        >>> law = GramLaw(layout=layout, terms=(GramTerm("W1", 0), GramTerm("W2", 1, -1)))
        >>> certificate = certify(problem, lie_closure(problem), [law])
        >>> certificate.claims[0].status, certificate.claims[0].lower.laws
        ('CERTIFIED', 3)
    """
    portable(problem)
    seed %= SEED_LIMIT // 2
    closures: dict[Data, Closure] = {"all": closure}
    if problem.symmetric:
        if architecture is None:
            raise ConservedError("architecture: under a symmetry, the bound for all data is needed")
        closures = {"symmetric": closure, "all": architecture}
    kept = _true_and_independent(problem, laws, closure.upper, seed)
    claims = []
    for data, bound in closures.items():
        over = problem.architecture() if data == "all" else problem
        mine = [law for law in kept if data == "symmetric" or law.origin == "architecture"]
        claims.append(_claim(over, data, bound, mine, seed))
    return Certificate(problem, tuple(kept), tuple(claims))


def _true_and_independent(problem: Problem, laws: Sequence[Law], most: int, seed: int) -> list[Law]:
    """The laws that add something, those of the architecture first, each with what it adds."""
    ordered = sorted(laws, key=lambda law: law.origin != "architecture")
    for origin, over in (("architecture", problem.architecture()), ("data symmetry", problem)):
        some = [law for law in ordered if law.origin == origin]
        for law, holds in zip(some, verify(over, some, seed=seed).holds, strict=True):
            if not holds:
                raise ConservedError(f"laws: {law} is not conserved")
    rows = independence(ordered, problem.network.size, most=most, seed=seed).rows
    counts = [sum(row[0] == index for row in rows) for index in range(len(ordered))]
    return [
        replace(law, independent=count) for law, count in zip(ordered, counts, strict=True) if count
    ]


def _claim(problem: Problem, data: Data, closure: Closure, laws: list[Law], seed: int) -> Claim:
    recipe, found = recipe_for(
        problem,
        closure.ranks,
        prime=closure.prime,
        seed=closure.seed % SEED_LIMIT,
        route=choose_route(problem),
    )
    patterns = patterns_of(found.fields)
    upper = UpperBound(
        problem.network.size - found.ranks[-1],
        found.ranks,
        genericity(found.fields).holds,
        patterns,
        recipe,
    )
    minor = independence(laws, problem.network.size, most=upper.laws, seed=seed)
    lower = LowerBound(len(minor.rows), seen_everywhere(laws, minor, patterns), minor)
    if lower.laws < upper.laws and closure.closed and upper.rigorous and patterns != "one cell":
        rank = problem.network.size - upper.laws
        if existence(problem, recipe.counts, rank, seed=seed).holds:
            lower = replace(lower, laws=upper.laws, rigorous=True, exist=True)
    if lower.laws > upper.laws:
        raise ConservedError(
            f"laws: {lower.laws} independent ones were given, the rank leaves {upper.laws}"
        )
    claim = Claim(data, upper, lower, "OPEN")
    if claim.proved:
        return replace(claim, status="CERTIFIED")
    return replace(claim, next=_next(claim, closure))


def _next(claim: Claim, closure: Closure) -> tuple[str, ...]:
    """What could close the gap."""
    steps = {
        "laws": claim.lower.laws < claim.upper.laws,
        "closure": claim.lower.laws < claim.upper.laws and not closure.closed,
        "formal": not claim.upper.rigorous,
        "patterns": not claim.lower.rigorous,
    }
    return tuple(NEXT[step] for step, due in steps.items() if due)
