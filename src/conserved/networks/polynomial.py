"""Polynomial networks: activation z^r (2606.10913, §5)."""

from __future__ import annotations

from conserved.errors import InputError, is_whole
from conserved.networks.feedforward import Feedforward
from conserved.networks.tracing import Var

POWER_LIMIT = 64


class Polynomial(Feedforward):
    """f(x) = W_L (… (W1 x)^r …)^r, powers entry by entry, no bias.

    Example:
        >>> Polynomial(2, 3, 1, power=2)
        <Polynomial poly:2-3-1,power=2>
    """

    family = "poly"

    def __init__(self, *widths: int, power: int = 2) -> None:
        super().__init__(widths, bias=False, options=f",power={power}", least=3)
        if not is_whole(power) or not 1 <= power <= POWER_LIMIT:
            raise InputError("network", self.spec, f"power is an integer from 1 to {POWER_LIMIT}")
        self.power = int(power)

    def activation(self, z: Var) -> Var:
        return z**self.power
