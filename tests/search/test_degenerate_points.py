"""Laws known before a search count as known wherever the search looks."""

from __future__ import annotations

from conserved.law import Layout, Polynomial, PolynomialLaw
from conserved.problem import Problem
from conserved.search import State, find_laws
from conserved.verification import verify


def test_a_law_known_is_not_counted_again_at_a_point_where_its_gradient_vanishes() -> None:
    """h = u² − v² is the only law of f = v·u·x; (h − c)² is it too, without gradient where h = c.

    c is the value at the very point, mod the very prime, that the search draws first.
    """
    problem = Problem.from_text("linear:1-1-1")
    layout = Layout.of(problem.network.parameters)
    state = State(problem)
    p = int(state.fields.scalars.prime)
    u, v = (int(value) for value in state.theta)
    c = (u * u - v * v) % p
    squared = {(0,) * 4: 1, (0, 0, 1, 1): -2, (1,) * 4: 1, (0, 0): -2 * c, (1, 1): 2 * c}
    known = PolynomialLaw(layout=layout, components=(Polynomial.of(squared),), independent=1)
    assert verify(problem, [known]).holds == (True,)
    at = state.fields.scalars.from_integers([u, v])
    assert not known.gradients(state.fields.scalars, at).any()
    assert find_laws(problem, known=[known]).laws == ()
