"""Networks of weight layers z ↦ φ(W z + b), φ on hidden layers only. Leaves choose φ."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from itertools import pairwise

from conserved.networks.base import Network, Parameter, flag, positive_integers
from conserved.networks.tracing import Var


class Feedforward(Network):
    """f(x) = W_L φ(… φ(W1 x + b1) …) + b_L.

    W_i has shape (widths[i], widths[i−1]), b_i has shape (widths[i],).
    """

    def __init__(self, widths: tuple[int, ...], *, bias: bool, options: str, least: int) -> None:
        spec = f"{self.family}:{'-'.join(str(w) for w in widths)}{options}"
        sizes = positive_integers(spec, widths, "widths", least)
        parameters = []
        for i, (below, above) in enumerate(pairwise(sizes), start=1):
            parameters.append(Parameter(f"W{i}", (above, below)))
            if bias:
                parameters.append(Parameter(f"b{i}", (above,)))
        self.widths = tuple(sizes)
        self.bias = flag(spec, "bias", bias)
        self._declare(spec, parameters, (sizes[0],), (sizes[-1],))

    @abstractmethod
    def activation(self, z: Var) -> Var:
        """φ, entry by entry."""

    def forward(self, parameters: Mapping[str, Var], x: Var) -> Var:
        layers = len(self.widths) - 1
        for i in range(1, layers + 1):
            x = x @ parameters[f"W{i}"].T
            if self.bias:
                x = x + parameters[f"b{i}"]
            if i < layers:
                x = self.activation(x)
        return x
