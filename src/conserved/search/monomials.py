"""Polynomials and their quotients, for networks of few parameters: three ansätze over monomials.

All polynomials up to a degree: C(D + N, N) − 1 unknowns for D parameters and degree N, fewer when
all fields are homogeneous in θ, since each degree is then solved alone. Pairs with the same
cofactor: N/D is conserved iff N w(D) − D w(N) = 0 for all fields w, linear in N ∧ D; if all of Λ²V
solves it, V a space of polynomials, the quotients of a basis of V are laws (theory §9). Quotients
over one monomial, which reach higher degrees: units w, v of one input with power 3 have laws such
as (c₂ v₁ w₂ − c₁ v₂ w₁) / (w₁ w₂), c_j = w_j² − 3 v_j², from ∫ dv / (c + 3 v²)^{3/2}.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import reduce
from itertools import combinations_with_replacement
from math import comb
from operator import and_

import numpy as np

from conserved.errors import LimitError
from conserved.fields import Fields
from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array
from conserved.law import Law, Layout, Polynomial, PolynomialLaw, RationalLaw
from conserved.law.layout import Index
from conserved.search.null import Vector, as_fractions, integral, orthogonal, samples, solutions
from conserved.search.state import State

_DEGREES = 65  # of fields, beyond which nobody counts on them being homogeneous
MONOMIAL_LIMIT = 5000  # one matrix of that size takes 200 MB, its rank a dozen seconds
_SMALL = {2: 3000, 3: 600, 4: 600}  # monomials up to a degree that are tried without being asked
_QUOTIENTS = 24  # parameters up to which quotients are tried
_PAIRS = 1500  # of monomials, the unknowns of a quotient
_PIECES = 24  # pairs tried one by one
_PARAMETERS = 6  # up to which quotients over monomials are tried
_ABOVE, _BELOW = 4, 2  # their degrees
_TRIED = 40  # solutions for one monomial


class Monomials:
    """All monomials of the given degrees in D variables.

    Args:
        variables: D.
        degrees: which.

    Example:
        >>> Monomials(3, [1, 2]).size
        9
    """

    def __init__(self, variables: int, degrees: list[int]) -> None:
        self.variables = variables
        top = max(degrees)
        rows = [
            (*factors, *(variables,) * (top - degree))
            for degree in degrees
            for factors in combinations_with_replacement(range(variables), degree)
        ]
        self.factors: Index = np.array(rows, dtype=np.intp).reshape(len(rows), top)

    @property
    def size(self) -> int:
        return len(self.factors)

    def along(self, scalars: Residues, theta: Array, fields: Array) -> tuple[Array, Array]:
        """Values and derivatives along fields of all monomials at θ, both (batch, D)."""
        one = np.ones((len(theta), 1), dtype=scalars.dtype)
        x = np.concatenate([theta, one], axis=1)
        w = np.concatenate([fields, 0 * one], axis=1)
        value = np.broadcast_to(one, (len(theta), self.size))
        slope = 0 * value
        for column in self.factors.T:
            here, there = x[:, column], w[:, column]
            slope = scalars.reduce(scalars.mul(slope, here) + scalars.mul(value, there))
            value = scalars.mul(value, here)
        return value, slope

    def gradients(self, scalars: Residues, theta: Array) -> Array:
        """At one θ (D,): (size, D)."""
        points = np.broadcast_to(theta, (self.variables, self.variables))
        unit = np.eye(self.variables, dtype=scalars.dtype)
        return self.along(scalars, points, unit)[1].T

    def polynomial(self, vector: Vector) -> Polynomial:
        """A sparse combination of them."""
        rows = self.factors.tolist()
        return Polynomial.of(
            {tuple(i for i in rows[k] if i < self.variables): c for k, c in vector}
        )

    def solved(self, fields: Fields, size: int, along: Callable[[Array, Array], Array]) -> Array:
        """A basis (count, size) of what solves random conditions, made of values and slopes."""

        def conditions(count: int) -> Array:
            return along(*self.along(fields.scalars, *samples(fields, count)))

        return solutions(fields.scalars, size, conditions)


def monomial_count(parameters: int, degree: int) -> int:
    """How many unknowns the ansatz has, constants left out."""
    return comb(parameters + degree, degree) - 1


def polynomials(state: State) -> Iterator[list[Law]]:
    """All polynomials up to a degree: the one asked for, or what is cheap.

    Raises:
        LimitError: more unknowns than ``MONOMIAL_LIMIT``, with both numbers.
    """
    fields, size, degree = state.fields, state.fields.dimension, state.degree
    if degree is None:
        degree = max((n for n in _SMALL if monomial_count(size, n) <= _SMALL[n]), default=1)
    if degree < 2:
        return
    graded = homogeneous(fields)
    sets = [[d] for d in range(1, degree + 1)] if graded else [list(range(1, degree + 1))]
    most = comb(size + degree - 1, degree) if graded else monomial_count(size, degree)
    if most > MONOMIAL_LIMIT:
        raise LimitError(
            f"degree {degree}: {most:,} unknown coefficients for {size} parameters; "
            f"the limit is {MONOMIAL_LIMIT:,}"
        )
    state.unknowns = max(state.unknowns, min(monomial_count(size, degree), MONOMIAL_LIMIT))
    for degrees in sets:
        yield _of_degrees(state, Monomials(size, degrees))
    state.reached = degree


def _of_degrees(state: State, monomials: Monomials) -> list[Law]:
    """Polynomials whose gradients are new, the short ones first."""
    scalars = state.fields.scalars
    basis = monomials.solved(state.fields, monomials.size, lambda _, slope: slope)
    basis = _sparse_first(basis)
    gradients = scalars.matmul(basis, monomials.gradients(scalars, state.theta))
    vectors = as_fractions(basis[state.tangents().add(gradients)], scalars)
    found = (monomials.polynomial(integral(vector)) for vector in vectors)
    return [PolynomialLaw(layout=state.layout, components=(one,)) for one in found]


def _sparse_first(basis: Array) -> Array:
    return basis[np.argsort((basis != 0).sum(axis=1), kind="stable")]


def quotients(state: State) -> Iterator[list[Law]]:
    """Quotients of linear, then of quadratic forms; of quartic ones over monomials."""
    size = state.fields.dimension
    if size > _QUOTIENTS:
        return
    for degree in (1, 2):
        yield _pairs(state, Monomials(size, list(range(1, degree + 1))))
    if size <= _PARAMETERS:
        above = Monomials(size, list(range(1, _ABOVE + 1)))
        for index in range(monomial_count(size, _BELOW)):
            yield _over(state, above, index)
    state.quotients = True


def _pairs(state: State, monomials: Monomials) -> list[Law]:
    """Quotients of polynomials without constant terms."""
    scalars = state.fields.scalars
    i, j = np.triu_indices(monomials.size, 1)
    if not 0 < len(i) <= _PAIRS:
        return []

    def wedge(value: Array, slope: Array) -> Array:
        first, second = scalars.mul(value[:, i], slope[:, j]), scalars.mul(value[:, j], slope[:, i])
        return scalars.reduce(first - second)

    basis = monomials.solved(state.fields, len(i), wedge)
    forms = np.zeros((len(basis), monomials.size, monomials.size), dtype=scalars.dtype)
    forms[:, i, j] = basis
    forms[:, j, i] = scalars.reduce(-basis)
    laws: list[Law] = []
    for space in _decomposable(scalars, forms):
        vectors = as_fractions(space, scalars)
        if len(vectors) == len(space) > 1:  # all coefficients are short fractions
            laws.append(ratios(state.layout, monomials, vectors))
    return laws


def ratios(
    layout: Layout, monomials: Monomials, vectors: list[Vector], title: str = ""
) -> RationalLaw:
    """Quotients of polynomials by one of them; of two linear ones made short and orthogonal."""
    plane = len(vectors) == 2 and monomials.factors.shape[1] == 1
    below, *above = orthogonal(*vectors)[::-1] if plane else vectors
    bottom = monomials.polynomial(integral(below))
    components = tuple((monomials.polynomial(integral(top)), bottom) for top in above)
    return RationalLaw(layout=layout, components=components, title=title)


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
    return space.basis[np.argsort(space.pivots)]


def _over(state: State, monomials: Monomials, index: int) -> list[Law]:
    """Quotients N / m by one monomial: N w(m) = m w(N) is linear in N."""
    scalars = state.fields.scalars

    def condition(value: Array, slope: Array) -> Array:
        first = scalars.mul(slope, value[:, [index]])
        return scalars.reduce(first - scalars.mul(value, slope[:, [index]]))

    basis = _sparse_first(monomials.solved(state.fields, monomials.size, condition))[:_TRIED]
    below = monomials.polynomial(as_fractions(np.eye(monomials.size)[[index]], scalars)[0])
    tops = [monomials.polynomial(integral(v)) for v in as_fractions(basis, scalars)]
    pairs = [cancelled(top, below) for top in tops if top != below]
    return [
        RationalLaw(layout=state.layout, components=(pair,)) for pair in pairs if pair[1].degree
    ]


def cancelled(above: Polynomial, below: Polynomial) -> tuple[Polynomial, Polynomial]:
    """A quotient by a monomial without the factors that all terms share.

    Example:
        >>> pair = cancelled(Polynomial.of({(0, 1): 2, (0,): 1}), Polynomial.of({(0, 2): 1}))
        >>> [polynomial.terms for polynomial in pair]
        [(((1,), Fraction(2, 1)), ((), Fraction(1, 1))), (((2,), Fraction(1, 1)),)]
    """
    every = [Counter(monomial) for p in (above, below) for monomial, _ in p.terms]
    shared = reduce(and_, every)

    def without(p: Polynomial) -> Polynomial:
        left = {tuple((Counter(m) - shared).elements()): c for m, c in p.terms}
        return Polynomial.of(left)

    return without(above), without(below)


def homogeneous(fields: Fields) -> bool:
    """Whether w(2θ) is 2^k w(θ), with one k for all fields: laws then split by degree."""
    scalars = fields.scalars
    theta = fields.point()
    leaves, values = fields.draw(2, theta)
    doubled = fields.evaluate(leaves, scalars.reduce(2 * theta))[0]
    return not fields.formal and any(
        not scalars.reduce(
            doubled - scalars.mul(values, np.asarray(scalars.fraction(2**k, 1)))
        ).any()
        for k in range(_DEGREES)
    )
