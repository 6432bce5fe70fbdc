"""The rational ansatz: pairs of polynomials with the same cofactor (theory §9).

N/D is conserved iff N w(D) − D w(N) = 0 for all fields w, an equation that is linear in N ∧ D. If
all of Λ²V solves it, V a space of polynomials, the quotients of a basis of V are laws.
"""

from __future__ import annotations

import numpy as np

from conserved.fields import Fields
from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array
from conserved.law import Law, Layout, RationalLaw
from conserved.search.ansatz import integral, samples
from conserved.search.null import as_fractions, solutions
from conserved.search.powers import Monomials

PAIR_LIMIT = 1500  # unknowns, pairs of monomials
_PIECES = 24  # pairs tried one by one


def quotient_laws(fields: Fields, degree: int, known: RowSpace, theta: Array) -> list[Law]:
    """Quotients of polynomials without constant terms that are new laws.

    Args:
        fields: of the problem.
        degree: of numerator and denominator, at most.
        known: gradients at θ of the laws known already; the new ones are added.
        theta: the point (D,).
    """
    scalars = fields.scalars
    monomials = Monomials(fields.dimension, list(range(1, degree + 1)))
    i, j = np.triu_indices(monomials.size, 1)
    if not 0 < len(i) <= PAIR_LIMIT:
        return []

    def conditions(count: int) -> Array:
        points, along = samples(fields, count)
        value, slope = monomials.along(scalars, points, along)
        first, second = scalars.mul(value[:, i], slope[:, j]), scalars.mul(value[:, j], slope[:, i])
        return scalars.reduce(first - second)

    basis = solutions(scalars, len(i), conditions)
    forms = np.zeros((len(basis), monomials.size, monomials.size), dtype=scalars.dtype)
    forms[:, i, j] = basis
    forms[:, j, i] = scalars.reduce(-basis)
    laws = []
    for space in _decomposable(scalars, forms):
        law = _law(fields, monomials, space)
        if law is not None and known.add(law.gradients(scalars, theta)).any():
            laws.append(law)
    return laws


def _decomposable(scalars: Residues, forms: Array) -> list[Array]:
    """Bases (v, size) of spaces V with Λ²V among the solutions."""
    whole = _span(scalars, forms)
    if len(forms) and len(forms) == len(whole) * (len(whole) - 1) // 2:
        return [whole]
    pieces = [_span(scalars, form[None]) for form in forms[:_PIECES]]
    return [piece for piece in pieces if len(piece) == 2]


def _span(scalars: Residues, forms: Array) -> Array:
    """The space of polynomials that occur in some antisymmetric forms, in reduced form."""
    space = RowSpace(scalars, forms.shape[-1])
    space.add(forms.reshape(-1, forms.shape[-1]))
    order = np.argsort(space.pivots)
    return space.basis[order]


def _law(fields: Fields, monomials: Monomials, space: Array) -> Law | None:
    """Quotients by the first basis polynomial; None where coefficients are no short fractions."""
    vectors = as_fractions(space, fields.scalars)
    if len(vectors) < len(space) or len(vectors) < 2:
        return None
    below, *above = (monomials.polynomial(integral(vector)) for vector in vectors)
    layout = Layout(fields.program.parameters)
    return RationalLaw(layout=layout, components=tuple((top, below) for top in above))
