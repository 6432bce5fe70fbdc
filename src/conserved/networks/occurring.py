"""Which monomials of its input the outputs of a program are made from.

A program is a polynomial in x where x meets sums and products alone. How its degree is shared by
the rows of the input is then measured over GF(p): with the rows scaled by s_1, …, s_t the outputs
are polynomials in s, and the coefficient of s^α is found by interpolation at random θ and x. What
does not occur mod p at several random points does not occur, but for a degenerate draw; whoever
uses a lift tests that A(θ) Φ(x) = f(θ, x).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, prod

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.evaluate import Run
from conserved.kernel.functions import FormalRing
from conserved.kernel.primes import BLAS_PRIMES, prime_with_roots
from conserved.kernel.program import Program
from conserved.kernel.residues import Residues, residues
from conserved.kernel.rowspace import inverse_matrix
from conserved.kernel.scalars import Array
from conserved.networks.monomials import monomials

Multidegree = tuple[int, ...]
Place = tuple[int, tuple[int, ...]]

_DEGREE_LIMIT = 40  # beyond it the multinomials of the metric outgrow int64
_BOUND_LIMIT = 256  # of degrees that are measured
_THETAS = 4  # random points: a monomial is missed with probability about (degree / p)^4
_LINEAR = ("add", "scale", "sum", "reshape", "transpose", "broadcast", "concat", "slice", "gather")


@dataclass(frozen=True)
class Occurring:
    """The monomials of each row of the outputs.

    Args:
        parts: sets of degrees α, α_i in the row i of the input.
        places: for each row of the outputs (its part, the order in which it takes input rows).
    """

    parts: tuple[tuple[Multidegree, ...], ...]
    places: tuple[Place, ...]

    def dimension(self, n: int) -> int:
        """τ for rows of n features."""
        return sum(prod(comb(n + k - 1, k) for k in alpha) for part in self.parts for alpha in part)


def occurring(program: Program, limit: int) -> Occurring | int | None:
    """The monomials of a program's outputs; how many there may be where these are too many.

    Args:
        program: with one input.
        limit: no more combinations of degrees are told apart.

    Returns:
        None for a program that is no polynomial in x of degree up to 40.

    Example:
        >>> from conserved.networks.lightning import Lightning
        >>> occurring(Lightning(dim=3, tokens=2).program, 1024).parts
        (((3, 0), (1, 2)),)
    """
    bound = input_degree(program)
    if bound is None or bound > _BOUND_LIMIT or program.has_roots or program.choices:
        return None
    return _Measured(program).found(bound, limit)


def input_degree(program: Program) -> int | None:
    """A bound for the degree of the outputs in x; None where x meets more than sums and products.

    Example:
        >>> from conserved.networks import MLP, Polynomial
        >>> [input_degree(n.program) for n in (Polynomial(3, 2, 1), MLP(3, 2, 1, act="tanh"))]
        [2, None]
    """
    degrees: list[int] = []
    for node in program.nodes:
        given = [degrees[i] for i in node.args]
        if node.op in ("mul", "matmul"):
            degrees.append(sum(given))
        elif node.op == "power":
            degrees.append(given[0] * node.data[0])
        elif node.op in _LINEAR or not any(given):
            degrees.append(max(given, default=int(node.op == "input")))
        else:
            return None
    return degrees[program.output]


class _Measured:
    """A program at random θ and x, the rows of x scaled."""

    def __init__(self, program: Program) -> None:
        ((_, self.shape),) = program.inputs
        self.program = program
        self.rng = np.random.default_rng(len(program.nodes))  # any draws do
        roots = program.roots
        prime = BLAS_PRIMES[0] if roots == 1 else prime_with_roots(roots)
        self.scalars: Residues = residues(prime)
        self.theta = self.scalars.random(self.rng, (1, _THETAS, program.size))
        self.x = self.scalars.random(self.rng, (_THETAS, 1, *self.shape))
        self.inputs = prod(self.shape[:-1])
        self.outputs = prod(program.shape[:-1])

    def found(self, bound: int, limit: int) -> Occurring | int | None:
        line = np.arange(bound + 1)[:, None]
        degrees = np.flatnonzero(self.coefficients(line + 1, line).any(axis=0)).tolist()
        if not degrees or degrees[-1] > _DEGREE_LIMIT:
            return None
        n = self.shape[-1]
        if sum(comb(self.inputs + k - 1, k) for k in degrees) > limit:
            return self.outputs * sum(comb(self.inputs * n + k - 1, k) for k in degrees)
        alphas = np.concatenate([monomials(self.inputs, k) for k in degrees])
        points = self.scalars.random(self.rng, alphas.shape)
        met = self.coefficients(points, alphas)
        parts = tuple(tuple(map(tuple, alphas[row].tolist())) for row in met)
        if 1 < self.outputs == self.inputs and self.rows_are_alike():
            orders = (_exchanged(self.inputs, row) for row in range(self.outputs))
            return Occurring(parts[:1], tuple((0, order) for order in orders))
        here = tuple(range(self.inputs))
        return Occurring(parts, tuple((part, here) for part in range(len(parts))))

    def coefficients(self, points: Array, alphas: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether s^α occurs in a row of the outputs, (rows, alphas).

        Args:
            points: as many s as there are α, (count, input rows), or (count, 1) for all rows alike.
            alphas: (count, input rows), or (count, 1) for total degrees.
        """
        count, scalars = len(alphas), self.scalars
        powers = np.ones((count, count), dtype=scalars.dtype)
        for s, column in zip(scalars.reduce(points.astype(scalars.dtype)).T, alphas.T, strict=True):
            table = [np.ones_like(s)]
            for _ in range(int(column.max())):
                table.append(scalars.mul(table[-1], s))
            powers = scalars.mul(powers, np.stack(table)[column].T)
        scaled = scalars.mul(self._rows(self.x), points.astype(scalars.dtype)[:, :, None])
        flat = self.values(scaled).reshape(_THETAS, count, -1)
        found = scalars.matmul(inverse_matrix(scalars, powers), flat)
        met = found.reshape(_THETAS, count, self.outputs, -1) != 0
        return np.asarray(met.any(axis=(0, 3))).T

    def rows_are_alike(self) -> bool:
        """Whether exchanging the first row of the input with another exchanges those of outputs."""
        orders = [_exchanged(self.inputs, row) for row in range(self.outputs)]
        values = self.values(self._rows(self.x)[:, 0][:, orders])
        return not self.scalars.reduce(values[:, :, 0] - values[:, 0]).any()

    def values(self, x: Array) -> Array:
        """Outputs at inputs (θ, count, rows, n): (θ, count, rows, m)."""
        data = x.reshape(*x.shape[:2], *self.shape)
        output: Array = Run(self.program, FormalRing(self.scalars), self.theta, (data,)).output[0]
        return output.reshape(*x.shape[:2], self.outputs, -1)

    def _rows(self, x: Array) -> Array:
        return x.reshape(*x.shape[:2], self.inputs, self.shape[-1])


def _exchanged(count: int, row: int) -> tuple[int, ...]:
    order = list(range(count))
    order[0], order[row] = order[row], order[0]
    return tuple(order)
