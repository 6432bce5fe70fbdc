"""Values and gradients of every leaf by two roads: formulas, differences, jets, other layouts."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given

from conserved.errors import DegenerateSampleError
from conserved.kernel.primes import BLAS_PRIMES, INT64_PRIMES, WIDE_PRIMES, prime_with_roots
from conserved.kernel.real import Reals
from conserved.kernel.residues import FloatResidues, IntResidues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.wide import WideResidues
from conserved.law import (
    GramLaw,
    GramTerm,
    Layout,
    PhaseLaw,
    Polynomial,
    PolynomialLaw,
    SpanLaw,
    SpanPart,
)
from tests.fuzz import fuzzed
from tests.law.strategies import EXAMPLES, LAWS, LAYOUT, gram_laws

SMALL = prime_with_roots(40)  # below 2^23, with cos 2π/5 and √2
every_example = pytest.mark.parametrize("law", EXAMPLES.values(), ids=EXAMPLES.keys())


def rings():
    wide = prime_with_roots(40, below=2**61)
    return FloatResidues(SMALL), IntResidues(SMALL), WideResidues(SMALL), WideResidues(wide)


@given(gram_laws())
def test_gram_laws_are_their_polynomials(law):
    """Matrix form against the functions written out."""
    ring = FloatResidues(BLAS_PRIMES[0])
    written = PolynomialLaw(layout=LAYOUT, components=law.polynomials())
    theta = ring.random(np.random.default_rng(0), (3, LAYOUT.size))
    assert (law.values(ring, theta) == written.values(ring, theta)).all()
    assert (law.gradients(ring, theta[0]) == written.gradients(ring, theta[0])).all()


@every_example
def test_gradients_are_those_of_differences(law):
    rng = np.random.default_rng(3)
    theta, step = rng.standard_normal(LAYOUT.size), 1e-5
    moved = theta + step * np.concatenate([np.eye(LAYOUT.size), -np.eye(LAYOUT.size)])
    plus, minus = np.split(law.value(moved), 2)
    slopes = (plus - minus).T / (2 * step)
    np.testing.assert_allclose(law.gradient(theta), slopes, rtol=1e-5, atol=1e-6)


@fuzzed(20, 100, law=LAWS)
def test_gradients_are_exact(law):
    """The slope along a random line over GF(p), from values alone, is the gradient times it."""
    ring = WideResidues(prime_with_roots(40, below=2**61))
    rng = np.random.default_rng(5)
    theta, v = ring.random(rng, (2, LAYOUT.size))
    try:
        slope = ring.matmul(law.gradients(ring, theta), v[:, None])[:, 0]
        found = derivative_by_interpolation(ring, law, theta, v)
    except DegenerateSampleError:
        return  # random matrices may well be singular
    assert (slope == found).all()


def derivative_by_interpolation(ring, law, theta, v, order=14):
    """d/dt h(θ + tv) at 0 from values alone.

    h = N/D along the line with polynomials of degree below ``order``: N − h(t) D = 0 at enough
    points determines them (Cauchy interpolation, normalised by D(0) = 1), and h′(0) = N₁ − h(0) D₁.
    """
    points = ring.from_integers(np.arange(1, 2 * order + 4))
    lines = ring.reduce(theta + ring.mul(points[:, None], v))
    values = law.values(ring, lines)
    (start,) = law.values(ring, theta[None])
    powers = np.stack([ring.power(points, e) for e in range(order)], axis=1)
    out = []
    for h, first in zip(values.T, start, strict=True):
        # unknowns: N_0 … , D_1 …, and 1 for D_0
        rows = np.concatenate(
            [powers, ring.reduce(-ring.mul(powers[:, 1:], h[:, None])), -h[:, None]], axis=1
        )
        space = RowSpace(ring, rows.shape[1])
        space.add(ring.reduce(rows))
        for solution in space.annihilator().T:
            if solution[-1]:
                n, d = solution[:order], np.concatenate([solution[-1:], solution[order:-1]])
                top = ring.reduce(n[1] - ring.mul(first, d[1]))
                out.append(ring.mul(top, ring.inverse(np.asarray(d[0], dtype=ring.dtype))))
                break
        else:
            raise DegenerateSampleError("no solution with D(0) ≠ 0")
    return np.array(out, dtype=ring.dtype)


@every_example
def test_derivatives_are_gradients_times_directions(law):
    for ring in rings():
        theta, *directions = ring.random(np.random.default_rng(1), (4, LAYOUT.size))
        slopes = ring.matmul(np.stack(directions), law.gradients(ring, theta).T)
        assert (law.derivative(ring, theta, np.stack(directions)) == slopes).all()


@every_example
def test_all_layouts_of_residues_agree(law):
    theta = np.random.default_rng(7).integers(-50, 50, (2, LAYOUT.size))
    floats, ints, wides, _ = rings()
    expected = floats.canonical(law.values(floats, floats.from_integers(theta)))
    slopes = floats.canonical(law.gradients(floats, floats.from_integers(theta[0])))
    for ring in (ints, wides):
        at = ring.from_integers(theta)
        assert (ring.canonical(law.values(ring, at)) == expected).all()
        assert (ring.canonical(law.gradients(ring, at[0])) == slopes).all()


@pytest.mark.parametrize("name", ["gram", "diagonal", "trace", "polynomial", "rational"])
def test_real_values_reduce_to_residues(name):
    """At integer points a rational value n/d, scaled to integers, is the value mod p."""
    law = EXAMPLES[name]
    ring = IntResidues(INT64_PRIMES[0])
    theta = np.random.default_rng(11).integers(-9, 9, (4, LAYOUT.size))
    real = law.values(Reals(), theta.astype(float))
    scale = 7 * 6  # clears the fractions of the examples
    if name == "rational":
        scale *= int(np.prod(np.round(7 * (theta[:, 3] + 1 / 7))))
    whole = np.rint(real * scale).astype(np.int64)
    np.testing.assert_allclose(whole, real * scale, atol=1e-6)
    left = ring.mul(law.values(ring, ring.from_integers(theta)), np.asarray(scale % ring.prime))
    assert (left == ring.from_integers(whole)).all()


def test_spans_do_not_depend_on_the_basis_of_their_vectors():
    """M is a function of the span: P ↦ P·N leaves it alone, a step outside does not."""
    matrix = tuple(tuple(str(int(i == j)) for j in range(4)) for i in range(4))
    layout = Layout((("W", (2, 4)),))
    part = SpanPart("W", 1, matrix)
    law = SpanLaw(layout=layout, what="range", parts=(part,), vectors=(0, 1), pivots=(1, 3))
    rng = np.random.default_rng(0)
    w = rng.standard_normal((2, 4))
    turned = rng.standard_normal((2, 2)) @ w
    np.testing.assert_allclose(law.value(turned.ravel()), law.value(w.ravel()))
    assert np.abs(law.value(w.ravel() + rng.standard_normal(8)) - law.value(w.ravel())).max() > 0.1


def test_the_phase_is_that_of_a_complex_determinant():
    eye = tuple(tuple(str(int(i == j)) for j in range(6)) for i in range(6))
    layout = Layout((("W", (3, 6)),))
    part = SpanPart("W", 1, eye)
    law = PhaseLaw(layout=layout, parts=(part,), vectors=(0, 1, 2), coordinates=(0, 1, 2))
    w = np.random.default_rng(0).standard_normal((3, 3, 2))
    determinant = np.linalg.det(w[..., 0] + 1j * w[..., 1])
    assert law.value(w.ravel()).item() == pytest.approx(determinant.imag / determinant.real)


@pytest.mark.parametrize("width", [1, 2])
def test_width_one(width):
    layout = Layout((("W1", (1, width)), ("W2", (1, 1))))
    law = GramLaw(layout=layout, terms=(GramTerm("W1", 0), GramTerm("W2", 1, -1)))
    assert (law.size, law.labels()) == (1, ("1,1",))
    theta = np.arange(2.0, 2.0 + layout.size)
    assert law.value(theta).tolist() == [(theta[:-1] ** 2).sum() - theta[-1] ** 2]
    assert law.text == ("‖W1‖² − ‖W2‖²")


def test_a_denominator_that_is_zero_mod_p_asks_for_another_prime():
    p = int(BLAS_PRIMES[0])
    layout = Layout((("w", (2,)),))
    laws = [
        PolynomialLaw(layout=layout, components=(Polynomial.of({(0,): Fraction(1, p)}),)),
        SpanLaw(
            layout=layout,
            what="direction",
            parts=(SpanPart("w", 0, ((f"1/{p}", "0"), ("0", "1"))),),
            vectors=(0,),
            pivots=(0,),
        ),
    ]
    bad, good = FloatResidues(BLAS_PRIMES[0]), WideResidues(WIDE_PRIMES[0])
    for law in laws:
        with pytest.raises(DegenerateSampleError):
            law.gradients(bad, np.ones(2))
        law.gradients(good, good.from_integers([1, 1]))


def test_roots_say_which_primes_have_the_coefficients():
    assert EXAMPLES["gram"].roots == 1
    assert EXAMPLES["range"].roots == 5
    assert EXAMPLES["phase"].roots == 5
