"""Making a certificate: both bounds and the evidence, short enough to mail and to check again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from conserved.arithmetic.threads import threads_for
from conserved.certificate.document import Certificate
from conserved.certificate.laws import program_of
from conserved.certificate.recipe import recipe_for
from conserved.certificate.statement import statement_of
from conserved.errors import ConservedError
from conserved.kernel.certificate import NEXT, Claim, Data, LowerBound, Minor, UpperBound
from conserved.kernel.check import patterns_of
from conserved.kernel.genericity import genericity
from conserved.kernel.minor import largest_minor
from conserved.kernel.reading import SEED_LIMIT
from conserved.kernel.span import existence
from conserved.kernel.statement import Statement
from conserved.law import Law
from conserved.problem import Problem
from conserved.verification import verify

if TYPE_CHECKING:
    from conserved.closure import Closure


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
        laws: explicit laws; those of the architecture count for all data, those due to the
            symmetry for the class asked for.
        architecture: the upper bound for all data; needed under a symmetry.
        seed: draws the points of the certificate.

    Returns:
        A certificate whose ranks were found again, and whose laws were tested again.

    Raises:
        InputError: a loss or group that no text builds again, or one too large to list where the
            network has no lift.
        ConservedError: a law is false, or a closure for all data is missing.

    Example:
        >>> from conserved.closure import lie_closure
        >>> from conserved.law import GramLaw, GramTerm
        >>> from conserved.networks import Linear
        >>> problem = Problem(network=Linear(3, 2, 2))
        >>> layout = problem.state
        >>> law = GramLaw(layout=layout, terms=(GramTerm("W1", 0), GramTerm("W2", 1, -1)))
        >>> certificate = certify(problem, lie_closure(problem), [law])
        >>> certificate.claims[0].status, certificate.claims[0].lower.laws
        ('CERTIFIED', 3)
    """
    seed %= SEED_LIMIT // 2
    statement = statement_of(problem)
    closures: dict[Data, Closure] = {statement.kind: closure}
    if problem.restricted:
        if architecture is None:
            raise ConservedError("architecture: for a class, the bound for all data is needed too")
        closures["all"] = architecture
    with threads_for(problem.state.size):
        kept = _true_and_independent(problem, laws, closure.upper, seed)
        claims = []
        for data, bound in closures.items():
            stated = statement.architecture() if data == "all" else statement
            mine = [law for law in kept if data != "all" or law.origin == "architecture"]
            claims.append(_claim(stated, data, bound, mine, seed))
    made = Certificate(problem, tuple(kept), tuple(claims), statement.symmetry)
    made.require_portable()
    return made


def _true_and_independent(problem: Problem, laws: Sequence[Law], most: int, seed: int) -> list[Law]:
    """The laws that add something, those of the architecture first, each with what it adds."""
    ordered = sorted(laws, key=lambda law: law.origin != "architecture")
    for origin, over in (("architecture", problem.architecture()), (problem.origin, problem)):
        some = [law for law in ordered if law.origin == origin]
        for law, holds in zip(some, verify(over, some, seed=seed).holds, strict=True):
            if not holds:
                raise ConservedError(f"laws: {law} is not conserved")
    rows = _minor(ordered, problem.state.size, most, seed).rows
    counts = [sum(row[0] == index for row in rows) for index in range(len(ordered))]
    return [
        replace(law, independent=count) for law, count in zip(ordered, counts, strict=True) if count
    ]


def _minor(laws: Sequence[Law], size: int, most: int, seed: int) -> Minor:
    return largest_minor([program_of(law) for law in laws], size, most=most, seed=seed)


def _claim(
    statement: Statement, data: Data, closure: Closure, laws: Sequence[Law], seed: int
) -> Claim:
    size = statement.size
    recipe, fields, ranks = recipe_for(statement, closure, seed=closure.seed % SEED_LIMIT)
    patterns = patterns_of(statement, fields)
    upper = UpperBound(size - ranks[-1], ranks, genericity(fields).holds, patterns, recipe)
    minor = _minor(laws, size, upper.laws, seed)
    due = any(laws[law].origin != "architecture" for law, _ in minor.rows)
    # laws of the class are tested on sampled patterns, where patterns are sampled
    lower = LowerBound(len(minor.rows), not (due and patterns == "one cell"), minor)
    able = closure.closed and upper.rigorous and not (fields.sampled_patterns or fields.one_cell)
    missing = able and lower.laws < upper.laws
    if missing and existence(statement, recipe.counts, size - upper.laws, seed=seed).holds:
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
