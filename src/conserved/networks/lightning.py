"""Lightning (linear) attention (2606.10913, §5)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from conserved.arithmetic.scalars import Array, Scalars
from conserved.arithmetic.tape import Tape, Var
from conserved.networks.base import Network, Parameter, Side, positive_integers
from conserved.networks.lift import LIFT_LIMIT, Lift


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
        return LightningLift(self) if self.input_shape[1] ** 3 <= LIFT_LIMIT else None

    def forward(self, parameters: Mapping[str, Var], x: Var) -> Var:
        scores = (x @ parameters["Q"]) @ (x @ parameters["K"]).T
        return scores @ (x @ parameters["V"])


class LightningLift(Lift):
    """f_i(X) = Σ_abc A_abc X_ia Z_bc with Z = XᵀX and A_abc = (Q Kᵀ)_ab V_c, one A per output.

    Φ has one row per token, Φ_i = x_i ⊗ Z in R^d ⊗ R^d ⊗ R^d, on which an orthogonal g acts as
    g ⊗ g ⊗ g.
    """

    def __init__(self, network: Lightning) -> None:
        self.network = network
        self.rows, self.features_in = network.input_shape
        self.dimension = self.features_in**3
        self.metric = np.ones(self.dimension, dtype=np.int64)
        self.name = "x_i ⊗ XᵀX"

    def features(self, scalars: Scalars, x: Array) -> Array:
        gram = scalars.matmul(x.swapaxes(-1, -2), x).reshape(len(x), 1, 1, -1)
        return scalars.mul(x[..., None], gram).reshape(len(x), self.rows, self.dimension)

    def representation(self, scalars: Scalars, matrices: Array) -> Array:
        return _kronecker(scalars, _kronecker(scalars, matrices, matrices), matrices)

    def derivative(self, scalars: Scalars, generators: Array) -> Array:
        one = np.broadcast_to(np.eye(self.features_in, dtype=scalars.dtype), generators.shape)
        places = [(generators, one, one), (one, generators, one), (one, one, generators)]
        terms = [_kronecker(scalars, _kronecker(scalars, a, b), c) for a, b, c in places]
        return scalars.reduce(sum(terms[1:], terms[0]))

    def outputs_at(self, tape: Tape, theta: Array) -> tuple[Var, list[Var]]:
        variables = {k: tape.variable(v) for k, v in self.network.split(theta).items()}
        d, m = self.features_in, self.outputs
        scores = (variables["Q"] @ variables["K"].T).reshape(d * d, 1)
        values = variables["V"].reshape(1, d * m)
        return (scores * values).reshape(self.dimension, m), list(variables.values())


def _kronecker(scalars: Scalars, a: Array, b: Array) -> Array:
    """Kronecker products of stacked square matrices (g, i, i) and (g, j, j)."""
    count, i, j = len(a), a.shape[-1], b.shape[-1]
    product = scalars.mul(a[:, :, None, :, None], b[:, None, :, None, :])
    return product.reshape(count, i * j, i * j)
