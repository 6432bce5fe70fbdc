"""Quotients N / m of a polynomial by a monomial: N w(m) = m w(N) is linear in N once m is chosen.

They reach further than pairs of polynomials: units w, v of one input with power 3 have laws such
as (c₂ v₁ w₂ − c₁ v₂ w₁) / (w₁ w₂), c_j = w_j² − 3 v_j², from ∫ dv / (c + 3 v²)^{3/2}.
"""

from __future__ import annotations

import numpy as np

from conserved.fields import Fields
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array
from conserved.law import Law, Layout, Polynomial, RationalLaw
from conserved.search.ansatz import integral, samples
from conserved.search.null import as_fractions, solutions
from conserved.search.powers import Monomials

MOST_PARAMETERS = 6
ABOVE, BELOW = 4, 2  # degrees
_TRIED = 40  # solutions for one monomial


def laws_over_monomials(fields: Fields, known: RowSpace, theta: Array, most: int) -> list[Law]:
    """New laws N / m, deg N ≤ 4 and deg m ≤ 2, for networks of few parameters.

    Args:
        fields: of the problem.
        known: gradients at θ of the laws known already; the new ones are added.
        theta: the point (D,).
        most: how many laws there are at most; the search stops when ``known`` has as many.
    """
    laws: list[Law] = []
    if fields.dimension > MOST_PARAMETERS:
        return laws
    above = Monomials(fields.dimension, list(range(1, ABOVE + 1)))
    below = Monomials(fields.dimension, list(range(1, BELOW + 1)))
    for index in range(below.size):
        if known.rank >= most:
            break
        laws += _over(fields, above, below, index, known, theta)
    return laws


def _over(
    fields: Fields, above: Monomials, below: Monomials, index: int, known: RowSpace, theta: Array
) -> list[Law]:
    """New laws over one monomial."""
    scalars = fields.scalars

    def conditions(count: int) -> Array:
        points, along = samples(fields, count)
        value, slope = above.along(scalars, points, along)
        bottom, fall = below.along(scalars, points, along)
        first = scalars.mul(slope, bottom[:, [index]])
        return scalars.reduce(first - scalars.mul(value, fall[:, [index]]))

    basis = solutions(scalars, above.size, conditions)
    order = np.argsort((basis != 0).sum(axis=1), kind="stable")[:_TRIED]
    layout = Layout(fields.program.parameters)
    monomial = below.polynomial(as_fractions(np.eye(below.size)[[index]], scalars)[0])
    laws: list[Law] = []
    for vector in as_fractions(basis[order], scalars):
        top: Polynomial = above.polynomial(integral(vector))
        if top == monomial:
            continue
        law = RationalLaw(layout=layout, components=((top, monomial),))
        if known.add(law.gradients(scalars, theta)).any():
            laws.append(law)
    return laws
