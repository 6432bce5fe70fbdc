"""Losses: ``losses.MeanSquaredError()``, ``losses.parse_loss("poly:3")`` (``kernel.losses``)."""

from conserved.kernel.losses import (
    DEGREE_LIMIT,
    LOSSES,
    AnyLoss,
    CrossEntropy,
    Exponential,
    Logistic,
    Loss,
    LossFamily,
    MarginLoss,
    MeanSquaredError,
    PolynomialLoss,
    parse_loss,
)

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
