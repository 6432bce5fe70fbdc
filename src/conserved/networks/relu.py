"""ReLU networks, with or without bias (2307.00144, §4)."""

from __future__ import annotations

from conserved.networks.feedforward import Feedforward
from conserved.networks.tracing import Var


class ReLU(Feedforward):
    """f(x) = W_L ReLU(… ReLU(W1 x + b1) …) + b_L.

    Example:
        >>> ReLU(2, 6, 4, bias=True).size
        46
    """

    family = "relu"

    def __init__(self, *widths: int, bias: bool = False) -> None:
        super().__init__(widths, bias=bias, options=",bias" if bias else "", least=3)

    @property
    def all_patterns_count(self) -> bool:
        """One hidden layer whose hyperplanes are in general position: each is crossed alone."""
        return len(self.widths) == 3 and (self.bias or self.widths[0] > 1)

    def activation(self, z: Var) -> Var:
        return z.relu()
