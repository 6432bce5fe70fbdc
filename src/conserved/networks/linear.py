"""Linear networks of any depth (2307.00144, §4; 2606.10913, §5)."""

from __future__ import annotations

from conserved.networks.feedforward import Feedforward
from conserved.networks.tracing import Var


class Linear(Feedforward):
    """f(x) = W_L ⋯ W_1 x, no bias.

    Example:
        >>> Linear(4, 2, 1).size
        10
    """

    family = "linear"

    def __init__(self, *widths: int) -> None:
        super().__init__(widths, bias=False, options="", least=2)

    def activation(self, z: Var) -> Var:
        return z
