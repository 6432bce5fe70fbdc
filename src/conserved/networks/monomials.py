"""Monomials of one degree in a vector: their values, and how matrices act on them."""

from __future__ import annotations

from itertools import combinations_with_replacement
from math import factorial, prod

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import inverse_matrix
from conserved.kernel.scalars import Array, Scalars
from conserved.networks.tracing import Var

_POINTS = 271828  # names the random stream of the interpolation points


class Monomials:
    """All monomials x^α, |α| = degree, of a vector x: how matrices act on them.

    diag(multinomials) is the invariant metric: Σ_α (r choose α) x^α y^α = ⟨x, y⟩^r.

    Args:
        variables: n, the length of x.
        degree: r.

    Example:
        >>> Monomials(2, 2).exponents.tolist()
        [[2, 0], [1, 1], [0, 2]]
    """

    def __init__(self, variables: int, degree: int) -> None:
        self.variables = variables
        self.degree = degree
        factors = list(combinations_with_replacement(range(variables), degree))
        self.factors = np.array(factors, dtype=np.intp).reshape(len(factors), degree)
        self.exponents = monomials(variables, degree)
        self.dimension = len(self.exponents)
        self.metric = multinomials(self.exponents)
        self._bases: dict[int, tuple[Array, Array]] = {}

    def of(self, x: Var) -> Var:
        """The monomials of a vector (n,), as a row (1, τ)."""
        product = x.take(self.factors[:, 0].tolist())
        for column in self.factors.T[1:]:
            product = product * x.take(column.tolist())
        return product.reshape(1, self.dimension)

    def values(self, scalars: Scalars, x: Array) -> Array:
        """The monomials at x (B, n): (B, τ)."""
        value = x[:, self.factors[:, 0]]
        for column in self.factors.T[1:]:
            value = scalars.mul(value, x[:, column])
        return value

    def representation(self, scalars: Scalars, matrices: Array) -> Array:
        """ρ(g) with (g x)^α = Σ_β ρ(g)_αβ x^β, for matrices (g, n, n): (g, τ, τ)."""
        points, inverse_features = self.basis(scalars)
        moved = scalars.matmul(points, matrices.swapaxes(-1, -2))
        flat = self.values(scalars, moved.reshape(-1, points.shape[-1]))
        values = flat.reshape(len(matrices), len(points), self.dimension)
        # Φ(gx)ᵀ = Φ(x)ᵀ ρ(g)ᵀ at every point
        return scalars.matmul(inverse_features, values).swapaxes(-1, -2)

    def derivative(self, scalars: Scalars, generators: Array) -> Array:
        """dρ(X) for matrices (h, n, n): (h, τ, τ)."""
        out = np.zeros((len(generators), self.dimension, self.dimension), scalars.dtype)
        weights = np.random.default_rng(_POINTS).integers(2**62, size=self.variables)
        keys = self.exponents @ weights  # mod 2^64, a fingerprint of each monomial
        order = np.argsort(keys)
        for i, j in np.argwhere(generators.any(axis=0)):
            # x^α with one factor x_i replaced by X_ij x_j
            rows = np.flatnonzero(self.exponents[:, i])
            moved = keys[rows] - weights[i] + weights[j]
            columns = order[np.searchsorted(keys, moved, sorter=order)]
            out[:, rows, columns] += self.exponents[rows, i] * generators[:, i, j, None]
        return scalars.reduce(out)

    def basis(self, scalars: Scalars) -> tuple[Array, Array]:
        """(points (τ, n), their monomials inverted): where a form is evaluated to be read off."""
        if self.degree == 1:
            return (scalars.from_integers(np.eye(self.variables, dtype=np.int64)),) * 2
        assert isinstance(scalars, Residues), "a lift of degree above 1 lives over GF(p)"
        key = int(scalars.prime)
        if key not in self._bases:
            # any points in general position, but not those of another stream: a check that met
            # the same points again would see no error of interpolation
            rng = np.random.default_rng([_POINTS, self.variables, self.degree])
            points = scalars.random(rng, (self.dimension, self.variables))
            self._bases[key] = points, inverse_matrix(scalars, self.values(scalars, points))
        return self._bases[key]


def monomials(variables: int, degree: int) -> NDArray[np.int64]:
    """Exponents α of all monomials of one degree, (count, variables), lexicographic."""
    rows = list(combinations_with_replacement(range(variables), degree))
    table = np.zeros((len(rows), variables), dtype=np.int64)
    for row, factors in zip(table, rows, strict=True):
        np.add.at(row, list(factors), 1)
    return table


def multinomials(exponents: NDArray[np.int64]) -> NDArray[np.int64]:
    """r! / ∏ α_i! for each row."""
    return np.array(
        [factorial(sum(a)) // prod(factorial(k) for k in a) for a in exponents.tolist()],
        dtype=np.int64,
    )


def kronecker(scalars: Scalars, a: Array, b: Array) -> Array:
    """Kronecker products of stacked square matrices (g, i, i) and (g, j, j)."""
    count, i, j = len(a), a.shape[-1], b.shape[-1]
    product = scalars.mul(a[:, :, None, :, None], b[:, None, :, None, :])
    return product.reshape(count, i * j, i * j)
