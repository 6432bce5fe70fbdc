"""The gated layer of current language models (2606.17816)."""

from __future__ import annotations

from collections.abc import Mapping

from conserved.networks.base import Network, Parameter, positive_integers
from conserved.networks.mlp import silu
from conserved.networks.tracing import Var


class SwiGLU(Network):
    """f(x) = A (SiLU(B x) ⊙ C x); B, C: hidden × in, A: out × hidden.

    Example:
        >>> SwiGLU(2, 3, 2).size
        18
    """

    family = "swiglu"

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        spec = f"swiglu:{inputs}-{hidden}-{outputs}"
        n, h, m = positive_integers(spec, (inputs, hidden, outputs), "widths", 3)
        parameters = [Parameter("A", (m, h)), Parameter("B", (h, n)), Parameter("C", (h, n))]
        self._declare(spec, parameters, (n,), (m,))

    def forward(self, parameters: Mapping[str, Var], x: Var) -> Var:
        gate = silu(x @ parameters["B"].T)
        return (gate * (x @ parameters["C"].T)) @ parameters["A"].T
