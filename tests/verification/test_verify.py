"""True laws pass, false ones do not: for every family, over both kinds of primes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import conserved as cq
from conserved.closure import lie_closure
from conserved.kernel.deadline import OutOfTimeError, time_limit
from conserved.kernel.primes import BLAS_PRIMES, INT64_PRIMES, WIDE_PRIMES, Prime
from conserved.law import Law, Layout, Polynomial, PolynomialLaw, RationalLaw, SpanLaw, SpanPart
from conserved.verification import largest_prime, points_for, scalars_for, verify, wide_prime
from tests.verification.laws import FALSE, TRUE, balanced, layout_of


@pytest.mark.parametrize("spec", TRUE)
@pytest.mark.parametrize("prime", [None, INT64_PRIMES[3], WIDE_PRIMES[2]], ids=str)
def test_true_laws_hold(spec: str, prime: object) -> None:
    problem = cq.Problem.from_text(spec)
    found = verify(problem, TRUE[spec], prime=prime)  # type: ignore[arg-type]
    assert all(found.holds)
    assert found.prime**found.points > 2**119


@pytest.mark.parametrize("spec, fault, law", FALSE, ids=lambda v: str(v)[:40])
@pytest.mark.parametrize("prime", [None, INT64_PRIMES[3]], ids=str)
def test_false_laws_do_not(spec: str, fault: str, law: Law, prime: object) -> None:
    problem = cq.Problem.from_text(spec)
    beside = TRUE.get(spec, [])
    found = verify(problem, [*beside, law], prime=prime)  # type: ignore[arg-type]
    assert found.holds == (*(True for _ in beside), False), fault


@pytest.mark.parametrize("spec", TRUE)
@pytest.mark.parametrize("prime", [BLAS_PRIMES[0], INT64_PRIMES[0], WIDE_PRIMES[0]], ids=str)
def test_derivatives_along_fields_are_those_of_gradients(spec: str, prime: Prime) -> None:
    scalars, rng = scalars_for(prime), np.random.default_rng(2)
    beside = [law for where, _, law in FALSE if where == spec]
    for law in TRUE[spec] + beside:
        theta = scalars.random(rng, (law.layout.size,))
        directions = scalars.random(rng, (3, law.layout.size))
        product = scalars.matmul(directions, law.gradients(scalars, theta).T)
        difference = scalars.reduce(law.derivative(scalars, theta, directions) - product)
        assert difference.shape == (3, law.size)
        assert not difference.any()


def test_the_hand_made_laws_are_all_there_are() -> None:
    """Sizes of independent families against the closure: nothing is missing, so none is idle."""
    for spec in ("linear:3-2-2", "relu:2-3-7-3-7,bias", "swiglu:2-3-2", "poly:2-3-1,power=3"):
        upper = lie_closure(cq.Problem.from_text(spec)).upper
        assert sum(law.size for law in TRUE[spec]) == upper


@pytest.mark.parametrize("route", ["orbits", "moments"])
def test_laws_of_the_symmetry(route: str) -> None:
    """The direction of the zero-sum part of W1 is kept by averaged data, and by no others."""
    problem = cq.Problem.from_text("linear:3-1", symmetry="shift")
    layout = Layout.of(problem.network.parameters)
    part = SpanPart("W1", 1, (("1", "0", "-1"), ("0", "1", "-1")))
    span = SpanLaw(layout=layout, what="direction", parts=(part,), vectors=(0,), pivots=(0,))
    x, y, z = ((0,), (1,), (2,))
    true = Polynomial.of({x: 1, z: -1}), Polynomial.of({y: 1, z: -1})
    wrong = Polynomial.of({x: 1, z: -1}), Polynomial.of({y: 1, z: 1})
    laws = [span, *(RationalLaw(layout=layout, components=(pair,)) for pair in (true, wrong))]
    kwargs = {"route": route}
    assert verify(problem, laws, **kwargs).holds == (True, True, False)  # type: ignore[arg-type]
    assert verify(problem.architecture(), laws).holds == (False, False, False)


def test_a_law_without_values_does_not_hold_and_spoils_no_other() -> None:
    """Two equal vectors span no plane: P1 is singular at every θ."""
    problem = cq.Problem.from_text("linear:4-2-1")
    layout = layout_of("linear:4-2-1")
    rows = tuple(tuple(str(int(i == j)) for j in range(4)) for i in range(4))
    twice = SpanPart("W1", 1, rows), SpanPart("W1", 1, rows)
    law = SpanLaw(layout=layout, what="range", parts=twice, vectors=(0, 2), pivots=(0, 1))
    assert verify(problem, [law, *balanced(layout)]).holds == (False, True)


def test_coefficients_that_one_prime_takes_for_others() -> None:
    """1 + p looks like 1 mod p: which is why checks draw their primes."""
    problem, layout = cq.Problem.from_text("linear:1-1-1"), layout_of("linear:1-1-1")

    def law(prime: int) -> Law:
        square = {(0, 0): Fraction(1), (1, 1): Fraction(-1 - prime)}
        return PolynomialLaw(layout=layout, components=(Polynomial.of(square),))

    default = wide_prime(problem)
    assert verify(problem, [law(0), law(int(default))]).holds == (True, True)
    other = wide_prime(problem, below=2**60)
    assert verify(problem, [law(0), law(int(default))], prime=other).holds == (True, False)


def test_the_prime_is_as_wide_as_the_averages_allow() -> None:
    small = cq.Problem.from_text("linear:4-2-1", symmetry="permutation")
    assert largest_prime(small) == 2**61
    many = cq.Problem.from_text("mlp:7-9-1,act=tanh", symmetry="permutation")
    assert largest_prime(many) == 2**31  # 5040 points of 100 values
    assert points_for(INT64_PRIMES[0]) == 4
    assert points_for(WIDE_PRIMES[0]) == 2


def test_the_prime_has_the_roots_that_laws_need() -> None:
    layout = layout_of("linear:2-1")
    part = SpanPart("W1", 1, (("cos(2*pi/5)", "sin(2*pi/5)"), ("0", "1")))
    law = SpanLaw(layout=layout, what="direction", parts=(part,), vectors=(0,), pivots=(0,))
    problem = cq.Problem.from_text("linear:2-1")
    assert (wide_prime(problem, [law]) - 1) % 20 == 0
    assert verify(problem, [law]).holds == (False,)


def test_no_laws_are_no_work_to_verify() -> None:
    assert verify(cq.Problem.from_text("linear:2-2-2"), []).holds == ()


def test_a_time_limit_is_kept() -> None:
    with time_limit(0), pytest.raises(OutOfTimeError):
        verify(cq.Problem.from_text("linear:3-2-2"), TRUE["linear:3-2-2"])


def test_seeds_draw_other_points_and_repeat() -> None:
    """The same seed draws the same points, so even an accidental pass repeats."""
    problem, laws = cq.Problem.from_text("linear:3-2-2"), TRUE["linear:3-2-2"]
    assert verify(problem, laws, seed=5) == verify(problem, laws, seed=5)
    assert np.all(verify(problem, laws, seed=2**60).holds)
