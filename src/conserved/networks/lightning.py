"""Lightning (linear) attention (2606.10913, §5)."""

from __future__ import annotations

from collections.abc import Mapping

from conserved.arithmetic.tape import Var
from conserved.networks.base import Network, Parameter, positive_integers


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

    def forward(self, parameters: Mapping[str, Var], x: Var) -> Var:
        scores = (x @ parameters["Q"]) @ (x @ parameters["K"]).T
        return scores @ (x @ parameters["V"])
