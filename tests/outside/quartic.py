"""A loss of another package: Σ (ŷ − y)⁴ / 4, under a name of its own."""

from __future__ import annotations

from conserved.losses import LossFamily, PolynomialLoss


class Quartic(PolynomialLoss):
    """Orders 0 to 3."""

    def __init__(self) -> None:
        super().__init__(4)
        self.spec = "quartic"


LOSS = LossFamily("quartic", "Σ_j (ŷ_j − y_j)⁴ / 4", Quartic)
