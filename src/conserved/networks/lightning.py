"""Lightning (linear) attention (2606.10913, §5)."""

from __future__ import annotations

from collections.abc import Mapping
from math import comb

import numpy as np

from conserved.arithmetic.tape import Tape, Var
from conserved.kernel.scalars import Array, Scalars
from conserved.networks.base import Network, Parameter, Side, positive_integers
from conserved.networks.lift import LIFT_LIMIT, Lift, Monomials


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

    def feature_axes(self) -> list[tuple[str, int, Side]]:
        return [("Q", 0, "input"), ("K", 0, "input"), ("V", 0, "input"), ("V", 1, "output")]

    def lift(self) -> Lift | None:
        return LightningLift(self) if self.lift_dimension <= LIFT_LIMIT else None

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
        >>> LightningLift(Lightning(dim=3, tokens=2)).dimension
        18
    """

    def __init__(self, network: Lightning) -> None:
        self.network = network
        self.rows, d = network.input_shape
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

    def representation(self, scalars: Scalars, matrices: Array) -> Array:
        return _kronecker(scalars, matrices, self.squares.representation(scalars, matrices))

    def derivative(self, scalars: Scalars, generators: Array) -> Array:
        count, d, _ = generators.shape
        one, pairs = (
            np.repeat(np.eye(size, dtype=scalars.dtype)[None], count, axis=0)
            for size in (d, len(self._b))
        )
        first = _kronecker(scalars, generators, pairs)
        second = _kronecker(scalars, one, self.squares.derivative(scalars, generators))
        return scalars.reduce(first + second)

    @property
    def volume(self) -> int:
        d, m = self.squares.variables, self.outputs
        keys = self.network.parameters[1].size
        at_pairs = 2 * self.dimension + 2 * len(self._b) * m  # scores and values, each reshaped
        products = self.dimension * m
        return self.network.size + keys + d * d + 2 * (at_pairs + products) + 2 * products

    def outputs_at(self, tape: Tape, theta: Array) -> tuple[Var, list[Var]]:
        variables = {k: tape.variable(v) for k, v in self.network.split(theta).items()}
        d, m, pairs = self.squares.variables, self.outputs, len(self._b)
        scores = variables["Q"] @ variables["K"].T
        choose = np.eye(d, dtype=theta.dtype)[None, None, None]
        at_b, at_c = choose[..., self._b], choose[..., self._c]  # (d, pairs)
        straight = self._product(tape, scores, at_b, variables["V"], at_c)
        crossed = self._product(tape, scores, at_c * (self._b != self._c), variables["V"], at_b)
        return (straight + crossed).reshape(d * pairs, m), list(variables.values())

    def _product(self, tape: Tape, scores: Var, first: Array, values: Var, second: Array) -> Var:
        """(Q Kᵀ)_ab V_c at the pairs (b, c) chosen: (d, pairs, m)."""
        pairs = len(self._b)
        left = (scores @ tape.constant(first)).reshape(self.squares.variables, pairs, 1)
        right = tape.constant(second.swapaxes(-1, -2)) @ values
        return left * right.reshape(1, pairs, self.outputs)


def _kronecker(scalars: Scalars, a: Array, b: Array) -> Array:
    """Kronecker products of stacked square matrices (g, i, i) and (g, j, j)."""
    count, i, j = len(a), a.shape[-1], b.shape[-1]
    product = scalars.mul(a[:, :, None, :, None], b[:, None, :, None, :])
    return product.reshape(count, i * j, i * j)
