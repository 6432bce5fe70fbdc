"""The full polynomial ansatz: every monomial up to a degree, for networks of few parameters.

The unknowns are counted before anything is solved: C(D + N, N) − 1 of them for D parameters and
degree N, fewer when all fields are homogeneous in θ, since each degree is then solved alone.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from math import comb

import numpy as np

from conserved.errors import LimitError
from conserved.fields import Fields
from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import RowSpace
from conserved.kernel.scalars import Array
from conserved.law import Law, Layout, Polynomial, PolynomialLaw
from conserved.law.layout import Index
from conserved.search.ansatz import integral, samples
from conserved.search.null import Vector, as_fractions, solutions

_DEGREES = 65  # of fields, beyond which nobody counts on them being homogeneous
MONOMIAL_LIMIT = 5000  # one matrix of that size takes 200 MB, its rank a dozen seconds


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


def monomial_count(parameters: int, degree: int) -> int:
    """How many unknowns the ansatz has, constants left out."""
    return comb(parameters + degree, degree) - 1


def polynomial_laws(fields: Fields, degree: int, known: RowSpace, theta: Array) -> list[Law]:
    """Polynomial laws up to a degree that are independent of the known ones.

    Args:
        fields: of the problem.
        degree: N.
        known: gradients at θ of the laws known already; the new ones are added.
        theta: the point (D,).

    Raises:
        LimitError: more unknowns than ``MONOMIAL_LIMIT``, with both numbers.
    """
    size = fields.dimension
    graded = homogeneous(fields)
    sets = [[d] for d in range(1, degree + 1)] if graded else [list(range(1, degree + 1))]
    most = comb(size + degree - 1, degree) if graded else monomial_count(size, degree)
    if most > MONOMIAL_LIMIT:
        raise LimitError(
            f"degree {degree}: {most:,} unknown coefficients for {size} parameters; "
            f"the limit is {MONOMIAL_LIMIT:,}"
        )
    laws: list[Law] = []
    for degrees in sets:
        laws += _of_degrees(fields, Monomials(size, degrees), known, theta)
    return laws


def _of_degrees(fields: Fields, monomials: Monomials, known: RowSpace, theta: Array) -> list[Law]:
    scalars = fields.scalars

    def conditions(count: int) -> Array:
        points, values = samples(fields, count)
        return monomials.along(scalars, points, values)[1]

    basis = solutions(scalars, monomials.size, conditions)
    if not len(basis):
        return []
    order = np.argsort((basis != 0).sum(axis=1), kind="stable")
    gradients = scalars.matmul(basis[order], monomials.gradients(scalars, theta))
    raised = known.add(gradients)
    layout = Layout(fields.program.parameters)
    vectors = as_fractions(basis[order][raised], scalars)
    return [
        PolynomialLaw(layout=layout, components=(monomials.polynomial(integral(vector)),))
        for vector in vectors
    ]


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
