"""Lightning (linear) attention (2606.10913, §5)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from math import comb

import numpy as np
from numpy.typing import NDArray

from conserved.kernel.evaluate import Run
from conserved.kernel.functions import FormalRing
from conserved.kernel.program import Program
from conserved.kernel.scalars import Array, Scalars
from conserved.networks.base import Network, Parameter, positive_integers
from conserved.networks.lift import LIFT_LIMIT
from conserved.networks.linear_form import Lift
from conserved.networks.monomials import Monomials, kronecker
from conserved.networks.tracing import Var, trace


class Lightning(Network):
    """f(X) = X Q Kᵀ Xᵀ X V for X: tokens × dim; Q, K: dim × head, V: dim × out.

    Example:
        >>> Lightning(dim=3, tokens=2, head=1, out=1).size
        9
    """

    family = "lightning"

    def __init__(self, *, dim: int, tokens: int, head: int = 1, out: int = 1) -> None:
        spec = f"lightning:dim={dim},tokens={tokens},head={head},out={out}"
        d, t, a, m = positive_integers(spec, (dim, tokens, head, out), "sizes", 4)
        parameters = [Parameter("Q", (d, a)), Parameter("K", (d, a)), Parameter("V", (d, m))]
        self._declare(spec, parameters, (t, d), (t, m), widest=t * t)

    def lift(self) -> Lift | None:
        return LightningLift(self.program) if self.lift_dimension <= LIFT_LIMIT else None

    @property
    def lift_dimension(self) -> int:
        d = self.input_shape[1]
        return d * comb(d + 1, 2)

    def forward(self, parameters: Mapping[str, Var], x: Var) -> Var:
        scores = (x @ parameters["Q"]) @ (x @ parameters["K"]).T
        return scores @ (x @ parameters["V"])


class LightningLift(Lift):
    """f_i(X) = Σ_a Σ_{b≤c} A_a,bc X_ia Z_bc with Z = XᵀX, one A per output.

    Z is symmetric, so A_a,bc = (Q Kᵀ)_ab V_c + (Q Kᵀ)_ac V_b for b < c and one of these terms for
    b = c. Φ has one row per token, Φ_i = x_i ⊗ Z in R^d ⊗ Sym²(R^d), on which an orthogonal g acts
    as g ⊗ Sym²(g). The metric counts Z_bc twice for b < c.

    Example:
        >>> LightningLift(Lightning(dim=3, tokens=2).program).dimension
        18
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.rows, d = self.input_shape
        self.squares = Monomials(d, 2)  # Z moves like the products x_b x_c
        self._b, self._c = np.triu_indices(d)
        self.dimension = d * len(self._b)
        self.metric = np.tile(self.squares.metric, d)
        self.name = "x_i ⊗ XᵀX"

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """(b, c), b ≤ c, in the order of the entries Z_bc."""
        return list(zip(self._b.tolist(), self._c.tolist(), strict=True))

    def gram(self, scalars: Scalars, x: Array) -> Array:
        """Z_bc, b ≤ c, at inputs (B, tokens, d): (B, pairs)."""
        return scalars.matmul(x.swapaxes(-1, -2), x)[:, self._b, self._c]

    def features(self, scalars: Scalars, x: Array) -> Array:
        gram = self.gram(scalars, x)[:, None, None]
        return scalars.mul(x[..., None], gram).reshape(len(x), self.rows, -1)

    def stated(self) -> tuple[Program, NDArray[np.int64]]:
        t, d = self.input_shape
        if t == 1:  # x ⊗ x xᵀ is symmetric
            cubes = Monomials(d, 3)
            row = trace((), (("x", (t, d)),), lambda _, x: cubes.of(x["x"].reshape(d)))
            return row, cubes.metric
        places = (self._b * d + self._c).tolist()

        def features(_: Mapping[str, Var], given: Mapping[str, Var]) -> Var:
            x = given["x"]
            gram = (x.T @ x).reshape(d * d).take(places)
            return (x.reshape(t, d, 1) * gram).reshape(t, self.dimension)

        return trace((), (("x", (t, d)),), features), self.metric

    def representation(self, scalars: Scalars, matrices: Array) -> Array:
        return kronecker(scalars, matrices, self.squares.representation(scalars, matrices))

    def derivative(self, scalars: Scalars, generators: Array) -> Array:
        count, d, _ = generators.shape
        one, pairs = (
            np.repeat(np.eye(size, dtype=scalars.dtype)[None], count, axis=0)
            for size in (d, len(self._b))
        )
        first = kronecker(scalars, generators, pairs)
        second = kronecker(scalars, one, self.squares.derivative(scalars, generators))
        return scalars.reduce(first + second)

    @property
    def volume(self) -> int:
        return self.read_off.volume()

    def outputs_at(self, ring: FormalRing, theta: Array) -> Run:
        return Run(self.read_off, ring, theta)

    @cached_property
    def read_off(self) -> Program:
        """A(θ)ᵀ as a function of θ alone, (τ, m)."""
        d, m, pairs = self.squares.variables, self.outputs, len(self._b)

        def coefficients(named: Mapping[str, Var], given: Mapping[str, Var]) -> Var:
            scores = (named["Q"] @ named["K"].T).transpose(1, 0)  # (b, a)
            values = named["V"]
            terms: list[Var] = []
            for scored, valued in ((self._b, self._c), (self._c, self._b)):
                left = scores.take(scored.tolist()).T.reshape(d, pairs, 1)
                terms.append(left * values.take(valued.tolist()).reshape(1, pairs, m))
            twice = (self._b != self._c).astype(int).reshape(1, pairs, 1)
            both: Var = terms[0] + terms[1] * twice
            return both.reshape(d * pairs, m)

        return trace(self.program.parameters, (), coefficients)
