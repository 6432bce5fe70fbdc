"""Softmax attention (2506.06194)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from conserved.networks.base import Network, Parameter, flag, positive_integers
from conserved.networks.tracing import Var


class Attention(Network):
    """f(X) = Σ_h softmax(X Q_hᵀ K_h Xᵀ) X V_hᵀ O_h for X: tokens × dim.

    Q, K, V, O: (heads · head) × dim, one block of ``head`` rows per head. Scores are not divided
    by √head; that factor rescales Q and changes neither the laws nor their number.

    Example:
        >>> Attention(dim=4, tokens=3, head=2).size
        32
    """

    family = "attention"

    def __init__(
        self, *, dim: int, tokens: int, head: int, heads: int = 1, causal: bool = False
    ) -> None:
        spec = f"attention:dim={dim},tokens={tokens},head={head},heads={heads}"
        spec += ",causal" if causal else ""
        d, t, a, h = positive_integers(spec, (dim, tokens, head, heads), "sizes", 4)
        self.head, self.heads, self.causal = a, h, flag(spec, "causal", causal)
        parameters = [Parameter(name, (h * a, d)) for name in "QKVO"]
        self._declare(spec, parameters, (t, d), (t, d), widest=h * t * t)

    def forward(self, parameters: Mapping[str, Var], x: Var) -> Var:
        tokens = self.input_shape[0]

        def per_head(name: str) -> Var:
            projected = x @ parameters[name].T
            return projected.reshape(tokens, self.heads, self.head).transpose(1, 0, 2)

        mask = np.tril(np.ones((tokens, tokens), dtype=np.int64)) if self.causal else None
        weights = (per_head("Q") @ per_head("K").T).softmax(mask)
        mixed = (weights @ per_head("V")).transpose(1, 0, 2)
        return mixed.reshape(tokens, self.heads * self.head) @ parameters["O"]
