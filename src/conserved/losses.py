"""Losses: ``losses.MeanSquaredError()``, ``losses.parse_loss("poly:3")`` (``kernel.losses``)."""

from conserved.kernel import losses as known
from conserved.kernel.loss import Loss
from conserved.kernel.losses import (
    DEGREE_LIMIT,
    AnyLoss,
    CrossEntropy,
    Exponential,
    Logistic,
    LossFamily,
    MarginLoss,
    MeanSquaredError,
    PolynomialLoss,
)
from conserved.registry import Registry

__all__ = [
    "DEGREE_LIMIT",
    "LOSSES",
    "AnyLoss",
    "CrossEntropy",
    "Exponential",
    "Logistic",
    "Loss",
    "LossFamily",
    "MarginLoss",
    "MeanSquaredError",
    "PolynomialLoss",
    "parse_loss",
]

LOSSES: Registry[LossFamily] = Registry("losses", LossFamily, known.LOSSES)


def parse_loss(text: str) -> Loss:
    """The loss that a text such as ``poly:3`` names, one of an installed package too.

    Raises:
        InputError: unknown name, missing or unusable degree.

    Example:
        >>> parse_loss("poly:4").orders
        '0, 1, 2, 3'
    """
    return known.parse_loss(text, LOSSES)
