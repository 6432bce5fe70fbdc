"""Polynomial and rational laws, on networks whose laws are known by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import conserved as cq
from conserved.errors import LimitError
from conserved.fields import make_fields
from conserved.kernel.primes import BLAS_PRIMES
from conserved.kernel.residues import residues
from conserved.law import Law, Layout, Polynomial, PolynomialLaw
from conserved.search import find_laws, unknowns_of
from conserved.search.monomials import Monomials, homogeneous, monomial_count
from conserved.verification import verify
from tests.search.networks import (
    Amplified,
    Amplitude,
    cubic,
    logarithmic,
    quartic,
    radial,
    shifted,
    stretched,
)


def analysed(name: str, count: int, amplitude: Amplitude) -> cq.Analysis:
    return cq.analyze(cq.Problem(network=Amplified(name, count, amplitude)))


@pytest.mark.parametrize(
    "amplitude, law",
    [
        (cubic, "3 w1[1]² w2[1] − w2[1]³"),
        (quartic, "w1[1]³ w2[1] − w1[1] w2[1]³"),
        (shifted, "(1 + w1[1])² − w2[1]²"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_polynomial_laws(amplitude: Amplitude, law: str) -> None:
    analysis = analysed(amplitude.__name__, 2, amplitude)
    assert analysis.count == cq.Count(1, 1, True)
    assert [found.text for found in analysis.laws] == [law]


def test_ratios() -> None:
    analysis = analysed("radial", 4, radial)
    assert analysis.count == cq.Count(3, 3, True)
    (law,) = analysis.laws
    assert law.kind == "rational"
    assert law.independent == law.size == 3
    theta = np.array([2.0, 4.0, 6.0, 10.0])
    np.testing.assert_allclose(sorted(law.value(theta)), [2.0, 3.0, 5.0])


def test_quotients_of_different_degree() -> None:
    analysis = analysed("stretched", 2, stretched)
    assert analysis.count.certified
    (law,) = analysis.laws
    values = law.value(np.array([[3.0, 2.0], [6.0, 8.0]]))  # w1²/w2 is 4.5 at both
    np.testing.assert_allclose(values[0], values[1])
    assert not np.allclose(values[0], law.value(np.array([3.0, 1.0])))


def test_what_has_no_closed_form_is_known_to_exist() -> None:
    analysis = analysed("logarithmic", 2, logarithmic)
    assert analysis.count == cq.Count(1, 1, True, 0)
    assert analysis.laws == ()


@pytest.mark.parametrize("network, lower, upper", [("1-2-2-1", 6, 7), ("1-3-2-1", 9, 10)])
def test_deep_linear_networks_of_one_input_and_output(network: str, lower: int, upper: int) -> None:
    """Balancedness gives all but one law, which no polynomial of degree 4 is."""
    analysis = cq.analyze(cq.Problem.from_text(f"linear:{network}"))
    assert analysis.count == cq.Count(upper, upper, True, lower)
    assert analysis.degree == 4 or network == "1-3-2-1"


@pytest.mark.slow
def test_no_polynomial_of_degree_six_either() -> None:
    analysis = cq.analyze(cq.Problem.from_text("linear:1-2-2-1"), degree=6)
    assert analysis.count == cq.Count(7, 7, True, 6)
    assert analysis.degree == 6


def test_a_degree_that_is_too_much_is_refused() -> None:
    problem = cq.Problem.from_text("linear:1-3-2-1")
    with pytest.raises(LimitError, match=r"degree 8: .* unknown coefficients"):
        cq.analyze(problem, degree=8)


def test_the_search_stops_when_the_bound_is_met() -> None:
    problem = cq.Problem(network=Amplified("cubic", 2, cubic))
    assert find_laws(problem, upper=0).laws == ()
    assert len(find_laws(problem, upper=1).laws) == 1


def test_a_false_law_does_not_count() -> None:
    problem = cq.Problem(network=Amplified("cubic", 2, cubic))
    layout = Layout.of(problem.network.parameters)

    def law(sign: int) -> Law:
        terms = {(0, 0, 1): Fraction(3), (1, 1, 1): Fraction(sign)}
        return PolynomialLaw(layout=layout, components=(Polynomial.of(terms),))

    assert verify(problem, [law(-1), law(1)]).holds == (True, False)


def test_unknowns_are_counted_first() -> None:
    problem = cq.Problem.from_text("linear:1-2-2-1")
    assert monomial_count(8, 4) == 494
    assert find_laws(problem).unknowns == unknowns_of(problem) == 19
    assert Monomials(8, [1, 2, 3, 4]).size == 494


@pytest.mark.parametrize(
    "network, graded", [("linear:2-2-1", True), ("relu:2-2-1,bias", False), ("mlp:2-2-1", False)]
)
def test_which_fields_are_homogeneous(network: str, graded: bool) -> None:
    problem = cq.Problem.from_text(network)
    fields = make_fields(problem, residues(BLAS_PRIMES[0]), np.random.default_rng(0))
    assert homogeneous(fields) is graded


@pytest.mark.parametrize("units, laws", [(2, 3), (3, 5)])
def test_cubic_units_of_one_input(units: int, laws: int) -> None:
    """One field, D − 1 laws: those beyond the balances are quotients over w_i w_j."""
    problem = cq.Problem.from_text(f"poly:1-{units}-1,power=3")
    analysis = cq.analyze(problem)
    assert analysis.count == cq.Count(laws, laws, True)
    balances, *quotients = analysis.laws
    assert balances.independent == units
    assert [law.kind for law in quotients] == ["rational"] * (units - 1)
    w, v = np.split(np.random.default_rng(0).standard_normal(2 * units), 2)
    c = w**2 - 3 * v**2
    by_hand = (c[1] * v[0] * w[1] - c[0] * v[1] * w[0]) / (w[0] * w[1])
    (value,) = quotients[0].value(np.concatenate([w, v]))
    assert min(abs(value - by_hand), abs(value + by_hand)) < 1e-9


def test_what_was_tried_is_said() -> None:
    analysis = cq.analyze(cq.Problem.from_text("poly:1-2-1,power=5"))
    assert analysis.count == cq.Count(3, 3, True, 2)
    told = " ".join(analysis.verdict)
    assert "all polynomials up to degree 4" in told
    assert "quotients" in told
    assert analysis.unknowns == analysis.to_json()["unknowns"] >= 69
