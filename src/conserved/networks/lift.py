"""Tensorizable networks: f(θ, x) = A(θ) Φ(x) (2606.10913, §5; theory §5).

Φ lifts an input to a vector of monomials on which a symmetry of the data acts linearly,
Φ(gx) = ρ(g) Φ(x). Under squared error a dataset then enters only through S = Σ ΦΦᵀ and
C = Σ yΦᵀ. Every network that is a polynomial in its input has such a form: which monomials occur
is found from its program, and A(θ) is read off its outputs at enough fixed inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from math import prod

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.evaluate import Run
from conserved.kernel.functions import FormalRing
from conserved.kernel.program import Program
from conserved.kernel.residues import Residues
from conserved.kernel.rowspace import RowSpace, inverse_matrix
from conserved.kernel.scalars import Array, Scalars
from conserved.networks.linear_form import Lift
from conserved.networks.monomials import Monomials, kronecker
from conserved.networks.occurring import Multidegree, Occurring, occurring
from conserved.networks.tracing import Var, concatenate, trace

LIFT_LIMIT = 1024  # τ; one moment matrix of that size takes 8 MB
_POINTS = 314159  # names the random stream of the interpolation points


class MonomialLift(Lift):
    """The monomials of an input that the outputs are made from.

    Matrices act on the last axis of inputs, and rows of an input are what is left of the others:
    one row for a vector, tokens or pixels otherwise. Monomials of degrees α_i in the rows i span
    ⊗_i Sym^{α_i}, with the metric of ``Monomials``. Outputs are rows likewise, each with a vector
    Φ(x) of its own; rows that are one function of permuted input rows share their coordinates.

    Args:
        program: of a network whose outputs are made from such monomials.
        found: which monomials, for each row of the outputs.

    Example:
        >>> from conserved.networks.polynomial import Polynomial
        >>> homogeneous(Polynomial(2, 3, 1, power=2).program, 2).dimension
        3
    """

    def __init__(self, program: Program, found: Occurring) -> None:
        self.program = program
        n = self.input_shape[-1]
        self.found = found
        self.rows = len(found.places)
        self.parts = [[_Block(n, alpha) for alpha in part] for part in found.parts]
        sizes = [sum(block.dimension for block in part) for part in self.parts]
        self._starts = np.concatenate([[0], np.cumsum(sizes)]).tolist()
        self.dimension = self._starts[-1]
        self.metric = np.concatenate([block.metric for part in self.parts for block in part])
        self.name = _in_words(found)
        self._bases: dict[int, tuple[Array, Array]] = {}

    @property
    def power(self) -> int | None:
        """r where Φ(x) is all of x^⊗r for a vector x, else None."""
        if len(self.found.parts) != 1 or len(self.found.parts[0]) != 1 or self.rows != 1:
            return None
        (alpha,) = self.found.parts[0]
        return alpha[0] if len(alpha) == 1 else None

    def features(self, scalars: Scalars, x: Array) -> Array:
        flat = x.reshape(len(x), -1, x.shape[-1])
        out = np.zeros((len(x), self.rows, self.dimension), dtype=scalars.dtype)
        for row, (part, order) in enumerate(self.found.places):
            columns = slice(self._starts[part], self._starts[part + 1])
            moved = flat[:, list(order)]
            values = [block.values(scalars, moved) for block in self.parts[part]]
            out[:, row, columns] = np.concatenate([out[:, row, :0], *values], axis=1)
        return out

    def stated(self) -> tuple[Program, NDArray[np.int64]]:
        shape = self.input_shape

        def features(_: Mapping[str, Var], given: Mapping[str, Var]) -> Var:
            flat = given["x"].reshape(-1, shape[-1])
            return concatenate([self._row(flat, *place) for place in self.found.places], axis=0)

        return trace((), (("x", shape),), features), self.metric

    def _row(self, x: Var, part: int, order: Sequence[int]) -> Var:
        """Φ of one row of the outputs, (1, τ)."""
        blocks = [block.of(x, order) for block in self.parts[part]]
        before, after = self._starts[part], self.dimension - self._starts[part + 1]
        zeros = [[x.recording.constant(np.zeros(k, int))] if k else [] for k in (before, after)]
        return concatenate([*zeros[0], *blocks, *zeros[1]], axis=0).reshape(1, self.dimension)

    def representation(self, scalars: Scalars, matrices: Array) -> Array:
        return self._diagonal(
            scalars,
            len(matrices),
            [block.representation(scalars, matrices) for part in self.parts for block in part],
        )

    def derivative(self, scalars: Scalars, generators: Array) -> Array:
        return self._diagonal(
            scalars,
            len(generators),
            [block.derivative(scalars, generators) for part in self.parts for block in part],
        )

    def _diagonal(self, scalars: Scalars, count: int, blocks: list[Array]) -> Array:
        out = np.zeros((count, self.dimension, self.dimension), dtype=scalars.dtype)
        start = 0
        for block in blocks:
            stop = start + block.shape[-1]
            out[:, start:stop, start:stop] = block
            start = stop
        return out

    @property
    def volume(self) -> int:
        return self.program.volume(self._least_points)

    @property
    def _least_points(self) -> int:
        return -(-self.dimension // self.rows)

    def outputs_at(self, ring: FormalRing, theta: Array) -> Run:
        assert isinstance(ring.scalars, Residues), "A(θ) is read off over GF(p)"
        points, _ = self.basis(ring.scalars)
        batch = np.broadcast_to(points, (theta.shape[1], *points.shape))
        return Run(self.program, ring, theta, (batch,))

    def change_basis(self, scalars: Residues, moments: Array) -> Array:
        if self.power == 1:
            return moments
        _, back = self.basis(scalars)
        return scalars.matmul(scalars.matmul(back.T, moments), back)

    def change_basis_mixed(self, scalars: Residues, moments: Array) -> Array:
        flipped = moments.swapaxes(-1, -2)
        return flipped if self.power == 1 else scalars.matmul(self.basis(scalars)[1].T, flipped)

    def basis(self, scalars: Residues) -> tuple[Array, Array]:
        """(inputs (k, *input), back (τ, k · rows)) with Aᵀ = back · outputs at these inputs."""
        key = int(scalars.prime)
        if key not in self._bases:
            self._bases[key] = self._interpolation(scalars)
        return self._bases[key]

    def _interpolation(self, scalars: Residues) -> tuple[Array, Array]:
        shape, tau = self.input_shape, self.dimension
        if self.power == 1:
            return (scalars.from_integers(np.eye(tau, dtype=np.int64)),) * 2
        # any points in general position, but not those of another stream: a check that met
        # the same points again would see no error of interpolation
        rng = np.random.default_rng([_POINTS, *shape, tau])
        points = scalars.random(rng, (self._least_points, *shape))
        space = RowSpace(scalars, tau)
        chosen = space.add(self.features(scalars, points).reshape(-1, tau))
        while space.rank < tau:  # rows of few monomials are told apart by fewer inputs than others
            more = scalars.random(rng, (self._least_points, *shape))
            raised = space.add(self.features(scalars, more).reshape(-1, tau))
            points, chosen = np.concatenate([points, more]), np.concatenate([chosen, raised])
        points = points[: int(np.flatnonzero(chosen)[-1]) // self.rows + 1]
        chosen = chosen[: len(points) * self.rows]
        values = self.features(scalars, points).reshape(-1, tau)[chosen]
        back = np.zeros((tau, len(chosen)), dtype=scalars.dtype)
        back[:, chosen] = inverse_matrix(scalars, values)
        return points, back


class _Block:
    """⊗_i Sym^{α_i} of the rows of an input."""

    def __init__(self, variables: int, alpha: Multidegree) -> None:
        self.factors = [(i, Monomials(variables, k)) for i, k in enumerate(alpha) if k]
        self.dimension = prod(factor.dimension for _, factor in self.factors)
        one = np.ones(1, dtype=np.int64)
        self.metric = reduce(np.kron, [factor.metric for _, factor in self.factors], one)

    def values(self, scalars: Scalars, x: Array) -> Array:
        """At inputs (B, rows, n): (B, dimension)."""
        out = np.ones((len(x), 1), dtype=scalars.dtype)
        for i, factor in self.factors:
            values = factor.values(scalars, x[:, i])
            out = scalars.mul(out[:, :, None], values[:, None]).reshape(len(x), -1)
        return out

    def of(self, x: Var, order: Sequence[int]) -> Var:
        """The same of symbolic rows (rows, n), in an order: (dimension,)."""
        out: Var | None = None
        for i, factor in self.factors:
            values = factor.of(x[order[i]])
            if out is None:
                out = values.reshape(-1)
            else:
                out = (out.reshape(-1, 1) * values).reshape(-1)
        return x.recording.constant([1]) if out is None else out

    def representation(self, scalars: Scalars, matrices: Array) -> Array:
        each = [factor.representation(scalars, matrices) for _, factor in self.factors]
        return _product(scalars, len(matrices), each)

    def derivative(self, scalars: Scalars, generators: Array) -> Array:
        count = len(generators)
        total = np.zeros((count, self.dimension, self.dimension), dtype=scalars.dtype)
        ones = [np.repeat(np.eye(f.dimension, dtype=scalars.dtype)[None], count, axis=0)
                for _, f in self.factors]  # fmt: skip
        for place, (_, factor) in enumerate(self.factors):
            each = [*ones[:place], factor.derivative(scalars, generators), *ones[place + 1 :]]
            total = scalars.reduce(total + _product(scalars, count, each))
        return total


def _product(scalars: Scalars, count: int, each: Sequence[Array]) -> Array:
    one = np.ones((count, 1, 1), dtype=scalars.dtype)
    return reduce(lambda a, b: kronecker(scalars, a, b), each, one)


def _in_words(found: Occurring) -> str:
    """Φ in words: "x ⊗ x, symmetric", or degrees in the rows of the input."""
    rows = len(found.places[0][1])
    degrees = sorted({sum(alpha) for part in found.parts for alpha in part})
    powers = ["1" if k == 0 else "x" if k == 1 else f"x^⊗{k}" for k in degrees]
    symmetric = ", symmetric" if rows == 1 and degrees[-1] > 1 else ""
    of = "" if rows == 1 else f", x of {rows} rows"
    return f"{' ⊕ '.join(powers)}{symmetric}{of}"


def homogeneous(program: Program, degree: int) -> MonomialLift:
    """The lift of outputs that are homogeneous of one degree in a vector, as declared."""
    return MonomialLift(program, Occurring((((degree,),),), ((0, (0,)),)))


def found_lift(program: Program) -> tuple[int, Lift | None]:
    """τ, and the lift that a network's program shows; (0, None) where it is no polynomial in x.

    No lift comes with a τ beyond ``LIFT_LIMIT``.
    """
    found = occurring(program, LIFT_LIMIT)
    if found is None:
        return 0, None
    ((_, shape),) = program.inputs
    tau = found if isinstance(found, int) else found.dimension(shape[-1])
    if isinstance(found, int) or tau > LIFT_LIMIT:
        return tau, None
    return tau, MonomialLift(program, found)
