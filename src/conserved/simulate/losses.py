"""Losses as numbers: value and gradient in float64.

``conserved.losses`` knows which orders of the prediction a loss produces; here are the functions
themselves. Predictions have axes (batch, data, *output), labels (data, *output).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final

import numpy as np

from conserved.errors import InputError
from conserved.kernel.scalars import Array
from conserved.losses import CrossEntropy, Exponential, Logistic, Loss, PolynomialLoss


class RealLoss(ABC):
    """ℓ(ŷ, y) and ∇ℓ in ŷ.

    Law every loss obeys: ``slopes`` is the derivative of ``values`` in the prediction.
    """

    @abstractmethod
    def values(self, prediction: Array, labels: Array) -> Array:
        """ℓ for each datum, (batch, data)."""

    @abstractmethod
    def slopes(self, prediction: Array, labels: Array) -> Array:
        """∇ℓ, in the shape of the prediction."""


@final
class RealPolynomial(RealLoss):
    """Σ_j (ŷ_j − y_j)^q / q.

    Example:
        >>> RealPolynomial(2).values(np.array([[[3.0]]]), np.array([[1.0]])).item()
        2.0
    """

    def __init__(self, degree: int) -> None:
        self.degree = degree

    def values(self, prediction: Array, labels: Array) -> Array:
        return _summed((prediction - labels) ** self.degree) / self.degree

    def slopes(self, prediction: Array, labels: Array) -> Array:
        slopes: Array = (prediction - labels) ** (self.degree - 1)
        return slopes


@final
class RealLogistic(RealLoss):
    """log(1 + exp(−yŷ))."""

    def values(self, prediction: Array, labels: Array) -> Array:
        return _summed(np.logaddexp(0.0, -prediction * labels))

    def slopes(self, prediction: Array, labels: Array) -> Array:
        # 1/(1 + exp(z)) without overflow on either side
        half: Array = 0.5 * (1.0 - np.tanh(0.5 * prediction * labels))
        return -labels * half


@final
class RealExponential(RealLoss):
    """exp(−yŷ)."""

    def values(self, prediction: Array, labels: Array) -> Array:
        return _summed(np.exp(-prediction * labels))

    def slopes(self, prediction: Array, labels: Array) -> Array:
        slopes: Array = -labels * np.exp(-prediction * labels)
        return slopes


@final
class RealCrossEntropy(RealLoss):
    """−Σ_c y_c log softmax(ŷ)_c over the last axis."""

    def values(self, prediction: Array, labels: Array) -> Array:
        shifted = prediction - prediction.max(axis=-1, keepdims=True)
        total = np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        return _summed(labels * (total - shifted))

    def slopes(self, prediction: Array, labels: Array) -> Array:
        weight = np.exp(prediction - prediction.max(axis=-1, keepdims=True))
        slopes: Array = weight / weight.sum(axis=-1, keepdims=True) - labels
        return slopes


def real_loss(loss: Loss) -> RealLoss:
    """The function that a loss stands for.

    Raises:
        InputError: a loss that stands for many functions at once.

    Example:
        >>> type(real_loss(Logistic())).__name__
        'RealLogistic'
    """
    if isinstance(loss, PolynomialLoss):
        return RealPolynomial(loss.degree)
    kinds: dict[type[Loss], type[RealLoss]] = {
        Logistic: RealLogistic,
        Exponential: RealExponential,
        CrossEntropy: RealCrossEntropy,
    }
    kind = kinds.get(type(loss))
    if kind is None:
        known = "mse, poly:Q, logistic, exponential, cross-entropy"
        raise InputError("loss", loss.spec, f"training needs one definite loss; take {known}")
    return kind()


def _summed(terms: Array) -> Array:
    """Over the output axes: (batch, data, *output) → (batch, data)."""
    summed: Array = terms.sum(axis=tuple(range(2, terms.ndim)))
    return summed
