"""Infinite groups that are finite mod a prime: what may not pass for a bound.

A turn of the plane by an angle with rational sine and cosine, no multiple of a quarter, has
infinite order: its data are those of all turns, and z⁴ with one unit keeps the direction of W1
besides ‖W1‖² − 4 ‖W2‖². Mod a prime the same matrix has finite order, mod a chosen one any order
that divides p − 1.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

import pytest

import conserved as cq
from conserved.certificate import check_certificate, read_json
from conserved.certificate.make import certify
from conserved.closure import lie_closure
from conserved.errors import InputError
from conserved.fields import bad_prime
from conserved.kernel.primes import BLAS_PRIMES, prime_with_roots
from conserved.kernel.residues import residues
from conserved.problem import Problem


def turn(tangent: Fraction) -> dict[str, Any]:
    """The group that the turn with this tangent of half its angle generates."""
    below = 1 + tangent**2
    cosine, sine = (1 - tangent**2) / below, 2 * tangent / below
    rows = [[str(cosine), str(-sine)], [str(sine), str(cosine)]]
    return {"schema": "conserved.group/1", "generators": [rows]}


EIGHTH = Fraction(-268, 2653)  # (a primitive eighth root of unity) mod BLAS_PRIMES[0] alone
QUARTER = Fraction(-67108642, -75497235)  # order 4 mod both primes by which orders are found


@cache  # its order is found by listing 50,000 elements
def posed(tangent: Fraction) -> Problem:
    files = {"turn.json": turn(tangent)}
    return Problem.from_text("poly:2-1-1,power=4", symmetry="turn.json", files=files)


def test_the_turns_are_infinite_and_seem_finite() -> None:
    eighth, quarter = posed(EIGHTH).group, posed(QUARTER).group
    assert eighth.order != 8
    assert quarter.order == 4  # found out later
    for group, order in ((eighth, 8), (quarter, 4)):
        ring = residues(prime_with_roots(1))
        (matrix,) = group.generators(ring)
        power = matrix
        for _ in range(order - 1):
            power = ring.matmul(power, matrix)
        assert power.tolist() == [[1, 0], [0, 1]]


def test_a_bad_prime_is_passed_over() -> None:
    closure = lie_closure(posed(EIGHTH))
    assert closure.prime != BLAS_PRIMES[0]
    assert closure.upper == 2
    analysis = cq.analyze(posed(EIGHTH))
    assert analysis.count.upper == 2
    everything = lie_closure(Problem.from_text("poly:2-1-1,power=4", symmetry="special-orthogonal"))
    assert everything.upper == 2


def test_the_bad_prime_itself_would_give_a_false_bound() -> None:
    assert lie_closure(posed(EIGHTH), prime=int(BLAS_PRIMES[0])).upper == 1


def test_a_false_order_is_refused() -> None:
    with pytest.raises(InputError, match="order is in doubt: more than 4 elements"):
        lie_closure(posed(QUARTER))


def test_a_certificate_on_a_false_order_is_refuted() -> None:
    problem = posed(QUARTER)
    closure = lie_closure(problem, prime=int(BLAS_PRIMES[0]))
    architecture = lie_closure(problem.architecture())
    laws = cq.analyze(problem.architecture()).laws
    certificate = certify(problem, closure, laws, architecture=architecture)
    assert certificate.certified
    report = check_certificate(read_json(certificate.to_json()), seed=5)
    assert "more than 4 elements" in report.refuted[0].done


def test_true_groups_are_not_doubted() -> None:
    quarter = turn(Fraction(1))
    problem = Problem.from_text(
        "poly:2-1-1,power=4", symmetry="turn.json", files={"turn.json": quarter}
    )
    one, other = map(residues, BLAS_PRIMES[:2])
    assert not bad_prime(problem, one, other, "orbits")
    assert not bad_prime(problem, one, other, "moments")
    assert lie_closure(problem).upper == 1
