"""Degrees on lines against degrees on paper."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import conserved as cq
from conserved.certificate.laws import program_of
from conserved.fields import Route, make_fields
from conserved.kernel.degree import field_degree, law_degree, rational_degree
from conserved.kernel.extent import Degree
from conserved.kernel.primes import INT64_PRIMES, prime_with_roots
from conserved.kernel.residues import residues
from conserved.law import Law, Layout, Polynomial, PolynomialLaw, RationalLaw, SpanLaw, SpanPart
from tests.verification.laws import balanced, layout_of

P = int(INT64_PRIMES[0])
KNOWN = [
    # x, v and the other layers
    ("linear:3-2-2", "none", "mse", Degree(3)),
    ("linear:2-2-2-2", "none", "mse", Degree(4)),
    # gates are drawn too: one for each hidden layer
    ("relu:2-3-2", "none", "mse", Degree(4)),
    ("relu:2-3-3-2", "none", "mse", Degree(6)),
    # v (W1 x)^r or v W2 r (W1 x)^(r−1) x
    ("poly:2-3-1,power=2", "none", "mse", Degree(5)),
    ("poly:2-3-1,power=3", "none", "mse", Degree(7)),
    # J f and J y: an orbit with squared error
    ("linear:2-2-1", "negation", "mse", Degree(5)),
    # (f − y)^3 J
    ("linear:2-1", "negation", "poly:4", Degree(7)),
]


def degree_of(problem: cq.Problem, route: Route, seed: int = 0) -> Degree | None:
    scalars = residues(prime_with_roots(problem.group.roots, 2**31))
    return field_degree(make_fields(problem, scalars, np.random.default_rng(seed), route))


def degree_of_law(law: Law) -> Degree | None:
    rng = np.random.default_rng(0)
    scalars = residues(prime_with_roots(law.roots, int(rng.integers(2**30, 2**31))))
    return law_degree(program_of(law), scalars, rng)


@pytest.mark.parametrize("network, symmetry, loss, degree", KNOWN)
def test_fields(network: str, symmetry: str, loss: str, degree: Degree) -> None:
    problem = cq.Problem.from_text(network, symmetry=symmetry, loss=loss)
    assert degree_of(problem, "orbits") == degree
    assert degree_of(problem, "orbits", seed=9) == degree


def test_moment_fields_are_linear_in_the_moments() -> None:
    """S W1ᵀW2ᵀW2 and C W2: coefficients times entries of θ."""
    problem = cq.Problem.from_text("linear:4-2-1", symmetry="permutation")
    assert degree_of(problem, "moments") == Degree(4)


@pytest.mark.parametrize("act", ["tanh", "gelu", "sin", "exp", "softplus", "erf"])
def test_formal_functions_have_a_degree(act: str) -> None:
    found = degree_of(cq.Problem.from_text(f"mlp:2-2-1,act={act}"), "orbits")
    assert found is not None
    assert 3 <= found.above < 30


@given(
    st.lists(st.integers(-9, 9), max_size=6),
    st.lists(st.integers(-9, 9), min_size=1, max_size=6),
    st.sets(st.integers(0, 19), max_size=3),
)
def test_rational_functions(above: list[int], below: list[int], lost: set[int]) -> None:
    """(Σ a_k t^k) / (Σ b_k t^k) reduced, with some values missing."""
    from flint import nmod_poly

    top, bottom = nmod_poly(above, P), nmod_poly(below, P)
    t = np.arange(20)
    if not bottom:
        return
    valid = np.array([bool(int(bottom(int(v)))) and int(v) not in lost for v in t])
    values = np.array(
        [
            int(top(int(v))) * pow(int(bottom(int(v))), -1, P) % P if ok else 7
            for v, ok in zip(t, valid, strict=True)
        ]
    )
    common = top.gcd(bottom)
    expected = Degree((top // common).degree(), (bottom // common).degree()) if top else Degree(0)
    assert rational_degree(INT64_PRIMES[0], values, valid) == expected


def test_random_values_have_none() -> None:
    values = np.random.default_rng(0).integers(0, P, 64)
    assert rational_degree(INT64_PRIMES[0], values, np.ones(64, bool)) is None


def test_laws() -> None:
    layout = layout_of("linear:3-2-2")
    assert all(degree_of_law(law) == Degree(2) for law in balanced(layout))
    cubic = Polynomial.of({(0, 0, 1): Fraction(1, 3), (2,): 1})
    line = Polynomial.of({(0,): 1, (3,): -1})
    assert degree_of_law(PolynomialLaw(layout=layout, components=(cubic, line))) == Degree(3)
    assert degree_of_law(RationalLaw(layout=layout, components=((cubic, line),))) == Degree(3, 1)
    layout = Layout((("W1", (2, 4)),))
    rows = tuple(tuple(str(int(i == j)) for j in range(4)) for i in range(4))
    part = SpanPart("W1", 1, rows)
    span = SpanLaw(layout=layout, what="range", parts=(part,), vectors=(0, 1), pivots=(0, 1))
    assert degree_of_law(span) == Degree(2, 2)  # Cramer's rule


def test_a_law_cannot_hide_its_degree_behind_a_known_prime() -> None:
    """w² + p·w⁴⁰ is of degree 40, though mod p nobody sees it."""
    layout = Layout((("w", (2,)),))
    for prime in INT64_PRIMES:
        hidden = Polynomial.of({(0, 0): 1, (1,) * 40: int(prime)})
        assert degree_of_law(PolynomialLaw(layout=layout, components=(hidden,))) == Degree(40)


def test_a_coefficient_without_a_value_mod_a_known_prime() -> None:
    for prime in INT64_PRIMES:
        below = Polynomial.of({(0, 0): 1, (1,): Fraction(1, int(prime))})
        law = PolynomialLaw(layout=Layout((("w", (2,)),)), components=(below,))
        assert degree_of_law(law) == Degree(2)


def test_a_law_without_values_has_no_degree() -> None:
    """Both vectors are the same one: nowhere do they span a plane."""
    part = SpanPart("w", 0, (("1", "0", "0"), ("0", "1", "0"), ("0", "0", "1")))
    law = SpanLaw(
        layout=Layout((("w", (3,)),)),
        what="range",
        parts=(part, part),
        vectors=(0, 1),
        pivots=(0, 1),
    )
    assert degree_of_law(law) is None
